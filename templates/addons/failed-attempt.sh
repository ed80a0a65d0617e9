# failed-attempt check|forget NAME NAMESPACE DIGEST: what an attempt that failed has left of the release NAME.
#
# With failurePolicy abort Helm's job does nothing once the newest release is a failed one, and K3s starts no other job
# while the HelmChart stays as it is. So the record of that release is deleted, and then the one before counts again;
# and the job that has given up, if the HelmChart has DIGEST already: else K3s replaces it when the chart changes, and
# would first start the earlier one once more. Nothing that the chart has made is touched. "check" succeeds when no job
# has given up.
task=$1 name=$2 namespace=$3 digest=$4
kubectl() { k3s kubectl --request-timeout=10s "$@" </dev/null; }

job=$(kubectl get job "helm-install-$name" -n kube-system --ignore-not-found -o \
    'jsonpath={.status.conditions[?(@.type=="Failed")].status}' 2>/dev/null)
[ "$job" = True ] || exit 0
[ "$task" = forget ] || exit 1
releases=$(kubectl get secrets -n "$namespace" -l "owner=helm,name=$name" -o \
    'jsonpath={range .items[*]}{.metadata.labels.version} {.metadata.labels.status}{"\n"}{end}') || exit 1
newest=$(echo "$releases" | sort -n | tail -n 1)
case $newest in
    *' failed' | *' pending-install' | *' pending-rollback')
        kubectl delete secret "sh.helm.release.v1.$name.v${newest%% *}" -n "$namespace" --ignore-not-found || exit 1
        ;;
esac
applied=$(kubectl get helmchart "$name" -n kube-system --ignore-not-found -o \
    'jsonpath={.metadata.annotations.clusterctl\.dev/applied}') || exit 1
[ "$applied" != "$digest" ] || kubectl delete job "helm-install-$name" -n kube-system --ignore-not-found
