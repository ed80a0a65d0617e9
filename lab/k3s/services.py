"""Granted addresses of services answer on every node that traffic reaches, as kube-proxy replacement has it.

The real one forwards in eBPF to pods. Here pods have no network, so a rule leads to a listener that passes connections
on to what an EndpointSlice or Endpoints object names; where nothing there accepts, it answers with the node's name.
For a Service that a CiliumClusterwideEnvoyConfig takes, the rule leads to Envoy. TCP only.
"""

import asyncio
import subprocess
import threading

from . import bgp, envoy, log
from .loadbalancer import pump

_CHAINS = ("CILIUM_PRE_nat", "CILIUM_OUTPUT_nat")


def frontends(sources, endpoints):
    """(address, port) to (service, targets) for all that this node answers."""
    found = {}
    for service in sources.services:
        namespace, name = service["metadata"]["namespace"], service["metadata"]["name"]
        for address in bgp.service_addresses(service, ("LoadBalancerIP", "ExternalIP"), sources.local_services):
            for port in service["spec"].get("ports") or []:
                if port.get("protocol", "TCP") == "TCP":
                    targets = endpoints.get((namespace, name, port.get("name") or ""), ())
                    found[address, port["port"]] = (f"{namespace}/{name}", tuple(targets))
    return found


def endpoints(slices, older):
    """(namespace, service, name of the port) to targets, from EndpointSlices and from Endpoints."""
    found = {}
    for item in slices:
        metadata = item["metadata"]
        service = (metadata.get("labels") or {}).get("kubernetes.io/service-name")
        addresses = [address for entry in item.get("endpoints") or [] for address in entry.get("addresses") or []
                     if (entry.get("conditions") or {}).get("ready") is not False]
        _add(found, metadata["namespace"], service, item.get("ports"), addresses)
    for item in older:
        for subset in item.get("subsets") or []:
            addresses = [entry["ip"] for entry in subset.get("addresses") or []]
            _add(found, item["metadata"]["namespace"], item["metadata"]["name"], subset.get("ports"), addresses)
    return found


def _add(found, namespace, service, ports, addresses):
    for port in ports or []:
        targets = found.setdefault((namespace, service, port.get("name") or ""), [])
        targets += [(address, port["port"]) for address in addresses if (address, port["port"]) not in targets]


def rules(served, version):
    """Lines for iptables-restore that lead to the listeners; they replace what the chains had."""
    lines = ["*nat", *(f":{chain} - [0:0]" for chain in _CHAINS)]
    for chain in _CHAINS:
        for (address, port), (host, listening) in sorted(served.items()):
            if (":" in address) == (version == 6):
                bits, to = (128, f"[{host}]") if version == 6 else (32, host)
                lines.append(f'-A {chain} -d {address}/{bits} -p tcp -m tcp --dport {port} -m comment --comment '
                             f'"cilium: lab service address" -j DNAT --to-destination {to}:{listening}')
    return "\n".join([*lines, "COMMIT", ""])


def led_to_envoy(served, redirects, addresses):
    """(address, port) to the listener of Envoy's, of all that is served."""
    found = {}
    for (address, port), (service, _) in served.items():
        listening, only = redirects.get(service, (None, None))
        own = own_address(addresses, address)
        if listening and own and (not only or port in only):
            found[address, port] = (own, listening)
    return found


def own_address(addresses, address):
    """The node's own address of the same family, or None."""
    return next((own for own in addresses if (":" in own) == (":" in address)), None)


class Services:
    """The listeners of a node; `turn` brings them up to date. With `envoys`, Envoy is there to be told."""

    def __init__(self, node, envoys=False):
        self.node, self.envoys, self.wanted, self.listeners, self.written = node, envoys, {}, {}, None
        self.loop = asyncio.new_event_loop()
        threading.Thread(target=self.loop.run_forever, name="service addresses", daemon=True).start()

    def turn(self, client, sources):
        """`sources` is None on a node without BGP: then nothing answers."""
        wanted, own = {}, bgp.node_addresses(sources.node) if sources else []
        to_envoy = {}
        if sources and frontends(sources, {}):
            found = endpoints(client.list("endpointslices"), client.list("endpoints"))
            wanted = frontends(sources, found)
            if self.envoys:
                to_envoy = led_to_envoy(wanted, envoy.turn(client, sources.node, own, found), own)
        self.wanted = {key: value for key, value in wanted.items() if key not in to_envoy}
        asyncio.run_coroutine_threadsafe(self._listen(own), self.loop).result(10)
        served = {key: listener.sockets[0].getsockname()[:2] for key, listener in self.listeners.items()}
        served |= to_envoy
        if served != self.written:
            for program, version in (("iptables-restore", 4), ("ip6tables-restore", 6)):
                done = subprocess.run([program, "--noflush"], input=rules(served, version), capture_output=True,
                                      text=True, check=False)
                if done.returncode != 0:
                    log.warning(f"{program}: {done.stderr.strip()}")
            self.written = served

    def close(self):
        for listener in self.listeners.values():
            self.loop.call_soon_threadsafe(listener.close)
        self.loop.call_soon_threadsafe(self.loop.stop)

    async def _listen(self, addresses):
        for key in set(self.listeners) - set(self.wanted):
            self.listeners.pop(key).close()
        for key in set(self.wanted) - set(self.listeners):
            if (own := own_address(addresses, key[0])) is not None:
                self.listeners[key] = await asyncio.start_server(
                    lambda reader, writer, key=key: self._connection(key, reader, writer), own)

    async def _connection(self, key, reader, writer):
        service, targets = self.wanted.get(key, ("", ()))
        for target in targets:
            try:
                upstream = await asyncio.wait_for(asyncio.open_connection(*target), 2)
            except (OSError, asyncio.TimeoutError):
                continue
            await asyncio.gather(pump(reader, upstream[1]), pump(upstream[0], writer))
            return
        try:
            await asyncio.wait_for(reader.read(4096), 1)
        except (OSError, asyncio.TimeoutError):
            pass
        writer.write(f"HTTP/1.0 200 OK\r\n\r\n{self.node} answers for {service}\n".encode())
        writer.close()
