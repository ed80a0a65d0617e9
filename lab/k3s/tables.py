"""What `kubectl get` prints for the kinds that people look at; other kinds get name and age."""

import datetime


def _age(stamp):
    began = datetime.datetime.strptime(stamp, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=datetime.timezone.utc)
    seconds = int((datetime.datetime.now(datetime.timezone.utc) - began).total_seconds())
    for size, unit in ((86400, "d"), (3600, "h"), (60, "m")):
        if seconds >= 2 * size:
            return f"{seconds // size}{unit}"
    return f"{max(seconds, 0)}s"


def _condition(item, kind):
    for condition in item.get("status", {}).get("conditions") or []:
        if condition["type"] == kind:
            return condition["status"]
    return ""


def _node(item):
    roles = sorted(label.partition("/")[2] for label in item["metadata"].get("labels", {})
                   if label.startswith("node-role.kubernetes.io/"))
    state = {"True": "Ready", "False": "NotReady"}.get(_condition(item, "Ready"), "Unknown")
    if item.get("spec", {}).get("unschedulable"):
        state += ",SchedulingDisabled"
    return [state, ",".join(roles) or "<none>", item.get("status", {}).get("nodeInfo", {}).get("kubeletVersion", "")]


def _pod(item):
    status = item.get("status", {})
    containers = status.get("containerStatuses") or []
    reason = status.get("phase", "")
    for container in containers:
        waiting = container.get("state", {}).get("waiting") or container.get("state", {}).get("terminated") or {}
        reason = waiting.get("reason") or reason
    if item["metadata"].get("deletionTimestamp"):
        reason = "Terminating"
    ready = sum(container.get("ready", False) for container in containers)
    return [f"{ready}/{len(item['spec'].get('containers', []))}", reason,
            sum(container.get("restartCount", 0) for container in containers), item["spec"].get("nodeName", "<none>")]


def _daemon_set(item):
    status = item.get("status", {})
    return [status.get(name, 0) for name in
            ("desiredNumberScheduled", "currentNumberScheduled", "numberReady", "updatedNumberScheduled")]


def _deployment(item):
    return [f"{item.get('status', {}).get('readyReplicas', 0)}/{item['spec'].get('replicas', 1)}"]


def _job(item):
    return [f"{item.get('status', {}).get('succeeded', 0)}/{item['spec'].get('completions', 1)}"]


def _lease(item):
    return [item.get("spec", {}).get("holderIdentity", "")]


def _service(item):
    spec, ingress = item["spec"], (item.get("status", {}).get("loadBalancer") or {}).get("ingress") or []
    outside = [entry["ip"] for entry in ingress] + (spec.get("externalIPs") or [])
    none = "<pending>" if spec.get("type") == "LoadBalancer" else "<none>"
    ports = ",".join(f"{port['port']}/{port.get('protocol', 'TCP')}" for port in spec.get("ports") or [])
    return [spec.get("type", "ClusterIP"), spec.get("clusterIP") or "<none>", ",".join(outside) or none, ports]


def _pool(item):
    available = next((entry["message"] for entry in item.get("status", {}).get("conditions") or []
                      if entry["type"] == "cilium.io/IPsAvailable"), "")
    return [str(item["spec"].get("disabled", False)).lower(), _condition(item, "cilium.io/PoolConflict"), available]


_COLUMNS = {
    "Node": (["Status", "Roles", "Version"], _node),
    "Pod": (["Ready", "Status", "Restarts", "Node"], _pod),
    "DaemonSet": (["Desired", "Current", "Ready", "Up-to-date"], _daemon_set),
    "Deployment": (["Ready"], _deployment),
    "Job": (["Completions"], _job),
    "Lease": (["Holder"], _lease),
    "Service": (["Type", "Cluster-IP", "External-IP", "Port(s)"], _service),
    "CiliumLoadBalancerIPPool": (["Disabled", "Conflicting", "IPs available"], _pool),
}


def of(kind, items, revision):
    """A meta.k8s.io/v1 Table."""
    names, cells = _COLUMNS.get(kind, ([], lambda item: []))
    titles = ["Name", *names, "Age"]
    return {
        "kind": "Table", "apiVersion": "meta.k8s.io/v1", "metadata": {"resourceVersion": str(revision)},
        "columnDefinitions": [{"name": name, "type": "string", "format": "name" if name == "Name" else "",
                               "description": "", "priority": 0} for name in titles],
        "rows": [{
            "cells": [item["metadata"]["name"], *cells(item), _age(item["metadata"]["creationTimestamp"])],
            "object": {"kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1", "metadata": item["metadata"]},
        } for item in items],
    }
