"""What the stand-in tells Envoy, without nodes: `/usr/bin/python3 lab/tests/test_k3s_envoy.py`."""

import http.server
import json
import os
import socketserver
import sys
import tempfile
import threading
import unittest
from unittest import mock

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.realpath(__file__))))

from k3s import crictl, envoy, services  # noqa: E402

OWN = ["10.77.0.11", "fd77::11"]
ENDPOINTS = {("kube-system", "api", "https"): [("10.77.0.11", 6443), ("10.77.0.12", 6443)],
             ("default", "web", ""): [("10.77.0.21", 80)]}
PROXY = {"@type": envoy.TCP_PROXY, "stat_prefix": "api", "cluster": "kube-system/api", "max_connect_attempts": 3}
CHECK = {"timeout": "1s", "interval": "1s", "unhealthy_threshold": 3, "healthy_threshold": 1, "tcp_health_check": {}}


def listener(name="api", **more):
    return {"@type": envoy.LISTENER, "name": name, "filter_chains": [
        {"filters": [{"name": "envoy.filters.network.tcp_proxy", "typed_config": PROXY}]}], **more}


def cluster(name="kube-system/api", **more):
    return {"@type": envoy.CLUSTER, "name": name, "type": "EDS", "health_checks": [CHECK], **more}


def config(*resources, name="api", namespace=None, **spec):
    spec = {"services": [{"name": "api", "namespace": "kube-system"}], **spec}
    return {"metadata": {"name": name, **({"namespace": namespace} if namespace else {})},
            "spec": {"resources": list(resources), **spec}}


def wanted(*configs, ports=None):
    return envoy.wanted(configs, ENDPOINTS, OWN, {} if ports is None else ports)


class Resources(unittest.TestCase):
    def test_a_listener_without_an_address_gets_one_of_each_family_and_keeps_its_port(self):
        ports = {"/other/x": 10007}
        for _ in range(2):
            found = wanted(config(listener(), cluster()), ports=ports).listeners["/api/api"]
            self.assertEqual(found["address"], {"socket_address": {"address": "10.77.0.11", "port_value": 10008}})
            self.assertEqual(found["additional_addresses"], [
                {"address": {"socket_address": {"address": "fd77::11", "port_value": 10008}}}])
        self.assertEqual(ports, {"/other/x": 10007, "/api/api": 10008})

    def test_a_listeners_own_address_stays(self):
        address = {"socket_address": {"address": "127.0.0.1", "port_value": 1}}
        ports = {}
        found = wanted(config(listener(address=address), services=[]), ports=ports).listeners["/api/api"]
        self.assertEqual((found["address"], ports), (address, {}))

    def test_names_with_a_slash_are_whole_and_others_get_their_configs(self):
        found = wanted(config(listener(), cluster(), cluster("inner"), namespace="web"))
        self.assertEqual((list(found.listeners), list(found.clusters)),
                         (["web/api/api"], ["kube-system/api", "web/api/inner"]))
        [chain] = found.listeners["web/api/api"]["filter_chains"]
        self.assertEqual(chain["filters"][0]["typed_config"], PROXY)
        bare = {**listener(), "filter_chains": [{"filters": [{"name": "x", "typedConfig": {**PROXY, "cluster": "c"}}]}]}
        [chain] = wanted(config(bare)).listeners["/api/api"]["filter_chains"]
        self.assertEqual(chain["filters"][0]["typedConfig"]["cluster"], "/api/c")

    def test_what_a_cluster_says_of_checks_reaches_envoy_as_it_is(self):
        settings = {"close_connections_on_host_health_failure": True, "lb_policy": "ROUND_ROBIN"}
        found = wanted(config(cluster(**settings))).clusters["kube-system/api"]
        self.assertEqual({**found, "eds_cluster_config": None},
                         {**cluster(**settings), "eds_cluster_config": None})
        self.assertIn("endpoints-kube-system%2Fapi.json", json.dumps(found["eds_cluster_config"]))

    def test_endpoints_are_those_of_services_that_the_config_names(self):
        def targets(**spec):
            entries = wanted(config(cluster(), **spec)).assignments["kube-system/api"]["endpoints"][0]["lb_endpoints"]
            return [entry["endpoint"]["address"]["socket_address"]["address"] for entry in entries]
        self.assertEqual(targets(), ["10.77.0.11", "10.77.0.12"])
        self.assertEqual(targets(services=[]), [])
        self.assertEqual(targets(services=[], backendServices=[{"name": "api", "namespace": "kube-system"}]),
                         ["10.77.0.11", "10.77.0.12"])

    def test_a_service_is_led_to_the_listener_that_is_named_or_the_first(self):
        entries = [{"name": "api", "namespace": "kube-system", "listener": "two"}, {"name": "web", "ports": [80]}]
        found = wanted(config(listener("one"), listener("two"), services=entries))
        self.assertEqual(found.redirects, {"kube-system/api": (10002, None), "default/web": (10001, [80])})
        missing = [{"name": "api", "namespace": "kube-system", "listener": "three"}]
        self.assertEqual(wanted(config(listener(), services=missing)).redirects, {})


class Redirects(unittest.TestCase):
    SERVED = {("10.98.0.80", 6443): ("kube-system/api", ()), ("fd98::80", 6443): ("kube-system/api", ()),
              ("10.99.0.1", 80): ("default/web", ())}

    def test_a_service_that_envoy_takes_goes_to_the_nodes_own_address_of_its_family(self):
        self.assertEqual(services.led_to_envoy(self.SERVED, {"kube-system/api": (10001, None)}, OWN), {
            ("10.98.0.80", 6443): ("10.77.0.11", 10001), ("fd98::80", 6443): ("fd77::11", 10001)})
        self.assertEqual(services.led_to_envoy(self.SERVED, {"kube-system/api": (10001, None)}, OWN[:1]),
                         {("10.98.0.80", 6443): ("10.77.0.11", 10001)})

    def test_only_at_the_ports_that_the_config_names(self):
        self.assertEqual(services.led_to_envoy(self.SERVED, {"default/web": (10001, [81])}, OWN), {})


class Files(unittest.TestCase):
    def setUp(self):
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.path = directory.name + "/clusters.json"

    def test_a_file_is_written_anew_only_when_it_says_something_else(self):
        envoy._tell(self.path, envoy.CLUSTER, [cluster()])
        first = os.stat(self.path).st_ino
        envoy._tell(self.path, envoy.CLUSTER, [cluster()])
        self.assertEqual(os.stat(self.path).st_ino, first)
        envoy._tell(self.path, envoy.CLUSTER, [cluster(lb_policy="RANDOM")])
        self.assertNotEqual(os.stat(self.path).st_ino, first)


class Admin(unittest.TestCase):
    """`cilium-dbg envoy admin clusters` asks Envoy's socket."""

    def setUp(self):
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.enterContext(mock.patch.object(envoy, "ADMIN", directory.name + "/admin.sock"))

    def clusters(self, *words):
        container = {"id": "abc", "name": "cilium-agent", "state": "running"}
        with mock.patch("builtins.print") as printed:
            status = crictl._exec([container], ["abc", "cilium-dbg", "envoy", "admin", "clusters", *words])
        return status, printed.call_args.args[0]

    def test_without_envoy_there_is_a_reason_and_no_answer(self):
        status, said = self.clusters("-o", "json")
        self.assertEqual(status, 1)
        self.assertIn("No such file", said)

    def test_the_answer_is_envoys(self):
        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                self.wfile.write(f"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nasked for {self.path}".encode())

            def address_string(self):
                return "a socket"

            def log_message(self, *_):
                pass

        server = socketserver.ThreadingUnixStreamServer(envoy.ADMIN, Handler)
        self.addCleanup(server.server_close)
        self.addCleanup(server.shutdown)
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        self.assertEqual(self.clusters("-o", "json"), (0, "asked for /clusters?format=json"))
        self.assertEqual(self.clusters(), (0, "asked for /clusters"))


if __name__ == "__main__":
    unittest.main()
