extension Prelude {
    /// Directories and files that stand one after the other among the steps are put in place together: each program that
    /// is started costs a node a millisecond or more, and so does each flush.
    static let stages = #"""
        # What is staged is numbered from 1 to $staged: index_N, result_N (unchanged or changed), path_N and beside_N,
        # the complete and private file beside the path. Nothing that anyone sees is changed before `settle`.

        stage() { # stage PATH MODE [SHA256 CONTENT]: 1 where this is a step for itself, and will be looked at again
            sort=files
            [ "$operation" != directory ] || sort="directories $2"
            [ "$stage" = "$sort" ] || settle
            stage=$sort
            if is_staged "$1"; then return 1; fi
            if "${operation}_state" "$@" >"$scratch.state" 2>&1; then
                remark=''
                note_stage unchanged "$1"
                return
            fi
            remark=''
            if [ "$operation" = directory ]; then
                if is_there "$1"; then return 1; fi
                note_stage changed "$1"
                return
            fi
            parent_of "$1"
            if [ ! -d "$parent" ] || [ -L "$1" ] || { [ -e "$1" ] && [ ! -f "$1" ]; }; then return 1; fi
            beside=$parent/.clusterctl.$nonce.$((staged + 1))
            case $2 in 0644) umask 022 ;; esac
            set -C
            { printf %s "$4" >"$beside"; } 2>/dev/null
            set -- $? "$@"
            set +C
            umask 077
            if [ "$1" -eq 0 ] && give_to_root "$beside" 2>/dev/null; then
                case $3 in 0600 | 0644) ;; *) chmod "$3" "$beside" ;; esac && note_stage changed "$2" && return
            fi
            rm -f "$beside"
            beside=''
            return 1
        }

        note_stage() { # note_stage RESULT PATH
            if [ "$staged" -eq 0 ] && [ "$1" = unchanged ]; then
                : >"$scratch.out"
                : >"$scratch.err"
                emit unchanged "$index" 0
                return
            fi
            staged=$((staged + 1)) staged_path=$2
            eval "index_$staged=\$index result_$staged=$1 path_$staged=\$staged_path beside_$staged=\$beside"
            beside=''
        }

        nth_stage() { eval "index=\$index_$1 result=\$result_$1 staged_path=\$path_$1 beside=\$beside_$1"; }

        is_staged() { # is_staged PATH: a second step for it must find the first one done
            number=0
            while [ "$number" -lt "$staged" ]; do
                number=$((number + 1))
                eval "staged_path=\$path_$number"
                [ "$staged_path" != "$1" ] || return 0
            done
            return 1
        }

        settle() { # puts in place what is staged, and tells the results in order
            [ "$staged" -gt 0 ] || return 0
            : >"$scratch.out"
            : >"$scratch.err"
            : >"$scratch.trouble"
            next_index=$index number=0 settled=yes
            set --
            while [ "$number" -lt "$staged" ]; do
                number=$((number + 1))
                nth_stage "$number"
                case $stage/$result in
                files/changed) set -- "$@" "$beside" ;;
                */changed) set -- "$@" "$staged_path" ;;
                esac
            done
            beside=''
            if [ $# -gt 0 ]; then
                # Whether anything may be changed is asked after the flush, which may take long.
                [ "$stage" != files ] || sync "$@" 2>/dev/null || sync
                if ! may_change 2>"$scratch.trouble"; then
                    settled=''
                elif [ "$stage" != files ]; then
                    make_all "${stage#* }" "$@" 2>"$scratch.trouble"
                fi
            fi
            [ -z "$overtaken" ] || give_way
            number=0
            while [ "$number" -lt "$staged" ]; do
                number=$((number + 1))
                nth_stage "$number"
                if [ "$result" = changed ] && { [ -z "$settled" ] || ! settle_one 2>"$scratch.err"; }; then
                    unstage
                    [ -s "$scratch.err" ] || mv -f "$scratch.trouble" "$scratch.err"
                    emit failed "$index" 1
                    finish
                fi
                beside=''
                emit "$result" "$index" 0
            done
            staged=0 stage='' index=$next_index
        }

        settle_one() {
            if [ "$stage" = files ]; then rename "$beside" "$staged_path"
            else [ -d "$staged_path" ] && give_to_root "$staged_path"
            fi
        }

        make_all() { # make_all MODE DIRECTORY...; those above them get 0755
            common_mode=$1
            shift
            umask 022
            mkdir -p -m "$common_mode" -- "$@"
            set -- $?
            umask 077
            return "$1"
        }

        unstage() { # forgets what is staged, and removes its files
            set -- "$index" 0
            while [ "$2" -lt "$staged" ]; do
                set -- "$1" $(($2 + 1))
                nth_stage "$2"
                [ -z "$beside" ] || rm -f "$beside"
            done
            index=$1 staged=0 beside=''
        }
        """#
}
