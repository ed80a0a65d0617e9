# kube-proxy-rules: kube-proxy on this node and what it has left there, and the way to be rid of it.
#   look                     "running" where it runs; a line for each table that has something of it: "FIREWALL TABLE rules=N
#                            chains=N jumps=N services=N CHAIN", and for all else that it has made; "foreign FIREWALL TABLE:
#                            RULE" for each rule of somebody else that leads to one of its chains; else nothing
#   is-off, is-clean         whether it does not run; whether nothing is left
#   forget FILE              removes FILE, in which is noted what K3s was last started with, so that K3s is started anew
#   show FIREWALL FROM COUNT  that many of the lines of FIREWALL-save that would go, from the FROMth on, each behind its table
#   clean CILIUM-DBG         removes what is left: for each table all in one load, so that it is there as a whole or not at all.
#                            Nothing is changed where a rule of somebody else leads to one of its chains, where it still runs, or
#                            where Cilium, asked by the program CILIUM-DBG, does not say that it replaces it
# Chains of the kubelet (KUBE-FIREWALL, KUBE-KUBELET-CANARY, KUBE-IPTABLES-HINT, KUBE-MARK-DROP), of K3s' network policies
# (KUBE-ROUTER-, KUBE-NWPLCY-, KUBE-POD-FW-) and everybody else's are not kube-proxy's. Source: Kubernetes
# pkg/proxy/{iptables,ipvs,nftables}.
PATH=$PATH:/usr/sbin:/sbin:/var/lib/rancher/k3s/data/current/bin/aux
LC_ALL=C
export PATH LC_ALL
task=$1

savers=''
for saver in iptables-nft-save ip6tables-nft-save iptables-legacy-save ip6tables-legacy-save; do
    if command -v "$saver" >/dev/null; then savers="$savers $saver"; fi
done
[ -n "$savers" ] || for saver in iptables-save ip6tables-save; do
    if command -v "$saver" >/dev/null; then savers="$savers $saver"; fi
done

sort_out() { # sort_out TASK [TABLE|FROM COUNT]: reads what a FIREWALL-save says; counts, shows, makes the load of a table, or
    # names who leads to a chain of kube-proxy's without being it. Its own jumps are exactly those from a built-in chain, with
    # its comment and at most the state of the connection beside it.
    awk -v task="$1" -v table_wanted="${2:-}" -v from="${2:-0}" -v count="${3:-0}" -v firewall="${firewall:-}" '
        function owned(chain) {
            if (chain ~ /^KUBE-(SERVICES|NODEPORTS|POSTROUTING|MARK-MASQ|PROXY-CANARY|FORWARD|EXTERNAL-SERVICES)$/) return 1
            if (chain ~ /^KUBE-(PROXY-FIREWALL|LOAD-BALANCER|NODE-PORT|SOURCE-RANGES-FIREWALL|IPVS-FILTER|IPVS-OUT-FILTER)$/)
                return 1
            return sub(/^KUBE-(SVC|SEP|FW|XLB|EXT|SVL)-/, "", chain) && length(chain) == 16 && chain !~ /[^A-Z0-9]/
        }
        function target(rule) { # without what stands in quotation marks
            gsub(/"([^"\\]|\\.)*"/, "\"\"", rule)
            bare = rule
            return match(rule, / -[jg] [^ ]+/) ? substr(rule, RSTART + 4, RLENGTH - 4) : ""
        }
        function is_its_jump(rule) {
            if (rule !~ /--comment "kube/) return 0
            rule = bare
            gsub(/ -m conntrack --ctstate NEW| -m comment --comment ""/, "", rule)
            return rule ~ /^-A (INPUT|FORWARD|OUTPUT|PREROUTING|POSTROUTING) -j [^ ]+$/
        }
        function told() {
            if ((task == "left" || task == "look") && (chains || jumps))
                print firewall, table, "rules=" rules, "chains=" chains, "jumps=" jumps, "services=" services, first
            rules = chains = jumps = services = 0
            first = "-"
        }
        function shown(line) {
            if (task == "show" && ++number >= from && number < from + count) print table, line
        }
        /^\*/ { told(); table = substr($1, 2); next }
        /^:/ {
            chain = substr($1, 2)
            if (!owned(chain)) next
            if (chains++ == 0) first = chain
            if (chain ~ /^KUBE-SVC-/) services++
            if (task == "load" && table == table_wanted) { print ":" chain " - [0:0]"; ends[++ended] = "-X " chain }
            shown(":" chain " - [0:0]")
            next
        }
        /^(\[[0-9]+:[0-9]+\] )?-A / {
            rule = $0
            sub(/^\[[0-9]+:[0-9]+\] /, "", rule)
            leads_to = target(rule)
            split(rule, words, " ")
            if (owned(words[2])) { rules++; shown(rule) }
            else if (!owned(leads_to)) next
            else if (is_its_jump(rule)) {
                jumps++
                shown(rule)
                if (task == "load" && table == table_wanted) cuts[++cut] = "-D " substr(rule, 4)
            } else if (task == "foreign") print firewall, table ": " rule
            else if (task == "look") print "foreign", firewall, table ": " rule
        }
        END {
            told()
            if (task != "load") exit
            for (i = 1; i <= cut; i++) print cuts[i]
            for (i = 1; i <= ended; i++) print ends[i]
        }'
}

each_firewall() { # each_firewall TASK: what sort_out says of each that the kernel has
    for saver in $savers; do
        rules=$("$saver" 2>/dev/null) || continue # that of a back-end which the kernel does not have
        readable=yes firewall=${saver%-save}
        printf '%s\n' "$rules" | sort_out "$1"
    done
}

other_left() { # what is not in tables of iptables: kube-proxy's own tables of nftables, and what its mode IPVS makes
    if command -v nft >/dev/null && tables=$(nft list tables 2>/dev/null); then
        printf '%s\n' "$tables" | sed -n 's/^table \(ip6\{0,1\} kube-proxy\)$/nft \1/p'
    fi
    if command -v ipset >/dev/null && sets=$(ipset list -n 2>/dev/null); then
        printf '%s\n' "$sets" | awk '/^KUBE-(6-)?(LOOP-BACK|CLUSTER-IP|EXTERNAL-IP|EXTERNAL-IP-LOCAL|LOAD-BALANCER|IPVS-IPS)$/ ||
            /^KUBE-(6-)?LOAD-BALANCER-(LOCAL|FW|SOURCE-IP|SOURCE-CIDR)$/ || /^KUBE-(6-)?HEALTH-CHECK-NODE-PORT$/ ||
            /^KUBE-(6-)?NODE-PORT-(LOCAL-)?(TCP|UDP|SCTP-HASH)$/ { print "ipset", $1 }'
    fi
    if [ -e /sys/class/net/kube-ipvs0 ]; then echo 'link kube-ipvs0'; fi
}

left() { # left [look]: a line for each table, and for all else
    if [ -z "$savers" ] && ! command -v nft >/dev/null; then
        echo "neither iptables nor nft is there to ask" >&2
        return 127
    fi
    readable=''
    each_firewall "${1:-left}"
    if [ -z "$readable" ] && ! nft list tables >/dev/null 2>&1; then
        echo "no back-end of the firewall could be read" >&2
        return 127
    fi
    other_left
}

listener() { # listener HEX-PORT: the inode of a socket that listens there
    cat /proc/net/tcp /proc/net/tcp6 2>/dev/null | awk -v port=":$1\$" '$4 == "0A" && $2 ~ port { print $10; exit }'
}
runs() { # it listens at 10249 for its figures; where that is switched off, at 10256 for its health, where Cilium may be, too
    [ -z "$(listener 2809)" ] || return 0
    inode=$(listener 2810)
    [ -n "$inode" ] || return 1
    owner=$(ls -l /proc/[0-9]*/fd 2>/dev/null | awk -v socket="socket:[$inode]" '
        /^\/proc\// { split($0, parts, "/") } $NF == socket { print parts[3]; exit }')
    [ "$(cat "/proc/$owner/comm" 2>/dev/null)" != cilium-agent ]
}

refuse() {
    echo "$*; nothing was changed" >&2
    exit 1
}

clean_tables() { # clean_tables: of $saver; a load that somebody has come in between is made anew, once
    firewall=${saver%-save}
    for table in $("$saver" 2>/dev/null | sort_out left | cut -d ' ' -f 2); do
        for attempt in first last; do
            load=$("$saver" -t "$table" 2>/dev/null | sort_out load "$table")
            said=$(printf '*%s\n%s\nCOMMIT\n' "$table" "$load" | "$firewall-restore" -w 5 --noflush 2>&1) && break
            if [ "$attempt" = last ]; then
                echo "$firewall does not take kube-proxy's chains out of table $table: $said" >&2
                return 1
            fi
        done
    done
}

clean_ipvs() { # virtual servers at addresses of kube-ipvs0, and at this node's own addresses in the range of node ports
    [ -e /sys/class/net/kube-ipvs0 ] || return 0
    if command -v ipvsadm >/dev/null; then
        its=$(ip -o addr show dev kube-ipvs0 | awk '{ sub(/\/.*/, "", $4); print $4 }')
        ipvsadm -S -n | while read -r add kind server _; do
            [ "$add" = -A ] || continue # a real server, which goes with its virtual one
            address=${server%:*} port=${server##*:}
            address=${address#[} address=${address%]}
            if printf '%s\n' "$its" | grep -qxF "$address" || { [ "$port" -ge 30000 ] && [ "$port" -le 32767 ] &&
                ip -o addr show to "$address" | grep -q .; }; then
                case $kind in -t | -u | --sctp-service) ipvsadm -D "$kind" "$server" || exit 1 ;; esac
            fi
        done || return
    fi
    ip link del kube-ipvs0
}

case $task in
look)
    if runs; then echo running; fi
    left look
    ;;
is-off) ! runs ;;
is-clean) found=$(left) && [ -z "$found" ] ;;
forget) rm -f -- "$2" ;;
show)
    firewall=$2
    "$2-save" 2>/dev/null | sort_out show "$3" "$4"
    ;;
clean)
    if runs; then refuse "kube-proxy still runs here: K3s has to be started anew without it first"; fi
    status=$(sh -c "$2" cilium-dbg status -o json 2>&1 | tr -d ' \n\t')
    case $status in
    *'"kube-proxy-replacement":{'*'"mode":"True"'*) ;;
    *) refuse "Cilium on this node does not say that it replaces kube-proxy" ;;
    esac
    foreign=$(each_firewall foreign)
    [ -z "$foreign" ] || refuse "rules that are not kube-proxy's lead to its chains: $foreign"
    for saver in $savers; do
        if "$saver" >/dev/null 2>&1; then clean_tables || exit 1; fi
    done
    other_left | while read -r kind what more; do
        case $kind in
        nft) nft delete table "$what" "$more" || exit 1 ;;
        ipset) ipset destroy "$what" || exit 1 ;;
        esac
    done || exit 1
    clean_ipvs || exit 1
    ;;
*)
    echo "kube-proxy-rules: wrong usage" >&2
    exit 64
    ;;
esac
