# disruption: what a drain would have to wait for in vain, or would refuse: "budget NAMESPACE NAME SELECTOR" for each disruption
# budget that lets no pod go now, and "pod NAMESPACE NAME NODE WHY LABELS" for pods that draining sends away: those that
# nobody makes anew (alone), that have an emptyDir (local), and, where there is such a budget, all others (kept). Fields are
# separated by tabs. Pods of DaemonSets and of files, and those at their end, are not drained.
kubectl() { k3s kubectl --request-timeout=15s "$@" </dev/null; }
tab=$(printf '\t')
budgets=$(kubectl get poddisruptionbudgets -A -o \
    'jsonpath={range .items[*]}{.metadata.namespace}{"\t"}{.metadata.name}{"\t"}{.status.disruptionsAllowed}{"\t"}{.spec.selector}{"\n"}{end}') || exit 1
exhausted=$(printf '%s\n' "$budgets" | awk -F "$tab" 'NF == 4 && $3 + 0 == 0 { print "budget" FS $1 FS $2 FS $4 }')
labels='{.metadata.labels}'
[ -n "$exhausted" ] || labels=''
pods=$(kubectl get pods -A -o \
    "jsonpath={range .items[*]}{.metadata.namespace}{\"\\t\"}{.metadata.name}{\"\\t\"}{.spec.nodeName}{\"\\t\"}{.metadata.ownerReferences[*].kind}{\"\\t\"}{.metadata.annotations.kubernetes\\.io/config\\.mirror}{\"\\t\"}{.status.phase}{\"\\t\"}{range .spec.volumes[?(@.emptyDir)]}{.name} {end}{\"\\t\"}$labels{\"\\n\"}{end}") || exit 1
[ -z "$exhausted" ] || printf '%s\n' "$exhausted"
printf '%s\n' "$pods" | awk -F "$tab" -v all="$exhausted" '
    NF != 8 || $3 == "" || $4 ~ /DaemonSet/ || $5 != "" || $6 == "Succeeded" || $6 == "Failed" { next }
    {
        why = $4 == "" ? "alone" : ""
        if ($7 != "") why = why (why == "" ? "" : ",") "local"
        if (why == "" && all == "") next
        print "pod" FS $1 FS $2 FS $3 FS (why == "" ? "kept" : why) FS $8
    }'
