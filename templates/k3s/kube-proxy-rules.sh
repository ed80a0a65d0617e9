# kube-proxy-rules: names what kube-proxy has left on this node, a line for each table; nothing where nothing is left.
# Chains of the kubelet (KUBE-FIREWALL, KUBE-KUBELET-CANARY, KUBE-IPTABLES-HINT) are not kube-proxy's.
PATH=$PATH:/var/lib/rancher/k3s/data/current/bin/aux
savers=''
for saver in iptables-nft-save ip6tables-nft-save iptables-legacy-save ip6tables-legacy-save; do
    if command -v "$saver" >/dev/null; then savers="$savers $saver"; fi
done
[ -n "$savers" ] || for saver in iptables-save ip6tables-save; do
    if command -v "$saver" >/dev/null; then savers="$savers $saver"; fi
done
if [ -z "$savers" ] && ! command -v nft >/dev/null; then
    echo "neither iptables nor nft is there to ask" >&2
    exit 127
fi
asked=''
for saver in $savers; do
    rules=$("$saver" 2>/dev/null) || continue # that of a back-end which the kernel does not have
    asked=yes
    printf '%s\n' "$rules" | awk -v firewall="${saver%-save}" '
        function told() {
            if (count == 0) return
            print firewall, table ": " first (count > 1 ? " and " count - 1 " more" : "")
            count = 0
        }
        /^\*/ { told(); table = substr($1, 2) }
        /^:KUBE-(SERVICES|NODEPORTS|POSTROUTING|MARK-MASQ|PROXY-CANARY|FORWARD|EXTERNAL-SERVICES|PROXY-FIREWALL) / ||
        /^:KUBE-(SVC|SEP|FW|XLB|EXT|SVL)-/ { if (count++ == 0) first = substr($1, 2) }
        END { told() }'
done
if command -v nft >/dev/null && tables=$(nft list tables 2>/dev/null); then
    asked=yes
    printf '%s\n' "$tables" | sed -n 's/^table \(.*kube-proxy\)$/nft \1/p'
fi
if [ -z "$asked" ]; then
    echo "no back-end of the firewall could be read" >&2
    exit 127
fi
if [ -e /sys/class/net/kube-ipvs0 ]; then echo "link kube-ipvs0"; fi
