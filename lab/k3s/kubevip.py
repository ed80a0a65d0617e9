"""What the image of kube-vip does here: a lease elects the holder, and the holder has the address on its link."""

import base64
import datetime
import json
import os
import re
import signal
import ssl
import subprocess
import tempfile
import time

from . import paths
from .ends import Crash, Stopped
from .kube import Kube
from .web import Unreachable, WebError

_HONOURS_CONFIG_FILE = (1, 2, 2)
_SURVIVOR = paths.RUN + "/kube-vip.pid"


def _from_kubeconfig(container, file):
    """A client by a kubeconfig, as its first cluster and user say."""
    import yaml

    with open(file, encoding="utf-8") as stream:
        document = yaml.safe_load(stream)
    cluster, user = document["clusters"][0]["cluster"], document["users"][0]["user"]
    host, _, port = cluster["server"].removeprefix("https://").rpartition(":")
    context = ssl.create_default_context(cadata=base64.b64decode(cluster["certificate-authority-data"]).decode())
    with tempfile.TemporaryDirectory() as directory:
        names = []
        for key in ("client-certificate-data", "client-key-data"):
            names.append(os.path.join(directory, key))
            with open(os.open(names[-1], os.O_WRONLY | os.O_CREAT, 0o600), "wb") as stream:
                stream.write(base64.b64decode(user[key]))
        context.load_cert_chain(*names)
    client = Kube(host.strip("[]"), port, context, timeout=3)
    try:
        client.client.json("GET", "/version")
    except (Unreachable, WebError) as error:
        raise Crash(f"error creating Kubernetes client from {file}: {error}") from error
    return client


def _version(image):
    numbers = re.search(r":v?(\d+)\.(\d+)\.(\d+)", image)
    return tuple(int(number) for number in numbers.groups()) if numbers else _HONOURS_CONFIG_FILE


def _client(container):
    """By k8s_config_file, by /etc/kubernetes/admin.conf, or as the service account does it."""
    wanted = container.env.get("k8s_config_file", "")
    if wanted and _version(container.image) < _HONOURS_CONFIG_FILE:
        container.log('level=warn msg="k8s_config_file is not honoured by this version"')
        wanted = ""
    for path in filter(None, (wanted, "/etc/kubernetes/admin.conf")):
        file = container.mounted(path)
        if file and os.path.isfile(file):
            return _from_kubeconfig(container, file)
        if path == wanted:
            raise Crash(f"could not load k8s_config_file {path}: no such file or directory")
    client = container.api()
    _require_rights(container, client)
    return client


def _require_rights(container, client):
    """The service account must be bound to a role that lets it keep leases."""
    account = container.pod["spec"].get("serviceAccountName", "default")
    namespace = container.pod["metadata"]["namespace"]
    for bindings, roles in (("clusterrolebindings", "clusterroles"), ("rolebindings", "roles")):
        for binding in client.list(bindings):
            if not any(subject.get("name") == account and subject.get("namespace") == namespace
                       for subject in binding.get("subjects") or []):
                continue
            kind = "clusterroles" if binding["roleRef"]["kind"] == "ClusterRole" else roles
            role = client.find(kind, binding["metadata"].get("namespace"), binding["roleRef"]["name"])
            for rule in (role or {}).get("rules") or []:
                if {"leases", "*"} & set(rule.get("resources") or []) and \
                        ("*" in rule["verbs"] or {"get", "create", "update"} <= set(rule["verbs"])):
                    return
    raise Crash(f'error retrieving resource lock: leases.coordination.k8s.io is forbidden: User '
                f'"system:serviceaccount:{namespace}:{account}" cannot get resource "leases" in API group '
                f'"coordination.k8s.io"')


def _interface(container):
    wanted = container.env.get("vip_interface")
    if not wanted:
        routes = json.loads(subprocess.run(["ip", "-j", "route", "show", "default"], capture_output=True, text=True,
                                           check=True).stdout)
        if not routes:
            raise Crash("unable to detect default interface")
        wanted = routes[0]["dev"]
    if not os.path.exists("/sys/class/net/" + wanted):
        raise Crash(f"{wanted} is not valid interface, reason: get interface {wanted} failed, error: Link not found")
    return wanted


class Address:
    """The virtual address on this node's link."""

    def __init__(self, container, address, link, bits):
        self.container, self.address, self.link, self.bits = container, address, link, bits

    def held(self):
        shown = subprocess.run(["ip", "-o", "addr", "show", "dev", self.link], capture_output=True, text=True,
                               check=False).stdout
        return f" {self.address}/{self.bits} " in shown

    def take(self):
        if not self.held():
            subprocess.run(["ip", "addr", "replace", f"{self.address}/{self.bits}", "dev", self.link], check=False)
            self.container.log(f'level=info msg="layer 2 broadcaster starting" IP={self.address} device={self.link}')
            self._announce()

    def _announce(self):
        """Gratuitous ARP, so that neighbours forget the earlier holder."""
        if ":" not in self.address:
            subprocess.Popen(["arping", "-q", "-U", "-c", "3", "-i", "0.3", "-I", self.link, self.address],
                             stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def outlive(self, seconds):
        """Keeps the address when k3s stops, until the lease would be lost: the real container lives on and does so."""
        script = (f"sleep {max(seconds, 0):.1f}; ip addr del {self.address}/{self.bits} dev {self.link}; "
                  f"rm -f {_SURVIVOR}")
        survivor = subprocess.Popen(["sh", "-c", script], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                    stderr=subprocess.DEVNULL, start_new_session=True)
        paths.write(_SURVIVOR, str(survivor.pid))

    def take_over(self):
        """What an earlier k3s has left of this container ends; the address stays for now."""
        try:
            process = int(paths.read(_SURVIVOR) or 0)
            with open(f"/proc/{process}/cmdline", "rb") as file:
                if _SURVIVOR.encode() in file.read():
                    os.killpg(process, signal.SIGKILL)
            os.unlink(_SURVIVOR)
        except (OSError, ValueError):
            pass

    def drop(self):
        if self.held():
            subprocess.run(["ip", "addr", "del", f"{self.address}/{self.bits}", "dev", self.link], check=False)
            self.container.log(f'level=info msg="VIP address deleted" IP={self.address}')


def _stamp():
    return datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


class Election:
    """Leader election by a Lease, as client-go does it: whoever sees no renewal for the lease's duration takes it."""

    def __init__(self, container, client):
        environment = container.env
        self.client, self.identity = client, environment.get("vip_nodename") or container.host.node
        self.namespace = environment.get("cp_namespace") or "kube-system"
        self.name = environment.get("vip_leasename") or "plndr-cp-lock"
        self.duration = int(environment.get("vip_leaseduration") or 15)
        self.deadline = int(environment.get("vip_renewdeadline") or 10)
        self.seen, self.seen_at, self.renewed_at = None, time.monotonic(), time.monotonic()

    def turn(self):
        """True while this one leads."""
        try:
            leading = self._try()
        except (Unreachable, WebError):
            return time.monotonic() - self.renewed_at < self.deadline and self._led()
        if leading:
            self.renewed_at = time.monotonic()
        return leading

    def _led(self):
        return self.seen is not None and self.seen.get("holderIdentity") == self.identity

    def _try(self):
        lease = self.client.find("leases", self.namespace, self.name)
        stamp = _stamp()
        if lease is None:
            spec = {"holderIdentity": self.identity, "leaseDurationSeconds": self.duration, "acquireTime": stamp,
                    "renewTime": stamp, "leaseTransitions": 0}
            self.client.create("leases", self.namespace, {"metadata": {"name": self.name}, "spec": spec})
            self.seen = spec
            return True
        spec = lease["spec"]
        if spec != self.seen:
            self.seen, self.seen_at = dict(spec), time.monotonic()
        own = spec.get("holderIdentity") == self.identity
        if not own and spec.get("holderIdentity") and time.monotonic() - self.seen_at < self.duration:
            return False
        spec.update(holderIdentity=self.identity, renewTime=stamp, leaseDurationSeconds=self.duration)
        if not own:
            spec.update(acquireTime=stamp, leaseTransitions=spec.get("leaseTransitions", 0) + 1)
        self.client.update("leases", self.namespace, self.name, lease)
        self.seen, self.seen_at = dict(spec), time.monotonic()
        return True

    def release(self):
        """When the pod is deleted, so that the next one need not wait."""
        try:
            self.client.merge("leases", self.namespace, self.name, {"spec": {"holderIdentity": "",
                                                                             "leaseDurationSeconds": 1}})
        except (Unreachable, WebError):
            pass


def run(container):
    """Until stopped; the address goes when leadership goes."""
    if paths.fault("kube-vip-fails"):
        raise Crash("unable to start kube-vip: lab fault kube-vip-fails: operation not permitted on raw socket")
    environment = container.env
    address = environment.get("address") or environment.get("vip_address")
    if not address:
        raise Crash("no address is given: set the environment variable address")
    if environment.get("vip_arp") != "true":
        raise Crash("neither ARP nor BGP is enabled (this stand-in knows vip_arp)")
    bits = (environment.get("vip_subnet") or environment.get("vip_cidr") or "32").strip("/").partition(",")[0]
    bits = bits if ":" not in address else bits.replace("32", "128")
    place = Address(container, address, _interface(container), bits)
    client = _client(container)
    election = Election(container, client)
    place.take_over()
    pause = int(environment.get("vip_retryperiod") or 2)
    led = False
    try:
        while True:
            leading = election.turn()
            if leading:
                place.take()
            else:
                place.drop()
                if led:
                    raise Crash("lost leadership, restarting kube-vip")
            led = leading
            container.set_ready()
            container.pause(pause)
    except Stopped:
        if led and container.host.stopping:
            place.outlive(election.deadline - (time.monotonic() - election.renewed_at))
            return 0
        place.drop()
        if led:
            election.release()
        return 0
