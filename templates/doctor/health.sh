# health: what can be seen of this node without changing anything, a line each: disks and memory.
df -Pk / /var/lib/rancher /var/lib/clusterctl 2>/dev/null | awk '
    NR > 1 && !seen[$6]++ { sub("%", "", $5); print "disk", $5, $4, $6 }'
awk '/^MemTotal:/ { total = $2 } /^MemAvailable:/ { free = $2 }
    END { if (total) print "memory", free, total }' /proc/meminfo 2>/dev/null
exit 0
