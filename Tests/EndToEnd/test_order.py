"""The order is enforced: a wrong one hangs at its gate, and the gate's message names the reason."""

import unittest

from .harness import LabCase, VIP


class OrderTest(LabCase):
    def test_kube_vip_before_cilium_hangs_and_says_why(self):
        self.write_inventory(deadlines="{kubeVip: 10s}")
        run = self.clusterctl(
            "kube-vip-before-cilium", "bootstrap", self.inventory, "--yes", status=1, program="clusterctl-misordered")
        said = run.said()
        self.assertRegex(said, r"kube-vip on dpu-01 failed")
        self.assertRegex(said, r"last seen: .*(not-ready|not ready|cni plugin not initialized)")

    def test_replicas_through_the_endpoint_hang_and_say_why(self):
        self.write_inventory(deadlines="{replicas: 15s}")
        run = self.clusterctl(
            "replicas-through-endpoint", "bootstrap", self.inventory, "--yes", status=5,
            program="clusterctl-misordered")
        said = run.said()
        self.assertRegex(said, r"replicas on dpu-02 failed")
        self.assertIn(VIP, said, "the message names the address that does not answer")


if __name__ == "__main__":
    unittest.main()
