"""Where a pod may run: taints, tolerations, node selection and anti-affinity, as the scheduler evaluates them."""

from . import selectors

NOT_READY = "node.kubernetes.io/not-ready"
UNREACHABLE = "node.kubernetes.io/unreachable"
UNSCHEDULABLE = "node.kubernetes.io/unschedulable"

# What Kubernetes adds to the pods of a DaemonSet by itself. Not among them: not-ready:NoSchedule.
DAEMON_TOLERATIONS = [
    {"key": NOT_READY, "operator": "Exists", "effect": "NoExecute"},
    {"key": UNREACHABLE, "operator": "Exists", "effect": "NoExecute"},
    {"key": "node.kubernetes.io/disk-pressure", "operator": "Exists", "effect": "NoSchedule"},
    {"key": "node.kubernetes.io/memory-pressure", "operator": "Exists", "effect": "NoSchedule"},
    {"key": "node.kubernetes.io/pid-pressure", "operator": "Exists", "effect": "NoSchedule"},
    {"key": UNSCHEDULABLE, "operator": "Exists", "effect": "NoSchedule"},
]
HOST_NETWORK_TOLERATION = {"key": "node.kubernetes.io/network-unavailable", "operator": "Exists",
                           "effect": "NoSchedule"}
# What admission adds to all other pods.
DEFAULT_TOLERATIONS = [
    {"key": key, "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 300}
    for key in (NOT_READY, UNREACHABLE)
]


def tolerates(toleration, taint):
    if toleration.get("effect") and toleration["effect"] != taint["effect"]:
        return False
    if toleration.get("operator", "Equal") == "Exists":
        return not toleration.get("key") or toleration["key"] == taint["key"]
    return toleration.get("key") == taint["key"] and toleration.get("value", "") == taint.get("value", "")


def untolerated(spec, node, effects=("NoSchedule", "NoExecute")):
    """The first taint that keeps this pod off this node, or None."""
    for taint in node.get("spec", {}).get("taints") or []:
        if taint["effect"] in effects and not any(tolerates(item, taint) for item in spec.get("tolerations") or []):
            return taint
    return None


def selected(spec, node):
    """Whether nodeSelector and node affinity admit the node."""
    labels = node["metadata"].get("labels", {})
    if any(labels.get(key) != value for key, value in (spec.get("nodeSelector") or {}).items()):
        return False
    affinity = (spec.get("affinity") or {}).get("nodeAffinity") or {}
    required = affinity.get("requiredDuringSchedulingIgnoredDuringExecution")
    return required is None or selectors.node_terms(required, node)


def _repelled(pod, node, pods):
    """Whether required anti-affinity by host name keeps the pod off the node."""
    affinity = (pod["spec"].get("affinity") or {}).get("podAntiAffinity") or {}
    for term in affinity.get("requiredDuringSchedulingIgnoredDuringExecution") or []:
        for other in pods:
            if (other["spec"].get("nodeName") == node["metadata"]["name"]
                    and other["metadata"]["uid"] != pod["metadata"]["uid"]
                    and other["metadata"]["namespace"] == pod["metadata"]["namespace"]
                    and selectors.matches(term.get("labelSelector"), other["metadata"].get("labels") or {})):
                return True
    return False


def _taken_port(pod, node, pods):
    """A host port of the pod that another pod on the node has."""
    def ports(item):
        return {port["hostPort"] for container in item["spec"].get("containers", [])
                for port in container.get("ports") or [] if port.get("hostPort")}

    wanted = ports(pod)
    return wanted and any(wanted & ports(other) for other in pods
                          if other["spec"].get("nodeName") == node["metadata"]["name"])


def place(pod, nodes, pods):
    """(node name, None), or (None, the scheduler's message)."""
    reasons, fitting = {}, []
    for node in nodes:
        taint = untolerated(pod["spec"], node)
        if not selected(pod["spec"], node):
            reason = "node(s) didn't match Pod's node affinity/selector"
        elif taint:
            reason = f"node(s) had taint {{{taint['key']}: {taint.get('value', '')}}}, that the pod didn't tolerate"
        elif _repelled(pod, node, pods):
            reason = "node(s) didn't match pod anti-affinity rules"
        elif _taken_port(pod, node, pods):
            reason = "node(s) didn't have free ports for the requested pod ports"
        else:
            fitting.append(node["metadata"]["name"])
            continue
        reasons[reason] = reasons.get(reason, 0) + 1
    if fitting:
        load = {name: sum(pod["spec"].get("nodeName") == name for pod in pods) for name in fitting}
        return min(fitting, key=lambda name: load[name]), None
    text = ", ".join(f"{count} {reason}" for reason, count in sorted(reasons.items()))
    return None, f"0/{len(nodes)} nodes are available: {text}." if nodes else "no nodes available to schedule pods"
