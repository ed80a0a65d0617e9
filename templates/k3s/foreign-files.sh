# foreign-files [ROOT]: what K3s reads on this node besides its config.yaml, a line each: the kind, a blank, and the path. K3s' own
# manifests are left out: it writes them anew at each start (K3s pkg/deploy).
root=${1-}
dir=$root/etc/rancher/k3s/config.yaml.d
for file in "$dir"/*.yaml "$dir"/*.yml; do
    [ ! -f "$file" ] || printf 'config %s\n' "${file#"$root"}"
done
for unit in k3s k3s-agent; do
    for file in "$root"/etc/systemd/system/$unit.service.d/*.conf; do
        [ ! -f "$file" ] || printf 'unit %s\n' "${file#"$root"}"
    done
done
dir=$root/var/lib/rancher/k3s/server/manifests
for file in "$dir"/*.yaml "$dir"/*.yml "$dir"/*.json; do
    case ${file##*/} in
    ccm.yaml | coredns.yaml | local-storage.yaml | rolebindings.yaml | runtimes.yaml | traefik.yaml) continue ;;
    esac
    [ ! -f "$file" ] || printf 'manifest %s\n' "${file#"$root"}"
done
exit 0
