"""The examples in `inventories/` that stand for the accounts this tool was conceived from, carried out as they are written.

Only what names a place is changed, by `in_the_lab`. Not here, because their like have lives of their own: `keepalived.yaml`
(`test_keepalived.py`), which the lab carries out in the same way; and `dual-stack-bgp.yaml` (`test_bgp.py`), whose router it
has on Linux only, not on FreeBSD, and whose endpoint is a name that nodes of the lab know from /etc/hosts alone.
"""

import json
import os
import re
import unittest

from .harness import LAB_DIR, ROOT, LifeCase, enter, kubectl, lab, thorough


def in_the_lab(name, *ranges):
    """The text of an example with the lab's SSH, release files and kind of machine, short times, and fewer members in ranges.

    A router's address ends in 254 instead of 1: the lab's controller has the first one of the nodes' network.
    """
    with open(os.path.join(ROOT, "inventories", name), encoding="utf-8") as file:
        text, routers, rest = file.read().partition("\nrouters:")
    text += routers + re.sub(r"(address: [0-9.]+)\.1\b", r"\1.254", rest, count=1)
    keys = f"identityFile: {LAB_DIR}/ssh/id_ed25519, knownHosts: {LAB_DIR}/ssh/known_hosts"
    for old, new in [("\nssh: {", f"\nssh: {{{keys}, "), ("\nk3s:\n", f"\nk3s:\n  artifacts: {{directory: {LAB_DIR}/artifacts}}\n"),
                     *ranges]:
        if text.count(old) != 1:
            raise AssertionError(f"{old!r} is {text.count(old)} times in {name}")
        text = text.replace(old, new)
    return text + "guard: {window: 20s}\ndefaults: {dpus: {arch: amd64, deadlineFactor: 1}}\n"


class SeedCase(LifeCase):
    """One life of a cluster, in order; the token comes from the environment, as the examples have it."""

    def start(self, *arguments, **options):
        with open(os.path.join(LAB_DIR, "token"), encoding="utf-8") as file:
            os.environ["K3S_TOKEN"] = file.read().strip()
        self.addCleanup(os.environ.pop, "K3S_TOKEN", None)
        return super().start(*arguments, **options)

    def assert_second_run_finds_nothing_to_do_and_all_checks_hold(self):
        self.assertIn("nothing to do", self.bootstrap().said())
        self.assertRegex(self.clusterctl("verify", self.inventory).output, r"all \d+ checks hold")

    def ready(self, node):
        items = json.loads(kubectl("get", "nodes", "-o", "json", node=node))["items"]
        return {item["metadata"]["name"] for item in items for condition in item["status"]["conditions"]
                if condition["type"] == "Ready" and condition["status"] == "True"}


class DisklessTest(SeedCase):
    """Three DPUs with kube-vip before them, and machines that clusterctl only looks at."""

    TEXT = in_the_lab("diskless.yaml", ("[01-20]", "[01-02]"), ("[101-120]", "[101-102]"))
    DPUS = ["c4140", "r640", "r740xd"]
    RACK = ["rack1-01", "rack1-02"]

    def test_1_three_dpus_and_the_machines_of_their_operator_become_a_cluster(self):
        tree = os.path.join(self.directory, "rendered")
        self.clusterctl("render", self.inventory, "--to", tree)
        for node in self.RACK:
            lab("switch", node, tree)
        self.bootstrap()
        self.assertEqual(self.ready("c4140"), {*self.DPUS, *self.RACK})
        holders = [node for node in self.DPUS if "inet 10.42.67.100/" in enter(node, "ip", "addr")]
        self.assertEqual(len(holders), 1)
        self.assert_second_run_finds_nothing_to_do_and_all_checks_hold()

    def test_2_nothing_of_clusterctls_is_on_the_machines_of_their_operator(self):
        def brought(node):
            return enter(node, "find", "/var/lib/clusterctl", "/usr/local/bin/k3s", "-maxdepth", "0", check=False).split()
        self.assertEqual(brought("r640"), ["/var/lib/clusterctl", "/usr/local/bin/k3s"])
        for node in self.RACK:
            self.assertEqual(brought(node), [])

    def test_2_each_dpu_keeps_the_link_to_its_host_from_cilium(self):
        for node in self.DPUS:
            status = json.loads(enter(node, "sh", "-c", "k3s crictl exec $(k3s crictl ps --name cilium-agent -q) "
                                      "cilium-dbg status -o json"))
            self.assertIn("tmfifo_net0", enter(node, "ls", "/sys/class/net"))
            self.assertEqual(status["devices"], ["eth0"])


@thorough
class UniFiTest(SeedCase):
    """Three servers and a gateway that speaks BGP. The gateway is FRR of Debian's without what UniFi's has not.

    That FRR, its files and its commands are the same there is UniFi's word; a gateway has not been tried.
    """

    TEXT = in_the_lab("unifi-bgp.yaml")
    SERVERS = ["cat01", "cat02", "cat03"]
    ADDRESSES = {"10.31.0.218", "10.31.0.161", "10.31.0.132"}

    def routes(self):
        shown = json.loads(enter("gateway", "vtysh", "-c", "show ip route bgp json") or "{}")
        return {prefix: {hop["ip"] for hop in entries[0]["nexthops"] if hop.get("fib")}
                for prefix, entries in shown.items() if entries[0].get("installed")}

    def test_1_a_gateway_whose_switch_for_bgp_is_off_is_refused_and_told_where_it_is(self):
        enter("gateway", "rm", "/usr/lib/frr/frr-reload.py")
        enter("gateway", "sed", "-i", "s/^bgpd=yes$/bgpd=no/", "/etc/frr/daemons")
        enter("gateway", "systemctl", "restart", "frr")
        run = self.bootstrap(status=1)
        self.assertIn("switch BGP on in UniFi Network, Settings > Routing > BGP", run.said())
        self.assertEqual(enter("cat01", "ls", "/etc/rancher", check=False), "", "nothing is begun before that")

    def test_2_the_gateway_has_a_way_to_the_endpoint_by_every_server(self):
        enter("gateway", "sed", "-i", "s/^bgpd=no$/bgpd=yes/", "/etc/frr/daemons")
        enter("gateway", "systemctl", "restart", "frr")
        self.bootstrap()
        self.assertEqual(self.ready("cat01"), set(self.SERVERS))
        self.assertEqual(self.routes(), {"10.32.0.80/32": self.ADDRESSES})
        self.assertEqual(enter("gateway", "curl", "-sk", "-m", "5", "https://10.32.0.80:6443/ping"), "pong")
        self.assertIn("clusterctl-unifi-ipv4", enter("gateway", "cat", "/etc/frr/frr.conf"), "kept for a restart")
        self.assert_second_run_finds_nothing_to_do_and_all_checks_hold()

    def test_3_the_addons_run_and_argo_cd_finds_its_applications(self):
        listed = kubectl("get", "helmcharts", "-n", "kube-system", "-o", "name", node="cat01").split()
        self.assertEqual({name.rpartition("/")[2] for name in listed}, {"cilium", "traefik", "cert-manager", "external-dns"})
        tree = os.path.join(self.directory, "rendered")
        self.clusterctl("render", self.inventory, "--to", tree)
        self.assertEqual(len(os.listdir(os.path.join(tree, "argocd", "applications"))), 3)


if __name__ == "__main__":
    unittest.main(verbosity=2)
