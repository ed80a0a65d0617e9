"""A node's links by Debian's own netplan and networkd: one server, and K3s the lab's stand-in.

Only addresses of a device: bonds and VLANs are not in every kernel, and are played in Tests/PhasesTests.
"""

import unittest

from .harness import LAB_DIR, LifeCase, enter, lab, snapshot, thorough

NODE = "server-01"
OURS = "/etc/netplan/90-clusterctl.yaml"
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
servers:
  {NODE}: {{address: 10.77.0.11}}
"""


class InterfacesTest(LifeCase):
    """The server has no guard of its own, and is taken back all the same."""

    TEXT = INVENTORY

    def want(self, *addresses, gateway="10.77.0.1"):
        links = f"interfaces: {{eth0: {{addresses: [{', '.join(addresses)}], gateway: {gateway}}}}}"
        with open(self.inventory, "w", encoding="utf-8") as file:
            file.write(INVENTORY.replace("10.77.0.11}", f"10.77.0.11, {links}}}"))

    def network(self):
        """Rules, routes, links and addresses; the files of what comes before the phase stay."""
        return snapshot(NODE).split("# files")[0]

    def addresses(self):
        return {line.split()[3] for line in enter(NODE, "ip", "-o", "-4", "addr", "show", "dev", "eth0").splitlines()}

    def test_1_without_anybody_in_charge_nothing_is_begun(self):
        self.want("10.77.0.11/24", "10.80.0.11/24")
        ended = self.clusterctl("bootstrap", self.inventory, "--yes", status=1)
        self.assertIn("its links cannot be set", ended.output + ended.said())
        self.assertEqual(enter(NODE, "sh", "-c", "ls /var/lib/clusterctl/guard 2>/dev/null", check=False), "")

    def test_2_a_change_that_cuts_ssh_is_taken_back_by_the_node(self):
        enter(NODE, "sh", "-c", "umask 077; printf 'network:\\n  version: 2\\n' >/etc/netplan/01-installer.yaml; "
              "systemctl unmask --quiet systemd-networkd && systemctl start systemd-networkd")
        before = self.network()
        self.want("10.77.0.11/32", "10.80.0.11/24", gateway="10.80.0.1")
        ended = self.clusterctl("bootstrap", self.inventory, "--yes", status=5)
        self.assertIn("interfaces", ended.said())
        self.assertEqual(self.network(), before)
        self.assertEqual(enter(NODE, "ls", "/etc/netplan").split(), ["01-installer.yaml"])
        log = enter(NODE, "cat", "/var/lib/clusterctl/guard/log")
        self.assertRegex(log, "taking interfaces back, because: deadline")
        self.assertRegex(log, "rolled-back phase=interfaces .* left=none")

    def test_3_an_address_appears_and_the_second_run_does_nothing(self):
        self.want("10.77.0.11/24", "10.80.0.11/24")
        self.clusterctl("bootstrap", self.inventory, "--yes")
        self.assertLessEqual({"10.77.0.11/24", "10.80.0.11/24"}, self.addresses())
        self.assertEqual(enter(NODE, "stat", "-c", "%a", OURS).strip(), "600")
        ended = self.clusterctl("bootstrap", self.inventory, "--yes")
        self.assertIn("nothing to do", ended.output + ended.said())

    @thorough
    def test_4_after_a_restart_the_links_are_led_back_before_the_boot_waits_for_the_network(self):
        """A unit plays cloud-init's, which keeps most of the boot, sshd too, waiting until the network is up."""
        enter(NODE, "sh", "-c", "systemctl enable --quiet systemd-networkd && printf '%s\\n' '[Unit]' DefaultDependencies=no "
              "Before=sysinit.target '[Service]' Type=oneshot "
              "'ExecStart=/bin/sh -c \"sleep 15; cat /var/lib/clusterctl/guard/rolled-back >/run/seen\"' "
              "'[Install]' WantedBy=sysinit.target >/etc/systemd/system/waits.service && systemctl enable --quiet waits")
        ours = enter(NODE, "cat", OURS)
        self.want("10.77.0.11/32", "10.80.0.11/24", gateway="10.80.0.1")
        run = self.start("bootstrap", self.inventory, "--yes")
        self.eventually(True, lambda: "/32" in enter(NODE, "cat", OURS))
        run.kill()
        lab("fault", NODE, "reboot")
        self.eventually(True, lambda: "because=boot left=none" in enter(NODE, "cat", "/run/seen", check=False))
        self.assertEqual(enter(NODE, "cat", OURS), ours)
        self.eventually(True, lambda: {"10.77.0.11/24", "10.80.0.11/24"} <= self.addresses())
        log = enter(NODE, "cat", "/var/lib/clusterctl/guard/log").split("because: boot")[1]
        self.assertNotIn("clusterctl-etcd", log, "K3s is no concern of that way back")
        self.want("10.77.0.11/24", "10.80.0.11/24")
        self.clusterctl("bootstrap", self.inventory, "--yes")

    @thorough
    def test_5_other_links_wait_until_what_was_begun_is_taken_back(self):
        self.want("10.77.0.11/24", "10.80.0.11/24", "10.81.0.11/24")
        run = self.start("bootstrap", self.inventory, "--yes")
        self.eventually(True, lambda: "10.81.0.11/24" in enter(NODE, "cat", OURS))
        run.kill()
        self.want("10.77.0.11/24", "10.80.0.11/24", "10.82.0.11/24")
        ended = self.clusterctl("bootstrap", self.inventory, "--yes", status=1)
        self.assertIn("has begun to set other links", ended.output + ended.said())
        state = ("sh", "/var/lib/clusterctl/guard/guard.sh", "state")
        self.eventually(True, lambda: enter(NODE, *state).startswith("rolled-back phase=interfaces "))
        self.clusterctl("bootstrap", self.inventory, "--yes")
        self.assertLessEqual({"10.77.0.11/24", "10.82.0.11/24"}, self.addresses())
        self.assertNotIn("10.81.0.11/24", self.addresses())


if __name__ == "__main__":
    unittest.main()
