# manifests [ROOT]: the configuration and the manifests that K3s reads on this node. Before each stands a line `file LINES PATH`; each
# of its lines comes whole. Files of more than 256 KiB are named only.
root=${1-}
for file in "$root"/etc/rancher/k3s/config.yaml "$root"/etc/rancher/k3s/config.yaml.d/*.yaml \
    "$root"/var/lib/rancher/k3s/server/manifests/*.yaml "$root"/var/lib/rancher/k3s/server/manifests/*.yml; do
    [ -f "$file" ] || continue
    size=$(wc -c <"$file") || continue
    if [ "$size" -gt 262144 ]; then
        printf 'skipped %s\n' "${file#"$root"}"
        continue
    fi
    printf 'file %s %s\n' "$(grep -c '' "$file")" "${file#"$root"}"
    grep '' "$file"
done
exit 0
