"""What the images of Cilium's agent and operator do here."""

import fnmatch
import json
import os
import subprocess

from . import bgpd, datapath, lbipam, log, paths, resources, selectors
from .ends import Crash
from .nodes import with_condition
from .web import WebError

GROUP = "cilium.io"
DEFINITIONS = [
    ("v2", "CiliumNode", "ciliumnodes", False), ("v2", "CiliumEndpoint", "ciliumendpoints", True),
    ("v2", "CiliumIdentity", "ciliumidentities", False), ("v2", "CiliumNetworkPolicy", "ciliumnetworkpolicies", True),
    ("v2", "CiliumClusterwideNetworkPolicy", "ciliumclusterwidenetworkpolicies", False),
    ("v2", "CiliumNodeConfig", "ciliumnodeconfigs", True), ("v2", "CiliumCIDRGroup", "ciliumcidrgroups", False),
    ("v2", "CiliumLoadBalancerIPPool", "ciliumloadbalancerippools", False),
    ("v2", "CiliumBGPClusterConfig", "ciliumbgpclusterconfigs", False),
    ("v2", "CiliumBGPPeerConfig", "ciliumbgppeerconfigs", False),
    ("v2", "CiliumBGPAdvertisement", "ciliumbgpadvertisements", False),
    ("v2", "CiliumBGPNodeConfig", "ciliumbgpnodeconfigs", False),
    ("v2", "CiliumBGPNodeConfigOverride", "ciliumbgpnodeconfigoverrides", False),
    ("v2alpha1", "CiliumL2AnnouncementPolicy", "ciliuml2announcementpolicies", False),
    ("v2alpha1", "CiliumPodIPPool", "ciliumpodippools", False),
]
ENVOY_DEFINITIONS = [
    ("v2", "CiliumEnvoyConfig", "ciliumenvoyconfigs", True),
    ("v2", "CiliumClusterwideEnvoyConfig", "ciliumclusterwideenvoyconfigs", False),
]
NEEDED = ("ciliumnodes.cilium.io", "ciliumendpoints.cilium.io", "ciliumidentities.cilium.io")
START_SECONDS = 2
_NEVER = ("lo", "cilium_", "lxc", "cni", "docker")


def run_operator(container):
    """Makes the definitions that the agents wait for. Each of the replicas does; the first one wins."""
    client = container.api()
    envoy = ENVOY_DEFINITIONS if container.env.get("ENABLE_ENVOY_CONFIG") == "true" else []
    for version, kind, plural, namespaced in DEFINITIONS + envoy:
        if client.find("customresourcedefinitions", None, f"{plural}.{GROUP}") is None:
            try:
                client.create("customresourcedefinitions", None,
                              resources.definition(GROUP, version, kind, plural, namespaced))
            except WebError as error:
                if error.status != 409:
                    raise
    container.log('level=info msg="Custom resource definitions are there"')
    container.set_ready()
    lbipam.follow(container, client)
    return 0


def _api(container):
    """The API where the chart's values say it is: one of several addresses, or the service address."""
    urls = container.env.get("K8S_API_SERVER_URLS", "").split()
    for url in urls[:-1]:
        host, _, port = url.removeprefix("https://").rpartition(":")
        try:
            return container.api(host.strip("[]"), port, attempts=1)
        except Crash:
            continue  # the next address may do
    if urls:
        host, _, port = urls[-1].removeprefix("https://").rpartition(":")
        return container.api(host.strip("[]"), port)
    return container.api()


def _settings(container, client):
    """cilium-config, and over it the CiliumNodeConfigs for this node; those only if their definition is there."""
    namespace = container.pod["metadata"]["namespace"]
    settings = dict(client.get("configmaps", namespace, "cilium-config").get("data") or {})
    if client.find("customresourcedefinitions", None, "ciliumnodeconfigs.cilium.io"):
        labels = client.get("nodes", None, container.host.node)["metadata"].get("labels", {})
        for item in sorted(client.list("ciliumnodeconfigs", namespace), key=lambda item: item["metadata"]["name"]):
            if selectors.matches(item["spec"].get("nodeSelector"), labels):
                container.log(f'level=info msg="CiliumNodeConfig {item["metadata"]["name"]} applies"')
                settings.update(item["spec"].get("defaults") or {})
    return settings


def _wait_for_definitions(container, client):
    while True:
        missing = [name for name in NEEDED if client.find("customresourcedefinitions", None, name) is None]
        if not missing:
            return
        message = f"Still waiting for Cilium Operator to register the following CRDs: {missing}"
        container.log(f'level=info msg="{message}"')
        container.set_ready(False, message)
        container.pause(1)


def devices(settings):
    """Names of the links that the agent takes: detected ones, unless the setting names some."""
    listing = json.loads(subprocess.run(["ip", "-j", "addr"], capture_output=True, text=True, check=True).stdout)
    present = [link["ifname"] for link in listing]
    detected = [link["ifname"] for link in listing
                if "UP" in link["flags"] and not link["ifname"].startswith(_NEVER)
                and any(address["scope"] == "global" for address in link.get("addr_info", []))]
    patterns = settings.get("devices", "").replace(",", " ").split()
    if not patterns:
        return detected

    def hit(name, pattern):
        return fnmatch.fnmatchcase(name, pattern.replace("+", "*"))

    refused = [pattern[1:] for pattern in patterns if pattern.startswith("!")]
    named = [pattern for pattern in patterns if not pattern.startswith("!")]
    taken = [name for name in present if any(hit(name, pattern) for pattern in named)]
    if settings.get("force-device-detection") == "true":
        taken += [name for name in detected if name not in taken]
    return [name for name in taken if not any(hit(name, pattern) for pattern in refused)]


def release_of(container):
    """The version of the image, whatever the settings say by now."""
    return container.image.rpartition(":v")[2]


def _status(container, settings, found, version):
    address = container.host.address
    replaced = settings.get("kube-proxy-replacement") == "true"
    listed = [{"name": name, "ip": [address] if name == found[0] else []} for name in found]
    release = release_of(container)
    return {
        "cilium": {"state": "Ok", "msg": f"{release} (v{release}-lab)"},
        "container-runtime": {"state": "Disabled"}, "kubernetes": {"state": "Ok", "msg": f"1.35 ({version}) [linux]"},
        "kube-proxy-replacement": {"mode": "True" if replaced else "False", "devices": found, "deviceList": listed,
                                   "directRoutingDevice": found[0] if found else ""},
        "deviceList": listed, "directRoutingDevice": found[0] if found else "", "devices": found,
        "attach-mode": "tc", "host-firewall": {
            "mode": "Enabled" if settings.get("enable-host-firewall") == "true" else "Disabled",
            "devices": found if settings.get("enable-host-firewall") == "true" else []},
        "masquerading": {"enabled": True, "mode": "BPF" if settings.get("enable-bpf-masquerade") == "true"
                         else "IPTables"},
        "ipam": {"status": "1/254 allocated"}, "cluster": {"ciliumHealth": {"state": "Ok"}}, "stale": {},
    }


def run_agent(container):
    """The agent: reaches the API, waits for the operator, takes links, and leaves on the host what Cilium leaves."""
    if container.adopted and datapath.is_installed():
        container.log('level=info msg="taken over from before the restart of k3s"')
        forwarder = datapath.serve_service_address(container.host) if _replaces() else None
        client = container.host.client
    else:
        container.adopted = False
        _forget_status()
        client = _api(container)
        _wait_for_definitions(container, client)
        settings = _settings(container, client)
        container.pause(START_SECONDS)
        while paths.fault("cilium-never-ready", release_of(container)):
            container.log('level=error msg="lab fault cilium-never-ready"')
            container.set_ready(False, "lab fault cilium-never-ready")
            container.pause(1)
        forwarder = _install(container, client, settings)
        if settings.get("enable-bgp-control-plane") == "true":
            bgpd.enable()
        else:
            bgpd.disable()
    container.set_ready()
    if bgpd.is_enabled():
        bgpd.follow(container, client)
    container.stop.wait()
    if forwarder:
        forwarder.close()
    if not container.host.stopping:
        _forget_status()
        bgpd.stop()
    return 0


def _replaces():
    status = json.loads(paths.read(paths.CILIUM_STATUS) or "{}")
    return status.get("kube-proxy-replacement", {}).get("mode") == "True"


def _forget_status():
    if os.path.exists(paths.CILIUM_STATUS):
        os.unlink(paths.CILIUM_STATUS)


def _install(container, client, settings):
    host = container.host
    found = devices(settings)
    status = _status(container, settings, found or [""], host.version)
    replaced = settings.get("kube-proxy-replacement") == "true"
    node = client.get("nodes", None, host.node)
    networks = node.get("spec", {}).get("podCIDRs") or ["10.0.0.0/24"]
    pods = networks[0]
    if replaced and not found:
        raise Crash("unable to determine direct routing device. Use --direct-routing-device to specify it "
                    f"(devices filter: {settings.get('devices', '')!r} matches no link)")
    cut = paths.fault("cilium-cuts-ssh", release_of(container))
    datapath.install(host, pods, replaced, cut, settings.get("cni-exclusive", "true") == "true")
    forwarder = datapath.serve_service_address(host) if replaced else None
    paths.write(paths.CILIUM_STATUS, json.dumps(status))
    cilium_node = {"apiVersion": "cilium.io/v2", "kind": "CiliumNode", "metadata": {"name": host.node},
                   "spec": {"addresses": [{"ip": host.address, "type": "InternalIP"}], "ipam": {"podCIDRs": networks}}}
    if client.find("ciliumnodes", None, host.node) is None:
        client.create("ciliumnodes", None, cilium_node)
    conditions = with_condition((node.get("status") or {}).get("conditions"), {
        "type": "NetworkUnavailable", "status": "False", "reason": "CiliumIsUp",
        "message": "Cilium is running on this node"})
    client.merge("nodes", None, host.node, {"status": {"conditions": conditions}}, "status")
    present = node.get("spec", {}).get("taints") or []
    taints = [taint for taint in present if taint["key"] != "node.cilium.io/agent-not-ready"]
    if len(taints) != len(present):
        client.merge("nodes", None, host.node, {"spec": {"taints": taints or None}})
    log.info("Cilium started on this node")
    return forwarder
