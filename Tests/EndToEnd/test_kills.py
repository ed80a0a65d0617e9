"""clusterctl killed where it hurts: the next run finishes the cluster, and nothing is done twice that must not be.

RANDOM_KILLS (5) says how many times at a random instant, SEED at which ones.
"""

import os
import random
import time
import unittest

from .harness import LabCase, thorough

SEED = int(os.environ.get("SEED", "20261121"))
RANDOM_KILLS = int(os.environ.get("RANDOM_KILLS", "5"))
KILLS_A_CLUSTER = 5


class KillTest(LabCase):
    def killed_at(self, run, moment):
        """Kills the run when `moment` says so; whether it was still running."""
        moment(run)
        alive = run.process.poll() is None
        run.kill()
        return alive

    def finish(self):
        run = self.start("bootstrap", self.inventory, "--yes").finish()
        if run.status == 1 and "not done yet" in run.said():  # what had been left armed came first
            run = self.bootstrap()
        self.assertEqual(run.status, 0, run.said())
        self.assert_cluster_whole()
        self.assertIn("nothing to do", self.bootstrap().said())
        return run

    def test_at_every_phase_boundary(self):
        self.switch_nixos()
        boundaries = ["host-prep", "artifacts", "k3s-primary", "cilium", "kube-vip", "replicas", "workers", "verify"]
        killed = []
        while boundaries:
            run = self.start("bootstrap", self.inventory, "--yes")
            found = run.wait_for(rf"^ *[\d.]+ +({'|'.join(boundaries)}) .*  passed")
            run.kill()
            if not found:
                break
            # What a killed run had begun may end by itself on the nodes: then the next run goes on behind it.
            killed.append(found.group(1))
            boundaries = boundaries[boundaries.index(found.group(1)) + 1:]
        print(f"\nkilled when these had passed: {', '.join(killed)}")
        self.assertGreaterEqual(len(killed), 5, run.said())
        self.assertIn("cilium", killed)
        self.finish()

    @thorough
    def test_at_random_instants(self):
        source = random.Random(SEED)
        kills = 0
        for cluster in range(RANDOM_KILLS // KILLS_A_CLUSTER):
            if cluster:
                self.setUp()
            self.switch_nixos()
            for _ in range(KILLS_A_CLUSTER):
                run = self.start("bootstrap", self.inventory, "--yes")
                delay = source.uniform(0.2, 14)
                if self.killed_at(run, lambda run, delay=delay: time.sleep(delay)):
                    kills += 1
            self.finish()
            print(f"\nkilled {kills} runs so far, and the next one finished", flush=True)
        print(f"\nkilled {kills} runs of {RANDOM_KILLS} at random instants (seed {SEED})")
        self.assertGreaterEqual(kills, RANDOM_KILLS * 8 // 10)


if __name__ == "__main__":
    unittest.main()
