# others-serve SECONDS NODE=URL...: whether every other server's API says that it is ready, its etcd member included. Asked on
# the node itself at the last moment before its own K3s is stopped, so that never two are out. Within SECONDS they may
# still become so; 0: now.
patience=$1 waited=0
shift
while :; do
    silent=''
    for pair in "$@"; do
        said=$(k3s kubectl --request-timeout=5s --server="${pair#*=}" get --raw /readyz 2>&1 </dev/null) && [ "$said" = ok ] && continue
        silent="${pair%%=*} does not serve: $(printf '%s\n' "$said" | tail -n 1)"
        break
    done
    [ -n "$silent" ] || exit 0
    [ "$waited" -lt "$patience" ] || break
    sleep 2
    waited=$((waited + 2))
done
echo "$silent; this node is not stopped as well" >&2
exit 1
