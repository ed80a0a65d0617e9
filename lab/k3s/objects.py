"""What the API does with objects: create, read, update, patch, delete, with Kubernetes' rules as far as they matter."""

import copy
import secrets
import uuid

from . import patching, resources, selectors
from .log import now
from .store import Conflict


class ApiError(Exception):
    """An answer of the API other than success."""

    def __init__(self, status, reason, message):
        super().__init__(message)
        self.status, self.reason, self.message = status, reason, message

    def body(self):
        return {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure", "message": self.message,
                "reason": self.reason, "code": self.status}


def not_found(resource, name):
    kind = resource.plural + ("." + resource.group if resource.group else "")
    return ApiError(404, "NotFound", f'{kind} "{name}" not found')


_SERVER_SET = ("uid", "creationTimestamp", "generation", "deletionTimestamp", "deletionGracePeriodSeconds")


class Objects:
    """The store with Kubernetes' semantics. Returned objects are the caller's own."""

    def __init__(self, store):
        self.store = store
        self.catalogue = resources.Catalogue(store)

    def resource(self, plural):
        found = resources.BY_PLURAL.get(plural)
        if found:
            return found
        for candidate in self.catalogue.all():
            if candidate.plural == plural:
                return candidate
        raise ApiError(404, "NotFound", "the server could not find the requested resource")

    def _resolve(self, resource):
        return self.resource(resource) if isinstance(resource, str) else resource

    @staticmethod
    def _versioned(value, revision):
        result = copy.deepcopy(value)
        result["metadata"]["resourceVersion"] = str(revision)
        return result

    def get(self, resource, namespace, name):
        resource = self._resolve(resource)
        value, revision = self.store.get(resources.key(resource, namespace, name))
        if value is None:
            raise not_found(resource, name)
        return self._versioned(value, revision)

    def find(self, resource, namespace, name):
        """The object or None."""
        try:
            return self.get(resource, namespace, name)
        except ApiError as error:
            if error.status != 404:
                raise
            return None

    def list(self, resource, namespace=None, labels="", fields=""):
        """Objects, and the revision they were read at."""
        resource = self._resolve(resource)
        try:
            label_test = selectors.parse_labels(labels)
        except ValueError as error:
            raise ApiError(400, "BadRequest", str(error)) from error
        field_test = selectors.parse_fields(fields)
        entries, revision = self.store.list(resources.prefix(resource, namespace)[0])
        return [self._versioned(value, at) for value, at in entries
                if label_test(value["metadata"].get("labels") or {}) and field_test(value)], revision

    def create(self, resource, namespace, value):
        resource = self._resolve(resource)
        value = copy.deepcopy(value)
        metadata = value.setdefault("metadata", {})
        if not metadata.get("name"):
            if not metadata.get("generateName"):
                raise ApiError(422, "Invalid", f"{resource.kind}: metadata.name: Required value")
            metadata["name"] = metadata["generateName"] + secrets.token_hex(3)[:5]
        if value.get("kind", resource.kind) != resource.kind:
            raise ApiError(400, "BadRequest", f"{value['kind']} in version \"{value.get('apiVersion')}\" cannot be "
                                              f"handled as a {resource.kind}")
        value.update(apiVersion=resources.api_version(resource), kind=resource.kind)
        self._place(resource, namespace, metadata)
        for field in _SERVER_SET + ("resourceVersion",):
            metadata.pop(field, None)
        metadata.update(uid=str(uuid.uuid4()), creationTimestamp=now(), generation=1)
        self._admit(resource, value)
        key = resources.key(resource, metadata.get("namespace"), metadata["name"])
        try:
            revision = self.store.put(key, value, 0)
        except Conflict:
            raise ApiError(409, "AlreadyExists", f'{resource.plural} "{metadata["name"]}" already exists') from None
        return self._versioned(value, revision)

    def _place(self, resource, namespace, metadata):
        if not resource.namespaced:
            metadata.pop("namespace", None)  # dropped without an error, as the real one does
            return
        wanted = metadata.get("namespace") or namespace
        if namespace and wanted != namespace:
            raise ApiError(400, "BadRequest", "the namespace of the provided object does not match the namespace sent "
                                              "on the request")
        metadata["namespace"] = wanted
        if self.store.get(resources.key(resources.BY_PLURAL["namespaces"], None, wanted))[0] is None:
            raise not_found(resources.BY_PLURAL["namespaces"], wanted)

    @staticmethod
    def _admit(resource, value):
        """What defaulting and admission add."""
        if resource == resources.CRD:
            names = dict(value["spec"].get("names") or {})
            value["status"] = {"acceptedNames": names, "storedVersions": [
                version["name"] for version in value["spec"].get("versions", []) if version.get("storage")],
                "conditions": [{"type": kind, "status": "True", "reason": reason, "lastTransitionTime": now()}
                               for kind, reason in (("NamesAccepted", "NoConflicts"),
                                                    ("Established", "InitialNamesAccepted"))]}
        elif resource.kind == "Secret" and value.get("stringData"):
            import base64

            data = value.setdefault("data", {}) or {}
            value["data"] = {**data, **{name: base64.b64encode(text.encode()).decode()
                                        for name, text in value.pop("stringData").items()}}
        elif resource.kind == "Namespace":
            value.setdefault("status", {"phase": "Active"})
        elif resource.kind == "DaemonSet":
            strategy = value["spec"].setdefault("updateStrategy", {})
            if strategy.setdefault("type", "RollingUpdate") == "RollingUpdate":
                strategy.setdefault("rollingUpdate", {}).setdefault("maxUnavailable", 1)
        elif resource.kind == "Deployment":
            value["spec"].setdefault("replicas", 1)
            value["spec"].setdefault("strategy", {"type": "RollingUpdate"})

    def _write(self, resource, namespace, name, change, subresource=None, expected=None):
        """Reads, changes and writes until nobody came between; `change` gets a copy and returns the new object."""
        resource = self._resolve(resource)
        key = resources.key(resource, namespace, name)
        for _ in range(20):
            current, revision = self.store.get(key)
            if current is None:
                raise not_found(resource, name)
            if expected and str(expected) != str(revision):
                raise ApiError(409, "Conflict", f'Operation cannot be fulfilled on {resource.plural} "{name}": the '
                               "object has been modified; please apply your changes to the latest version and try "
                               "again")
            wanted = change(self._versioned(current, revision))
            updated = self._settle(resource, current, wanted, subresource)
            if updated == current:
                return self._versioned(current, revision)
            try:
                if updated["metadata"].get("deletionTimestamp") and not updated["metadata"].get("finalizers") \
                        and resource.kind != "Pod":
                    self.store.delete(key, revision)
                    return self._versioned(updated, revision)
                return self._versioned(updated, self.store.put(key, updated, revision))
            except Conflict:
                continue
        raise ApiError(409, "Conflict", f'{resource.plural} "{name}" changes too often')

    def _settle(self, resource, current, wanted, subresource):
        """The object to store: what a request may not change is as it was."""
        wanted = copy.deepcopy(wanted)
        if subresource == "status":
            updated = {**copy.deepcopy(current), "status": wanted.get("status", {})}
            if resource.kind == "Node":  # the kubelet may set labels and annotations along with the status
                for field in ("labels", "annotations"):
                    updated["metadata"][field] = wanted["metadata"].get(field, {})
            return updated
        metadata = wanted.setdefault("metadata", {})
        metadata.pop("resourceVersion", None)
        for field in _SERVER_SET + ("name", "namespace"):
            metadata.pop(field, None)
            if field in current["metadata"]:
                metadata[field] = current["metadata"][field]
        wanted.update(apiVersion=current["apiVersion"], kind=current["kind"])
        self._admit(resource, wanted)
        if resource.status and "status" in current and resource != resources.CRD:
            wanted["status"] = copy.deepcopy(current["status"])
        if wanted.get("spec") != current.get("spec"):
            metadata["generation"] = current["metadata"].get("generation", 1) + 1
        return wanted

    def update(self, resource, namespace, name, value, subresource=None):
        expected = (value.get("metadata") or {}).get("resourceVersion")
        return self._write(resource, namespace, name, lambda _: value, subresource, expected)

    def patch(self, resource, namespace, name, kind, body, subresource=None, manager="kubectl"):
        """`kind` is json, merge, strategic or apply; apply creates what is not there."""
        resource = self._resolve(resource)
        if kind == "apply" and self.store.get(resources.key(resource, namespace, name))[0] is None:
            return self.create(resource, namespace, patching.apply(None, body, manager))
        expected = ((body.get("metadata") or {}).get("resourceVersion")) if isinstance(body, dict) else None

        def change(current):
            if kind == "apply":
                return patching.apply(current, body, manager)
            function = {"json": patching.json_patch, "merge": patching.merge, "strategic": patching.strategic}[kind]
            try:
                return function(current, body)
            except ValueError as error:
                raise ApiError(422, "Invalid", str(error)) from error

        return self._write(resource, namespace, name, change, subresource, expected)

    def merge(self, resource, namespace, name, body, subresource=None):
        """A merge patch; the short form for the stand-in's own controllers."""
        return self.patch(resource, namespace, name, "merge", body, subresource)

    def delete(self, resource, namespace, name, options=None):
        """Gone at once, or marked if somebody must let go of it first (finalizers; the kubelet of a running pod)."""
        resource = self._resolve(resource)
        key = resources.key(resource, namespace, name)
        for _ in range(20):
            current, revision = self.store.get(key)
            if current is None:
                raise not_found(resource, name)
            wanted_uid = ((options or {}).get("preconditions") or {}).get("uid")
            if wanted_uid and wanted_uid != current["metadata"]["uid"]:
                raise ApiError(409, "Conflict", "the UID in the precondition does not match")
            grace = (options or {}).get("gracePeriodSeconds")
            held = bool(current["metadata"].get("finalizers"))
            if resource.kind == "Pod" and grace != 0:
                held = held or self._runs(current)
            try:
                if not held:
                    self.store.delete(key, revision)
                    return self._versioned(current, revision)
                if current["metadata"].get("deletionTimestamp"):
                    return self._versioned(current, revision)
                marked = copy.deepcopy(current)
                marked["metadata"].update(deletionTimestamp=now(), deletionGracePeriodSeconds=grace or 0)
                return self._versioned(marked, self.store.put(key, marked, revision))
            except Conflict:
                continue
        raise ApiError(409, "Conflict", f'{resource.plural} "{name}" changes too often')

    def _runs(self, pod):
        node = (pod.get("spec") or {}).get("nodeName")
        phase = (pod.get("status") or {}).get("phase")
        return bool(node) and phase not in ("Succeeded", "Failed") and \
            self.store.get(resources.key(resources.BY_PLURAL["nodes"], None, node))[0] is not None

    def ensure(self, resource, namespace, value):
        """Creates an object unless there is one of its name."""
        found = self.find(resource, namespace, value["metadata"]["name"])
        return found or self.create(resource, namespace, value)
