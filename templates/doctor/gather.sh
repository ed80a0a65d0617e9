# gather [ROOT]: what helps to find out what is wrong with this node, in sections. Before each stands a line `section LINES NAME`; what
# a program says on standard error counts as its output. The section `secrets` is for whoever takes secrets out, and is kept
# nowhere.
root=${1-}
PATH=$PATH:/var/lib/rancher/k3s/data/current/bin/aux
scratch=$(mktemp -d) || exit 1
trap 'rm -rf "$scratch"' EXIT
# dash and busybox leave without the one above.
trap 'exit 143' TERM HUP INT PIPE
most=1500
bytes=100000
keep=tail
section() { # section NAME COMMAND...
    name=$1
    shift
    "$@" >"$scratch/out" 2>&1 </dev/null || echo "(exit status $?)" >>"$scratch/out"
    "$keep" -n "$most" "$scratch/out" | cut -c 1-1000 >"$scratch/lines"
    "$keep" -c "$bytes" "$scratch/lines" >"$scratch/text"
    # What is left of a line does not say what it is, and may be a secret.
    if [ "$keep" = tail ] && [ "$(wc -c <"$scratch/lines")" -gt "$bytes" ]; then
        sed 1d "$scratch/text" >"$scratch/lines"
        mv "$scratch/lines" "$scratch/text"
    fi
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
        "$server"/agent-token "$root"/var/lib/clusterctl/bgp/*.password "$root"/var/lib/clusterctl/token/next \
        "$root"/var/lib/clusterctl/token/old "$server"/cred/passwd; do
        [ -f "$file" ] || continue
        cat "$file"
        echo
    done
}
within() { # within SECONDS PROGRAM ARGUMENTS...
    if known timeout; then
        timeout -s KILL "$@"
    else
        shift
        "$@"
    fi
}
cilium() {
    container=$(within 3 k3s crictl ps --name cilium-agent -q | head -n 1)
    [ -n "$container" ] || { echo 'no cilium-agent container runs on this node'; return 1; }
    within 3 k3s crictl exec "$container" cilium-dbg status --verbose
}
kubectl() { within 4 k3s kubectl --request-timeout=3s "$@" || { hangs=yes && return 1; }; }
hangs=no
api() { # api NAME ARGUMENTS...: an API that has failed once would take the time of all that is left
    if [ "$hangs" = yes ]; then
        section "$1" echo 'not asked: the API did not answer the question before'
        return
    fi
    name=$1
    shift
    section "$name" kubectl get "$@"
}
get() {
    if known curl; then curl -fsS -m 5 "$1"; else wget -q -T 5 -O - "$1"; fi
}

section secrets secrets
section system sh -c 'date -u; uptime; uname -a; cat /etc/os-release; cat /proc/meminfo; df -Pk'
section addresses ip -d addr
section rules sh -c 'ip rule; ip -6 rule'
section routes sh -c 'ip route show table all; ip -6 route show table all'
if known systemctl; then section units systemctl --no-pager --full status 'k3s*' 'clusterctl*' keepalived haproxy; fi
# Of a file its beginning: what stands below `password:` without it is not known to be one.
keep=head
section configuration files "$root"/etc/rancher/k3s/config.yaml "$root"/etc/rancher/k3s/config.yaml.d/*.yaml \
    "$root"/etc/systemd/system/k3s*.service "$root"/etc/keepalived/keepalived.conf "$root"/etc/haproxy/haproxy.cfg \
    "$root"/etc/sysctl.d/*clusterctl*
section cilium cilium
if [ -d "$root"/var/lib/rancher/k3s/server ]; then
    section manifests files "$root"/var/lib/rancher/k3s/server/manifests/*.yaml
    section etcd-health get http://127.0.0.1:2381/health
    api nodes nodes -o wide
    api pods pods -A -o wide
    keep=tail
    api events events -A --sort-by=.lastTimestamp
    keep=head
    api helmcharts helmcharts,helmchartconfigs -A -o yaml
fi
keep=tail
# What is long comes last: where it is too much for one answer, the rest is there.
if known journalctl; then
    for unit in k3s k3s-agent clusterctl-guard keepalived haproxy; do
        section "journal-$unit" journalctl -u "$unit" -n 1500 --no-pager
    done
    section journal-kernel journalctl -k -n 300 --no-pager
fi
for saver in iptables-nft-save ip6tables-nft-save iptables-legacy-save ip6tables-legacy-save iptables-save ip6tables-save; do
    if known "$saver"; then section "$saver" "$saver"; fi
done
if known nft; then section nft nft list ruleset; fi
echo 'section 0 end'
exit 0
