"""Dual stack with two routers that run FRR: what the nodes announce arrives there, and what does not is said.

FRR on the routers is real, and so are sessions and routes, and Envoy before the API. The nodes' own end of the sessions is
the lab's stand-in for Cilium's BGP.
"""

import base64
import json
import os
import subprocess
import unittest

from .harness import LAB, LAB_DIR, LifeCase, enter, kubectl, lab

NODES = {"dpu-01": "11", "dpu-02": "12", "dpu-03": "13", "worker-01": "21", "worker-02": "22"}
ROUTERS = {"router-01": "201", "router-02": "202"}
INVENTORY = f"""\
version: 1
name: lab
ssh: {{user: ubuntu, identityFile: {LAB_DIR}/ssh/id_ed25519, knownHosts: {LAB_DIR}/ssh/known_hosts}}
k3s:
  version: v1.35.7+k3s1
  token: {{file: {LAB_DIR}/token}}
  artifacts: {{directory: {LAB_DIR}/artifacts}}
network: {{pods: [10.142.0.0/16, "fd42::/56"], services: [10.143.0.0/16, "fd43::/112"]}}
cilium: {{version: 1.19.4}}
endpoint: {{ciliumBgp: 10.98.0.80}}
guard: {{window: 20s}}
deadlines: {{bgp: 20s}}
defaults: {{dpus: {{arch: amd64, deadlineFactor: 1}}}}
dpus:
  dpu-01: {{address: [10.77.0.11, "fd77::11"], primary: true}}
  "dpu-[02-03]": {{address: ["10.77.0.[12-13]", "fd77::[12-13]"]}}
workers:
  "worker-[01-02]": {{address: ["10.77.0.[21-22]", "fd77::[21-22]"]}}
routers:
  router-01: {{platform: linux-frr, address: [10.77.0.201, "fd77::201"], asn: 64513}}
  router-02: {{platform: linux-frr, address: [10.77.0.202, "fd77::202"], asn: 64514}}
bgp:
  asn: 64512
  peers:
    router-01: {{holdTime: 9s, keepAlive: 3s, connectRetry: 2s}}
    router-02: {{connectRetry: 2s}}
  announce: {{pods: true, services: {{labels: {{network: public}}}}, communities: ["64512:100"]}}
loadBalancerPools:
  public: {{blocks: [10.99.0.0/28, "fd99::10-fd99::1f"], labels: {{network: public}}}}
"""
SERVICE = json.dumps({
    "apiVersion": "v1", "kind": "Service",
    "metadata": {"name": "web", "namespace": "default", "labels": {"network": "public"}},
    "spec": {"type": "LoadBalancer", "ipFamilies": ["IPv4", "IPv6"], "ports": [{"port": 80}]}})
# Holds connections to the endpoint, and tells how many of them somebody has closed a moment after the first was.
HOLD = """
import select, socket, ssl, time
anybody = ssl._create_unverified_context()
held = [anybody.wrap_socket(socket.create_connection(("10.98.0.80", 6443))) for _ in range(6)]
for connection in held:  # what comes after the handshake
    connection.settimeout(0.5)
    try:
        connection.recv(1)
    except TimeoutError:
        pass
print("held", flush=True)
select.select(held, [], [], 25)
time.sleep(2)
print(len(select.select(held, [], [], 0)[0]))
"""
BY_HAND = ["router bgp 64513", "neighbor 10.77.0.99 remote-as 64599", "neighbor 10.77.0.99 description by-hand"]


def vtysh(router, *commands):
    return enter(router, "vtysh", *[word for command in commands for word in ("-c", command)])


def sessions(router):
    """What the router says of the state of each of its neighbours, by address, over all families."""
    families = json.loads(vtysh(router, "show bgp summary json"))
    return {address: peer["state"] for family in families.values() for address, peer in family["peers"].items()}


def routes(router, version):
    """The router's BGP routes that are in its kernel, with their next hops."""
    shown = json.loads(vtysh(router, f"show {'ip' if version == 4 else 'ipv6'} route bgp json") or "{}")
    # While a route changes, zebra shows the new one, which is not in the kernel yet, before the one that still is.
    return {prefix: {hop["ip"] for hop in entry["nexthops"] if hop.get("fib") and "ip" in hop}
            for prefix, entries in shown.items() for entry in entries if entry.get("installed")}


def addresses(version, nodes=NODES):
    return {("10.77.0." if version == 4 else "fd77::") + nodes[name] for name in nodes}


class BGPTest(LifeCase):
    """One life of a cluster, in order."""

    TEXT = INVENTORY

    def change(self, *replacements):
        text = INVENTORY
        for old, new in replacements:
            self.assertIn(old, text)
            text = text.replace(old, new)
        with open(self.inventory, "w", encoding="utf-8") as file:
            file.write(text)

    def test_1_a_router_that_knows_nobody_is_waited_for_and_named(self):
        self.change(("asn: 64513}", "asn: 64513, manage: none}"), ("asn: 64514}", "asn: 64514, manage: verify}"),
                    ("bgp: 20s", "bgp: 10s"))
        run = self.bootstrap(status=1)  # nothing had to be taken back
        self.assertRegex(run.said(), r"the session with router-01 \(10\.77\.0\.201\) is (idle|connect|active)")
        self.assertRegex(run.said(), r"router-02: .*FRR does not tell its sessions|the session with dpu-01 .* is not configured")
        for router in ROUTERS:
            self.assertEqual(sessions(router), {})

    def test_2_router_apply_brings_what_router_plan_shows_and_no_more(self):
        self.change()
        vtysh("router-01", "configure terminal", *BY_HAND)
        plan = self.clusterctl("router", "plan", self.inventory, "--detailed-exitcode", status=2).output
        for line in ("neighbor 10.77.0.22 peer-group clusterctl-lab-ipv4", "neighbor fd77::22 description worker-02"):
            self.assertEqual(plan.count(f"   {line}\n"), 2, plan)
        self.assertEqual(set(sessions("router-01")), {"10.77.0.99"}, "a plan changes nothing")
        self.clusterctl("router", "apply", self.inventory, "--yes")
        established = dict.fromkeys(addresses(4) | addresses(6), "Established")
        self.assertEqual(sessions("router-02"), established)
        self.assertEqual({address: state for address, state in sessions("router-01").items() if address in established},
                         established)
        saved = enter("router-01", "cat", "/etc/frr/frr.conf")
        for line in [*BY_HAND[1:], "neighbor fd77::22 peer-group clusterctl-lab-ipv6"]:
            self.assertIn(f" {line}\n", saved)
        self.assertIn("as the inventory has it", self.clusterctl("router", "plan", self.inventory).output)
        self.assertIn("next hops for 10.98.0.80", self.clusterctl("router", "verify", self.inventory, status=1).output)
        self.bootstrap()
        self.clusterctl("router", "verify", self.inventory)
        self.assertIn("nothing to do", self.bootstrap().said())

    def test_3_pods_and_services_are_routes_with_all_their_next_hops(self):
        enter("dpu-01", "sh", "-c", 'printf %s "$1" | k3s kubectl apply -f -', "sh", SERVICE)
        for router in ROUTERS:
            for version, pods, service, others in ((4, 24, "10.99.0.", {"10.98.0.80/32"}), (6, 64, "fd99::", set())):
                def shape(router=router, version=version, pods=pods, service=service):
                    found = routes(router, version)
                    hops = [hop for prefix, hops in found.items() if prefix.endswith(f"/{pods}") for hop in hops]
                    granted = [hops for prefix, hops in found.items() if prefix.startswith(service)]
                    return sorted(hops), granted, {prefix for prefix in found if not prefix.endswith(f"/{pods}")
                                                   and not prefix.startswith(service)}
                everyone = addresses(version)
                self.eventually((sorted(everyone), [everyone], others), shape)

    def test_3_the_api_answers_a_router_at_the_endpoint_under_its_name(self):
        authority = enter("dpu-01", "cat", "/var/lib/rancher/k3s/server/tls/server-ca.crt")
        for router in ROUTERS:
            self.assertEqual(routes(router, 4)["10.98.0.80/32"], addresses(4))
            enter(router, "sh", "-c", 'printf %s "$1" >/run/ca.crt', "sh", authority)
            self.eventually("pong", lambda router=router: enter(
                router, "curl", "-s", "-m", "5", "--cacert", "/run/ca.crt", "https://10.98.0.80:6443/ping", check=False))
        self.assertIn("server: https://10.98.0.80:6443", self.clusterctl("kubeconfig", self.inventory).output)

    def test_3_each_nodes_envoy_finds_every_api_server_healthy(self):
        shown = json.loads(self.clusterctl("verify", self.inventory, "-o", "json").output)["checks"]
        seen = {check["where"]: check["seen"] for check in shown if check["check"] == "endpoint-backends"}
        self.assertEqual(seen, dict.fromkeys(NODES, "Envoy finds dpu-01, dpu-02, dpu-03 healthy"))

    def test_3_the_api_answers_while_k3s_is_down_on_a_node_that_still_announces_it(self):
        shown = json.loads(self.clusterctl("verify", self.inventory, "--failover", "--yes", "-o", "json").output)
        self.assertTrue(shown["failover"]["answeredMeanwhile"])
        self.assertEqual(addresses(4), routes("router-01", 4)["10.98.0.80/32"])

    def test_4_a_router_takes_nothing_but_what_the_inventory_has(self):
        stray = SERVICE.replace('"web"', '"stray"').replace(
            '"ports"', '"loadBalancerIP": "10.97.0.7", "externalIPs": ["10.97.0.7"], "ports"')
        enter("dpu-01", "sh", "-c", 'printf %s "$1" | k3s kubectl apply -f -', "sh", stray)
        advertisement = json.dumps({
            "apiVersion": "cilium.io/v2", "kind": "CiliumBGPAdvertisement",
            "metadata": {"name": "by-hand", "labels": {"clusterctl.dev/bgp": "announcements"}},
            "spec": {"advertisements": [{
                "advertisementType": "Service", "service": {"addresses": ["ExternalIP"]},
                "selector": {"matchLabels": {"network": "public"}}}]}})
        enter("dpu-01", "sh", "-c", 'printf %s "$1" | k3s kubectl apply -f -', "sh", advertisement)

        def announced():
            peers = enter("worker-01", "sh", "-c", "k3s crictl exec $(k3s crictl ps --name cilium-agent -q) "
                          "cilium-dbg bgp peers -o json")
            return max(family["advertised"] for peer in json.loads(peers) for family in peer["families"]
                       if family["afi"] == "ipv4")
        self.eventually(True, lambda: announced() > 2)
        self.assertNotIn("10.97.0.7/32", routes("router-01", 4))
        kubectl("delete", "ciliumbgpadvertisement", "by-hand")
        kubectl("delete", "service", "stray")

    def password(self, text):
        path = os.path.join(os.path.dirname(self.inventory), "bgp-password")
        with open(path, "w", encoding="utf-8") as file:
            file.write(text + "\n")
        return path

    def established(self, router):
        own = addresses(4) | addresses(6)
        self.assertEqual({address: state for address, state in sessions(router).items() if address in own},
                         dict.fromkeys(own, "Established"), router)

    def test_4_passwords_come_change_and_go_at_both_ends_in_one_run(self):
        timers = "router-01: {holdTime: 9s, keepAlive: 3s, connectRetry: 2s"
        secret = ("router-01: {holdTime", f"router-01: {{password: {{file: {self.password('first-word')}}}, holdTime")
        self.assertIn(timers, INVENTORY)
        self.change(secret)
        run = self.bootstrap()
        self.established("router-01")
        self.assertEqual(vtysh("router-01", "show running-config").count(" password first-word\n"), 2)
        self.assertIn("password first-word", enter("router-01", "cat", "/etc/frr/frr.conf"))
        self.assertIn("nothing to do", self.bootstrap().said())

        self.password("second-word")
        plan = self.clusterctl("router", "plan", self.inventory, "--detailed-exitcode", status=2).output
        self.assertIn("router-01: another password", plan)
        rotation = self.clusterctl("router", "apply", self.inventory, "--yes")
        self.established("router-01")
        self.established("router-02")
        self.assertEqual(vtysh("router-01", "show running-config").count(" password second-word\n"), 2)
        for text in (run.said(), plan, rotation.output, rotation.said()):
            self.assertNotRegex(text, "first-word|second-word")

        for folder, _, files in os.walk(os.path.join(self.directory, ".clusterctl")):
            for name in files:
                with open(os.path.join(folder, name), encoding="utf-8") as file:
                    self.assertNotRegex(file.read(), "first-word|second-word", name)

        # Of a router that clusterctl does not change, the nodes know a password that it does not.
        self.change(secret, ("asn: 64514}", "asn: 64514, manage: verify}"), ("bgp: 20s", "bgp: 10s"),
                    ("router-02: {connect", f"router-02: {{password: {{file: {self.password('second-word')}}}, connect"))
        self.assertRegex(self.bootstrap(status=1).said(),
                         r"router-02 .*(idle|connect|active|Active|Idle|Connect).* different passwords")
        self.established("router-01")

        self.change()
        self.bootstrap()
        for router in ROUTERS:
            self.established(router)
            self.assertNotIn("password", vtysh(router, "show running-config"))
        self.assertEqual(kubectl("get", "secrets", "-A", "-l", "clusterctl.dev/bgp-password", "-o", "name"), "")

    def routers_session(self, no=""):
        """A session between the routers, of other hands, that their guards watch, too."""
        for router, own, address, asn in (("router-01", 64513, "10.77.0.202", 64514), ("router-02", 64514, "10.77.0.201", 64513)):
            vtysh(router, "configure terminal", f"router bgp {own}", f"{no} neighbor {address} remote-as {asn}")
        if not no:
            self.eventually("Established", lambda: sessions("router-01").get("10.77.0.202"))

    def with_password(self, text):
        self.change(("router-01: {holdTime", f"router-01: {{password: {{file: {self.password(text)}}}, holdTime"))

    def nodes_password(self):
        return base64.b64decode(kubectl(
            "get", "secret", "-n", "kube-system", "clusterctl-bgp-router-01", "-o", "jsonpath={.data.password}")).decode()

    def change_that_does_not_stand(self):
        """A run in which the routers' own session does not return after router-01 has another password."""
        run = self.start("bootstrap", self.inventory, "--yes")
        self.assertTrue(run.wait_for(r"routers router-01 +changed .* by the difference"), run.said())
        vtysh("router-02", "configure terminal", "router bgp 64514", "neighbor 10.77.0.201 shutdown")
        return run

    def test_4_a_router_that_is_taken_back_takes_the_nodes_password_back_in_the_same_run(self):
        self.routers_session()
        self.addCleanup(self.routers_session, "no")
        self.with_password("first-word")
        self.bootstrap()

        self.password("second-word")
        run = self.change_that_does_not_stand()
        self.assertEqual(run.finish().status, 5, run.said())
        self.assertRegex(run.said(), r"no longer established: 10\.77\.0\.202")
        self.assertRegex(run.said(), r"bgp-passwords on dpu-01 failed\n(.*\n)*.*taken back, by the steps")
        self.assertNotRegex(run.said(), "first-word|second-word")
        self.assertEqual(self.nodes_password(), "first-word")
        self.assertIn(" password first-word\n", vtysh("router-01", "show running-config"))
        own = addresses(4) | addresses(6)
        self.eventually(dict.fromkeys(own, "Established"), lambda: {
            address: state for address, state in sessions("router-01").items() if address in own})

        limited = self.clusterctl("bootstrap", self.inventory, "--yes", "--limit", "router-01", status=1)
        self.assertRegex(limited.said(), r"peer router-01 changes.*--limit has router-01 without dpu-01\n +fix: add dpu-01")
        self.assertRegex(
            self.clusterctl("bootstrap", self.inventory, "--yes", "--limit", "dpu-01,dpu-02", status=1).said(),
            "--limit has dpu-01 without router-01")
        self.password("first-word")
        self.clusterctl("bootstrap", self.inventory, "--yes", "--limit", "router-01")

    def test_4_b_ends_that_a_killed_run_leaves_apart_are_brought_together_by_the_next(self):
        self.routers_session()
        self.addCleanup(self.routers_session, "no")
        self.with_password("second-word")
        run = self.change_that_does_not_stand()
        self.eventually("second-word", self.nodes_password)
        run.kill()
        self.eventually(2, lambda: vtysh("router-01", "show running-config").count(" password first-word\n"))
        self.assertEqual(self.nodes_password(), "second-word", "nobody has told the nodes")
        self.bootstrap()
        self.established("router-01")
        self.assertIn("nothing to do", self.bootstrap().said())
        self.assertEqual(enter("dpu-01", "ls", "/var/lib/clusterctl/bgp").split(), ["router-01.password"])
        self.change()
        self.bootstrap()
        self.assertEqual(kubectl("get", "secrets", "-A", "-l", "clusterctl.dev/bgp-password", "-o", "name"), "")
        self.assertEqual(enter("dpu-01", "ls", "/var/lib/clusterctl/bgp", check=False), "")

    def next_hops(self):
        return {hop for hops in routes("router-01", 4).values() for hop in hops}

    def test_4_envoy_closes_what_leads_to_a_server_that_is_gone_without_a_word_and_nothing_else(self):
        held = subprocess.Popen([LAB, "enter", "worker-02", "python3", "-c", HOLD], stdout=subprocess.PIPE, text=True)
        self.addCleanup(held.kill)
        self.assertEqual(held.stdout.readline(), "held\n")
        lab("fault", "dpu-03", "cable-pulled")
        closed, _ = held.communicate(timeout=40)
        lab("heal", "dpu-03")
        self.assertIn(int(closed), (1, 2, 3), "of six over three servers")
        self.eventually(addresses(4), self.next_hops)

    def test_5_a_node_that_dies_leaves_the_routes_within_the_hold_time(self):
        lab("fault", "worker-02", "cable-pulled")  # else this machine's kernel closes the dead node's connections
        lab("fault", "worker-02", "power-off")
        left = addresses(4, {name: NODES[name] for name in NODES if name != "worker-02"})
        self.assertEqual(self.next_hops(), addresses(4), "nobody has told the router")
        self.eventually(left, self.next_hops, 9 + 3)
        lab("heal", "worker-02")

    def test_6_a_change_that_cuts_the_sessions_is_taken_back(self):
        self.eventually(addresses(4), self.next_hops)
        before = {router: vtysh(router, "show running-config") for router in ROUTERS}
        self.change(("asn: 64512", "asn: 64599"), ("bgp: 20s", "bgp: 10s"))  # the nodes keep the old one
        run = self.clusterctl("router", "apply", self.inventory, "--yes", status=5)
        self.assertRegex(run.said(), r"no longer established: 10\.77\.0\.11 ")
        self.assertEqual(vtysh("router-01", "show running-config"), before["router-01"])
        self.assertEqual(vtysh("router-02", "show running-config"), before["router-02"], "they come one after the other")
        self.assertNotIn("ipv4 remote-as 64599", enter("router-01", "cat", "/etc/frr/frr.conf"))

    def test_6_a_router_that_nobody_confirms_takes_the_change_back_by_itself(self):
        before = vtysh("router-01", "show running-config")
        self.change(("asn: 64512", "asn: 64599"))
        run = self.start("router", "apply", self.inventory, "--yes")
        self.assertTrue(run.wait_for(r"routers router-01 +changed .* by the difference"), run.said())
        run.kill()
        self.assertNotEqual(vtysh("router-01", "show running-config"), before)
        self.eventually(before, lambda: vtysh("router-01", "show running-config"), 20 + 5)
        self.change()
        self.assertRegex(self.clusterctl("guard", "status", self.inventory, "router-01").output, "deadline")
        established = dict.fromkeys(addresses(4) | addresses(6), "Established")
        self.eventually(established, lambda: {
            address: state for address, state in sessions("router-01").items() if address in established})
        self.eventually(0, lambda: self.start("router", "verify", self.inventory).finish().status)

    def test_7_a_node_that_has_left_the_inventory_leaves_the_router_and_nobody_else_notices(self):
        def connections():
            peers = json.loads(vtysh("router-01", "show bgp neighbors json"))
            return {address: peer["connectionsEstablished"] for address, peer in peers.items()
                    if peer["bgpState"] == "Established"}
        before = connections()
        self.change(('"worker-[01-02]": {address: ["10.77.0.[21-22]", "fd77::[21-22]"]}',
                     'worker-01: {address: [10.77.0.21, "fd77::21"]}'))
        self.clusterctl("router", "apply", self.inventory, "--yes")
        gone = {"10.77.0.22", "fd77::22"}
        self.assertEqual(connections(), {address: count for address, count in before.items() if address not in gone})
        self.assertNotIn("worker-02", vtysh("router-01", "show running-config"))

    def test_8_what_the_inventory_no_longer_has_is_announced_no_longer(self):
        self.change(("    router-02: {connectRetry: 2s}\n", ""))
        self.bootstrap()
        self.assertEqual(sessions("router-02"), {})
        self.assertNotIn("clusterctl", vtysh("router-02", "show running-config"))
        peers = json.loads(kubectl("get", "ciliumbgppeerconfigs", "-o", "json"))["items"]
        self.assertEqual({peer["metadata"]["name"] for peer in peers}, {"router-01-ipv4", "router-01-ipv6"})
        self.assertIn("nothing to do", self.bootstrap().said())

    def test_9_what_a_person_set_on_the_router_is_still_there(self):
        configuration = vtysh("router-01", "show running-config")
        for line in BY_HAND[1:]:
            self.assertIn(line, configuration)


if __name__ == "__main__":
    unittest.main(verbosity=2)
