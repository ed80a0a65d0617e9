"""What the control plane does about nodes: readiness taints, silent nodes, and their etcd members."""

import datetime

from . import etcd, log, scheduling
from .log import now
from .objects import ApiError
from .supervisor import password_secret

GRACE_SECONDS = 40
REMOVE = "etcd.k3s.cattle.io/remove"
REMOVED = "etcd.k3s.cattle.io/removed-node-name"
ETCD_ROLE = "node-role.kubernetes.io/etcd"


def condition(node, kind):
    for entry in node.get("status", {}).get("conditions") or []:
        if entry["type"] == kind:
            return entry
    return {}


def with_condition(conditions, entry):
    """The list with one condition replaced; the time of its last change is kept while its status is."""
    kept = [other for other in conditions or [] if other["type"] != entry["type"]]
    same = [other for other in conditions or [] if other["type"] == entry["type"]
            and other["status"] == entry["status"] and "lastTransitionTime" in other]
    stamp = same[0]["lastTransitionTime"] if same else now()
    return kept + [{**entry, "lastTransitionTime": stamp}]


class Nodes:
    def __init__(self, objects, member):
        self.objects, self.etcd = objects, member
        self.known = None

    def turn(self):
        nodes = self.objects.list("nodes")[0]
        names = {node["metadata"]["name"]: node for node in nodes}
        for node in nodes:
            self._watch_lease(node)
            self._taint(node)
        self._members(names)
        for name in (self.known or set()) - set(names):
            self._deleted(name)
        self.known = set(names)
        # A node that was deleted while no server led is found by what it left.
        for secret in self.objects.list("secrets", "kube-system")[0]:
            name, mark, _ = secret["metadata"]["name"].partition(".node-password.k3s")
            if mark and name not in names and self._older_than(secret, 60):
                self._deleted(name)

    @staticmethod
    def _older_than(item, seconds):
        made = datetime.datetime.strptime(item["metadata"]["creationTimestamp"], "%Y-%m-%dT%H:%M:%SZ")
        return (datetime.datetime.utcnow() - made).total_seconds() > seconds

    def _watch_lease(self, node):
        """A node that is silent for the grace period becomes Unknown."""
        name = node["metadata"]["name"]
        lease = self.objects.find("leases", "kube-node-lease", name)
        if lease is None or condition(node, "Ready").get("status") == "Unknown":
            return
        renewed = datetime.datetime.strptime(lease["spec"]["renewTime"][:19], "%Y-%m-%dT%H:%M:%S")
        if (datetime.datetime.utcnow() - renewed).total_seconds() < GRACE_SECONDS:
            return
        conditions = (node.get("status") or {}).get("conditions") or []
        for entry in list(conditions):
            if entry["type"] in ("Ready", "MemoryPressure", "DiskPressure", "PIDPressure"):
                conditions = with_condition(conditions, {
                    "type": entry["type"], "status": "Unknown", "reason": "NodeStatusUnknown",
                    "message": "Kubelet stopped posting node status."})
        self.objects.merge("nodes", None, name, {"status": {"conditions": conditions}}, "status")
        node["status"]["conditions"] = conditions

    def _taint(self, node):
        status = condition(node, "Ready").get("status")
        taints = node.get("spec", {}).get("taints") or []
        own = (scheduling.NOT_READY, scheduling.UNREACHABLE, scheduling.UNSCHEDULABLE)
        wanted = [taint for taint in taints if taint["key"] not in own]
        if status != "True":
            key = scheduling.UNREACHABLE if status == "Unknown" else scheduling.NOT_READY
            wanted.append({"key": key, "effect": "NoSchedule"})
        if node.get("spec", {}).get("unschedulable"):
            wanted.append({"key": scheduling.UNSCHEDULABLE, "effect": "NoSchedule"})
        if {str(taint) for taint in wanted} != {str(taint) for taint in taints}:
            self.objects.merge("nodes", None, node["metadata"]["name"], {"spec": {"taints": wanted or None}})

    def _members(self, names):
        """The condition EtcdIsVoter of each control plane node, and removal by annotation."""
        known = {member["name"].rpartition("-")[0]: member for member in etcd.members(self.etcd.client)}
        for name, node in names.items():
            annotations = node["metadata"].get("annotations") or {}
            member = known.get(name)
            if member:
                voter = not member["learner"]
                entry = {"type": "EtcdIsVoter", "status": "True" if voter else "False",
                         "reason": "MemberIsVoter" if voter else "MemberIsLearner",
                         "message": "Node is a voting member of the etcd cluster" if voter else
                         "Node has not been promoted to voting member of the etcd cluster"}
                if {key: value for key, value in condition(node, "EtcdIsVoter").items()
                        if key in entry} != entry:
                    conditions = with_condition((node.get("status") or {}).get("conditions"), entry)
                    self.objects.merge("nodes", None, name, {"status": {"conditions": conditions}}, "status")
            if annotations.get(REMOVE) == "true" and REMOVED not in annotations:
                removed = self.etcd.remove(name)
                if removed:
                    self.objects.merge("nodes", None, name, {"metadata": {"annotations": {
                        REMOVE: None, REMOVED: removed}}})

    def _deleted(self, name):
        """A node's password goes with it, and so does its etcd member."""
        log.info(f"Node {name} was deleted")
        for resource, namespace, item in (("secrets", "kube-system", password_secret(name)),
                                          ("leases", "kube-node-lease", name)):
            try:
                self.objects.delete(resource, namespace, item)
            except ApiError:
                pass
        self.etcd.remove(name)
