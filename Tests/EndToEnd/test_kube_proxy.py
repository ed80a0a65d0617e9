"""A living cluster with kube-proxy led away from it, while clients use it; and what it has left, removed."""

import json
import re
import unittest

from .harness import LAB_DIR, MANAGED, NODES, LifeCase, enter, kubectl, lab
from .test_upgrade import Client

SERVERS = ["dpu-01", "dpu-02", "dpu-03"]
SAVERS = ["iptables-nft-save", "ip6tables-nft-save", "iptables-legacy-save", "ip6tables-legacy-save"]
OWNED = re.compile(r"KUBE-(SERVICES|NODEPORTS|POSTROUTING|MARK-MASQ|PROXY-CANARY|FORWARD|EXTERNAL-SERVICES|PROXY-FIREWALL|SVC-|SEP-)")
INVENTORY = f"""\
version: 1
name: lab
ssh: {{user: ubuntu, identityFile: {LAB_DIR}/ssh/id_ed25519, knownHosts: {LAB_DIR}/ssh/known_hosts}}
k3s:
  version: v1.35.7+k3s1
  token: {{file: {LAB_DIR}/token}}
  artifacts: {{directory: {LAB_DIR}/artifacts}}
network: {{pods: 10.142.0.0/16, services: 10.143.0.0/16}}
cilium: {{version: 1.19.4}}
endpoint: {{kubeVip: 10.77.0.100}}
guard: {{window: 20s}}
deadlines: {{verify: 40s}}
defaults: {{dpus: {{arch: amd64, deadlineFactor: 1}}}}
dpus:
  dpu-01: {{address: 10.77.0.11, primary: true}}
  dpu-02: {{address: 10.77.0.12}}
  dpu-03: {{address: 10.77.0.13}}
workers:
  worker-01: {{address: 10.77.0.21}}
  nixos-01: {{address: 10.77.0.22, os: nixos, manage: verify}}
"""
# What a site has of its own: its chains go with nobody, nor do its rules.
SITE = """
for program in iptables-nft ip6tables-nft iptables-legacy ip6tables-legacy; do
    $program -t nat -N site && $program -t nat -A site -p tcp --dport 8080 -j REDIRECT --to-ports 80 &&
        $program -t nat -I PREROUTING -m comment --comment 'not -j KUBE-SERVICES' -j site || exit 1
    $program -N KUBE-SVC-of-the-site && $program -A INPUT -p tcp --dport 9 -j KUBE-SVC-of-the-site || exit 1
done
"""


def runs(node):
    return "10249" in enter(node, "ss", "-Hltn", "sport", "=", "10249", check=False)


def rules(node):
    """All rules of the node, without counters; and those of them that have to do with kube-proxy."""
    lines = []
    for saver in SAVERS:
        text = enter(node, saver)
        lines += [re.sub(r" \[.*", "", line) for line in text.splitlines() if not line.startswith("#")]
    return [line for line in lines if not OWNED.search(line) or "site" in line], [
        line for line in lines if OWNED.search(line) and "site" not in line]


class KubeProxyTest(LifeCase):
    """One life of a cluster, in order."""

    TEXT = INVENTORY

    def kube_proxy(self, *arguments, status=0):
        return self.clusterctl("kube-proxy", arguments[0], self.inventory, *arguments[1:], status=status)

    def column(self):
        run = self.start("status", self.inventory, "-o", "json").finish()
        return {node["name"]: (node["kubeProxy"]["runs"], node["kubeProxy"]["chains"] > 0, node["kubeProxyReplacement"])
                for node in json.loads(run.output)["nodes"]}, run.status

    def ready(self):
        text = kubectl("get", "nodes", "-o", 'jsonpath={range .items[*]}{.status.conditions[?(@.type=="Ready")].status} {end}',
                       check=False)
        return text.split()

    def test_1_a_cluster_that_still_has_it(self):
        """As one that was built with kube-proxy on: K3s' default, and Cilium beside it."""
        self.switch_nixos()
        self.bootstrap()
        values = kubectl("get", "helmchart", "cilium", "-n", "kube-system", "-o", "jsonpath={.spec.valuesContent}")
        self.assertIn("kubeProxyReplacement: true", values)
        patch = {"metadata": {"annotations": {"clusterctl.dev/applied": None}},
                 "spec": {"valuesContent": values.replace("kubeProxyReplacement: true", "kubeProxyReplacement: false")}}
        for node in SERVERS:
            enter(node, "sh", "-c", "mkdir -p /etc/rancher/k3s/config.yaml.d && "
                  "echo 'disable-kube-proxy: false' >/etc/rancher/k3s/config.yaml.d/70-site.yaml && systemctl restart k3s.service")
            self.eventually(["True"] * 5, self.ready)
        enter("worker-01", "systemctl", "restart", "k3s-agent.service")
        enter("nixos-01", "systemctl", "restart", "k3s.service")
        kubectl("patch", "helmchart", "cilium", "-n", "kube-system", "--type=merge", "-p", json.dumps(patch))
        for node in NODES:
            enter(node, "sh", "-c", SITE)
        self.eventually(({node: (True, True, False) for node in NODES}, 1), self.column, seconds=90)
        said = self.kube_proxy("clean", "--yes", status=1).said()
        self.assertIn("kube-proxy runs there, and would make its rules anew", said)
        self.assertIn("Cilium does not replace kube-proxy there", said)

    def test_2_what_would_switch_it_on_again_is_refused_before_anything_is_changed(self):
        late = "/etc/rancher/k3s/config.yaml.d/95-late.yaml"
        enter("dpu-02", "sh", "-c", f"echo 'disable-kube-proxy: false' >{late}")
        said = self.kube_proxy("disable", "--yes", status=1).said()
        self.assertIn(f"{late} switches kube-proxy on, and comes after what clusterctl writes", said)
        enter("dpu-02", "rm", late)
        self.assertTrue(all(runs(node) for node in NODES))

    def test_3_it_goes_while_clients_use_the_cluster_and_the_controller_is_killed_in_between(self):
        before = {node: rules(node) for node in NODES}
        self.assertTrue(all(its for _, its in before.values()))
        client = Client(self.directory)
        try:
            run = self.start("kube-proxy", "disable", self.inventory, "--yes")
            self.assertTrue(run.wait_for(r"kube-proxy-servers +dpu-\d+ +waiting"), run.said())
            run.kill()
            run = self.kube_proxy("disable", "--yes", status=1)
        finally:
            seen = client.end()
        print(f"\n{seen['asked']} requests through the endpoint, {seen['failed']} failed, the longest gap {seen['gap']:.1f} s; "
              f"never fewer than {client.fewest} healthy voters")
        self.assertGreaterEqual(client.fewest, 2)
        self.assertRegex(run.said(), r"put off: kube-proxy-workers.nixos-01|kube-proxy runs there until K3s is started anew")
        self.assertRegex(run.said(), r"gone: worker-01: \d+ rules in \d+ chains of \d tables")
        for node in MANAGED:
            kept, its = rules(node)
            self.assertEqual(its, [], node)
            self.assertEqual([line for line in kept if "CILIUM" not in line],
                             [line for line in before[node][0] if "CILIUM" not in line], node)
        self.assertEqual([node for node in NODES if runs(node)], ["nixos-01"])
        self.assertTrue(rules("nixos-01")[1])
        self.assertEqual(self.column(), ({**{node: (False, False, True) for node in MANAGED}, "nixos-01": (True, True, True)}, 1))

    def test_4_a_worker_of_its_operator_is_remembered_and_cleaned_when_that_is_allowed(self):
        enter("nixos-01", "systemctl", "restart", "k3s.service")
        self.eventually(["True"] * 5, self.ready)
        self.eventually((False, True, True), lambda: self.column()[0]["nixos-01"])
        self.assertIn("clusterctl writes to this node only with --clean-verified", self.kube_proxy("disable", "--yes", status=1).said())
        before, its = rules("nixos-01")
        shown = self.kube_proxy("clean", "--dry-run").output
        self.assertEqual(sorted(line[1:] for line in shown.splitlines() if line.startswith("-") and not line.startswith("---")),
                         sorted(re.sub(r"^(:\S+ -).*", r"\1 [0:0]", line) for line in its))
        self.assertEqual(rules("nixos-01"), (before, its), "who only looks changes nothing")

        leading = ["-t", "nat", "-A", "site", "-j", "KUBE-SERVICES"]
        enter("nixos-01", "iptables-nft", *leading)
        run = self.start("kube-proxy", "clean", self.inventory, "--clean-verified", "--yes").finish()
        self.assertNotEqual(run.status, 0)
        self.assertIn("rules that are not kube-proxy's lead to its chains: iptables-nft nat: -A site -j KUBE-SERVICES; nothing",
                      run.said())
        leading[2] = "-D"
        enter("nixos-01", "iptables-nft", *leading)
        self.assertEqual(rules("nixos-01"), (before, its), "all or nothing")

        self.assertRegex(self.kube_proxy("clean", "--clean-verified", "--yes").said(), r"gone: nixos-01: \d+ rules")
        self.assertEqual(rules("nixos-01"), (before, []))
        self.assertEqual(self.column(), ({node: (False, False, True) for node in NODES}, 0))
        for arguments in (["clean", "--yes"], ["disable", "--yes"]):
            self.assertIn("nothing to do", self.kube_proxy(*arguments).said())
        self.assertIn("nothing to do", self.bootstrap().said())

    def test_5_rules_come_back_where_nobody_serves_without_them(self):
        enter("dpu-03", "sh", "-c", """
            iptables-nft -A OUTPUT -d 10.143.0.1 -j DROP && iptables-nft -t nat -N KUBE-SERVICES &&
                iptables-nft -t nat -A KUBE-SERVICES -d 10.143.0.1 -p tcp --dport 443 -j DNAT --to-destination 10.77.0.13:6443 &&
                iptables-nft -t nat -A OUTPUT -m comment --comment 'kubernetes service portals' -j KUBE-SERVICES
            """)
        before = rules("dpu-03")
        run = self.kube_proxy("clean", "--yes", status=5)
        self.assertRegex(run.said(), r"kube-proxy-clean +dpu-03 .*everything is as it was")
        self.assertIn("does not answer dpu-03 at its service address", run.said())
        self.assertNotIn("gone:", run.said())
        self.assertEqual(rules("dpu-03"), before)
        enter("dpu-03", "iptables-nft", "-D", "OUTPUT", "-d", "10.143.0.1", "-j", "DROP")
        self.assertIn("gone: dpu-03: 2 rules in 1 chain of 1 table", self.kube_proxy("clean", "--yes").said())
        self.assertEqual(rules("dpu-03")[1], [])


if __name__ == "__main__":
    unittest.main(verbosity=2)
