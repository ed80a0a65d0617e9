"""Proves BGP in the lab: one node, one router with FRR, objects by kubectl. Needs root; it ends a lab that is up.

    sudo /usr/bin/python3 lab/tests/test_bgp.py
"""

import json
import os
import sys
import tempfile
import unittest

sys.path.insert(0, os.path.dirname(os.path.realpath(__file__)))

from by_hand import (  # noqa: E402
    CILIUM, api_is_ready, cilium_is_ok, condition, get, install, kubectl, lab, put, server_config, ssh, until,
)

NODE = {4: "10.77.0.11", 6: "fd77::11"}
ROUTER = {4: "10.77.0.201", 6: "fd77::201"}
HOLD_SECONDS = 9
INVENTORY = f"""\
ssh: {{user: ubuntu}}
dpus:
  dpu-01: {{address: [{NODE[4]}, "{NODE[6]}"], primary: true}}
routers:
  router-01: {{platform: linux-frr, address: [{ROUTER[4]}, "{ROUTER[6]}"], asn: 64513}}
"""
FRR = f"""\
router bgp 64513
bgp router-id {ROUTER[4]}
no bgp ebgp-requires-policy
no bgp default ipv4-unicast
neighbor {NODE[4]} remote-as 64512
neighbor {NODE[4]} password a-word
neighbor {NODE[6]} remote-as 64512
address-family ipv4 unicast
neighbor {NODE[4]} activate
exit-address-family
address-family ipv6 unicast
neighbor {NODE[6]} activate
exit-address-family
exit
"""
OBJECTS = f"""\
apiVersion: v1
kind: Secret
metadata: {{name: router, namespace: kube-system}}
stringData: {{password: a-word}}
---
apiVersion: cilium.io/v2
kind: CiliumBGPClusterConfig
metadata: {{name: routers, namespace: anywhere}}
spec:
  nodeSelector: {{matchLabels: {{kubernetes.io/os: linux}}}}
  bgpInstances:
  - name: lab
    localASN: 64512
    peers:
    - {{name: four, peerASN: 64513, peerAddress: {ROUTER[4]}, peerConfigRef: {{name: four}}}}
    - {{name: six, peerASN: 64513, peerAddress: "{ROUTER[6]}", peerConfigRef: {{name: six}}}}
---
apiVersion: cilium.io/v2
kind: CiliumBGPPeerConfig
metadata: {{name: four}}
spec:
  authSecretRef: router
  timers: {{keepAliveTimeSeconds: 3, holdTimeSeconds: {HOLD_SECONDS}, connectRetryTimeSeconds: 5}}
  families: [{{afi: ipv4, safi: unicast, advertisements: {{matchLabels: {{advertise: bgp}}}}}}]
---
apiVersion: cilium.io/v2
kind: CiliumBGPPeerConfig
metadata: {{name: six}}
spec:
  timers: {{keepAliveTimeSeconds: 3, holdTimeSeconds: {HOLD_SECONDS}, connectRetryTimeSeconds: 5}}
  families: [{{afi: ipv6, safi: unicast, advertisements: {{matchLabels: {{advertise: bgp}}}}}}]
---
apiVersion: cilium.io/v2
kind: CiliumBGPAdvertisement
metadata: {{name: all, labels: {{advertise: bgp}}}}
spec:
  advertisements:
  - {{advertisementType: PodCIDR, attributes: {{communities: {{standard: ["64512:100"]}}}}}}
  - {{advertisementType: Service, service: {{addresses: [LoadBalancerIP]}}, selector: {{matchLabels: {{tier: front}}}}}}
"""
SERVICE = """\
apiVersion: cilium.io/v2
kind: CiliumLoadBalancerIPPool
metadata: {name: pool}
spec: {allowFirstLastIPs: "No", blocks: [{cidr: 10.99.0.0/28}, {cidr: "fd99::/120"}]}
---
apiVersion: v1
kind: Service
metadata: {name: web, namespace: default, labels: {tier: front}}
spec: {type: LoadBalancer, ipFamilies: [IPv4, IPv6], ports: [{port: 80}]}
"""


def start_node():
    """A server of both families with Cilium and its BGP control plane."""
    config = server_config("dpu-01", "cluster-init: true\n")
    for one, both in (("node-ip: 10.77.0.11", f"node-ip: 10.77.0.11,{NODE[6]}"),
                      ("cluster-cidr: 10.142.0.0/16", "cluster-cidr: 10.142.0.0/16,fd42::/56"),
                      ("service-cidr: 10.143.0.0/16", "service-cidr: 10.143.0.0/16,fd43::/112")):
        config = config.replace(one, both)
    install("dpu-01", config)
    until("the API on dpu-01", api_is_ready)
    chart = CILIUM.replace("HOST", "127.0.0.1").replace("BOOTSTRAP", "true")
    kubectl("apply -f -", text=chart + "    bgpControlPlane: {enabled: true}\n")
    until("dpu-01 Ready", lambda: condition("dpu-01", "Ready"))
    until("Cilium on dpu-01", lambda: cilium_is_ok("dpu-01"))
    until("the pool's definition", lambda: bool(get("crd ciliumloadbalancerippools.cilium.io")) or "none")


def vtysh(command):
    return json.loads(ssh("router-01", f"sudo vtysh -c '{command} json'").stdout or "{}")


def routes(version):
    """The router's BGP routes that are in its kernel, with their next hops."""
    shown = vtysh(f"show {'ip' if version == 4 else 'ipv6'} route bgp")
    return {prefix: [hop.get("ip") for hop in entries[0]["nexthops"] if hop.get("fib")]
            for prefix, entries in shown.items() if entries[0].get("installed")}


def has_routes(version, *prefixes):
    wanted = {prefix: [NODE[version]] for prefix in prefixes}
    return lambda: (found := routes(version)) == wanted or found


def peers():
    """Sessions as Cilium on the node shows them."""
    answer = ssh("dpu-01", "sudo k3s crictl exec $(sudo k3s crictl ps --name cilium-agent -q) "
                           "cilium-dbg bgp peers -o json", check=False)
    return json.loads(answer.stdout) if answer.returncode == 0 else answer.stderr


def states():
    return {session["peer-address"]: session["session-state"] for session in peers()}


@unittest.skipUnless(os.geteuid() == 0, "the lab needs root")
@unittest.skipUnless(os.environ.get("THOROUGH") == "1", "only 'make test-all' runs it")
class Routes(unittest.TestCase):
    """One life of a node, in order."""

    @classmethod
    def setUpClass(cls):
        lab("down")
        with tempfile.NamedTemporaryFile("w", suffix=".yaml") as file:
            file.write(INVENTORY)
            file.flush()
            lab("up", file.name)
        cls.addClassCleanup(lab, "down")
        put("router-01", "/etc/frr/lab.conf", FRR)
        ssh("router-01", "sudo vtysh -f /etc/frr/lab.conf")
        start_node()

    def test_1_without_objects_there_are_no_sessions(self):
        self.assertEqual(peers(), [])
        self.assertEqual(ssh("dpu-01", "systemctl is-active frr", check=False).stdout, "inactive\n")

    def test_2_sessions_of_both_families_are_established(self):
        kubectl("apply -f -", text=OBJECTS)
        self.assertNotIn("namespace", get("ciliumbgpclusterconfig routers")["metadata"])
        until("both sessions", lambda: states() == dict.fromkeys(ROUTER.values(), "established") or states())
        summary = vtysh("show bgp summary")
        self.assertEqual({address: peer["state"] for family in summary.values()
                          for address, peer in family["peers"].items()}, dict.fromkeys(NODE.values(), "Established"))
        self.assertEqual(ssh("dpu-01", "sudo ss -Hltn sport = :179").stdout, "")  # as Cilium: it only calls

    def test_3_pod_networks_are_routes_to_the_node(self):
        until("the pod network", has_routes(4, "10.142.0.0/24"))
        until("the pod network", has_routes(6, "fd42::/64"))
        self.assertEqual([family["advertised"] for session in peers() for family in session["families"]], [1, 1])
        self.assertEqual(vtysh("show bgp ipv4 unicast 10.142.0.0/24")["paths"][0]["community"]["string"], "64512:100")

    def test_4_granted_addresses_are_routes_to_the_node_and_answer(self):
        before = min(session["uptime-nanoseconds"] for session in peers())
        kubectl("apply -f -", text=SERVICE)
        until("routes", has_routes(4, "10.142.0.0/24", "10.99.0.1/32"))
        until("routes", has_routes(6, "fd42::/64", "fd99::1/128"))
        self.assertGreater(min(session["uptime-nanoseconds"] for session in peers()), before)
        available = {entry["type"]: entry["message"]
                     for entry in get("ciliumloadbalancerippool pool")["status"]["conditions"]}
        self.assertEqual(available["cilium.io/IPsAvailable"], str(14 + 254 - 2))
        for prefix, address, url in (("10.99.0.0/28", ROUTER[4], "http://10.99.0.1"),
                                     ("fd99::/120", ROUTER[6], "http://[fd99::1]")):
            lab("exec", "--", "ip", "route", "replace", prefix, "via", address)
            until("an answer", lambda url=url: lab("exec", "--", "curl", "-s", "-m", "2", url, check=False).stdout
                  == "dpu-01 answers for default/web\n" or "none", 15)

    def test_5_a_session_outlives_k3s_and_is_taken_over(self):
        ssh("dpu-01", "sudo systemctl restart k3s")
        until("Cilium on dpu-01", lambda: cilium_is_ok("dpu-01"))
        kubectl("delete service web")
        until("one route less", has_routes(4, "10.142.0.0/24"))
        self.assertEqual([peer["connectionsDropped"] for family in vtysh("show bgp summary").values()
                          for peer in family["peers"].values()], [0, 0])

    def test_6_routes_are_gone_after_the_hold_time_when_the_power_is_cut(self):
        lab("fault", "dpu-01", "cable-pulled")  # else this machine's kernel closes the dead node's connections
        lab("fault", "dpu-01", "power-off")
        self.assertEqual(routes(4), {"10.142.0.0/24": [NODE[4]]})  # nobody told the router
        for version in (4, 6):
            until("no routes", has_routes(version), HOLD_SECONDS + 3)


if __name__ == "__main__":
    unittest.main(verbosity=2)
