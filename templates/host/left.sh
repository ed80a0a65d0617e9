# left running|all PATH...: names what is left of K3s on this node, a line each, and fails where something is.
#
# The program beside the guard knows. Where it is missing, who begins brings it; the node is clean then, or not yet reset by
# this version of clusterctl.
state=/var/lib/clusterctl
if [ -f "$state/guard/reset.sh" ]; then exec sh "$state/guard/reset.sh" left "$@"; fi
shift
for path in "$@" "$state" /etc/rancher/k3s/config.yaml /var/lib/rancher/k3s/server /sys/class/net/cilium_host; do
    if [ -e "$path" ] || [ -h "$path" ]; then echo "$path"; fi
done | grep . || exit 0
exit 1
