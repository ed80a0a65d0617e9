"""One node: its root file system, its machine, and commands inside it."""

import hashlib
import os
import shutil
import signal
import subprocess
import time

from . import cgroup, keys, ledger, network, settings
from .settings import LabError

NIXOS_PROFILE = "/nix/var/nix/profiles/system/sw/bin"
NIXOS_PATH = "/run/current-system/sw/bin"
NSPAWN = ["systemd-nspawn", "--quiet", "--register=no", "--keep-unit", "--boot", "--capability=all",
          "--system-call-filter=bpf add_key keyctl", "--link-journal=no", "--resolv-conf=off", "--timezone=off",
          "--console=passive"]


def machine_id(node):
    return hashlib.sha256(("clusterctl-lab " + node.name).encode()).hexdigest()[:32]


def _mount(*arguments):
    ledger.append("mount", path=arguments[-1])
    result = subprocess.run(["mount", *arguments], check=False, capture_output=True, text=True)
    if result.returncode != 0:
        raise LabError(f"mount {' '.join(arguments)}: {result.stderr.strip()}")


def make_root(lab, node):
    """Mounts a pristine root for the node, unless it has one already."""
    if os.path.ismount(node.root):
        return
    ledger.unmount_below(node.directory)
    disk = os.path.join(node.directory, "disk")
    os.makedirs(disk, exist_ok=True)
    os.makedirs(node.root, exist_ok=True)
    _mount("-t", "tmpfs", "-o", f"size={settings.DISK_SIZE},mode=755", "clusterctl-lab", disk)
    for part in ("upper", "work"):
        os.makedirs(os.path.join(disk, part))
    layers = f"lowerdir={settings.BASE},upperdir={disk}/upper,workdir={disk}/work"
    staging = os.path.join(disk, "upper")
    _personalise(lab, node, staging)
    _mount("-t", "overlay", "-o", layers, "clusterctl-lab", node.root)


def _personalise(lab, node, root):
    """What tells this node from the base image."""
    def write(path, text, mode=0o644):
        full = root + path
        os.makedirs(os.path.dirname(full), exist_ok=True)
        with open(full, "w", encoding="utf-8") as file:
            file.write(text)
        os.chmod(full, mode)

    def base(path):
        with open(settings.BASE + path, encoding="utf-8") as file:
            return file.read()

    # Nobody reads the console: what a long start prints there would fill it, and stop init.
    write("/etc/systemd/system.conf.d/lab.conf", "[Manager]\nShowStatus=no\n")
    write("/etc/hostname", node.name + "\n")
    write("/etc/hosts", f"127.0.0.1 localhost\n::1 localhost ip6-localhost\n{node.address} {node.name}\n")
    write("/etc/machine-id", machine_id(node) + "\n", 0o444)
    write("/etc/clusterctl-lab/network", network.node_settings(lab, node))
    for suffix, mode in (("", 0o600), (".pub", 0o644)):
        with open(keys.host_key(node) + suffix, encoding="utf-8") as file:
            write("/etc/ssh/ssh_host_ed25519_key" + suffix, file.read(), mode)
    user, home = lab.user, f"/home/{lab.user}"
    write("/etc/passwd", base("/etc/passwd") + f"{user}:x:1000:1000::{home}:/bin/bash\n")
    write("/etc/group", base("/etc/group") + f"{user}:x:1000:\n")
    write("/etc/shadow", base("/etc/shadow") + f"{user}:*:19000:0:99999:7:::\n", 0o640)
    shutil.chown(root + "/etc/shadow", 0, 42)
    write(f"/etc/sudoers.d/90-{user}", f"{user} ALL=(ALL) NOPASSWD:ALL\n", 0o440)
    write(home + "/.ssh/authorized_keys", keys.public(keys.IDENTITY) + "\n", 0o600)
    for path in ("", "/.ssh", "/.ssh/authorized_keys"):
        os.chown(root + home + path, 1000, 1000)
    os.chmod(root + home + "/.ssh", 0o700)
    if node.group == "dpus":
        write("/etc/mlnx-release", "DOCA_2.7.0_BSP_4.7.0_Ubuntu_22.04-1.23-10.prod\n")
    if node.group == "routers":
        _make_router(root, write)
    if node.os == "nixos":
        _make_nixos(node, root, write)


def _make_router(root, write):
    """FRR's service at boot, and packets between links are passed on."""
    units = root + "/etc/systemd/system/multi-user.target.wants"
    os.makedirs(units)
    os.symlink("/lib/systemd/system/frr.service", units + "/frr.service")
    write("/etc/sysctl.d/90-router.conf", "net.ipv4.ip_forward=1\nnet.ipv6.conf.all.forwarding=1\n")


def _make_nixos(node, root, write):
    """A worker that looks like NixOS where clusterctl looks: its name, its PATH and where its k3s lives."""
    write("/etc/os-release", 'NAME=NixOS\nID=nixos\nVERSION_ID="25.11"\nPRETTY_NAME="NixOS 25.11 (Xantusia)"\n')
    write("/etc/NIXOS", "")
    write("/etc/tmpfiles.d/nixos.conf", "L+ /run/current-system - - - - /nix/var/nix/profiles/system\n")
    path = f"{NIXOS_PATH}:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
    write("/etc/ssh/sshd_config.d/20-nixos.conf", f"SetEnv PATH={path}\n")
    write("/etc/sudoers.d/91-nixos", f'Defaults secure_path="{path}"\n', 0o440)
    os.makedirs(root + NIXOS_PROFILE)
    shutil.copyfile(os.path.join(settings.ARTIFACTS, settings.K3S_FILE), root + NIXOS_PROFILE + "/k3s")
    os.chmod(root + NIXOS_PROFILE + "/k3s", 0o755)


def is_running(node):
    return bool(ledger.living("node " + node.name) or ledger.living("supervisor of node " + node.name))


def boot(node):
    """Starts the machine, unless it runs."""
    if is_running(node):
        return
    log = os.path.join(node.directory, "console.log")
    ledger.supervise("node " + node.name, [
        *NSPAWN, "--directory=" + node.root, "--machine=" + node.name,
        "--network-namespace-path=/run/netns/" + node.namespace,
    ], log, lambda: cgroup.enter(node.name), {"SYSTEMD_NSPAWN_API_VFS_WRITABLE": "network"})


def power_off(node):
    """Cuts the power: no service is asked to stop."""
    ledger.end("node " + node.name)
    cgroup.remove(node.name)


def leader(node):
    """The machine's init, as a pid of this machine."""
    for pid in ledger.living("node " + node.name).values():
        for child in ledger.children(pid):
            return child
    raise LabError(f"{node.name} is off")


def reboot(node):
    """A hard reboot: the machine's init is killed as a reset would, and it starts again."""
    power_off(node)
    boot(node)


def enter(node, command, check=True, capture=True):
    """Runs a command inside the node without SSH."""
    pid = leader(node)
    arguments = ["nsenter", "--target", str(pid), "--mount", "--uts", "--ipc", "--net", "--pid", "--root", "--wd=/",
                 *command]
    result = subprocess.run(arguments, check=False, capture_output=capture, text=True)
    if check and result.returncode != 0:
        raise LabError(f"{node.name}: {' '.join(command)}: {(result.stderr or '').strip()}")
    return result


# Waits until each address answers with an SSH banner; prints those that do not.
_WAIT = """
import socket, sys, time
deadline, waiting = time.monotonic() + float(sys.argv[1]), set(sys.argv[2:])
while waiting and time.monotonic() < deadline:
    for address in sorted(waiting):
        try:
            with socket.create_connection((address, 22), timeout=1) as connection:
                connection.settimeout(2)
                if connection.recv(4) == b"SSH-":
                    waiting.discard(address)
        except OSError:
            pass
    if waiting: time.sleep(0.2)
print(" ".join(sorted(waiting)))
"""


def wait_for_ssh(nodes, seconds=180):
    """Names of the nodes whose sshd did not answer, or did not let users in, in time."""
    deadline = time.monotonic() + seconds
    command = network.inside(["/usr/bin/python3", "-c", _WAIT, str(seconds), *[node.address for node in nodes]])
    silent = subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()
    answering = [node for node in nodes if node.address not in silent]
    # systemd-user-sessions removes /run/nologin; until then PAM ends the connections of all but root.
    while (closed := [node for node in answering if _refuses_users(node)]) and time.monotonic() < deadline:
        time.sleep(0.1)
    return [node.name for node in nodes if node.address in silent or node in closed]


def _refuses_users(node):
    return os.path.exists(f"/proc/{leader(node)}/root/run/nologin")


def ignore_hangup():
    """A closed terminal does not stop `lab up` half way."""
    signal.signal(signal.SIGHUP, signal.SIG_IGN)


def uptime_seconds(node):
    """Seconds since the machine's init started, or None if it is off."""
    try:
        started = ledger.start_time(leader(node))
    except LabError:
        return None
    return time.clock_gettime(time.CLOCK_BOOTTIME) - started / os.sysconf("SC_CLK_TCK")
