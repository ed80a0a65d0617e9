"""The kinds that the API knows: the built-in ones, and those of CustomResourceDefinitions."""

import collections

Resource = collections.namedtuple("Resource", "group version plural kind namespaced short status")

_BUILT_IN = """
-                         v1  namespaces                 Namespace                  cluster    ns     status
-                         v1  nodes                      Node                       cluster    no     status
-                         v1  pods                       Pod                        namespaced po     status
-                         v1  services                   Service                    namespaced svc    status
-                         v1  endpoints                  Endpoints                  namespaced ep     -
-                         v1  secrets                    Secret                     namespaced -      -
-                         v1  configmaps                 ConfigMap                  namespaced cm     -
-                         v1  serviceaccounts            ServiceAccount             namespaced sa     -
-                         v1  events                     Event                      namespaced ev     -
-                         v1  persistentvolumes          PersistentVolume           cluster    pv     status
-                         v1  persistentvolumeclaims     PersistentVolumeClaim      namespaced pvc    status
-                         v1  resourcequotas             ResourceQuota              namespaced quota  status
-                         v1  limitranges                LimitRange                 namespaced limits -
apps                      v1  daemonsets                 DaemonSet                  namespaced ds     status
apps                      v1  deployments                Deployment                 namespaced deploy status
apps                      v1  replicasets                ReplicaSet                 namespaced rs     status
apps                      v1  statefulsets               StatefulSet                namespaced sts    status
apps                      v1  controllerrevisions        ControllerRevision         namespaced -      -
batch                     v1  jobs                       Job                        namespaced -      status
batch                     v1  cronjobs                   CronJob                    namespaced cj     status
coordination.k8s.io       v1  leases                     Lease                      namespaced -      -
discovery.k8s.io          v1  endpointslices             EndpointSlice              namespaced -      -
networking.k8s.io         v1  ingresses                  Ingress                    namespaced ing    status
networking.k8s.io         v1  ingressclasses             IngressClass               cluster    -      -
networking.k8s.io         v1  networkpolicies            NetworkPolicy              namespaced netpol -
policy                    v1  poddisruptionbudgets       PodDisruptionBudget        namespaced pdb    status
rbac.authorization.k8s.io v1  clusterroles               ClusterRole                cluster    -      -
rbac.authorization.k8s.io v1  clusterrolebindings        ClusterRoleBinding         cluster    -      -
rbac.authorization.k8s.io v1  roles                      Role                       namespaced -      -
rbac.authorization.k8s.io v1  rolebindings               RoleBinding                namespaced -      -
scheduling.k8s.io         v1  priorityclasses            PriorityClass              cluster    pc     -
storage.k8s.io            v1  storageclasses             StorageClass               cluster    sc     -
apiextensions.k8s.io      v1  customresourcedefinitions  CustomResourceDefinition   cluster    crd    status
"""

BUILT_IN = {}
for _line in _BUILT_IN.strip().splitlines():
    _group, _version, _plural, _kind, _scope, _short, _status = _line.split()
    BUILT_IN[("" if _group == "-" else _group, _version, _plural)] = Resource(
        "" if _group == "-" else _group, _version, _plural, _kind, _scope == "namespaced",
        [] if _short == "-" else [_short], _status == "status")

BY_PLURAL = {resource.plural: resource for resource in BUILT_IN.values()}
CRD = BY_PLURAL["customresourcedefinitions"]
_VERBS = ["create", "delete", "deletecollection", "get", "list", "patch", "update", "watch"]


def definition(group, version, kind, plural, namespaced=True, short=()):
    """A minimal CustomResourceDefinition."""
    return {
        "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{plural}.{group}"},
        "spec": {
            "group": group, "scope": "Namespaced" if namespaced else "Cluster",
            "names": {"kind": kind, "listKind": kind + "List", "plural": plural, "singular": kind.lower(),
                      "shortNames": list(short)},
            "versions": [{"name": version, "served": True, "storage": True, "subresources": {"status": {}},
                          "schema": {"openAPIV3Schema": {"type": "object",
                                                         "x-kubernetes-preserve-unknown-fields": True}}}],
        },
    }


# What K3s brings itself.
K3S_DEFINITIONS = [
    definition("helm.cattle.io", "v1", "HelmChart", "helmcharts"),
    definition("helm.cattle.io", "v1", "HelmChartConfig", "helmchartconfigs"),
    definition("k3s.cattle.io", "v1", "Addon", "addons"),
    definition("k3s.cattle.io", "v1", "ETCDSnapshotFile", "etcdsnapshotfiles", namespaced=False),
]


def of_definition(crd):
    """The served resources of a CustomResourceDefinition."""
    spec = crd["spec"]
    names = spec["names"]
    return [
        Resource(spec["group"], version["name"], names["plural"], names["kind"], spec.get("scope") == "Namespaced",
                 names.get("shortNames") or [], "status" in (version.get("subresources") or {}))
        for version in spec.get("versions", []) if version.get("served", True)
    ]


class Catalogue:
    """All resources at this moment; definitions are read from the store each time, it is in memory."""

    def __init__(self, store):
        self.store = store

    def all(self):
        found = list(BUILT_IN.values())
        for crd, _ in self.store.list(prefix(CRD)[0])[0]:
            found += of_definition(crd)
        return found

    def find(self, group, version, plural):
        resource = BUILT_IN.get((group, version, plural))
        if resource:
            return resource
        crd, _ = self.store.get(key(CRD, None, f"{plural}.{group}"))
        for resource in of_definition(crd) if crd else []:
            if resource.version == version:
                return resource
        return None


def prefix(resource, namespace=None):
    """Prefixes under which objects lie; without a namespace, all of them."""
    base = f"/registry/{resource.group or 'core'}/{resource.plural}/"
    return [base + (namespace + "/" if namespace else "")]


def key(resource, namespace, name):
    return prefix(resource, namespace if resource.namespaced else None)[0] + name


def api_version(resource):
    return f"{resource.group}/{resource.version}" if resource.group else resource.version


def discovery(resources, group, version):
    """The APIResourceList of one group and version."""
    entries = []
    for resource in resources:
        if (resource.group, resource.version) != (group, version):
            continue
        entry = {"name": resource.plural, "singularName": resource.kind.lower(), "namespaced": resource.namespaced,
                 "kind": resource.kind, "verbs": _VERBS}
        if resource.short:
            entry["shortNames"] = resource.short
        entries.append(entry)
        if resource.status:
            entries.append({"name": resource.plural + "/status", "singularName": "", "namespaced": resource.namespaced,
                            "kind": resource.kind, "verbs": ["get", "patch", "update"]})
        if resource.plural == "pods" and not group:
            entries.append({"name": "pods/log", "singularName": "", "namespaced": True, "kind": "Pod",
                            "verbs": ["get"]})
            entries.append({"name": "pods/eviction", "singularName": "", "namespaced": True, "kind": "Eviction",
                            "group": "policy", "version": "v1", "verbs": ["create"]})
    if not entries:
        return None
    return {"kind": "APIResourceList", "apiVersion": "v1",
            "groupVersion": f"{group}/{version}" if group else version, "resources": entries}


def groups(resources):
    """The APIGroupList."""
    versions = {}
    for resource in resources:
        if resource.group and resource.version not in versions.setdefault(resource.group, []):
            versions[resource.group].append(resource.version)

    def entry(group, version):
        return {"groupVersion": f"{group}/{version}", "version": version}

    return {"kind": "APIGroupList", "apiVersion": "v1", "groups": [
        {"name": group, "versions": [entry(group, version) for version in names],
         "preferredVersion": entry(group, names[0])} for group, names in versions.items()]}
