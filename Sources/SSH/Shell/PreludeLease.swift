extension Prelude {
    /// Who may change this node: one owner at a time, and which one is decided on the keeper alone.
    static let lease = #"""
        # $runs/owner: "OWNER FENCE", whose programs may act on this node. $runs/lease.N, on the keeper: "UNTIL BOOT
        # WORDS", in seconds since the node's start; the highest N counts, and making it is one step that only one can
        # do. So there is no lock, and no lock that is left behind.

        mark() { # mark OWNER: what no other run has begun here by now it never will; one that is at work is left alone
            owner=$1
            find_runs
            find_others
            [ -n "$others" ] || own
        }

        find_others() { # sets $others: the owners, but for this one, whose programs are at work here
            others=''
            for other in "$runs"/*/; do
                if is_alive "${other%/}" && [ "$run_owner" != "$owner" ]; then others="$others $run_owner"; fi
            done
        }

        own() { # own [FENCE]: this node is this owner's, unless it has heard of a higher number
            read_owner
            set -- "${1:-$highest}"
            [ "$1" -ge "$highest" ] || return 1
            [ "$holder $highest" != "$owner $1" ] || return 0
            echo "$owner $1" >"$runs/owner.$nonce" && mv -f "$runs/owner.$nonce" "$runs/owner"
        }

        read_owner() { # sets $holder and $highest
            holder='' highest=''
            { read -r holder highest <"$runs/owner"; } 2>/dev/null
            highest=${highest:-0}
        }

        read_lease() { # sets $fence (0: there never was one), its $words, and $left in seconds (0: it is nobody's)
            fence=0 left=0 words=''
            for number in "$runs"/lease.*; do
                number=${number##*.}
                case $number in '' | *[!0-9]*) continue ;; esac
                if [ "$number" -gt "$fence" ]; then fence=$number; fi
            done
            [ "$fence" != 0 ] || return 0
            until=0 of=''
            { read -r until of words <"$runs/lease.$fence"; } 2>/dev/null
            read_clock
            [ "$of" = "$boot" ] && [ "$until" -gt "$now" ] && left=$((until - now))
            return 0
        }

        read_clock() { # sets $boot and $now, in seconds by a clock that nobody sets
            life_of $$
            { read -r now rest </proc/uptime; } 2>/dev/null || now=$(date +%s)
            now=${now%%.*}
        }

        make_lease() { # make_lease NUMBER SECONDS WORDS...: fails where there is one with this number
            read_clock
            made=$1 until=$((now + $2))
            shift 2
            echo "$until ${boot:-unknown} $*" >"$runs/new.$nonce" && ln "$runs/new.$nonce" "$runs/lease.$made" 2>/dev/null
            set -- $?
            rm -f "$runs/new.$nonce"
            return "$1"
        }

        is_ours() { case " $words " in *" owner=$owner "*) ;; *) false ;; esac; } # whether the lease that was read is

        say_lease() { # as LeaseState reads it
            highest_heard
            if [ "$left" = 0 ]; then
                remark "free fence=$heard"
            else
                remark "held fence=$heard number=$fence left=$left $words"
            fi
        }

        highest_heard() { # sets $heard: the highest number that this node has heard of, whosever it was
            read_owner
            heard=$fence
            [ "$heard" -ge "$highest" ] || heard=$highest
        }

        answer_lease() { # and a line "program OWNER" for each other run that is at work here
            : "${owner:=}"
            runs=''
            for root in "${CLUSTERCTL_RUN:-/run}" "$state_root"; do
                [ -n "$runs" ] || [ ! -d "$root/clusterctl/runs" ] || runs=$root/clusterctl/runs
            done
            if [ -z "$runs" ]; then
                remark 'free fence=0'
                return
            fi
            read_lease
            say_lease
            find_others
            [ -n "$others" ] || return 0
            echo "$remark"
            remark=''
            for other in $others; do echo "program $other"; done
        }

        # Status 0: it is ours; 3: it is another's, or somebody has had it in between.
        answer_take_lease() { # OWNER NUMBER SEEN SECONDS WORDS...: SEEN is what this node had heard of when it was asked
            owner=$1 mine=$2 seen=$3 seconds=$4
            shift 4
            find_runs
            read_lease
            highest_heard
            if [ "$left" = 0 ] && [ "$heard" = "$seen" ]; then
                make_lease "$mine" "$seconds" "owner=$owner since=$(date +%s) $*"
            fi
            keep_lease "$mine" "$seconds"
        }

        answer_renew_lease() { # OWNER NUMBER SECONDS WORDS...
            owner=$1 mine=$2 seconds=$3
            shift 3
            find_runs
            read_lease
            [ "$fence" != 0 ] || make_lease "$mine" "$seconds" "owner=$owner $*" # the keeper has been started anew
            keep_lease "$mine" "$seconds"
        }

        keep_lease() { # keep_lease NUMBER SECONDS: prolongs it, and looks whether it is the highest then, and ours
            read_lease
            if [ "$fence" = "$1" ] && is_ours; then
                read_clock
                until=$((now + $2))
                echo "$until ${boot:-unknown} $words" >"$runs/new.$nonce" && mv -f "$runs/new.$nonce" "$runs/lease.$1"
                read_lease
            fi
            if [ "$fence" != "$1" ] || ! is_ours; then say_lease && return 3; fi
            forget_leases
            own "$fence"
            say_lease
        }

        forget_leases() {
            for number in "$runs"/lease.*; do
                number=${number##*.}
                case $number in '' | *[!0-9]*) continue ;; esac
                if [ "$number" -lt "$fence" ]; then rm -f "$runs/lease.$number"; fi
            done
        }

        answer_release_lease() { # OWNER NUMBER
            owner=$1
            find_runs
            keep_lease "$2" 0
        }

        answer_break_lease() { # OWNER NUMBER HIGHER WORDS...: ends the lease with this number, for whoever asks next
            owner=$1
            find_runs
            read_lease
            if [ "$fence" != "$2" ]; then say_lease && return 3; fi
            mine=$3
            shift 3
            make_lease "$mine" 0 "owner=$owner since=$(date +%s) $*"
            keep_lease "$mine" 0
        }

        answer_claim_node() { # OWNER [FENCE]: other runs' programs stop here before their next change
            owner=$1
            find_runs
            own "${2:-}" && remark ours && return
            remark overtaken
            return 3
        }
        """#
}
