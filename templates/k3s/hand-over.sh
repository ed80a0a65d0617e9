# hand-over: which nodes the cluster's own controller (system-upgrade-controller) may change. Its Plans select nodes by a label.
#   is-given NODE PLAN VALUE        succeeds when NODE has the label with VALUE, and the controller has not done with it
#   give NODE PLAN VALUE [worker]   sets the label; the controller's own mark of an earlier roll-out goes. A worker is written down
#                                   as one to let pods onto again, since the controller cordons it
#   end NODE PLAN [URL...]          takes the label off, ends what the controller has under way there, lets pods onto it again
#   is-afresh PLAN PLAN             succeeds when no job of these Plans has come to its end
#   afresh PLAN PLAN                takes such Plans away, with their jobs: the controller begins no job a second time
#   is-withdrawn PLAN PLAN          succeeds when nothing of all that is left
#   withdraw PLAN PLAN [URL...]     takes Plans, jobs and labels away
# URL are the servers, in case that the one here does not answer just now.
task=$1
shift
space=system-upgrade mark=clusterctl.dev/turn done_by=plan.upgrade.cattle.io of=upgrade.cattle.io
server=''
kubectl() { k3s kubectl ${server:+"--server=$server"} --request-timeout=10s "$@" </dev/null; }
delete() { k3s kubectl ${server:+"--server=$server"} -n "$space" delete --ignore-not-found --timeout=40s "$@" </dev/null; }
find_server() { # find_server URL...: one that is ready, this node's own before all others; it may just be started anew
    for attempt in 1 2 3 4 5 6 7 8 9 10; do
        [ "$attempt" = 1 ] || sleep 2
        for server in '' "$@"; do
            said=$(k3s kubectl ${server:+"--server=$server"} --request-timeout=3s get --raw /readyz 2>/dev/null </dev/null) &&
                [ "$said" = ok ] && return
        done
    done
    echo "no server's API is ready" >&2
    return 1
}
plans() { kubectl -n "$space" get "plans.$of" "$@" --ignore-not-found -o name; }
jobs_of() { echo "$of/plan in ($1,$2)"; }
ended() {
    said=$(kubectl -n "$space" get jobs -l "$(jobs_of "$@")" -o \
        'jsonpath={range .items[*]}{.metadata.name}{"\t"}{.status.conditions[?(@.status=="True")].type}{"\n"}{end}') || return 1
    printf '%s\n' "$said" | awk -F '\t' '$2 ~ /Complete|Failed/ { print $1 }'
}
marked() { kubectl get nodes -l "$1" -o name; }

case $task in
is-given)
    found=$(kubectl get node "$1" -o "jsonpath={.metadata.labels.clusterctl\\.dev/turn} {.metadata.labels.plan\\.upgrade\\.cattle\\.io/$2}")
    [ "$found" = "$3 " ]
    ;;
give)
    noted=''
    [ "${4:-}" != worker ] || noted=',"annotations":{"clusterctl.dev/drain":"handed-over"}'
    kubectl patch node "$1" --type=merge -p "{\"metadata\":{\"labels\":{\"$mark\":\"$3\",\"$done_by/$2\":null}$noted}}"
    ;;
end)
    node=$1 plan=$2
    shift 2
    find_server "$@" || exit 1
    kubectl patch node "$node" --type=merge -p "{\"metadata\":{\"labels\":{\"$mark\":null,\"$done_by/$plan\":null}}}" || exit 1
    # Its pods as well: one may just be draining the node. Those of a node without a kubelet do not go, and drain nothing for long.
    delete jobs,pods -l "$of/plan=$plan,$of/node=$node" || echo "not all pods of the controller on $node are gone" >&2
    kubectl patch node "$node" --type=merge -p '{"metadata":{"annotations":{"clusterctl.dev/drain":null}},"spec":{"unschedulable":null}}'
    ;;
is-afresh) found=$(ended "$@") && [ -z "$found" ] ;;
afresh)
    delete "plans.$of" "$1" "$2" || exit 1
    found=$(ended "$@") || exit 1
    for job in $found; do delete job "$job" || exit 1; done
    ;;
is-withdrawn)
    found=$(plans "$1" "$2") && [ -z "$found" ] || exit 1
    for label in "$mark" "$done_by/$1" "$done_by/$2"; do
        found=$(marked "$label") && [ -z "$found" ] || exit 1
    done
    ;;
withdraw)
    first=$1 second=$2
    shift 2
    find_server "$@" || exit 1
    delete "plans.$of" "$first" "$second" || exit 1
    delete jobs,pods -l "$(jobs_of "$first" "$second")" || echo "not all pods of the controller are gone" >&2
    for label in "$mark" "$done_by/$first" "$done_by/$second"; do
        kubectl label nodes -l "$label" "$mark-" "$done_by/$first-" "$done_by/$second-" || exit 1
    done
    ;;
*)
    echo "hand-over: wrong usage" >&2
    exit 64
    ;;
esac
