"""What the end-to-end tests of SSH share: one network a class, nodes in it, and `clusterctl status` as the question.

The nodes have sshd and no K3s: `status` then ends with 1 where SSH works, and with 4 where it does not.
"""

import itertools
import unittest

from EndToEnd import sshnet

NOT_WELL = 1
UNREACHABLE = 4


@unittest.skipIf(sshnet.missing() is not None, sshnet.missing() or "")
class SSHCase(unittest.TestCase):
    """A controller at 10.88.0.1 and nodes beside it; every test has nodes of its own."""

    @classmethod
    def setUpClass(cls):
        cls.net = sshnet.Network()
        cls.addClassCleanup(cls.net.close)
        cls.lan = cls.net.lan()
        cls.net.controller.join(cls.lan, "10.88.0.1/24", "fd88::1/64")
        cls.key = cls.net.key(".ssh/id_ed25519")
        cls.numbers = itertools.count(11)
        cls.machines = cls.net.machine("nodes")
        cls.machines.join(cls.lan)

    def setUp(self):
        self.net.file(".ssh/known_hosts", "")

    @classmethod
    def node(cls, machine=None, **options):
        """An sshd at an address of its own, on a machine shared by all unless one is given."""
        number = next(cls.numbers)
        machine = machine or cls.machines
        address = f"10.88.0.{number}"
        machine.join(cls.lan, f"{address}/24")
        options = {"authorized": [cls.key], **options}
        server = machine.sshd(address=address, name=f"sshd-{number}", **options)
        cls.addClassCleanup(server.stop)
        server.address = address
        return server

    @classmethod
    def machine(cls, name):
        """A machine for one node that is to have users, rules or processes of its own."""
        return cls.net.machine(f"{name}-{next(cls.numbers)}")

    def know(self, *servers):
        """Writes known_hosts as OpenSSH would have after the first contact with each."""
        self.net.file(".ssh/known_hosts", "".join(f"{s.address} {s.public_key()}\n" for s in servers))

    def inventory(self, nodes, ssh=None, **more):
        """`nodes` maps names to servers, or to (server, SSH settings)."""
        values = {}
        for name, value in nodes.items():
            server, own = value if isinstance(value, tuple) else (value, None)
            values[name] = {"address": server.address, **({"ssh": own} if own else {})}
        return self.net.inventory(values, {"user": "root", **(ssh or {})}, **more)

    def status(self, nodes, ssh=None, expect=NOT_WELL, flags=(), **options):
        """Asks all nodes; returns what came of it once the exit status is the expected one."""
        ended = self.net.clusterctl("status", self.inventory(nodes, ssh), "-o", "json", *flags, **options)
        self.assertEqual(ended.status, expect, ended)
        return ended

    def assert_reached(self, nodes, ended):
        self.assertEqual(ended.reachable, list(nodes), ended)

    def assert_said(self, ended, *words):
        for each in words:
            self.assertIn(each, ended.errors)

    def error_of(self, name, ended):
        """What was said about one node, all its lines."""
        lines, taken = ended.errors.splitlines(), []
        for line in lines:
            if line.startswith(f"{name}: error:"):
                taken = [line]
            elif taken and ": error:" not in line:
                taken.append(line)
            elif taken:
                break
        return "\n".join(taken)
