"""The API server: Kubernetes' REST over HTTPS, for clients with a certificate of the cluster's."""

import base64
import http.server
import json
import socket
import ssl
import sys
import threading
import time
import traceback
import urllib.parse

from . import budgets, log, resources, selectors, tables, tls
from .objects import ApiError
from .web import Unreachable, WebError

_PATCHES = {"application/json-patch+json": "json", "application/merge-patch+json": "merge",
            "application/strategic-merge-patch+json": "strategic", "application/apply-patch+yaml": "apply"}


class Handler(http.server.BaseHTTPRequestHandler):
    """One connection. `server.application` is the Application."""

    protocol_version = "HTTP/1.1"
    server_version = "k3s"
    timeout = 300

    def log_message(self, *_):
        pass

    def setup(self):
        self.request.settimeout(10)
        self.request.do_handshake()  # in this connection's own thread: a silent client holds nobody up
        self.request.settimeout(self.timeout)
        super().setup()

    def identity(self):
        """(common name, organisation) of a verified client certificate, or None."""
        certificate = self.connection.getpeercert()
        if not certificate:
            return None
        fields = {name: value for part in certificate["subject"] for name, value in part}
        return fields.get("commonName", ""), fields.get("organizationName", "")

    def basic(self):
        """(user, password) of basic authentication, or None."""
        kind, _, text = self.headers.get("Authorization", "").partition(" ")
        if kind.lower() != "basic":
            return None
        try:
            user, _, password = base64.b64decode(text).decode().partition(":")
        except ValueError:
            return None
        return user, password

    def body(self):
        if self.headers.get("Transfer-Encoding", "").lower() == "chunked":
            data = b""
            while size := int(self.rfile.readline().split(b";")[0], 16):
                data += self.rfile.read(size)
                self.rfile.readline()
            self.rfile.readline()
            return data
        return self.rfile.read(int(self.headers.get("Content-Length") or 0))

    def answer(self, status, body, kind="application/json"):
        data = body if isinstance(body, bytes) else json.dumps(body, separators=(",", ":")).encode()
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def stream(self, chunks):
        """An answer without an end; stops when the client goes."""
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        for chunk in chunks:
            data = json.dumps(chunk, separators=(",", ":")).encode() + b"\n"
            self.wfile.write(b"%x\r\n%s\r\n" % (len(data), data))
            self.wfile.flush()
        self.wfile.write(b"0\r\n\r\n")

    def handle_any(self):
        url = urllib.parse.urlsplit(self.path)
        query = {name: values[-1] for name, values in urllib.parse.parse_qs(url.query, True).items()}
        try:
            self.server.application.serve(self, url.path.rstrip("/") or "/", query, self.body())
        except ApiError as error:
            self.answer(error.status, error.body())
        except (Unreachable, WebError) as error:
            problem = ApiError(500, "InternalError", f"etcdserver: {error}")
            self.answer(problem.status, problem.body())
        except (ConnectionError, socket.timeout, ssl.SSLError):
            self.close_connection = True

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = handle_any


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64

    def __init__(self, address, port, application, context):
        self.address_family = socket.AF_INET6 if ":" in address else socket.AF_INET
        self.application, self.context = application, context
        super().__init__((address, port), Handler)

    def get_request(self):
        connection, peer = self.socket.accept()
        return self.context.wrap_socket(connection, server_side=True, do_handshake_on_connect=False), peer

    def handle_error(self, request, client_address):
        """A client that went away, or does not trust the certificate, is no event; a mistake of ours is."""
        error = sys.exc_info()[1]
        if not isinstance(error, OSError):
            log.error(f"request from {client_address[0]}: {traceback.format_exc()}")


def listen(address, port, application, context):
    server = Server(address, port, application, context)
    threading.Thread(target=server.serve_forever, args=(0.5,), name=f"listen {port}", daemon=True).start()
    return server


class Application:
    """Routes requests: the supervisor's own paths, then health, discovery and objects."""

    def __init__(self, objects, supervisor, version, node_log):
        self.objects, self.supervisor, self.version, self.node_log = objects, supervisor, version, node_log
        self.ready = False

    def serve(self, handler, path, query, body):
        if self.supervisor.serve(handler, path, query, body):
            return
        if not self.ready:
            raise ApiError(503, "ServiceUnavailable", "apiserver not ready")
        if handler.identity() is None:
            raise ApiError(401, "Unauthorized", "Unauthorized")
        if path in ("/readyz", "/livez", "/healthz"):
            return self._health(handler, path, query)
        if path == "/version":
            major, minor = self.version.lstrip("v").split(".")[:2]
            return handler.answer(200, {"major": major, "minor": minor, "gitVersion": self.version,
                                        "platform": "linux/amd64", "goVersion": "stand-in"})
        if path == "/openapi/v2":  # an empty document: kubectl then validates nothing
            return handler.answer(200, b"", "application/octet-stream")
        self._discovery_or_objects(handler, path, query, body)

    def _health(self, handler, path, query):
        try:
            self.objects.store.barrier()
            reason, status = None, 200
        except (Unreachable, WebError) as error:
            reason, status = str(error), 500
        if "verbose" not in query and status == 200:
            return handler.answer(200, b"ok", "text/plain; charset=utf-8")
        name = path.strip("/")
        etcd = "[+]etcd ok" if reason is None else "[-]etcd failed: reason withheld"
        end = f"{name} check passed" if reason is None else f"{name} check failed"
        handler.answer(status, f"[+]ping ok\n[+]log ok\n{etcd}\n[+]informer-sync ok\n{end}\n".encode(),
                       "text/plain; charset=utf-8")

    def _discovery_or_objects(self, handler, path, query, body):
        parts = path.strip("/").split("/")
        if path == "/api":
            return handler.answer(200, {"kind": "APIVersions", "versions": ["v1"]})
        if path == "/apis":
            return handler.answer(200, resources.groups(self.objects.catalogue.all()))
        if parts[0] == "api" and len(parts) >= 2:
            group, version, rest = "", parts[1], parts[2:]
        elif parts[0] == "apis" and len(parts) >= 3:
            group, version, rest = parts[1], parts[2], parts[3:]
        else:
            raise ApiError(404, "NotFound", "the server could not find the requested resource")
        if not rest:
            listing = resources.discovery(self.objects.catalogue.all(), group, version)
            if listing is None:
                raise ApiError(404, "NotFound", "the server could not find the requested resource")
            return handler.answer(200, listing)
        self.objects.store.barrier()
        namespace = None
        if rest[0] == "namespaces" and len(rest) >= 3 and rest[2] not in ("status", "finalize"):
            namespace, rest = rest[1], rest[2:]
        if (group, rest[0]) in (("authorization.k8s.io", "selfsubjectaccessreviews"),):
            return handler.answer(201, {**json.loads(body), "status": {"allowed": True}})
        resource = self.objects.catalogue.find(group, version, rest[0])
        if resource is None:
            raise ApiError(404, "NotFound", "the server could not find the requested resource")
        name, subresource = (rest[1] if len(rest) > 1 else None), (rest[2] if len(rest) > 2 else None)
        self._objects(handler, resource, namespace, name, subresource, query, body)

    def _objects(self, handler, resource, namespace, name, subresource, query, body):
        method = handler.command
        if method == "GET":
            if subresource == "log":
                return self._log(handler, namespace, name, query)
            if query.get("watch") in ("1", "true"):
                return self._watch(handler, resource, namespace, name, query)
            return self._get(handler, resource, namespace, name, query)
        if method == "POST" and subresource == "eviction":
            budgets.evict(self.objects, namespace, name, dry_run=bool(query.get("dryRun")))
            return handler.answer(201, {"kind": "Status", "apiVersion": "v1", "status": "Success", "metadata": {}})
        if query.get("dryRun"):
            return self._dry_run(handler, resource, namespace, name, body)
        if method == "POST":
            return handler.answer(201, self.objects.create(resource, namespace, self._decode(body)))
        if method == "PUT":
            return handler.answer(200, self.objects.update(resource, namespace, name, self._decode(body), subresource))
        if method == "PATCH":
            kind = _PATCHES.get(handler.headers.get("Content-Type", "").partition(";")[0])
            if kind is None:
                raise ApiError(415, "UnsupportedMediaType", "unknown kind of patch")
            manager = query.get("fieldManager", "kubectl")
            return handler.answer(200, self.objects.patch(resource, namespace, name, kind, self._decode(body),
                                                          subresource, manager))
        self._delete(handler, resource, namespace, name, query, body)

    def _delete(self, handler, resource, namespace, name, query, body):
        options = self._decode(body) if body else {}
        if name:
            value = self.objects.delete(resource, namespace, name, options)
            if value["metadata"].get("deletionTimestamp"):
                return handler.answer(200, value)
            return handler.answer(200, {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success",
                                        "details": {"name": name, "kind": resource.plural,
                                                    "uid": value["metadata"]["uid"]}})
        items, revision = self._select(resource, namespace, query)
        for item in items:
            self.objects.delete(resource, item["metadata"].get("namespace"), item["metadata"]["name"], options)
        handler.answer(200, self._listing(resource, items, revision))

    def _dry_run(self, handler, resource, namespace, name, body):
        found = self.objects.find(resource, namespace, name) if name else None
        handler.answer(200 if found else 201, found or self._decode(body))

    @staticmethod
    def _decode(body):
        try:
            return json.loads(body)
        except ValueError:
            pass
        import yaml

        try:
            return yaml.load(body, Loader=yaml.CSafeLoader)
        except yaml.YAMLError as error:
            raise ApiError(400, "BadRequest", f"the body is neither JSON nor YAML: {error}") from error

    def _select(self, resource, namespace, query):
        return self.objects.list(resource, namespace, query.get("labelSelector", ""), query.get("fieldSelector", ""))

    @staticmethod
    def _listing(resource, items, revision):
        return {"kind": resource.kind + "List", "apiVersion": resources.api_version(resource),
                "metadata": {"resourceVersion": str(revision)}, "items": items}

    def _get(self, handler, resource, namespace, name, query):
        table = "as=Table" in handler.headers.get("Accept", "")
        if name:
            item = self.objects.get(resource, namespace, name)
            return handler.answer(200, tables.of(resource.kind, [item], 0) if table else item)
        items, revision = self._select(resource, namespace, query)
        handler.answer(200, tables.of(resource.kind, items, revision) if table
                       else self._listing(resource, items, revision))

    def _watch(self, handler, resource, namespace, name, query):
        fields = query.get("fieldSelector", "") + (f",metadata.name={name}" if name else "")
        table = "as=Table" in handler.headers.get("Accept", "")
        handler.stream(self._events(resource, namespace, query, fields, table))

    def _events(self, resource, namespace, query, fields, table):
        labels, field_test = selectors.parse_labels(query.get("labelSelector", "")), selectors.parse_fields(fields)

        def wanted(value):
            return value is not None and labels(value["metadata"].get("labels") or {}) and field_test(value)

        def event(kind, value, revision):
            item = {**value, "metadata": {**value["metadata"], "resourceVersion": str(revision)}}
            return {"type": kind, "object": tables.of(resource.kind, [item], revision) if table else item}

        revision = int(query.get("resourceVersion") or 0)
        if revision == 0:
            items, revision = self.objects.list(resource, namespace, query.get("labelSelector", ""), fields)
            for item in items:
                yield event("ADDED", item, item["metadata"]["resourceVersion"])
        prefix = resources.prefix(resource, namespace)[0]
        deadline = time.monotonic() + int(query.get("timeoutSeconds") or 1800)
        while (left := deadline - time.monotonic()) > 0:
            seen = self.objects.store.revision
            found = self.objects.store.events_after(revision, prefix, min(left, 30))
            if found is None:
                yield {"type": "ERROR", "object": ApiError(410, "Expired", "too old resource version").body()}
                return
            if not found:
                revision = max(revision, seen)
                continue
            for at, kind, _, value, previous in found:
                revision = at
                now_in, was_in = kind != "DELETED" and wanted(value), wanted(previous)
                if now_in:
                    yield event("MODIFIED" if was_in else "ADDED", value, at)
                elif was_in:
                    yield event("DELETED", previous, at)

    def _log(self, handler, namespace, name, query):
        pod = self.objects.get("pods", namespace, name)
        node = pod["spec"].get("nodeName")
        if not node:
            raise ApiError(400, "BadRequest", f"pod {name} does not have a host assigned")
        container = query.get("container") or pod["spec"]["containers"][0]["name"]
        address = pod.get("status", {}).get("hostIP")
        text = self.node_log(address, namespace, name, container, query.get("tailLines"))
        handler.answer(200, text.encode(), "text/plain")


def node_log_reader():
    """Reads a container's log from the kubelet of its node, with the administrator's certificate."""
    from .web import Client

    context = tls.client_context(None, tls.path("client-admin"), tls.path("client-admin", ".key"))

    def read(address, namespace, pod, container, tail):
        path = f"/containerLogs/{namespace}/{pod}/{container}" + (f"?tailLines={tail}" if tail else "")
        status, data = Client(address, 10250, context, timeout=5).request("GET", path)
        if status != 200:
            raise ApiError(500, "InternalError", data.decode(errors="replace"))
        return data.decode(errors="replace")

    return read

