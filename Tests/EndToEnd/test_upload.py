"""Artifacts on their way to nodes: handed on from node to node, and over a line that is cut in the middle."""

import glob
import os
import time
import unittest

from .harness import LAB_DIR, MANAGED, LabCase, enter, lab, thorough


def sent_bytes():
    """What has left the controller's place in the lab's network."""
    devices = lab("exec", "--", "cat", "/proc/net/dev").stdout.splitlines()
    return sum(int(line.split(":")[1].split()[8]) for line in devices if line.strip().startswith("br0:"))


def part_bytes(node):
    return int(enter(node, "sh", "-c", "cat /var/lib/clusterctl/artifacts/*.part 2>/dev/null | wc -c"))


@thorough
class Upload(LabCase):
    def setUp(self):
        os.environ["LAB_K3S_MEBIBYTES"] = "70"  # as the real one: a smaller file is there before anything can be seen of it
        self.addCleanup(os.environ.pop, "LAB_K3S_MEBIBYTES")
        super().setUp()

    def relayed_inventory(self):
        with open(self.inventory, encoding="utf-8") as file:
            text = file.read()
        before = f"artifacts: {{directory: {LAB_DIR}/artifacts}}"
        self.assertIn(before, text)
        with open(self.inventory, "w", encoding="utf-8") as file:
            file.write(text.replace(before, before.replace("}", ", relay: true}")))

    def artifacts_bytes(self):
        return sum(os.path.getsize(path) for path in glob.glob(f"{LAB_DIR}/artifacts/k3s*") if "arm64" not in path)

    def test_relay_sends_each_file_once(self):
        self.relayed_inventory()
        self.switch_nixos()
        before = sent_bytes()
        self.bootstrap()
        sent = sent_bytes() - before
        size = self.artifacts_bytes()
        self.assertGreater(size, 50_000_000)
        self.assertGreater(sent, size, "something else brought the files")
        self.assertLess(sent, 1.5 * size, f"{sent} bytes left the controller for {len(MANAGED)} nodes of {size} each")
        for node in MANAGED:
            units = enter(node, "systemctl", "list-units", "--all", "--no-legend", "clusterctl-relay-*")
            self.assertEqual(units.strip(), "", node)
            left = enter(node, "sh", "-c", "ls -R /var/lib/clusterctl")
            self.assertNotIn(".part", left)
            self.assertNotIn(".whole", left)

    def test_upload_outlasts_a_node_that_drops_packets(self):
        self.switch_nixos()
        slow = "add table inet slow; add chain inet slow in { type filter hook input priority 0; };"
        enter("dpu-01", "nft", f"{slow} add rule inet slow in tcp dport 22 limit rate over 4 mbytes/second burst 1 mbytes drop")
        run = self.start("bootstrap", self.inventory, "--yes")
        deadline = time.monotonic() + 200
        while part_bytes("dpu-01") < 8_000_000:
            self.assertLess(time.monotonic(), deadline, run.said())
            time.sleep(0.1)
        enter("dpu-01", "nft", "add chain inet slow in; insert rule inet slow in tcp dport 22 drop")
        stopped = part_bytes("dpu-01")
        time.sleep(35)  # longer than an upload may stall
        self.assertLess(part_bytes("dpu-01") - stopped, 4_000_000)
        self.assertGreaterEqual(part_bytes("dpu-01"), stopped)
        enter("dpu-01", "nft", "delete table inet slow")
        run.finish()
        self.assertEqual(run.status, 0, run.said())
        self.assert_cluster_whole()


if __name__ == "__main__":
    unittest.main()
