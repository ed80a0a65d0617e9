"""Where K3s keeps its files; the stand-in keeps them in the same places."""

import os

DATA = "/var/lib/rancher/k3s"
SERVER = DATA + "/server"
TLS = SERVER + "/tls"
ETCD_TLS = TLS + "/etcd"
ETCD_DATA = SERVER + "/db/etcd"
TOMBSTONE = ETCD_DATA + "/tombstone"
RESET_FLAG = SERVER + "/db/reset-flag"
AGENT = DATA + "/agent"
KUBECONFIG = "/etc/rancher/k3s/k3s.yaml"
CONFIG = "/etc/rancher/k3s/config.yaml"
POD_MANIFESTS = AGENT + "/pod-manifests"
NODE_PASSWORD = "/etc/rancher/node/password"
CNI_CONFIG = "/etc/cni/net.d/05-cilium.conflist"

# Below /run, so that a reboot ends every "container".
RUN = "/run/k3s"
CONTAINERS = RUN + "/containers.json"
CILIUM_STATUS = "/run/cilium/status.json"
FAULTS = "/etc/clusterctl-lab/faults"

API_PORT = 6443
LOCAL_PORT = 6444
KUBELET_PORT = 10250
HEALTH_PORT = 10248
PROXY_PORT = 10249


def fault(name, release=None):
    """True while the lab's fault of this name is set on this node (`lab fault`), for all versions or for this one, which is
    K3s' where none is given."""
    return read(os.path.join(FAULTS, name)) in ("", release or version())


def write(path, text, mode=0o644):
    """Replaces a file as a whole."""
    os.makedirs(os.path.dirname(path), exist_ok=True)
    descriptor = os.open(path + ".new", os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
    os.chmod(path + ".new", mode)
    os.rename(path + ".new", path)


def read(path):
    """Text of a file without white space around it, or None."""
    try:
        with open(path, encoding="utf-8") as file:
            return file.read().strip()
    except OSError:
        return None


def version():
    """The version this stand-in was packaged as, such as v1.35.7+k3s1."""
    import pkgutil

    try:
        return pkgutil.get_data(__package__, "version.txt").decode().strip()
    except OSError:
        return "v1.35.7+k3s1"
