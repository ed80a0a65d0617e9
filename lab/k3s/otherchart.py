"""What stands in for every chart but Cilium's: one workload that does nothing, and is available.

Of the values it knows `replicas`, `kind` (Deployment or DaemonSet), and `fails`: with that the release fails half-way,
with these words. All others change the pods' template and nothing else.
"""

import hashlib
import json

INSTANCE = "app.kubernetes.io/instance"


def name_of(spec):
    return spec.get("chart", "").rpartition("/")[2]


def render(spec, values, name, namespace):
    """The manifests, in the order in which they are applied."""
    chart = name_of(spec)
    labels = {INSTANCE: name, "app.kubernetes.io/name": chart}
    digest = hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()
    kind = values.get("kind", "Deployment")
    body = {"selector": {"matchLabels": labels}, "template": {
        "metadata": {"labels": labels, "annotations": {"checksum/values": digest}},
        "spec": {"containers": [{"name": chart, "image": f"registry.example.org/{chart}:{spec['version']}"}]}}}
    if kind == "Deployment":
        body["replicas"] = values.get("replicas", 1)
    return [{"apiVersion": "apps/v1", "kind": kind, "metadata": {
        "name": f"{name}-{chart}", "namespace": namespace,
        "labels": {**labels, "app.kubernetes.io/managed-by": "Helm"},
        "annotations": {"meta.helm.sh/release-name": name, "meta.helm.sh/release-namespace": namespace}},
        "spec": body}]


def owned(client, name, namespace):
    """What uninstalling deletes."""
    return [(resource, namespace, item["metadata"]["name"]) for resource in ("deployments", "daemonsets")
            for item in client.list(resource, namespace, f"{INSTANCE}={name}")]
