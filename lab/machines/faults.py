"""What can be made to go wrong, and how each is put right again.

Faults of the stand-in are files below /etc/clusterctl-lab/faults on the node, which `lab/k3s` reads; they outlive a
reboot.
"""

import os
import subprocess

from . import artifacts, network, node as machines, settings
from .settings import LabError

FLAGS = "/etc/clusterctl-lab/faults"
FLAG_FAULTS = {
    "cilium-cuts-ssh": "whenever Cilium starts there, a rule of its drops everything to port 22; with VERSION only that one",
    "cilium-never-ready": "Cilium starts there, but its agent never gets ready; with VERSION only that one",
    "kube-vip-fails": "kube-vip cannot come up there; its log says why",
    "k3s-never-ready": "k3s starts there, but never gets ready; with VERSION only that one",
    "restore-fails": "k3s restores no snapshot there: it ends when it has moved the data aside",
    "token-key-stays": "k3s changes the token there, and fails to remove what etcd has under the earlier one",
}


def set_flag(lab, node, fault, version=""):
    directory = node.root + FLAGS
    os.makedirs(directory, exist_ok=True)
    with open(os.path.join(directory, fault), "w", encoding="utf-8") as file:
        file.write(version)


def power_off(lab, node):
    machines.power_off(node)


def reboot(lab, node):
    machines.reboot(node)


def _at(node, path, verb):
    """A path unit below /run that acts once when the path appears; it is gone after the reboot that it causes."""
    if not path or not path.startswith("/"):
        raise LabError("this fault needs the path to wait for, from the root", settings.EXIT_USAGE)
    units = {
        "lab-fault.path": f"[Path]\nPathExistsGlob={path}\n",
        "lab-fault.service": f"[Service]\nType=oneshot\nExecStart=/usr/bin/systemctl {verb} --force --force\n",
    }
    for name, text in units.items():
        script = f"mkdir -p /run/systemd/system && cat > /run/systemd/system/{name} <<'END'\n{text}END\n"
        machines.enter(node, ["/bin/sh", "-c", script])
    machines.enter(node, ["systemctl", "daemon-reload"])
    machines.enter(node, ["systemctl", "start", "lab-fault.path"])


def reboot_at(lab, node, path=None):
    _at(node, path, "reboot")


def power_off_at(lab, node, path=None):
    _at(node, path, "poweroff")


def artifact_corrupt(lab, node):
    artifacts.corrupt()


def _resize(node, size):
    disk = os.path.join(node.directory, "disk")
    subprocess.run(["mount", "-o", f"remount,size={size}", disk], check=True)


def disk_full(lab, node):
    disk = os.statvfs(os.path.join(node.directory, "disk"))
    _resize(node, (disk.f_blocks - disk.f_bfree) * disk.f_frsize)


def slow_link(lab, node, rate="4mbit"):
    network.slow_down(node, rate)


def cable_pulled(lab, node):
    network.plug(node, pulled=True)


def sshd_stopped(lab, node):
    """Until it is healed or the node reboots. Sessions that are open stay open, as with a real sshd."""
    machines.enter(node, ["systemctl", "mask", "--runtime", "--now", "ssh.service"])


ACTIONS = {
    "power-off": (power_off, "the node loses power; heal boots it"),
    "reboot": (reboot, "the node is reset at once"),
    "reboot-at": (reboot_at, "the node is reset when PATH (a glob) appears on it"),
    "power-off-at": (power_off_at, "the node loses power when PATH (a glob) appears on it"),
    "artifact-corrupt": (artifact_corrupt, "one byte of the k3s file on the controller changes; any node may be named"),
    "disk-full": (disk_full, "the node's disk has no free block"),
    "cable-pulled": (cable_pulled, "the node has no network, and its peers hear nothing of it"),
    "slow-link": (slow_link, "traffic towards the node gets RATE (4mbit if not given)"),
    "sshd-stopped": (sshd_stopped, "sshd takes no connections"),
}


def names():
    return {**FLAG_FAULTS, **{name: text for name, (_, text) in ACTIONS.items()}}


def inflict(lab, name, fault, *arguments):
    if fault not in names():
        known = "\n".join(f"  {known:<18}{text}" for known, text in names().items())
        raise LabError(f"there is no fault '{fault}'; faults:\n{known}", settings.EXIT_USAGE)
    node = lab.nodes[0] if fault == "artifact-corrupt" else lab.node(name)
    if fault in FLAG_FAULTS:
        set_flag(lab, node, fault, *arguments)
    else:
        ACTIONS[fault][0](lab, node, *arguments)


def active(node):
    """Names of the faults that the stand-in sees on a node."""
    try:
        return sorted(os.listdir(node.root + FLAGS))
    except OSError:
        return []


# Rules that a fault left behind, and units that it made; run on the node.
_HEAL = """
for program in iptables ip6tables; do
    while $program -D CILIUM_INPUT -p tcp --dport 22 -m comment --comment "cilium: lab fault cilium-cuts-ssh" -j DROP
    do :; done
done 2>/dev/null
systemctl stop lab-fault.path 2>/dev/null
rm -f /run/systemd/system/lab-fault.*
systemctl daemon-reload
systemctl unmask --quiet --runtime ssh.service
systemctl start ssh.service
"""


def heal(lab, name=None):
    """Undoes every fault of one node, or of all of them and of the artifacts."""
    nodes = [lab.node(name)] if name else lab.nodes
    for node in nodes:
        for fault in active(node):
            os.unlink(os.path.join(node.root + FLAGS, fault))
        _resize(node, settings.DISK_SIZE)
        network.slow_down(node, None)
        network.plug(node)
        if machines.is_running(node):
            machines.enter(node, ["/bin/sh", "-c", _HEAL], check=False)
        else:
            machines.boot(node)
    artifacts.build(lab.version)
    silent = machines.wait_for_ssh(nodes)
    if silent:
        raise LabError(f"no SSH answer from {', '.join(silent)} (see lab logs, lab enter, lab reset)")
