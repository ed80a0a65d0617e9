"""Names by NetworkManager's dnsmasq: Debian's own packages, on nodes whose K3s and CoreDNS are the lab's stand-ins."""

import unittest

from .harness import LAB_DIR, LifeCase, enter, lab, thorough
from .test_keepalived import SITE, STATIC_POD, found, write

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
endpoint: {{dns: api.lab.example.org}}
dns: {{domain: lab.example.org, apps: 10.77.0.21}}
deadlines: {{dns: 30s}}
servers:
  server-01: {{address: 10.77.0.11, primary: true}}
workers:
  worker-01: {{address: 10.77.0.21}}
"""
ADDRESSES = {"server-01": "10.77.0.11", "worker-01": "10.77.0.21"}
# As an installer leaves it: the link's address and its name server are NetworkManager's.
PROFILE = """\
[connection]
id=lab
type=ethernet
interface-name=eth0
[ipv4]
method=manual
address1={address}/24,10.77.0.1
dns=10.77.0.21;
[ipv6]
method=disabled
"""
HOOK = "/etc/NetworkManager/dnsmasq.d/clusterctl.conf"
LOADED = "/var/lib/clusterctl/dnsmasq/loaded"
BY_HAND = "# By hand\naddress=/by-hand.example.net/192.0.2.77\n"


def link(node):
    """What is to stay: the link's address, its routes, and since when NetworkManager has it up."""
    return enter(node, "sh", "-c", "ip -o -4 addr show dev eth0; ip route show dev eth0; "
                 "nmcli -t -f GENERAL.STATE,GENERAL.CON-PATH device show eth0")


@thorough
class NetworkManagerTest(LifeCase):
    """One life of a cluster, in order."""

    TEXT = INVENTORY

    def wall(self, flag):
        """Whether the worker reaches the control plane's port 53."""
        for protocol in ("udp", "tcp"):
            enter("worker-01", "iptables", flag, "OUTPUT", "-d", "10.77.0.11", "-p", protocol, "--dport", "53", "-j", "DROP")

    def begin_site_dns(self):
        write("worker-01", "/usr/local/lib/site-dns.py", SITE)
        enter("worker-01", "systemd-run", "--quiet", "--unit=site-dns", "python3", "/usr/local/lib/site-dns.py")

    def test_1_nodes_get_names_by_networkmanager(self):
        self.begin_site_dns()
        for node, address in ADDRESSES.items():
            profile = "/etc/NetworkManager/system-connections/eth0.nmconnection"
            write(node, profile, PROFILE.format(address=address))
            enter(node, "chmod", "600", profile)
            # Without the second line it would tell resolvconf, which on Debian is systemd-resolved's here.
            # Elsewhere udev's own rule keeps veth links, and so Cilium's, from NetworkManager; no container has udev.
            write(node, "/etc/NetworkManager/conf.d/lab.conf", "[main]\ndns=dnsmasq\nrc-manager=file\n"
                  "[keyfile]\nunmanaged-devices=interface-name:cilium*;interface-name:lxc*\n")
            enter(node, "systemctl", "unmask", "--quiet", "NetworkManager")
            enter(node, "systemctl", "enable", "--now", "--quiet", "NetworkManager")
            enter(node, "nmcli", "connection", "up", "lab")
            self.eventually(["192.0.2.53"], lambda node=node: found(node, "www.example.net"))
            self.assertEqual(enter(node, "grep", "^nameserver", "/etc/resolv.conf"), "nameserver 127.0.0.1\n")

    def test_2_a_hook_that_does_not_find_the_cluster_is_put_back_and_dnsmasq_has_what_it_had(self):
        write("worker-01", HOOK, BY_HAND)
        enter("worker-01", "nmcli", "general", "reload", "dns-full")
        self.eventually(["192.0.2.77"], lambda: found("worker-01", "by-hand.example.net"))
        before = link("worker-01")
        self.wall("-I")
        run = self.bootstrap(status=5)
        self.assertRegex(run.said(), r"worker-01 does not find api\.lab\.example\.org")
        self.wall("-D")
        self.assertEqual(enter("worker-01", "cat", HOOK), BY_HAND)
        self.eventually(["192.0.2.77"], lambda: found("worker-01", "by-hand.example.net"))
        self.assertEqual(found("worker-01", "api.lab.example.org"), [])
        self.assertEqual(found("worker-01", "www.example.net"), ["192.0.2.53"])
        self.assertEqual(link("worker-01"), before)

    def test_3_nodes_find_the_clusters_names_and_all_others(self):
        before = link("worker-01")
        self.bootstrap()
        self.assertIn("nothing to do", self.bootstrap().said())
        wanted = {"api.lab.example.org": ["10.77.0.11"], "x.apps.lab.example.org": ["10.77.0.21"],
                  "worker-01.lab.example.org": ["10.77.0.21"], "nobody.lab.example.org": [],
                  "www.example.net": ["192.0.2.53"]}
        for node in ADDRESSES:
            for name, addresses in wanted.items():
                self.assertEqual(found(node, name), addresses, f"{name} on {node}")
        self.assertEqual(link("worker-01"), before, "no link is touched")
        self.assertIn("forward . 10.77.0.21 {", enter("server-01", "cat", "/var/lib/clusterctl/dns/upstreams.conf"),
                      "the list that NetworkManager keeps, and not its dnsmasq")

    def test_4_names_of_others_do_not_wait_for_coredns(self):
        enter("server-01", "mv", STATIC_POD, "/root/static-pod.yaml")
        self.eventually([], lambda: found("worker-01", "api.lab.example.org"))
        self.assertEqual(found("worker-01", "mail.example.net"), ["192.0.2.53"])
        enter("server-01", "mv", "/root/static-pod.yaml", STATIC_POD)
        self.eventually(["10.77.0.11"], lambda: found("worker-01", "api.lab.example.org"))

    def test_5_the_names_are_found_after_networkmanager_was_started_anew(self):
        enter("worker-01", "systemctl", "restart", "NetworkManager")
        self.eventually(["10.77.0.11"], lambda: found("worker-01", "api.lab.example.org"))
        self.assertIn("nothing to do", self.bootstrap().said())

    def test_6_a_hook_that_was_taken_out_by_hand_comes_back(self):
        enter("worker-01", "rm", HOOK)
        enter("worker-01", "nmcli", "general", "reload", "dns-full")
        self.eventually([], lambda: found("worker-01", "api.lab.example.org"))
        self.bootstrap()
        self.assertEqual(found("worker-01", "api.lab.example.org"), ["10.77.0.11"])

    def test_7_after_a_new_start_of_the_node_dnsmasq_has_the_file_already(self):
        before = enter("worker-01", "stat", "-c", "%y", LOADED)
        lab("fault", "worker-01", "reboot")
        self.eventually("running", lambda: enter("worker-01", "nmcli", "-t", "-f", "RUNNING", "general", check=False).strip())
        self.begin_site_dns()
        enter("worker-01", "nmcli", "connection", "up", "lab")  # the lab has set the link up before
        self.eventually(["10.77.0.11"], lambda: found("worker-01", "api.lab.example.org"))
        self.bootstrap()
        self.assertEqual(enter("worker-01", "stat", "-c", "%y", LOADED), before, "it is not started once more")


if __name__ == "__main__":
    unittest.main(verbosity=2)
