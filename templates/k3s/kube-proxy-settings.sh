# kube-proxy-settings UNIT [FOLDER]: where it is said whether K3s runs kube-proxy here, in the order in which K3s reads it, a line "VALUE
# PLACE" each; the last one counts (K3s pkg/configfilearg). Nothing else of these files is shown.
folder=${2:-/etc/rancher/k3s}
for file in "$folder/config.yaml" "$folder"/config.yaml.d/*.yaml "$folder"/config.yaml.d/*.yml; do
    [ -f "$file" ] || continue
    value=$(sed -n "s/^[\"']\{0,1\}disable-kube-proxy[\"']\{0,1\}[[:space:]]*:[[:space:]]*[\"']\{0,1\}\([A-Za-z0-9]*\).*/\1/p" "$file" | tail -n 1)
    [ -z "$value" ] || printf '%s %s\n' "$value" "$file"
done | LC_ALL=C sort -s -k 2
# What the unit says comes last, whatever the files say.
systemctl show -p ExecStart -- "$1" 2>/dev/null | tr ' ' '\n' | sed -n \
    -e 's/^--disable-kube-proxy$/true unit/p' -e 's/^--disable-kube-proxy=\([A-Za-z0-9]*\)$/\1 unit/p' | tail -n 1
