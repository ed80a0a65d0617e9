# leave-etcd NODE SERVER: takes this node out of etcd if it was no member before the phase that is taken back.
#
# Called by the guard while K3s runs, or after a restart `k3s server` without its agent. Afterwards the guard moves the new
# data aside. Asked through SERVER, another node's API, because this node's own API ends with its membership.
#
# It fails where the node may still count in etcd: a voter whose data are moved aside never comes back, and two members
# have a quorum only together. Then the guard leaves the data where they are.
node=$1 server=$2
guard=/var/lib/clusterctl/guard
db=/var/lib/rancher/k3s/server/db
patience=100

grep -qsxE "replicas|rejoin-servers" "$guard/member" || grep -qx "absent - - $db" "$guard/armed/paths" || exit 0
if [ ! -d "$db/etcd/member" ]; then # etcd has never run here, unless it is just about to
    systemctl stop k3s.service
    [ -d "$db/etcd/member" ] || exit 0
    echo "$node has just joined etcd" >&2
    exit 1
fi

kubectl() { k3s kubectl --server="$server" --request-timeout=5s "$@" </dev/null; }
seconds() { cut -d . -f 1 /proc/uptime; }
in_time() { # in_time WHY: another second, unless there is none left
    if [ "$(seconds)" -ge "$end" ]; then
        echo "$node could not leave etcd: $1" >&2
        exit 1
    fi
    sleep 1
}

end=$(($(seconds) + patience))
until said=$(kubectl get node "$node" -o name 2>&1); do in_time "$said"; done
until said=$(kubectl annotate --overwrite node "$node" etcd.k3s.cattle.io/remove=true 2>&1); do in_time "$said"; done
end=$(($(seconds) + patience * 2 / 5))
names='{.metadata.annotations.etcd\.k3s\.cattle\.io/node-name}={.metadata.annotations.etcd\.k3s\.cattle\.io/removed-node-name}'
until said=$(kubectl get node "$node" -o "jsonpath=$names" 2>/dev/null) && [ -n "${said#*=}" ] &&
    { [ -z "${said%%=*}" ] || [ "${said%%=*}" = "${said#*=}" ]; }; do # an earlier member's removal may still be noted
    in_time 'it was asked for, and nobody has done it'
done
# K3s ends with its membership, and would be started again and join once more.
systemctl stop --no-block k3s.service clusterctl-etcd.service
kubectl delete --wait=false --ignore-not-found node "$node"
if grep -qsxE "replicas|rejoin-servers" "$guard/member"; then # what an earlier try had to leave where it is
    systemctl stop k3s.service clusterctl-etcd.service
    mv "$db" "$db.clusterctl-$(date +%s)" || exit 1
fi
exit 0
