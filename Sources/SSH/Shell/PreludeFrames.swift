/// The fixed shell functions that every program starts with: POSIX sh, `mktemp` and `head -c`; nothing else is assumed.
///
/// The texts are plain shell, readable as such; a program is the prelude and then one line a question or step.
enum Prelude {
    static let text = [frames, stages, runs, lease, files, parts, artifacts, relay, system, objects, probes, repeated]
        .joined(separator: "\n")

    /// How answers travel: each as one frame, a header line with lengths and then the raw bytes.
    static let frames = #"""
        # A frame is "NONCE KIND INDEX STATUS OUTBYTES ERRBYTES", a newline, then that many bytes of each.
        # Only this program's own standard output carries frames; whatever it runs writes to files named $scratch.NAME.

        begin() { # begin NONCE, then `look` for a program that only looks or `claim` for one that acts
            nonce=$1 listing='' digests='' pulse='' beside='' watching='' surveying='' api_down='' needless='' guarded='' overtaken=''
            run='' scratch='' forgotten='' heard=yes out_limit=1048576 staged=0 stage=''
            newline='
        '
            spaces=$IFS
            unset LANG LANGUAGE
            LC_ALL=C
            PATH=${PATH:-/usr/bin:/bin}:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
            PATH=$PATH:/run/wrappers/bin:/run/current-system/sw/bin
            export LC_ALL PATH
            state_root=${CLUSTERCTL_STATE:-/var/lib/clusterctl}
            umask 077
            trap leave EXIT
            trap 'exit 129' HUP
            trap 'exit 130' INT
            trap 'exit 141' PIPE
            trap 'exit 143' TERM
            timeout='' remark=''
        }

        look() { # begins scratch files, gone with the program; where others may write, in a directory of their own
            scratch=/run/clusterctl.$nonce
            set -C
            { [ -O /run ] && true >"$scratch.out"; } 2>/dev/null || scratch=''
            set +C
            [ -n "$scratch" ] || look_elsewhere
            true >"$scratch.out" && true >"$scratch.err"
        }

        look_elsewhere() {
            for base in /run "${TMPDIR:-/tmp}" /tmp; do
                scratch=$(mktemp -d "$base/clusterctl.XXXXXX" 2>/dev/null) && break
            done
            if [ ! -d "${scratch:-}" ]; then
                echo 'clusterctl: neither /run nor /tmp takes scratch files' >&2
                exit 70
            fi
            forgotten=$scratch scratch=$scratch/s
        }

        leave() {
            stop_beats
            [ -z "$beside" ] || rm -f "$beside"
            [ -z "$scratch" ] || rm -rf "$scratch".* $forgotten
        }

        finish() { # the last line, without which the controller takes the answer for cut
            stop_beats
            if [ -z "$run" ]; then
                printf '%s end\n' "$nonce"
            else
                keep_end
                print_if_heard printf '%s end\n' "$nonce"
            fi
            [ -z "$beside" ] || rm -f "$beside"
            trap - EXIT
            [ -z "$scratch" ] || exec rm -rf "$scratch".* $forgotten
            exit 0
        }

        emit() { # emit KIND INDEX STATUS: the frame of $scratch.out and $scratch.err
            out_bytes=0 err_bytes=0
            if [ -n "$remark" ]; then
                out_bytes=$((${#remark} + 1))
            elif [ -s "$scratch.err" ]; then
                measure
            elif [ -s "$scratch.out" ]; then
                if is_one_line; then out_bytes=$((${#remark} + 1)); else measure; fi
            fi
            header="$nonce $1 $2 $3 $out_bytes $err_bytes"
            if [ -z "$run" ]; then
                print_frame
            else
                keep_frame
                print_if_heard print_frame
            fi
            remark=''
        }

        print_if_heard() { # a run goes on when nobody listens any more
            [ -n "$heard" ] || return 0
            trap '' PIPE
            "$@" 2>/dev/null || heard=''
            trap 'exit 141' PIPE
        }

        is_one_line() { # makes an output of one line of ASCII the remark, as most are: that costs no process either
            {
                IFS= read -r remark && ! IFS= read -r more && [ -z "$more" ] &&
                    case $remark in *[!\ -~]*) false ;; esac
            } <"$scratch.out" && return
            remark=''
            return 1
        }

        remark() { remark=$1; } # in place of an output: one line of ASCII, which costs no process

        measure() { # sets $out_bytes and $err_bytes, when both are short enough
            set -- $(wc -c "$scratch.out" "$scratch.err")
            out_bytes=$1 err_bytes=$3
            if [ "$out_bytes" -gt "$out_limit" ]; then
                cut_to "$out_limit" "$scratch.out"
                out_bytes=$whole
            fi
            if [ "$err_bytes" -gt 65536 ]; then
                cut_to 65536 "$scratch.err"
                err_bytes=$whole
            fi
        }

        print_frame() { # beats come from another process and must not mix; one short line cannot be cut in two
            if [ -n "$remark" ]; then
                printf '%s\n%s\n' "$header" "$remark"
                return
            elif [ "$out_bytes$err_bytes" = 00 ]; then
                printf '%s\n' "$header"
                return
            elif [ -z "$pulse" ]; then
                printf '%s\n' "$header" && cat "$scratch.out" "$scratch.err"
                return
            fi
            until mkdir "$scratch.turn" 2>/dev/null; do sleep 1; done
            printf '%s\n' "$header" && cat "$scratch.out" "$scratch.err"
            set -- $?
            rmdir "$scratch.turn"
            return "$1"
        }

        bytes() { echo $(($(wc -c <"$1"))); }

        cut_to() { # cut_to BYTES FILE: its size is in $whole then; what is too long loses its middle
            whole=0
            [ -s "$2" ] || return 0
            whole=$(bytes "$2")
            [ "$whole" -gt "$1" ] || return 0
            {
                head -c $(($1 / 2)) "$2"
                printf '\n[... %s bytes cut ...]\n' $((whole - $1 / 2 * 2))
                tail -c $(($1 / 2)) "$2"
            } >"$2.cut"
            mv -f "$2.cut" "$2"
            whole=$(bytes "$2")
        }

        beats() { # starts the sign of life: a frame every two seconds while this program runs and somebody listens
            {
                trap '' PIPE
                listening=yes
                while [ -n "$listening" ] && sleep 2 >/dev/null && kill -0 $$; do
                    mkdir "$scratch.turn" || continue
                    printf '%s beat 0 0 0 0\n' "$nonce" || listening=''
                    rmdir "$scratch.turn"
                done
            } 2>/dev/null &
            pulse=$!
        }

        stop_beats() { # nothing may follow the end; a milder signal can be lost on a process that has only just begun
            [ -n "$pulse" ] || return 0
            { kill -9 "$pulse" && wait "$pulse"; } 2>/dev/null
            pulse=''
        }

        try_timeout() { # done beforehand for what must not be run twice
            [ -n "$timeout" ] || if timeout -k 1 1 true 2>/dev/null; then timeout=yes; else timeout=no; fi
        }

        bounded() { # bounded SECONDS COMMAND...: its status; ended after that time, then 124 or the signal's status
            limit=$1
            shift
            if [ "$timeout" != no ]; then
                timeout -k 5 "$limit" "$@"
                set -- $? "$@"
                if [ "$1" -eq 0 ] || [ "$timeout" = yes ]; then return "$1"; fi
                # It failed, and so may timeout itself where it has no -k: then nothing was run.
                try_timeout
                [ "$timeout" = no ] || return "$1"
                shift
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
            : >"$scratch.err"
            if "${operation}_state" "$@" >"$scratch.out" 2>"$scratch.err"; then
                : >"$scratch.out"
                remark=''
                emit same "$index" 0
            else
                emit differs "$index" 0
            fi
            needless=''
        }

        step() { # step INDEX OPERATION ARGUMENT...: unchanged, changed, or failed and no step after it
            index=$1 operation=$2
            shift 2
            case $operation in
            directory | file | secret) ! stage "$@" || return 0 ;;
            esac
            settle
            : >"$scratch.out"
            : >"$scratch.err"
            if "${operation}_state" "$@" >"$scratch.state" 2>&1; then
                remark='' needless=''
                emit unchanged "$index" 0
                return
            fi
            remark='' needless=''
            may_change 2>"$scratch.err" && "${operation}_apply" "$@" >"$scratch.out" 2>"$scratch.err"
            status=$?
            [ -z "$overtaken" ] || give_way
            if [ "$status" -eq 0 ]; then
                : >"$scratch.out" # nobody reads what a success says
                : >"$scratch.err"
                emit changed "$index" 0
                return
            fi
            [ -z "$beside" ] || rm -f "$beside"
            emit failed "$index" "$status"
            finish
        }

        may_change() {
            if ! still_guarded; then
                echo 'the guard is no longer armed for this program: nothing more is changed' >&2
                return 1
            elif [ -e "$run/taken" ]; then
                echo 'this run has been given up: nothing more is changed by it' >&2
                return 1
            fi
            still_ours
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
            "answer_$question" "$@" >"$scratch.out" 2>"$scratch.err"
            status=$?
            if [ -n "$watching" ] && is_known; then
                remark=''
                return
            fi
            emit answer "$index" "$status"
        }

        is_known() { # whether the last answer to this question was the same; otherwise it is kept for the next time
            eval "seen=\${answer_of_$index-}"
            if [ "$seen" = "$status $remark" ]; then
                same_as_last out && same_as_last err && return
            fi
            eval "answer_of_$index=\"\$status \$remark\""
            keep_last out
            keep_last err
            return 1
        }
        same_as_last() {
            if [ -s "$scratch.$1" ]; then cmp -s "$scratch.$1" "$scratch.$1.$index"; else [ ! -s "$scratch.$1.$index" ]; fi
        }
        keep_last() {
            if [ -s "$scratch.$1" ]; then cp "$scratch.$1" "$scratch.$1.$index"; else true >"$scratch.$1.$index"; fi
        }

        watch() { # watch INTERVAL SECONDS ROUND: calls ROUND again and again until the time is over or nobody listens
            watching=yes over=''
            while "$3"; do
                sleep "$1"
                # Many a watch is over with its first round: one that nobody hears any more ends here.
                printf '%s beat 0 0 0 0\n' "$nonce"
                if [ -z "$pulse" ]; then beats; else kill -0 "$pulse" 2>/dev/null || exit 141; fi
                { read -r now rest </proc/uptime; } 2>/dev/null || now=$(date +%s) # a clock that nobody sets
                now=${now%%.*}
                over=${over:-$((now + $2 - $1))}
                [ "$now" -lt "$over" ] || break
            done
        }

        rest() { # the steps are through: what follows only looks, and ends when nobody listens any more
            keep_end
            : >"$run/life"
            run='' out_limit=1048576
            trap 'exit 129' HUP
            [ -n "$heard" ] || exit 141
        }
        """#
}
