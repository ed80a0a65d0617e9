# bgp-leftovers: what an earlier inventory has brought into the cluster for BGP, pools and an announced endpoint, and the
# present one no longer has.
#
#   none|remove SELECTOR KIND...
verb=$1 selector=$2
shift 2
kinds=$(IFS=, && echo "$*")
case $verb in
    none)
        # A cluster that does not answer, or does not know these kinds, has nothing that could be taken away now.
        found=$(k3s kubectl --request-timeout=10s get "$kinds" -A -l "$selector" -o name 2>/dev/null) || exit 0
        [ -z "$found" ]
        ;;
    remove) k3s kubectl --request-timeout=30s delete "$kinds" -A -l "$selector" --ignore-not-found ;;
esac
