extension Prelude {
    /// How a program that changes something outlives its connection, and how its answer is asked for later.
    ///
    /// Each such program is a run with an id, its nonce. It owns one directory a run; the program makes it, or a
    /// collector that came first, and whoever is second does nothing.
    static let runs = #"""
        # $run holds: life (whose process it is), frames (the answer so far), whole (lines: how many bytes of it are
        # whole frames), ended (there is nothing to come), never (a collector was first), taken (a collector has given
        # it up), errors, and this program's scratch files, work.NAME.

        find_runs() { # sets $runs, and $run where the directory of this id is there; never below a public directory
            runs=''
            for root in "${CLUSTERCTL_RUN:-/run}" "$state_root"; do
                if [ -d "$root/clusterctl/runs/$nonce" ]; then
                    runs=$root/clusterctl/runs
                    run=$runs/$nonce
                    return 0
                fi
                if [ -z "$runs" ] && [ -d "$root/clusterctl/runs" ]; then runs=$root/clusterctl/runs; fi
            done
            if [ -n "$runs" ] && [ -w "$runs" ]; then return 1; fi
            for root in "${CLUSTERCTL_RUN:-/run}" "$state_root"; do
                runs=$root/clusterctl/runs
                if mkdir -p "$runs" 2>/dev/null && [ -w "$runs" ]; then return 1; fi
            done
            echo 'clusterctl: neither /run nor /var/lib/clusterctl can be written' >&2
            exit 70
        }

        claim() { # claim OWNER COLLECTED...: this run begins, once; those whose answers have arrived are forgotten
            if find_runs || ! mkdir "$runs/$nonce" 2>/dev/null; then
                [ -d "$runs/$nonce" ] || { echo "clusterctl: $runs cannot be written" >&2 && exit 70; }
                echo "clusterctl: the run $nonce has begun already" >&2
                exit 75
            fi
            run=$runs/$nonce scratch=$runs/$nonce/work out_limit=65536 kept=0 owner=$1
            shift
            for id; do forgotten="$forgotten $runs/$id"; done
            life_of $$
            echo "$boot $$ $start $owner" >"$run/life"
            trap '' HUP
            trap 'unstage && leave' EXIT
            exec 2>"$run/errors"
            : >"$run/frames"
            : >"$scratch.out"
            : >"$scratch.err"
            sweep
        }

        life_of() { # life_of PROCESS: sets $boot and $start, empty where they cannot be known; fails when it is gone
            boot='' start=''
            { read -r boot </proc/sys/kernel/random/boot_id; } 2>/dev/null
            kill -0 "$1" 2>/dev/null || return
            { read -r start </proc/"$1"/stat; } 2>/dev/null || return 0
            start=${start##*) }
            case $start in Z* | X*) return 1 ;; esac
            set -- $start
            shift 19
            start=$1
        }

        is_alive() { # is_alive RUN: whether its process still runs; also sets $run_boot and $run_owner
            run_boot='' run_process='' run_start='' run_owner=''
            { read -r run_boot run_process run_start run_owner <"$1/life"; } 2>/dev/null || return
            life_of "$run_process" && [ "$boot $start" = "$run_boot $run_start" ]
        }

        alone() { # alone FENCE: nothing is done where another run was since; waits until its programs have stopped
            read_owner
            if [ "${holder:-$owner}" != "$owner" ] || ! own "$1"; then give_way; fi
            waited=0
            for other in "$runs"/*/; do
                while is_alive "${other%/}" && [ "$run_owner" != "$owner" ]; do
                    if [ "$waited" -ge 120 ]; then
                        echo "an earlier run is still at work on this node (process $run_process)" >"$scratch.err"
                        emit failed 0 75
                        finish
                    fi
                    [ -n "$pulse" ] || beats
                    waited=$((waited + 1))
                    sleep 1
                done
            done
        }

        still_ours() { # else sets $overtaken
            read_owner
            [ "$holder" = "$owner" ] || overtaken=yes
            [ -z "$overtaken" ]
        }

        give_way() { # the node is another run's: that is no failure of a step, and its owner must ask for the lease
            unstage
            : >"$scratch.out"
            : >"$scratch.err"
            remark=''
            emit overtaken 0 0
            finish
        }

        keep_frame() { # a frame counts only when all of it is there, so that a collector never reads half of one
            [ -n "$kept" ] || return 0
            if [ -n "$remark" ]; then
                printf '%s\n%s\n' "$header" "$remark"
            elif [ "$out_bytes$err_bytes" = 00 ]; then
                printf '%s\n' "$header"
            else
                printf '%s\n' "$header" && cat "$scratch.out" "$scratch.err"
            fi >>"$run/frames" && kept=$((kept + ${#header} + 1 + out_bytes + err_bytes)) &&
                echo "$kept" >>"$run/whole" || kept='' # a full disk: what follows cannot be collected
        }

        keep_end() { [ -z "$kept" ] || true >"$run/ended"; }

        sweep() { # dead runs that nobody has collected: those of yesterday, and the oldest when there are many
            set -- "$runs"/*/
            [ $# -gt 8 ] || return 0
            for old in $(find "$runs"/* -prune -type d -mtime +0) $(ls -dt "$runs"/*/ | tail -n +64); do
                [ "${old%/}" = "$run" ] || is_alive "${old%/}" || rm -rf "$old"
            done
        }

        collect() { # collect AGE: what became of this id, whose program was sent that many seconds ago
            if ! find_runs; then
                { read -r uptime rest </proc/uptime; } 2>/dev/null || uptime=$1
                [ "${uptime%%.*}" -ge "$1" ] || broken 2
                if mkdir "$runs/$nonce" 2>/dev/null; then
                    true >"$runs/$nonce/never"
                    emit absent 0 0
                    finish
                fi
                find_runs
            fi
            # From here on $run is somebody else's; this program itself keeps nothing.
            collected=$run run='' told=0 patience=3
            while :; do
                if [ -e "$collected/never" ]; then
                    emit absent 0 0
                    finish
                fi
                last=''
                if [ -e "$collected/ended" ]; then
                    last=ended
                elif ! is_alive "$collected"; then
                    last=broken
                fi
                tell_whole
                case $last in
                ended) finish ;;
                broken) gave_up ;;
                esac
                sleep 1
            done
        }

        tell_whole() { # the frames that have become whole since the last time
            size=$told
            { while read -r line; do size=$line; done <"$collected/whole"; } 2>/dev/null
            [ "$size" -gt "$told" ] || return 0
            until mkdir "$scratch.turn" 2>/dev/null; do sleep 1; done
            tail -c +$((told + 1)) "$collected/frames" | head -c $((size - told))
            rmdir "$scratch.turn"
            told=$size
        }

        gave_up() { # dead without an end; one that has no life yet may be just about to begin
            if [ -z "$run_boot$run_process" ] && [ "$patience" -gt 0 ]; then
                patience=$((patience - 1))
                return
            fi
            true >"$collected/taken"
            # It may have begun, or ended, between the look and the mark.
            if is_alive "$collected" || [ -e "$collected/ended" ]; then return; fi
            [ "$run_boot" = "$boot" ] || broken 2
            tail -c 4096 "$collected/errors" >"$scratch.err" 2>/dev/null
            broken 1
        }

        broken() { # broken 1|2: it was ended from outside, or the node was started anew
            emit broken 0 "$1"
            finish
        }
        """#
}
