"""The HelmChart resource: its controller, and what runs in the job that it makes. The charts: chart.py, otherchart.py."""

import base64
import gzip
import hashlib
import json

from . import chart, otherchart
from .log import now
from .web import WebError

FINALIZER = "wrangler.cattle.io/on-helm-chart-remove"
HASH = "helmcharts.helm.cattle.io/configHash"
CHART = "helmcharts.helm.cattle.io/chart"
UNMANAGED = "helmcharts.helm.cattle.io/unmanaged"
IMAGE = "rancher/klipper-helm:v0.9.14-build20260210"

BOOTSTRAP_TOLERATIONS = [
    {"key": "node.kubernetes.io/not-ready", "operator": "Exists", "effect": "NoSchedule"},
    {"key": "node.kubernetes.io/network-unavailable", "operator": "Exists", "effect": "NoSchedule"},
    {"key": "node.cloudprovider.kubernetes.io/uninitialized", "operator": "Equal", "value": "true",
     "effect": "NoSchedule"},
    {"key": "CriticalAddonsOnly", "operator": "Exists"},
    {"key": "node-role.kubernetes.io/etcd", "operator": "Exists", "effect": "NoExecute"},
    {"key": "node-role.kubernetes.io/control-plane", "operator": "Exists", "effect": "NoSchedule"},
]


def _chart_hash(spec, overrides):
    return hashlib.sha256(json.dumps([spec, overrides], sort_keys=True).encode()).hexdigest()[:16]


class HelmController:
    """Keeps one job for each HelmChart, and tells in its status how that went."""

    def __init__(self, objects):
        self.objects = objects

    def turn(self):
        for item in self.objects.list("helmcharts")[0]:
            if UNMANAGED in (item["metadata"].get("annotations") or {}):
                continue  # nor is its finalizer removed when it is deleted
            (self._remove if item["metadata"].get("deletionTimestamp") else self._install)(item)

    def _name(self, item):
        return item["metadata"]["namespace"], item["metadata"]["name"]

    def _merge(self, item, body, subresource=None):
        return self.objects.merge("helmcharts", *self._name(item), body, subresource)

    def _install(self, item):
        namespace, name = self._name(item)
        if FINALIZER not in (item["metadata"].get("finalizers") or []):
            self._merge(item, {"metadata": {"finalizers": [FINALIZER]}})
        overrides = self.objects.find("helmchartconfigs", namespace, name)
        digest = _chart_hash(item["spec"], (overrides or {}).get("spec"))
        job_name = f"helm-install-{name}"
        job = self.objects.find("jobs", namespace, job_name)
        self._keep_values(item)
        if job and job["metadata"]["annotations"].get(HASH) != digest:
            self.objects.delete("jobs", namespace, job_name)
            job = None
        if job is None:
            job = self.objects.create("jobs", namespace, self._job(item, job_name, digest, "install"))
        conditions = [{"type": "JobCreated", "status": "True", "reason": "Job created",
                       "message": f"Applying HelmChart using Job {namespace}/{job_name}"}]
        failed = any(condition["type"] == "Failed" and condition["status"] == "True"
                     for condition in job.get("status", {}).get("conditions") or [])
        conditions.append({"type": "Failed", "status": "True" if failed else "False", "reason":
                           "Job failed" if failed else "", "message": "backoff limit exceeded" if failed else ""})
        status = {"jobName": job_name, "conditions": conditions}
        if item.get("status") != status:
            self._merge(item, {"status": status}, "status")

    def _keep_values(self, item):
        namespace, name = self._name(item)
        secret, text = f"chart-values-{name}", item["spec"].get("valuesContent") or ""
        encoded = base64.b64encode(text.encode()).decode() or None
        found = self.objects.ensure("secrets", namespace, {
            "metadata": {"name": secret}, "type": "helmcharts.helm.cattle.io/values", "data": {}})
        if (found.get("data") or {}).get("HelmChartValuesContent") != encoded:
            self.objects.merge("secrets", namespace, secret, {"data": {"HelmChartValuesContent": encoded}})

    def _remove(self, item):
        namespace, name = self._name(item)
        if FINALIZER not in (item["metadata"].get("finalizers") or []):
            return
        job_name = f"helm-delete-{name}"
        job = self.objects.find("jobs", namespace, job_name)
        if job is None:
            self.objects.create("jobs", namespace, self._job(item, job_name, "", "delete"))
        elif job.get("status", {}).get("succeeded"):
            for old in (job_name, f"helm-install-{name}"):
                if self.objects.find("jobs", namespace, old):
                    self.objects.delete("jobs", namespace, old)
            kept = [other for other in item["metadata"]["finalizers"] if other != FINALIZER]
            self._merge(item, {"metadata": {"finalizers": kept or None}})

    @staticmethod
    def _job(item, job_name, digest, verb):
        spec, name = item["spec"], item["metadata"]["name"]
        bootstrap = spec.get("bootstrap", False)
        chart_name = spec.get("chart", "")
        if spec.get("repo"):
            chart_name = f"{name}/{chart_name}"
        environment = {"NAME": name, "CHART_NAMESPACE": item["metadata"]["namespace"], "VERB": verb,
                       "CHART": chart_name, "REPO": spec.get("repo", ""), "VERSION": spec.get("version", ""),
                       "FAILURE_POLICY": spec.get("failurePolicy", "reinstall")}
        pod = {
            "restartPolicy": "Never", "serviceAccountName": "default",
            "nodeSelector": {"kubernetes.io/os": "linux"}, "tolerations": [],
            "containers": [{"name": "helm", "image": spec.get("jobImage") or IMAGE, "args": [verb],
                            "env": [{"name": key, "value": value} for key, value in environment.items()]}],
        }
        if bootstrap:
            pod.update(hostNetwork=True, tolerations=BOOTSTRAP_TOLERATIONS)
            pod["nodeSelector"]["node-role.kubernetes.io/control-plane"] = "true"
            pod["containers"][0]["env"] += [{"name": "KUBERNETES_SERVICE_HOST", "value": "127.0.0.1"},
                                            {"name": "KUBERNETES_SERVICE_PORT", "value": "6443"},
                                            {"name": "BOOTSTRAP", "value": "true"}]
        return {
            "metadata": {"name": job_name, "annotations": {HASH: digest}, "labels": {CHART: name},
                         "ownerReferences": [{"apiVersion": "helm.cattle.io/v1", "kind": "HelmChart", "name": name,
                                              "uid": item["metadata"]["uid"], "controller": True}]},
            "spec": {"backoffLimit": spec.get("backOffLimit", 1000), "completions": 1, "parallelism": 1,
                     "template": {"metadata": {"labels": {CHART: name, "job-name": job_name}}, "spec": pod}},
        }


def releases(client, namespace, name):
    """Helm's release secrets of a chart, the newest last."""
    found = client.list("secrets", namespace, f"owner=helm,name={name}")
    return sorted(found, key=lambda secret: int(secret["metadata"]["labels"]["version"]))


def _record(client, namespace, name, version, status, values, spec):
    chart_version = spec.get("version", chart.DEFAULT_VERSION)
    about = {"name": otherchart.name_of(spec) or "cilium", "version": chart_version, "appVersion": chart_version}
    release = {"name": name, "namespace": namespace, "version": version, "config": values,
               "info": {"status": status, "last_deployed": now()}, "chart": {"metadata": about}}
    packed = base64.b64encode(gzip.compress(json.dumps(release).encode())).decode()
    client.apply({
        "apiVersion": "v1", "kind": "Secret", "type": "helm.sh/release.v1",
        "metadata": {"name": f"sh.helm.release.v1.{name}.v{version}", "namespace": namespace, "labels": {
            "owner": "helm", "name": name, "status": status, "version": str(version)}},
        "data": {"release": base64.b64encode(packed.encode()).decode()}})


def run(container):
    """The job's container: installs, upgrades or deletes. Returns the exit status, as klipper-helm's entry would."""
    client = container.api()  # raises Crash if the API cannot be reached the way the pod is told
    namespace, name = container.env["CHART_NAMESPACE"], container.env["NAME"]
    try:
        item = client.get("helmcharts", namespace, name)
    except WebError as error:
        container.log(f"Error: {error}")
        return 1
    target = item["spec"].get("targetNamespace") or namespace
    existing = releases(client, target, name)
    if container.env["VERB"] == "delete":
        return _uninstall(container, client, target, name, existing, item["spec"])
    policy = container.env["FAILURE_POLICY"]
    if existing and existing[-1]["metadata"]["labels"]["status"] == "failed":
        if policy == "abort":
            container.log("Release status is 'failed' and failure policy is 'abort'; waiting for operator intervention")
            return 1
        if policy == "reinstall":
            _uninstall(container, client, target, name, existing, item["spec"])
            existing = []
    try:
        values = chart.values_of(item, _overrides(client, namespace, name))
        rendered = chart.render(item["spec"], values, target) if chart.is_cilium(item["spec"]) \
            else otherchart.render(item["spec"], values, name, target)
    except chart.ChartError as error:
        container.log(f"Error: {'UPGRADE' if existing else 'INSTALLATION'} FAILED: {error}")
        if existing and policy == "reinstall":
            _uninstall(container, client, target, name, existing, item["spec"])
        return 0 if existing and policy == "retry" else 1
    version = int(existing[-1]["metadata"]["labels"]["version"]) + 1 if existing else 1
    verb = "upgrade" if existing else "install"
    container.log(f"helm_v3 {verb} --namespace {target} --version {item['spec'].get('version')} {name} "
                  f"{item['spec'].get('chart')}")
    container.pause(0.5)
    if item["spec"].get("createNamespace") and client.find("namespaces", None, target) is None:
        client.create("namespaces", None, {"metadata": {"name": target}})
    if not _is_cilium(item["spec"]) and values.get("fails"):
        container.log(f"Error: {verb.upper()} FAILED: {values['fails']}")
        _record(client, target, name, version, "failed", values, item["spec"])
        return 0 if existing and policy == "retry" else 1
    for manifest in rendered:
        client.apply(manifest)
    for old in existing:
        if old["metadata"]["labels"]["status"] == "deployed":
            client.merge("secrets", target, old["metadata"]["name"], {"metadata": {"labels": {"status": "superseded"}}})
    _record(client, target, name, version, "deployed", values, item["spec"])
    container.log(f"NAME: {name}\nSTATUS: deployed\nREVISION: {version}")
    return 0


def _is_cilium(spec):
    try:
        return chart.is_cilium(spec)
    except chart.ChartError:
        return False


def _overrides(client, namespace, name):
    try:
        return client.get("helmchartconfigs", namespace, name)
    except WebError as error:
        if error.status != 404:
            raise
        return None


def _uninstall(container, client, namespace, name, existing, spec):
    owned = chart.owned(namespace) if _is_cilium(spec) else otherchart.owned(client, name, namespace)
    for resource, where, item in owned:
        client.delete(resource, where, item)
    for secret in existing:
        client.delete("secrets", namespace, secret["metadata"]["name"])
    container.log(f'release "{name}" uninstalled')
    return 0

