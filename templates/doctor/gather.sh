# gather [ROOT]: what helps to find out what is wrong with this node, in sections. Before each stands a line `section LINES NAME`; what
# a program says on standard error counts as its output. The section `secrets` is for whoever takes secrets out, and is kept
# nowhere.
root=${1-}
PATH=$PATH:/var/lib/rancher/k3s/data/current/bin/aux
scratch=$(mktemp -d) || exit 1
trap 'rm -rf "$scratch"' EXIT
most=1500
section() { # section NAME COMMAND...
    name=$1
    shift
    "$@" >"$scratch/out" 2>&1 </dev/null || echo "(exit status $?)" >>"$scratch/out"
    tail -n "$most" "$scratch/out" | cut -c 1-1000 >"$scratch/text"
    printf 'section %s %s\n' "$(grep -c '' "$scratch/text")" "$name"
    grep '' "$scratch/text"
}
known() { command -v "$1" >/dev/null; }
files() { # files PATH...: each with its name before it
    for file in "$@"; do
        [ -f "$file" ] || continue
        printf '==> %s\n' "${file#"$root"}"
        cat "$file"
        echo
    done
}
secrets() {
    server=$root/var/lib/rancher/k3s/server
    for file in "$root"/etc/rancher/k3s/token "$root"/etc/rancher/node/password "$server"/token "$server"/node-token \
        "$server"/agent-token "$root"/var/lib/clusterctl/bgp/*.password "$server"/cred/passwd; do
        [ -f "$file" ] || continue
        cat "$file"
        echo
    done
}
cilium() {
    container=$(k3s crictl ps --name cilium-agent -q | head -n 1)
    [ -n "$container" ] || { echo 'no cilium-agent container runs on this node'; return 1; }
    k3s crictl exec "$container" cilium-dbg status --verbose
}
get() {
    if known curl; then curl -fsS -m 5 "$1"; else wget -q -T 5 -O - "$1"; fi
}

section secrets secrets
section system sh -c 'date -u; uptime; uname -a; cat /etc/os-release; cat /proc/meminfo; df -Pk'
section addresses ip -d addr
section rules sh -c 'ip rule; ip -6 rule'
section routes sh -c 'ip route show table all; ip -6 route show table all'
for saver in iptables-nft-save ip6tables-nft-save iptables-legacy-save ip6tables-legacy-save iptables-save ip6tables-save; do
    if known "$saver"; then section "$saver" "$saver"; fi
done
if known nft; then section nft nft list ruleset; fi
if known journalctl; then
    for unit in k3s k3s-agent clusterctl-guard keepalived haproxy; do
        section "journal-$unit" journalctl -u "$unit" -n 1500 --no-pager
    done
    section journal-kernel journalctl -k -n 300 --no-pager
fi
if known systemctl; then section units systemctl --no-pager --full status 'k3s*' 'clusterctl*' keepalived haproxy; fi
section configuration files "$root"/etc/rancher/k3s/config.yaml "$root"/etc/rancher/k3s/config.yaml.d/*.yaml \
    "$root"/etc/systemd/system/k3s*.service "$root"/etc/keepalived/keepalived.conf "$root"/etc/haproxy/haproxy.cfg \
    "$root"/etc/sysctl.d/*clusterctl*
if [ -d "$root"/var/lib/rancher/k3s/server ]; then
    section manifests files "$root"/var/lib/rancher/k3s/server/manifests/*.yaml
    section etcd-health get http://127.0.0.1:2381/health
    section nodes k3s kubectl --request-timeout=10s get nodes -o wide
    section pods k3s kubectl --request-timeout=10s get pods -A -o wide
    section events k3s kubectl --request-timeout=10s get events -A --sort-by=.lastTimestamp
    section helmcharts k3s kubectl --request-timeout=10s get helmcharts,helmchartconfigs -A -o yaml
fi
section cilium cilium
echo 'section 0 end'
exit 0
