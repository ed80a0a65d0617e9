"""The controllers for workloads: DaemonSet, Deployment, Job, the scheduler, and the collector of orphans.

They run on the server whose etcd member leads. Each looks at everything anew whenever something changed.
"""

import copy
import hashlib
import json

from . import budgets, scheduling
from .log import now
from .objects import ApiError

HASH = "controller-revision-hash"


def ready(pod):
    return any(condition["type"] == "Ready" and condition["status"] == "True"
               for condition in pod.get("status", {}).get("conditions") or [])


def owned(pods, owner):
    """Pods that an object controls and that are not on their way out."""
    return [pod for pod in pods if any(reference["uid"] == owner["metadata"]["uid"]
                                       for reference in pod["metadata"].get("ownerReferences") or [])]


def _alive(pods):
    return [pod for pod in pods if not pod["metadata"].get("deletionTimestamp")]


def template_hash(owner):
    text = json.dumps(owner["spec"]["template"], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:10]


def pod_from(owner, tolerations, node=None):
    """A pod of a workload's template."""
    template = copy.deepcopy(owner["spec"]["template"])
    metadata, spec = template.get("metadata") or {}, template["spec"]
    spec["tolerations"] = (spec.get("tolerations") or []) + tolerations
    spec.setdefault("restartPolicy", "Always")
    spec.setdefault("schedulerName", "default-scheduler")
    if node:
        spec["nodeName"] = node
    conditions = [{"type": "PodScheduled", "status": "True", "lastTransitionTime": now()}] if node else []
    return {
        "metadata": {
            "generateName": owner["metadata"]["name"] + "-", "annotations": metadata.get("annotations") or {},
            "labels": {**(metadata.get("labels") or {}), HASH: template_hash(owner)},
            "ownerReferences": [{"apiVersion": owner["apiVersion"], "kind": owner["kind"],
                                 "name": owner["metadata"]["name"], "uid": owner["metadata"]["uid"],
                                 "controller": True, "blockOwnerDeletion": True}]},
        "spec": spec, "status": {"phase": "Pending", "conditions": conditions},
    }


class Controllers:
    def __init__(self, objects):
        self.objects = objects

    def turn(self):
        """One look at everything."""
        nodes, pods = self.objects.list("nodes")[0], self.objects.list("pods")[0]
        for daemon_set in self.objects.list("daemonsets")[0]:
            self._daemon_set(daemon_set, nodes, owned(pods, daemon_set))
        for deployment in self.objects.list("deployments")[0]:
            self._deployment(deployment, owned(pods, deployment))
        for job in self.objects.list("jobs")[0]:
            self._job(job, owned(pods, job))
        for budget in self.objects.list("poddisruptionbudgets")[0]:
            self._set_status("poddisruptionbudgets", budget, budgets.status(budget, pods, ready))
        self._schedule(nodes)
        self._collect(nodes)

    def _create_pod(self, owner, pod):
        """Creates a pod, unless its service account is missing: then an event says so, as Kubernetes' does."""
        namespace, account = owner["metadata"]["namespace"], pod["spec"].get("serviceAccountName", "default")
        if account != "default" and self.objects.find("serviceaccounts", namespace, account) is None:
            name = pod["metadata"]["generateName"]
            message = (f'Error creating: pods "{name}" is forbidden: error looking up service account '
                       f'{namespace}/{account}: serviceaccount "{account}" not found')
            self._event(owner, "FailedCreate", message)
            return
        self.objects.create("pods", namespace, pod)

    def _event(self, about, reason, message):
        name = about["metadata"]["name"] + "." + hashlib.sha256((reason + message).encode()).hexdigest()[:12]
        self.objects.ensure("events", about["metadata"]["namespace"], {
            "metadata": {"name": name}, "type": "Warning", "reason": reason, "message": message, "count": 1,
            "firstTimestamp": now(), "lastTimestamp": now(), "source": {"component": "k3s"},
            "involvedObject": {"kind": about["kind"], "name": about["metadata"]["name"],
                               "uid": about["metadata"]["uid"],
                               "namespace": about["metadata"]["namespace"], "apiVersion": about["apiVersion"]}})

    def _set_status(self, resource, item, status):
        if item.get("status") != {**item.get("status", {}), **status}:
            self.objects.merge(resource, item["metadata"]["namespace"], item["metadata"]["name"], {"status": status},
                               "status")

    def _delete_pod(self, pod):
        try:
            self.objects.delete("pods", pod["metadata"]["namespace"], pod["metadata"]["name"])
        except ApiError:
            pass

    def _daemon_set(self, item, nodes, pods):
        spec = item["spec"]["template"]["spec"]
        tolerations = scheduling.DAEMON_TOLERATIONS + (
            [scheduling.HOST_NETWORK_TOLERATION] if spec.get("hostNetwork") else [])
        full = {**spec, "tolerations": (spec.get("tolerations") or []) + tolerations}
        wanted, kept = [], []
        for node in nodes:
            if scheduling.selected(full, node):
                if scheduling.untolerated(full, node) is None:
                    wanted.append(node["metadata"]["name"])
                if scheduling.untolerated(full, node, ("NoExecute",)) is None:
                    kept.append(node["metadata"]["name"])
        by_node = {}
        for pod in pods:
            by_node.setdefault(pod["spec"].get("nodeName"), []).append(pod)
        for node, there in by_node.items():
            if node not in kept:
                for pod in _alive(there):
                    self._delete_pod(pod)
            for pod in there:
                if pod.get("status", {}).get("phase") in ("Failed", "Succeeded"):
                    self._delete_pod(pod)
        for node in wanted:
            if node not in by_node and not item["metadata"].get("deletionTimestamp"):
                self._create_pod(item, pod_from(item, tolerations, node))
        self._roll(item, wanted, by_node)
        on_wanted = [pod for node in wanted for pod in by_node.get(node, [])]
        good = sum(ready(pod) for pod in on_wanted)
        current = sum(pod["metadata"]["labels"].get(HASH) == template_hash(item) for pod in on_wanted)
        self._set_status("daemonsets", item, {
            "desiredNumberScheduled": len(wanted), "currentNumberScheduled": len(on_wanted), "numberReady": good,
            "numberAvailable": good, "numberUnavailable": len(wanted) - good, "updatedNumberScheduled": current,
            "numberMisscheduled": 0, "observedGeneration": item["metadata"].get("generation", 1)})

    def _roll(self, item, wanted, by_node):
        """Replaces pods of an older template, no more at once than maxUnavailable says."""
        strategy = item["spec"].get("updateStrategy") or {}
        if strategy.get("type", "RollingUpdate") != "RollingUpdate":
            return
        limit = (strategy.get("rollingUpdate") or {}).get("maxUnavailable", 1)
        if isinstance(limit, str):
            limit = max(1, len(wanted) * int(limit.rstrip("%")) // 100) if limit.endswith("%") else int(limit)
        unavailable = sum(not any(ready(pod) for pod in _alive(by_node.get(node, []))) for node in wanted)
        for node in wanted:
            for pod in _alive(by_node.get(node, [])):
                if pod["metadata"]["labels"].get(HASH) == template_hash(item):
                    continue
                if ready(pod):
                    if unavailable >= limit:
                        continue
                    unavailable += 1
                self._delete_pod(pod)

    def _deployment(self, item, pods):
        """Pods without a ReplicaSet between; those of an older template go one at a time."""
        pods = [pod for pod in _alive(pods)]
        for pod in pods:
            if pod.get("status", {}).get("phase") in ("Failed", "Succeeded"):
                self._delete_pod(pod)
        current = [pod for pod in pods if pod["metadata"]["labels"].get(HASH) == template_hash(item)]
        old = [pod for pod in pods if pod not in current]
        replicas = item["spec"].get("replicas", 1)
        if old:
            self._delete_pod(old[0])
        elif len(current) < replicas and not item["metadata"].get("deletionTimestamp"):
            self._create_pod(item, pod_from(item, scheduling.DEFAULT_TOLERATIONS))
        for pod in current[replicas:]:
            self._delete_pod(pod)
        good = sum(ready(pod) for pod in pods)
        self._set_status("deployments", item, {
            "replicas": len(pods), "readyReplicas": good, "availableReplicas": good, "updatedReplicas": len(current),
            "unavailableReplicas": max(replicas - good, 0), "observedGeneration": item["metadata"].get("generation", 1),
            "conditions": [{"type": "Available", "status": "True" if good >= max(replicas - 1, 1) else "False",
                            "reason": "MinimumReplicasAvailable", "lastTransitionTime": item["metadata"]
                            ["creationTimestamp"]}]})

    def _job(self, item, pods):
        status = item.get("status", {})
        if any(condition["status"] == "True" for condition in status.get("conditions") or []):
            return
        done = [pod for pod in pods if pod.get("status", {}).get("phase") == "Succeeded"]
        failed = [pod for pod in pods if pod.get("status", {}).get("phase") == "Failed"]
        active = [pod for pod in _alive(pods) if pod not in done + failed]
        conditions, limit = [], item["spec"].get("backoffLimit", 6)
        if done:
            conditions = [{"type": "Complete", "status": "True", "lastTransitionTime": now()}]
        elif len(failed) > limit:
            conditions = [{"type": "Failed", "status": "True", "reason": "BackoffLimitExceeded",
                           "message": "Job has reached the specified backoff limit", "lastTransitionTime": now()}]
        elif not active:
            self._create_pod(item, pod_from(item, scheduling.DEFAULT_TOLERATIONS))
        self._set_status("jobs", item, {
            "active": len(active), "succeeded": len(done), "failed": len(failed), "startTime":
            status.get("startTime") or now(), **({"conditions": conditions} if conditions else {}),
            **({"completionTime": now()} if done else {})})

    def _schedule(self, nodes):
        pods = [pod for pod in self.objects.list("pods")[0]]
        for pod in pods:
            if pod["spec"].get("nodeName") or pod["metadata"].get("deletionTimestamp"):
                continue
            name, message = scheduling.place(pod, nodes, [
                other for other in pods if other.get("status", {}).get("phase") not in ("Succeeded", "Failed")])
            namespace, pod_name = pod["metadata"]["namespace"], pod["metadata"]["name"]
            condition = {"type": "PodScheduled", "status": "True" if name else "False", "lastTransitionTime": now()}
            if not name:
                condition.update(reason="Unschedulable", message=message)
                known = pod.get("status", {}).get("conditions") or [{}]
                if known[0].get("message") == message:
                    continue
            # Before the node has it: what its kubelet then writes down of it must not be overwritten.
            self.objects.merge("pods", namespace, pod_name,
                               {"status": {"phase": "Pending", "conditions": [condition]}}, "status")
            if name:
                self.objects.merge("pods", namespace, pod_name, {"spec": {"nodeName": name}})
                pod["spec"]["nodeName"] = name

    def _collect(self, nodes):
        """Objects whose owner is gone, and pods whose node is gone."""
        names = {node["metadata"]["name"] for node in nodes}
        alive = {item["metadata"]["uid"] for resource in ("daemonsets", "deployments", "jobs", "replicasets", "nodes",
                                                          "helmcharts") for item in self.objects.list(resource)[0]}
        for resource in ("jobs", "pods"):
            for item in self.objects.list(resource)[0]:
                owners = [owner["uid"] for owner in item["metadata"].get("ownerReferences") or []]
                node = item["spec"].get("nodeName") if resource == "pods" else None
                try:
                    if node and node not in names:
                        self.objects.delete("pods", item["metadata"]["namespace"], item["metadata"]["name"],
                                            {"gracePeriodSeconds": 0})
                    elif owners and not alive.intersection(owners) and not item["metadata"].get("deletionTimestamp"):
                        self.objects.delete(resource, item["metadata"]["namespace"], item["metadata"]["name"])
                except ApiError:
                    continue
