extension Prelude {
    /// Kernel modules, kernel settings, systemd units and plain commands.
    static let system = #"""
        module_state() { # loaded, or built into the kernel; a file system that is registered needs no module
            module_name=$(echo "$1" | tr - _)
            [ -d "/sys/module/$module_name" ] && return
            grep -qw "$module_name" /proc/filesystems 2>/dev/null && return
            builtin=/lib/modules/$(uname -r)/modules.builtin
            [ -f "$builtin" ] && tr - _ <"$builtin" | grep -q "/$module_name\.ko" && return
            remark '(not loaded)'
            return 1
        }
        module_apply() { modprobe -- "$1"; }

        # In a key, as for sysctl(8), dots and slashes change places below /proc/sys.
        sysctl_path() { # sets $setting
            case $1 in
            */*) setting=/proc/sys/$(echo "$1" | tr ./ /.) ;;
            *)
                set -f
                IFS=.
                set -- $1
                IFS=/
                setting="/proc/sys/$*"
                IFS=$spaces
                set +f
                ;;
            esac
        }
        sysctl_state() { # sysctl_state KEY VALUE
            sysctl_path "$1"
            if [ ! -e "$setting" ]; then
                remark '(this kernel has no such setting)'
                return 1
            fi
            words "$(cat "$setting")"
            found=$words
            words "$2"
            [ "$found" = "$words" ] && return
            echo "($found)"
            return 1
        }
        words() { # sets $words: the text with one space for each run of white space
            set -f
            set -- $1
            set +f
            words="$*"
        }
        sysctl_apply() {
            sysctl_path "$1"
            if [ ! -e "$setting" ]; then
                echo "this kernel has no setting $1" >&2
                return 1
            fi
            printf '%s\n' "$2" >"$setting" || return
            sysctl_state "$1" "$2" >&2
        }

        unit_property() { # unit_property UNIT PROPERTY
            systemctl show -p "$2" -- "$1" | sed -n "s/^$2=//p"
        }

        # What a unit was last started with is noted as checksums, so that a run that was cut restarts it later.
        unit_files() { # unit_files FILE...
            for unit_file in "$@"; do
                if [ -h "$unit_file" ]; then
                    unit_digest=$(readlink "$unit_file") # what it leads to is large, and has a name for each version
                elif [ -f "$unit_file" ]; then
                    unit_digest=$(digest_of "$unit_file")
                else
                    unit_digest=absent
                fi
                echo "$unit_digest $unit_file"
            done
        }
        unit_enabled() { # unit_enabled UNIT enabled|disabled
            found=$(unit_property "$1" UnitFileState)
            case $2/$found in
                enabled/enabled | enabled/static | enabled/generated | enabled/alias) return 0 ;;
                disabled/enabled | disabled/enabled-runtime) ;;
                disabled/*) return 0 ;;
            esac
            echo "(${found:-not there}, should be $2)"
            return 1
        }
        unit_active() { # unit_active UNIT running|stopped
            found=$(unit_property "$1" ActiveState)
            case $2/$found in
                running/active | running/activating | running/reloading) return 0 ;;
                stopped/inactive | stopped/failed | stopped/) return 0 ;;
            esac
            echo "(${found:-not there}, should be $2)"
            return 1
        }
        unit_fresh() { # unit_fresh UNIT FILE...
            unit_name=$1
            shift
            [ $# -gt 0 ] || return 0
            unit_files "$@" | cmp -s - "$state_root/units/$unit_name" && return
            echo '(runs, but not since its files are as they are)'
            return 1
        }
        unit_state() { # unit_state UNIT enabled|disabled running|stopped FILE...
            command -v systemctl >/dev/null || { echo '(no systemd here)'; return 1; }
            unit_enabled "$1" "$2" && unit_active "$1" "$3" || return
            if [ "$(unit_property "$1" NeedDaemonReload)" = yes ]; then
                echo '(systemd has not read its present unit file)'
                return 1
            fi
            [ "$3" = running ] || return 0
            unit_name=$1
            shift 3
            unit_fresh "$unit_name" "$@"
        }
        unit_apply() {
            if [ "$(unit_property "$1" LoadState) $(unit_property "$1" NeedDaemonReload)" != 'loaded no' ]; then
                systemctl daemon-reload || return
            fi
            case $2 in
                enabled) unit_enabled "$1" enabled >/dev/null || systemctl enable -- "$1" || return ;;
                disabled) unit_enabled "$1" disabled >/dev/null || systemctl disable -- "$1" || return ;;
            esac
            if [ "$3" = stopped ]; then
                unit_active "$1" stopped >/dev/null || systemctl stop -- "$1"
                return
            fi
            unit_name=$1
            shift 3
            unit_active "$unit_name" running >/dev/null && unit_fresh "$unit_name" "$@" >/dev/null && return
            unit_files "$@" >"$scratch.files"
            systemctl reset-failed -- "$unit_name" 2>/dev/null
            systemctl restart --no-block -- "$unit_name" || return
            [ $# -gt 0 ] || return 0 # whoever names no files says nothing of what it was started with
            new_beside "$state_root/units/$unit_name" || return
            cat "$scratch.files" >"$beside"
            place "$state_root/units/$unit_name" 0644
        }

        unless() { # unless SECONDS COMMAND...: its success makes the next command needless
            settle
            if bounded "$@" >/dev/null 2>&1; then needless=yes; else needless=''; fi
        }
        command_state() {
            [ -n "$needless" ] && return
            remark '(to be run)'
            return 1
        }
        command_apply() { # command_apply SECONDS COMMAND...
            try_timeout
            bounded "$@"
        }

        nothing_state() { :; } # what is never a reason for work

        # The guard saves the present state and, with a window, must say that it is armed, or no later step is done.
        checkpoint_apply() { # checkpoint_apply PHASE WINDOW WHAT
            may_change || return
            printf %s "$3" >"$scratch.checkpoint"
            await_rollback
            sh "$state_root/guard/guard.sh" arm "$1" "$2" "$nonce" "$owner" <"$scratch.checkpoint" || return
            said=$(sh "$state_root/guard/guard.sh" state)
            case $said in
                "armed phase=$1 nonce=$nonce "*) echo "$said" ;;
                *)
                    echo "the guard should be armed for $1, but says: $said" >&2
                    return 1
                    ;;
            esac
        }
        await_rollback() { # what an earlier run left to the guard is taken back to its end; one of this run is told of
            waited=0
            while [ "$waited" -lt 120 ]; do
                said=$(sh "$state_root/guard/guard.sh" state)
                case $said in "firing "*) ;; *) return ;; esac
                said=${said##* nonce=}
                run_owner=''
                { read -r run_boot run_process run_start run_owner <"$runs/${said%% *}/life"; } 2>/dev/null
                [ "$run_owner" != "$owner" ] || return
                waited=$((waited + 1))
                sleep 1
            done
        }
        checkpoint() { # checkpoint INDEX PHASE WINDOW WHAT: by itself no change, so "unchanged" with the guard's words
            index=$1
            shift
            settle
            checkpoint_apply "$@" >"$scratch.out" 2>"$scratch.err"
            status=$?
            if [ "$status" -eq 0 ]; then
                guarded=$1
                emit unchanged "$index" 0
                return
            fi
            [ -z "$overtaken" ] || give_way
            emit failed "$index" "$status"
            finish
        }
        """#

    /// Kubernetes objects, through a client on the node.
    static let objects = #"""
        # REFERENCES are words "Kind/namespace/name", the namespace empty for cluster-scoped objects.
        object_state() { # object_state DIGEST MANIFEST REFERENCES CLIENT...
            wanted=$1 references=$3
            shift 3
            if [ -n "$api_down" ]; then
                echo "($api_down)"
                return 1
            fi
            for reference in $references; do
                object_kind=${reference%%/*}
                object_name=${reference##*/}
                object_namespace=${reference#*/}
                object_namespace=${object_namespace%/*}
                found=$(object_digest "$@" 2>"$scratch.client") && [ "$found" = "$wanted" ] && continue
                found=$(tail -n 1 "$scratch.client")
                case $found in
                    '') echo "($object_kind $object_name is not as it was applied)" ;;
                    *NotFound* | *'not found'*) echo "($object_kind $object_name is absent)" ;;
                    *)
                        echo "($found)"
                        [ -z "$surveying" ] || api_down=$found # one such wait in a survey is enough
                        ;;
                esac
                return 1
            done
        }
        object_digest() { # the annotation of the object named by object_kind, object_namespace and object_name
            set -- "$@" get "$object_kind" "$object_name"
            if [ -n "$object_namespace" ]; then set -- "$@" -n "$object_namespace"; fi
            bounded 15 "$@" --request-timeout=10s \
                -o 'jsonpath={.metadata.annotations.clusterctl\.dev/applied}'
        }
        object_apply() { # a kind whose definition was applied just now may take some seconds to be known
            printf %s "$2" >"$scratch.manifest"
            shift 3
            for attempt in 1 2 3 4 5 6; do
                [ "$attempt" = 1 ] || sleep 2
                bounded 60 "$@" apply --server-side --force-conflicts --field-manager=clusterctl -f - \
                    <"$scratch.manifest" 2>"$scratch.client" && return
            done
            cat "$scratch.client" >&2
            return 1
        }
        """#
}
