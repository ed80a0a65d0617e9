# drain drain|uncordon NODE [OPTION...]: sends the pods of NODE elsewhere, with kubectl's options, and lets them come back.
# An annotation says how far that is: draining, or drained; and whether somebody else had cordoned the node before, which then
# stays so. It is set together with the cordon, so that neither is there without the other.
task=$1 node=$2 annotation=clusterctl.dev/drain
shift 2
kubectl() { k3s kubectl --request-timeout=10s "$@" </dev/null; }

found=$(kubectl get node "$node" -o 'jsonpath={.metadata.annotations.clusterctl\.dev/drain} {.spec.unschedulable}') || exit 1
state=${found%% *} cordoned=${found##* }
patch() { # patch VALUE UNSCHEDULABLE
    kubectl patch node "$node" --type=merge -p \
        "{\"metadata\":{\"annotations\":{\"$annotation\":$1}},\"spec\":{\"unschedulable\":$2}}"
}

case $task in
drain)
    case $state in
    '') [ "$cordoned" = true ] && kept=-cordoned || kept='' ;;
    *-cordoned) kept=-cordoned ;;
    *) kept='' ;;
    esac
    patch "\"draining$kept\"" true || exit 1
    k3s kubectl drain "$node" --ignore-daemonsets "$@" </dev/null || exit 1
    # Only where nobody has ended it meanwhile: this program may have outlived the run that began it.
    kubectl patch node "$node" --type=json -p "[
        {\"op\":\"test\",\"path\":\"/metadata/annotations/clusterctl.dev~1drain\",\"value\":\"draining$kept\"},
        {\"op\":\"replace\",\"path\":\"/metadata/annotations/clusterctl.dev~1drain\",\"value\":\"drained$kept\"}]"
    ;;
uncordon)
    case $state in
    '') ;;
    *-cordoned) patch null true ;;
    *) patch null null ;;
    esac
    ;;
esac
