"""A living cluster that takes another token, and gets new certificates, while clients use it."""

import json
import os
import re
import unittest

from .harness import LAB_DIR, VIP, LifeCase, enter, kubectl, lab
from .test_upgrade import Client

SERVERS = ["dpu-01", "dpu-02", "dpu-03"]
WORKER = "worker-01"
NODES = [*SERVERS, WORKER]
READY = 'jsonpath={range .items[*]}{.metadata.name}={.status.conditions[?(@.type=="Ready")].status} {end}'
NEW = 'the "new" one, with a \\ and an ü'
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
guard: {{window: 20s}}
deadlines: {{replicas: 60s, workers: 60s}}
defaults: {{dpus: {{arch: amd64, deadlineFactor: 1}}}}
dpus:
  dpu-01: {{address: 10.77.0.11, primary: true}}
  dpu-02: {{address: 10.77.0.12}}
  dpu-03: {{address: 10.77.0.13}}
workers:
  {WORKER}: {{address: 10.77.0.21}}
"""
LEAVES = """
cd /var/lib/rancher/k3s && for file in server/tls/client-admin.crt server/tls/serving-kube-apiserver.crt server/tls/etcd/client.crt \
    server/tls/etcd/server-client.crt server/tls/etcd/peer-server-client.crt agent/client-kubelet.crt agent/serving-kubelet.crt; do
    [ ! -f $file ] || sha256sum $file; done
"""


class TokensTest(LifeCase):
    """One life of a cluster, in order."""

    TEXT = INVENTORY

    def take_up(self, token, name="new-token"):
        """The inventory has another token by now."""
        path = os.path.join(self.directory, name)
        with open(path, "w", encoding="utf-8") as file:
            file.write(token + "\n")
        with open(self.inventory, "w", encoding="utf-8") as file:
            file.write(INVENTORY.replace(f"{LAB_DIR}/token", path))

    def rotate(self, status=0):
        return self.clusterctl("token", "rotate", self.inventory, "--yes", status=status)

    def tokens(self):
        return {node: enter(node, "cat", "/etc/rancher/k3s/token").strip() for node in NODES}

    def takes(self, node, token):
        """What the supervisor there says to an agent that comes with this token."""
        return enter(node, "curl", "-ks", "-o", "/dev/null", "-w", "%{http_code}", "-u", f"node:{token}",
                     "https://127.0.0.1:6443/v1-k3s/config", check=False)

    def leaves(self):
        return {node: enter(node, "sh", "-c", LEAVES).split("\n")[:-1] for node in NODES}

    def ready(self):
        return set(kubectl("get", "nodes", "-o", READY, check=False).split())

    def assert_whole(self):
        self.eventually({name + "=True" for name in NODES}, self.ready)
        self.assertIn("the API answers there", self.clusterctl("status", self.inventory).output)

    def assert_client_was_served(self, client):
        seen = client.end()
        print(f"\n{seen['asked']} requests through the endpoint, {seen['failed']} failed, the longest gap {seen['gap']:.1f} s; "
              f"never fewer than {client.fewest} healthy voters")
        self.assertGreaterEqual(client.fewest, 2)

    def test_1_what_cannot_be_is_refused_and_nothing_is_changed(self):
        self.bootstrap()
        type(self).old = enter("dpu-01", "cat", "/etc/rancher/k3s/token").strip()
        self.take_up("K10" + "0" * 64 + "::server:x")
        self.assertIn("begins with K10", self.rotate(status=1).said())
        self.take_up(NEW)
        self.assertIn("'clusterctl token rotate'", self.clusterctl("apply", self.inventory, "--yes", status=1).said())
        with open(self.inventory, encoding="utf-8") as file:
            text = file.read()
        with open(self.inventory, "w", encoding="utf-8") as file:
            file.write(re.sub(r"  token:.*\n", "", text))
        self.assertIn("does not say where the token is found", self.rotate(status=3).said())
        self.take_up(NEW)
        plan = self.clusterctl("token", "rotate", self.inventory, "--dry-run").output
        self.assertIn("let K3s change the token", plan)
        self.assertNotIn(NEW, plan)
        self.assertEqual(set(self.tokens().values()), {self.old})

    def test_2_the_token_is_changed_though_k3s_fails_and_the_controller_is_killed(self):
        client = Client(self.directory)
        try:
            lab("fault", "dpu-01", "token-key-stays")
            run = self.rotate(status=1)
            self.assertIn("K3s did not change the token: 500", run.said())
            self.assertIn("can be restored with the present token only", run.said())
            self.assertEqual(set(self.tokens().values()), {self.old})
            lab("heal", "dpu-01")
            run = self.start("token", "rotate", self.inventory, "--yes")
            self.assertTrue(run.wait_for(r"restart-servers +\S+ +waiting"), run.said())
            run.kill()
            self.assertEqual({token for node, token in self.tokens().items() if node in SERVERS}, {NEW})
            self.assertEqual(self.tokens()[WORKER], self.old)
            said = self.rotate().said()
        finally:
            self.assert_client_was_served(client)
        self.assertNotIn(NEW, said)
        self.assertEqual(set(self.tokens().values()), {NEW})
        for node in SERVERS:
            self.assertEqual((self.takes(node, NEW), self.takes(node, self.old)), ("200", "401"), node)
        for node in NODES:
            self.assertEqual(enter(node, "sh", "-c", "ls -d /var/lib/clusterctl/token 2>/dev/null", check=False), "", node)
        self.assertIn("after-token-change-", self.clusterctl("etcd", "list", self.inventory).output)
        self.assert_whole()
        self.assertIn("nothing to do", self.rotate().said())
        self.assertIn("nothing to do", self.bootstrap().said())

    def test_3_who_comes_with_the_earlier_token_is_refused_and_led_on(self):
        enter("dpu-03", "sh", "-c", f"echo {self.old} >/etc/rancher/k3s/token && systemctl restart --no-block k3s")
        message = "bootstrap data already found and encrypted with different token"
        self.eventually(True, lambda: message in enter("dpu-03", "journalctl", "-q", "-u", "k3s", "-n", "50"))
        self.rotate()
        self.assertEqual(set(self.tokens().values()), {NEW})
        self.assert_whole()

    def test_4_when_certificates_end(self):
        self.clusterctl("certs", "check", self.inventory)
        run = self.clusterctl("certs", "check", self.inventory, "--within", "400d", "-o", "json", status=1)
        found = json.loads(run.output)
        admin = next(row for row in found["certificates"] if row["node"] == "dpu-02" and row["path"].endswith("client-admin.crt"))
        ends = enter("dpu-02", "openssl", "x509", "-noout", "-enddate", "-in", admin["path"]).strip().removeprefix("notAfter=")
        self.assertEqual(enter("dpu-02", "date", "-u", "-d", ends, "+%FT%TZ").strip(), admin["ends"])
        self.assertTrue(admin["endsSoon"])
        authorities = [row for row in found["certificates"] if row["kind"] == "authority"]
        self.assertEqual({tuple(row["nodes"]) for row in authorities} - {tuple(SERVERS)}, {tuple(NODES)})
        self.assertIn("'clusterctl certs rotate' gives new ones",
                      self.clusterctl("certs", "check", self.inventory, "--within", "400d", status=1).said())

    def test_5_certificates_are_renewed_though_the_controller_is_killed(self):
        before = self.leaves()
        client = Client(self.directory)
        try:
            run = self.start("certs", "rotate", self.inventory, "--yes")
            self.assertTrue(run.wait_for(r"renew-servers +dpu-\d+ +passed(.|\n)*renew-servers +\S+ +waiting"), run.said())
            run.kill()
            halfway = self.leaves()
            first = [node for node in SERVERS if not set(before[node]) & set(halfway[node])]
            self.assertIn(len(first), (1, 2))
            self.clusterctl("certs", "rotate", self.inventory, "--yes")
        finally:
            self.assert_client_was_served(client)
        after = self.leaves()
        for node in NODES:
            self.assertEqual(len(after[node]), len(before[node]), node)
            self.assertFalse(set(before[node]) & set(after[node]), node)
            self.assertEqual(enter(node, "sh", "-c", "ls -d /var/lib/clusterctl/certs 2>/dev/null", check=False), "", node)
        self.assertEqual(after[first[0]], halfway[first[0]], "nobody gets them twice")
        self.assert_whole()
        self.assertIn("nothing to do", self.clusterctl("certs", "rotate", self.inventory, "--expiring-within", "120d", "--yes").said())


if __name__ == "__main__":
    unittest.main(verbosity=2)
