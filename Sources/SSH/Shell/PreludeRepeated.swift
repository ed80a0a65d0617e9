extension Prelude {
    /// The same request again and again, as closely as the node manages: to see when nobody answers, and for how long.
    static let repeated = #"""
        # A line "BEGUN CODE SECONDS" a request: when it was begun, in hundredths of a second by a clock that nobody sets,
        # the status of HTTP, 000 where none came within a second, and how long that took.
        hundredths() { # sets $now
            if [ -n "$finely" ]; then
                read -r now rest </proc/uptime
                now=${now%.*}${now#*.}
            else
                now=$(date +%s)00
            fi
        }

        request_with_curl() { # its own time is the finest; it writes its line in one go, as the last thing it does
            exec curl -gks -o /dev/null -m 1 -w "$now %{http_code} %{time_total}\n" "$1"
        }
        request_with_wget() { timed wget -q -t 1 -T 1 --no-check-certificate -O /dev/null "$1"; }
        request_with_fetch() { timed fetch -q -T 1 --no-verify-peer --no-verify-hostname -o /dev/null "$1"; }
        timed() { # timed COMMAND...
            begun=$now code=000
            if "$@" >/dev/null 2>&1; then code=200; fi
            hundredths
            took=$((now - begun))
            echo "$begun $code $((took / 100)).$((took % 100 / 10))$((took % 10))"
        }

        repeatedly() { # repeatedly URL SECONDS: a request every hundredth of a second, until nobody listens any more
            if command -v curl >/dev/null; then
                requester=request_with_curl
            elif command -v wget >/dev/null; then
                requester=request_with_wget
            elif command -v fetch >/dev/null; then
                requester=request_with_fetch
            else
                echo 'none of curl, wget and fetch is there to ask with' >"$scratch.err"
                emit answer 0 127
                return
            fi
            finely=''
            if [ -r /proc/uptime ]; then finely=yes; fi
            true >"$scratch.asked"
            reported=0
            hundredths
            due=$now report=$now over=$((now + $2 * 100))
            while [ "$now" -lt "$over" ]; do
                "$requester" "$1" >>"$scratch.asked" 2>/dev/null &
                due=$((due + 1))
                hundredths
                while [ "$due" -gt "$now" ]; do
                    sleep 0.01 2>/dev/null || sleep 1
                    hundredths
                done
                # What could not be begun in time is left out rather than begun all at once.
                if [ "$due" -lt $((now - 1)) ]; then due=$now; fi
                if [ "$now" -ge "$report" ]; then
                    report_requests
                    report=$((now + 50))
                fi
            done
            sleep 2 # the last ones
            report_requests
        }

        report_requests() { # the lines that are new, whole ones only
            size=$(bytes "$scratch.asked")
            if [ "$size" -gt "$reported" ]; then
                tail -c +$((reported + 1)) "$scratch.asked" | head -c $((size - reported)) >"$scratch.out"
                : >"$scratch.err"
                reported=$size
                emit answer 0 0
            fi
            kill -0 "$pulse" 2>/dev/null || exit 141
        }
        """#
}
