"""A living cluster's Cilium led to another version, one node at a time, while a client uses the API."""

import unittest

from .harness import LAB_DIR, VIP, LifeCase, enter, kubectl, lab
from .test_upgrade import Client

FIRST, NEXT, CUTTING = "1.19.4", "1.20.1", "1.20.2"
SERVERS = ["dpu-01", "dpu-02", "dpu-03"]
NODES = [*SERVERS, "worker-01"]
INVENTORY = f"""\
version: 1
name: lab
ssh: {{user: ubuntu, identityFile: {LAB_DIR}/ssh/id_ed25519, knownHosts: {LAB_DIR}/ssh/known_hosts}}
k3s: {{version: v1.35.7+k3s1, token: {{file: {LAB_DIR}/token}}, artifacts: {{directory: {LAB_DIR}/artifacts}}}}
network: {{pods: 10.142.0.0/16, services: 10.143.0.0/16}}
cilium: {{version: {FIRST}}}
endpoint: {{kubeVip: {VIP}}}
guard: {{window: 20s}}
deadlines: {{cilium: 40s}}
defaults: {{dpus: {{arch: amd64, deadlineFactor: 1}}}}
dpus:
  dpu-01: {{address: 10.77.0.11, primary: true}}
  dpu-02: {{address: 10.77.0.12}}
  dpu-03: {{address: 10.77.0.13}}
workers:
  worker-01: {{address: 10.77.0.21}}
"""


def pods(label="cilium"):
    """Of each node the name and the version of its pod."""
    lines = kubectl("get", "pods", "-n", "kube-system", "-l", f"k8s-app={label}", "-o",
                    r'jsonpath={range .items[*]}{.spec.nodeName} {.metadata.name} {.spec.containers[0].image}{"\n"}{end}')
    return {node: (name, image.rpartition(":v")[2]) for node, name, image in map(str.split, lines.splitlines())}


def versions():
    return {node: version for node, (_, version) in pods().items()}


def of_daemonset(path, name="cilium"):
    return kubectl("get", "daemonset", name, "-n", "kube-system", "-o", f"jsonpath={path}")


class CiliumUpgradeTest(LifeCase):
    """One life of a cluster, in order."""

    TEXT = INVENTORY

    def upgrade(self, version, *arguments, status=0):
        return self.clusterctl("upgrade", self.inventory, "--cilium", version, "--yes", *arguments, status=status)

    def write(self, cilium):
        with open(self.inventory, "w", encoding="utf-8") as file:
            file.write(INVENTORY.replace(f"cilium: {{version: {FIRST}}}", f"cilium: {{{cilium}}}"))

    def test_1_what_cannot_be_is_refused_before_anything_is_changed(self):
        self.bootstrap()
        self.assertIn("minor versions must not be skipped", self.upgrade("1.21.0", status=1).said())
        self.assertIn("two upgrades", self.upgrade(NEXT, "--to", "v1.35.8+k3s1", "--limit", "dpu-01", status=64).said())
        # A version that no repository has: the chart's job gives up, and all is as it was.
        before = pods()
        self.assertRegex(self.upgrade("1.20.99", status=5).said(), r"cilium-chart +dpu-01 .*everything is as it was")
        self.assertEqual(pods(), before)
        self.eventually("RollingUpdate", lambda: of_daemonset("{.spec.updateStrategy.type}"))

    def test_2_a_node_that_misses_its_gate_goes_back_and_the_others_keep_what_they_have(self):
        lab("fault", "worker-01", "cilium-never-ready", NEXT)
        client = Client(self.directory)
        try:
            run = self.upgrade(NEXT, status=5)
        finally:
            seen = client.end()
        self.assertRegex(run.said(), r"worker-01: Cilium 1\.19\.4")
        self.assertRegex(run.said(), r"dpu-02: Cilium 1\.20\.1, Ok")
        self.eventually({**dict.fromkeys(SERVERS, NEXT), "worker-01": FIRST}, versions)
        self.assertEqual(of_daemonset("{.spec.updateStrategy.type}"), "OnDelete")
        self.assertGreaterEqual(client.fewest, 2)
        print(f"\n{seen['asked']} requests through the endpoint, {seen['failed']} failed, the longest gap {seen['gap']:.1f} s")
        self.assertIn("an upgrade of Cilium is under way", self.bootstrap(status=1).said())
        lab("heal", "worker-01")

    def test_3_killed_in_its_turn_the_next_run_ends_it_and_nobodys_turn_is_done_twice(self):
        before = pods()
        run = self.start("upgrade", self.inventory, "--cilium", NEXT, "--yes")
        self.assertTrue(run.wait_for(r"cilium-agents +worker-01 +waiting"), run.said())
        run.kill()
        run = self.upgrade(NEXT)
        after = pods()
        self.assertEqual(versions(), dict.fromkeys(NODES, NEXT))
        self.assertEqual({node: after[node] for node in SERVERS}, {node: before[node] for node in SERVERS})
        self.assertEqual({version for _, version in pods("cilium-envoy").values()}, {f"1.36-{NEXT}"})
        for name in ("cilium", "cilium-envoy"):
            self.assertEqual(of_daemonset("{.spec.updateStrategy.type}", name), "RollingUpdate")
        self.assertIn(f"write 'version: {NEXT}' and 'upgradeCompatibility: {FIRST}' below 'cilium'", run.said())
        self.assertEqual(enter("dpu-01", "k3s", "kubectl", "get", "configmap", "clusterctl-cilium-upgrade", "-n",
                               "kube-system", "--ignore-not-found"), "")
        self.write(f"version: {NEXT}")
        self.assertIn(f"write 'upgradeCompatibility: {FIRST}'", self.bootstrap(status=1).said())
        self.write(f"version: {NEXT}, upgradeCompatibility: {FIRST}")
        self.assertIn("nothing to do", self.bootstrap().said())
        self.assertIn("nothing to do", self.upgrade(NEXT).said())
        self.assertEqual(pods(), after)

    def test_4_a_version_that_cuts_ssh_is_taken_back_by_the_guard_and_the_way_back_is_the_same_verb(self):
        before = pods()
        for node in SERVERS:
            lab("fault", node, "cilium-cuts-ssh", CUTTING)
        run = self.upgrade(CUTTING, status=5)
        self.assertRegex(run.said(), r"cilium-agents +dpu-0\d .*guard fired")
        self.eventually(dict.fromkeys(NODES, NEXT), versions)
        after = pods()
        self.assertEqual(len([node for node in NODES if before[node] != after[node]]), 1, "one node's turn, and no other")
        for node in SERVERS:
            self.assertEqual(lab("ssh", node, "true").returncode, 0)
        self.upgrade(NEXT)
        self.assertEqual(pods(), after, "they have it all")
        self.assertEqual(of_daemonset("{.spec.updateStrategy.type}"), "RollingUpdate")


if __name__ == "__main__":
    unittest.main(verbosity=2)
