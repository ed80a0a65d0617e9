"""Settings of `k3s server` and `k3s agent`: config.yaml, its drop-ins and the command line, with K3s' strictness."""

import glob
import ipaddress
import os
import socket

from . import log, paths
from .flags import ALIASES, KINDS
from .log import Fatal

# Compared when a server joins. `disable-kube-proxy` is not compared by K3s either, although it must match.
CRITICAL = ("cluster-cidr", "service-cidr", "cluster-dns", "cluster-domain", "flannel-backend", "flannel-ipv6-masq",
            "flannel-external-ip", "egress-selector-mode", "disable-network-policy", "disable-cloud-controller",
            "disable-helm-controller", "secrets-encryption", "secrets-encryption-provider", "embedded-registry",
            "supervisor-metrics")
DEFAULTS = {"cluster-cidr": ["10.42.0.0/16"], "service-cidr": ["10.43.0.0/16"], "cluster-domain": "cluster.local",
            "flannel-backend": "vxlan", "egress-selector-mode": "agent", "write-kubeconfig-mode": "0600",
            "secrets-encryption-provider": "aescbc"}
# Those that tests use; the real kubelet knows many more, and ends at one that it does not know.
KUBELET_FLAGS = {"max-pods", "node-status-update-frequency", "system-reserved", "kube-reserved", "image-gc-high-threshold"}
DISABLEABLE = {"coredns", "servicelb", "traefik", "local-storage", "metrics-server", "runtimes"}


def _from_files(path):
    """Keys of the file and its drop-ins; the last value of a key wins as a whole, `key+` appends."""
    import yaml

    settings = {}
    for name in [path, *sorted(glob.glob(path + ".d/*.y*ml"))]:
        try:
            with open(name, encoding="utf-8") as file:
                document = yaml.load(file, Loader=yaml.CSafeLoader)
        except FileNotFoundError:
            continue
        except yaml.YAMLError as error:
            raise Fatal(f"failed to read {name}: {error}") from error
        for key, value in (document or {}).items():
            if key.endswith("+"):
                key = key[:-1]
                value = _as_list(settings.get(key, [])) + _as_list(value)
            settings[key] = value
    return settings


def _from_command_line(role, arguments):
    settings, rest = {}, list(arguments)
    while rest:
        word = rest.pop(0)
        key, equals, value = word.lstrip("-").partition("=")
        key = ALIASES.get(key, key)
        kind = KINDS[role].get(key)
        if not word.startswith("-") or kind is None:
            raise Fatal(f"flag provided but not defined: {word}")
        if not equals:
            value = "true" if kind == "bool" else (rest.pop(0) if rest else "")
        if kind == "list":
            settings.setdefault(key, []).append(value)
        else:
            settings[key] = value
    return settings


def _as_list(value):
    return [str(item) for item in value] if isinstance(value, list) else [str(value)]


def _typed(role, key, value):
    kind = KINDS[role][key]
    if kind == "list":
        split = key not in ("kubelet-arg", "node-taint") and not key.endswith("-arg")
        return [part.strip() for item in _as_list(value) for part in (item.split(",") if split else [item])]
    if kind == "bool":
        text = str(value).lower()
        if text not in ("true", "false", "1", "0"):
            raise Fatal(f'invalid value "{value}" for flag -{key}: parse error')
        return text in ("true", "1")
    return str(value[-1]) if isinstance(value, list) and value else str(value)


def load(role, arguments):
    """Settings by flag name. An agent refuses keys that it does not know; a server warns and skips them."""
    given = _from_command_line(role, arguments)
    path = os.environ.get("K3S_CONFIG_FILE") or given.get("config") or paths.CONFIG
    settings = {}
    for key, value in _from_files(path).items():
        key = ALIASES.get(key, key)
        if key not in KINDS[role]:
            if role == "agent":
                raise Fatal(f"flag provided but not defined: -{key}")
            log.warning(f"Unknown flag --{key} found in config.yaml, skipping")
            continue
        settings[key] = value
    for key, value in given.items():
        settings[key] = _as_list(settings.get(key, [])) + value if isinstance(value, list) else value
    settings = {key: _typed(role, key, value) for key, value in settings.items() if value is not None}
    return _complete(role, settings)


def _complete(role, settings):
    settings.setdefault("node-name", socket.gethostname())
    settings["node-name"] = settings["node-name"].lower()
    if settings.get("token-file"):
        token = paths.read(settings["token-file"])
        if not token:
            raise Fatal(f"failed to read token from {settings['token-file']}: no such file or it is empty")
        settings["token"] = token
    settings.setdefault("token", os.environ.get("K3S_TOKEN", ""))
    if not settings.get("node-ip"):
        settings["node-ip"] = [default_address()]
    for key in ("node-ip", "cluster-cidr", "service-cidr", "cluster-dns"):
        for value in settings.get(key, []):
            _check_address(key, value)
    if role == "server":
        for key, value in DEFAULTS.items():
            settings.setdefault(key, value)
        settings.setdefault("cluster-dns", [str(ipaddress.ip_network(cidr)[10]) for cidr in settings["service-cidr"]])
        for name in settings.get("disable", []):
            if name not in DISABLEABLE:
                raise Fatal(f"invalid argument to --disable: unknown component {name}")
        families = {ipaddress.ip_network(cidr).version for cidr in settings["cluster-cidr"]}
        if families - {ipaddress.ip_address(address).version for address in settings["node-ip"]}:
            raise Fatal("cluster-cidr, service-cidr and node-ip must have the same address families")
    elif not settings.get("server"):
        raise Fatal("--server is required")
    if role == "agent" and not settings["token"]:
        raise Fatal("--token is required")
    return settings


def _check_address(key, value):
    try:
        (ipaddress.ip_network if "cidr" in key else ipaddress.ip_address)(value)
    except ValueError as error:
        raise Fatal(f"invalid {key} {value}: {error}") from error


def default_address():
    """The address that the default route would use."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("198.51.100.1", 9))
            return probe.getsockname()[0]
        except OSError as error:
            raise Fatal(f"no default route and no node-ip: {error}") from error


def critical(settings):
    """What must be equal on every server."""
    values = {key: settings.get(key, False) for key in CRITICAL}
    values["disable servicelb"] = "servicelb" in settings.get("disable", [])
    return values


def password(token):
    """The secret part of a token in any of its forms."""
    return token.rpartition(":")[2] if token.startswith("K10") else token
