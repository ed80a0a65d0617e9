"""The supervisor's own paths on port 6443: what joins and agents ask before they have a certificate."""

import base64
import hashlib
import json

from . import authorities, log, paths, tls
from .config import critical, password
from .objects import ApiError

DUPLICATE_NODE = ("Node password rejected, duplicate hostname or contents of '/etc/rancher/node/password' may not "
                  "match server node-passwd entry, try enabling a unique node name with the --with-node-id flag")


def password_secret(node):
    return f"{node}.node-password.k3s"


class Supervisor:
    """Serves /ping, /cacerts and /v1-k3s/*; the latter to whoever knows the cluster's token."""

    def __init__(self, settings, objects, member=None):
        """`member`: called for a client of the server's own etcd."""
        self.settings, self.objects, self.member = settings, objects, member
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
        if what == "token" and given[0] == "server":
            return self._rotate(handler, body)
        if what == "server-bootstrap" and given[0] == "server":
            return handler.answer(200, {"files": tls.exported_authorities(), "critical": critical(self.settings)})
        if not self.ready:
            raise ApiError(503, "ServiceUnavailable", "apiserver not ready")
        if what == "config":
            return handler.answer(200, self._agent_config())
        if what == "certificates":
            return handler.answer(200, self.node_certificates(**json.loads(body)))
        raise ApiError(404, "NotFound", "the server could not find the requested resource")

    def _rotate(self, handler, body):
        """As K3s' pkg/server/handlers/token.go: what is on the disk, then etcd. This process goes on with the token that it was
        started with (pkg/authenticator/passwordfile)."""
        if handler.command != "PUT":
            raise ApiError(405, "MethodNotAllowed", "method not allowed")
        new = json.loads(body).get("newToken") or ""
        if not new:
            raise ApiError(500, "InternalError", "this stand-in makes no tokens")
        old = known_password() or password(self.settings["token"])
        write_password(new)
        paths.write(f"{paths.SERVER}/token", f"K10{tls.token_hash()}::server:{new}\n", 0o600)
        try:
            authorities.rotate(self.member(), old, new)
        except log.Fatal as error:
            log.error(f"token error: {error}")
            raise ApiError(500, "InternalError", "token error") from error
        handler.answer(200, b"", "text/plain")

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
        return {"serving-kubelet.crt": serving[0], "serving-kubelet.key": serving[1],
                "client-kubelet.crt": client[0], "client-kubelet.key": client[1],
                "client-ca.crt": paths.read(tls.path("client-ca")) + "\n"}

    def _check_password(self, node, given):
        digest = base64.b64encode(hashlib.sha256(given.encode()).hexdigest().encode()).decode()
        secret = self.objects.ensure("secrets", "kube-system", {
            "metadata": {"name": password_secret(node)}, "type": "Opaque", "immutable": True, "data": {"hash": digest}})
        if secret["data"].get("hash") != digest:
            log.error(f"Unable to verify password for node {node}: hash does not match")
            raise ApiError(403, "Forbidden", DUPLICATE_NODE)


def write_password(secret):
    """Where K3s keeps what servers and agents come with: the password, the name, its number and its group."""
    text = "".join(f"{secret},{name},{name},k3s:{group}\n" for name, group in (("node", "agent"), ("server", "server")))
    paths.write(f"{paths.SERVER}/cred/passwd", text, 0o600)


def known_password():
    """The server's, as it is on the disk by now."""
    for line in (paths.read(f"{paths.SERVER}/cred/passwd") or "").splitlines():
        secret, _, rest = line.rpartition(",server,server,")
        if rest:
            return secret
    return None


def write_tokens(token):
    """The full token, in the files where people look for it."""
    write_password(password(token))
    full = f"K10{tls.token_hash()}::server:{password(token)}"
    for name in ("token", "agent-token", "node-token"):
        paths.write(f"{paths.SERVER}/{name}", full + "\n", 0o600)
