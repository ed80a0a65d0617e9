"""Links that break in the middle of work: the outcome is right, and nothing is done twice."""

import hashlib
import os
import re
import subprocess

from EndToEnd.sshcase import SSHCase
from EndToEnd.sshnet import until

SIZE = 96 << 20


class LinkTests(SSHCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.file = os.path.join(cls.net.home, "large")
        digest = hashlib.sha256()
        with open(cls.file, "wb") as file:
            for _ in range(SIZE >> 20):
                piece = os.urandom(1 << 20)
                digest.update(piece)
                file.write(piece)
        cls.sha256 = digest.hexdigest()

    def setUp(self):
        super().setUp()
        # One that is left in peace, one whose link breaks.
        self.good, self.bad = (self.node(self.machine(name)) for name in ["good", "bad"])
        self.know(self.good, self.bad)
        self.nodes = {"good": self.good, "bad": self.bad}
        self.folder = os.path.join(self.net.directory, f"work-{next(self.numbers)}")
        for name in self.nodes:
            os.makedirs(os.path.join(self.folder, name))
        self.document = self.inventory(self.nodes, {"keepAlive": {"interval": "2s", "tolerated": 3}})

    def deliver(self):
        """Starts a delivery and returns when a part of it has arrived on the node whose link is to break."""
        process = self.net.start(
            "deliver", self.folder, self.file, self.sha256, self.document, program="clusterctl-links")

        def arrived():
            used = self.bad.machine.run("df", "--output=used", "-B1", "/var/lib")
            return int(used.split()[1]) > 4 << 20 or process.poll() is not None
        until(arrived, "the delivery to begin")
        return process

    def finish(self, process, status=0):
        output, errors = process.communicate(timeout=120)
        self.assertEqual(process.returncode, status, output + errors)
        return errors

    def assert_delivered(self):
        for name in self.nodes:
            with open(os.path.join(self.folder, name, "delivered"), "rb") as file:
                self.assertEqual(hashlib.file_digest(file, "sha256").hexdigest(), self.sha256)

    def connections(self):
        return len(re.findall("Accepted publickey", self.bad.log()))

    def restart(self):
        self.bad.stop()
        self.bad.start()

    def drop_for(self, seconds, process):
        """Nothing comes in or goes out for a while, and nobody is told."""
        self.bad.machine.drop("tcp", "dport", "22")
        try:
            process.wait(timeout=seconds)
        except subprocess.TimeoutExpired:
            pass  # still running, as it should
        self.bad.machine.heal()

    def test_sshd_restarted_during_a_delivery(self):
        process = self.deliver()
        self.restart()
        self.finish(process)
        self.assert_delivered()
        self.assertGreater(self.connections(), 1)

    def test_packets_dropped_during_a_delivery(self):
        process = self.deliver()
        self.drop_for(8, process)
        self.finish(process)
        self.assert_delivered()
