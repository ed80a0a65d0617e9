"""`k3s server`: the order in which a server comes up."""

import os
import signal
import threading
import time

from . import api, authorities, config, etcd, join, kubelet_logs, log, paths, proxy, reset, resources, systemd, tls
from .controllers import Controllers
from .etcd import Etcd
from .helm import HelmController
from .kube import Kube
from .kubelet import Kubelet
from .log import Fatal
from .nodes import Nodes
from .objects import ApiError, Objects
from .store import Store
from .supervisor import Supervisor, password_secret, write_tokens
from .web import Unreachable, WebError

_NAMESPACES = ("default", "kube-system", "kube-public", "kube-node-lease")


class Server:
    def __init__(self, arguments):
        self.settings = config.load("server", arguments)
        self.version = paths.version()
        self.etcd = Etcd(self.settings)
        self.store = Store(self.etcd)
        self.objects = Objects(self.store)
        self.supervisor = Supervisor(self.settings, self.objects, lambda: self.etcd.client)
        self.kubelet = None
        self.stopped = threading.Event()

    def run(self):
        """Until SIGTERM; raises Fatal if it cannot go on."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: self.stopped.set())
        join.log_start(self.version, "server")
        try:
            self._start()
            while not self.stopped.wait(1):
                if self.etcd.process.poll() is not None:
                    self._lost()
        finally:
            self._stop()

    def wait(self, seconds):
        if self.stopped.wait(seconds):
            raise SystemExit(0)

    def _start(self):
        os.makedirs(paths.DATA, exist_ok=True)
        self.etcd.set_aside_if_removed(self.settings.get("server"))
        members, had_data = None, self.etcd.has_data()
        if not had_data:
            members = self._join() if self.settings.get("server") else self._found()
        was_reset = os.path.exists(paths.RESET_FLAG)
        if was_reset:
            os.remove(paths.RESET_FLAG)
        tls.make_server_certificates(self.settings)
        tls.write_kubeconfig(self.settings)
        application = self._listen()
        initial = self.etcd.prepare_to_join(members, self.wait) if members else None
        self.etcd.start(initial)
        self.etcd.wait_until_voting(self.wait)
        authorities.keep(self.etcd.client, self.settings["token"], had_data)
        write_tokens(self.settings["token"])
        if paths.fault("k3s-never-ready"):
            while True:
                log.info("Waiting for API server to become available")
                self.wait(5)
        self.store.start()
        if was_reset:
            self._forget_own_password()
        self._seed()
        application.ready = self.supervisor.ready = True
        threading.Thread(target=self._manage, name="controllers", daemon=True).start()
        if not self.settings.get("disable-agent"):
            self._start_kubelet()
        log.info("k3s is up and running")
        systemd.notify("READY=1")

    def _found(self):
        """A new cluster's beginnings."""
        token = self.settings["token"]
        if not token:
            import secrets

            token = paths.read(paths.SERVER + "/token") or secrets.token_hex(16)
            self.settings["token"] = token = config.password(token)
        if token.startswith("K10"):
            raise Fatal("failed to normalize server token; must be in format <PASSWORD> for the first server of a "
                        "cluster")
        if not self.settings.get("cluster-init"):
            raise Fatal("this stand-in has no SQLite: set cluster-init or server")
        tls.make_authorities()
        log.info("Managed etcd cluster initializing")

    def _join(self):
        """Takes over the cluster's CAs; returns the addresses of servers whose etcd to join."""
        cluster = join.Cluster(self.settings["server"], self.settings["token"], "server").trust()
        try:
            known = cluster.get("server-bootstrap")
        except (Unreachable, WebError) as error:
            raise Fatal(f"failed to bootstrap cluster data: {error}") from error
        own = config.critical(self.settings)
        different = sorted(key for key in own if own[key] != known["critical"].get(key))
        if different:
            raise Fatal("failed to validate server configuration: critical configuration value mismatch between "
                        "servers: "
                        + ", ".join(f"{key}: {own[key]} here, {known['critical'].get(key)} there" for key in different))
        tls.import_authorities(known["files"])
        tls.make_server_certificates(self.settings)
        # The member of the server that we were sent to; behind a shared address that is whoever answered.
        return [cluster.host]

    def _listen(self):
        application = api.Application(self.objects, self.supervisor, self.version, api.node_log_reader())
        context = tls.server_context("serving-kube-apiserver", "client-ca")
        try:
            api.listen("::" if ":" in self.settings["node-ip"][0] else "0.0.0.0", paths.API_PORT, application, context)
            api.listen("127.0.0.1", paths.LOCAL_PORT, application, context)
        except OSError as error:
            raise Fatal(f"cannot listen: {error}") from error
        return application

    def _seed(self):
        """What a new cluster has from the start. Another server may be at it too."""
        self.store.barrier()
        for name in _NAMESPACES:
            labels = {"kubernetes.io/metadata.name": name}
            self._ensure("namespaces", None, {"metadata": {"name": name, "labels": labels}})
            self._ensure("serviceaccounts", name, {"metadata": {"name": "default"}})
        for definition in resources.K3S_DEFINITIONS:
            self._ensure("customresourcedefinitions", None, definition)
        address = join.service_address(self.settings["service-cidr"])
        self._ensure("services", "default", {"metadata": {"name": "kubernetes", "labels": {
            "component": "apiserver", "provider": "kubernetes"}}, "spec": {
            "type": "ClusterIP", "clusterIP": address, "clusterIPs": [address],
            "ports": [{"name": "https", "port": 443, "protocol": "TCP", "targetPort": paths.API_PORT}]}})

    def _ensure(self, resource, namespace, value):
        try:
            self.objects.ensure(resource, namespace, value)
        except ApiError as error:
            if error.status != 409:
                raise

    def _forget_own_password(self):
        """The one in the snapshot may be older than the machine."""
        try:
            self.objects.delete("secrets", "kube-system", password_secret(self.settings["node-name"]))
        except ApiError as error:
            if error.status != 404:
                raise

    def _start_kubelet(self):
        name, addresses = self.settings["node-name"], self.settings["node-ip"]
        try:
            files = self.supervisor.node_certificates(name, join.node_password(), addresses)
        except ApiError as error:
            raise Fatal(error.message) from error
        context = join.write_node_files(files, paths.read(tls.path("server-ca")) + "\n")
        client = Kube("127.0.0.1", paths.LOCAL_PORT, context)
        service = join.service_address(self.settings["service-cidr"])
        self.kubelet = Kubelet(self.settings, client, context, self.version, service, "server")
        self.kubelet.register()
        proxy.install_kubelet_rules()
        if not self.settings.get("disable-kube-proxy"):
            proxy.start(service, self.supervisor.servers())
        kubelet_logs.serve(self.kubelet)
        kubelet_logs.serve_health()
        self.kubelet.start()

    def _manage(self):
        """The controllers' loop: on the etcd leader, when something changed, and every few seconds."""
        turns = (Controllers(self.objects), Nodes(self.objects, self.etcd), HelmController(self.objects))
        seen, looked = 0, 0.0
        while not self.stopped.is_set():
            with self.store.changed:
                self.store.changed.wait_for(lambda: self._relevant(seen), 1)
            now = time.monotonic()
            try:
                leading = self.etcd.is_leader()
                if leading:
                    self.etcd.promote_learners()
                if leading and (self._relevant(seen) or now - looked > 5):
                    seen, looked = self.store.revision, now
                    for turn in turns:
                        turn.turn()
                if not leading and self.etcd.is_removed():
                    self._lost()
            except (ApiError, Unreachable, WebError) as error:
                log.warning(f"controllers: {error}")
            except Fatal:
                self._lost()
            except (KeyError, TypeError) as error:  # an object of an odd shape must not end the controllers
                log.warning(f"controllers: {error!r}")
            self.stopped.wait(0.4)

    def _relevant(self, seen):
        """Whether anything but a lease changed since."""
        for event in reversed(self.store.history):
            if event.revision <= seen:
                return False
            if "/leases/" not in event.key:
                return True
        return self.store.revision > seen and not self.store.history

    def _lost(self):
        """etcd ended, or the others removed this member. Only the latter leaves a tombstone."""
        if self.stopped.is_set():
            return
        if self._removed_by_others():
            paths.write(paths.TOMBSTONE, log.now() + "\n", 0o600)
            log.error("This server has been removed from the etcd cluster")
        log.error("etcd is gone; ending")
        self._stop()
        os._exit(1)

    def _removed_by_others(self):
        others = [address for address in (self.store.objects and self.supervisor.servers() or [])
                  if address not in self.settings["node-ip"]]
        for address in others:
            try:
                known = etcd.members(etcd.client(address))
                return self.etcd.name not in [member["name"] for member in known]
            except (Unreachable, WebError):
                continue
        return False

    def _stop(self):
        self.stopped.set()
        if self.kubelet:
            self.kubelet.stop()
        self.etcd.stop()


def run(arguments):
    server = Server(arguments)
    if server.settings.get("cluster-reset"):
        return reset.run(server.settings, server.etcd)
    if server.settings.get("cluster-reset-restore-path"):
        raise Fatal("invalid flag use; --cluster-reset required with --cluster-reset-restore-path")
    return server.run()
