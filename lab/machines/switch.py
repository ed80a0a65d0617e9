"""Plays the operator of a node that clusterctl only verifies: switches it to what `clusterctl render` wrote."""

import os
import shutil

from . import node as machines, settings
from .settings import LabError

UNIT = """\
[Unit]
Description=k3s service
After=network-online.target
Wants=network-online.target

[Service]
Type=notify
KillMode=process
Delegate=yes
Restart=always
RestartSec=5s
LimitNOFILE=1048576
TimeoutStartSec=0
ExecStart=/run/current-system/sw/bin/k3s {role} --config /etc/rancher/k3s/config.yaml{token}

[Install]
WantedBy=multi-user.target
"""


def switch(lab, node, rendered):
    """Puts the rendered configuration and the token on the node and starts k3s.service, without waiting for it."""
    if node.managed:
        raise LabError(f"{node.name} is managed by clusterctl; only a node with `manage: verify` is switched by hand")
    source = os.path.join(rendered, node.name, "etc/rancher/k3s/config.yaml")
    if not os.path.exists(source):
        raise LabError(f"there is no {source}; write it with: clusterctl render INVENTORY --to {rendered}")
    target = node.root + "/etc/rancher/k3s"
    os.makedirs(target, exist_ok=True)
    shutil.copyfile(source, target + "/config.yaml")
    shutil.copyfile(settings.TOKEN, target + "/token")
    for name in ("config.yaml", "token"):
        os.chmod(os.path.join(target, name), 0o600)
    with open(source, encoding="utf-8") as file:
        names_token = any(line.startswith(("token:", "token-file:")) for line in file)
    role = "agent" if node.group == "workers" else "server"
    with open(node.root + "/etc/systemd/system/k3s.service", "w", encoding="utf-8") as file:
        file.write(UNIT.format(role=role, token="" if names_token else " --token-file /etc/rancher/k3s/token"))
    machines.enter(node, ["systemctl", "daemon-reload"])
    machines.enter(node, ["systemctl", "enable", "--quiet", "k3s.service"])
    machines.enter(node, ["systemctl", "restart", "--no-block", "k3s.service"])
