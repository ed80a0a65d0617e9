"""Snapshots of etcd, a restore after all data are gone, and servers that are all down."""

import json
import os
import unittest

from .harness import LAB_DIR, VIP, LifeCase, enter, kubectl, lab, thorough

SERVERS = ["dpu-01", "dpu-02", "server-03"]
WORKER = "worker-01"
READY = 'jsonpath={range .items[*]}{.metadata.name}={.status.conditions[?(@.type=="Ready")].status} {end}'
SERVER_DATA = "/var/lib/rancher/k3s/server"
INVENTORY = f"""\
version: 1
name: lab
ssh: {{user: ubuntu, identityFile: {LAB_DIR}/ssh/id_ed25519, knownHosts: {LAB_DIR}/ssh/known_hosts}}
k3s:
  version: v1.35.7+k3s1
  token: {{file: {LAB_DIR}/token}}
  artifacts: {{directory: "{LAB_DIR}/artifacts"}}
network: {{pods: 10.142.0.0/16, services: 10.143.0.0/16}}
cilium: {{version: 1.19.4}}
endpoint: {{kubeVip: {VIP}}}
guard: {{window: 30s}}
deadlines: {{k3sPrimary: 90s, replicas: 90s, workers: 90s}}
defaults: {{dpus: {{arch: amd64, deadlineFactor: 1}}}}
dpus:
  dpu-01: {{address: 10.77.0.11, primary: true}}
  dpu-02: {{address: 10.77.0.12}}
servers:
  server-03: {{address: 10.77.0.13}}
workers:
  {WORKER}: {{address: 10.77.0.21}}
"""


class EtcdTest(LifeCase):
    """One life of a cluster, in order."""

    TEXT = INVENTORY

    def data(self):
        return kubectl("get", "configmaps", "-n", "default", "-o", "jsonpath={range .items[*]}{.metadata.name}={.data.n} {end}")

    def write(self, name, value):
        kubectl("create", "configmap", name, f"--from-literal=n={value}", "-n", "default")

    def members(self, status=0):
        return json.loads(self.clusterctl("etcd", "members", self.inventory, "-o", "json", status=status).output)

    def assert_whole(self):
        members = self.members()
        self.assertEqual({row["node"] for row in members["members"] if row["voter"] and row["healthy"]}, set(SERVERS))
        self.assertTrue(members["quorum"])
        self.eventually({name + "=True" for name in [*SERVERS, WORKER]}, lambda: set(kubectl("get", "nodes", "-o", READY).split()))
        status = self.clusterctl("status", self.inventory).output
        self.assertIn("the API answers there", status)

    def units(self):
        return [enter(node, "systemctl", "is-active", "k3s", check=False).strip() for node in SERVERS]

    def test_1_a_snapshot_is_taken_listed_and_brought_here(self):
        self.bootstrap()
        self.write("before", "1")
        path = os.path.join(self.directory, "kept.db")
        said = self.clusterctl("etcd", "snapshot", self.inventory, "--name", "nightly", "--to", path).output
        self.assertRegex(said, r"^nightly-dpu-01-\d+ on dpu-01, \d+ bytes, brought to ")
        self.assertEqual(os.stat(path).st_mode & 0o777, 0o600)
        listed = json.loads(self.clusterctl("etcd", "list", self.inventory, "-o", "json").output)
        self.assertEqual([row["node"] for row in listed["snapshots"] if row["name"].startswith("nightly-")], ["dpu-01"])
        lab("fault", "dpu-01", "sshd-stopped")
        run = self.clusterctl("etcd", "snapshot", self.inventory, "--name", "away")
        self.assertRegex(run.output, r"^away-dpu-02-\d+ on dpu-02, ")
        self.assertIn("note: going on without dpu-01", run.said())
        lab("heal", "dpu-01")
        self.write("after", "2")
        rows = {row["node"]: row for row in self.members()["members"]}
        self.assertEqual(sum(row["leader"] for row in rows.values()), 1)
        self.assertGreater(rows["dpu-02"]["databaseBytes"], 0)

    def test_2_what_cannot_be_restored_is_refused_and_nothing_is_stopped(self):
        path = os.path.join(self.directory, "kept.db")
        cut = os.path.join(self.directory, "cut.db")
        with open(path, "rb") as source, open(cut, "wb") as target:
            target.write(source.read()[:-100])
        run = self.clusterctl("etcd", "restore", self.inventory, "--from", cut, "--confirm", "lab", status=1)
        self.assertIn("no whole snapshot of etcd", run.said())
        run = self.clusterctl("etcd", "restore", self.inventory, "--from", path, "--confirm", "other", status=1)
        self.assertIn("--confirm says 'other', and the cluster is 'lab'", run.said())
        run = self.clusterctl("etcd", "restore", self.inventory, "no-such", "--confirm", "lab", status=1)
        self.assertIn("there is no snapshot no-such", run.said())
        plan = self.clusterctl("etcd", "restore", self.inventory, "--from", path, "--dry-run").output
        self.assertIn("reset-etcd", plan)
        self.assertEqual(self.units(), ["active"] * 3)

    def test_3_all_data_are_gone_and_come_back_though_the_run_is_killed_again_and_again(self):
        for node in SERVERS:
            enter(node, "systemctl", "kill", "-s", "KILL", "k3s", check=False)
            enter(node, "systemctl", "stop", "k3s")
            enter(node, "rm", "-rf", SERVER_DATA)
        path = os.path.join(self.directory, "kept.db")
        arguments = ["etcd", "restore", self.inventory, "--from", path, "--confirm", "lab"]
        marks = [r"stop-servers +dpu-02 .*passed", r"reset-etcd +dpu-01 +\d+ step", r"start-restored +dpu-01 +waiting",
                 r"rejoin-servers +dpu-02 +waiting"]
        killed = []
        while marks:
            run = self.start(*arguments)
            found = run.wait_for("|".join(f"({mark})" for mark in marks))
            run.kill()
            if not found:
                break
            killed.append(marks[found.lastindex - 1])
            marks = marks[found.lastindex:]
        print(f"\nkilled at: {'; '.join(killed)}")
        self.assertGreaterEqual(len(killed), 3, run.said())
        run = self.clusterctl(*arguments)
        self.assertRegex(run.output, r"restored: the cluster has the snapshot's identity; \d+ of \d+ namespaces")
        self.assertEqual(self.data(), "before=1 ", "what came after the snapshot is gone, what was before is there")
        self.assert_whole()
        for node in SERVERS:
            self.assertEqual(enter(node, "ls", "/etc/rancher/k3s/config.yaml.d", check=False).split(),
                             ["50-server.yaml"] if node == "dpu-01" else [])
        self.assertNotIn("snapshot-", enter("dpu-01", "ls", "/var/lib/clusterctl/etcd"), "the copy is gone")
        self.assertIn("nothing to do", self.bootstrap().said())

    def test_4_a_restore_that_fails_is_given_up_and_servers_that_are_all_down_start_together(self):
        name = self.clusterctl("etcd", "snapshot", self.inventory, "--name", "second").output.split()[0]
        self.write("last", "3")
        lab("fault", "dpu-01", "restore-fails")
        run = self.clusterctl("etcd", "restore", self.inventory, name, "--confirm", "lab", status=1)
        self.assertIn("K3s could not restore", run.said())
        lab("heal", "dpu-01")
        self.assertEqual(set(self.units()), {"inactive"})
        self.assertFalse(self.members(status=1)["quorum"])
        run = self.clusterctl("bootstrap", self.inventory, "--yes", status=1)
        self.assertIn(f"a restore of {name} is under way here, and has come to 'resetting'", run.said())
        self.assertEqual(set(self.units()), {"inactive"})
        run = self.clusterctl("recover", self.inventory, "--yes")
        self.assertRegex(run.said(), r"start-servers +server-03")
        self.assertEqual(self.data(), "before=1 last=3 ", "the data that had been moved aside are back")
        self.assert_whole()
        self.assertIn("nothing to do", self.clusterctl("recover", self.inventory, "--yes").said())

    @thorough
    def test_5_a_living_cluster_is_led_back_to_a_snapshot_on_a_server_and_what_it_had_is_kept(self):
        listed = json.loads(self.clusterctl("etcd", "list", self.inventory, "-o", "json").output)["snapshots"]
        self.assertEqual([row["name"] for row in listed if row["name"].startswith("nightly-")], [], "lost with the data")
        name = next(row["name"] for row in listed if row["name"].startswith("second-"))
        self.clusterctl("etcd", "restore", self.inventory, name, "--confirm", "lab")
        self.assertEqual(self.data(), "before=1 ")
        for node in SERVERS:
            self.assertIn("snap", enter(node, "sh", "-c", f"ls {SERVER_DATA}/etcd-before-*/member"))
        self.assert_whole()
        run = self.clusterctl("etcd", "restore", self.inventory, name, "--confirm", "lab", status=1)
        self.assertIn("only with --again", run.said())
        self.assertEqual(self.units(), ["active"] * 3)


if __name__ == "__main__":
    unittest.main(verbosity=2)
