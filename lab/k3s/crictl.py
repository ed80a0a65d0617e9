"""`k3s crictl`, as far as somebody who looks at Cilium needs it. Gates ask it every second: it imports what it must."""

import json
import os
import sys

from . import paths

_SOCKET = "unix:///run/k3s/containerd/containerd.sock"


def _fail(message, status=1):
    print(message, file=sys.stderr)
    return status


def _containers():
    """Records of the running k3s; None if it does not run (its containerd is gone then, too)."""
    try:
        document = json.loads(paths.read(paths.CONTAINERS) or "{}")
        with open(f"/proc/{document['pid']}/cmdline", "rb") as file:
            return document["containers"] if b"k3s" in file.read() else None
    except (OSError, ValueError, KeyError):
        return None


def _find(containers, identity):
    found = [container for container in containers if identity and container["id"].startswith(identity)]
    return found[0] if len(found) == 1 else None


def _ps(containers, arguments):
    name = state = None
    everything = quiet = as_json = False
    rest = list(arguments)
    while rest:
        word = rest.pop(0)
        word, _, value = word.partition("=")
        if word in ("--name", "--state", "-o", "--output", "--label", "--pod"):
            value = value or (rest.pop(0) if rest else "")
        name = value if word == "--name" else name
        state = value.lower() if word == "--state" else state
        everything, quiet = everything or word in ("-a", "--all"), quiet or word in ("-q", "--quiet")
        as_json = as_json or (word in ("-o", "--output") and value == "json")
    shown = [container for container in containers
             if (name is None or name in container["name"])
             and (everything or state in (None, "running") and container["state"] == "running"
                  or state == "exited" and container["state"] != "running")]
    if as_json:
        print(json.dumps({"containers": [{
            "id": container["id"], "metadata": {"name": container["name"]}, "image": {"image": container["image"]},
            "state": "CONTAINER_RUNNING" if container["state"] == "running" else "CONTAINER_EXITED",
            "labels": {"io.kubernetes.pod.name": container["pod"],
                       "io.kubernetes.pod.namespace": container["namespace"]},
        } for container in shown]}))
    elif quiet:
        print("".join(container["id"] + "\n" for container in shown), end="")
    else:
        print(f"{'CONTAINER':<15}{'STATE':<10}{'NAME':<18}{'ATTEMPT':<9}POD")
        for container in shown:
            print(f"{container['id'][:13]:<15}{container['state'].capitalize():<10}{container['name']:<18}"
                  f"{container['restarts']:<9}{container['pod']}")
    return 0


def _exec(containers, arguments):
    arguments = [word for word in arguments if word not in ("-i", "-t", "-it", "-s", "--sync")]
    container = _find(containers, arguments[0] if arguments else "")
    if container is None or container["state"] != "running":
        return _fail('FATA[0000] execing command in container: rpc error: code = NotFound desc = container '
                     f'"{arguments[0] if arguments else ""}": not found')
    command = arguments[1:]
    if container["name"] == "cilium-agent" and command[:1] in (["cilium-dbg"], ["cilium"]):
        if command[1:2] == ["status"]:
            return _cilium_status(command)
        if command[1:3] == ["bgp", "peers"]:
            return _bgp_peers(command)
        if command[1:4] == ["envoy", "admin", "clusters"]:
            return _envoy_clusters(command)
    return _fail(f'FATA[0000] execing command in container: exec: "{" ".join(command)}": not known to this stand-in')


def _wants_json(command):
    return "json" in command or any(word in ("-ojson", "--output=json", "-o=json") for word in command)


def _bgp_peers(command):
    from . import bgpd

    sessions, problem = bgpd.peers()
    if sessions is None:
        return _fail(problem)
    if _wants_json(command):
        print(json.dumps(sessions))
        return 0
    print(f"{'Local AS':<11}{'Peer AS':<11}{'Peer Address':<22}{'Session':<14}{'Family':<15}{'Received':<10}Advertised")
    for session in sessions:
        for family in session["families"] or [{}]:
            print(f"{session['local-asn']:<11}{session['peer-asn']:<11}"
                  f"{session['peer-address']}:{session['peer-port']:<{21 - len(session['peer-address'])}}"
                  f"{session['session-state']:<14}{family.get('afi', '')}/{family.get('safi', ''):<10}"
                  f"{family.get('received', 0):<10}{family.get('advertised', 0)}")
    return 0


def _envoy_clusters(command):
    from . import envoy

    answer, problem = envoy.ask("/clusters?format=json" if _wants_json(command) else "/clusters")
    if answer is None:
        return _fail(f"Error: cannot get clusters: {problem}")
    print(answer)
    return 0


def _cilium_status(command):
    try:
        document = json.loads(paths.read(paths.CILIUM_STATUS))
    except (OSError, TypeError, ValueError):
        return _fail('Error: Cannot get status: Get "http://localhost/v1/healthz": dial unix '
                     "/var/run/cilium/cilium.sock: connect: no such file or directory\nIs the agent running?")
    if "--brief" in command:
        print("OK")
    elif _wants_json(command):
        print(json.dumps(document))
    else:
        for key, value in document.items():
            print(f"{key + ':':<28}{value}")
    return 0


def _logs(containers, arguments):
    identity = [word for word in arguments if not word.startswith("-")]
    container = _find(containers, identity[-1] if identity else "")
    if container is None:
        return _fail("FATA[0000] getting container status: rpc error: code = NotFound")
    if os.path.exists(container["log"]):
        with open(container["log"], encoding="utf-8") as file:
            print(file.read(), end="")
    return 0


def _inspect_image(containers, arguments):
    """No image is kept: those that a container runs from are there."""
    if arguments and arguments[-1] in (container["image"] for container in containers):
        print("{}")
        return 0
    return _fail(f'FATA[0000] no such image "{arguments[-1] if arguments else ""}" present')


def _pull(_, arguments):
    print(f"Image is up to date for {arguments[-1] if arguments else ''}")
    return 0


def main(arguments):
    """Returns the exit status."""
    containers = _containers()
    if containers is None:
        return _fail(f'FATA[0000] validate service connection: validate CRI v1 runtime API for endpoint "{_SOCKET}": '
                     'rpc error: code = Unavailable desc = connection error: dial unix: no such file or directory')
    verbs = {"ps": _ps, "exec": _exec, "logs": _logs, "inspecti": _inspect_image, "pull": _pull}
    if not arguments or arguments[0] not in verbs:
        return _fail(f"crictl: this stand-in knows {', '.join(verbs)}")
    return verbs[arguments[0]](containers, arguments[1:])
