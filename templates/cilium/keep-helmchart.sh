# keep-helmchart: keeps the HelmChart of Cilium as it is before it is changed, for put-back-helmchart.
kept=/var/lib/clusterctl/cilium/helmchart-before.json
mkdir -p "${kept%/*}" || exit 1
if k3s kubectl get helmchart cilium -n kube-system -o json >"$kept.part" 2>/dev/null; then
    mv "$kept.part" "$kept"
else
    rm -f "$kept.part" "$kept"
fi
