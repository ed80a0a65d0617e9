"""Disruption budgets, and the evictions that ask them."""

from . import selectors
from .objects import ApiError

_VIOLATED = "Cannot evict pod as it would violate the pod's disruption budget."


def _count(text, total, default):
    """A number, or a share of all rounded up, as Kubernetes has it."""
    if text is None:
        return default
    if isinstance(text, str) and text.endswith("%"):
        return -(-total * int(text[:-1]) // 100)
    return int(text)


def status(budget, pods, ready):
    """What the controller writes down of a budget."""
    covered = [pod for pod in pods if pod["metadata"]["namespace"] == budget["metadata"]["namespace"]
               and selectors.matches(budget["spec"].get("selector"), pod["metadata"].get("labels") or {})]
    healthy = sum(ready(pod) and not pod["metadata"].get("deletionTimestamp") for pod in covered)
    away = _count(budget["spec"].get("maxUnavailable"), len(covered), None)
    wanted = len(covered) - away if away is not None else _count(budget["spec"].get("minAvailable"), len(covered), 1)
    return {"expectedPods": len(covered), "currentHealthy": healthy, "desiredHealthy": max(0, wanted),
            "disruptionsAllowed": max(0, healthy - wanted), "observedGeneration": budget["metadata"].get("generation", 1)}


def evict(objects, namespace, name, dry_run=False):
    """Deletes a pod if every budget that covers it lets it go."""
    pod = objects.get("pods", namespace, name)
    for budget in objects.list("poddisruptionbudgets", namespace)[0]:
        if not selectors.matches(budget["spec"].get("selector"), pod["metadata"].get("labels") or {}):
            continue
        allowed = budget.get("status", {}).get("disruptionsAllowed", 0)
        if allowed < 1:
            raise ApiError(429, "TooManyRequests", _VIOLATED)
        if not dry_run:
            objects.merge("poddisruptionbudgets", namespace, budget["metadata"]["name"],
                          {"status": {"disruptionsAllowed": allowed - 1}}, "status")
    if not dry_run:
        objects.delete("pods", namespace, name)
