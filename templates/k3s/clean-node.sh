# clean-node check|clean: removes what this machine knows of a cluster that has forgotten it: etcd's data and copies of them, the
# cluster's keys, those of its kubelet, and settings that other verbs have added. Images stay, and so does what runs here.
# "check" succeeds when there is nothing of it.
task=$1
state=/var/lib/clusterctl guard=/var/lib/clusterctl/guard rancher=/var/lib/rancher/k3s
left() {
    for path in "$rancher/server" "$guard/member" "$rancher"/agent/*.crt "$rancher"/agent/*.key "$rancher"/agent/*.kubeconfig \
        "$state"/bgp "$state"/etcd /etc/rancher/k3s/k3s.yaml /etc/rancher/k3s/config.yaml.d/90-clusterctl-*.yaml; do
        [ ! -e "$path" ] || echo "$path"
    done
}
if [ "$task" = check ]; then
    [ -z "$(left)" ]
    exit
fi
# A member that the guard has kept without K3s.
systemctl disable --now clusterctl-etcd.service 2>/dev/null
case $(systemctl show -p ActiveState k3s.service k3s-agent.service) in
*=active* | *=activating*)
    echo 'K3s runs here' >&2
    exit 1
    ;;
esac
left | while read -r path; do rm -rf -- "$path" || exit 1; done
[ -z "$(left)" ]
