# put-back-helmchart: takes Cilium's HelmChart back to what it was when the guard was armed.
#
# A chart that this run changed gets its earlier text again; one that this run brought is deleted, and Cilium with it.
# On a node where Cilium ran before and whose chart this run did not touch, nothing is done.
armed=/var/lib/clusterctl/guard/armed
kept=/var/lib/clusterctl/cilium/helmchart-before.json

kubectl() { k3s kubectl --request-timeout=5s "$@" </dev/null; }

if [ -n "$(find "$kept" -newer "$armed/complete" 2>/dev/null)" ]; then
    # Without the version that the API server gave it, so that the present one is replaced.
    grep -v '"resourceVersion":' "$kept" >"$kept.plain"
    kubectl replace -f "$kept.plain"
    exit
fi
[ ! -e "$armed/cilium" ] || exit 0

kubectl delete helmchart cilium -n kube-system --ignore-not-found --wait=false
waited=0
while [ "$waited" -lt 60 ]; do
    left=$(kubectl get daemonset cilium -n kube-system --ignore-not-found -o name 2>/dev/null) && [ -z "$left" ] && exit 0
    sleep 1
    waited=$((waited + 1))
done
echo "the DaemonSet of Cilium is still there" >&2
exit 1
