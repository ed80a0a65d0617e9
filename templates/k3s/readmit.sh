# readmit check|forget NODE=ADDRESS...: nodes without a disk of their own come back with a new node password.
#
# K3s refuses a known name with another password. Of a node that is not Ready, or at whose address no kubelet listens
# (the cluster takes some 40 s to notice), the password is forgotten, so that K3s takes the next one; a node that
# serves keeps its. "check" succeeds when there is nothing to forget.
task=$1
shift
kubectl() { k3s kubectl --request-timeout=10s "$@" </dev/null; }

secrets=$(kubectl get secrets -n kube-system -o name 2>/dev/null) || [ "$task" = forget ] || exit 0
ready=$(kubectl get nodes -o \
    'jsonpath={range .items[*]}{.metadata.name}={.status.conditions[?(@.type=="Ready")].status}{"\n"}{end}') || exit 1
serves() { # only a connection that is refused proves that no kubelet is there
    command -v curl >/dev/null 2>&1 || return 0
    curl -ks -m 3 -o /dev/null "https://$1:10250/healthz"
    [ $? -ne 7 ]
}
for pair in "$@"; do
    node=${pair%%=*}
    printf '%s\n' "$ready" | grep -qxF "$node=True" && serves "${pair#*=}" && continue
    printf '%s\n' "$secrets" | grep -qxF "secret/$node.node-password.k3s" || continue
    [ "$task" = forget ] || exit 1
    kubectl delete secret "$node.node-password.k3s" -n kube-system --ignore-not-found || exit 1
done
