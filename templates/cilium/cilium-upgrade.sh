# cilium-upgrade VERB...: Cilium changed one node at a time, through the API of the server that this runs on.
#
#   state                 the chart, the DaemonSets and the operator, a line each
#   keep                  the chart that is there is kept in the cluster until 'forget'; what was kept first counts while
#                         the chart is held
#   is-kept, is-forgotten whether nothing is left to do for that
#   forget
#   turn NODE VALUES [here]
#                         Cilium's pods on NODE (which this runs on) go, so that others come from the DaemonSets, which must
#                         have these VALUES; only while every other node's Cilium is ready
#   hold                  the chart as it is, but held
#   back-chart            the kept chart again: held, where a pod is of another one already
#   back NODE [here]      the kept chart again, held, and Cilium's pods on NODE (which this runs on) from it
#
# Held: its DaemonSets replace no pod by themselves (OnDelete). All changes of the chart are made as the one manager of its
# fields, so that what an earlier change had and a later one has not goes away.
name=clusterctl-cilium-upgrade
root=${CLUSTERCTL_STATE:-/var/lib/clusterctl}
armed=$root/guard/armed
begun=$root/cilium-turn # whose pods were deleted from here last: where none was there is nothing to take back
# Seconds, which together are less than a way back may take: until the API answers, once more without the new agent, and until
# the chart's job is through.
patience=45 again=25 whole=100
others=60
hold='{"metadata":{"annotations":{"clusterctl.dev/applied":"held"},"resourceVersion":null,"uid":null,
    "creationTimestamp":null,"generation":null,"managedFields":null,"finalizers":null,"ownerReferences":null},
    "status":null,"spec":{"set":{"updateStrategy.type":"OnDelete","envoy.updateStrategy.type":"OnDelete"}}}'
release='{"metadata":{"resourceVersion":null,"uid":null,"creationTimestamp":null,"generation":null,
    "managedFields":null,"finalizers":null,"ownerReferences":null},"status":null}'

kubectl() { k3s kubectl --request-timeout=10s "$@" </dev/null; }
apply() { k3s kubectl --request-timeout=10s apply --server-side --force-conflicts --field-manager=clusterctl -f "$1" </dev/null; }
seconds() { cut -d . -f 1 /proc/uptime; }
die() { echo "$*" >&2 && exit 1; }

get_chart() { # get_chart FILE: false where the cluster cannot be asked; an empty file where there is none
    kubectl get helmchart cilium -n kube-system --ignore-not-found -o json >"$1"
}
is_held() { grep -q '"updateStrategy.type": *"OnDelete"' "$1"; } # is_held FILE: in values in the file quotes are escaped
get_kept() { # get_kept KEY FILE
    kubectl get configmap "$name" -n kube-system --ignore-not-found -o "jsonpath={.data.$1}" >"$2"
}
daemonset() { # daemonset NAME JSONPATH
    kubectl get daemonset "$1" -n kube-system --ignore-not-found -o "jsonpath=$2"
}
template='{.spec.template.metadata.annotations.clusterctl\.dev/values}'
pods() { # pods LABEL: node, name, whether ready, values
    kubectl get pods -n kube-system -l "k8s-app=$1" -o 'jsonpath={range .items[*]}{.spec.nodeName}{"\t"}{.metadata.name}{"\t"}{.status.conditions[?(@.type=="Ready")].status}{"\t"}{.metadata.annotations.clusterctl\.dev/values}{"\n"}{end}'
}
bounded() { timeout "$@"; }
left() { echo $((started + whole - $(seconds))); }
await() { # await WORDS SECONDS COMMAND..., once at least
    words=$1 end=$(($(seconds) + $2))
    shift 2
    until "$@" 2>/dev/null; do
        [ "$(seconds)" -lt "$end" ] || { echo "$words" >&2 && return 1; }
        sleep 1
    done
}

state() {
    kubectl get helmchart cilium -n kube-system --ignore-not-found \
        -o 'jsonpath={"chart\t"}{.spec.version}{"\t"}{.spec.set.updateStrategy\.type}{"\n"}' || exit 1
    for set in cilium cilium-envoy; do
        daemonset "$set" '{"daemonset\t"}{.metadata.name}{"\t"}{.spec.updateStrategy.type}{"\t"}'"$template"'{"\n"}' || exit 1
    done
    kubectl get deployment cilium-operator -n kube-system --ignore-not-found \
        -o 'jsonpath={"operator\t"}{.spec.replicas}{"\t"}{.status.updatedReplicas}{"\t"}{.status.readyReplicas}{"\t"}{.metadata.generation}{"\t"}{.status.observedGeneration}{"\n"}'
}

is_kept() { get_chart "$work/chart" && is_held "$work/chart" && get_kept chart "$work/kept" && [ -s "$work/kept" ]; }
keep() {
    get_chart "$work/chart.json" || exit 1
    [ -s "$work/chart.json" ] || die 'there is no HelmChart kube-system/cilium'
    if is_held "$work/chart.json"; then
        get_kept chart "$work/kept" || exit 1
        [ ! -s "$work/kept" ] || return 0
    fi
    values=$(daemonset cilium "$template") || exit 1
    k3s kubectl create configmap "$name" -n kube-system --from-file=chart="$work/chart.json" \
        --from-literal=values="$values" --dry-run=client -o json >"$work/map.json" </dev/null && apply "$work/map.json"
}
is_forgotten() { get_kept chart "$work/kept" && [ ! -s "$work/kept" ]; }
forget() { kubectl delete configmap "$name" -n kube-system --ignore-not-found; }

# ---- one node's turn

others_are_ready() { # others_are_ready NODE
    wanted=$(daemonset cilium '{.status.desiredNumberScheduled}') && pods cilium >"$work/pods" || return
    unready=$(awk -F '\t' -v node="$1" '$1 != node && $3 != "True" { print $1; exit }' "$work/pods")
    ready=$(awk -F '\t' -v node="$1" '$1 != node && $3 == "True"' "$work/pods" | wc -l)
    [ -z "$unready" ] && [ "$ready" -ge $((${wanted:-0} - 1)) ]
}
fetch_images() { # what the new pods need, so that the node is not without an agent while it is fetched; kubelet has the last word
    for set in cilium cilium-envoy; do
        for image in $(daemonset "$set" '{.spec.template.spec.containers[*].image}'); do
            k3s crictl inspecti "$image" >/dev/null 2>&1 </dev/null ||
                bounded 240 k3s crictl pull "$image" >"$work/pull" 2>&1 </dev/null ||
                echo "$image is not fetched beforehand: $(tail -n 1 "$work/pull")"
        done
    done
}
delete_pods() { # delete_pods NODE VALUES: those of Envoy before the agent's, whose values say that both are through
    pods cilium >"$work/pods" || return
    [ -n "$(awk -F '\t' -v node="$1" -v values="$2" '$1 == node && $4 != values' "$work/pods")" ] || return 0
    pods cilium-envoy >"$work/envoy" || return
    for pod in $(awk -F '\t' -v node="$1" '$1 == node { print $2 }' "$work/envoy") \
        $(awk -F '\t' -v node="$1" -v values="$2" '$1 == node && $4 != values { print $2 }' "$work/pods"); do
        kubectl delete pod "$pod" -n kube-system --wait=false --ignore-not-found || return
    done
}
has_values() { # has_values NODE VALUES
    pods cilium >"$work/pods" &&
        [ -n "$(awk -F '\t' -v node="$1" -v values="$2" '$1 == node && $4 == values && $3 == "True"' "$work/pods")" ]
}
note_turn() { mkdir -p "$root" && echo "$1" >"$begun.new" && mv -f "$begun.new" "$begun"; }
turn() { # turn NODE VALUES
    pods cilium >"$work/pods" || exit 1
    there=$(awk -F '\t' -v node="$1" '$1 == node { print $4 }' "$work/pods")
    if [ "$there" = "$2" ]; then # an earlier run has done it; it may have to be taken back all the same
        note_turn "$1"
        return
    fi
    rm -f "$begun"
    for set in cilium cilium-envoy; do
        found=$(daemonset "$set" '{.spec.updateStrategy.type}') || exit 1
        [ -z "$found" ] && [ "$set" = cilium-envoy ] || [ "$found" = OnDelete ] ||
            die "the DaemonSet $set replaces pods by itself, or is not there: nothing was changed"
    done
    [ "$(daemonset cilium "$template")" = "$2" ] || die 'the DaemonSet of Cilium is not of this run: nothing was changed'
    unready=''
    await 'waited in vain' "$others" others_are_ready "$1" 2>/dev/null ||
        die "Cilium is not ready on ${unready:-every other node}; this one is not changed as well"
    [ "${3:-}" != here ] || fetch_images
    note_turn "$1" && delete_pods "$1" "$2"
}

# ---- the way back

# The new agent's programs have the names of the earlier one's, so that the guard's own rungs, which go by what was not there
# before, leave them. When the clock has run out nobody gets in: then they all go from the links, which needs no API. The
# earlier agent attaches its own when it starts.
detach_programs() { # detach_programs [REASON]: where a way back is under way, for this reason or for any
    reason=$(cat "$armed/firing" 2>/dev/null) && [ "$reason" = "${1:-$reason}" ] || return 0
    (
        set -- lib
        . "${armed%/armed}/guard.sh" || exit
        work=$(mktemp -d) && mkdir "$work/without" || exit
        attachments | while read -r link what more; do
            case "$link $what $more" in
                pins* | cgroup*) ;;
                *cil_*) continue ;;
                *' xdp ') ! ip -d -o link show dev "$link" | grep -q cil_xdp || continue ;;
            esac
            echo "$link $what${more:+ $more}"
        done >"$work/without/attachments"
        armed=$work/without
        detach
        rm -rf "$work"
    )
}
stop_agent() { # until K3s starts it anew; what it has attached meanwhile goes, too
    for container in $(k3s crictl ps --name cilium-agent -q 2>/dev/null </dev/null); do
        bounded 10 k3s crictl stop --timeout 2 "$container" </dev/null >&2
    done
    detach_programs
}
has_agent() { systemctl is-active --quiet k3s.service; }

put_back() { # put_back PATCH
    [ -s "$work/kept.json" ] || get_kept chart "$work/kept.json" || return
    [ -s "$work/kept.json" ] || return 0 # nothing was changed before it was kept
    get_kept values "$work/values" &&
        k3s kubectl patch --local -f "$work/kept.json" --type=merge -p "$1" -o json >"$work/back.json" </dev/null &&
        apply "$work/back.json"
}
is_back() { [ "$(daemonset cilium "$template")" = "$(cat "$work/values")" ] && is_installed; }
is_installed() { # the chart's job is the one of the present chart, and is through
    [ "$(kubectl get job helm-install-cilium -n kube-system -o 'jsonpath={.status.succeeded}')" = 1 ]
}
silent='the API cannot be asked to put the chart of Cilium back'
back() { # back NODE [here]
    [ "$(cat "$begun" 2>/dev/null)" = "$1" ] || return 0
    detach_programs deadline
    if ! await "$silent" "$patience" put_back "$hold"; then
        [ "$2" = here ] || exit 1 # the agent here is another node's
        stop_agent # which may be what keeps the other servers from this one
        await "$silent" "$again" put_back "$hold" || exit 1
    fi
    [ -s "$work/kept.json" ] || return 0
    await "the DaemonSet of Cilium is not as it was" "$(left)" is_back || exit 1
    await "Cilium's pods on $1 cannot be deleted" 10 delete_pods "$1" "$(cat "$work/values")" || exit 1
    # Where this node's own K3s is stopped, its pods come back when it runs.
    [ ! -f "$armed/firing" ] || has_agent || return 0
    await "the earlier Cilium on $1 is not ready yet" 30 has_values "$1" "$(cat "$work/values")" && return
    [ -f "$armed/firing" ] # the guard has done what it can; whoever asked for it from afar is told
}
back_chart() {
    await "$silent" "$patience" put_back_chart || exit 1
    [ -s "$work/kept.json" ] || return 0
    await "the DaemonSet of Cilium is not as it was" "$(left)" is_back
}
put_back_chart() {
    get_kept values "$work/values" && pods cilium >"$work/pods" || return
    if [ -n "$(awk -F '\t' -v values="$(cat "$work/values")" '$4 != values' "$work/pods")" ]; then
        put_back "$hold"
    else
        put_back "$release"
    fi
}
hold() { await 'the API cannot be asked to hold the chart of Cilium' "$whole" hold_chart; } # K3s may just be starting
hold_chart() {
    get_chart "$work/present.json" || return
    [ -s "$work/present.json" ] || return 0
    k3s kubectl patch --local -f "$work/present.json" --type=merge -p "$hold" -o json >"$work/held.json" </dev/null &&
        apply "$work/held.json"
}

umask 077
started=$(seconds)
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
trap 'exit 143' TERM INT HUP
case ${1:-}/$# in
    turn/3 | turn/4) turn "$2" "$3" "${4:-}" ;;
    back/2 | back/3) back "$2" "${3:-}" ;;
    state/1 | keep/1 | forget/1 | hold/1) "$1" ;;
    is-kept/1) is_kept ;;
    is-forgotten/1) is_forgotten ;;
    back-chart/1) back_chart ;;
    *) exit 2 ;;
esac
