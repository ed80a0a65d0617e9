"""The supervisor's own paths on port 6443: what joins and agents ask before they have a certificate."""

import base64
import hashlib
import json

from . import log, paths, tls
from .config import critical, password
from .objects import ApiError

DUPLICATE_NODE = ("Node password rejected, duplicate hostname or contents of '/etc/rancher/node/password' may not "
                  "match server node-passwd entry, try enabling a unique node name with the --with-node-id flag")


def password_secret(node):
    return f"{node}.node-password.k3s"


class Supervisor:
    """Serves /ping, /cacerts and /v1-k3s/*; the latter to whoever knows the cluster's token."""

    def __init__(self, settings, objects):
        self.settings, self.objects = settings, objects
        self.ready = False

    def serve(self, handler, path, query, body):
        """True if the path was one of the supervisor's."""
        if path == "/ping":
            handler.answer(200, b"pong", "text/plain")
        elif path == "/cacerts":
            with open(tls.path("server-ca"), "rb") as file:
                handler.answer(200, file.read(), "text/plain")
        elif path.startswith("/v1-k3s/"):
            self._authorized(handler, path.removeprefix("/v1-k3s/"), body)
        else:
            return False
        return True

    def _authorized(self, handler, what, body):
        given = handler.basic()
        if given is None or given[0] not in ("server", "node") or given[1] != password(self.settings["token"]):
            raise ApiError(401, "Unauthorized", "Unauthorized")
        if what == "server-bootstrap" and given[0] == "server":
            return handler.answer(200, {"files": tls.exported_authorities(), "critical": critical(self.settings)})
        if not self.ready:
            raise ApiError(503, "ServiceUnavailable", "apiserver not ready")
        if what == "config":
            return handler.answer(200, self._agent_config())
        if what == "certificates":
            return handler.answer(200, self.node_certificates(**json.loads(body)))
        raise ApiError(404, "NotFound", "the server could not find the requested resource")

    def _agent_config(self):
        return {"clusterCIDR": self.settings["cluster-cidr"], "serviceCIDR": self.settings["service-cidr"],
                "clusterDNS": self.settings["cluster-dns"], "flannelBackend": self.settings["flannel-backend"],
                "disableKubeProxy": self.settings.get("disable-kube-proxy", False),
                "disableNetworkPolicy": self.settings.get("disable-network-policy", False),
                "servers": self.servers()}

    def servers(self):
        """Addresses of the control plane nodes."""
        nodes, _ = self.objects.list("nodes", labels="node-role.kubernetes.io/control-plane=true")
        return [address["address"] for node in nodes for address in node.get("status", {}).get("addresses", [])
                if address["type"] == "InternalIP"] or list(self.settings["node-ip"])

    def node_certificates(self, node, password, addresses):
        """A kubelet's certificates, after its node password was compared with the one it came with first."""
        self.objects.store.barrier()
        self._check_password(node, password)
        names = [node, *addresses, "127.0.0.1", "localhost"]
        serving = tls.issue("server-ca", node, names=names)
        client = tls.issue("client-ca", f"system:node:{node}", "system:nodes")
        return {"serving.crt": serving[0], "serving.key": serving[1], "client.crt": client[0], "client.key": client[1],
                "client-ca.crt": paths.read(tls.path("client-ca")) + "\n"}

    def _check_password(self, node, given):
        digest = base64.b64encode(hashlib.sha256(given.encode()).hexdigest().encode()).decode()
        secret = self.objects.ensure("secrets", "kube-system", {
            "metadata": {"name": password_secret(node)}, "type": "Opaque", "immutable": True, "data": {"hash": digest}})
        if secret["data"].get("hash") != digest:
            log.error(f"Unable to verify password for node {node}: hash does not match")
            raise ApiError(403, "Forbidden", DUPLICATE_NODE)


def write_tokens(token):
    """The full token, in the files where people look for it."""
    full = f"K10{tls.token_hash()}::server:{password(token)}"
    for name in ("token", "agent-token", "node-token"):
        paths.write(f"{paths.SERVER}/{name}", full + "\n", 0o600)
