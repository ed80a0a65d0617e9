"""Cilium's Envoy on a node: a real one, and around it what Cilium's agent and the pod `cilium-envoy` do.

The real agent tells Envoy over xDS, and puts filters of Cilium's own before those of a CiliumClusterwideEnvoyConfig.
Here the agent writes files, which Envoy follows by itself. It outlives k3s, as the pod does.
"""

import hashlib
import http.client
import json
import os
import signal
import socket
import subprocess
import time
import urllib.parse

from . import paths, selectors
from .ends import Crash, Stopped
from .web import WebError

PROGRAM = "/usr/local/lib/clusterctl-lab/envoy"
DIRECTORY = "/run/cilium/envoy"
ADMIN = DIRECTORY + "/sockets/admin.sock"
_BOOTSTRAP, _PID, _LOG, _PORTS = (f"{DIRECTORY}/{name}" for name in ("bootstrap.json", "pid", "log", "ports.json"))
_LISTENERS, _CLUSTERS = DIRECTORY + "/listeners.json", DIRECTORY + "/clusters.json"
_TYPE = "type.googleapis.com/envoy."
LISTENER, CLUSTER = _TYPE + "config.listener.v3.Listener", _TYPE + "config.cluster.v3.Cluster"
ASSIGNMENT = _TYPE + "config.endpoint.v3.ClusterLoadAssignment"
TCP_PROXY = _TYPE + "extensions.filters.network.tcp_proxy.v3.TcpProxy"
FIRST_PORT = 10000  # of those that Cilium gives to listeners
_PATIENCE_SECONDS = 2


# What the agent makes of the objects

class Wanted:
    """What Envoy is to have: resources by name, and where Services are led."""

    def __init__(self):
        self.listeners, self.clusters, self.assignments = {}, {}, {}
        self.redirects = {}  # "NAMESPACE/SERVICE": (port of the listener, the Service's ports that count; None: all)


def qualified(namespace, config, name):
    """Cilium's name for a resource, unless it has one with a slash already (cilium pkg/policy/api)."""
    return name if "/" in name else f"{namespace}/{config}/{name}"


def wanted(configs, endpoints, addresses, ports):
    """`ports` are those of listeners that have one; new ones are added. `endpoints` as `services.endpoints` has them."""
    result, served = Wanted(), set()
    for config in configs:
        namespace, name = config["metadata"].get("namespace") or "", config["metadata"]["name"]
        spec, own = config["spec"], []
        for resource in spec.get("resources") or []:
            if resource["@type"] == LISTENER:
                listener = _listener(namespace, name, resource, addresses, ports)
                result.listeners[listener["name"]] = listener
                own.append(listener["name"])
            elif resource["@type"] == CLUSTER:
                cluster = _cluster(namespace, name, resource)
                result.clusters[cluster["name"]] = cluster
        for service in spec.get("services") or []:
            place = f"{service.get('namespace') or namespace or 'default'}/{service['name']}"
            named = service.get("listener")
            listener = f"{namespace}/{name}/{named}" if named else next(iter(own), None)
            if listener in own:
                result.redirects[place] = (ports[listener], service.get("ports"))
            served.add(place)
        served |= {f"{service.get('namespace') or namespace or 'default'}/{service['name']}"
                   for service in spec.get("backendServices") or []}
    for name, cluster in result.clusters.items():
        if cluster.get("type") == "EDS":
            place = name.removesuffix(":*")
            result.assignments[name] = _assignment(name, endpoints if place in served else {}, place)
    return result


def _listener(namespace, config, resource, addresses, ports):
    """With its full name, and an address where it has none. (The real one is on loopback, and eBPF leads there.)"""
    name = f"{namespace}/{config}/{resource['name']}"
    listener = {**resource, "name": name}
    if "address" not in resource:
        port = ports.setdefault(name, max([FIRST_PORT, *ports.values()]) + 1)
        places = [{"address": {"socket_address": {"address": address, "port_value": port}}} for address in addresses]
        listener.update(places[0], additional_addresses=places[1:])
    chains = []
    for chain in resource.get("filter_chains") or resource.get("filterChains") or []:
        chains.append({**chain, "filters": [_filter(namespace, config, item) for item in chain.get("filters") or []]})
    listener.pop("filterChains", None)
    return {**listener, "filter_chains": chains}


def _filter(namespace, config, item):
    key = "typed_config" if "typed_config" in item else "typedConfig"
    typed = item.get(key) or {}
    if typed.get("@type") != TCP_PROXY or "cluster" not in typed:
        return item
    return {**item, key: {**typed, "cluster": qualified(namespace, config, typed["cluster"])}}


def _cluster(namespace, config, resource):
    """With its full name, and the file where its endpoints are."""
    cluster = {**resource, "name": qualified(namespace, config, resource["name"])}
    if cluster.get("type") == "EDS" and not {"eds_cluster_config", "edsClusterConfig"} & set(cluster):
        cluster["eds_cluster_config"] = {"eds_config": _source(_assignment_file(cluster["name"]))}
    return cluster


def _assignment(name, endpoints, place):
    targets = [target for (namespace, service, _), found in endpoints.items() if f"{namespace}/{service}" == place
               for target in found]
    return {"cluster_name": name, "endpoints": [{"lb_endpoints": [
        {"endpoint": {"address": {"socket_address": {"address": address, "port_value": port}}}}
        for address, port in targets]}]}


# What the agent tells Envoy

def _source(path):
    return {"path_config_source": {"path": path}, "resource_api_version": "V3"}


def _assignment_file(cluster):
    return f"{DIRECTORY}/endpoints-{urllib.parse.quote(cluster, safe='')}.json"


def _tell(path, kind, resources):
    """Envoy looks at a file again when another one takes its place."""
    resources = [{"@type": kind, **resource} for resource in resources]
    version = hashlib.sha256(json.dumps(resources).encode()).hexdigest()[:16]
    text = json.dumps({"version_info": version, "resources": resources})
    if paths.read(path) != text:
        paths.write(path, text, 0o600)


def tell(result):
    for name, assignment in result.assignments.items():
        _tell(_assignment_file(name), ASSIGNMENT, [assignment])
    _tell(_CLUSTERS, CLUSTER, result.clusters.values())
    _tell(_LISTENERS, LISTENER, result.listeners.values())


def turn(client, node, addresses, endpoints):
    """Has Envoy do what the objects want; `Wanted.redirects`."""
    configs = []
    for resource in ("ciliumclusterwideenvoyconfigs", "ciliumenvoyconfigs"):
        try:
            configs += client.list(resource)
        except WebError as error:  # the operator has not made the kind yet
            if error.status != 404:
                raise
    labels = node["metadata"].get("labels") or {}
    configs = [config for config in configs if selectors.matches(config["spec"].get("nodeSelector"), labels)]
    ports = json.loads(paths.read(_PORTS) or "{}")
    result = wanted(sorted(configs, key=lambda config: config["metadata"]["name"]), endpoints, addresses, ports)
    paths.write(_PORTS, json.dumps(ports), 0o600)
    tell(result)
    return result.redirects


# The pod cilium-envoy

def is_wanted(container):
    return container.env.get("ENABLE_ENVOY_CONFIG") == "true"


def run(container):
    """Without `envoyConfig.enabled` there is nothing for Envoy to do here, and it is spared."""
    if not is_wanted(container):
        container.set_ready()
        container.stop.wait()
        return 0
    if not container.adopted or _pid() is None:
        stop()
        _start()
    try:
        while _pid() is not None:
            answer, problem = ask("/ready")
            container.set_ready(answer == "LIVE\n", problem or answer)
            container.pause(1)
    except Stopped:
        if not container.host.stopping:
            stop()
        raise
    raise Crash(f"Envoy has ended; see {_LOG}")


def _start():
    os.makedirs(os.path.dirname(ADMIN), exist_ok=True)
    for path in (_CLUSTERS, _LISTENERS):
        if not os.path.exists(path):
            _tell(path, "", ())
    paths.write(_BOOTSTRAP, json.dumps({
        "node": {"id": "lab", "cluster": "ingress-cluster"}, "admin": {"address": {"pipe": {"path": ADMIN}}},
        "dynamic_resources": {"lds_config": _source(_LISTENERS), "cds_config": _source(_CLUSTERS)}}), 0o600)
    process = subprocess.Popen(
        [PROGRAM, "-c", _BOOTSTRAP, "--concurrency", "1", "--disable-hot-restart", "--log-level", "warning",
         "--log-path", _LOG], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        start_new_session=True)
    paths.write(_PID, str(process.pid))


def _pid():
    """The running Envoy, or None."""
    try:
        pid = int(paths.read(_PID) or 0)
        with open(f"/proc/{pid}/cmdline", "rb") as file:
            return pid if _BOOTSTRAP.encode() in file.read() else None
    except (OSError, ValueError):
        return None


def stop():
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while (pid := _pid()) is not None:
        os.kill(pid, signal.SIGTERM if time.monotonic() < deadline else signal.SIGKILL)
        time.sleep(0.05)


def ask(path):
    """(what Envoy's admin interface answers, None), or (None, why it does not)."""
    connection = http.client.HTTPConnection("envoy-admin", timeout=5)
    connection.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    connection.sock.settimeout(5)
    try:
        connection.sock.connect(ADMIN)
        connection.request("GET", path)
        return connection.getresponse().read().decode(), None
    except (OSError, http.client.HTTPException) as error:
        return None, f'failed to call "{path}" endpoint: dial unix {ADMIN}: {error}'
    finally:
        connection.close()
