"""The node's agent: registers the node, runs its pods, reports."""

import json
import os
import platform
import shutil
import threading

from . import log, paths, proxy
from .config import KUBELET_FLAGS
from .container import Container
from .log import Fatal, now
from .nodes import condition, with_condition
from .staticpods import StaticPods, is_mirror
from .web import Unreachable, WebError

NO_NETWORK = ("container runtime network not ready: NetworkReady=false reason:NetworkPluginNotReady message:Network "
              "plugin returns error: cni plugin not initialized")
LEASE_SECONDS = 10
ARCH = {"x86_64": "amd64", "aarch64": "arm64"}.get(platform.machine(), platform.machine())


class Kubelet:
    """`client` reaches the API at 127.0.0.1:6444; `context` are this node's credentials."""

    def __init__(self, settings, client, context, version, service_address, role):
        self.settings, self.client, self.context, self.version = settings, client, context, version
        self.node, self.address = settings["node-name"], settings["node-ip"][0]
        self.service_address, self.role = service_address, role
        self.wake, self.changed = threading.Event(), threading.Event()
        self.lock = threading.Lock()
        self.pods, self.runs, self.reported = {}, {}, {}
        self.stopping = False
        self.conditions = None
        self.static = StaticPods(self)
        try:
            records = json.loads(paths.read(paths.CONTAINERS) or "{}").get("containers", [])
        except ValueError:
            records = []
        self.earlier = {(record["uid"], record["name"]): record for record in records if record["state"] == "running"}

    # Registration

    def register(self):
        """Creates the node object, or brings an existing one's labels up to date."""
        labels = {"beta.kubernetes.io/arch": ARCH, "beta.kubernetes.io/os": "linux", "kubernetes.io/arch": ARCH,
                  "kubernetes.io/hostname": self.node, "kubernetes.io/os": "linux",
                  "node.kubernetes.io/instance-type": "k3s", "beta.kubernetes.io/instance-type": "k3s"}
        annotations = {"k3s.io/hostname": self.node, "k3s.io/internal-ip": ",".join(self.settings["node-ip"])}
        if self.role == "server":
            labels.update({"node-role.kubernetes.io/control-plane": "true", "node-role.kubernetes.io/etcd": "true"})
            annotations["etcd.k3s.cattle.io/node-address"] = self.address
            annotations["etcd.k3s.cattle.io/node-name"] = paths.read(paths.ETCD_DATA + "/name") or ""
        for label in self.settings.get("node-label", []):
            key, _, value = label.partition("=")
            labels[key] = value
        taints = []
        for text in self.settings.get("node-taint", []):
            rest, _, effect = text.rpartition(":")
            key, _, value = rest.partition("=")
            taints.append({"key": key, "effect": effect, **({"value": value} if value else {})})
        found = self.client.find("nodes", None, self.node)
        if found is None:
            taints.append({"key": "node.kubernetes.io/not-ready", "effect": "NoSchedule"})
            used = {network for node in self.client.list("nodes") for network in node["spec"].get("podCIDRs") or []}
            self.client.create("nodes", None, {
                "metadata": {"name": self.node, "labels": labels, "annotations": annotations},
                "spec": {"taints": taints, **self._pod_networks(used)}})
            log.info(f"Registered node {self.node}")
        else:
            gone = {key: None for key in ("etcd.k3s.cattle.io/removed-node-name",)}
            self.client.merge("nodes", None, self.node, {"metadata": {"labels": labels,
                                                                      "annotations": {**annotations, **gone}}})
        self._report_node(force=True)

    def _pod_networks(self, used):
        """The next free /24 (or /64) of the cluster's pod network, which is what the controller manager hands out."""
        import ipaddress

        networks = []
        for cidr in self.settings.get("cluster-cidr", []):
            network = ipaddress.ip_network(cidr)
            bits = 24 if network.version == 4 else 64
            if network.prefixlen <= bits:
                free = (str(subnet) for subnet in network.subnets(new_prefix=bits) if str(subnet) not in used)
                networks.append(next(free, None))
        networks = [network for network in networks if network]
        return {"podCIDR": networks[0], "podCIDRs": networks} if networks else {}

    # The loop

    def start(self):
        for argument in self.settings.get("kubelet-arg", []):
            flag = argument.partition("=")[0]
            if flag not in KUBELET_FLAGS:
                raise Fatal(f"kubelet exited: failed to parse kubelet flag: unknown flag: --{flag}")
        for name, function in (("kubelet", self._loop), ("pods", self._follow), ("lease", self._renew)):
            threading.Thread(target=function, name=name, daemon=True).start()

    def container_changed(self):
        self.changed.set()
        self.wake.set()

    def _follow(self):
        """Keeps `pods` as the API has them."""
        query = {"fieldSelector": f"spec.nodeName={self.node}"}
        while not self.stopping:
            try:
                self._take(None)
                for event in self.client.watch("pods", query, 300):
                    self._take(event)
            except (Unreachable, WebError) as error:
                log.warning(f"pods of this node: {error}")
                threading.Event().wait(1)

    def _take(self, event):
        if event is None:
            listed = self.client.client.json("GET", f"/api/v1/pods?fieldSelector=spec.nodeName%3D{self.node}")["items"]
            self.pods = {pod["metadata"]["uid"]: pod for pod in listed if not is_mirror(pod)}
        elif is_mirror(event["object"]):
            return  # shown for others to see; what runs is in a file
        elif event["type"] == "DELETED":
            self.pods.pop(event["object"]["metadata"]["uid"], None)
        elif event["type"] in ("ADDED", "MODIFIED"):
            self.pods[event["object"]["metadata"]["uid"]] = event["object"]
        self.wake.set()

    def _loop(self):
        while not self.stopping:
            self.wake.wait(1)
            self.wake.clear()
            try:
                self._sync()
                self._report_node()
            except (Unreachable, WebError) as error:
                log.warning(f"kubelet: {error}")
                threading.Event().wait(0.5)

    def _sync(self):
        self.static.read()
        pods = self._pods()
        for uid, pod in pods.items():
            run = self.runs.get(uid)
            leaving = bool(pod["metadata"].get("deletionTimestamp"))
            if run is None and not leaving and pod.get("status", {}).get("phase") not in ("Succeeded", "Failed"):
                self._begin(uid, pod)
            elif leaving:
                self._end(uid, pod)
        for uid in set(self.runs) - set(pods):
            self._end(uid, None)
        self.static.mirror()
        pods = self._pods()
        for uid, run in list(self.runs.items()):
            if uid in pods and not pods[uid]["metadata"].get("deletionTimestamp"):
                self._report_pod(uid, pods[uid], run)
        if self.changed.is_set():
            self.changed.clear()
            self._record()

    def _pods(self):
        """Those of the API, and those whose files are here."""
        return {**self.pods, **self.static.pods}

    def _begin(self, uid, pod):
        containers = [Container(pod, spec, self) for spec in pod["spec"]["containers"]]
        for container in containers:
            earlier = self.earlier.pop((uid, container.name), None)
            if earlier:
                container.id, container.restarts, container.adopted = earlier["id"], earlier["restarts"], True
        self.runs[uid] = containers
        for container in containers:
            container.thread.start()

    def _end(self, uid, pod):
        run = self.runs.get(uid, [])
        for container in run:
            container.stop.set()
        for container in run:
            container.thread.join(3)
        self.runs.pop(uid, None)
        self.reported.pop(uid, None)
        if pod:
            self.client.delete("pods", pod["metadata"]["namespace"], pod["metadata"]["name"], grace=0)
            self.pods.pop(uid, None)
        self.changed.set()

    def _report_pod(self, uid, pod, run):
        """Writes the pod's status if it is not what was written last."""
        statuses = [container.status() for container in run]
        if self.stopping:
            return  # they end because k3s ends; that is no fact about the pod
        final = pod["spec"].get("restartPolicy", "Always") != "Always"
        if final and all("terminated" in status["state"] for status in statuses):
            failed = any(status["state"]["terminated"]["exitCode"] for status in statuses)
            phase = "Failed" if failed else "Succeeded"
        else:
            phase = "Running" if any(status["started"] or status["lastState"] for status in statuses) else "Pending"
        ready = "True" if all(status["ready"] for status in statuses) else "False"
        report = {"phase": phase, "containerStatuses": statuses, "hostIP": self.address, "podIP": self.address}
        if self.reported.get(uid) == (report, ready):
            return
        message = next((container.message for container in run if container.message and not container.ready), None)
        conditions = pod.get("status", {}).get("conditions")
        for kind, status in (("Initialized", "True"), ("PodScheduled", "True"), ("ContainersReady", ready),
                             ("Ready", ready)):
            entry = {"type": kind, "status": status}
            if status == "False":
                entry.update(reason="ContainersNotReady", message=message or
                             f"containers with unready status: [{' '.join(item['name'] for item in statuses)}]")
            conditions = with_condition(conditions, entry)
        try:
            self.client.merge("pods", pod["metadata"]["namespace"], pod["metadata"]["name"], {"status": {
                **report, "conditions": conditions, "startTime": pod.get("status", {}).get("startTime") or now()}},
                "status")
            self.reported[uid] = (report, ready)
        except WebError as error:
            if error.status != 404:
                raise
            if self.pods.pop(uid, None) is None:
                self.static.mirrored = None  # somebody has deleted its mirror

    def _record(self):
        if self.stopping:
            return  # what runs now is taken over by the next k3s
        records = [container.record() for run in self.runs.values() for container in run]
        paths.write(paths.CONTAINERS, json.dumps({"pid": os.getpid(), "containers": records}))

    # The node's own state

    def _report_node(self, force=False):
        network = os.path.exists(paths.CNI_CONFIG)
        full = shutil.disk_usage(paths.DATA).free < 64 * 1024 * 1024
        wanted = [
            ("MemoryPressure", "False", "KubeletHasSufficientMemory", "kubelet has sufficient memory available"),
            ("DiskPressure", "True", "KubeletHasDiskPressure", "kubelet has disk pressure") if full else
            ("DiskPressure", "False", "KubeletHasNoDiskPressure", "kubelet has no disk pressure"),
            ("PIDPressure", "False", "KubeletHasSufficientPID", "kubelet has sufficient PID available"),
            ("Ready", "True", "KubeletReady", "kubelet is posting ready status") if network else
            ("Ready", "False", "KubeletNotReady", NO_NETWORK),
        ]
        if self.conditions == wanted and not force:
            return
        node = self.client.get("nodes", None, self.node)
        conditions = node.get("status", {}).get("conditions")
        for kind, status, reason, message in wanted:
            conditions = with_condition(conditions, {"type": kind, "status": status, "reason": reason,
                                                     "message": message})
        status = {"conditions": conditions, "addresses": [
            *({"type": "InternalIP", "address": address} for address in self.settings["node-ip"]),
            {"type": "Hostname", "address": self.node}], "nodeInfo": self._info(),
            "capacity": {"cpu": str(os.cpu_count()), "pods": "110"}, "allocatable": {"cpu": str(os.cpu_count()),
                                                                                   "pods": "110"}}
        self.client.merge("nodes", None, self.node, {"status": status}, "status")
        if self.conditions != wanted and condition(node, "Ready").get("status") != wanted[3][1]:
            log.info(f"Node {self.node} is {'ready' if network else 'not ready: ' + NO_NETWORK}")
        self.conditions = wanted

    def _info(self):
        system = platform.freedesktop_os_release()
        return {"architecture": ARCH, "operatingSystem": "linux", "kernelVersion": platform.release(),
                "osImage": system.get("PRETTY_NAME", ""), "kubeletVersion": self.version,
                "containerRuntimeVersion": "containerd://stand-in", "machineID": paths.read("/etc/machine-id") or "",
                "bootID": paths.read("/proc/sys/kernel/random/boot_id") or "", "kubeProxyVersion": "", "systemUUID": ""}

    def _renew(self):
        pause = threading.Event()
        while not self.stopping:
            stamp = now().replace("Z", ".000000Z")
            spec = {"holderIdentity": self.node, "leaseDurationSeconds": 40, "renewTime": stamp}
            try:
                if self.client.find("leases", "kube-node-lease", self.node):
                    self.client.merge("leases", "kube-node-lease", self.node, {"spec": spec})
                else:
                    self.client.create("leases", "kube-node-lease", {"metadata": {"name": self.node}, "spec": spec})
                self._answer_unknown()
                pause.wait(LEASE_SECONDS)
            except (Unreachable, WebError):
                pause.wait(2)
            proxy.install_kubelet_rules()

    def _answer_unknown(self):
        """A node that was given up for silent, or whose state somebody wrote over, reports itself again. A deleted one
        does not come back by itself."""
        node = self.client.find("nodes", None, self.node)
        if node is None:
            log.error(f'Error updating node status, node "{self.node}" not found')
        elif self.conditions and condition(node, "Ready").get("status") != self.conditions[3][1]:
            self._report_node(force=True)

    def stop(self):
        """Ends the containers. What they left on the host stays; kube-vip's address goes with its lease."""
        self.stopping = True
        runs = [container for run in self.runs.values() for container in run]
        for container in runs:
            container.stop.set()
        for container in runs:
            container.thread.join(3)
