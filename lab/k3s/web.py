"""A small HTTPS client: connections kept open per thread, JSON in and out."""

import base64
import http.client
import json
import threading


class WebError(Exception):
    """An answer other than 2xx; `status` is the HTTP status and `message` what the server said."""

    def __init__(self, status, message):
        super().__init__(message)
        self.status = status
        self.message = message


class Unreachable(Exception):
    """No answer at all: refused, timed out, no route, or a certificate that does not fit."""


def basic(user, password):
    return {"Authorization": "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()}


class Client:
    """Talks to one server. Safe to share between threads."""

    def __init__(self, host, port, context, headers=None, timeout=10):
        self.host, self.port, self.context = host, int(port), context
        self.headers, self.timeout = headers or {}, timeout
        self._local = threading.local()

    @property
    def url(self):
        return f"https://{self.host}:{self.port}"

    def _connect(self, timeout):
        return http.client.HTTPSConnection(self.host, self.port, timeout=timeout, context=self.context)

    def request(self, method, path, body=None, headers=None):
        """Status and bytes of the answer. A kept connection that the server had closed is opened again, once."""
        data = body if isinstance(body, (bytes, type(None))) else json.dumps(body, separators=(",", ":")).encode()
        fields = {"Content-Type": "application/json", **self.headers, **(headers or {})}
        for attempt in (1, 2):
            connection = getattr(self._local, "connection", None)
            kept = connection is not None
            if not kept:
                connection = self._local.connection = self._connect(self.timeout)
            try:
                connection.request(method, path, data, fields)
                answer = connection.getresponse()
                return answer.status, answer.read()
            except (OSError, http.client.HTTPException) as error:
                connection.close()
                self._local.connection = None
                if not (kept and attempt == 1):
                    raise Unreachable(f"{method} {self.url}{path.partition('?')[0]}: {error}") from error
        raise AssertionError("unreachable")

    def json(self, method, path, body=None, headers=None):
        """The decoded answer; raises WebError unless it is 2xx."""
        status, data = self.request(method, path, body, headers)
        try:
            document = json.loads(data) if data else {}
        except ValueError:
            document = {"message": data.decode(errors="replace").strip()}
        if status // 100 != 2:
            raise WebError(status, str(document.get("message") or document.get("error") or document))
        return document

    def lines(self, method, path, body=None, timeout=None):
        """Decoded lines of an answer that goes on and on, over a connection of its own."""
        connection = self._connect(timeout)
        try:
            data = json.dumps(body).encode() if body is not None else None
            connection.request(method, path, data, {"Content-Type": "application/json", **self.headers})
            answer = connection.getresponse()
            if answer.status != 200:
                raise WebError(answer.status, answer.read().decode(errors="replace"))
            for line in answer:
                if line.strip():
                    yield json.loads(line)
        except (OSError, http.client.HTTPException, ValueError) as error:
            raise Unreachable(f"{method} {self.url}{path.partition('?')[0]}: {error}") from error
        finally:
            connection.close()
