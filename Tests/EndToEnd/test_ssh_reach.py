"""Nodes that can be reached in uncommon ways, in part, or not at all."""

import re
import signal
import time

from EndToEnd.sshcase import NOT_WELL, UNREACHABLE, SSHCase
from EndToEnd.sshnet import until


class ReachTests(SSHCase):
    def nowhere(self):
        """An address of the LAN that nobody has."""
        return f"10.88.0.{next(self.numbers)}"

    def test_a_node_that_is_gone_does_not_keep_the_others_from_answering(self):
        good, refusing, dropping = self.node(), self.node(), self.node(self.machine("dropping"))
        self.know(good, refusing, dropping)
        refusing.stop()
        dropping.machine.drop("tcp", "dport", "22")
        values = {
            "n1": {"address": good.address}, "n2": {"address": refusing.address},
            "n3": {"address": dropping.address, "ssh": {"connectTimeout": "2s"}}, "n4": {"address": self.nowhere()},
            "n5": {"address": "10.88.0.9", "ssh": {"host": "no-such-name.invalid"}}}
        document = self.net.inventory(values, {"user": "root"})
        ended = self.net.clusterctl("status", document, "-o", "json")
        self.assertEqual(ended.status, UNREACHABLE, ended)
        self.assertEqual(ended.reachable, ["n1"], ended)
        self.assertIn("refuses connections to port 22", self.error_of("n2", ended))
        self.assertIn("took longer than allowed", self.error_of("n3", ended))
        self.assertIn("No route to host", self.error_of("n4", ended))
        self.assertIn("has no address", self.error_of("n5", ended))

    def test_ipv6_and_link_local_with_its_scope(self):
        machine = self.machine("six")
        machine.join(self.lan, "fd88::6/64")
        scoped = f"{machine.link_local(self.lan)}%{self.lan}"
        server = machine.sshd(address=["::"], authorized=[self.key])
        self.addClassCleanup(server.stop)
        self.net.file(".ssh/known_hosts", f"fd88::6,{scoped} {server.public_key()}\n")
        values = {"n1": {"address": "10.88.0.8", "ssh": {"host": "fd88::6"}},
                  "n2": {"address": "10.88.0.9", "ssh": {"host": scoped}}}
        document = self.net.inventory(values, {"user": "root"})
        ended = self.net.clusterctl("status", document, "-o", "json")
        self.assertEqual((ended.status, ended.reachable), (NOT_WELL, ["n1", "n2"]), ended)
        self.assertEqual(len(set(re.findall(r"Connection from (\S+)", server.log()))), 2, server.log())

    def test_a_live_plan_and_a_run_end_with_4_where_a_node_cannot_be_asked(self):
        good, gone = self.node(), self.node()
        self.know(good, gone)
        gone.stop()
        document = self.inventory({"n1": good, "n2": gone})
        for arguments in [["plan", document, "--live"], ["bootstrap", document, "--yes"], ["kubeconfig", document]]:
            ended = self.net.clusterctl(*arguments)
            if arguments[0] == "kubeconfig":
                # The primary answers, and has none.
                self.assertIn(ended.status, [1, UNREACHABLE], ended)
            else:
                self.assertEqual(ended.status, UNREACHABLE, ended)
                self.assertIn("n2", ended.errors)

    def test_ten_nodes_cost_one_login_each(self):
        nodes = {f"n{number}": self.node() for number in range(10)}
        self.know(*nodes.values())
        self.assert_reached(nodes, self.status(nodes))
        for server in nodes.values():
            self.assertEqual(server.count("Connection from"), 1)
            self.assertEqual(server.count("Starting session"), 1)

    def test_everything_but_the_configuration_works_without_an_ssh_program(self):
        server = self.node()
        self.know(server)
        self.net.file(".ssh/config", f"Host {server.address}\n  Port 2222\n")
        self.addCleanup(self.net.file, ".ssh/config", "")
        ended = self.status({"n1": server}, environment={"PATH": self.net.home})
        self.assert_reached(["n1"], ended)
        self.assertEqual(ended.errors.count("no 'ssh' program"), 1, ended)
        # With the program, it counts.
        self.status({"n1": server}, expect=UNREACHABLE)

    def test_a_mistake_in_the_configuration_is_told_in_opensshs_words(self):
        server = self.node()
        self.know(server)
        path = self.net.file(".ssh/config", "Host *\n  User root\n  NoSuchOption yes\n")
        self.addCleanup(self.net.file, ".ssh/config", "")
        ended = self.status({"n1": server}, expect=3)
        self.assert_said(ended, path, "line 3", "nosuchoption")
        self.assertEqual(server.count("Connection from"), 0)

    def test_interrupting_ends_at_once_and_well(self):
        server = self.node(self.machine("silent"))
        self.know(server)
        server.machine.drop("tcp", "dport", "22")
        document = self.inventory({"n1": server}, {"connectTimeout": "60s"})
        for verb, status in [(["plan", document, "--live"], 130), (["status", document], -signal.SIGINT)]:
            process = self.net.start(*verb)
            until(lambda: "SYN-SENT" in self.net.controller.run("ss", "-tn"), "a connection to be tried")
            began = time.monotonic()
            process.send_signal(signal.SIGINT)
            _, errors = process.communicate(timeout=30)
            self.assertEqual(process.returncode, status, errors)
            self.assertLess(time.monotonic() - began, 30)
