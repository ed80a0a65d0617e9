"""Two controllers at once: one works, one is refused; and a lease that is taken away by hand."""

import glob
import json
import os
import tempfile
import time
import unittest

from .harness import LabCase, MANAGED, Run, enter


class LeaseTest(LabCase):
    def test_one_of_two_works_until_it_is_unlocked(self):
        self.switch_nixos()
        elsewhere = tempfile.TemporaryDirectory(prefix="clusterctl-test-")
        self.addCleanup(elsewhere.cleanup)
        runs = [Run(where, "bootstrap", self.inventory, "--yes") for where in [self.directory, elsewhere.name]]
        for run in runs:
            self.addCleanup(run.errors.close)
        # Whoever is refused has ended long before the other one is through.
        while all(run.process.poll() is None for run in runs):
            time.sleep(0.05)
        refused, works = sorted(runs, key=lambda run: run.process.poll() is None)
        refused.finish()
        self.assertEqual(refused.status, 7, refused.said())
        self.assertRegex(refused.said(), r"another run is at work: \S+@\S+, process \d+ since 20|has changed something")
        self.assertIn("nothing was changed", refused.said())

        self.assertIsNotNone(works.wait_for(r"k3s-primary +dpu-01 .*passed"), works.said())
        winner = self.run_id(works)
        self.assertEqual(self.owners(), {winner}, "no program of the other run has begun on any node")

        seen = self.clusterctl("unlock", self.inventory, status=1)
        self.assertRegex(seen.output, rf"(?m)^dpu-01 +{winner[:8]}, number \d+")
        self.assertRegex(seen.said(), r"that process is still there, on this machine")
        self.assertIsNone(works.process.poll(), "whoever only looks disturbs nobody")
        taken = self.clusterctl("unlock", self.inventory, "--yes")
        self.assertIn("the lease is free", taken.output)
        works.finish()
        self.assertEqual(works.status, 7, works.said())
        self.assertIn("another run has taken the lease", works.said())

        self.assertIn("nobody has the lease", self.clusterctl("unlock", self.inventory).output)
        self.bootstrap()
        self.assert_cluster_whole()
        self.assertIn("nothing to do", self.bootstrap().said())

    def run_id(self, run):
        [path] = glob.glob(os.path.join(run.directory, ".clusterctl", "*", "runs", "*.jsonl"))
        with open(path, encoding="utf-8") as file:
            return json.loads(file.readline())["id"]

    def owners(self):
        """Whose programs have begun on the nodes, by the nodes' own record."""
        lives = "".join(enter(node, "sh", "-c", "cat /run/clusterctl/runs/*/life 2>/dev/null", check=False)
                        for node in MANAGED)
        return {line.split()[3] for line in lives.splitlines() if len(line.split()) == 4}


if __name__ == "__main__":
    unittest.main()
