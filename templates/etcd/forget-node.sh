# forget-node check|forget NODE dead|stopped [SERVER=URL...]: takes from the cluster what it keeps of NODE: its member of etcd,
# the node, its password, Cilium's note of it. "check" succeeds when there is nothing of it.
#
# A node whose machine nobody has stopped ("dead") is left alone while the cluster says that it is ready: it serves. Before a
# member is removed all other SERVERs must serve, asked at that moment. The member goes first, and K3s must have said so:
# while the node is there the next run finds it, and can go on.
task=$1 node=$2 mode=$3
shift 3
patience=60
secret=$node.node-password.k3s
kubectl() { k3s kubectl --request-timeout=10s "$@" </dev/null; }
fail() {
    echo "$*" >&2
    exit 1
}
seconds() { cut -d . -f 1 /proc/uptime; }
in_time() { # in_time WHY: another second, unless there is none left
    [ "$(seconds)" -lt "$end" ] || fail "$1"
    sleep 1
}
# Each prints nothing where the cluster keeps nothing.
known() { kubectl get node "$node" --ignore-not-found -o name; }
password() { kubectl get secret "$secret" -n kube-system --ignore-not-found -o name; }
noted() { kubectl get ciliumnodes.cilium.io "$node" --ignore-not-found -o name 2>/dev/null; } # no Cilium: no notes

if [ "$task" = check ]; then
    found=$(known && password) || exit 1
    found=$found$(noted)
    [ -z "$found" ]
    exit
fi

found=$(known) || exit 1
if [ -n "$found" ]; then
    facts=$(kubectl get node "$node" -o 'jsonpath={.status.conditions[?(@.type=="Ready")].status} {.metadata.labels.node-role\.kubernetes\.io/etcd}') ||
        exit 1
    [ "$mode" = stopped ] || [ "${facts%% *}" != True ] ||
        fail "$node is ready: its machine serves, and is not forgotten"
    if [ "${facts##* }" = true ]; then
        for pair in "$@"; do
            said=$(kubectl --server="${pair#*=}" get --raw /readyz 2>/dev/null) && [ "$said" = ok ] ||
                fail "${pair%%=*} does not serve; no member of etcd is removed meanwhile"
        done
        kubectl annotate --overwrite node "$node" etcd.k3s.cattle.io/remove=true || exit 1
        names='{.metadata.annotations.etcd\.k3s\.cattle\.io/node-name}={.metadata.annotations.etcd\.k3s\.cattle\.io/removed-node-name}'
        end=$(($(seconds) + patience))
        until said=$(kubectl get node "$node" -o "jsonpath=$names" 2>/dev/null) && [ -n "${said#*=}" ] &&
            { [ -z "${said%%=*}" ] || [ "${said%%=*}" = "${said#*=}" ]; }; do # an earlier member's removal may still be noted
            in_time "the member of etcd on $node is not removed: K3s was asked for it, and has not said that it is done"
        done
    fi
    kubectl delete node "$node" --wait=false --ignore-not-found || exit 1
fi
end=$(($(seconds) + patience))
until found=$(known) && [ -z "$found" ]; do in_time "the node $node was deleted, and is still there"; done
kubectl delete secret "$secret" -n kube-system --ignore-not-found || exit 1
kubectl delete ciliumnodes.cilium.io "$node" --ignore-not-found 2>/dev/null
exit 0
