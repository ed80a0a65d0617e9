extension Prelude {
    /// How a node hands an artifact on to others, each in a process of its own.
    ///
    /// A transient unit of systemd listens on the node's own address, bounded in time, and starts `relayed` for each
    /// connection: no program but a shell serves, and nothing is left when the unit ends.
    static let relay = #"""
        answer_serve() ( # answer_serve NAME CHECKSUM ADDRESS TICKET SECONDS: prints the port; $relayed is what serves
            parts_of "$1" "$2"
            relay=$state_root/relay
            activate=$(PATH=$PATH:/usr/lib/systemd:/lib/systemd command -v systemd-socket-activate) || {
                echo 'systemd-socket-activate is not installed' >&2
                return 1
            }
            mkdir -p "$relay" && ln "$whole" "$relay/$4" && printf '%s\n' "$relayed" >"$relay/$4.sh" || return
            case $3 in *:*) host="[$3]" ;; *) host=$3 ;; esac
            for round in 1 2 3; do
                port=$((20000 + $(od -An -N2 -tu2 /dev/urandom) % 10000))
                systemd-run --quiet --collect --unit="clusterctl-relay-$4" -p RuntimeMaxSec="$5" -p TasksMax=64 \
                    -p ProtectSystem=strict -p ProtectHome=yes -p PrivateTmp=yes -p PrivateDevices=yes \
                    -p NoNewPrivileges=yes -p CapabilityBoundingSet= -p LogLevelMax=notice \
                    -p ExecStopPost="/bin/sh -c 'rm -f \"\$0\" \"\$0.sh\"' $relay/$4" -p ReadWritePaths="$relay" \
                    "$activate" --listen="$host:$port" --accept --inetd /bin/sh "$relay/$4.sh" "$relay/$4" "$4" || return
                sleep 1
                if systemctl --quiet is-active "clusterctl-relay-$4"; then
                    echo "$port"
                    return
                fi
                [ -f "$relay/$4" ] || ln "$whole" "$relay/$4" && printf '%s\n' "$relayed" >"$relay/$4.sh" || return
            done
            echo 'no port could be listened on' >&2
            rm -f "$relay/$4" "$relay/$4.sh"
            return 1
        )

        answer_unserve() { # answer_unserve TICKET
            systemctl stop "clusterctl-relay-$1.service" 2>/dev/null
            rm -f "$state_root/relay/$1" "$state_root/relay/$1.sh"
        }
        """#

    /// Answers one HTTP request for one file on standard input and output: `sh SCRIPT FILE TICKET`.
    static let relayed = #"""
        refuse() {
            printf 'HTTP/1.0 %s\r\nContent-Length: 0\r\nConnection: close\r\n\r\n' "$1"
            exit 0
        }
        LC_ALL=C
        end=$(printf '\r')
        read -r method path version || exit 0
        from=0 lines=0
        while read -r line; do
            line=${line%"$end"}
            [ -n "$line" ] || break
            lines=$((lines + 1))
            [ "$lines" -le 64 ] || refuse '431 Too Large'
            case $line in
            [Rr]ange:*bytes=*-)
                from=${line#*=}
                from=${from%-}
                case $from in '' | *[!0-9]*) refuse '400 Bad Request' ;; esac
                ;;
            esac
        done
        [ "$method $path" = "GET /$2" ] || refuse '404 Not Found'
        size=$(($(wc -c <"$1")))
        [ "$from" -lt "$size" ] || refuse '416 Range Not Satisfiable'
        if [ "$from" -gt 0 ]; then
            printf 'HTTP/1.0 206 Partial Content\r\nContent-Range: bytes %s-%s/%s\r\n' "$from" $((size - 1)) "$size"
        else
            printf 'HTTP/1.0 200 OK\r\nAccept-Ranges: bytes\r\n'
        fi
        printf 'Content-Length: %s\r\nConnection: close\r\n\r\n' $((size - from))
        tail -c +$((from + 1)) "$1"
        """#
}
