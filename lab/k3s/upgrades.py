"""system-upgrade-controller, and what its jobs do: Plans, the jobs that it makes of them, and the pod on the node."""

import hashlib
import os
import signal
import subprocess
import time

from . import selectors
from .ends import Crash, Stopped
from .web import Unreachable, WebError

GROUP = "upgrade.cattle.io"
NAME = "system-upgrade-controller"
HOSTNAME = "kubernetes.io/hostname"
KUBECTL = "rancher/kubectl:v1.30.3"


def plan_label(plan):
    return f"plan.{GROUP}/{plan['metadata']['name']}"


def version_of(plan):
    return plan["spec"]["version"].replace("+", "-")


def hash_of(plan):
    """Of the version and the service account alone: the same Plan made anew has the same."""
    return hashlib.sha224((version_of(plan) + plan["spec"].get("serviceAccountName", "")).encode()).hexdigest()


def select(plan, nodes):
    """The nodes whose turn it is: those that are being changed, then others in the order of a hash, up to the concurrency."""
    def waits(node):
        labels = node["metadata"]["labels"]
        selector = plan["spec"].get("nodeSelector")
        return (selector is not None and selectors.matches(selector, labels) and HOSTNAME in labels
                and labels.get(plan_label(plan)) not in ("disabled", hash_of(plan)))

    applying = (plan.get("status") or {}).get("applying") or []
    waiting = [node for node in nodes if waits(node)]
    chosen = [node for node in waiting if node["metadata"]["labels"][HOSTNAME] in applying]
    others = sorted((node for node in waiting if node not in chosen), key=lambda node: hashlib.sha256(
        (node["metadata"]["uid"] + plan["metadata"]["uid"] + hash_of(plan)).encode()).hexdigest())
    chosen += others[:max(0, plan["spec"].get("concurrency", 0) - len(chosen))]
    return sorted(chosen, key=lambda node: node["metadata"]["name"])


def image_of(plan):
    image = plan["spec"]["upgrade"]["image"]
    return image if ":" in image.rsplit("/", 1)[-1] else f"{image}:{version_of(plan)}"


def drain_arguments(drain, node):
    words = ["drain", node]
    if drain.get("ignoreDaemonSets", True):
        words.append("--ignore-daemonsets")
    if drain.get("deleteEmptydirData", True):
        words.append("--delete-emptydir-data")
    if drain.get("force"):
        words.append("--force")
    return words + (["--timeout", drain["timeout"]] if drain.get("timeout") else [])


def job_of(plan, node):
    name, host = plan["metadata"]["name"], node["metadata"]["name"]
    labels = {f"{GROUP}/controller": NAME, f"{GROUP}/node": host, f"{GROUP}/plan": name,
              f"{GROUP}/version": version_of(plan), plan_label(plan): hash_of(plan)}
    spec, drain = plan["spec"], plan["spec"].get("drain")
    first = [{"name": "drain", "image": KUBECTL, "args": drain_arguments(drain, host)}] if drain is not None else []
    return {
        "metadata": {"name": f"apply-{name}-on-{host}-with-{hash_of(plan)}"[:63], "labels": labels},
        "spec": {
            "backoffLimit": 99, "activeDeadlineSeconds": spec.get("jobActiveDeadlineSecs", 600),
            "template": {"metadata": {"labels": labels}, "spec": {
                "hostPID": True, "hostNetwork": True, "restartPolicy": "Never",
                "serviceAccountName": spec.get("serviceAccountName", "default"),
                "affinity": {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": [
                    {"matchExpressions": [{"key": HOSTNAME, "operator": "In", "values": [host]}]}]}}},
                "tolerations": [{"key": "node.kubernetes.io/unschedulable", "operator": "Exists",
                                 "effect": "NoSchedule"}] + (spec.get("tolerations") or []),
                "initContainers": first,
                "containers": [{"name": "upgrade", "image": image_of(plan), "command": spec["upgrade"].get("command"),
                                "args": spec["upgrade"].get("args")}]}}}}


def ended(job):
    return next((condition["type"] for condition in job.get("status", {}).get("conditions") or []
                 if condition["status"] == "True"), None)


def look(api, namespace):
    """One look at all Plans and jobs, as the real one's handlers have it."""
    plans = {plan["metadata"]["name"]: plan for plan in api.list("plans", namespace)}
    for job in api.list("jobs", namespace, f"{GROUP}/controller={NAME}"):
        labels = job["metadata"]["labels"]
        plan, host = plans.get(labels[f"{GROUP}/plan"]), labels[f"{GROUP}/node"]
        node = api.find("nodes", None, host)
        applying = ((plan or {}).get("status") or {}).get("applying") or []
        if plan is None or node is None or labels[f"{GROUP}/version"] != version_of(plan):
            api.delete("jobs", namespace, job["metadata"]["name"])
        elif ended(job) == "Complete":
            if node["metadata"]["labels"].get(plan_label(plan)) == hash_of(plan):
                continue
            if host not in applying:
                continue  # it was counted, and somebody has taken the mark away
            body = {"metadata": {"labels": {plan_label(plan): labels[plan_label(plan)]}}}
            if plan["spec"].get("cordon") or plan["spec"].get("drain") is not None:
                body["spec"] = {"unschedulable": None}
            api.merge("nodes", None, host, body)
        elif ended(job) is None and host not in applying:
            api.delete("jobs", namespace, job["metadata"]["name"])
    nodes = api.list("nodes")
    for plan in plans.values():
        chosen = select(plan, nodes)
        names = [node["metadata"]["labels"][HOSTNAME] for node in chosen]
        status = plan.get("status") or {}
        if status.get("applying", []) != names or status.get("latestHash") != hash_of(plan):
            api.merge("plans", namespace, plan["metadata"]["name"], {"status": {
                "applying": names, "latestHash": hash_of(plan), "latestVersion": version_of(plan)}}, "status")
            for node in chosen:
                job = job_of(plan, node)
                if api.find("jobs", namespace, job["metadata"]["name"]) is None:
                    api.create("jobs", namespace, job)


def run(container):
    """The controller itself."""
    container.set_ready()
    while True:
        api = container.api()
        try:
            while True:
                look(api, container.pod["metadata"]["namespace"])
                container.pause(1)
        except (Unreachable, WebError) as error:
            container.log(f"level=error msg=\"{error}\"")
            container.pause(1)


def _drain(container, words):
    """kubectl drain, as far as pods of deployments go: cordoned, evicted, and waited for."""
    api, node = container.api(), words[1]
    patience = float(words[words.index("--timeout") + 1].rstrip("s")) if "--timeout" in words else float("inf")
    end = time.monotonic() + patience
    api.merge("nodes", None, node, {"spec": {"unschedulable": True}})
    while True:
        left = [pod for pod in api.list("pods") if pod["spec"].get("nodeName") == node
                and f"{GROUP}/controller" not in (pod["metadata"].get("labels") or {})
                and pod.get("status", {}).get("phase") not in ("Succeeded", "Failed")
                and not any(owner["kind"] in ("DaemonSet", "Node") for owner in pod["metadata"].get("ownerReferences") or [])
                and "kubernetes.io/config.mirror" not in (pod["metadata"].get("annotations") or {})]
        if not left:
            return
        if time.monotonic() > end:
            raise Crash(f"drain did not complete within {patience:.0f}s")
        for pod in left:
            metadata = pod["metadata"]
            if metadata.get("deletionTimestamp"):
                continue
            try:
                api.client.json("POST", f"/api/v1/namespaces/{metadata['namespace']}/pods/{metadata['name']}/eviction", {
                    "apiVersion": "policy/v1", "kind": "Eviction",
                    "metadata": {"name": metadata["name"], "namespace": metadata["namespace"]}})
            except WebError as error:
                container.log(f"{metadata['name']}: {error}")
        container.pause(1)


def run_job(container):
    """The pod's containers one after another: what kubectl would do, then the Plan's command, on the node itself.

    The real pod lives on while k3s is started anew. This one's program does, too; and the next k3s begins it a second time,
    beside it."""
    for first in container.pod["spec"].get("initContainers") or []:
        _drain(container, first["args"])
    words = (container.spec.get("command") or []) + (container.spec.get("args") or [])
    if words[:5] != ["nsenter", "-t", "1", "-m", "--"]:
        raise Crash(f"the stand-in's pod is on the node itself, and knows no other command: {words}")
    process = subprocess.Popen(words[5:], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                               start_new_session=True)
    try:
        while process.poll() is None:
            container.pause(0.2)
    except Stopped:
        if not container.host.stopping:
            os.killpg(process.pid, signal.SIGKILL)
        raise
    said = process.stdout.read().strip()
    container.log(said)
    if process.returncode:
        raise Crash(said.splitlines()[-1] if said else f"status {process.returncode}")
    return 0
