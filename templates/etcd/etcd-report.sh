# etcd-report snapshots|members|part: what etcd on this server has and is. Nothing is changed.
#
# snapshots: NAME, bytes, seconds since 1970 and path, a line each, with tabs between.
# members: lines "KEY<tab>VALUE": unit, data, and from etcd's own gateway, in its JSON: health, members, status, alarms. Its port is
# 2382 where K3s has parted HTTP from gRPC (pkg/etcd), and 2379 before.
# part FILE BYTES NUMBER: that part of a file, counted from 0, in base64.
server=/var/lib/rancher/k3s/server
case $1 in
part) dd if="$2" bs="$3" skip="$4" count=1 2>/dev/null | base64 | tr -d '\n' ;;
snapshots)
    folder=$(sed -n 's/^etcd-snapshot-dir:[ "'\'']*\([^"'\'']*\).*/\1/p' /etc/rancher/k3s/config.yaml 2>/dev/null)
    for file in "${folder:-$server/db/snapshots}"/*; do
        [ ! -f "$file" ] || printf '%s\t%s\t%s\n' "${file##*/}" "$(stat -c '%s	%Y' "$file")" "$file"
    done
    ;;
members)
    tab=$(printf '\t')
    say() { printf '%s%s%s\n' "$1" "$tab" "$(tr -d '\n\r\t')"; }
    systemctl show -p ActiveState k3s.service | sed 's/.*=//' | say unit
    if [ -d "$server/db/etcd/member" ]; then echo yes; else echo no; fi | say data
    if ! command -v curl >/dev/null; then
        echo 'curl is not there, and etcd cannot be asked without it' | say missing
        exit 0
    fi
    curl -s -m 3 http://127.0.0.1:2381/health | say health
    tls=$server/tls/etcd
    ask() { # ask PORT METHOD BODY
        curl -sf -m 5 --cacert "$tls/server-ca.crt" --cert "$tls/client.crt" --key "$tls/client.key" \
            -X POST -d "$3" "https://127.0.0.1:$1/v3/$2"
    }
    for port in 2382 2379; do
        status=$(ask "$port" maintenance/status '{}') || continue
        printf '%s' "$status" | say status
        ask "$port" cluster/member/list '{}' | say members
        ask "$port" maintenance/alarm '{"action":"GET"}' | say alarms
        break
    done
    ;;
esac
exit 0
