"""What Cilium leaves on a host: chains, rules, routes, links, CNI file. It stays when the agent is gone.

The real one forwards with eBPF. Here one thing of that is played: the API's service address answers while the agent
runs with kube-proxy replacement, by that address on cilium_host and a listener that passes connections on.
"""

import glob
import json
import os
import subprocess

from . import log, paths
from .loadbalancer import LoadBalancer

CHAINS = {
    "raw": {"PREROUTING": "CILIUM_PRE_raw", "OUTPUT": "CILIUM_OUTPUT_raw"},
    "mangle": {"PREROUTING": "CILIUM_PRE_mangle", "POSTROUTING": "CILIUM_POST_mangle"},
    "nat": {"PREROUTING": "CILIUM_PRE_nat", "POSTROUTING": "CILIUM_POST_nat", "OUTPUT": "CILIUM_OUTPUT_nat"},
    "filter": {"INPUT": "CILIUM_INPUT", "OUTPUT": "CILIUM_OUTPUT", "FORWARD": "CILIUM_FORWARD"},
}
RULES = {
    "filter": [
        '-A CILIUM_INPUT -m mark --mark 0x200/0xf00 -m comment --comment "cilium: ACCEPT for proxy traffic" -j ACCEPT',
        '-A CILIUM_OUTPUT -m mark --mark 0xa00/0xe00 -m comment --comment "cilium: ACCEPT for proxy traffic" -j ACCEPT',
        '-A CILIUM_FORWARD -o cilium_host -m comment --comment "cilium: any->cluster on cilium_host forward accept" '
        "-j ACCEPT",
        '-A CILIUM_FORWARD -i cilium_host -m comment --comment "cilium: cluster->any on cilium_host forward accept" '
        "-j ACCEPT",
    ],
    "raw": ['-A CILIUM_PRE_raw -m mark --mark 0x200/0xf00 -m comment --comment "cilium: NOTRACK for proxy traffic" '
            "-j CT --notrack"],
}
CUT = '-A CILIUM_INPUT -p tcp -m tcp --dport 22 -m comment --comment "cilium: lab fault cilium-cuts-ssh" -j DROP'


def _run(*command, text=None, check=True):
    result = subprocess.run(command, input=text, capture_output=True, text=True, check=False)
    if check and result.returncode != 0:
        log.warning(f"{' '.join(command)}: {result.stderr.strip()}")
    return result


def _install_rules(program, cut):
    saved = _run(program + "-save").stdout
    lines = []
    for table, feeders in CHAINS.items():
        lines.append("*" + table)
        lines += [f":{chain} - [0:0]" for chain in feeders.values()]
        lines += RULES.get(table, [])
        if table == "filter" and cut:
            lines.append(CUT)
        for built_in, chain in feeders.items():
            feeder = f'-m comment --comment "cilium-feeder: {chain}" -j {chain}'
            if feeder not in saved:
                lines.append(f"-I {built_in} 1 {feeder}")
        lines.append("COMMIT")
    _run(program + "-restore", "--noflush", text="\n".join(lines) + "\n")


def _install_links(pods, replaced, service_address):
    if not os.path.exists("/sys/class/net/cilium_host"):
        _run("ip", "link", "add", "cilium_host", "type", "veth", "peer", "name", "cilium_net")
    if not os.path.exists("/sys/class/net/cilium_vxlan"):
        _run("ip", "link", "add", "cilium_vxlan", "type", "vxlan", "external", "dstport", "8472")
    for link in ("cilium_net", "cilium_host", "cilium_vxlan"):
        _run("ip", "link", "set", link, "up")
    router = pods.rpartition("/")[0].rpartition(".")[0] + ".1" if "." in pods else pods.rpartition("/")[0] + "1"
    _run("ip", "addr", "replace", router, "dev", "cilium_host")
    if replaced:
        _run("ip", "addr", "replace", service_address, "dev", "cilium_host")


def _install_routes():
    rules = _run("ip", "rule").stdout
    if "\n9:" not in "\n" + rules:
        _run("ip", "rule", "add", "priority", "9", "fwmark", "0x200/0xf00", "lookup", "2004")
    if "\n100:" not in "\n" + rules:
        _run("ip", "rule", "add", "priority", "100", "lookup", "local")
    _run("ip", "route", "replace", "local", "default", "dev", "lo", "table", "2004")


def _install_cni(exclusive):
    directory = os.path.dirname(paths.CNI_CONFIG)
    os.makedirs(directory, exist_ok=True)
    for other in glob.glob(directory + "/*.conf*"):
        if exclusive and other != paths.CNI_CONFIG and not other.endswith(".cilium_bak"):
            os.rename(other, other + ".cilium_bak")
    paths.write(paths.CNI_CONFIG, json.dumps({"cniVersion": "0.3.1", "name": "cilium", "plugins": [
        {"type": "cilium-cni", "enable-debug": False}]}, indent=2) + "\n", 0o600)


def install(host, pods, replaced, cut, exclusive):
    """Makes it all, in the order in which the real agent does; the CNI file is the last."""
    _run("sysctl", "-q", "-w", "net.ipv4.conf.all.rp_filter=0", "net.ipv4.ip_forward=1")
    _install_links(pods, replaced, host.service_address)
    _install_routes()
    for program in ("iptables", "ip6tables"):
        _install_rules(program, cut)
    _install_cni(exclusive)


def is_installed():
    return os.path.exists(paths.CNI_CONFIG) and os.path.exists("/sys/class/net/cilium_host") \
        and _run("iptables", "-n", "-L", "CILIUM_INPUT", check=False).returncode == 0


def serve_service_address(host):
    """Connections to the API's service address go to this node's own way to the API while this is open."""
    forwarder = LoadBalancer(("127.0.0.1", paths.LOCAL_PORT), 443, host.service_address, remember=False)
    forwarder.start()
    return forwarder
