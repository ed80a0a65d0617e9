"""The long flag names of `k3s server` and `k3s agent`, which are the keys of config.yaml as well."""

BOTH_STRINGS = """config vmodule log token token-file server data-dir node-name image-credential-provider-bin-dir
image-credential-provider-config container-runtime-endpoint default-runtime image-service-endpoint pause-image
snapshotter private-registry bind-address resolv-conf flannel-iface flannel-conf flannel-cni-conf vpn-auth vpn-auth-file
v lb-server-port""".split()
BOTH_BOOLEANS = """debug alsologtostderr with-node-id selinux protect-kernel-defaults disable-default-registry-endpoint
nonroot-devices enable-pprof rootless prefer-bundled-bin docker""".split()
BOTH_LISTS = """node-label node-taint airgap-extra-registry node-ip node-external-ip node-internal-dns node-external-dns
kubelet-arg kube-proxy-arg""".split()

SERVER_STRINGS = """apiserver-bind-address advertise-address service-node-port-range cluster-domain flannel-backend
egress-selector-mode servicelb-namespace write-kubeconfig write-kubeconfig-mode write-kubeconfig-group helm-job-image
agent-token agent-token-file cluster-reset-restore-path datastore-endpoint datastore-cafile datastore-certfile
datastore-keyfile etcd-snapshot-name etcd-snapshot-schedule-cron etcd-snapshot-dir etcd-s3-endpoint etcd-s3-endpoint-ca
etcd-s3-access-key etcd-s3-secret-key etcd-s3-session-token etcd-s3-bucket etcd-s3-bucket-lookup-type etcd-s3-region
etcd-s3-folder etcd-s3-proxy etcd-s3-config-secret default-local-storage-path system-default-registry
secrets-encryption-provider https-listen-port supervisor-port apiserver-port advertise-port etcd-snapshot-retention
etcd-s3-retention etcd-snapshot-reconcile-interval etcd-s3-timeout""".split()
SERVER_BOOLEANS = """tls-san-security flannel-ipv6-masq flannel-external-ip cluster-init cluster-reset kine-tls
etcd-expose-metrics etcd-disable-snapshots etcd-snapshot-compress etcd-s3 etcd-s3-skip-ssl-verify etcd-s3-insecure
disable-scheduler disable-cloud-controller disable-kube-proxy disable-network-policy disable-helm-controller
disable-apiserver disable-controller-manager disable-etcd embedded-registry supervisor-metrics secrets-encryption
disable-agent""".split()
SERVER_LISTS = """tls-san cluster-cidr service-cidr cluster-dns kube-apiserver-arg etcd-arg kube-controller-manager-arg
kube-scheduler-arg helm-controller-arg kube-cloud-controller-manager-arg disable kube-controller-arg
kube-cloud-controller-arg""".split()

KINDS = {
    "server": {
        **dict.fromkeys(BOTH_STRINGS + SERVER_STRINGS, "string"),
        **dict.fromkeys(BOTH_BOOLEANS + SERVER_BOOLEANS, "bool"),
        **dict.fromkeys(BOTH_LISTS + SERVER_LISTS, "list"),
    },
    "agent": {
        **dict.fromkeys(BOTH_STRINGS, "string"),
        **dict.fromkeys(BOTH_BOOLEANS + ["disable-apiserver-lb"], "bool"),
        **dict.fromkeys(BOTH_LISTS, "list"),
    },
}
ALIASES = {"c": "config", "d": "data-dir", "s": "server", "t": "token", "a": "bind-address", "o": "write-kubeconfig",
           "service-cluster-ip-range": "service-cidr"}
