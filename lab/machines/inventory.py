"""The nodes that an inventory names, as far as the lab needs them."""

import functools
import ipaddress
import os
import re
from dataclasses import dataclass

from . import settings
from .settings import LabError

GROUPS = ("dpus", "servers", "workers", "routers")
_RANGE = re.compile(r"\[(\d+)-(\d+)\]")


@dataclass(frozen=True)
class Node:
    """One machine of the lab; `index` is its place in the inventory and numbers its link on the bridge."""

    name: str
    addresses: tuple  # one, or one of each family; SSH goes to the first
    group: str
    os: str
    managed: bool
    index: int

    @property
    def address(self):
        return self.addresses[0]

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
    networks: tuple  # one of each family in use

    def network_of(self, address):
        """The lab's network that an address lies in."""
        return next(network for network in self.networks if ipaddress.ip_address(address) in network)

    @staticmethod
    def gateway(network):
        """The controller's own address on the lab's bridge: the first one of the nodes' network."""
        return str(next(network.hosts()))

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
            names, given = expand(str(pattern)), settings_of_node["address"]
            columns = [expand_address(str(text)) for text in (given if isinstance(given, list) else [given])]
            for addresses in columns:
                if len(names) != len(addresses):
                    raise LabError(f"{path}: '{pattern}' names {len(names)} nodes, but has {len(addresses)} addresses")
            for name, *addresses in zip(names, *columns):
                nodes.append(Node(name, tuple(addresses), group, settings_of_node.get("os", "debian"),
                                  settings_of_node.get("manage") != "verify", len(nodes) + 1))
    if not nodes:
        raise LabError(f"{path} names no nodes")
    networks = _networks(path, nodes)
    k3s = document.get("k3s") or {}
    return Lab(tuple(nodes), (document.get("ssh") or {}).get("user", "ubuntu"),
               str(k3s.get("version", "v1.35.7+k3s1")), k3s.get("token"), networks)


def _networks(path, nodes):
    """The /24 and the /64 around the first address of each family; every node must lie there."""
    networks = {}
    for node in nodes:
        for text in node.addresses:
            address = ipaddress.ip_address(text)
            bits = 24 if address.version == 4 else 64
            network = networks.setdefault(address.version, ipaddress.ip_network(f"{text}/{bits}", strict=False))
            if address not in network:
                raise LabError(f"{path}: {node.name} ({text}) is outside {network}; the lab has one of a family")
    return tuple(networks.values())


def current():
    """The inventory of the lab that is up."""
    try:
        written = os.stat(settings.INVENTORY)
    except FileNotFoundError:
        raise LabError("the lab is down; start it with: lab up INVENTORY") from None
    return _as_of(written.st_ino, written.st_mtime_ns)


@functools.lru_cache(maxsize=1)
def _as_of(_file, _time):
    """Read once by each program, which may ask for it several times a second, until it is another one."""
    return read(settings.INVENTORY)
