"""What the image of CoreDNS does here: it reads a Corefile, and answers over UDP and TCP at the addresses to which that binds.

Of its plugins it has those that clusterctl uses: bind, errors, health, reload, loadbalance, cache, loop, file, forward, and
`import`. It refuses all others, as the real one refuses what it does not know.
"""

import http.server
import os
import select
import socket
import struct
import threading
import time

from .ends import Crash

A, NS, SOA, AAAA, ANY = 1, 2, 6, 28, 255
TYPES = {"A": A, "NS": NS, "SOA": SOA, "AAAA": AAAA}
NOERROR, SERVFAIL, NXDOMAIN, REFUSED = 0, 2, 3, 5
# Name: how many words are behind it at least and at most, and the properties of its block.
PLUGINS = {"bind": (1, 99, ()), "errors": (0, 0, ()), "health": (0, 1, ()), "reload": (0, 2, ()),
           "loadbalance": (0, 0, ()), "cache": (0, 1, ()), "loop": (0, 0, ()), "file": (1, 1, ("reload",)),
           "forward": (2, 16, ("max_concurrent",))}


# The Corefile

def lines_of(path, host_path, depth=0):
    """The words of each line, with the lines of imported files in their place."""
    file = host_path(path)
    if file is None or not os.path.isfile(file) or depth > 3:
        raise Crash(f"File to import not found: {path}" if depth else f"loading Caddyfile: open {path}: no such file")
    with open(file, encoding="utf-8") as stream:
        for line in stream:
            words = line.partition("#")[0].split()
            if words[:1] == ["import"]:
                yield from lines_of(words[1], host_path, depth + 1)
            elif words:
                yield words


def blocks(path, host_path):
    """Each server block: its zone, and its plugins with the words behind each."""
    found, zone = [], None
    inside = None  # the plugin whose own block is open
    for words in lines_of(path, host_path):
        opens = words[-1] == "{"
        words = words[:-1] if opens else words
        if words == ["}"]:
            if inside is None:
                zone = None
            inside = None
        elif zone is None:
            if not opens or len(words) != 1:
                raise Crash(f"{path} - Error during parsing: expected a zone and '{{', found '{' '.join(words)}'")
            zone = {}
            found.append((words[0].rstrip(".").lower(), zone))
        elif inside is not None:
            if words[0] not in PLUGINS[inside][2]:
                raise Crash(f"plugin/{inside}: unknown property '{words[0]}'")
        else:
            least, most, _ = PLUGINS.get(words[0], (None, None, None))
            if least is None:
                raise Crash(f"{path} - Error during parsing: Unknown directive '{words[0]}'")
            if not least <= len(words) - 1 <= most:
                raise Crash(f"plugin/{words[0]}: Wrong argument count or unexpected line ending after '{words[-1]}'")
            zone.setdefault(words[0], []).extend(words[1:])
            inside = words[0] if opens else None
    if zone is not None:
        raise Crash(f"{path} - Error during parsing: Unexpected EOF")
    return found


# The zone file

class Zone:
    """Names are tuples of labels without the origin."""

    def __init__(self, text):
        self.origin, self.records, self.serial = "", {}, None
        ttl = 3600
        for line in text.splitlines():
            words = line.partition(";")[0].split()
            if not words:
                continue
            if words[0] == "$ORIGIN":
                self.origin = words[1].rstrip(".").lower()
            elif words[0] == "$TTL":
                ttl = int(words[1])
            elif words[1] != "IN" or words[2] not in TYPES:
                raise Crash(f"plugin/file: dns: bad record: {line}")
            else:
                name = () if words[0] == "@" else tuple(words[0].lower().split("."))
                self.records.setdefault(name, []).append((TYPES[words[2]], ttl, self._data(words[2], words[3:])))
                if words[2] == "SOA":
                    self.serial = int(words[5])
        if self.serial is None:
            raise Crash("plugin/file: file has no SOA record")

    def _data(self, kind, words):
        if kind == "A":
            return socket.inet_pton(socket.AF_INET, words[0])
        if kind == "AAAA":
            return socket.inet_pton(socket.AF_INET6, words[0])
        names = b"".join(encoded(f"{word}.{self.origin}" if not word.endswith(".") else word) for word in words[:2])
        return names + struct.pack("!5I", *map(int, words[2:])) if kind == "SOA" else names

    def lookup(self, name, kind):
        """The status, the records that answer, and those of the authority section, each with its name."""
        labels = tuple(name.split("."))[:-len(self.origin.split("."))] if name != self.origin else ()
        found = self.records.get(labels)
        is_between = any(other[-len(labels):] == labels for other in self.records if len(other) > len(labels) > 0)
        if found is None and not is_between:
            for cut in range(1, len(labels) + 1):
                # The closest name that is there decides, and a wildcard below it (RFC 4592).
                found = self.records.get(("*", *labels[cut:]))
                if found is not None or any(other[-len(labels[cut:]):] == labels[cut:] for other in self.records):
                    break
        soa = [(self.origin, record) for record in self.records[()] if record[0] == SOA]
        if found is None:
            return (NOERROR if is_between else NXDOMAIN), [], soa
        answers = [(name, record) for record in found if kind in (record[0], ANY)]
        return NOERROR, answers, [] if answers else soa


# Messages (RFC 1035)

def encoded(name):
    labels = [label.encode() for label in name.rstrip(".").split(".") if label]
    return b"".join(bytes([len(label)]) + label for label in labels) + b"\0"


def question(message):
    """The name, the type and the end of the question; None if it is no query."""
    if len(message) < 17 or message[2] & 0x80 or message[4:6] != b"\0\1":
        return None
    labels, place = [], 12
    while message[place]:
        length = message[place]
        if length > 63 or place + length + 5 >= len(message):
            return None
        labels.append(message[place + 1:place + 1 + length].decode("latin-1").lower())
        place += 1 + length
    return ".".join(labels), struct.unpack_from("!H", message, place + 1)[0], place + 5


def reply(message, end, status, answers=(), authority=(), authoritative=True):
    flags = 0x8000 | (0x0400 if authoritative else 0) | (message[2] & 1) << 8 | status
    head = message[:2] + struct.pack("!5H", flags, 1, len(answers), len(authority), 0)
    body = b"".join(encoded(name) + struct.pack("!HHIH", kind, 1, ttl, len(data)) + data
                    for name, (kind, ttl, data) in [*answers, *authority])
    return head + message[12:end] + body


class Names:
    """What is answered, by the files as they were read last."""

    def __init__(self, path, host_path):
        self.addresses, self.health, self.zones, self.upstreams = [], None, [], []
        self.files = {}
        for zone, plugins in blocks(path, host_path):
            self.addresses = plugins.get("bind", ["0.0.0.0"])
            self.health = plugins.get("health", [self.health])[0]
            for file in plugins.get("file", []):
                with open(host_path(file) or file, encoding="utf-8") as stream:
                    self.zones.append((zone, Zone(stream.read())))
            if "forward" in plugins:
                self.upstreams = plugins["forward"][1:]
            if "loop" in plugins and set(self.upstreams) & set(self.addresses):
                raise Crash('plugin/loop: Loop detected for zone "."')

    def answer(self, message):
        asked = question(message)
        if asked is None:
            return None
        name, kind, end = asked
        for origin, zone in self.zones:
            if name == origin or name.endswith("." + origin):
                return reply(message, end, *zone.lookup(name, kind))
        for upstream in self.upstreams:
            family = socket.AF_INET6 if ":" in upstream else socket.AF_INET
            with socket.socket(family, socket.SOCK_DGRAM) as out:
                out.settimeout(2)
                try:
                    out.sendto(message, (upstream, 53))
                    return out.recv(4096)
                except OSError:
                    continue
        return reply(message, end, SERVFAIL, authoritative=False)


# Serving

def _listen(address, kind):
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    listener = socket.socket(family, kind)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((address, 53))
        if kind == socket.SOCK_STREAM:
            listener.listen(16)
    except OSError as error:
        listener.close()
        raise Crash(f"Listen: listen {address}:53: bind: {error.strerror}") from error
    return listener


def _receive(connection, count):
    data = b""
    while len(data) < count:
        more = connection.recv(count - len(data))
        if not more:
            raise OSError("closed")
        data += more
    return data


def _stream(connection, server):
    """One connection, for as many queries as come within ten seconds."""
    with connection:
        connection.settimeout(10)
        try:
            while True:
                said = server["names"].answer(_receive(connection, struct.unpack("!H", _receive(connection, 2))[0]))
                if said is None:
                    return
                connection.sendall(struct.pack("!H", len(said)) + said)
        except OSError:
            return


def _datagram(listener, message, peer, server):
    said = server["names"].answer(message)
    if said is not None:
        listener.sendto(said, peer)


class _Health(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        body = b"OK" if self.path == "/health" else b""
        self.send_response(200 if body else 404)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


def _serve(container, server):
    names = server["names"]
    listeners = []
    host, _, port = (names.health or "127.0.0.1:8080").rpartition(":")
    try:
        for address in names.addresses:
            for kind in (socket.SOCK_DGRAM, socket.SOCK_STREAM):
                listeners.append(_listen(address, kind))
        try:
            health = http.server.ThreadingHTTPServer((host, int(port)), _Health)
        except OSError as error:
            raise Crash(f"listen tcp {names.health}: bind: {error.strerror}") from error
        with health:
            threading.Thread(target=health.serve_forever, args=(0.2,), daemon=True).start()
            container.set_ready()
            while not container.stop.is_set() and not server["changed"].is_set():
                for listener in select.select(listeners, [], [], 0.3)[0]:
                    if listener.type == socket.SOCK_DGRAM:
                        arguments = (listener, *listener.recvfrom(4096), server)
                        threading.Thread(target=_datagram, args=arguments, daemon=True).start()
                    else:
                        threading.Thread(target=_stream, args=(listener.accept()[0], server), daemon=True).start()
            health.shutdown()
    finally:
        for listener in listeners:
            listener.close()


def _watch(container, server, path):
    """Takes changed files up, and stays with the earlier ones where the new ones are wrong."""
    last = None
    while not container.stop.wait(1):
        try:
            names = Names(path, container.mounted)
        except (Crash, OSError, ValueError, IndexError) as error:
            if str(error) != last:
                container.log(f"[ERROR] Corefile changed but reload failed: {error}")
            last = str(error)
            continue
        before, server["names"] = server["names"], names
        if (before.addresses, before.health) != (names.addresses, names.health):
            server["changed"].set()


def run(container):
    """Until stopped."""
    arguments = container.spec.get("args") or []
    path = arguments[arguments.index("-conf") + 1] if "-conf" in arguments else "/Corefile"
    try:
        server = {"names": Names(path, container.mounted), "changed": threading.Event()}
    except (OSError, ValueError, IndexError) as error:
        raise Crash(f"{path}: {error}") from error
    container.log(f"CoreDNS stand-in: {', '.join(server['names'].addresses)}")
    threading.Thread(target=_watch, args=(container, server, path), daemon=True).start()
    while not container.stop.is_set():
        server["changed"].clear()
        _serve(container, server)
        time.sleep(0.1)
    return 0
