"""The first conversation with a cluster: its CA, the token, and what a joining node must know."""

import ipaddress
import secrets
import ssl
import urllib.parse

from . import config, log, paths, tls
from .log import Fatal
from .web import Client, Unreachable, WebError, basic


class Cluster:
    """A server of the cluster, once its CA and our token are checked."""

    def __init__(self, url, token, user):
        parts = urllib.parse.urlsplit(url if "://" in url else "https://" + url)
        if parts.scheme != "https" or not parts.hostname:
            raise Fatal(f"--server must be an https URL, not {url}")
        self.host, self.port, self.token = parts.hostname, parts.port or paths.API_PORT, token
        self.user = user

    def _ask(self, client, path):
        try:
            status, data = client.request("GET", path)
        except Unreachable as error:
            raise Fatal(f"failed to get CA certs: {error}") from error
        if status != 200:
            raise Fatal(f"failed to get CA certs: {client.url}{path}: {status}")
        return data

    def trust(self):
        """Fetches the CA, checks it against a full token, and then the token against the server."""
        data = self._ask(Client(self.host, self.port, tls.client_context(), timeout=5), "/cacerts")
        import hashlib

        digest = hashlib.sha256(data).hexdigest()
        if self.token.startswith("K10") and self.token[3:67] != digest:
            raise Fatal(f"token CA hash does not match the Cluster CA certificate hash: {self.token[3:67]} != {digest}")
        self.authority = data.decode()
        context = ssl.create_default_context(cadata=self.authority)
        self.client = Client(self.host, self.port, context, basic(self.user, config.password(self.token)), timeout=10)
        return self

    def get(self, path):
        try:
            return self.client.json("GET", "/v1-k3s/" + path)
        except WebError as error:
            if error.status == 401:
                raise Fatal(f"token is not valid: {self.client.url}/v1-k3s/{path}: 401 Unauthorized") from error
            raise

    def post(self, path, body):
        return self.client.json("POST", "/v1-k3s/" + path, body)


def node_password():
    """This machine's proof that it is the node it says; made once."""
    known = paths.read(paths.NODE_PASSWORD)
    if not known:
        known = secrets.token_hex(16)
        paths.write(paths.NODE_PASSWORD, known + "\n", 0o600)
    return known


def service_address(cidrs):
    """The API's service address: the first of the service network."""
    return str(ipaddress.ip_network(cidrs[0])[1])


def write_node_files(files, authority):
    """A kubelet's certificates, and the context that uses them."""
    for name, text in {**files, "server-ca.crt": authority}.items():
        paths.write(f"{paths.AGENT}/{name}", text, 0o600 if name.endswith(".key") else 0o644)
    return tls.client_context(paths.AGENT + "/server-ca.crt", paths.AGENT + "/client-kubelet.crt",
                              paths.AGENT + "/client-kubelet.key")


def log_start(version, role):
    log.info(f"Starting k3s {role} {version} (lab stand-in)")
