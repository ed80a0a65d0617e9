"""What the Cilium chart makes of its values: the objects that the agent, the operator and clusterctl look at.

As the real chart, it takes no notice of keys that it does not know, and refuses only what its own checks refuse.
"""

import base64
import copy
import hashlib
import io
import json
import tarfile

DEFAULT_VERSION = "1.19.4"
ANY = [{"operator": "Exists"}]
OPERATOR_TOLERATIONS = [
    {"key": "node-role.kubernetes.io/control-plane", "operator": "Exists"},
    {"key": "node-role.kubernetes.io/master", "operator": "Exists"},
    {"key": "node.kubernetes.io/not-ready", "operator": "Exists"},
    {"key": "node.cloudprovider.kubernetes.io/uninitialized", "operator": "Exists"},
    {"key": "node.cilium.io/agent-not-ready", "operator": "Exists"},
]
DEFAULTS = {
    "k8sServiceHost": "", "k8sServicePort": "", "k8s": {"apiServerURLs": ""}, "kubeProxyReplacement": "false",
    "devices": "", "forceDeviceDetection": False, "hostFirewall": {"enabled": False}, "routingMode": "tunnel",
    "tunnelProtocol": "vxlan", "ipv4NativeRoutingCIDR": "", "ipv6NativeRoutingCIDR": "", "autoDirectNodeRoutes": False,
    "ipv4": {"enabled": True}, "ipv6": {"enabled": False}, "bpf": {"masquerade": False, "enableTCX": True},
    "ipam": {"mode": "cluster-pool", "operator": {
        "clusterPoolIPv4PodCIDRList": ["10.0.0.0/8"], "clusterPoolIPv4MaskSize": 24,
        "clusterPoolIPv6PodCIDRList": ["fd00::/104"], "clusterPoolIPv6MaskSize": 120}},
    "operator": {"replicas": 2, "rollOutPods": False, "tolerations": OPERATOR_TOLERATIONS},
    "tolerations": ANY, "podAnnotations": {}, "rollOutCiliumPods": False, "envoy": {
        "enabled": True, "updateStrategy": {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": 2}}},
    "bgpControlPlane": {"enabled": False},
    "envoyConfig": {"enabled": False},
    "updateStrategy": {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": 2}}, "cni": {"exclusive": True},
    "loadBalancer": {"mode": "snat"}, "extraConfig": {}, "daemon": {"configSources": ""}, "MTU": 0,
}


class ChartError(Exception):
    """What helm would print before it gives up."""


def _merged(base, over):
    result = copy.deepcopy(base)
    for key, value in (over or {}).items():
        result[key] = _merged(result[key], value) if isinstance(value, dict) and isinstance(result.get(key), dict) \
            else copy.deepcopy(value)
    return result


def _content(spec):
    import yaml

    values = {}
    text = (spec or {}).get("valuesContent") or ""
    try:
        parsed = yaml.safe_load(text) or {}
    except yaml.YAMLError as error:
        raise ChartError(f"failed to parse /config/values-0-000-HelmChart-ValuesContent.yaml: {error}") from error
    if not isinstance(parsed, dict):
        raise ChartError("cannot unmarshal valuesContent into a map")
    values = _merged(values, parsed)
    return _merged(values, (spec or {}).get("values") or {})


def values_of(item, overrides):
    """The user's values of a HelmChart and its HelmChartConfig; the later wins: valuesContent, values, config, set."""
    values = _merged(_content(item["spec"]), _content((overrides or {}).get("spec")))
    for path, value in (item["spec"].get("set") or {}).items():
        place = values
        *parents, last = path.split(".")
        for name in parents:
            place = place.setdefault(name, {})
        place[last] = value
    return values


def is_cilium(spec):
    """Raises ChartError for a chart that is nowhere."""
    name = spec.get("chart", "").rstrip("/").rpartition("/")[2]
    if spec.get("chartContent"):
        try:
            with tarfile.open(fileobj=io.BytesIO(base64.b64decode(spec["chartContent"]))) as archive:
                name = archive.getnames()[0].split("/")[0]
        except (ValueError, tarfile.TarError, IndexError) as error:
            raise ChartError(f"chartContent is no chart archive: {error}") from error
    elif spec.get("repo") is None and "://" not in spec.get("chart", ""):
        raise ChartError(f'chart "{name}" has neither a repo nor chartContent')
    return name.startswith("cilium")


def _check_version(spec):
    """No release has so high a number: it stands for one that the repository does not have."""
    version = str(spec.get("version") or "")
    if not spec.get("chartContent") and version.rpartition(".")[2] == "99":
        raise ChartError(f'chart "cilium" version "{version}" not found in {spec.get("repo")} repository')


def _check_values(values):
    mode = str(values["kubeProxyReplacement"]).lower()
    if mode not in ("true", "false"):
        raise ChartError("execution error at (cilium/templates/validate.yaml): kubeProxyReplacement must be explicitly "
                         "set to a valid value (true or false) to continue.")
    if not isinstance(values["operator"].get("replicas"), int):
        raise ChartError("values don't meet the specifications of the schema: operator.replicas: Invalid type. "
                         "Expected: integer")
    if values["loadBalancer"].get("mode") == "dsr" and values["routingMode"] == "tunnel" \
            and values["tunnelProtocol"] == "vxlan":
        raise ChartError("execution error: DSR cannot be used with vxlan tunnels")


def _text(value):
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list):
        return " ".join(str(item) for item in value)
    return str(value)


def _config(values, version):
    """The agent's settings as the chart writes them into cilium-config."""
    pool = values["ipam"]["operator"]
    config = {
        "kube-proxy-replacement": _text(values["kubeProxyReplacement"]).lower(),
        "enable-ipv4": _text(values["ipv4"]["enabled"]), "enable-ipv6": _text(values["ipv6"]["enabled"]),
        "routing-mode": values["routingMode"], "tunnel-protocol": values["tunnelProtocol"],
        "ipam": values["ipam"]["mode"], "cluster-pool-ipv4-cidr": _text(pool["clusterPoolIPv4PodCIDRList"]),
        "cluster-pool-ipv4-mask-size": _text(pool["clusterPoolIPv4MaskSize"]),
        "enable-bpf-masquerade": _text(values["bpf"]["masquerade"]), "enable-tcx": _text(values["bpf"]["enableTCX"]),
        "enable-host-firewall": _text(values["hostFirewall"]["enabled"]),
        "enable-bgp-control-plane": _text(values["bgpControlPlane"]["enabled"]),
        "auto-direct-node-routes": _text(values["autoDirectNodeRoutes"]),
        "force-device-detection": _text(values["forceDeviceDetection"]),
        "cni-exclusive": _text(values["cni"]["exclusive"]),
        "bpf-lb-mode": values["loadBalancer"]["mode"], "cilium-version": version,
    }
    for key, name in (("devices", "devices"), ("ipv4NativeRoutingCIDR", "ipv4-native-routing-cidr"),
                      ("ipv6NativeRoutingCIDR", "ipv6-native-routing-cidr"), ("MTU", "mtu")):
        if values[key]:
            config[name] = _text(values[key])
    config.update({key: _text(value) for key, value in (values["extraConfig"] or {}).items()})
    return config


def _environment(values):
    pairs = {"CILIUM_K8S_NAMESPACE": "kube-system"}
    if values["k8sServiceHost"]:
        pairs["KUBERNETES_SERVICE_HOST"] = _text(values["k8sServiceHost"])
    if values["k8sServicePort"]:
        pairs["KUBERNETES_SERVICE_PORT"] = _text(values["k8sServicePort"])
    if (values.get("k8s") or {}).get("apiServerURLs"):
        pairs["K8S_API_SERVER_URLS"] = _text(values["k8s"]["apiServerURLs"])
    pairs["ENABLE_ENVOY_CONFIG"] = _text(values["envoyConfig"]["enabled"])
    return [{"name": key, "value": value} for key, value in pairs.items()]


def _workload(kind, name, namespace, labels, spec, **more):
    return {"apiVersion": "apps/v1", "kind": kind, "metadata": {"name": name, "namespace": namespace, "labels": labels},
            "spec": {"selector": {"matchLabels": labels}, "template": spec, **more}}


def render(spec, user_values, namespace):
    """The manifests, in the order in which they are applied; raises ChartError."""
    values = _merged(DEFAULTS, user_values)
    _check_values(values)
    _check_version(spec)
    version = str(spec.get("version") or DEFAULT_VERSION).lstrip("v")
    config = _config(values, version)
    checksum = hashlib.sha256(json.dumps(config, sort_keys=True).encode()).hexdigest()

    def accounts(name):
        yield {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": name, "namespace": namespace}}
        yield {"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole", "metadata": {"name": name},
               "rules": [{"apiGroups": ["*"], "resources": ["*"], "verbs": ["*"]}]}
        yield {"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRoleBinding", "metadata": {"name": name},
               "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": name},
               "subjects": [{"kind": "ServiceAccount", "name": name, "namespace": namespace}]}

    def template(labels, container, image, rolled, annotations=None, **pod):
        checksums = {"cilium.io/cilium-configmap-checksum": checksum} if rolled else {}
        return {"metadata": {"labels": labels, "annotations": {**checksums, **(annotations or {})}}, "spec": {
            "hostNetwork": True, "priorityClassName": "system-node-critical", **pod,
            "containers": [{"name": container, "image": image, "env": _environment(values)}]}}

    agent_labels = {"k8s-app": "cilium", "app.kubernetes.io/name": "cilium-agent",
                    "app.kubernetes.io/part-of": "cilium"}
    operator_labels = {"io.cilium/app": "operator", "name": "cilium-operator",
                       "app.kubernetes.io/name": "cilium-operator", "app.kubernetes.io/part-of": "cilium"}
    envoy_labels = {"k8s-app": "cilium-envoy", "app.kubernetes.io/name": "cilium-envoy"}
    apart = {"podAntiAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [
        {"topologyKey": "kubernetes.io/hostname", "labelSelector": {"matchLabels": {"io.cilium/app": "operator"}}}]}}
    manifests = [*accounts("cilium"), *accounts("cilium-operator"), {
        "apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "cilium-config", "namespace": namespace},
        "data": config}]
    manifests.append(_workload("DaemonSet", "cilium", namespace, agent_labels, template(
        agent_labels, "cilium-agent", f"quay.io/cilium/cilium:v{version}", values["rollOutCiliumPods"],
        annotations=values["podAnnotations"], serviceAccountName="cilium", tolerations=values["tolerations"]),
        updateStrategy=values["updateStrategy"]))
    if values["envoy"]["enabled"]:
        manifests.append({"apiVersion": "v1", "kind": "ServiceAccount",
                          "metadata": {"name": "cilium-envoy", "namespace": namespace}})
        manifests.append(_workload("DaemonSet", "cilium-envoy", namespace, envoy_labels, template(
            envoy_labels, "cilium-envoy", f"quay.io/cilium/cilium-envoy:v1.36-{version}", False,
            serviceAccountName="cilium-envoy", tolerations=ANY), updateStrategy=values["envoy"]["updateStrategy"]))
    manifests.append(_workload("Deployment", "cilium-operator", namespace, operator_labels, template(
        operator_labels, "cilium-operator", f"quay.io/cilium/operator-generic:v{version}",
        values["operator"].get("rollOutPods"), serviceAccountName="cilium-operator", affinity=apart,
        tolerations=values["operator"]["tolerations"]), replicas=values["operator"]["replicas"]))
    return manifests


def owned(namespace):
    """What uninstalling deletes. Definitions made by the operator stay, as with the real chart."""
    names = ("cilium", "cilium-operator", "cilium-envoy")
    return [("daemonsets", namespace, "cilium"), ("daemonsets", namespace, "cilium-envoy"),
            ("deployments", namespace, "cilium-operator"), ("configmaps", namespace, "cilium-config"),
            *[("serviceaccounts", namespace, name) for name in names],
            *[(resource, None, name) for resource in ("clusterroles", "clusterrolebindings") for name in names[:2]]]
