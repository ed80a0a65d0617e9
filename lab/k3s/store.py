"""Kubernetes objects in etcd, with a copy of them all in memory that follows etcd's watch.

A read asks etcd for its revision first, so it is as fresh as a linearizable read and fails when etcd has no quorum.
"""

import collections
import json
import threading
import time

from . import log
from .etcd import call, decode, encode
from .web import Unreachable, WebError

PREFIX = "/registry/"
_END = "/registry0"
HISTORY = 4000

Event = collections.namedtuple("Event", "revision kind key value previous")


class Conflict(Exception):
    """The object is not as the writer thought."""


class Store:
    def __init__(self, etcd):
        self.etcd = etcd
        self.objects = {}  # key: (decoded object, revision)
        self.revision = 0
        self.history = collections.deque(maxlen=HISTORY)
        self.changed = threading.Condition()
        self.ready = False

    def start(self):
        """Loads everything and follows from there."""
        self._load()
        threading.Thread(target=self._follow, name="store", daemon=True).start()

    def _load(self):
        answer = call(self.etcd.client, "kv/range", {"key": encode(PREFIX), "range_end": encode(_END)})
        with self.changed:
            self.objects = {
                decode(kv["key"]).decode(): (json.loads(decode(kv["value"])), int(kv["mod_revision"]))
                for kv in answer.get("kvs", [])
            }
            self.revision = int(answer["header"]["revision"])
            self.history.clear()
            self.ready = True
            self.changed.notify_all()

    def _follow(self):
        while True:
            # All keys: a change of others moves the revision on, too, which whoever reads waits for.
            request = {"create_request": {"key": encode("\0"), "range_end": encode("\0"),
                                          "start_revision": str(self.revision + 1)}}
            try:
                for line in self.etcd.client.lines("POST", "/v3/watch", request):
                    result = line.get("result", {})
                    if result.get("canceled"):
                        log.warning(f"etcd watch ended: {result.get('cancel_reason', '')}; loading again")
                        self._load()
                        break
                    self._take(result.get("events", []))
            except (Unreachable, WebError) as error:
                log.warning(f"etcd watch: {error}")
            time.sleep(0.5)

    def _take(self, events):
        with self.changed:
            for event in events:
                kv = event["kv"]
                key, revision = decode(kv["key"]).decode(), int(kv["mod_revision"])
                self.revision = max(self.revision, revision)
                if not key.startswith(PREFIX):
                    continue
                previous = self.objects.get(key, (None, 0))[0]
                if event.get("type") == "DELETE":
                    self.objects.pop(key, None)
                    self.history.append(Event(revision, "DELETED", key, previous, previous))
                else:
                    value = json.loads(decode(kv["value"]))
                    self.objects[key] = (value, revision)
                    kind = "ADDED" if previous is None else "MODIFIED"
                    self.history.append(Event(revision, kind, key, value, previous))
            self.changed.notify_all()

    def _wait_for(self, revision, seconds=5):
        with self.changed:
            if not self.changed.wait_for(lambda: self.revision >= revision, seconds):
                raise Unreachable("etcd's watch lags behind")

    def barrier(self):
        """After it, reads see every write that was acknowledged anywhere before."""
        answer = call(self.etcd.client, "kv/range", {"key": encode(PREFIX), "limit": "1", "keys_only": True})
        self._wait_for(int(answer["header"]["revision"]))

    def get(self, key):
        """(object, revision), or (None, 0). The object must not be changed."""
        with self.changed:
            return self.objects.get(key, (None, 0))

    def list(self, prefix):
        """All (object, revision) below a prefix in key order, and the revision of the whole."""
        with self.changed:
            return [self.objects[key] for key in sorted(self.objects) if key.startswith(prefix)], self.revision

    def put(self, key, value, expected):
        """Writes if the key is at the expected revision (0: is not there); returns the new revision."""
        return self._transaction(key, expected, {"request_put": {
            "key": encode(key), "value": encode(json.dumps(value, separators=(",", ":")))}})

    def delete(self, key, expected):
        return self._transaction(key, expected, {"request_delete_range": {"key": encode(key)}})

    def _transaction(self, key, expected, operation):
        answer = call(self.etcd.client, "kv/txn", {
            "compare": [{"key": encode(key), "target": "MOD", "result": "EQUAL", "mod_revision": str(expected)}],
            "success": [operation]})
        if not answer.get("succeeded"):
            raise Conflict(key)
        revision = int(answer["header"]["revision"])
        self._wait_for(revision)
        return revision

    def events_after(self, revision, prefix, seconds):
        """Events below a prefix newer than a revision, waiting for the first; None if they are no longer known."""
        with self.changed:
            if self.history and revision < self.history[0].revision - 1 and len(self.history) == HISTORY:
                return None
            found = self._newer(revision, prefix)
            if not found and self.changed.wait_for(lambda: self.revision > revision, seconds):
                found = self._newer(revision, prefix)
            return found

    def _newer(self, revision, prefix):
        found = []
        for event in reversed(self.history):
            if event.revision <= revision:
                break
            if event.key.startswith(prefix):
                found.append(event)
        return list(reversed(found))
