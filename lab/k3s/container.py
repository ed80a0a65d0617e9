"""One "container": a thread that does what its image would do, as far as this stand-in knows the image."""

import json
import os
import secrets
import threading

from . import cilium, coredns, envoy, helm, kubevip, log, paths, upgrades
from .ends import Crash, Stopped
from .kube import Kube
from .log import Fatal
from .web import Unreachable, WebError


def _pause_forever(container):
    container.set_ready()
    container.stop.wait()
    return 0


# The part of an image's name by which it is known: what it does.
PROGRAMS = (("klipper-helm", helm.run), ("cilium/operator", cilium.run_operator),
            ("cilium/cilium-envoy", envoy.run), ("cilium/cilium", cilium.run_agent), ("kube-vip", kubevip.run),
            ("coredns", coredns.run), ("system-upgrade-controller", upgrades.run), ("k3s-upgrade", upgrades.run_job))


def program(image):
    return next((function for part, function in PROGRAMS if part in image), _pause_forever)


class Container:
    """`host` is the kubelet: it gives credentials, the service address, and is told of changes."""

    def __init__(self, pod, spec, host):
        self.pod, self.spec, self.host = pod, spec, host
        self.name, self.image = spec["name"], spec["image"]
        self.id = secrets.token_hex(32)
        self.stop = threading.Event()
        self.state, self.ready, self.restarts, self.last = {"waiting": {"reason": "ContainerCreating"}}, False, 0, {}
        self.adopted = False
        self.message = None
        environment = {"KUBERNETES_SERVICE_HOST": host.service_address, "KUBERNETES_SERVICE_PORT": "443"}
        for entry in spec.get("env") or []:
            value = self._field(entry) if "valueFrom" in entry else entry.get("value")
            environment[entry["name"]] = str(value or "")
        self.env = environment
        metadata = pod["metadata"]
        self.log_path = (f"/var/log/pods/{metadata['namespace']}_{metadata['name']}_{metadata['uid']}/"
                         f"{self.name}/0.log")
        self.thread = threading.Thread(target=self._run, name=f"{metadata['name']}/{self.name}", daemon=True)

    def _field(self, entry):
        path = ((entry["valueFrom"] or {}).get("fieldRef") or {}).get("fieldPath", "")
        values = {"spec.nodeName": self.host.node, "metadata.name": self.pod["metadata"]["name"],
                  "metadata.namespace": self.pod["metadata"]["namespace"], "status.hostIP": self.host.address,
                  "status.podIP": self.host.address}
        return values.get(path, "")

    @property
    def host_network(self):
        return self.pod["spec"].get("hostNetwork", False)

    def mounted(self, path):
        """The host's path of a path in the container, or None if nothing is mounted there."""
        volumes = {volume["name"]: (volume.get("hostPath") or {}).get("path")
                   for volume in self.pod["spec"].get("volumes") or []}
        for mount in self.spec.get("volumeMounts") or []:
            source, target = volumes.get(mount["name"]), mount["mountPath"].rstrip("/")
            if source and (path == target or path.startswith(target + "/")):
                return source.rstrip("/") + path[len(target):]
        return None

    def log(self, message):
        os.makedirs(os.path.dirname(self.log_path), exist_ok=True)
        with open(self.log_path, "a", encoding="utf-8") as file:
            file.write(f"{message}\n")

    def pause(self, seconds):
        """Sleeps; raises Stopped if the container is told to stop meanwhile."""
        if self.stop.wait(seconds):
            raise Stopped()

    def set_ready(self, value=True, message=None):
        if (self.ready, self.message) != (value, message):
            self.ready, self.message = value, message
            self.host.container_changed()

    def api(self, host=None, port=None, attempts=2):
        """A client of the API where this container is told it is; raises Crash if nothing trustworthy answers."""
        host, port = host or self.env["KUBERNETES_SERVICE_HOST"], port or self.env["KUBERNETES_SERVICE_PORT"]
        url, problem = f"https://{host}:{port}", None
        for _ in range(attempts):
            client = Kube(host, port, self.host.context, timeout=3)
            try:
                client.client.json("GET", "/version")
                client.client.timeout = 10
                return client
            except (Unreachable, WebError) as error:
                problem = error
                self.log(f'level=error msg="Unable to contact k8s api-server" ipAddr={url} error="{error}"')
                self.set_ready(False, f"Unable to contact k8s api-server at {url}: {error}")
            self.pause(1)
        raise Crash(f"unable to contact k8s api-server at {url}: {problem}")

    def _set(self, state, ready=None):
        self.state = state
        if ready is not None:
            self.ready = ready
        self.host.container_changed()

    def _wait_for_network(self):
        while not self.host_network and not os.path.exists(paths.CNI_CONFIG):
            self._set({"waiting": {"reason": "ContainerCreating", "message":
                                   "network is not ready: container runtime network not ready: NetworkReady=false "
                                   "reason:NetworkPluginNotReady message:Network plugin returns error: cni plugin not "
                                   "initialized"}})
            self.pause(1)

    def _run(self):
        backoff = 1
        try:
            self._wait_for_network()
            while True:
                self.message = None
                self._set({"running": {"startedAt": log.now()}}, False)
                status, reason = self._once()
                terminated = {"exitCode": status, "reason": "Completed" if status == 0 else "Error",
                              "message": reason, "finishedAt": log.now()}
                if self.pod["spec"].get("restartPolicy", "Always") == "Never":
                    self._set({"terminated": terminated}, False)
                    return
                self.last, self.adopted = {"terminated": terminated}, False
                message = f"back-off {backoff}s restarting failed container={self.name}: {reason}"
                self._set({"waiting": {"reason": "CrashLoopBackOff", "message": message}}, False)
                self.pause(backoff)
                self.restarts, backoff = self.restarts + 1, min(backoff * 2, 10)
        except Stopped:
            self._set({"terminated": {"exitCode": 143, "reason": "Error", "finishedAt": log.now()}}, False)

    def _once(self):
        try:
            return program(self.image)(self), ""
        except (Crash, Fatal) as crash:
            self.log(f'level=fatal msg="{crash}"')
            return 1, str(crash)
        except (Unreachable, WebError) as error:
            self.log(f'level=fatal msg="{error}"')
            return 1, str(error)

    def status(self):
        """The entry in containerStatuses."""
        state = json.loads(json.dumps(self.state))
        if "running" in state and self.message:
            state["running"]["message"] = self.message
        return {"name": self.name, "image": self.image, "imageID": self.image, "containerID": f"containerd://{self.id}",
                "ready": self.ready, "started": "running" in state, "restartCount": self.restarts, "state": state,
                "lastState": self.last}

    def record(self):
        """What crictl shows, and what is taken over when k3s is restarted."""
        return {"id": self.id, "name": self.name, "image": self.image, "pod": self.pod["metadata"]["name"],
                "namespace": self.pod["metadata"]["namespace"], "uid": self.pod["metadata"]["uid"],
                "state": next(iter(self.state)), "ready": self.ready, "restarts": self.restarts, "log": self.log_path}
