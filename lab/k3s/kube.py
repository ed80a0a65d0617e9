"""The API as a client sees it: what kubelets and "containers" use."""

import urllib.parse

from . import resources
from .web import Client, WebError

_CUSTOM = {
    "helmcharts": ("helm.cattle.io", "v1", True), "helmchartconfigs": ("helm.cattle.io", "v1", True),
    "ciliumnodes": ("cilium.io", "v2", False), "ciliumnodeconfigs": ("cilium.io", "v2", True),
    **{name: ("cilium.io", "v2", False) for name in (
        "ciliumbgpclusterconfigs", "ciliumbgppeerconfigs", "ciliumbgpadvertisements", "ciliumbgpnodeconfigoverrides",
        "ciliumloadbalancerippools", "ciliumclusterwideenvoyconfigs")},
    "ciliumenvoyconfigs": ("cilium.io", "v2", True),
    "plans": ("upgrade.cattle.io", "v1", True),
}


def collection(resource, namespace=None):
    if resource in _CUSTOM:
        group, version, namespaced = _CUSTOM[resource]
    else:
        group, version, _, _, namespaced, _, _ = resources.BY_PLURAL[resource]
    base = f"/apis/{group}/{version}" if group else f"/api/{version}"
    return base + (f"/namespaces/{namespace}" if namespace and namespaced else "") + "/" + resource


class Kube:
    """Raises WebError for an answer other than success, Unreachable for none."""

    def __init__(self, host, port, context, timeout=10):
        self.client = Client(host, port, context, timeout=timeout)

    def get(self, resource, namespace, name):
        return self.client.json("GET", f"{collection(resource, namespace)}/{name}")

    def find(self, resource, namespace, name):
        try:
            return self.get(resource, namespace, name)
        except WebError as error:
            if error.status != 404:
                raise
            return None

    def list(self, resource, namespace=None, labels=""):
        query = "?" + urllib.parse.urlencode({"labelSelector": labels}) if labels else ""
        return self.client.json("GET", collection(resource, namespace) + query)["items"]

    def create(self, resource, namespace, value):
        return self.client.json("POST", collection(resource, namespace), value)

    def update(self, resource, namespace, name, value, subresource=None):
        path = f"{collection(resource, namespace)}/{name}" + (f"/{subresource}" if subresource else "")
        return self.client.json("PUT", path, value)

    def merge(self, resource, namespace, name, body, subresource=None):
        path = f"{collection(resource, namespace)}/{name}" + (f"/{subresource}" if subresource else "")
        return self.client.json("PATCH", path, body, {"Content-Type": "application/merge-patch+json"})

    def apply(self, value):
        """Server-side apply of a manifest of a built-in kind."""
        kind, metadata = value["kind"], value["metadata"]
        resource = next(entry.plural for entry in resources.BY_PLURAL.values() if entry.kind == kind)
        path = f"{collection(resource, metadata.get('namespace'))}/{metadata['name']}?fieldManager=helm&force=true"
        return self.client.json("PATCH", path, value, {"Content-Type": "application/apply-patch+yaml"})

    def delete(self, resource, namespace, name, grace=None):
        """True if it was there."""
        body = None if grace is None else {"gracePeriodSeconds": grace}
        try:
            self.client.json("DELETE", f"{collection(resource, namespace)}/{name}", body)
        except WebError as error:
            if error.status != 404:
                raise
            return False
        return True

    def watch(self, resource, query, seconds):
        """Events, until the server ends the watch after so many seconds."""
        text = urllib.parse.urlencode({**query, "watch": "1", "timeoutSeconds": seconds})
        return self.client.lines("GET", f"{collection(resource)}?{text}", timeout=seconds + 15)
