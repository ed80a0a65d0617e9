"""The lab's network: a bridge in a namespace of its own, and one namespace a node, linked to it."""

import ipaddress
import os
import subprocess

from . import ledger, settings
from .settings import LabError


def ip(*arguments, namespace=None, check=True):
    prefix = ["-n", namespace] if namespace else []
    result = subprocess.run(["ip", *prefix, *arguments], check=False, capture_output=True, text=True)
    if check and result.returncode != 0:
        raise LabError(f"ip {' '.join(prefix + list(arguments))}: {result.stderr.strip()}")
    return result.returncode == 0


def _namespace(name):
    """True if it was made just now."""
    if os.path.exists("/run/netns/" + name):
        return False
    ledger.append("namespace", name=name)
    ip("netns", "add", name)
    ip("link", "set", "lo", "up", namespace=name)
    return True


def make_bridge(lab):
    """The controller's side. Made anew if an earlier `lab up` was cut between its steps."""
    _namespace(settings.BRIDGE_NAMESPACE)
    here = {"namespace": settings.BRIDGE_NAMESPACE}
    if not ip("link", "show", "br0", check=False, **here):
        ip("link", "add", "br0", "type", "bridge", "forward_delay", "0", **here)
    for network in lab.networks:
        at_once = ["nodad"] if network.version == 6 else []
        ip("addr", "replace", f"{lab.gateway(network)}/{network.prefixlen}", "dev", "br0", *at_once, **here)
    ip("link", "set", "br0", "up", **here)
    # A router on this link tells of shorter ways; the controller would keep to a node that has lost its route since.
    switches = [f"net.{name}.accept_redirects=0" for name in ("ipv4.conf.all", "ipv4.conf.br0", "ipv6.conf.br0")]
    subprocess.run(inside(["sysctl", "-q", "-w", *switches]), check=False, capture_output=True)


def make_link(node):
    """A node's namespace with eth0 on the bridge; a DPU has the tmfifo link to its host as well."""
    _namespace(node.namespace)
    here = {"namespace": settings.BRIDGE_NAMESPACE}
    if not ip("link", "show", "eth0", namespace=node.namespace, check=False):
        ip("link", "add", node.link, "type", "veth", "peer", "name", "eth0", "netns", node.namespace, **here)
    ip("link", "set", node.link, "master", "br0", "up", **here)
    if node.group == "dpus":
        host_end = f"rshim{node.index}"
        if not ip("link", "show", "tmfifo_net0", namespace=node.namespace, check=False):
            ip("link", "add", host_end, "type", "veth", "peer", "name", "tmfifo_net0", "netns", node.namespace, **here)
        ip("link", "set", host_end, "up", **here)


def node_settings(lab, node):
    """What a node's boot script needs to know of its network."""
    addresses = [f"{address}/{lab.network_of(address).prefixlen}" for address in node.addresses]
    gateways = [lab.gateway(lab.network_of(address)) for address in node.addresses]
    return f"ADDRESSES='{' '.join(addresses)}'\nGATEWAYS='{' '.join(gateways)}'\n"


def slow_down(node, rate):
    """Traffic towards a node gets no more than this rate (`4mbit`); None takes the limit off."""
    here = ["tc", "-n", settings.BRIDGE_NAMESPACE, "qdisc"]
    subprocess.run([*here, "del", "dev", node.link, "root"], check=False, capture_output=True)
    if rate:
        command = [*here, "add", "dev", node.link, "root", "tbf", "rate", rate, "burst", "32k", "latency", "400ms"]
        result = subprocess.run(command, check=False, capture_output=True, text=True)
        if result.returncode != 0:
            raise LabError(f"this kernel cannot slow a link down: {result.stderr.strip()}")


def plug(node, pulled=False):
    """Puts the node's cable in, or pulls it: the node sees its link without a carrier."""
    ip("link", "set", node.link, "down" if pulled else "up", namespace=settings.BRIDGE_NAMESPACE)


def inside(command):
    """A command line that runs in the bridge's namespace, as the controller would."""
    return ["nsenter", "--net=/run/netns/" + settings.BRIDGE_NAMESPACE, *command]


def url_host(address):
    return f"[{address}]" if ipaddress.ip_address(address).version == 6 else address
