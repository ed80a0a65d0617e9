"""The kubelet's port 10250: container logs, for the API server."""

import http.server
import socket
import socketserver
import ssl
import threading
import urllib.parse

from . import paths


class _LogHandler(http.server.BaseHTTPRequestHandler):
    """Port 10250: container logs for the API server."""

    def log_message(self, *_):
        pass

    def do_GET(self):
        url = urllib.parse.urlsplit(self.path)
        parts = url.path.strip("/").split("/")
        text, status = b"not found\n", 404
        if not self.connection.getpeercert():
            text, status = b"Unauthorized\n", 401
        elif parts[0] == "healthz":
            text, status = b"ok\n", 200
        elif parts[0] == "containerLogs" and len(parts) == 4:
            for run in list(self.server.kubelet.runs.values()):
                for container in run:
                    if (container.pod["metadata"]["name"], container.name) == (parts[2], parts[3]):
                        lines = (paths.read(container.log_path) or "").splitlines(keepends=True)
                        tail = urllib.parse.parse_qs(url.query).get("tailLines")
                        text, status = ("".join(lines[-int(tail[0]):] if tail else lines) + "\n").encode(), 200
        self.send_response(status)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)


class _LogServer(socketserver.ThreadingMixIn, http.server.HTTPServer):
    daemon_threads = True

    def __init__(self, address, handler):
        self.address_family = socket.AF_INET6 if ":" in address[0] else socket.AF_INET
        super().__init__(address, handler)

    def get_request(self):
        connection, peer = self.socket.accept()
        connection.settimeout(10)
        return self.context.wrap_socket(connection, server_side=True, do_handshake_on_connect=False), peer

    def handle_error(self, request, client_address):
        pass


class _HealthHandler(http.server.BaseHTTPRequestHandler):
    """Port 10248 of the loopback: whether the kubelet is well."""

    def log_message(self, *_):
        pass

    def do_GET(self):
        self.send_response(200 if self.path == "/healthz" else 404)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"ok" if self.path == "/healthz" else b"no")


def serve_health():
    server = http.server.ThreadingHTTPServer(("127.0.0.1", paths.HEALTH_PORT), _HealthHandler)
    threading.Thread(target=server.serve_forever, args=(1,), name="kubelet health", daemon=True).start()


def serve(kubelet):
    """Listens with the node's own certificate; who asks needs one of the cluster's."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(paths.AGENT + "/serving-kubelet.crt", paths.AGENT + "/serving-kubelet.key")
    context.verify_mode = ssl.CERT_OPTIONAL
    context.load_verify_locations(paths.AGENT + "/client-ca.crt")
    server = _LogServer((kubelet.address, paths.KUBELET_PORT), _LogHandler)
    server.kubelet, server.context = kubelet, context
    threading.Thread(target=server.serve_forever, args=(1,), name="kubelet logs", daemon=True).start()
