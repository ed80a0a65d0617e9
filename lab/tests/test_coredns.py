"""The stand-in for CoreDNS, without nodes: `/usr/bin/python3 -m unittest discover -s lab/tests -t lab -p 'test_coredns.py'`."""

import os
import socket
import struct
import sys
import tempfile
import unittest

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.realpath(__file__))))

from k3s import coredns  # noqa: E402
from k3s.ends import Crash  # noqa: E402

ZONE = """\
$ORIGIN cluster.example.org.
$TTL 60
@ IN SOA dpu-01 hostmaster 7 7200 900 1209600 60
@ IN NS dpu-01
api IN A 10.77.0.100 ; a comment
*.apps IN A 10.77.0.101
dpu-01 IN A 10.77.0.11
dpu-01 IN AAAA fd77::11
"""
COREFILE = """\
# A comment
cluster.example.org {
    bind 10.77.0.11 fd77::11
    health 127.0.0.1:9453
    file zone {
        reload 5s
    }
}
. {
    bind 10.77.0.11 fd77::11
    loop
    import upstreams.conf
}
"""


def query(name, kind):
    return b"ct\0\0\0\1\0\0\0\0\0\0" + coredns.encoded(name) + struct.pack("!2H", kind, 1)


class CoreDNS(unittest.TestCase):
    def setUp(self):
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.directory = directory.name
        self.write("zone", ZONE)
        self.write("upstreams.conf", "")

    def write(self, name, text):
        with open(os.path.join(self.directory, name), "w", encoding="utf-8") as file:
            file.write(text)

    def names(self, corefile=COREFILE):
        self.write("Corefile", corefile)
        return coredns.Names("Corefile", lambda path: os.path.join(self.directory, path))

    def ask(self, name, kind="A"):
        """The status, and the addresses."""
        answer = self.names().answer(query(name, coredns.TYPES[kind]))
        status, count = answer[3] & 15, struct.unpack_from("!H", answer, 6)[0]
        data = {"A": (4, socket.AF_INET), "AAAA": (16, socket.AF_INET6)}[kind]
        place, found = coredns.question(query(name, 1))[2], []
        for _ in range(count):
            place += len(coredns.encoded(name)) + 10
            found.append(socket.inet_ntop(data[1], answer[place:place + data[0]]))
            place += data[0]
        return status, found

    def test_names_their_families_and_wildcards(self):
        self.assertEqual(self.ask("api.cluster.example.org"), (0, ["10.77.0.100"]))
        self.assertEqual(self.ask("api.cluster.example.org", "AAAA"), (0, []), "there is the name, and no such address")
        self.assertEqual(self.ask("dpu-01.cluster.example.org", "AAAA"), (0, ["fd77::11"]))
        self.assertEqual(self.ask("a.b.apps.cluster.example.org"), (0, ["10.77.0.101"]))
        self.assertEqual(self.ask("apps.cluster.example.org"), (0, []), "there is something below it")
        self.assertEqual(self.ask("cluster.example.org"), (0, []))
        self.assertEqual(self.ask("x.cluster.example.org"), (3, []))
        self.assertEqual(self.ask("x.api.cluster.example.org"), (3, []), "a wildcard is for the names below it alone")
        self.assertEqual(self.ask("example.org"), (2, []), "nobody is asked for other names")

    def test_what_the_real_one_refuses(self):
        for wrong, message in (("loop", "frobnicate"), ("bind 10.77.0.11 fd77::11", "bind"), ("reload 5s", "relaod 5s"),
                               ("import upstreams.conf", "import other.conf")):
            with self.assertRaises(Crash):
                self.names(COREFILE.replace(wrong, message))
        with self.assertRaises(Crash):
            self.names(COREFILE + "x.example {\n")
        self.write("upstreams.conf", "forward . 192.0.2.1 10.77.0.11\n")
        with self.assertRaisesRegex(Crash, "Loop"):
            self.names()

    def test_garbage_is_not_answered(self):
        names = self.names()
        for message in (b"", b"x" * 40, query("api.cluster.example.org", 1)[:-3], query("a", 1)[:2] + b"\x80" + b"\0" * 30):
            self.assertIsNone(names.answer(message))


if __name__ == "__main__":
    unittest.main()
