"""The server's own etcd: a real one from Debian as a child process, and its members.

etcd's JSON gateway is used for everything; keys and values are base64 there.
"""

import base64
import ctypes
import os
import secrets
import signal
import subprocess
import time

from . import log, paths, tls
from .log import Fatal
from .web import Client, Unreachable, WebError

TOO_MANY_LEARNERS = "etcd cluster join failed: too many learners"
# K3s tries every 15 s; the lab's users wait less: about 5 s, with the pauses between looks.
PROMOTION_SECONDS = 4
_PR_SET_PDEATHSIG = 1


def encode(text):
    return base64.b64encode(text if isinstance(text, bytes) else text.encode()).decode()


def decode(text):
    return base64.b64decode(text)


def client(address):
    """A client of the etcd member at an address, with this server's client certificate."""
    context = tls.client_context(tls.path("etcd/server-ca"), tls.path("etcd/client"), tls.path("etcd/client", ".key"))
    return Client(address, 2379, context)


def call(member, method, body=None):
    return member.json("POST", "/v3/" + method, body or {})


def members(member):
    """The cluster's members as plain dictionaries: id, name, address, learner."""
    found = []
    for entry in call(member, "cluster/member/list").get("members", []):
        url = entry["peerURLs"][0]
        found.append({"id": entry["ID"], "name": entry.get("name", ""), "learner": entry.get("isLearner", False),
                      "peer": url, "address": url.removeprefix("https://").rpartition(":")[0].strip("[]")})
    return found


def _host(address):
    return f"[{address}]" if ":" in address else address


class Etcd:
    """One server's member. Once there are data, how it was first started no longer matters."""

    def __init__(self, settings):
        self.node, self.address = settings["node-name"], settings["node-ip"][0]
        self.expose_metrics = settings.get("etcd-expose-metrics", False)
        self.process = self._client = None
        self.learners = {}  # id: when it was first seen

    @property
    def client(self):
        """Made when it is first used: before that there may be no certificates."""
        if self._client is None:
            self._client = client("127.0.0.1")
        return self._client

    @property
    def peer(self):
        return f"https://{_host(self.address)}:2380"

    @property
    def name(self):
        return paths.read(paths.ETCD_DATA + "/name")

    def has_data(self):
        return os.path.isdir(paths.ETCD_DATA + "/member")

    def set_aside_if_removed(self, server):
        """A removed member starts over only if it is told where to join."""
        if not os.path.exists(paths.TOMBSTONE):
            return
        if not server:
            raise Fatal("this server has been removed from the cluster, and must be rejoined by setting --server "
                        f"(tombstone {paths.TOMBSTONE})")
        old = f"{paths.ETCD_DATA}-old-{int(time.time())}"
        os.rename(paths.ETCD_DATA, old)
        log.info(f"Removed member's data moved to {old}; joining again")

    def rename(self):
        """A member name of its own for a member that begins anew."""
        os.makedirs(paths.ETCD_DATA, mode=0o700, exist_ok=True)
        paths.write(paths.ETCD_DATA + "/name", f"{self.node}-{secrets.token_hex(4)}\n", 0o600)

    def start(self, initial_cluster=None, alone=False):
        """Starts the child. `initial_cluster` is what a joining member was told; None makes a new cluster; `alone`: with the
        data that are there, of which this member forgets all others."""
        os.makedirs(paths.ETCD_DATA, mode=0o700, exist_ok=True)
        if not self.name:
            self.rename()
        metrics = ["http://127.0.0.1:2381"] + ([f"http://{_host(self.address)}:2381"] if self.expose_metrics else [])
        own = f"https://{_host(self.address)}:2379"
        arguments = [
            "etcd", "--name", self.name, "--data-dir", paths.ETCD_DATA, "--logger", "zap", "--log-level", "warn",
            "--listen-client-urls", f"https://127.0.0.1:2379,{own}", "--advertise-client-urls", own,
            "--listen-peer-urls", self.peer, "--initial-advertise-peer-urls", self.peer,
            "--listen-metrics-urls", ",".join(metrics), "--heartbeat-interval", "500", "--election-timeout", "5000",
            "--initial-cluster", initial_cluster or f"{self.name}={self.peer}",
            "--initial-cluster-state", "existing" if initial_cluster else "new",
            "--auto-compaction-mode", "revision", "--auto-compaction-retention", "5000",
            "--client-cert-auth", "--trusted-ca-file", tls.path("etcd/server-ca"),
            "--cert-file", tls.path("etcd/server-client"), "--key-file", tls.path("etcd/server-client", ".key"),
            "--peer-client-cert-auth", "--peer-trusted-ca-file", tls.path("etcd/peer-ca"),
            "--peer-cert-file", tls.path("etcd/peer-server-client"),
            "--peer-key-file", tls.path("etcd/peer-server-client", ".key"),
        ] + (["--force-new-cluster"] if alone else [])
        library = ctypes.CDLL(None)

        def die_with_parent():
            library.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)

        # Go's own threads are few here: five nodes share a small machine.
        environment = {**os.environ, "GOMAXPROCS": "2", "NOTIFY_SOCKET": ""}
        self.process = subprocess.Popen(arguments, preexec_fn=die_with_parent, stdin=subprocess.DEVNULL,
                                        env=environment)

    def prepare_to_join(self, servers, wait):
        """Adds this server as a learner through a living member and returns the initial cluster to start with."""
        if not self.name:
            self.rename()
        while True:
            for address in servers:
                try:
                    return self._join_through(client(address))
                except (Unreachable, WebError) as error:
                    text = str(error)
                    if "too many learner" in text:
                        text = TOO_MANY_LEARNERS
                    log.info(f"Waiting for other members to finish joining etcd cluster: {text}")
            wait(2)

    def _join_through(self, member):
        known = members(member)
        for other in known:
            if other["name"].rpartition("-")[0] == self.node and other["peer"] != self.peer:
                raise Fatal("etcd cluster join failed: duplicate node name found, please use a unique name for this "
                            "node")
        if not any(other["peer"] == self.peer for other in known):
            if any(other["learner"] for other in known):
                raise WebError(409, "too many learner members in cluster")
            call(member, "cluster/member/add", {"peerURLs": [self.peer], "isLearner": True})
            log.info(f"Adding member {self.name}={self.peer} to etcd cluster as a learner")
            known = members(member)
        elif any(other["peer"] == self.peer and other["name"] not in ("", self.name) for other in known):
            raise Fatal("etcd cluster join failed: a member with this address is known, but its data are not here; "
                        "delete the node first")
        return ",".join(f"{other['name'] or self.name}={other['peer']}" for other in known)

    def state(self):
        """'leader', 'voter' or 'learner' once this member takes part; otherwise the reason why it does not yet."""
        if self.process.poll() is not None:
            raise Fatal(f"etcd ended with status {self.process.returncode}")
        try:
            status = call(self.client, "maintenance/status")
        except (Unreachable, WebError) as error:
            return f"etcd does not answer: {error}"
        if status.get("isLearner"):
            return "learner"
        if not int(status.get("leader", 0)):
            return "etcd has no leader"
        return "leader" if status["leader"] == status["header"]["member_id"] else "voter"

    def is_leader(self):
        return self.state() == "leader"

    def wait_until_voting(self, wait):
        """Blocks until this member votes and has a leader, saying why it waits."""
        last, began = None, time.monotonic()
        while True:
            state = self.state()
            if state in ("leader", "voter"):
                return
            if state == "learner":
                state = "this server has not yet been promoted from learner to voting member"
            if state != last:
                log.info(f"Waiting for etcd server to become available: {state}")
            last = state
            wait(0.3 if time.monotonic() - began < 10 else 1)

    def is_removed(self):
        """True if the others no longer know this member."""
        try:
            known = members(self.client)
        except (Unreachable, WebError) as error:
            return "removed" in str(error) or (self.process.poll() is not None)
        return self.name not in [other["name"] for other in known]

    def promote_learners(self):
        """Called on the leader, often. A learner is promoted some seconds after it is first seen, if in step."""
        learners = [other for other in members(self.client) if other["learner"] and other["name"]]
        self.learners = {other["id"]: self.learners.get(other["id"], time.monotonic()) for other in learners}
        for other in learners:
            if time.monotonic() - self.learners[other["id"]] >= PROMOTION_SECONDS:
                try:
                    call(self.client, "cluster/member/promote", {"ID": other["id"]})
                    log.info(f"Promoted learner {other['name']}")
                except (Unreachable, WebError) as error:
                    log.info(f"Learner {other['name']} is not promoted yet: {error}")

    def remove(self, node):
        """Removes the member that belongs to a node; returns its member name, or None. The last voter stays."""
        known = members(self.client)
        for other in known:
            if other["name"].rpartition("-")[0] == node:
                if sum(not peer["learner"] for peer in known) <= 1 and not other["learner"]:
                    log.error(f"Refusing to remove {node}: it is the last voting etcd member")
                    return None
                call(self.client, "cluster/member/remove", {"ID": other["id"]})
                log.info(f"Removed etcd member {other['name']}")
                return other["name"]
        return None

    def stop(self):
        if self.process and self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(5)
            except subprocess.TimeoutExpired:
                self.process.kill()
