"""What a node's BGP speaker is to do, from Cilium's objects; and that as FRR's configuration. Nothing runs here.

The real agent embeds GoBGP. Here the speaker is FRR's bgpd (see `bgpd`), told what GoBGP would be told.
"""

import ipaddress
from dataclasses import dataclass

from . import selectors

NAME = "io.kubernetes.service.name"
NAMESPACE = "io.kubernetes.service.namespace"
CLASSES = (None, "io.cilium/bgp-control-plane")
# What Cilium takes where an object says nothing.
HOLD, KEEPALIVE, RETRY, RESTART, PORT = 90, 30, 120, 120, 179
FAMILIES = ({"afi": "ipv4", "safi": "unicast"}, {"afi": "ipv6", "safi": "unicast"})


@dataclass(frozen=True)
class Sources:
    """The objects that matter to a node, as the API serves them; `passwords` are of the secrets in kube-system."""

    node: dict
    cluster_configs: tuple
    peer_configs: dict
    advertisements: tuple
    overrides: dict
    services: tuple
    local_services: frozenset  # (namespace, name) of services with an endpoint on this node
    passwords: dict


@dataclass(frozen=True)
class Peer:
    """One session, and what it advertises: prefix to communities and local preference, by family."""

    address: str
    asn: int
    port: int
    timers: tuple  # keep-alive, hold, connect retry
    multihop: int
    restart: int  # seconds of graceful restart; 0 without
    password: str
    source: str
    families: tuple  # (afi, ((prefix, attributes), ...)) of each family


@dataclass(frozen=True)
class Speaker:
    asn: int
    router_id: str
    peers: tuple


def selects(selector, labels):
    """As `selectors.matches`, but a selector that is not there selects nothing."""
    return selector is not None and selectors.matches(selector, labels)


def service_labels(service):
    """A service's labels with its name and namespace, which Cilium's selectors may name, too."""
    metadata = service["metadata"]
    return {**(metadata.get("labels") or {}), NAME: metadata["name"], NAMESPACE: metadata["namespace"]}


def speaker(sources):
    """The speaker of a node, or None if no CiliumBGPClusterConfig selects it.

    Of several, the first by name counts; of its instances, the first one.
    """
    labels, name = sources.node["metadata"].get("labels") or {}, sources.node["metadata"]["name"]
    selected = [config for config in sources.cluster_configs
                if selectors.matches(config["spec"].get("nodeSelector"), labels)]
    if not selected:
        return None
    instance = min(selected, key=lambda config: config["metadata"]["name"])["spec"]["bgpInstances"][0]
    override = next((entry for entry in (sources.overrides.get(name) or {}).get("bgpInstances") or []
                     if entry["name"] == instance["name"]), {})
    asn = override.get("localASN") or instance.get("localASN")
    addresses = node_addresses(sources.node)
    router_id = override.get("routerID") or next((text for text in addresses if ":" not in text), None)
    if not asn or not router_id:
        return None
    peers = []
    for entry in instance.get("peers") or []:
        own = next((peer for peer in override.get("peers") or [] if peer["name"] == entry["name"]), {})
        if (peer := _peer(entry, own, sources)) is not None:
            peers.append(peer)
    return Speaker(asn, router_id, tuple(peers))


def node_addresses(node):
    return [entry["address"] for entry in (node.get("status") or {}).get("addresses") or []
            if entry["type"] == "InternalIP"]


def _peer(entry, override, sources):
    """None without an address, or with a reference to a CiliumBGPPeerConfig that is not there."""
    name = (entry.get("peerConfigRef") or {}).get("name")
    config = sources.peer_configs.get(name) if name else {}
    if config is None or not entry.get("peerAddress"):
        return None
    timers, transport = config.get("timers") or {}, config.get("transport") or {}
    restart = config.get("gracefulRestart") or {}
    families = tuple(
        (family["afi"], tuple(sorted(advertised(family, sources).items())))
        for family in config.get("families") or FAMILIES
        if family["afi"] in ("ipv4", "ipv6") and family.get("safi", "unicast") == "unicast")
    return Peer(
        address=entry["peerAddress"], asn=entry.get("peerASN") or 0, port=transport.get("peerPort") or PORT,
        timers=(timers.get("keepAliveTimeSeconds") or KEEPALIVE, timers.get("holdTimeSeconds") or HOLD,
                timers.get("connectRetryTimeSeconds") or RETRY),
        multihop=config.get("ebgpMultihop") or 1,
        restart=(restart.get("restartTimeSeconds") or RESTART) if restart.get("enabled") else 0,
        password=sources.passwords.get(config.get("authSecretRef")) or "", source=override.get("localAddress") or "",
        families=families)


def advertised(family, sources):
    """What goes out in a family: prefix to (communities, local preference), of all advertisements together."""
    found = {}
    for item in sources.advertisements:
        if not selects(family.get("advertisements"), item["metadata"].get("labels") or {}):
            continue
        for entry in item["spec"].get("advertisements") or []:
            attributes = entry.get("attributes") or {}
            communities = attributes.get("communities") or {}
            words = {str(word) for kind in ("standard", "wellKnown") for word in communities.get(kind) or []}
            large = {"large:" + word for word in communities.get("large") or []}
            for prefix in _prefixes(entry, sources):
                if f"ipv{prefix.version}" == family["afi"]:
                    earlier = found.get(str(prefix), ((), 0))
                    found[str(prefix)] = (tuple(sorted({*earlier[0], *words, *large})),
                                          attributes.get("localPreference") or earlier[1])
    return found


def _prefixes(entry, sources):
    kind = entry.get("advertisementType")
    if kind == "PodCIDR":
        spec = sources.node.get("spec") or {}
        return [ipaddress.ip_network(text) for text in spec.get("podCIDRs") or [spec.get("podCIDR")] if text]
    if kind != "Service":
        return []
    wanted, found = entry.get("service") or {}, []
    for service in sources.services:
        if not selects(entry.get("selector"), service_labels(service)):
            continue
        for address in service_addresses(service, wanted.get("addresses") or (), sources.local_services):
            network = ipaddress.ip_network(address)
            length = wanted.get(f"aggregationLengthIPv{network.version}")
            found.append(network.supernet(new_prefix=length) if length else network)
    return found


def service_addresses(service, kinds, local_services):
    """Addresses of a service that a node advertises. With traffic policy Local only a node with an endpoint does."""
    spec, addresses = service.get("spec") or {}, []
    here = (service["metadata"]["namespace"], service["metadata"]["name"]) in local_services
    outside = here or spec.get("externalTrafficPolicy") != "Local"
    if "LoadBalancerIP" in kinds and spec.get("type") == "LoadBalancer" and outside \
            and spec.get("loadBalancerClass") in CLASSES:
        addresses += granted(service)
    if "ExternalIP" in kinds and outside:
        addresses += spec.get("externalIPs") or []
    if "ClusterIP" in kinds and (here or spec.get("internalTrafficPolicy") != "Local"):
        addresses += [text for text in spec.get("clusterIPs") or [spec.get("clusterIP")] if text and text != "None"]
    return addresses


def granted(service):
    """Addresses in the status of a service of type LoadBalancer."""
    ingress = ((service.get("status") or {}).get("loadBalancer") or {}).get("ingress") or []
    return [entry["ip"] for entry in ingress if entry.get("ip")]


# FRR's configuration: lines by context, a context being the lines that lead into it.

def configuration(wanted):
    """Contexts with their lines, in the order in which FRR must read them."""
    router = (f"router bgp {wanted.asn}",)
    contexts = {(): [], router: [
        f"bgp router-id {wanted.router_id}", "no bgp default ipv4-unicast", "no bgp ebgp-requires-policy",
        "no bgp network import-check", "bgp graceful-restart preserve-fw-state"]}
    if (restart := max((peer.restart for peer in wanted.peers), default=0)):
        contexts[router].append(f"bgp graceful-restart restart-time {restart}")
    for peer in wanted.peers:
        contexts[router] += _session(peer, wanted.asn)
    families = {}
    for peer in wanted.peers:
        for afi, prefixes in peer.families:
            lines = families.setdefault((*router, f"address-family {afi} unicast"), [])
            lines += [line for line in (f"network {prefix}" for prefix, _ in prefixes) if line not in lines]
            lines += _policy(contexts, f"{peer.address}-{afi}", afi, peer.address, prefixes)
    return {**contexts, **families}


def _session(peer, asn):
    keepalive, hold, retry = peer.timers
    lines = [f"remote-as {peer.asn or 'external'}", f"timers {keepalive} {hold}", f"timers connect {retry}"]
    lines += [f"port {peer.port}"] if peer.port != PORT else []
    lines += [f"ebgp-multihop {peer.multihop}"] if peer.multihop > 1 and peer.asn != asn else []
    lines += [f"password {peer.password}"] if peer.password else []
    lines += [f"update-source {peer.source}"] if peer.source else []
    lines += ["graceful-restart" if peer.restart else "graceful-restart-disable"]
    return [f"neighbor {peer.address} {line}" for line in lines]


def _policy(contexts, name, afi, address, prefixes):
    """Adds lists and a route map that let just these prefixes out; returns the lines that put them to use."""
    word = "ip" if afi == "ipv4" else "ipv6"
    by_attributes = {}
    for prefix, attributes in prefixes:
        by_attributes.setdefault(attributes, []).append(prefix)
    for place, ((communities, preference), members) in enumerate(sorted(by_attributes.items()), 1):
        listed = f"{name}-{place}"
        contexts[()] += [f"{word} prefix-list {listed} permit {prefix}" for prefix in members]
        lines = contexts[(f"route-map {name} permit {place}",)] = [f"match {word} address prefix-list {listed}"]
        plain = " ".join(text for text in communities if not text.startswith("large:"))
        large = " ".join(text.removeprefix("large:") for text in communities if text.startswith("large:"))
        lines += [f"set community {plain}"] if plain else []
        lines += [f"set large-community {large}"] if large else []
        lines += [f"set local-preference {preference}"] if preference else []
    contexts[(f"route-map {name} deny 65535",)] = []
    return [f"neighbor {address} {line}" for line in ("activate", "send-community all", f"route-map {name} out")]


def text(contexts):
    """A configuration as a file."""
    lines = list(contexts.get((), []))
    for context, inside in contexts.items():
        if context:
            lines += _inside(context, inside)
    return "\n".join(lines) + "\n"


def _inside(context, lines):
    """Lines in their context. `exit` leads out again, but for a bare one at the top, which would end the file."""
    return [*context, *lines, *(["exit-address-family"] if len(context) > 1 else []), "exit"]


def change(current, wanted):
    """Lines that turn one configuration into the other; None if bgpd must be started anew (AS number, router id).

    A session whose own settings changed is taken down and set up again; other prefixes need no reset.
    """
    if _identity(current) != _identity(wanted):
        return None
    router = next(context for context in wanted if context[:1] and context[0].startswith("router "))
    before, after = _sessions(current[router]), _sessions(wanted[router])
    anew = {address for address in before if before[address] != after.get(address)}
    top = [line for line in wanted[()] if line not in current[()]]
    entered, left = [], []
    for context in {**current, **wanted}:
        if not context:
            continue
        here = [line for line in current.get(context, []) if _neighbor(line) not in anew]
        there = wanted.get(context, [])
        lines = [f"no {line}".replace("no no ", "") for line in here if line not in there]
        lines += [line for line in there if line not in here]
        if context == router:
            lines = [f"no neighbor {address}" for address in sorted(anew)] + lines
        if context not in wanted and context[0].startswith("route-map "):
            left += ["no " + context[0]]
        elif lines or context not in current:
            entered += _inside(context, lines)
    left += ["no " + line for line in current[()] if line not in wanted[()]]
    return top + entered + left


def _identity(contexts):
    return [(context, lines[0]) for context, lines in contexts.items() if len(context) == 1
            and context[0].startswith("router ")]


def _neighbor(line):
    words = line.split()
    return words[1] if words[0] == "neighbor" else None


def _sessions(lines):
    found = {}
    for line in lines:
        if (address := _neighbor(line)) is not None:
            found.setdefault(address, []).append(line)
    return found
