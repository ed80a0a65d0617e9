# health [ROOT]: what can be seen of this node without changing anything, a line each: disks, memory, and certificates of K3s that are
# about to end. What there is nothing to ask with is said as well.
df -Pk / /var/lib/rancher /var/lib/clusterctl 2>/dev/null | awk '
    NR > 1 && !seen[$6]++ { sub("%", "", $5); print "disk", $5, $4, $6 }'
awk '/^MemTotal:/ { total = $2 } /^MemAvailable:/ { free = $2 }
    END { if (total) print "memory", free, total }' /proc/meminfo 2>/dev/null
root=${1-}
days=30
if command -v openssl >/dev/null; then
    for file in "$root"/var/lib/rancher/k3s/server/tls/*.crt "$root"/var/lib/rancher/k3s/server/tls/etcd/*.crt \
        "$root"/var/lib/rancher/k3s/agent/*.crt; do
        [ -f "$file" ] || continue
        end=$(openssl x509 -noout -enddate -in "$file" 2>/dev/null) || continue
        if ! openssl x509 -noout -checkend 0 -in "$file" >/dev/null 2>&1; then
            printf 'certificate ended %s %s\n' "${file#"$root"}" "${end#*=}"
        elif ! openssl x509 -noout -checkend $((days * 86400)) -in "$file" >/dev/null 2>&1; then
            printf 'certificate ending %s %s\n' "${file#"$root"}" "${end#*=}"
        fi
    done
    echo 'certificates asked'
else
    echo 'certificates unasked'
fi
exit 0
