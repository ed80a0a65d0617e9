"""The nodes that an inventory names, as far as the lab needs them."""

import ipaddress
import os
import re
from dataclasses import dataclass

from . import settings
from .settings import LabError

GROUPS = ("dpus", "servers", "workers")
_RANGE = re.compile(r"\[(\d+)-(\d+)\]")


@dataclass(frozen=True)
class Node:
    """One machine of the lab; `index` is its place in the inventory and numbers its link on the bridge."""

    name: str
    address: str
    group: str
    os: str
    managed: bool
    index: int

    @property
    def namespace(self):
        return settings.PREFIX + self.name

    @property
    def link(self):
        return f"port{self.index}"

    @property
    def directory(self):
        return os.path.join(settings.NODES, self.name)

    @property
    def root(self):
        return os.path.join(self.directory, "root")


@dataclass(frozen=True)
class Lab:
    """What the lab reads from an inventory."""

    nodes: tuple
    user: str
    version: str
    token: object
    network: object

    @property
    def gateway(self):
        """The controller's own address on the lab's bridge: the first one of the nodes' network."""
        return str(next(self.network.hosts()))

    def node(self, name):
        for node in self.nodes:
            if node.name == name:
                return node
        raise LabError(f"there is no node '{name}'; nodes: {', '.join(node.name for node in self.nodes)}", 64)


def expand(text):
    """`rack-[01-03]` as its members, in order; text without a range is its own only member."""
    match = _RANGE.search(text)
    if match is None:
        return [text]
    first, last = match.groups()
    return [
        member
        for number in range(int(first), int(last) + 1)
        for member in expand(text[:match.start()] + str(number).zfill(len(first)) + text[match.end():])
    ]


def expand_address(text):
    """As `expand`, for addresses: numbers carry no leading zeros."""
    return [str(ipaddress.ip_address(re.sub(r"(?<=\.)0+(?=\d)", "", member))) for member in expand(text)]


def read(path):
    """Reads the nodes of an inventory file; only the lab's needs are checked, `clusterctl validate` checks the rest."""
    import yaml  # late: `lab up` installs it first

    try:
        with open(path, encoding="utf-8") as file:
            document = yaml.safe_load(file)
    except (OSError, yaml.YAMLError) as error:
        raise LabError(f"cannot read the inventory {path}: {error}") from error
    nodes = []
    for group in GROUPS:
        for pattern, settings_of_node in (document.get(group) or {}).items():
            names, addresses = expand(str(pattern)), expand_address(str(settings_of_node["address"]))
            if len(names) != len(addresses):
                raise LabError(f"{path}: '{pattern}' names {len(names)} nodes, but has {len(addresses)} addresses")
            for name, address in zip(names, addresses):
                nodes.append(Node(name, address, group, settings_of_node.get("os", "debian"),
                                  settings_of_node.get("manage") != "verify", len(nodes) + 1))
    if not nodes:
        raise LabError(f"{path} names no nodes")
    bits = 24 if ipaddress.ip_address(nodes[0].address).version == 4 else 64
    network = ipaddress.ip_network(f"{nodes[0].address}/{bits}", strict=False)
    for node in nodes:
        if ipaddress.ip_address(node.address) not in network:
            raise LabError(f"{path}: {node.name} ({node.address}) is outside {network}; the lab has one network")
    k3s = document.get("k3s") or {}
    return Lab(tuple(nodes), (document.get("ssh") or {}).get("user", "ubuntu"),
               str(k3s.get("version", "v1.35.7+k3s1")), k3s.get("token"), network)


def current():
    """The inventory of the lab that is up."""
    if not os.path.exists(settings.INVENTORY):
        raise LabError("the lab is down; start it with: lab up INVENTORY")
    return read(settings.INVENTORY)
