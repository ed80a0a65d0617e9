"""LB-IPAM, which Cilium's operator runs: pools grant addresses to services of type LoadBalancer."""

import ipaddress
from dataclasses import dataclass

from . import bgp, selectors
from .ends import Stopped
from .nodes import with_condition
from .web import Unreachable, WebError

CLASSES = (None, "io.cilium/bgp-control-plane", "io.cilium/l2-announcer")
REQUESTS = ("lbipam.cilium.io/ips", "io.cilium/lb-ipam-ips")
SATISFIED, CONFLICT = "cilium.io/IPAMRequestSatisfied", "cilium.io/PoolConflict"


@dataclass(frozen=True)
class Range:
    """Addresses of one family from first to last, which a pool hands out in order."""

    first: object
    last: object

    def __contains__(self, address):
        return address.version == self.first.version and self.first <= address <= self.last

    def overlaps(self, other):
        return other.first in self or self.first in other

    @property
    def size(self):
        return int(self.last) - int(self.first) + 1

    def __str__(self):
        return f"{self.first} - {self.last}"


def ranges(spec):
    """A pool's ranges.

    `allowFirstLastIPs: "No"` spares both ends of a cidr, but not of the smallest ones, nor of start and stop.
    """
    found = []
    for block in spec.get("blocks") or []:
        if block.get("cidr"):
            network = ipaddress.ip_network(block["cidr"], strict=False)
            spare = 1 if spec.get("allowFirstLastIPs") == "No" and network.num_addresses > 2 else 0
            found.append(Range(network[spare], network[-1 - spare]))
        else:
            first = ipaddress.ip_address(block["start"])
            found.append(Range(first, ipaddress.ip_address(block.get("stop") or block["start"])))
    return found


def conflicts(pools):
    """Why a pool may not grant: its name to a message. Of two pools that overlap, the younger one may not."""
    found = {}
    by_age = sorted(pools, key=lambda pool: (pool["metadata"].get("creationTimestamp", ""), pool["metadata"]["name"]))
    for place, pool in enumerate(by_age):
        name, own = pool["metadata"]["name"], ranges(pool["spec"])
        others = [(name, one, other) for number, one in enumerate(own) for other in own[number + 1:]]
        others += [(older["metadata"]["name"], one, other) for older in by_age[:place]
                   if older["metadata"]["name"] not in found for one in own for other in ranges(older["spec"])]
        for owner, one, other in others:
            if one.overlaps(other):
                found[name] = f"Pool conflicts since range '{one}' overlaps range '{other}' from IP Pool '{owner}'"
                break
    return found


def is_ours(service):
    spec = service.get("spec") or {}
    return spec.get("type") == "LoadBalancer" and spec.get("loadBalancerClass") in CLASSES


def families(service):
    """IP versions that a service asks for. The API here fills in no defaults: without `ipFamilies` that is IPv4."""
    spec = service.get("spec") or {}
    if spec.get("ipFamilies"):
        return [4 if family == "IPv4" else 6 for family in spec["ipFamilies"]]
    return [4, 6] if spec.get("ipFamilyPolicy") in ("PreferDualStack", "RequireDualStack") else [4]


def requested(service):
    annotations = service["metadata"].get("annotations") or {}
    text = next((annotations[name] for name in REQUESTS if annotations.get(name)), None)
    text = text or (service.get("spec") or {}).get("loadBalancerIP") or ""
    return [ipaddress.ip_address(part.strip()) for part in text.split(",") if part.strip()]


class Allocation:
    """Who has which address. Addresses that a service has already stay its own while a pool of its still holds them."""

    def __init__(self, pools, services):
        self.pools = sorted(pools, key=lambda pool: pool["metadata"]["name"])
        self.ranges = {pool["metadata"]["name"]: ranges(pool["spec"]) for pool in pools}
        self.conflicts = conflicts(pools)
        self.owner = {}
        self.granted, self.problems = {}, {}
        ours = sorted((service for service in services if is_ours(service)), key=lambda service: (
            service["metadata"].get("creationTimestamp", ""), *_place(service)))
        for service in ours:
            self._keep(service)
        for service in ours:
            self._grant(service)

    def _keep(self, service):
        wanted, versions = requested(service), families(service)
        kept = self.granted.setdefault(_place(service), [])
        for text in bgp.granted(service):
            address = ipaddress.ip_address(text)
            if address.version in versions and address not in self.owner and (not wanted or address in wanted) \
                    and (wanted or address.version not in {other.version for other in kept}) \
                    and self._pool_of(address, service):
                self.owner[address] = _place(service)
                kept.append(address)

    def _grant(self, service):
        place = _place(service)
        for address in requested(service):
            if self.owner.get(address) == place or address.version not in families(service):
                continue
            pool = self._pool_of(address)
            if address in self.owner:
                problem = ("already_allocated", f"The IP '{address}' is already allocated to another service")
            elif pool is None or not self._grants(pool):
                problem = ("no_pool", f"No pool exists with a CIDR containing '{address}'")
            elif not _selects(pool, service):
                problem = ("pool_selector_mismatch", f"The pool '{pool['metadata']['name']}' with the CIDR containing "
                                                     f"'{address}', does not select this service")
            else:
                self._take(address, place)
                continue
            self.problems.setdefault(place, problem)
        if requested(service):
            return
        for version in families(service):
            if version not in {address.version for address in self.granted[place]}:
                self._take_any(version, place, service)

    def _take_any(self, version, place, service):
        usable = [pool for pool in self.pools if self._grants(pool) and _selects(pool, service)]
        usable = [pool for pool in usable
                  if any(one.first.version == version for one in self.ranges[pool["metadata"]["name"]])]
        for pool in usable:
            for one in self.ranges[pool["metadata"]["name"]]:
                address = one.first if one.first.version == version else None
                while address is not None and address in self.owner:
                    address = address + 1 if address < one.last else None
                if address is not None:
                    return self._take(address, place)
        self.problems.setdefault(place, (
            "out_of_ips", "All enabled CiliumLoadBalancerIPPools that match this service ran out of allocatable IPs")
            if usable else ("no_pool", "There are no enabled CiliumLoadBalancerIPPools that match this service"))

    def _take(self, address, place):
        self.owner[address] = place
        self.granted[place].append(address)

    def _grants(self, pool):
        return not pool["spec"].get("disabled") and pool["metadata"]["name"] not in self.conflicts

    def _pool_of(self, address, service=None):
        """The pool that holds an address, one that grants before others; with a service, only one that selects it."""
        return next((pool for pool in sorted(self.pools, key=lambda pool: not self._grants(pool))
                     if any(address in one for one in self.ranges[pool["metadata"]["name"]])
                     and (service is None or _selects(pool, service))), None)

    def service_condition(self, service):
        problem = self.problems.get(_place(service))
        return {"type": SATISFIED, "status": "False" if problem else "True",
                "reason": problem[0] if problem else "satisfied", "message": problem[1] if problem else ""}

    def pool_conditions(self, pool):
        name = pool["metadata"]["name"]
        total = sum(one.size for one in self.ranges[name])
        used = sum(any(address in one for one in self.ranges[name]) for address in self.owner)
        message = self.conflicts.get(name)
        return [{"type": CONFLICT, "status": "True" if message else "False", "message": message or "",
                 "reason": "cidr_overlap" if message else "resolved"},
                *({"type": f"cilium.io/IPs{what}", "status": "Unknown", "reason": "noreason", "message": str(number)}
                  for what, number in (("Total", total), ("Available", total - used), ("Used", used)))]


def _place(service):
    return service["metadata"]["namespace"], service["metadata"]["name"]


def _selects(pool, service):
    return selectors.matches(pool["spec"].get("serviceSelector"), bgp.service_labels(service))


def turn(client):
    """One look at all pools and services."""
    pools, services = client.list("ciliumloadbalancerippools"), client.list("services")
    allocation = Allocation(pools, services)
    for service in services:
        namespace, name = _place(service)
        conditions = (service.get("status") or {}).get("conditions")
        if is_ours(service):
            addresses = [str(address) for address in allocation.granted[namespace, name]]
            conditions = _with(conditions, [allocation.service_condition(service)])
        elif any(entry["type"] == SATISFIED for entry in conditions or []):
            addresses, conditions = [], [entry for entry in conditions if entry["type"] != SATISFIED]
        else:
            continue
        ingress = {"ingress": [{"ip": address, "ipMode": "VIP"} for address in addresses]} if addresses else {}
        _write(client, "services", service, {"loadBalancer": ingress, "conditions": conditions})
    for pool in pools:
        conditions = _with((pool.get("status") or {}).get("conditions"), allocation.pool_conditions(pool))
        _write(client, "ciliumloadbalancerippools", pool, {"conditions": conditions})


def _with(conditions, entries):
    for entry in entries:
        conditions = with_condition(conditions, entry)
    return sorted(conditions, key=lambda entry: entry["type"])


def _write(client, resource, item, status):
    """Only what changed, and only if nobody changed the object meanwhile: then the next look sees it."""
    current, metadata = item.get("status") or {}, item["metadata"]
    if {**current, **status} == current or (not current and not any(status.values())):
        return
    try:
        client.update(resource, metadata.get("namespace"), metadata["name"],
                      {**item, "status": {**current, **status}}, "status")
    except WebError as error:
        if error.status not in (404, 409):
            raise


def follow(container, client):
    """Until the container stops. Two operators at it do no harm: they come to the same result."""
    try:
        while True:
            try:
                turn(client)
            except (Unreachable, WebError) as error:
                container.log(f'level=warning msg="LB-IPAM: {error}"')
            except (KeyError, TypeError, ValueError) as error:  # the API here checks no schema
                container.log(f'level=error msg="LB-IPAM: odd object: {error!r}"')
            container.pause(1)
    except Stopped:
        pass
