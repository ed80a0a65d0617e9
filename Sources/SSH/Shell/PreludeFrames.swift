/// The fixed shell functions that every program starts with: POSIX sh, `mktemp` and `head -c`; nothing else is assumed.
///
/// The texts are plain shell, readable as such; a program is the prelude and then one line a question or step.
enum Prelude {
    static let text = [frames, files, parts, artifacts, system, objects, probes].joined(separator: "\n")

    /// How answers travel: each as one frame, a header line with lengths and then the raw bytes.
    static let frames = #"""
        # A frame is "NONCE KIND INDEX STATUS OUTBYTES ERRBYTES", a newline, then that many bytes of each.
        # Only this program's own standard output carries frames; whatever it runs writes to files in $scratch.

        begin() { # begin NONCE
            nonce=$1 pulse='' beside='' watching='' surveying='' api_down='' needless='' guarded=''
            unset LANG LANGUAGE
            LC_ALL=C
            PATH=${PATH:-/usr/bin:/bin}:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
            PATH=$PATH:/run/wrappers/bin:/run/current-system/sw/bin
            export LC_ALL PATH
            state_root=${CLUSTERCTL_STATE:-/var/lib/clusterctl}
            umask 077
            for base in /run "${TMPDIR:-/tmp}" /tmp; do
                scratch=$(mktemp -d "$base/clusterctl.XXXXXX" 2>/dev/null) && break
            done
            if [ ! -d "${scratch:-}" ]; then
                echo 'clusterctl: neither /run nor /tmp takes a scratch directory' >&2
                exit 70
            fi
            trap leave EXIT
            trap 'exit 129' HUP
            trap 'exit 130' INT
            trap 'exit 141' PIPE
            trap 'exit 143' TERM
            timeout=''
            if timeout -k 1 1 true 2>/dev/null; then timeout=yes; fi
            : >"$scratch/out"
            : >"$scratch/err"
        }

        leave() { # a milder signal can be lost on a process that has only just begun
            [ -z "$pulse" ] || kill -9 "$pulse" 2>/dev/null
            [ -z "$beside" ] || rm -f "$beside"
            rm -rf "$scratch"
        }

        finish() { # the last line, without which the controller takes the answer for cut
            take_turn
            printf '%s end\n' "$nonce"
            exit 0
        }

        emit() { # emit KIND INDEX STATUS: the frame of $scratch/out and $scratch/err
            cut_to 1048576 "$scratch/out"
            cut_to 65536 "$scratch/err"
            take_turn
            printf '%s %s %s %s %s %s\n' "$nonce" "$1" "$2" "$3" "$(bytes "$scratch/out")" "$(bytes "$scratch/err")"
            cat "$scratch/out" "$scratch/err"
            rmdir "$scratch/turn"
        }

        take_turn() { # frames and beats come from two processes and must not mix
            until mkdir "$scratch/turn" 2>/dev/null; do sleep 1; done
        }

        bytes() { echo $(($(wc -c <"$1"))); }

        cut_to() { # cut_to BYTES FILE
            whole=$(bytes "$2")
            if [ "$whole" -gt "$1" ]; then
                head -c "$1" "$2" >"$2.cut"
                printf '\n[cut here: %s bytes in all]\n' "$whole" >>"$2.cut"
                mv -f "$2.cut" "$2"
            fi
        }

        beats() { # starts the sign of life: a frame every two seconds while this program runs and somebody listens
            {
                trap '' PIPE
                heard=yes
                while [ -n "$heard" ] && sleep 2 >/dev/null && kill -0 $$; do
                    mkdir "$scratch/turn" || continue
                    printf '%s beat 0 0 0 0\n' "$nonce" || heard=''
                    rmdir "$scratch/turn"
                done
            } 2>/dev/null &
            pulse=$!
        }

        bounded() { # bounded SECONDS COMMAND...: its status; ended after that time, then 124 or the signal's status
            limit=$1
            shift
            if [ -n "$timeout" ]; then
                timeout -k 5 "$limit" "$@"
                return
            fi
            { (exec "$@" <&3 3<&-) & } 3<&0
            bounded_pid=$!
            (
                sleep "$limit"
                kill "$bounded_pid"
                sleep 5
                kill -9 "$bounded_pid"
            ) >/dev/null 2>&1 &
            bounded_end=$!
            wait "$bounded_pid"
            set -- $?
            kill "$bounded_end" 2>/dev/null
            return "$1"
        }

        state() { # state INDEX OPERATION ARGUMENT...: same, or differs with what is there now
            index=$1 operation=$2
            shift 2
            : >"$scratch/err"
            if "${operation}_state" "$@" >"$scratch/out" 2>"$scratch/err"; then
                : >"$scratch/out"
                emit same "$index" 0
            else
                emit differs "$index" 0
            fi
            needless=''
        }

        step() { # step INDEX OPERATION ARGUMENT...: unchanged, changed, or failed and no step after it
            index=$1 operation=$2
            shift 2
            : >"$scratch/out"
            : >"$scratch/err"
            if "${operation}_state" "$@" >"$scratch/state" 2>&1; then
                needless=''
                emit unchanged "$index" 0
                return
            fi
            needless=''
            if still_guarded; then
                "${operation}_apply" "$@" >"$scratch/out" 2>"$scratch/err"
            else
                echo 'the guard is no longer armed for this program: nothing more is changed' >"$scratch/err"
                false
            fi
            status=$?
            if [ "$status" -eq 0 ]; then
                emit changed "$index" 0
                return
            fi
            [ -z "$beside" ] || rm -f "$beside"
            emit failed "$index" "$status"
            finish
        }

        still_guarded() { # after a checkpoint, whether it still stands: a program outlives the connection that sent it
            [ -n "$guarded" ] || return 0
            case $(sh "$state_root/guard/guard.sh" state) in
            "armed phase=$guarded nonce=$nonce "*) return 0 ;;
            esac
            return 1
        }

        attempt() { # attempt NAME OPERATION ARGUMENT...: as a step of an undo, which goes on after a failure
            words=$1 operation=$2
            shift 2
            if "${operation}_state" "$@" >/dev/null 2>&1; then
                echo "$words: already so"
            elif "${operation}_apply" "$@"; then
                echo "$words: done"
            else
                echo "$words: failed with status $?"
                undo_failed=yes
            fi
            needless=''
        }

        ask() { # ask INDEX QUESTION ARGUMENT...: while watching only a first or a changed answer makes a frame
            index=$1 question=$2
            shift 2
            "answer_$question" "$@" >"$scratch/out" 2>"$scratch/err"
            status=$?
            if [ -n "$watching" ]; then
                { echo "$status" && cat "$scratch/out" && echo && cat "$scratch/err"; } >"$scratch/now"
                cmp -s "$scratch/now" "$scratch/answer.$index" && return
                mv -f "$scratch/now" "$scratch/answer.$index"
            fi
            emit answer "$index" "$status"
        }

        watch() { # watch INTERVAL SECONDS ROUND: calls ROUND again and again until the time is over or nobody listens
            watching=yes
            beats
            last=$(($(date +%s) + $2))
            while "$3"; do
                [ "$(date +%s)" -lt "$last" ] || break
                kill -0 "$pulse" 2>/dev/null || exit 141
                sleep "$1"
            done
        }
        """#
}
