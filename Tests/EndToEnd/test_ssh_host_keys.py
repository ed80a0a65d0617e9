"""Host keys, as known_hosts files have them in the wild, against real servers."""

import json
import os

from EndToEnd.sshcase import NOT_WELL, UNREACHABLE, SSHCase
from EndToEnd.sshnet import check


class HostKeyTests(SSHCase):
    def hashed(self, text):
        """The same lines as `ssh-keygen -H` leaves them."""
        path = self.net.file("to-hash", text)
        check("ssh-keygen", "-q", "-H", "-f", path)
        with open(path, encoding="ascii") as file:
            return file.read()

    def other_key(self, kind="ed25519"):
        """The public half of a key that no server here has."""
        with open(self.net.key(f"other_{kind}", kind) + ".pub", encoding="ascii") as file:
            return " ".join(file.read().split()[:2])

    def test_every_form_of_known_hosts(self):
        servers = {}
        lines = []

        def case(name, line, **options):
            servers[name] = self.node(**options)
            lines.append(line(servers[name]))

        case("plain", lambda s: f"{s.address} {s.public_key()}")
        case("commented", lambda s: f"{s.address},other.example.net {s.public_key()} a comment")
        case("hashed", lambda s: self.hashed(f"{s.address} {s.public_key()}\n").strip())
        case("port", lambda s: f"[{s.address}]:2222 {s.public_key()}", port=2222)
        case("hashed-port", lambda s: self.hashed(f"[{s.address}]:2222 {s.public_key()}\n").strip(), port=2222)
        case("one-letter", lambda s: f"10.88.?.{s.address.split('.')[3]} {s.public_key()}")
        case("wildcard", lambda s: f"10.*.{s.address.split('.')[3]} {s.public_key()}")
        case("second-key", lambda s: f"{s.address} {self.other_key()}\n{s.address} {s.public_key()}")
        case("negated", lambda s: f"10.88.*.{s.address.split('.')[3]},!{s.address} {s.public_key()}")
        case("revoked", lambda s: f"{s.address} {s.public_key()}\n@revoked * {s.public_key()}")
        case("authority", lambda s: f"@cert-authority {s.address} {s.public_key()}")
        case("foreign", lambda s: f"other.example.net {s.public_key()}")
        case("changed", lambda s: f"{s.address} {self.other_key()}")
        refused = ["negated", "revoked", "authority", "foreign", "changed"]
        self.net.file(".ssh/known_hosts", "# a comment\n\n" + "\n".join(lines) + "\nnonsense\n")

        ssh_of = {"port": {"port": 2222}, "hashed-port": {"port": 2222}}
        ended = self.status({name: (s, ssh_of.get(name)) for name, s in servers.items()}, expect=UNREACHABLE)
        self.assertEqual(ended.reachable, [name for name in servers if name not in refused], ended)
        for name in refused:
            self.assertIn(servers[name].fingerprint(), self.error_of(name, ended))
        self.assertIn("revoked", self.error_of("revoked", ended))
        self.assertIn("certificate authority", self.error_of("authority", ended))
        self.assertIn("has changed", self.error_of("changed", ended))
        # Nothing of a refused server's was used: no login was even tried there.
        for name in refused:
            self.assertEqual(servers[name].count("Accepted publickey"), 0)

    def test_a_changed_key_is_refused_with_both_fingerprints(self):
        server = self.node()
        self.know(server)
        self.status({"n1": server})
        before = server.fingerprint()
        server.stop()
        server.host_keys["ed25519"] = server.make_host_key("ed25519", "new")
        server.start()
        for flags in [(), ("--accept-new-host-keys",)]:
            ended = self.status({"n1": server}, expect=UNREACHABLE, flags=flags)
            self.assert_said(ended, before, server.fingerprint(), ".ssh/known_hosts:1")
        self.assertEqual(server.count("Accepted publickey"), 1)

    def test_a_changed_key_type_is_refused_and_never_taken_for_new(self):
        server = self.node()
        self.know(server)
        before = server.fingerprint()
        server.stop()
        server.host_keys = {"ecdsa": server.make_host_key("ecdsa")}
        server.start()
        for flags in [(), ("--accept-new-host-keys",)]:
            ended = self.status({"n1": server}, expect=UNREACHABLE, flags=flags)
            self.assert_said(ended, before, server.fingerprint("ecdsa"), "another type")
        with open(os.path.join(self.net.home, ".ssh/known_hosts"), encoding="ascii") as file:
            self.assertEqual(file.read().count("\n"), 1)

    def test_the_known_type_is_asked_for(self):
        server = self.node(host_keys=["ed25519", "ecdsa"])
        for kind in ["ed25519", "ecdsa"]:
            self.net.file(".ssh/known_hosts", f"{server.address} {server.public_key(kind)}\n")
            self.assert_reached(["n1"], self.status({"n1": server}))

    def test_accept_new_writes_what_openssh_reads(self):
        first, second = self.node(), self.node(port=2222)
        nodes = {"n1": first, "n2": (second, {"port": 2222})}
        known = os.path.join(self.net.home, ".ssh/known_hosts")
        os.remove(known)
        ended = self.status(nodes, expect=UNREACHABLE)
        self.assert_said(ended, first.fingerprint(), second.fingerprint(), "--accept-new-host-keys")
        self.assertFalse(os.path.exists(known))

        self.assert_reached(nodes, self.status(nodes, flags=["--accept-new-host-keys"]))
        self.assert_reached(nodes, self.status(nodes))
        self.assertIn(first.public_key(), check("ssh-keygen", "-F", first.address, "-f", known))
        self.assertIn(second.public_key(), check("ssh-keygen", "-F", f"[{second.address}]:2222", "-f", known))
        ssh = ["ssh", "-o", "BatchMode=yes", "-o", "StrictHostKeyChecking=yes"]
        self.net.controller.run(*ssh, first.address, "true")
        self.net.controller.run(*ssh, "-p", "2222", second.address, "true")
        self.assertEqual(os.stat(known).st_mode & 0o777, 0o600)

    def test_accept_new_hashes_where_the_file_is_hashed(self):
        old, new = self.node(), self.node()
        known = self.net.file(".ssh/known_hosts", self.hashed(f"{old.address} {old.public_key()}\n"))
        nodes = {"n1": old, "n2": new}
        self.assert_reached(nodes, self.status(nodes, flags=["--accept-new-host-keys"]))
        with open(known, encoding="ascii") as file:
            lines = file.read().splitlines()
        self.assertEqual([line.startswith("|1|") for line in lines], [True, True], lines)
        self.assertIn(new.public_key(), check("ssh-keygen", "-F", new.address, "-f", known))

    def test_several_files_count(self):
        one, two = self.node(), self.node()
        files = [
            self.net.file("known/one", f"{one.address} {one.public_key()}\n"),
            self.net.file("known/missing", ""),
            self.net.file("known/two", f"{two.address} {two.public_key()}\n"),
        ]
        os.remove(files[1])
        nodes = {"n1": one, "n2": two}
        self.assert_reached(nodes, self.status(nodes, {"knownHosts": files}))

    def test_pins_count_before_files(self):
        key, fingerprint, wrong = self.node(), self.node(), self.node()
        nodes = {
            "n1": (key, {"hostKey": key.public_key()}),
            "n2": (fingerprint, {"hostKey": [self.other_key(), fingerprint.fingerprint()]}),
            "n3": (wrong, {"hostKey": self.other_key()}),
        }
        self.net.file(".ssh/known_hosts", f"{wrong.address} {wrong.public_key()}\n")
        ended = self.status(nodes, expect=UNREACHABLE)
        self.assertEqual(ended.reachable, ["n1", "n2"], ended)
        self.assertIn(wrong.fingerprint(), self.error_of("n3", ended))
        self.assertEqual(wrong.count("Accepted publickey"), 0)

    def test_a_scan_shows_what_the_nodes_have_and_pins_it(self):
        new, known, changed, gone = self.node(host_keys=["ed25519", "ecdsa"]), self.node(), self.node(), self.node()
        gone.stop()
        known_hosts = self.net.file(
            ".ssh/known_hosts", f"{known.address} {known.public_key()}\n{changed.address} {self.other_key()}\n")
        document = self.inventory({"new": new, "known": known, "changed": changed, "gone": gone})
        ended = self.net.clusterctl("host-keys", "scan", document, "-o", "json", "--pin")
        self.assertEqual(ended.status, UNREACHABLE, ended)
        nodes = {node["name"]: node for node in json.loads(ended.output)["nodes"]}
        shown = {
            name: {(key["type"], key["fingerprint"], key["standing"]) for key in node.get("keys", [])}
            for name, node in nodes.items()}
        self.assertEqual(shown["new"], {
            ("ssh-ed25519", new.fingerprint(), "unknown"), ("ecdsa-sha2-nistp256", new.fingerprint("ecdsa"), "unknown")})
        self.assertEqual(shown["known"], {("ssh-ed25519", known.fingerprint(), "known")})
        self.assertEqual(shown["changed"], {("ssh-ed25519", changed.fingerprint(), "changed")})
        self.assertIn("refuses connections", nodes["gone"]["error"])
        for server in [new, known, changed]:
            self.assertEqual(server.count("Accepted"), 0, "a scan logs in nowhere")

        self.assert_reached(["new"], self.status({"new": new}))
        self.assertIn(new.public_key("ecdsa"), check("ssh-keygen", "-F", new.address, "-f", known_hosts))
        self.assertNotIn(changed.public_key(), check("ssh-keygen", "-F", changed.address, "-f", known_hosts))

    def test_a_scan_shows_the_hosts_on_rescue_paths_so_that_they_are_trusted_before_they_are_needed(self):
        node, host = self.node(), self.node()
        known_hosts = self.net.file(".ssh/known_hosts", f"{node.address} {node.public_key()}\n")
        way = {"proxyJump": host.address, "address": "192.168.100.2"}
        document = self.net.inventory({"n1": {"address": node.address, "outOfBand": way}}, {"user": "root"})
        ended = self.net.clusterctl("host-keys", "scan", document, "-o", "json", "--pin")
        self.assertEqual(ended.status, 0, ended)
        shown = [(row["name"], row["isJumpHost"], row["keys"][0]["standing"]) for row in json.loads(ended.output)["nodes"]]
        self.assertEqual(shown, [(host.address, True, "unknown"), ("n1", False, "known")])
        self.assertIn(host.public_key(), check("ssh-keygen", "-F", host.address, "-f", known_hosts))

    def test_an_alias_stands_for_the_host(self):
        server = self.node(port=2222)
        self.net.file(".ssh/known_hosts", f"rack7 {server.public_key()}\n")
        self.status({"n1": (server, {"port": 2222, "hostKeyAlias": "rack7"})}, expect=NOT_WELL)
        self.status({"n1": (server, {"port": 2222})}, expect=UNREACHABLE)
