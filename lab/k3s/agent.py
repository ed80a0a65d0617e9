"""`k3s agent`: the order in which an agent comes up."""

import os
import signal
import threading

from . import config, join, kubelet_logs, log, paths, proxy, systemd
from .kube import Kube
from .kubelet import Kubelet
from .loadbalancer import LoadBalancer
from .log import Fatal
from .web import Unreachable, WebError

REFRESH_SECONDS = 10


class Agent:
    def __init__(self, arguments):
        self.settings = config.load("agent", arguments)
        self.version = paths.version()
        self.stopped = threading.Event()
        self.kubelet = None

    def wait(self, seconds):
        if self.stopped.wait(seconds):
            raise SystemExit(0)

    def run(self):
        """Until SIGTERM; raises Fatal if it cannot go on."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: self.stopped.set())
        join.log_start(self.version, "agent")
        os.makedirs(paths.AGENT, exist_ok=True)
        cluster = self._reach()
        known, files = self._enrol(cluster)
        if paths.fault("k3s-never-ready"):
            while True:
                log.info("Waiting to retrieve agent configuration; server is not ready")
                self.wait(5)
        self._start(cluster, known, files)
        try:
            while not self.stopped.wait(REFRESH_SECONDS):
                self._refresh()
        finally:
            self.kubelet.stop()

    def _reach(self):
        """Tries until the server answers; a token that it refuses is the end."""
        last = None
        while True:
            try:
                return join.Cluster(self.settings["server"], self.settings["token"], "node").trust()
            except Fatal as error:
                if "CA hash" in str(error) or "--server" in str(error):
                    raise
                if str(error) != last:
                    log.error(f"Failed to validate connection to cluster at {self.settings['server']}: {error}")
                last = str(error)
            self.wait(2)

    def _enrol(self, cluster):
        """The cluster's settings and this node's certificates."""
        last = None
        while True:
            try:
                known = cluster.get("config")
                files = cluster.post("certificates", {"node": self.settings["node-name"],
                                                      "password": join.node_password(),
                                                      "addresses": self.settings["node-ip"]})
                return known, files
            except (Unreachable, WebError) as error:
                if str(error) != last:
                    log.info(f"Waiting to retrieve agent configuration; server is not ready: {error}")
                last = str(error)
            self.wait(2)

    def _start(self, cluster, known, files):
        context = join.write_node_files(files, cluster.authority)
        self.balancer = LoadBalancer((cluster.host, cluster.port), int(self.settings.get("lb-server-port", 6444)))
        self.balancer.learn(known["servers"])
        if not self.settings.get("disable-apiserver-lb"):
            self.balancer.start()
        client = Kube("127.0.0.1", self.balancer.port, context)
        service = join.service_address(known["serviceCIDR"])
        self.settings["cluster-cidr"] = known["clusterCIDR"]
        self.kubelet = Kubelet(self.settings, client, context, self.version, service, "agent")
        while True:
            try:
                self.kubelet.register()
                break
            except (Unreachable, WebError) as error:
                log.warning(f"Unable to register node: {error}")
            self.wait(2)
        proxy.install_kubelet_rules()
        if not known["disableKubeProxy"]:  # learned once, at start: an agent keeps its kube-proxy until it is restarted
            proxy.start(service, known["servers"])
        kubelet_logs.serve(self.kubelet)
        kubelet_logs.serve_health()
        self.kubelet.start()
        log.info("k3s agent is up and running")
        systemd.notify("READY=1")

    def _refresh(self):
        try:
            nodes = self.kubelet.client.list("nodes", labels="node-role.kubernetes.io/control-plane=true")
        except (Unreachable, WebError):
            return
        addresses = [address["address"] for node in nodes for address in (node.get("status") or {}).get("addresses", [])
                     if address["type"] == "InternalIP"]
        if addresses:
            self.balancer.learn(addresses)


def run(arguments):
    Agent(arguments).run()
