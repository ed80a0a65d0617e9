"""Certificates, made with openssl, under the file names that K3s uses."""

import base64
import hashlib
import ipaddress
import os
import shutil
import ssl
import subprocess
import tempfile
import time

from . import paths
from .log import Fatal

# Shared by all servers; a joining server receives them.
AUTHORITIES = ("server-ca", "client-ca", "etcd/server-ca", "etcd/peer-ca")
RENEWAL_DAYS = 120
DEFAULT_NAMES = ["kubernetes", "kubernetes.default", "kubernetes.default.svc", "kubernetes.default.svc.cluster.local",
                 "localhost"]


def path(name, suffix=".crt"):
    return os.path.join(paths.TLS, name + suffix)


def _openssl(*arguments, text=None):
    result = subprocess.run(["openssl", *arguments], input=text, capture_output=True, text=True, check=False)
    if result.returncode != 0:
        raise Fatal(f"openssl {arguments[0]}: {result.stderr.strip()}")
    return result.stdout


def make_authorities():
    """The first server's certificate authorities, unless they are there."""
    os.makedirs(paths.ETCD_TLS, mode=0o700, exist_ok=True)
    for name in AUTHORITIES:
        if not os.path.exists(path(name)):
            _openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "3650",
                     "-subj", "/CN=k3s-" + name.replace("/", "-"), "-keyout", path(name, ".key"), "-out", path(name),
                     "-addext", "keyUsage=critical,keyCertSign,digitalSignature")
            os.chmod(path(name, ".key"), 0o600)


def exported_authorities():
    return {name + suffix: paths.read(path(name, suffix)) for name in AUTHORITIES for suffix in (".crt", ".key")}


def import_authorities(files):
    for name, text in files.items():
        paths.write(os.path.join(paths.TLS, name), text + "\n", 0o600 if name.endswith(".key") else 0o644)


def replace_authorities(files):
    """What was there is kept beside, and nothing that it had signed stays."""
    kept = f"{paths.TLS}-{int(time.time())}"
    shutil.copytree(paths.TLS, kept, dirs_exist_ok=True)
    if any(paths.read(os.path.join(paths.TLS, name)) != text for name, text in files.items()):
        for directory, _, names in os.walk(paths.TLS):
            for name in names:
                if name.endswith(".names"):
                    os.remove(os.path.join(directory, name))
    import_authorities(files)
    return kept


def _names(names):
    entries = []
    for name in dict.fromkeys(names):
        try:
            entries.append(f"IP:{ipaddress.ip_address(name)}")
        except ValueError:
            entries.append(f"DNS:{name}")
    return ",".join(entries)


def issue(authority, common_name, organisation=None, names=()):
    """A new certificate and key, as PEM texts, valid for servers and clients."""
    extensions = "basicConstraints=CA:FALSE\nextendedKeyUsage=serverAuth,clientAuth\n"
    if names:
        extensions += f"subjectAltName={_names(names)}\n"
    subject = (f"/O={organisation}" if organisation else "") + f"/CN={common_name}"
    with tempfile.TemporaryDirectory() as directory:
        key, request, options = (os.path.join(directory, name) for name in ("key", "csr", "ext"))
        _openssl("req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", subject,
                 "-keyout", key, "-out", request)
        with open(options, "w", encoding="utf-8") as file:
            file.write(extensions)
        serial = str(int.from_bytes(os.urandom(8), "big") >> 1)
        certificate = _openssl("x509", "-req", "-in", request, "-days", "365", "-set_serial", serial, "-extfile",
                               options, "-CA", path(authority), "-CAkey", path(authority, ".key"))
        with open(key, encoding="utf-8") as file:
            return certificate, file.read()


def _ends_soon(certificate):
    return subprocess.run(["openssl", "x509", "-noout", "-checkend", str(RENEWAL_DAYS * 86400), "-in", certificate],
                          capture_output=True, check=False).returncode != 0


def ensure(name, authority, common_name, organisation=None, names=()):
    """Writes a certificate unless there is one for the same names, with more than 120 days left (K3s pkg/daemons/config)."""
    wanted = hashlib.sha256(repr((common_name, organisation, sorted(names))).encode()).hexdigest()
    if paths.read(path(name, ".names")) == wanted and os.path.exists(path(name)) and not _ends_soon(path(name)):
        return
    certificate, key = issue(authority, common_name, organisation, names)
    paths.write(path(name), certificate)
    paths.write(path(name, ".key"), key, 0o600)
    paths.write(path(name, ".names"), wanted)


def make_server_certificates(settings):
    """What one server needs: its API's certificate, the administrator's, and etcd's four."""
    services = [str(ipaddress.ip_network(cidr)[1]) for cidr in settings["service-cidr"]]
    here = [settings["node-name"], *settings["node-ip"], "127.0.0.1", "::1"]
    ensure("serving-kube-apiserver", "server-ca", "k3s", "k3s",
           DEFAULT_NAMES + here + services + settings.get("tls-san", []))
    ensure("client-admin", "client-ca", "system:admin", "system:masters")
    ensure("etcd/server-client", "etcd/server-ca", "etcd-server", names=["localhost", *here])
    ensure("etcd/peer-server-client", "etcd/peer-ca", "etcd-peer", names=["localhost", *here])
    ensure("etcd/client", "etcd/server-ca", "etcd-client")


def token_hash():
    """The part of a full token that pins the cluster's CA."""
    with open(path("server-ca"), "rb") as file:
        return hashlib.sha256(file.read()).hexdigest()


def write_kubeconfig(settings):
    def encoded(name, suffix=".crt"):
        with open(path(name, suffix), "rb") as file:
            return base64.b64encode(file.read()).decode()

    text = f"""\
apiVersion: v1
clusters:
- cluster:
    certificate-authority-data: {encoded("server-ca")}
    server: https://127.0.0.1:{paths.API_PORT}
  name: default
contexts:
- context:
    cluster: default
    user: default
  name: default
current-context: default
kind: Config
preferences: {{}}
users:
- name: default
  user:
    client-certificate-data: {encoded("client-admin")}
    client-key-data: {encoded("client-admin", ".key")}
"""
    paths.write(settings.get("write-kubeconfig") or paths.KUBECONFIG, text, int(settings["write-kubeconfig-mode"], 8))


def client_context(authority=None, certificate=None, key=None):
    """A client's TLS settings; without an authority the server is not verified, as when `/cacerts` is first read."""
    context = ssl.create_default_context(cafile=authority)
    if authority is None:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    if certificate:
        context.load_cert_chain(certificate, key)
    return context


def server_context(certificate, client_authority=None):
    """A server's TLS settings; client certificates are asked for, not required."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(path(certificate), path(certificate, ".key"))
    if client_authority:
        context.verify_mode = ssl.CERT_OPTIONAL
        context.load_verify_locations(path(client_authority))
    return context
