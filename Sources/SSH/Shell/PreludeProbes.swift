extension Prelude {
    /// The answers to the probes. None of them changes anything but a small file that measures a disk and is removed.
    static let probes = #"""
        # Lines "key=value"; the reader is HostFacts. A key without a value was not found out.
        answer_host() {
            os_release=/etc/os-release
            [ -f "$os_release" ] || os_release=/usr/lib/os-release
            echo "os_id=$(os_release_value ID)"
            echo "os_version=$(os_release_value VERSION_ID)"
            echo "kernel=$(uname -r)"
            echo "arch=$(uname -m)"
            echo "hostname=$(uname -n)"
            echo "cpus=$(getconf _NPROCESSORS_ONLN 2>/dev/null || nproc 2>/dev/null)"
            echo "memory_kb=$(awk '$1 == "MemTotal:" { print $2 }' /proc/meminfo 2>/dev/null)"
            echo "cgroup=$(cgroup_kind)"
            below=$(nearest /var/lib/clusterctl)
            echo "disk_free_kb=$(df -Pk "$below" 2>/dev/null | awk 'END { print $4 }')"
            echo "time=$(date +%s)"
            echo "init=$(cat /proc/1/comm 2>/dev/null)"
            echo "dpu=$(cat /etc/mlnx-release /etc/bf-release 2>/dev/null | head -n 1)"
            ip -o addr show scope global 2>/dev/null | awk '{ print "address=" $2 " " $4 }'
            { ip -o -4 route show default; ip -o -6 route show default; } 2>/dev/null | awk '$1 == "default" {
                link = ""; metric = 0
                for (i = 2; i < NF; i++) { if ($i == "dev") link = $(i + 1); if ($i == "metric") metric = $(i + 1) }
                if (link != "") print "default_route=" link " " metric
            }'
            # The kernel has this file where its module for VLANs is loaded.
            awk -F '[ |]+' 'NR > 2 { print "vlan=" $1 " " $2 " " $3 }' /proc/net/vlan/config 2>/dev/null
            true
        }
        os_release_value() { sed -n "s/^$1=//p" "$os_release" 2>/dev/null | head -n 1 | tr -d "\"'"; }
        cgroup_kind() {
            if [ -f /sys/fs/cgroup/cgroup.controllers ]; then
                if grep -qw memory /sys/fs/cgroup/cgroup.controllers; then echo v2; else echo v2-no-memory; fi
            elif awk '$1 == "memory" && $4 == 1 { found = 1 } END { exit !found }' /proc/cgroups 2>/dev/null; then
                echo v1
            else
                echo v1-no-memory
            fi
        }
        answer_path() { # "KIND MODE SIZE", or "absent"
            kind_of "$1"
            if [ "$kind" = absent ]; then remark absent; else mode_of "$1" && remark "$kind $mode $size"; fi
        }

        answer_unit() {
            systemctl show -p LoadState -p ActiveState -p SubState -p UnitFileState -p NRestarts -p Result -p Job -- "$1"
        }

        answer_journal() { bounded 20 journalctl --no-pager -q -o short-iso -n "$2" -u "$1"; } # UNIT LINES

        answer_command() { bounded 20 "$@"; }

        answer_http() { # the code in the first line, then the body
            rm -f "$scratch.body"
            if command -v curl >/dev/null; then
                code=$(curl -gksS --connect-timeout 5 -m 10 -o "$scratch.body" -w '%{http_code}' "$1") || return
            else
                bounded 10 wget -q -S --no-check-certificate -O "$scratch.body" "$1" 2>"$scratch.headers"
                status=$?
                code=$(sed -n 's/.*HTTP\/[0-9.]* \([0-9][0-9][0-9]\).*/\1/p' "$scratch.headers" | tail -n 1)
                if [ -z "$code" ]; then
                    cat "$scratch.headers" >&2
                    return "$status"
                fi
            fi
            echo "$code"
            if [ -f "$scratch.body" ]; then cat "$scratch.body"; fi
        }

        answer_listeners() { # answer_listeners PORT...: lines "PORT ADDRESS PROGRAM"; the program may be unknown
            if command -v ss >/dev/null; then
                ss -ltnp | awk -v ports=" $* " '{
                    port = $4; sub(/.*:/, "", port)
                    if (port !~ /^[0-9]+$/ || !index(ports, " " port " ")) next
                    program = $6; sub(/^users:\(\("/, "", program); sub(/".*/, "", program)
                    print port, $4, program
                }' | sort -u
            else
                for port in "$@"; do
                    hex=$(printf ':%04X' "$port")
                    cat /proc/net/tcp /proc/net/tcp6 2>/dev/null | awk -v hex="$hex" -v port="$port" \
                        '$4 == "0A" && substr($2, length($2) - 4) == hex { print port, $2 }'
                done
            fi
        }

        answer_sync_latency() { # answer_sync_latency DIRECTORY: of 20 writes of 4 KiB, each flushed
            measured=$(mktemp "$(nearest "$1")/.clusterctl.XXXXXX") || return
            for measure in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
                bounded 10 dd if=/dev/zero of="$measured" bs=4096 count=1 conv=notrunc,fsync 2>&1 |
                    awk 'match($0, /(copied,|in) [0-9.e-]+ s/) {
                        split(substr($0, RSTART, RLENGTH), part, " "); printf "%d\n", part[2] * 1000000 }'
            done | sort -n | awk '{ of[NR] = $1 } END {
                if (NR == 0) { print "dd does not tell its time here" >"/dev/stderr"; exit 1 }
                print "slowest=" of[NR] " median=" of[int((NR + 1) / 2)] }'
            set -- $?
            rm -f "$measured"
            return "$1"
        }

        answer_ssh_banner() { # answer_ssh_banner ADDRESS PORT: the line that an SSH server begins with
            if command -v bash >/dev/null; then
                banner=$(bounded 3 bash -c 'exec 4<>"/dev/tcp/$1/$2" && IFS= read -r line <&4 && echo "$line"' \
                    bash "$1" "$2" 2>"$scratch.headers")
                case $? in 124 | 143) : >"$scratch.headers" ;; esac # some say that they were ended
            elif command -v nc >/dev/null; then
                banner=$(bounded 3 nc "$1" "$2" </dev/null 2>"$scratch.headers" | head -n 1)
            else
                echo "neither bash nor nc is there to ask with" >&2
                return 1
            fi
            case $banner in
                SSH-*) echo "$banner" | tr -d '\r' ;;
                *)
                    banner=$(tail -n 1 "$scratch.headers")
                    echo "no SSH server was heard at $1 port $2: ${banner:-nothing in 3 s}" >&2
                    return 1
                    ;;
            esac
        }

        answer_guard_state() {
            if [ -f "$state_root/guard/guard.sh" ]; then sh "$state_root/guard/guard.sh" state; else echo none; fi
        }

        answer_guard() { sh "$state_root/guard/guard.sh" "$@"; } # answer_guard VERB ARGUMENT...

        answer_secret() { # the file itself, for another node that needs the same one
            if [ ! -s "$1" ]; then
                echo "$1 is not there or is empty" >&2
                return 1
            fi
            cat -- "$1"
        }
        """#
}
