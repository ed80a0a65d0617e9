# left running|all PATH...: names what is left of K3s on this node, a line each, and fails where something is.
#
# The program beside the guard knows. Where it is missing, who begins brings it; the node is clean then, or not yet reset by
# this version of clusterctl.
state=/var/lib/clusterctl
if [ -f "$state/guard/reset.sh" ]; then exec sh "$state/guard/reset.sh" left "$@"; fi
shift
is_ours() { # as reset's: a configuration that came back is none of ours
    case $1 in
        */clusterctl*) return ;;
        /usr/local/bin/k3s) case $(readlink "$1") in /usr/local/lib/clusterctl/*) return ;; esac ;;
    esac
    head -n 3 "$1" 2>/dev/null | grep -q 'Written by clusterctl'
}
{
    for path in "$@"; do
        if { [ -e "$path" ] || [ -h "$path" ]; } && is_ours "$path"; then echo "$path"; fi
    done
    for path in "$state" /etc/rancher/k3s/config.yaml /var/lib/rancher/k3s/server /sys/class/net/cilium_host; do
        if [ -e "$path" ]; then echo "$path"; fi
    done
} | grep . || exit 0
exit 1
