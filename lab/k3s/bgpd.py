"""The node's BGP speaker: FRR's bgpd in the place of the GoBGP that Cilium's agent embeds.

It listens nowhere and knows no kernel routes, as GoBGP there; a configuration, sockets and a pid file of its own keep
it apart from FRR's service. It outlives k3s, as the agent does, and the next k3s takes it over.
"""

import base64
import json
import os
import shutil
import signal
import subprocess
import time

from . import bgp, envoy, paths
from .ends import Crash, Stopped
from .services import Services
from .web import Unreachable, WebError

DIRECTORY = "/run/cilium/bgp"
PROGRAM = "/usr/lib/frr/bgpd"
_CONFIGURATION, _CHANGE = DIRECTORY + "/bgpd.conf", DIRECTORY + "/change.conf"
_CONTEXTS, _PID, _LOG = DIRECTORY + "/contexts.json", DIRECTORY + "/bgpd.pid", DIRECTORY + "/bgpd.log"
_STATES = {"OpenSent": "open_sent", "OpenConfirm": "open_confirm", "Clearing": "idle", "Deleted": "idle"}
_PATIENCE_SECONDS = 2


def enable():
    """Begins anew."""
    disable()
    os.makedirs(DIRECTORY, mode=0o700)


def disable():
    """What an earlier agent left goes."""
    stop()
    shutil.rmtree(DIRECTORY, ignore_errors=True)


def is_enabled():
    return os.path.isdir(DIRECTORY)


def _pid():
    """The running bgpd, or None."""
    try:
        pid = int(paths.read(_PID) or 0)
        with open(f"/proc/{pid}/cmdline", "rb") as file:
            return pid if _CONFIGURATION.encode() in file.read() else None
    except (OSError, ValueError):
        return None


def _contexts():
    """The configuration that bgpd has; None if it has none."""
    try:
        with open(_CONTEXTS, encoding="utf-8") as file:
            return {tuple(context): lines for context, lines in json.load(file)}
    except (OSError, ValueError):
        return None


def _vtysh(*arguments):
    return subprocess.run(["vtysh", "--vty_socket", DIRECTORY, "-d", "bgpd", *arguments], capture_output=True,
                          text=True, check=False, timeout=10)


def apply(wanted):
    """Makes bgpd do what a speaker is to do; without one, none runs. True if something changed."""
    if wanted is None:
        return stop()
    contexts, current = bgp.configuration(wanted), _contexts()
    running = _pid() is not None
    if running and current == contexts:
        return False
    lines = bgp.change(current, contexts) if running and current else None
    if lines is None:
        _start(contexts)
    else:
        paths.write(_CHANGE, "\n".join(lines) + "\n", 0o600)  # in a file: a password has no place in arguments
        _vtysh("-f", _CHANGE)
    paths.write(_CONTEXTS, json.dumps(list(contexts.items())), 0o600)
    return True


def _start(contexts):
    stop()
    paths.write(_CONFIGURATION, bgp.text(contexts), 0o600)
    with open(_LOG, "ab") as log:
        process = subprocess.Popen(
            [PROGRAM, "-f", _CONFIGURATION, "-i", _PID, "--vty_socket", DIRECTORY, "-P", "0", "-p", "0", "-n", "-Z",
             "-S", "--log", "stdout"], stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True)
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while not os.path.exists(DIRECTORY + "/bgpd.vty") and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.02)
    if process.poll() is not None:
        raise Crash(f"failed to start BGP server: bgpd ended with status {process.returncode}; see {_LOG}")


def stop():
    """Ends bgpd; True if it ran. With graceful restart the sessions break without a word, else peers are told."""
    pid = _pid()
    graceful = any(line.endswith(" graceful-restart") for lines in (_contexts() or {}).values() for line in lines)
    if os.path.exists(_CONTEXTS):
        os.unlink(_CONTEXTS)
    if pid is None:
        return False
    deadline = time.monotonic() + _PATIENCE_SECONDS
    os.kill(pid, signal.SIGKILL if graceful else signal.SIGTERM)
    while _lives(pid):
        if time.monotonic() > deadline:
            os.kill(pid, signal.SIGKILL)
        time.sleep(0.02)
    for path in (_PID, DIRECTORY + "/bgpd.vty"):
        if os.path.exists(path):
            os.unlink(path)
    return True


def _lives(pid):
    try:
        if os.waitpid(pid, os.WNOHANG)[0] == pid:
            return False
    except ChildProcessError:
        pass  # of an earlier k3s
    return os.path.exists(f"/proc/{pid}")


def follow(container, client):
    """Keeps bgpd and the services' addresses as the cluster's objects want them, until the container stops."""
    answering = Services(container.host.node, envoy.is_wanted(container))
    try:
        while True:
            try:
                sources = read(client, container.host.node)
                if apply(sources and bgp.speaker(sources)):
                    container.log('level=info msg="BGP configuration changed" subsys=bgp-control-plane')
                answering.turn(client, sources)
            except (OSError, Unreachable, WebError, subprocess.TimeoutExpired) as error:
                container.log(f'level=warning msg="BGP: {error}" subsys=bgp-control-plane')
            except (KeyError, TypeError, ValueError) as error:  # the API here checks no schema
                container.log(f'level=error msg="BGP: odd object: {error!r}" subsys=bgp-control-plane')
            container.pause(1)
    except Stopped:
        pass
    finally:
        answering.close()


def read(client, node_name):
    """The objects that matter to a node; None without a CiliumBGPClusterConfig. What has no definition is not there."""
    def every(resource, namespace=None):
        try:
            return tuple(client.list(resource, namespace))
        except WebError as error:
            if error.status != 404:
                raise
            return ()

    if not (cluster_configs := every("ciliumbgpclusterconfigs")):
        return None
    node, services = client.get("nodes", None, node_name), every("services")
    peer_configs = {item["metadata"]["name"]: item["spec"] for item in every("ciliumbgppeerconfigs")}
    secrets = {name for spec in peer_configs.values() if (name := spec.get("authSecretRef"))}
    return bgp.Sources(
        node=node, cluster_configs=cluster_configs, peer_configs=peer_configs,
        advertisements=every("ciliumbgpadvertisements"), services=services,
        overrides={item["metadata"]["name"]: item["spec"] for item in every("ciliumbgpnodeconfigoverrides")},
        local_services=_local_services(services, node_name, every),
        passwords={name: _password(client.find("secrets", "kube-system", name)) for name in secrets})


def _password(secret):
    data = (secret or {}).get("data") or {}
    return base64.b64decode(data.get("password") or "").decode(errors="replace")


def _local_services(services, node_name, every):
    """Services of traffic policy Local with an endpoint on this node: a ready pod, or an entry of an EndpointSlice."""
    local = [service for service in services if "Local" in (service["spec"].get("externalTrafficPolicy"),
                                                            service["spec"].get("internalTrafficPolicy"))]
    if not local:
        return frozenset()
    pods = [pod for pod in every("pods") if pod["spec"].get("nodeName") == node_name and any(
        entry["type"] == "Ready" and entry["status"] == "True"
        for entry in (pod.get("status") or {}).get("conditions") or [])]
    slices = [item for item in every("endpointslices")
              if any(endpoint.get("nodeName") == node_name for endpoint in item.get("endpoints") or [])]
    found = set()
    for service in local:
        metadata, selector = service["metadata"], service["spec"].get("selector")
        place = (metadata["namespace"], metadata["name"])
        if selector and any(pod["metadata"]["namespace"] == place[0]
                            and selector.items() <= (pod["metadata"].get("labels") or {}).items() for pod in pods):
            found.add(place)
        elif any((item["metadata"]["namespace"], (item["metadata"].get("labels") or {}).get(
                "kubernetes.io/service-name")) == place for item in slices):
            found.add(place)
    return frozenset(found)


def peers():
    """(sessions as `cilium-dbg bgp peers -o json` prints them, None), or (None, why there are none)."""
    if not is_enabled():
        return None, ("Error: cannot get peers list: [GET /bgp/peers][501] getBgpPeersDisabled  "
                      "BGP Control Plane disabled")
    if _pid() is None:
        return [], None
    try:
        shown = json.loads(_vtysh("-c", "show bgp neighbors json").stdout)
    except (ValueError, subprocess.TimeoutExpired) as error:
        return None, f"Error: cannot get peers list: {error}"
    return [session(address, peer) for address, peer in shown.items() if isinstance(peer, dict)], None


def session(address, peer):
    """An entry of Cilium's BgpPeer model from FRR's `show bgp neighbors json`."""
    state, up = peer["bgpState"], peer.get("bgpTimerUpMsec", 0)
    established = state == "Established"
    families = [{"afi": name[:4].lower(), "safi": name[4:].lower(), "received": found.get("acceptedPrefixCounter", 0),
                 "accepted": found.get("acceptedPrefixCounter", 0), "advertised": found.get("sentPrefixCounter", 0)}
                for name, found in (peer.get("addressFamilyInfo") or {}).items()]
    return {
        "local-asn": peer["localAs"], "peer-asn": peer["remoteAs"], "peer-address": address,
        "peer-port": peer.get("portForeign") or bgp.PORT, "session-state": _STATES.get(state, state.lower()),
        "uptime-nanoseconds": up * 1_000_000 if established else 0, "families": families,
        "applied-hold-time-seconds": peer.get("bgpTimerHoldTimeMsecs", 0) // 1000 if established else 0,
        "applied-keep-alive-time-seconds": peer.get("bgpTimerKeepAliveIntervalMsecs", 0) // 1000 if established else 0,
        "configured-hold-time-seconds": peer.get("bgpTimerConfiguredHoldTimeMsecs", bgp.HOLD * 1000) // 1000,
        "configured-keep-alive-time-seconds":
            peer.get("bgpTimerConfiguredKeepAliveIntervalMsecs", bgp.KEEPALIVE * 1000) // 1000,
        "connect-retry-time-seconds": peer.get("connectRetryTimer", bgp.RETRY),
        "ebgp-multihop-ttl": peer.get("externalBgpNbrMaxHopsAway", 1),
        "tcp-password-enabled": bool(peer.get("authenticationEnabled")),
    }
