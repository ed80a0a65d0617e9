# leave-etcd NODE SERVER: takes this node out of etcd if it was no member before the phase that is taken back.
#
# Called by the guard while K3s still runs; afterwards the guard stops K3s and moves the new data aside. Asked through
# SERVER, another node's API, because this node's own API ends with its membership. To stop K3s first would cost a
# cluster of two members its quorum.
node=$1 server=$2
grep -qx 'absent - - /var/lib/rancher/k3s/server/db' /var/lib/clusterctl/guard/armed/paths || exit 0

kubectl() { k3s kubectl --server="$server" --request-timeout=5s "$@" </dev/null; }

kubectl get node "$node" -o name >/dev/null 2>&1 || exit 0
kubectl annotate --overwrite node "$node" etcd.k3s.cattle.io/remove=true
waited=0
while [ "$waited" -lt 40 ]; do
    removed=$(kubectl get node "$node" -o \
        'jsonpath={.metadata.annotations.etcd\.k3s\.cattle\.io/removed-node-name}' 2>/dev/null)
    [ -z "$removed" ] || break
    sleep 1
    waited=$((waited + 1))
done
kubectl delete --wait=false --ignore-not-found node "$node"
