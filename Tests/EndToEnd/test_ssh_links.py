"""Links that break in the middle of work: the outcome is right, and nothing is done twice."""

import hashlib
import os
import re
import subprocess
import time

from EndToEnd.sshcase import SSHCase
from EndToEnd.sshnet import until

COUNT = 12
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

    def lines(self, name):
        try:
            with open(os.path.join(self.folder, name, "ran"), encoding="ascii") as file:
                return [int(line) for line in file]
        except FileNotFoundError:
            return []

    def append(self, work="append"):
        """Starts appending and returns when the node whose link is to break is in the middle."""
        process = self.net.start(work, self.folder, str(COUNT), self.document, program="clusterctl-links")
        until(lambda: len(self.lines("bad")) >= 3 or process.poll() is not None, "the work to begin")
        self.assertLess(len(self.lines("bad")), COUNT)
        return process

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

    def assert_appended_once(self):
        for name in self.nodes:
            self.assertEqual(self.lines(name), list(range(1, COUNT + 1)), name)

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

    def test_sshd_restarted_during_steps(self):
        process = self.append()
        self.restart()
        self.finish(process)
        self.assert_appended_once()
        self.assertGreater(self.connections(), 1)

    def test_packets_dropped_during_steps(self):
        process = self.append()
        self.drop_for(8, process)
        self.finish(process)
        self.assert_appended_once()

    def test_a_node_that_is_away_while_its_steps_end(self):
        """The steps go on without the controller, which then finds them done."""
        process = self.append()
        self.bad.machine.drop("tcp", "dport", "22")
        until(lambda: self.lines("bad") == list(range(1, COUNT + 1)), "the steps to go on by themselves")
        self.bad.stop()
        self.bad.machine.heal()
        self.bad.start()
        self.finish(process)
        self.assert_appended_once()

    def go(self, *names):
        for name in names:
            with open(os.path.join(self.folder, name, "go"), "w", encoding="ascii"):
                pass

    def test_sshd_restarted_while_the_gate_is_waited_for(self):
        """The gate is asked on by itself when the connection is lost that the steps came over."""
        process = self.append("await")
        until(lambda: len(self.lines("bad")) == COUNT and len(self.lines("good")) == COUNT, "the steps to be through")
        self.go("good")
        self.restart()
        time.sleep(1)
        self.assertIsNone(process.poll(), "the gate held without its file")
        self.go("bad")
        self.finish(process)
        self.assert_appended_once()
        self.assertGreater(self.connections(), 1)

    def test_sshd_restarted_during_steps_under_sudo_with_a_terminal_of_its_own(self):
        """sudo then stands between the connection and the steps, and may end them with it: nothing is guessed."""
        machine = self.bad.machine
        machine.user("ops")
        machine.edit("sudoers", lambda text: f"{text}\nDefaults use_pty\nops ALL=(ALL) NOPASSWD: ALL\n")
        document = self.inventory({"good": self.good, "bad": (self.bad, {"user": "ops", "become": "sudo"})})
        process = self.net.start("append", self.folder, str(COUNT), document, program="clusterctl-links")
        until(lambda: len(self.lines("bad")) >= 3 or process.poll() is not None, "the work to begin")
        self.restart()
        output, errors = process.communicate(timeout=120)
        self.assertEqual(self.lines("good"), list(range(1, COUNT + 1)))
        done = self.lines("bad")
        self.assertEqual(done, list(range(1, len(done) + 1)), errors)
        if process.returncode == 0:
            self.assertEqual(len(done), COUNT, output + errors)
        else:
            self.assertIn("is not known", errors)

    def test_a_step_that_was_killed_is_not_guessed_about(self):
        """Whether it took effect cannot be known, so that is said, and it is not done again by itself."""
        process = self.append()
        self.bad.stop(programs=True)
        self.bad.start()
        errors = self.finish(process, status=1)
        self.assertIn("is not known", errors)
        done = self.lines("bad")
        self.assertEqual(done, list(range(1, len(done) + 1)))
        self.assertLess(len(done), COUNT)

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
