"""A living cluster led to another version of K3s, one node at a time, while clients use it."""

import base64
import concurrent.futures
import contextlib
import json
import os
import re
import subprocess
import threading
import time
import unittest

from .harness import LAB, LAB_DIR, VIP, LifeCase, enter, kubectl, lab

FIRST, PATCH, MINOR, LAST = "v1.35.7+k3s1", "v1.35.8+k3s1", "v1.36.1+k3s1", "v1.36.2+k3s1"
VIA = "v1.36.3+k3s1"
READY = 'jsonpath={.status.conditions[?(@.type=="Ready")].status}'
SERVERS = ["dpu-01", "dpu-02", "dpu-03"]
WORKERS = ["worker-01", "worker-02"]
INVENTORY = f"""\
version: 1
name: lab
ssh: {{user: ubuntu, identityFile: {LAB_DIR}/ssh/id_ed25519, knownHosts: {LAB_DIR}/ssh/known_hosts}}
k3s:
  version: {FIRST}
  token: {{file: {LAB_DIR}/token}}
  artifacts: {{directory: "{LAB_DIR}/releases/{{version}}"}}
network: {{pods: 10.142.0.0/16, services: 10.143.0.0/16}}
cilium: {{version: 1.19.4}}
endpoint: {{kubeVip: {VIP}}}
guard: {{window: 20s}}
deadlines: {{replicas: 60s, workers: 45s}}
defaults: {{dpus: {{arch: amd64, deadlineFactor: 1}}}}
dpus:
  dpu-01: {{address: 10.77.0.11, primary: true}}
  dpu-02: {{address: 10.77.0.12}}
  dpu-03: {{address: 10.77.0.13}}
workers:
  worker-01: {{address: 10.77.0.21}}
  worker-02: {{address: 10.77.0.22}}
"""

# What the manifest of system-upgrade-controller brings, as far as the stand-in needs it.
CONTROLLER = [
    {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "system-upgrade"}},
    {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "system-upgrade", "namespace": "system-upgrade"}},
    {"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
     "metadata": {"name": "plans.upgrade.cattle.io"},
     "spec": {"group": "upgrade.cattle.io", "scope": "Namespaced",
              "names": {"kind": "Plan", "listKind": "PlanList", "plural": "plans", "singular": "plan"},
              "versions": [{"name": "v1", "served": True, "storage": True, "subresources": {"status": {}}, "schema": {
                  "openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": True}}}]}},
    {"apiVersion": "apps/v1", "kind": "Deployment",
     "metadata": {"name": "system-upgrade-controller", "namespace": "system-upgrade"},
     "spec": {"replicas": 1, "selector": {"matchLabels": {"upgrade.cattle.io/controller": "system-upgrade-controller"}},
              "template": {"metadata": {"labels": {"upgrade.cattle.io/controller": "system-upgrade-controller"}}, "spec": {
                  "serviceAccountName": "system-upgrade", "tolerations": [{"operator": "Exists"}],
                  "nodeSelector": {"node-role.kubernetes.io/control-plane": "true"},
                  "containers": [{"name": "controller", "image": "rancher/system-upgrade-controller:v0.20.1"}]}}}},
]

# Asks the API through the endpoint every 50 ms, and writes an object every 200 ms until it is told that it is written.
CLIENT = """
import http.client, json, os, ssl, sys, threading, time
host, directory = sys.argv[1:]
context = ssl.create_default_context(cafile=directory + "/ca.pem")
context.load_cert_chain(directory + "/client.pem", directory + "/client.key")
ended = threading.Event()
asked, failed, gap, last, written = 0, 0, 0.0, time.monotonic(), []

def request(method, path, body=None):
    connection = http.client.HTTPSConnection(host, 6443, timeout=2, context=context)
    try:
        connection.request(method, path, body, {"Content-Type": "application/json"})
        answer = connection.getresponse()
        answer.read()
        return answer.status
    except OSError:
        return 0
    except http.client.HTTPException:
        return 0
    finally:
        connection.close()

def write():
    number = 0
    while not ended.wait(0.2):
        name = f"key-{os.getpid()}-{number}"
        body = json.dumps({"kind": "ConfigMap", "apiVersion": "v1", "metadata": {"name": name}, "data": {"n": str(number)}})
        # 409: an answer was lost, and what it was about is there.
        if request("POST", "/api/v1/namespaces/default/configmaps", body) in (201, 409):
            written.append(name)
            number += 1

threading.Thread(target=write, daemon=True).start()
threading.Thread(target=lambda: (sys.stdin.read(), ended.set()), daemon=True).start()
while not ended.is_set():
    began = time.monotonic()
    asked += 1
    if request("GET", "/api/v1/namespaces/default") == 200:
        gap, last = max(gap, time.monotonic() - last), time.monotonic()
    else:
        failed += 1
    time.sleep(max(0, began + 0.05 - time.monotonic()))
print(json.dumps({"asked": asked, "failed": failed, "gap": gap, "written": written}))
"""


def healthy_voters():
    """How many members of etcd say that they are healthy, all asked at once."""
    with concurrent.futures.ThreadPoolExecutor() as pool:
        said = pool.map(lambda node: enter(node, "curl", "-s", "-m", "2", "http://127.0.0.1:2381/health", check=False), SERVERS)
        return sum('"health":"true"' in text.replace(" ", "") for text in said)


class Client:
    """Somebody who uses the API through the endpoint, from the controller's place."""

    def __init__(self, directory):
        text = enter("dpu-01", "cat", "/etc/rancher/k3s/k3s.yaml")
        for key, name in [("certificate-authority-data", "ca.pem"), ("client-certificate-data", "client.pem"),
                          ("client-key-data", "client.key")]:
            with open(os.path.join(directory, name), "wb") as file:
                file.write(base64.b64decode(re.search(rf"{key}: (\S+)", text).group(1)))
        script = os.path.join(directory, "client.py")
        with open(script, "w", encoding="utf-8") as file:
            file.write(CLIENT)
        self.process = subprocess.Popen([LAB, "exec", "--", "/usr/bin/python3", script, VIP, directory],
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.fewest = len(SERVERS)
        self.ended = threading.Event()
        self.watcher = threading.Thread(target=self.watch)
        self.watcher.start()

    def watch(self):
        while not self.ended.wait(0.2):
            self.fewest = min(self.fewest, healthy_voters())

    def end(self):
        """What it has seen; the fewest healthy voters besides."""
        self.ended.set()
        self.watcher.join()
        output, _ = self.process.communicate("", timeout=30)
        return json.loads(output)


class UpgradeTest(LifeCase):
    """One life of a cluster, in order."""

    TEXT = INVENTORY

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        for version in (FIRST, PATCH, MINOR, LAST, VIA):
            lab("artifact", version, f"{LAB_DIR}/releases/{version}")

    def upgrade(self, *arguments, to=PATCH, status=0):
        return self.clusterctl("upgrade", self.inventory, "--to", to, "--yes", *arguments, status=status)

    def versions(self):
        """Of each node, behind it whether it is cordoned and what is written down of its drain."""
        lines = kubectl("get", "nodes", "-o", "jsonpath={range .items[*]}{.metadata.name} {.status.nodeInfo.kubeletVersion}"
                        r'{.spec.unschedulable}{.metadata.annotations.clusterctl\.dev/drain}{"\n"}{end}')
        return dict(line.split(maxsplit=1) for line in lines.splitlines())

    def wait_until(self, condition, seconds=60):
        deadline = time.monotonic() + seconds
        while not condition():
            if time.monotonic() > deadline:
                self.fail(f"after {seconds} s:\n" + kubectl("get", "nodes,pods", "-A", "-o", "wide"))
            time.sleep(0.5)

    @contextlib.contextmanager
    def used_by_clients(self):
        """What is done inside cost nobody a write that was confirmed, and left etcd its quorum all the time."""
        client = Client(self.directory)
        try:
            yield
        finally:
            seen = client.end()
        self.assertGreaterEqual(client.fewest, 2)
        there = set(kubectl("get", "configmaps", "-o", "jsonpath={.items[*].metadata.name}").split())
        self.assertEqual(set(seen["written"]) - there, set(), "what was said to be written is there")
        self.assertGreater(len(seen["written"]), 20)
        print(f"\n{seen['asked']} requests through the endpoint, {seen['failed']} failed, the longest gap {seen['gap']:.1f} s; "
              f"{len(seen['written'])} objects written")

    def wait_for_room(self):
        """Until the budget lets a pod go again: those of a drained worker have to be up elsewhere."""
        self.wait_until(lambda: kubectl(
            "get", "poddisruptionbudget", "web", "-o", "jsonpath={.status.disruptionsAllowed}") == "1")

    def test_1_what_cannot_be_is_refused_before_anything_is_changed(self):
        self.bootstrap()
        for version, words in [("v1.37.0+k3s1", "minor versions must not be skipped"),
                               ("v1.34.9+k3s1", "data do not go back"),
                               ("v1.35.6+k3s1", "there is no checksum of k3s")]:
            self.assertIn(words, self.upgrade(to=version, status=1).said())
        self.assertEqual(set(self.versions().values()), {FIRST})

    def test_2_a_budget_that_would_block_a_drain_is_named_with_its_pods(self):
        kubectl("create", "deployment", "web", "--image=web", "--replicas=2")
        budget = {"apiVersion": "policy/v1", "kind": "PodDisruptionBudget", "metadata": {"name": "web"},
                  "spec": {"minAvailable": 2, "selector": {"matchLabels": {"app": "web"}}}}
        enter("dpu-01", "sh", "-c", f"echo '{json.dumps(budget)}' | k3s kubectl apply -f -")
        self.wait_until(lambda: kubectl("get", "deployment", "web", "-o", "jsonpath={.status.readyReplicas}") == "2")
        said = self.upgrade(status=1).said()
        self.assertRegex(said, r"the disruption budget default/web lets none of its pods go, .* default/web-")
        self.assertEqual(set(self.versions().values()), {FIRST})
        kubectl("patch", "poddisruptionbudget", "web", "--type=merge", "-p", '{"spec":{"minAvailable":1}}')
        self.wait_for_room()

    def test_3_a_server_that_does_not_get_ready_goes_back_and_nobody_else_is_touched(self):
        lab("fault", "dpu-02", "k3s-never-ready", PATCH)
        with self.used_by_clients():
            run = self.upgrade(status=5)
        self.assertRegex(run.said(), r"upgrade-servers +dpu-02 .*everything is as it was")
        for node in SERVERS + WORKERS:
            self.assertRegex(run.said(), rf"(?m)^{node}: v1\.35\.\d\+k3s1; ")
        self.wait_until(lambda: kubectl("get", "node", "dpu-02", "-o", READY) == "True")
        versions = self.versions()
        self.assertEqual(versions["dpu-02"], FIRST)
        self.assertEqual({versions[worker] for worker in WORKERS}, {FIRST}, "nor cordoned")
        self.assertEqual(healthy_voters(), 3)
        lab("heal", "dpu-02")

    def test_4_a_worker_that_does_not_get_ready_goes_back_and_takes_pods_again(self):
        self.wait_for_room()
        lab("fault", "worker-02", "k3s-never-ready", PATCH)
        self.upgrade(status=5)
        self.wait_until(lambda: kubectl("get", "node", "worker-02", "-o", READY) == "True")
        self.assertEqual(self.versions(), {**dict.fromkeys([*SERVERS, "worker-01"], PATCH), "worker-02": FIRST})
        lab("heal", "worker-02")

    def test_5_the_next_run_goes_on_there_and_a_further_one_finds_nothing_to_do(self):
        self.wait_for_room()
        run = self.upgrade()
        self.assertNotIn("upgrade-servers", run.said(), "what is done is left alone")
        self.assertEqual(self.versions(), dict.fromkeys(SERVERS + WORKERS, PATCH))
        self.assertIn("nothing to do", self.upgrade().said())
        self.assertRegex(enter("dpu-01", "k3s", "etcd-snapshot", "ls"), r"(?m)^before-v1-35-8-k3s1-dpu-01-\d+")

    def test_6_all_nodes_come_to_the_next_minor_version_while_clients_use_the_cluster(self):
        self.wait_for_room()
        with self.used_by_clients():
            run = self.upgrade(to=MINOR)
        self.assertEqual(self.versions(), dict.fromkeys(SERVERS + WORKERS, MINOR))
        self.assertIn(f"write 'version: {MINOR}' into", run.said())

    def test_7_killed_at_every_step_and_with_nodes_that_start_anew_it_comes_to_its_end(self):
        with self.used_by_clients():
            self.killed_at_every_step()
        self.assertEqual(self.versions(), dict.fromkeys(SERVERS + WORKERS, LAST))
        self.assertEqual(healthy_voters(), 3)

    def killed_at_every_step(self):
        marks = [r"artifacts +worker-02 .*passed", r"etcd-snapshot +dpu-01 .*passed", r"upgrade-servers +dpu-\d+ +waiting",
                 r"upgrade-servers +dpu-\d+ .*passed", r"drain +worker-01 .*passed", r"upgrade-workers +worker-01 +waiting",
                 r"uncordon +worker-01 .*passed"]
        killed = []
        while marks:
            self.wait_for_room()
            run = self.start("upgrade", self.inventory, "--to", LAST, "--yes")
            # What a killed run had begun may end by itself on the nodes: then the next run goes on behind it.
            found = run.wait_for("|".join(f"({mark})" for mark in marks))
            run.kill()
            if not found:
                break
            killed.append(marks[found.lastindex - 1])
            marks = marks[found.lastindex:]
        print(f"\nkilled at: {'; '.join(killed)}")
        self.assertGreaterEqual(len(killed), 4, run.said())
        self.wait_for_room()
        run = self.start("upgrade", self.inventory, "--to", LAST, "--yes")
        self.assertTrue(run.wait_for(r"upgrade-workers +worker-02 +waiting"), run.said())
        lab("fault", "worker-02", "reboot")
        run.finish()
        for _ in range(3):  # what was left armed comes first; a node that started anew takes its phase back
            if "nothing to do" in run.said():
                break
            self.wait_for_room()
            run = self.start("upgrade", self.inventory, "--to", LAST, "--yes").finish()
        self.assertIn("nothing to do", run.said())

    def test_8_only_nodes_whose_files_differ_are_restarted_by_apply(self):
        def started():
            return {node: enter(node, "systemctl", "show", "-p", "InvocationID", "k3s.service", "k3s-agent.service")
                    for node in SERVERS + WORKERS}
        with open(self.inventory, encoding="utf-8") as file:
            text = file.read()
        said = self.clusterctl("apply", self.inventory, "--yes", status=1).said()
        self.assertIn("lead the cluster there first: 'clusterctl upgrade'", said)
        text = text.replace(f"version: {FIRST}", f"version: {LAST}")

        def set_on_each_worker(argument):
            with open(self.inventory, "w", encoding="utf-8") as file:
                file.write(text.replace(".77.0.21", f".77.0.21, k3s: {{kubelet-arg: [{argument}]}}").replace(
                    ".77.0.22", f".77.0.22, k3s: {{kubelet-arg: [{argument}]}}"))
        set_on_each_worker("no-such-flag=1")
        self.wait_for_room()
        before = started()
        self.clusterctl("apply", self.inventory, "--yes", status=5)
        self.wait_until(lambda: kubectl("get", "node", "worker-01", "-o", READY) == "True")
        self.assertEqual(self.versions(), dict.fromkeys(SERVERS + WORKERS, LAST), "uncordoned")
        self.assertEqual([node for node in before if before[node] != started()[node]], ["worker-01"])

        with open(self.inventory, "w", encoding="utf-8") as file:
            file.write(text.replace("address: 10.77.0.22", "address: 10.77.0.22, k3s: {kubelet-arg: [max-pods=50]}"))
        before = started()
        self.wait_for_room()
        run = self.clusterctl("apply", self.inventory, "--yes")
        after = started()
        self.assertEqual([node for node in before if before[node] != after[node]], ["worker-02"])
        self.assertRegex(run.said(), r"drain +worker-02 .*passed")
        self.assertIn("max-pods=50", enter("worker-02", "cat", "/etc/rancher/k3s/config.yaml"))
        self.assertIn("nothing to do", self.clusterctl("apply", self.inventory, "--yes").said())
        self.assertIn("nothing to do", self.bootstrap().said())

    def wait_for_controller(self):
        """Until it is available, also after the node that it ran on was started anew."""
        self.wait_until(lambda: kubectl("-n", "system-upgrade", "get", "deployment", "system-upgrade-controller", "-o",
                                        "jsonpath={.status.availableReplicas}") == "1")
        self.wait_for_room()

    def left_of_the_controller(self):
        """Plans, jobs, and what nodes are marked with."""
        marks = kubectl("get", "nodes", "-o", r"jsonpath={.items[*].metadata.labels.clusterctl\.dev/turn}"
                        r"{.items[*].metadata.labels.plan\.upgrade\.cattle\.io/clusterctl-agents}")
        return (kubectl("-n", "system-upgrade", "get", "plans.upgrade.cattle.io,jobs", "-o", "name") + marks).strip()

    def test_9_the_clusters_own_controller_carries_it_out_and_what_it_spoils_goes_back(self):
        via, before = ["--via", "system-upgrade-controller"], self.versions()["worker-02"]
        with open(self.inventory, encoding="utf-8") as file:
            text = file.read()
        with open(self.inventory, "w", encoding="utf-8") as file:
            file.write(text.replace("workers: 45s", "workers: 20s"))
        self.assertIn("does not know the kind Plan", self.upgrade(*via, to=VIA, status=1).said())
        for item in CONTROLLER:
            enter("dpu-01", "sh", "-c", f"echo '{json.dumps(item)}' | k3s kubectl apply -f -")
        self.wait_for_controller()
        lab("fault", "worker-01", "k3s-never-ready", VIA)
        run = self.upgrade(*via, to=VIA, status=5)
        self.assertIn("the controller goes on with those that it has", run.said())
        self.assertRegex(run.said(), r"K3s v1\.36\.3\+k3s1 does not run after 20 s")
        self.wait_until(lambda: kubectl("get", "node", "worker-01", "-o", READY) == "True")
        self.assertEqual(self.versions(), {**dict.fromkeys(SERVERS, VIA), **dict.fromkeys(WORKERS, before)}, "nor cordoned")
        self.assertEqual(self.left_of_the_controller(), "")
        self.assertEqual(healthy_voters(), 3)
        lab("heal", "worker-01")

        self.wait_for_controller()
        run = self.start("upgrade", self.inventory, "--to", VIA, "--yes", *via)
        self.assertTrue(run.wait_for(r"upgrade-workers +worker-01 +waiting"), run.said())
        run.kill()
        self.wait_until(lambda: self.versions()["worker-01"].startswith(VIA))
        self.assertEqual(self.versions()["worker-02"], before, "the controller has no other")
        self.wait_for_controller()
        self.upgrade(*via, to=VIA)
        self.assertEqual(self.versions(), dict.fromkeys(SERVERS + WORKERS, VIA))
        self.assertEqual(self.left_of_the_controller(), "")
        self.assertIn("nothing to do", self.upgrade(*via, to=VIA).said())


if __name__ == "__main__":
    unittest.main(verbosity=2)
