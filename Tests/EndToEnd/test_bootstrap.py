"""From bare machines to a verified cluster, and the second run that finds nothing to do."""

import json
import os
import re
import tarfile
import time
import unittest

from . import harness
from .harness import CONTROL_PLANE, LabCase, MANAGED, NODES, enter, kubectl, lab


def sessions(node, since):
    """Logins and started commands on a node since a moment, as its sshd noted them."""
    journal = enter(node, "journalctl", "--no-pager", "-o", "cat", f"--since=@{since}", "_COMM=sshd")
    return len(re.findall(r"^Accepted publickey ", journal, re.MULTILINE)), len(re.findall(r"^Starting session: ", journal, re.MULTILINE))


def addons(**values):
    """An inventory's addons: two of one chart, the second after the first, which has these values."""
    chart = {"chart": "nginx", "repo": "https://charts.example.org", "version": "1.2.3"}
    return json.dumps({"public": {**chart, "values": values}, "internal": {
        "chart": "oci://registry.example.org/charts/nginx", "version": "1.2.3", "namespace": "inside", "after": ["public"],
        "values": {"kind": "DaemonSet"}}})


class BootstrapTest(LabCase):
    def test_from_bare_machines_to_a_cluster_that_a_second_run_leaves_alone(self):
        self.write_inventory(addons=addons(replicas=1))
        tree = self.switch_nixos()
        self.nothing_is_touched_without_need()
        plan = self.saved_plan_fits_only_what_it_was_made_from()
        run = self.by_plan(plan)
        self.assertIn("done", run.said())
        self.assert_cluster_whole()
        self.carried_out_plan_is_refused(plan)

        self.second_run_asks_once()
        self.files_are_what_render_wrote(tree)
        self.status_tells_the_truth()
        self.live_plan_tells_a_difference()
        self.differences_are_told_by_diff_and_marked_by_status()
        self.doctor_finds_nothing_and_its_bundle_has_no_secret()
        self.kubeconfig_is_merged()
        self.runs_are_told()
        self.guards_can_be_looked_at_and_tried()
        self.guards_obey_by_hand()
        self.verify_names_what_is_left_of_kube_proxy()
        self.endpoint_fails_over()
        self.addons_are_as_the_inventory_has_them_until_they_are_handed_off()
        self.no_secret_is_left_behind()

    def nothing_is_touched_without_need(self):
        planned = self.clusterctl("plan", self.inventory, "-o", "json").output
        self.assertEqual(self.clusterctl("bootstrap", self.inventory, "--dry-run", "-o", "json").output, planned)
        bad = os.path.join(self.directory, "bad.yaml")
        with open(self.inventory, encoding="utf-8") as file, open(bad, "w", encoding="utf-8") as broken:
            broken.write(file.read().replace("dpu-02: {address", "dpu-02: {adress"))
        run = self.clusterctl("bootstrap", bad, "--yes", status=3)
        self.assertRegex(run.said(), r"bad.yaml:\d+:\d+: error: .*'address'|write 'address'")
        run = self.clusterctl("bootstrap", self.inventory, status=1)
        self.assertIn("not asked for agreement", run.said())
        for node in NODES[:4]:
            self.assertEqual(enter(node, "ls", "/usr/local/bin"), "", "nobody agreed to a change")

    def by_plan(self, plan, status=0):
        return self.clusterctl("bootstrap", self.inventory, "--plan", plan, "--yes", status=status)

    def saved_plan_fits_only_what_it_was_made_from(self):
        digests = set()
        for name in ["first.json", "second.json"]:
            self.assertIn("tasks pending", self.clusterctl("plan", self.inventory, "--live", "--out", name).output)
            with open(os.path.join(self.directory, name), encoding="utf-8") as file:
                digests.add(json.load(file)["facts"]["digest"])
        self.assertEqual(len(digests), 1, "nothing has changed between the two")
        path = "/etc/modules-load.d/clusterctl.conf"
        enter("worker-01", "sh", "-c", f"echo '# by hand' >{path}")
        said = self.by_plan("first.json", status=8).said()
        self.assertRegex(said, rf"worker-01, host-prep, file {path}: was \(absent\), is now another text")
        self.assertIn("nothing was changed", said)
        self.assertEqual(said.count(": was "), 1, said)
        self.assertEqual(enter("worker-01", "cat", path), "# by hand\n")
        enter("worker-01", "rm", path)
        return "first.json"

    def carried_out_plan_is_refused(self, plan):
        said = self.by_plan(plan, status=8).said()
        self.assertRegex(said, r"dpu-01, host-prep, file \S*guard.sh: was \(absent\), is now as planned")
        self.assertIn("make a new plan, or run bootstrap without --plan to go on", said)

    def runs_are_told(self):
        rows = [line.split() for line in self.clusterctl("runs", self.inventory).output.splitlines()]
        self.assertEqual(rows[0], ["RUN", "BEGUN", "VERB", "SECONDS", "CHANGED", "OUTCOME"])
        outcomes = [row[5] for row in rows[1:]]
        self.assertEqual(outcomes[:3], ["declined", "stale", "done"], rows)
        self.assertEqual(outcomes[3:5], ["stale", "nothing-to-do"], rows)
        name = rows[1 + outcomes.index("done")][0]
        story = self.clusterctl("runs", "show", self.inventory, name).output
        self.assertRegex(story, r"cilium dpu-01 +confirmed over a new connection")
        self.assertRegex(story, r"replicas dpu-03 +passed")
        self.assertIn("done after", self.clusterctl("runs", "show", self.inventory).output)
        self.clusterctl("runs", "show", self.inventory, name, "--html", "run.html")
        with open(os.path.join(self.directory, "run.html"), encoding="utf-8") as file:
            page = file.read()
        for words in ["k3s-primary", "worker-01", "/etc/rancher/k3s/config.yaml", "waiting for"]:
            self.assertIn(words, page)
        self.assertIn("no run's name", self.clusterctl("runs", "show", self.inventory, "x", status=1).said())

    def guards(self):
        """What `guard status` says: the words of each node's row."""
        rows = self.clusterctl("guard", "status", self.inventory).output.splitlines()
        return {row.split()[0]: " ".join(row.split()[1:]) for row in rows[1:]}

    def guards_can_be_looked_at_and_tried(self):
        self.assertEqual(self.guards(), {**{node: "idle -" for node in MANAGED}, "nixos-01": "not installed -"})
        self.clusterctl("guard", "rehearse", self.inventory, "dpu-01", status=1)
        before = harness.snapshot("dpu-01")
        run = self.clusterctl("guard", "rehearse", self.inventory, "dpu-01", "--yes", "--window", "10")
        self.assertIn("because no new connection confirmed it in time; everything is as it was", run.output)
        self.assertEqual(harness.snapshot("dpu-01"), before)
        self.assertEqual(enter("dpu-01", "sh", "-c", "ls /run | grep rehearsal || true"), "")
        self.assertRegex(self.guards()["dpu-01"], r"^took back rehearsal at .*because: deadline; all is as it was$")
        self.assert_cluster_whole()

    def guards_obey_by_hand(self):
        guard = "sh /var/lib/clusterctl/guard/guard.sh"

        def arm(nonce):
            what = r"path /run/by-hand\nundo\n"
            enter("dpu-02", "sh", "-c", f"printf '{what}' | {guard} arm trial 300 {nonce} && touch /run/by-hand")
            self.assertRegex(self.guards()["dpu-02"], "^armed trial fires at ")
            return "by-hand" in enter("dpu-02", "ls", "/run")

        said = self.clusterctl("guard", "confirm", self.inventory, "dpu-02", "--yes", status=1).said()
        self.assertIn("nothing is unconfirmed there", said)
        self.assertTrue(arm("nonce0001"))
        self.assertIn("not agreed", self.clusterctl("guard", "confirm", self.inventory, "dpu-02", status=1).said())
        self.clusterctl("guard", "confirm", self.inventory, "dpu-02", "--yes")
        self.assertEqual(self.guards()["dpu-02"], "idle -")
        enter("dpu-02", "rm", "/run/by-hand")
        self.assertTrue(arm("nonce0002"))
        said = self.clusterctl("guard", "rehearse", self.inventory, "dpu-02", "--yes", status=1).said()
        self.assertIn("trial is unconfirmed there", said)
        run = self.clusterctl("guard", "rollback", self.inventory, "dpu-02", "--yes")
        self.assertIn("everything is as it was", run.output)
        self.assertNotIn("by-hand", enter("dpu-02", "ls", "/run"))

    def second_run_asks_once(self):
        time.sleep(1.1)
        since = int(time.time())
        time.sleep(1.1)
        run = self.bootstrap()
        self.assertIn("nothing to do", run.said())
        for node in NODES:
            self.assertEqual(sessions(node, since), (1, 1), f"logins and execs on {node}")

    def files_are_what_render_wrote(self, tree):
        compared = 0
        for node in MANAGED:
            base = os.path.join(tree, node)
            for folder, _, names in os.walk(base):
                for name in names:
                    path = os.path.join(folder, name)
                    target = path[len(base):]
                    if target.startswith("/objects/") or target.endswith("/token"):
                        continue
                    with open(path, encoding="utf-8") as file:
                        self.assertEqual(enter(node, "cat", target), file.read(), f"{node}:{target}")
                    compared += 1
        self.assertGreater(compared, 4 * len(MANAGED))

    def status_tells_the_truth(self):
        status = json.loads(self.clusterctl("status", self.inventory, "-o", "json").output)
        self.assertEqual({node["name"] for node in status["nodes"] if node["ready"]}, set(NODES))
        self.assertEqual(status["etcd"]["voters"], 3)
        holder = status["endpoint"]["holder"]
        self.assertIn(harness.VIP, enter(holder, "ip", "-4", "addr"))
        for node in status["nodes"]:
            self.assertEqual((node["cilium"], node["kubeProxyReplacement"]), ("Ok", True), node)

    def differences_are_told_by_diff_and_marked_by_status(self):
        """A file by hand, one of somebody else's, a cordoned node: each login and exec counted."""
        self.asks_once("diff", status=0)
        enter("worker-01", "sh", "-c", "echo '# by hand' >>/etc/rancher/k3s/config.yaml")
        enter("dpu-02", "sh", "-c", "mkdir -p /etc/rancher/k3s/config.yaml.d; echo 'debug: false' >/etc/rancher/k3s/config.yaml.d/99-mine.yaml")
        kubectl("cordon", "worker-01")
        shown = json.loads(self.clusterctl("diff", self.inventory, "-o", "json", status=2).output)["differences"]
        self.assertEqual({(item["kind"], item["place"]) for item in shown}, {("step", "worker-01"), ("foreign", "dpu-02")})
        self.assertIn("-# by hand", next(item["diff"] for item in shown if item["kind"] == "step"))
        table = self.asks_once("status", status=0).output
        self.assertRegex(table, r"worker-01 .* yes, cordoned .* \*")
        self.assertIn("config.yaml is not as the inventory has it", table)
        found = json.loads(self.start("doctor", self.inventory, "-o", "json").finish(120).output)["findings"]
        self.assertIn("/etc/rancher/k3s/config.yaml is not as the inventory has it",
                      [finding["what"] for finding in found if finding["place"] == "worker-01"])
        kubectl("uncordon", "worker-01")
        enter("worker-01", "sed", "-i", "/# by hand/d", "/etc/rancher/k3s/config.yaml")
        enter("dpu-02", "rm", "/etc/rancher/k3s/config.yaml.d/99-mine.yaml")
        self.clusterctl("diff", self.inventory, status=0)

    def doctor_finds_nothing_and_its_bundle_has_no_secret(self):
        """The machine's own disk may be full, or slow; nothing else is wrong."""
        bundle = os.path.join(self.directory, "help.tar.gz")
        run = self.start("doctor", self.inventory, "-o", "json", "--bundle", bundle).finish(120)
        self.assertIn(run.status, (0, 1), run.said())
        found = [f for f in json.loads(run.output)["findings"] if f["check"] not in ("disk", "memory", "etcd-disk")]
        self.assertEqual([f for f in found if f["severity"] == "error"], [], run.said())
        self.assertEqual(os.stat(bundle).st_mode & 0o777, 0o600)
        token = enter("dpu-01", "cat", "/etc/rancher/k3s/token").strip()
        with tarfile.open(bundle) as archive:
            texts = {member.name: archive.extractfile(member).read().decode() for member in archive}
        for node in NODES:
            self.assertIn(f"clusterctl-lab/{node}/journal-k3s.txt", texts)
            self.assertNotIn(f"clusterctl-lab/{node}/INCOMPLETE.txt", texts)
        for name, text in texts.items():
            self.assertNotIn(token, text, name)
            self.assertNotIn(token.rsplit(":", 1)[-1], text, name)
            self.assertNotIn("PRIVATE KEY", text, name)
        self.assertIn("it is there already", self.clusterctl("doctor", self.inventory, "--bundle", bundle, status=1).said())

    def asks_once(self, verb, status):
        """The verb, with one login and one exec on every node."""
        time.sleep(1.1)
        since = int(time.time())
        time.sleep(1.1)
        run = self.clusterctl(verb, self.inventory, status=status)
        for node in NODES:
            self.assertEqual(sessions(node, since), (1, 1), f"logins and execs on {node}")
        return run

    def verify_names_what_is_left_of_kube_proxy(self):
        enter("worker-01", "iptables", "-t", "nat", "-N", "KUBE-SVC-LEFT000000000000")
        run = self.clusterctl("verify", self.inventory, "--failover", "--yes", status=1)
        self.assertIn("kube-proxy-rules on worker-01 fails: left: 0 rules in 1 chain of 1 table (1 Service): "
                      "iptables-nft nat: KUBE-SVC-LEFT000000000000", run.said())
        self.assertNotIn("1. ", run.said(), "nothing is even proposed where something is wrong already")
        enter("worker-01", "iptables", "-t", "nat", "-X", "KUBE-SVC-LEFT000000000000")

    def endpoint_fails_over(self):
        """K3s stops where the VIP is, others take it over, and everything is as before. The VIP is the stand-in's."""
        holder = next(node for node in CONTROL_PLANE if harness.VIP in enter(node, "ip", "-4", "addr"))
        starts = enter(holder, "systemctl", "show", "-p", "ActiveEnterTimestampMonotonic", "k3s.service")
        run = self.clusterctl("verify", self.inventory, "--failover", "--yes", "-o", "json")
        shown = json.loads(run.output)
        self.assertTrue(shown["holds"])
        self.assertGreater(len(shown["checks"]), 40)
        failover = shown["failover"]
        self.assertEqual(failover["node"], holder)
        self.assertEqual(len(failover["holders"]), 1)
        self.assertNotEqual(failover["holders"], [holder])
        seen = failover["seen"][0]
        self.assertEqual((seen["from"], seen["answersNow"], failover["answeredMeanwhile"]), ("worker-01", True, True))
        self.assertGreater(seen["failed"], 0)
        self.assertGreaterEqual(seen["outageMilliseconds"], seen["everyMilliseconds"])
        self.assertLess(seen["outageMilliseconds"], failover["downMilliseconds"])
        self.assertNotEqual(enter(holder, "systemctl", "show", "-p", "ActiveEnterTimestampMonotonic", "k3s.service"), starts)
        self.assertNotIn("failover", enter(holder, "systemctl", "list-units", "--all", "clusterctl-*"), "the timer is gone")
        self.assert_cluster_whole()

    def live_plan_tells_a_difference(self):
        self.clusterctl("plan", self.inventory, "--live", "--detailed-exitcode", status=0)
        enter("worker-01", "sh", "-c", "echo '# by hand' >>/etc/rancher/k3s/config.yaml")
        run = self.clusterctl("plan", self.inventory, "--live", "--detailed-exitcode", status=2)
        self.assertIn("-# by hand", run.output)
        self.assertIn("# by hand", enter("worker-01", "cat", "/etc/rancher/k3s/config.yaml"), "a live plan only reads")
        self.bootstrap()
        self.assertNotIn("# by hand", enter("worker-01", "cat", "/etc/rancher/k3s/config.yaml"))

    def kubeconfig_is_merged(self):
        path = os.path.join(self.directory, ".kube", "config")
        os.makedirs(os.path.dirname(path))
        with open(path, "w", encoding="utf-8") as file:
            file.write("apiVersion: v1\nkind: Config\nclusters:\n- name: mine\n  cluster: {server: 'https://elsewhere:6443'}\n"
                       "contexts:\n- name: mine\n  context: {cluster: mine, user: me}\nusers:\n- name: me\n  user: {token: x}\n"
                       "current-context: mine\n")
        self.clusterctl("kubeconfig", self.inventory, "--merge")
        self.assertEqual(os.stat(path).st_mode & 0o777, 0o600)
        seen = lab("exec", "--", "kubectl", "--kubeconfig", path, "config", "get-contexts", "-o", "name").stdout.split()
        self.assertEqual(set(seen), {"mine", "lab"})
        nodes = lab("exec", "--", "kubectl", "--kubeconfig", path, "--context", "lab", "get", "nodes", "-o", "name").stdout
        self.assertEqual(len(nodes.split()), len(NODES), "through the VIP, with the certificate checked")
        with open(path, encoding="utf-8") as file:
            self.assertIn("elsewhere", file.read())

    def addons_are_as_the_inventory_has_them_until_they_are_handed_off(self):
        def available(kind, namespace, name):
            status = json.loads(kubectl("get", kind, "-n", namespace, name, "-o", "json"))["status"]
            return status.get("availableReplicas", status.get("numberAvailable"))

        self.assertEqual(available("deployment", "public", "public-nginx"), 1)
        self.assertEqual(available("daemonset", "inside", "internal-nginx"), len(NODES))
        self.write_inventory(addons=addons(replicas=2, fails="no such class"))
        run = self.bootstrap(status=1)
        self.assertIn("the job helm-install-public has given up", run.said())
        self.assertIn("deleting the HelmChart would uninstall", run.said())
        self.assertEqual(available("deployment", "public", "public-nginx"), 1, "what was there serves on")
        self.write_inventory(addons=addons(replicas=2))
        self.assertRegex(self.bootstrap().said(), r"addon-public dpu-01 +passed")
        self.assertEqual(available("deployment", "public", "public-nginx"), 2)

        self.write_inventory(addons=addons(replicas=3), handOff="argocd")
        self.assertIn("nothing to do", self.bootstrap().said())
        said = self.clusterctl("plan", self.inventory, "--live").output
        self.assertIn("addon-public on dpu-01: left out (left to Argo CD: its HelmChart is not what the inventory says", said)
        self.assertNotIn("addon-internal", said, "as the inventory has it")
        self.assertEqual(available("deployment", "public", "public-nginx"), 2)

    def no_secret_is_left_behind(self):
        with open(os.path.join(harness.LAB_DIR, "token"), encoding="utf-8") as file:
            token = file.read().strip()
        for folder, _, names in os.walk(os.path.join(self.directory, ".clusterctl")):
            for name in names:
                with open(os.path.join(folder, name), encoding="utf-8") as file:
                    self.assertNotIn(token, file.read(), "the token is in the journal")
        for node in MANAGED:
            log = enter(node, "journalctl", "--no-pager", "-u", "ssh")
            self.assertNotIn(token, log, f"the token is in the log of {node}")


if __name__ == "__main__":
    unittest.main()
