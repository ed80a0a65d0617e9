# put-back-helmchart [MEMBER]: takes Cilium's HelmChart back to what it was when the guard was armed.
#
# A chart that this run changed gets its earlier text again; one that this run brought is deleted, and Cilium with it.
# On a node where Cilium ran before and whose chart this run did not touch, nothing is done. With MEMBER the chart is
# another node's to put back, and that is waited for.
#
# It fails where the Cilium of this node would come back as the phase has made it. After a restart K3s runs without its
# agent meanwhile: then nothing here can take Cilium away, and only other nodes can take a chart back.
armed=/var/lib/clusterctl/guard/armed
kept=$armed/helmchart.json
patience=60

kubectl() { k3s kubectl --request-timeout=5s "$@" </dev/null; }
has_agent() { systemctl is-active --quiet k3s.service; }
chart_is_as_before() { # by what is applied, which names the whole of it
    kubectl get helmchart cilium -n kube-system -o json >"$kept.now" &&
        [ "$(grep clusterctl.dev/applied "$kept.now")" = "$(grep clusterctl.dev/applied "$kept")" ]
}
is_deployed() {
    [ "$(kubectl get job helm-install-cilium -n kube-system -o 'jsonpath={.status.succeeded}')" = 1 ]
}
await() { # await WHAT COMMAND...: for three seconds on end
    what=$1 waited=0 long=0
    shift
    while [ "$long" -lt 3 ]; do
        if [ "$waited" -ge "$patience" ]; then
            echo "$what" >&2
            exit 1
        fi
        if "$@" 2>/dev/null; then long=$((long + 1)); else long=0; fi
        sleep 1
        waited=$((waited + 1))
    done
}
is_settled() { chart_is_as_before && is_deployed; }
is_gone() { left=$(kubectl get daemonset cilium -n kube-system --ignore-not-found -o name) && [ -z "$left" ]; }

if [ -f "$kept" ]; then
    if [ -z "${1:-}" ]; then
        # Without the version that the API server gave it, so that the present one is replaced.
        grep -v '"resourceVersion":' "$kept" >"$kept.plain"
        until kubectl replace -f "$kept.plain"; do
            [ "$patience" -gt 0 ] || exit 1
            sleep 1
            patience=$((patience - 1))
        done
        ! has_agent || exit 0
    fi
    await 'the chart of Cilium is not as it was' is_settled
    exit 0
fi
[ -z "${1:-}" ] && [ ! -e "$armed/cilium" ] || exit 0
if ! has_agent; then
    echo 'Cilium cannot be taken away while no agent of K3s runs' >&2
    exit 1
fi
kubectl delete helmchart cilium -n kube-system --ignore-not-found --wait=false
await 'the DaemonSet of Cilium is still there' is_gone
