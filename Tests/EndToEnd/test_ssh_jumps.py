"""Nodes behind jump hosts and commands, with the jump hosts' own logs as witnesses."""

import os
import re

from EndToEnd.sshcase import UNREACHABLE, SSHCase

FRONT, BACK = "10.88.0.2", "10.88.1.3"


class JumpTests(SSHCase):
    """controller - front - back - fifty nodes; no packet is routed from one of the three networks to the next."""

    COUNT = 50
    # What sshd has out of the box, but tighter: two shells a connection, few logins pending.
    STRICT = ["MaxSessions 2", "MaxStartups 3:30:10"]

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        middle, inner = cls.net.lan(), cls.net.lan()
        front, back, farm = (cls.net.machine(name) for name in ["front", "back", "farm"])
        front.join(cls.lan, f"{FRONT}/24")
        front.join(middle, "10.88.1.2/24")
        back.join(middle, f"{BACK}/24")
        back.join(inner, "10.88.2.3/24")
        addresses = [f"10.88.2.{number}" for number in range(11, 11 + cls.COUNT)]
        farm.join(inner, *(f"{address}/24" for address in addresses))
        cls.servers = [
            farm.sshd(address=address, authorized=[cls.key], name=f"sshd-{address}") for address in addresses]
        for address, server in zip(addresses, cls.servers):
            server.address = address
        cls.nodes = {f"n{number}": server for number, server in enumerate(cls.servers)}
        cls.machines_between = {"front": (front, FRONT), "back": (back, BACK)}

    def setUp(self):
        super().setUp()
        self.front, self.back = (self.jump_host(name, self.STRICT) for name in ["front", "back"])
        self.know(self.front, self.back, *self.servers)
        self.net.file(".ssh/config", "")
        self.counted = {server: server.count("Connection from") for server in self.servers}

    def jump_host(self, name, options):
        """The sshd of a jump host, new for this test; what it is looked at for does not count."""
        machine, address = self.machines_between[name]
        server = machine.sshd(
            address=address, authorized=[self.key], options=options, name=f"{name}-{next(self.numbers)}")
        self.addCleanup(server.stop)
        server.address = address
        return server

    def assert_one_login_each(self):
        """A connection to each jump host is shared by all, and one goes to each node."""
        for jump in [self.front, self.back]:
            # One, unless that is slow to open channels: then eight requests wait for each.
            self.assertLessEqual(jump.count("Connection from"), 1 + self.COUNT // 8, jump.log())
        for server in self.servers:
            self.assertEqual(server.count("Connection from") - self.counted[server], 1)

    def test_fifty_nodes_behind_two_strict_jump_hosts(self):
        ended = self.status(self.nodes, {"proxyJump": [FRONT, BACK]})
        self.assert_reached(self.nodes, ended)
        self.assert_one_login_each()
        # What the nodes see is the second jump host, not the controller.
        self.assertEqual(set(re.findall(r"Connection from (\S+)", self.servers[0].log())), {"10.88.2.3"})

    def test_the_users_configuration_names_the_jump_hosts(self):
        self.net.file(".ssh/config", f"""\
Host outer
    HostName {FRONT}
Host relay
    HostName {BACK}
    ProxyJump outer
Host 10.88.2.*
    ProxyJump relay
""")
        self.assert_reached(self.nodes, self.status(self.nodes))
        self.assert_one_login_each()
        # The inventory wins: without the jump hosts there is no way.
        few = {name: self.nodes[name] for name in ["n0", "n1"]}
        ended = self.status(few, {"proxyJump": "none", "connectTimeout": "2s"}, expect=UNREACHABLE)
        self.assertEqual(ended.reachable, [], ended)
        self.status(few, {"config": False, "connectTimeout": "2s"}, expect=UNREACHABLE)

    def test_a_command_carries_the_connection(self):
        few = {name: self.nodes[name] for name in ["n0", "n1", "n2"]}
        command = f"ssh -o BatchMode=yes -J root@{FRONT} -W %h:%p root@{BACK}"
        self.assert_reached(few, self.status(few, {"proxyCommand": command}))
        ended = self.status(few, {"proxyCommand": "echo no way through >&2; exit 3"}, expect=UNREACHABLE)
        for name in few:
            self.assertIn("no way through", self.error_of(name, ended))

    def test_a_jump_host_that_forwards_nothing_is_named(self):
        self.back.stop()
        self.back = self.jump_host("back", ["AllowTcpForwarding no"])
        self.know(self.front, self.back, *self.servers)
        few = {name: self.nodes[name] for name in ["n0", "n1"]}
        ended = self.status(few, {"proxyJump": [FRONT, BACK]}, expect=UNREACHABLE)
        for name in few:
            self.assertIn(BACK, self.error_of(name, ended))

    def test_a_node_that_the_jump_host_cannot_reach_does_not_stop_the_others(self):
        few = {name: self.nodes[name] for name in ["n0", "n1", "n2"]}
        self.nodes["n1"].stop()
        self.addCleanup(self.nodes["n1"].start)
        ended = self.status(few, {"proxyJump": [FRONT, BACK]}, expect=UNREACHABLE)
        self.assertEqual(ended.reachable, ["n0", "n2"], ended)
        self.assertIn(BACK, self.error_of("n1", ended))

    def test_a_jump_host_with_another_key_is_refused_and_nothing_goes_through_it(self):
        stranger = self.net.key("stranger")
        with open(f"{stranger}.pub", encoding="ascii") as file:
            key = " ".join(file.read().split()[:2])
        self.know(self.back, *self.servers)
        known = os.path.join(self.net.home, ".ssh/known_hosts")
        with open(known, "a", encoding="ascii") as file:
            file.write(f"{FRONT} {key}\n")
        few = {name: self.nodes[name] for name in ["n0", "n1"]}
        ended = self.status(few, {"proxyJump": [FRONT, BACK]}, expect=UNREACHABLE)
        self.assertEqual(ended.reachable, [], ended)
        for name in few:
            self.assertIn(FRONT, self.error_of(name, ended))
        self.assert_said(ended, self.front.fingerprint(), "has changed")
        self.assertEqual(self.front.count("Accepted publickey"), 0)
        self.assertEqual(self.back.count("Connection from"), 0)


class CrowdTests(SSHCase):
    def test_a_server_that_turns_logins_away_is_asked_again(self):
        """Twelve nodes that are one sshd, which drops logins at random while three are pending."""
        machine = self.machine("crowd")
        addresses = [f"10.88.0.{number}" for number in range(200, 212)]
        machine.join(self.lan, *(f"{address}/24" for address in addresses))
        server = machine.sshd(
            address=addresses, authorized=[self.key], options=["MaxStartups 3:30:10", "LoginGraceTime 20"])
        self.addCleanup(server.stop)
        self.net.file(".ssh/known_hosts", f"10.88.0.2?? {server.public_key()}\n")
        values = {f"n{number}": {"address": address} for number, address in enumerate(addresses)}
        ended = self.net.clusterctl("status", self.net.inventory(values, {"user": "root"}), "-o", "json")
        self.assertEqual(ended.reachable, list(values), ended)
