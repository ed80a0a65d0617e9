"""An endpoint that keepalived holds, and behind it HAProxy: Debian's own packages, on nodes whose K3s is the lab's stand-in.

The same cluster answers for names of its own, by the stand-in for CoreDNS and Debian's own systemd-resolved.
"""

import os
import time
import unittest

from .harness import LAB_DIR, VIP, LifeCase, enter, lab

SERVERS = ["dpu-01", "server-02", "server-03"]
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
endpoint: {{keepalived: {VIP}}}
dns: {{domain: lab.example.org, apps: 10.77.0.21}}
guard: {{window: 20s}}
deadlines: {{keepalived: 20s, dns: 30s}}
defaults: {{dpus: {{arch: amd64, deadlineFactor: 1}}}}
dpus:
  dpu-01: {{address: 10.77.0.11, primary: true}}
servers:
  server-02: {{address: 10.77.0.12}}
  server-03: {{address: 10.77.0.13}}
workers:
  worker-01: {{address: 10.77.0.21}}
"""
# A single server, and an endpoint of the second family: neither has a life in this lab, but programs read their files.
ALONE = """\
version: 1
name: alone
ssh: {user: ubuntu}
k3s: {version: v1.35.7+k3s1}
network: {pods: [10.142.0.0/16, "fd42::/56"], services: [10.143.0.0/16, "fd43::/112"]}
cilium: {version: 1.19.4}
endpoint: {keepalived: "fd77::100"}
dpus:
  dpu-01: {address: [10.77.0.11, "fd77::11"], primary: true}
"""
ENDPOINT = f"https://{VIP}:9445"
BY_HAND = {
    "/etc/haproxy/haproxy.cfg": "defaults\n    mode tcp\n    timeout connect 5s\n    timeout client 5s\n    timeout server 5s\n"
                                "listen by-hand\n    bind 127.0.0.1:8080\n    server ssh 127.0.0.1:22\n",
    "/etc/keepalived/keepalived.conf": "global_defs {\n    router_id by-hand\n}\n",
}


# The name server of the site: it has one address for every name, and says so on its own node.
SITE = """\
import socket
server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
server.bind(("10.77.0.21", 53))
while True:
    message, peer = server.recvfrom(512)
    name = message[12:message.index(0, 12)]
    end = 12 + len(name) + 5
    is_ours = message[end - 4:end - 2] == bytes([0, 1]) and not name.endswith(b"lab" + bytes([7]) + b"example" + bytes([3]) + b"org")
    head = message[:2] + bytes([0x81, 0x80 if is_ours else 0x83, 0, 1, 0, int(is_ours), 0, 0, 0, 0])
    answer = bytes([0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 0, 0, 4, 192, 0, 2, 53]) if is_ours else b""
    server.sendto(head + message[12:end] + answer, peer)
"""
DROP_IN = "/etc/systemd/resolved.conf.d/clusterctl.conf"
STATIC_POD = "/var/lib/rancher/k3s/agent/pod-manifests/clusterctl-dns.yaml"


def found(node, name):
    """The addresses that a program of the node finds, once each."""
    lines = enter(node, "timeout", "20", "getent", "ahostsv4", name, check=False).splitlines()
    return sorted({line.split()[0] for line in lines})


def write(node, path, text):
    enter(node, "sh", "-c", 'mkdir -p "${1%/*}" && printf %s "$2" >"$1"', "sh", path, text)


def units(node):
    """Whether HAProxy and keepalived run, and are to run after a reboot."""
    return [enter(node, "systemctl", question, unit, check=False).strip()
            for unit in ("haproxy", "keepalived") for question in ("is-active", "is-enabled")]


def holders():
    return [node for node in SERVERS if f"inet {VIP}/" in enter(node, "ip", "addr", check=False)]


def asked_from_worker():
    """The API's word at the endpoint, for one who trusts the cluster's own authority and nobody else."""
    return enter("worker-01", "curl", "-s", "-m", "3", "--cacert", "/var/lib/rancher/k3s/agent/server-ca.crt",
                 f"{ENDPOINT}/ping", check=False)


class KeepalivedTest(LifeCase):
    """One life of a cluster, in order."""

    TEXT = INVENTORY

    def test_1_what_somebody_made_by_hand_comes_back_when_the_phase_is_taken_back(self):
        for path, text in BY_HAND.items():
            write("dpu-01", path, text)
        enter("dpu-01", "systemctl", "enable", "--now", "--quiet", "haproxy")
        enter("dpu-01", "systemctl", "mask", "--quiet", "keepalived")
        before = units("dpu-01")
        run = self.bootstrap(status=1)
        self.assertRegex(run.said(), "has not written /etc/haproxy/haproxy.cfg nor /etc/keepalived/keepalived.conf")
        self.assertRegex(run.said(), r"keepalived\.service is masked")
        for path, text in BY_HAND.items():
            self.assertEqual(enter("dpu-01", "cat", path), text)
        self.eventually(before, lambda: units("dpu-01"))
        self.assertIn("OpenSSH", enter(
            "dpu-01", "bash", "-c", "exec 3<>/dev/tcp/127.0.0.1/8080; head -n 1 <&3"), "HAProxy serves as it did")

    def give_name_servers(self):
        """To the servers as a list in a file; to the worker by systemd-resolved, on its link."""
        write("worker-01", "/usr/local/lib/site-dns.py", SITE)
        enter("worker-01", "systemd-run", "--quiet", "--unit=site-dns", "python3", "/usr/local/lib/site-dns.py")
        for node in SERVERS:
            write(node, "/etc/resolv.conf", "nameserver 10.77.0.21\n")
        enter("worker-01", "systemctl", "unmask", "--quiet", "systemd-resolved")
        enter("worker-01", "systemctl", "enable", "--now", "--quiet", "systemd-resolved")
        enter("worker-01", "ln", "-sfn", "../run/systemd/resolve/stub-resolv.conf", "/etc/resolv.conf")
        enter("worker-01", "resolvectl", "dns", "eth0", "10.77.0.21")
        self.assertEqual(found("worker-01", "www.example.net"), ["192.0.2.53"])

    def test_2_one_server_holds_the_address_and_a_second_run_finds_nothing_to_do(self):
        enter("dpu-01", "systemctl", "unmask", "--quiet", "keepalived")
        self.give_name_servers()
        self.bootstrap()
        self.assertEqual(len(holders()), 1)
        for node in SERVERS:
            self.assertEqual(units(node), ["active", "enabled"] * 2)
        for path, text in BY_HAND.items():
            self.assertEqual(enter("dpu-01", "cat", f"/var/lib/clusterctl/keepalived/earlier/{os.path.basename(path)}"), text)
        self.assertIn("nothing to do", self.bootstrap().said())

    def test_3_the_api_answers_a_worker_at_the_endpoint_under_its_name(self):
        self.assertEqual(asked_from_worker(), "pong")
        self.assertIn(f"server: {ENDPOINT}", enter("worker-01", "cat", "/etc/rancher/k3s/config.yaml"))
        self.assertIn(f"server: {ENDPOINT}", self.clusterctl("kubeconfig", self.inventory).output)
        self.assertRegex(self.clusterctl("status", self.inventory).output, rf"{VIP}, held by {holders()[0]}")

    def accepted(self, node, check, text):
        """What a program's own checker says of a configuration, and whether it accepts it."""
        write(node, "/run/checked.conf", text)
        result = lab("enter", node, "sh", "-c", f"cd / && {check} /run/checked.conf", check=False)
        return result.returncode == 0, result.stdout + result.stderr

    def test_4_both_programs_accept_what_is_rendered_for_any_shape_of_a_cluster(self):
        alone = os.path.join(self.directory, "alone.yaml")
        with open(alone, "w", encoding="utf-8") as file:
            file.write(ALONE)
        tree = os.path.join(self.directory, "tree")
        for inventory in (self.inventory, alone):
            self.clusterctl("render", inventory, "--to", os.path.join(tree, os.path.basename(inventory)))
        for path, check in (("/etc/haproxy/haproxy.cfg", "haproxy -c -f"), ("/etc/keepalived/keepalived.conf", "keepalived -t -f")):
            for rendered, nodes in (("lab.yaml", SERVERS), ("alone.yaml", ["dpu-01"])):
                for node in nodes:
                    with open(f"{tree}/{rendered}/{node}{path}", encoding="utf-8") as file:
                        text = file.read()
                    is_accepted, said = self.accepted(node, check, text)
                    self.assertTrue(is_accepted, said)
                    if rendered == "lab.yaml":
                        self.assertEqual(enter(node, "cat", path), text)
            is_accepted, said = self.accepted("dpu-01", check, text + "nonsense here\n")
            self.assertFalse(is_accepted)
            self.assertIn("nonsense", said)

    def test_5_a_node_finds_the_clusters_names_and_all_others_also_without_coredns(self):
        wanted = {"api.lab.example.org": [VIP], "api-int.lab.example.org": [VIP], "x.apps.lab.example.org": ["10.77.0.21"],
                  "server-02.lab.example.org": ["10.77.0.12"], "nobody.lab.example.org": [],
                  "www.example.net": ["192.0.2.53"]}
        for name, addresses in wanted.items():
            self.assertEqual(found("worker-01", name), addresses, name)
        self.assertEqual(found("dpu-01", "api.lab.example.org"), [], "it has a list in a file, which nobody has touched")
        self.assertEqual(enter("dpu-01", "cat", "/etc/resolv.conf"), "nameserver 10.77.0.21\n")
        self.assertRegex(self.clusterctl("plan", self.inventory, "--live").output, r"dns-resolved on dpu-01: left out \(neither")
        servers = enter("worker-01", "grep", "^nameserver", "/run/systemd/resolve/resolv.conf").splitlines()
        self.assertIn("nameserver 10.77.0.21", servers[:3], "what K3s gives to pods has the site's own server")
        for node in SERVERS:
            enter(node, "mv", STATIC_POD, "/root/static-pod.yaml")
        self.eventually([], lambda: found("worker-01", "api.lab.example.org"))
        self.assertEqual(found("worker-01", "mail.example.net"), ["192.0.2.53"], "names of others do not wait for the cluster")
        for node in SERVERS:
            enter(node, "mv", "/root/static-pod.yaml", STATIC_POD)
        self.eventually([VIP], lambda: found("worker-01", "api-int.lab.example.org"))

    def test_6_a_resolver_that_does_not_find_the_cluster_is_put_back_as_it_was(self):
        enter("worker-01", "rm", DROP_IN)
        enter("worker-01", "systemctl", "restart", "systemd-resolved")
        for protocol in ("udp", "tcp"):
            enter("worker-01", "iptables", "-I", "OUTPUT", "-o", "eth0", "-p", protocol, "--dport", "53", "!", "-d", "10.77.0.21", "-j", "DROP")
        run = self.bootstrap(status=5)
        self.assertRegex(run.said(), r"worker-01 does not find api\.lab\.example\.org")
        enter("worker-01", "test", "!", "-e", DROP_IN)
        self.eventually("active", lambda: enter("worker-01", "systemctl", "is-active", "systemd-resolved").strip())
        self.assertNotIn("10.77.0.1", enter("worker-01", "resolvectl", "dns").partition("Link")[0])
        self.assertEqual(found("worker-01", "ftp.example.net"), ["192.0.2.53"])
        for protocol in ("udp", "tcp"):
            enter("worker-01", "iptables", "-D", "OUTPUT", "-o", "eth0", "-p", protocol, "--dport", "53", "!", "-d", "10.77.0.21", "-j", "DROP")
        self.bootstrap()
        self.assertEqual(found("worker-01", "api.lab.example.org"), [VIP])

    def test_7_the_api_answers_without_the_holders_own_and_the_address_stays(self):
        [holder] = holders()
        enter(holder, "systemctl", "stop", "k3s")
        self.assertEqual(asked_from_worker(), "pong", "HAProxy passes over a server that refuses")
        end = time.monotonic() + 10  # longer than HAProxy and keepalived take to take note
        while time.monotonic() < end:
            self.assertEqual(asked_from_worker(), "pong")
            self.assertEqual(holders(), [holder])
            time.sleep(0.5)
        enter(holder, "systemctl", "start", "k3s")

    def test_8_the_address_leaves_a_node_whose_haproxy_is_gone_and_does_not_come_back(self):
        [holder] = holders()
        enter(holder, "systemctl", "stop", "haproxy")
        self.eventually(True, lambda: len(holders()) == 1 and holders() != [holder])
        [other] = holders()
        self.eventually("pong", asked_from_worker)
        enter(holder, "systemctl", "start", "haproxy")
        time.sleep(8)  # until keepalived there takes HAProxy for well again
        self.assertEqual(holders(), [other])

    def test_9_the_address_leaves_a_node_without_power(self):
        [holder] = holders()
        lab("fault", holder, "cable-pulled")
        lab("fault", holder, "power-off")
        self.eventually(True, lambda: len(holders()) == 1 and holders() != [holder])
        self.eventually("pong", asked_from_worker)


if __name__ == "__main__":
    unittest.main(verbosity=2)
