"""Ctrl-C: once, and what is under way is finished or taken back; twice, and the run ends at once, and the guard protects."""

import signal
import time
import unittest

from .harness import LabCase, enter, snapshot

GUARD = "/var/lib/clusterctl/guard/guard.sh"


class InterruptTest(LabCase):
    def interrupted(self, run, times=1):
        for _ in range(times):
            run.process.send_signal(signal.SIGINT)
            time.sleep(0.3)
        run.finish()
        self.assertEqual(run.status, 130, run.said())
        self.assertIn("interrupted; run the same command again to go on", run.said())
        return run

    def without_the_program(self, state):
        """The link to K3s' program is another phase's, which is through by then."""
        return [line for line in state.splitlines() if not line.startswith("/usr/local/bin/k3s ")]

    def test_once_and_twice(self):
        self.switch_nixos()
        run = self.start("bootstrap", self.inventory, "--yes")
        # K3s is begun as soon as its files are there, whose bringing takes some seconds after this.
        self.assertIsNotNone(run.wait_for(r"host-prep +dpu-01 +passed"), run.said())
        before = self.without_the_program(snapshot("dpu-01"))
        self.assertIsNotNone(run.wait_for(r"k3s-primary +dpu-01 +waiting for"), run.said())
        self.interrupted(run)
        self.assertIn("interrupted: nothing new begins; taking back k3s-primary on dpu-01", run.said())
        self.assertRegex(run.said(), r"k3s-primary dpu-01 +the phase was taken back .*everything is as it was")
        self.assertNotIn("cilium dpu-01", run.said().split("nothing new begins")[1])
        self.assertTrue(enter("dpu-01", "sh", GUARD, "state").startswith("rolled-back phase=k3s-primary"))
        self.assertEqual(self.without_the_program(snapshot("dpu-01")), before)

        run = self.start("bootstrap", self.inventory, "--yes")
        self.assertIsNotNone(run.wait_for(r"cilium +dpu-01 +waiting for"), run.said())
        self.interrupted(run, times=2)
        self.assertIn("cilium on dpu-01: its guard is armed; the node takes the phase back by itself", run.said())
        self.assertRegex(enter("dpu-01", "sh", GUARD, "state"), r"^(armed|firing|rolled-back) phase=cilium")

        self.bootstrap()
        self.assert_cluster_whole()
        self.assertIn("nothing to do", self.bootstrap().said())
        self.assertIn("interrupted", self.clusterctl("runs", self.inventory).output)


if __name__ == "__main__":
    unittest.main()
