"""SSH keys of the controller and of each node, and the cluster's token: made once, kept between runs."""

import os
import secrets
import subprocess

from . import settings

IDENTITY = os.path.join(settings.SSH, "id_ed25519")
KNOWN_HOSTS = os.path.join(settings.SSH, "known_hosts")


def _key(path, comment):
    if not os.path.exists(path):
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", comment, "-f", path], check=True)


def host_key(node):
    """Path of a node's host key; the same for a name as long as the lab's directory lives."""
    return os.path.join(settings.SSH, "hosts", node.name)


def public(path):
    with open(path + ".pub", encoding="utf-8") as file:
        return file.read().strip()


def prepare(lab):
    """Makes what is missing, and writes known_hosts for these nodes."""
    os.makedirs(os.path.join(settings.SSH, "hosts"), mode=0o700, exist_ok=True)
    _key(IDENTITY, "clusterctl-lab")
    lines = []
    for node in lab.nodes:
        _key(host_key(node), node.name)
        kind, key = public(host_key(node)).split()[:2]
        lines.append(f"{','.join(node.addresses)},{node.name} {kind} {key}\n")
    with open(KNOWN_HOSTS, "w", encoding="utf-8") as file:
        file.writelines(lines)
    if not os.path.exists(settings.TOKEN):
        descriptor = os.open(settings.TOKEN, os.O_WRONLY | os.O_CREAT, 0o600)
        os.write(descriptor, (secrets.token_hex(16) + "\n").encode())
        os.close(descriptor)
