"""Nodes that come into a living cluster, leave it, and give way to other machines; the primary among them."""

import unittest

from .harness import LAB_DIR, VIP, LifeCase, enter, etcdctl, kubectl, lab
from .test_upgrade import Client

SERVERS = ["dpu-01", "dpu-02", "dpu-03"]
READY = 'jsonpath={.status.conditions[?(@.type=="Ready")].status}'
INVENTORY = f"""\
version: 1
name: lab
ssh: {{user: ubuntu, identityFile: {LAB_DIR}/ssh/id_ed25519, knownHosts: {LAB_DIR}/ssh/known_hosts}}
k3s:
  version: v1.35.7+k3s1
  artifacts: {{directory: {LAB_DIR}/artifacts}}
network: {{pods: 10.142.0.0/16, services: 10.143.0.0/16}}
cilium: {{version: 1.19.4}}
endpoint: {{kubeVip: {VIP}}}
guard: {{window: 20s}}
deadlines: {{replicas: 90s, workers: 45s}}
defaults: {{dpus: {{arch: amd64, deadlineFactor: 1}}}}
dpus:
  dpu-01: {{address: 10.77.0.11, primary: true}}
  dpu-02: {{address: 10.77.0.12}}
  dpu-03: {{address: 10.77.0.13}}
workers:
  worker-01: {{address: 10.77.0.21}}
"""


def members():
    """Name and whether it is a learner, of each member of etcd, as etcd says on a server that has lived all the time."""
    lines = [line.split(", ") for line in etcdctl("member", "list", node="dpu-02").splitlines() if line]
    return {words[2].rpartition("-")[0]: words[5] for words in lines}


def started():
    return {node: enter(node, "systemctl", "show", "-p", "InvocationID", "k3s.service") for node in SERVERS[1:]}


class NodesTest(LifeCase):
    """One life of a cluster, in order."""

    TEXT = INVENTORY

    def node(self, *arguments, status=0):
        verb, *rest = arguments
        return self.clusterctl("node", verb, self.inventory, *rest, "--yes", status=status)

    def test_1_the_primary_is_lost_and_another_machine_takes_its_place(self):
        self.bootstrap()
        kubectl("create", "configmap", "from-before")
        # The token was made on the machine that is lost now.
        self.assertIn("nothing to do", self.node("replace", "dpu-01").said(), "it serves")
        before = started()
        client = Client(self.directory)
        try:
            lab("fault", "dpu-01", "power-off")
            self.assertIn("dpu-01: error: ", self.node("replace", "dpu-01", status=4).said())
            lab("reset", "dpu-01")
            said = self.bootstrap(status=1).said()
            self.assertIn("a second cluster would be started", said)
            self.assertIn("clusterctl node replace INVENTORY dpu-01", said)
            self.eventually("Unknown", lambda: kubectl("get", "node", "dpu-01", "-o", READY, node="dpu-02"))

            killed = []
            for mark in [r"forget-node +dpu-01 .*passed", r"replicas +dpu-01 +waiting"]:
                run = self.start("node", "replace", self.inventory, "dpu-01", "--yes")
                if run.wait_for(mark):
                    killed.append(mark)
                run.kill()
            self.assertEqual(len(killed), 2)
            run = self.node("replace", "dpu-01")
        finally:
            seen = client.end()
        self.assertNotIn("forget-node  dpu-01  applying", run.said(), "what has come back is not forgotten again")
        self.assertEqual(members(), dict.fromkeys(SERVERS, "false"))
        self.assertEqual(kubectl("get", "configmap", "from-before", "-o", "name").strip(), "configmap/from-before")
        self.assertEqual(started(), before, "nobody else was started anew")
        self.assertEqual(len({enter(node, "cat", "/etc/rancher/k3s/token").strip() for node in SERVERS}), 1)
        there = set(kubectl("get", "configmaps", "-o", "jsonpath={.items[*].metadata.name}").split())
        self.assertEqual(set(seen["written"]) - there, set(), "what was said to be written is there")
        print(f"\n{seen['asked']} requests through the endpoint, {seen['failed']} failed, the longest gap {seen['gap']:.1f} s; "
              f"{len(seen['written'])} objects written")

    def test_2_the_next_runs_find_nothing_to_do(self):
        self.assertIn("nothing to do", self.node("replace", "dpu-01").said())
        self.assertIn("nothing to do", self.bootstrap().said())

    def test_3_a_worker_and_a_server_leave_and_come_again(self):
        run = self.node("remove", "worker-01")
        self.assertRegex(run.said(), r"drain-leaving +worker-01 .*passed")
        self.assertIn("delete worker-01 from the inventory", run.said())
        self.assertEqual(kubectl("get", "node", "worker-01", "--ignore-not-found", "-o", "name"), "")
        self.assertEqual(enter("worker-01", "systemctl", "is-active", "k3s-agent.service", check=False).strip(), "inactive")
        self.assertEqual(enter("worker-01", "find", "/etc/rancher", "-type", "f"), "")
        # What the run has told to do.
        with open(self.inventory, "w", encoding="utf-8") as file:
            file.write(self.TEXT.partition("workers:\n")[0])

        client = Client(self.directory)
        try:
            run = self.node("remove", "dpu-03")
        finally:
            seen = client.end()
        self.assertIn("with 2 members etcd stands the loss of 0 of them", run.said())
        self.assertRegex(run.said(), r"(?s)upgrade-servers +dpu-02 .*passed.*leave +dpu-03 ", "while three serve")
        self.assertEqual(members(), dict.fromkeys(SERVERS[:2], "false"))
        self.assertNotIn("10.77.0.13", enter("dpu-01", "cat", "/etc/rancher/k3s/config.yaml"))
        self.assertIn("nothing to do", self.node("remove", "dpu-03").said())
        self.assertGreaterEqual(client.fewest, 2)
        print(f"\na server leaves: {seen['asked']} requests, {seen['failed']} failed, the longest gap {seen['gap']:.1f} s")

        with open(self.inventory, "w", encoding="utf-8") as file:
            file.write(self.TEXT)
        self.node("add", "dpu-03", "worker-01")
        self.assertEqual(kubectl("get", "node", "worker-01", "-o", READY), "True")
        self.assertEqual(members(), dict.fromkeys(SERVERS, "false"))
        self.assertIn("nothing to do", self.bootstrap().said())


if __name__ == "__main__":
    unittest.main(verbosity=2)
