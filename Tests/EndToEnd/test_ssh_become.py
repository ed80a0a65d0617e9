"""How commands become root's: sudo and doas, with the node's own log as witness of every attempt."""

import os
import shutil
import unittest

from EndToEnd.sshcase import UNREACHABLE, SSHCase
from EndToEnd.sshnet import until

PASSWORD = "battery staple"
WRONG = "something else"


@unittest.skipIf(shutil.which("sudo") is None, "sudo is not installed")
class BecomeTests(SSHCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.right = cls.net.file("right", f"{PASSWORD}\n")
        cls.wrong = cls.net.file("wrong", f"{WRONG}\n")
        cls.host = cls.machine("become")
        cls.log = os.path.join(cls.host.directory, "sudo.log")
        for user in ["ops", "free", "formal", "guest"]:
            cls.host.user(user, PASSWORD)
        cls.host.edit("sudoers", lambda text: f"""{text}
Defaults lecture=always, logfile={cls.log}, timestamp_timeout=0
Defaults:formal requiretty
ops ALL=(ALL) ALL
formal ALL=(ALL) ALL
free ALL=(ALL) NOPASSWD: ALL
""")
        cls.host.edit("doas.conf", lambda _: "permit ops as root\npermit nopass free as root\n")
        cls.first, cls.second = cls.node(cls.host), cls.node(cls.host)

    def setUp(self):
        super().setUp()
        self.know(self.first, self.second)
        with open(self.log, "w", encoding="ascii"):
            pass

    def logged(self):
        with open(self.log, encoding="utf-8") as file:
            return " ".join(file.read().split())

    def ask(self, user, password=None, become="sudo", nodes=("first",), **options):
        settings = {"user": user, "become": become, **({"becomePassword": {"file": password}} if password else {})}
        servers = {name: getattr(self, name) for name in nodes}
        ended = self.status(servers, settings, **options)
        for secret in [PASSWORD, WRONG]:
            self.assertNotIn(secret, str(ended))
            self.assertNotIn(secret, self.logged())
        if ended.status != UNREACHABLE:
            self.assert_reached(servers, ended)
        return ended

    def test_sudo_with_its_password(self):
        self.ask("ops", self.right, nodes=["first", "second"])
        self.assertEqual(self.logged().count("COMMAND="), 2)
        self.assertNotIn("incorrect", self.logged())

    def test_a_password_that_is_not_asked_for_is_not_sent(self):
        self.ask("free", self.right)
        self.ask("free")
        self.ask("root", self.right, become="none")

    def test_sudo_that_wants_a_terminal(self):
        self.ask("formal", self.right)

    def test_a_wrong_password_is_tried_once_for_all_who_share_it(self):
        ended = self.ask("ops", self.wrong, nodes=["first", "second"], expect=UNREACHABLE)
        # sudo writes when it ends, and it ends after the one who asked has gone.
        until(lambda: "incorrect" in self.logged(), "sudo to write down the attempt")
        self.assertEqual(self.logged().count("incorrect password attempt"), 1, self.logged())
        self.assertIn("1 incorrect password attempt", self.logged())
        self.assert_said(ended, "sudo refuses the password of 'ops'", "was not tried here")

    def test_a_password_that_is_missing(self):
        ended = self.ask("ops", expect=UNREACHABLE)
        self.assert_said(ended, "sudo asks for the password of 'ops', and none is configured", "--ask-become-pass")

    def test_a_user_whom_sudo_does_not_know(self):
        ended = self.ask("guest", self.right, expect=UNREACHABLE)
        self.assert_said(ended, "sudo does not let 'guest' become root")

    def test_the_password_is_asked_for_once_on_the_terminal(self):
        document = self.inventory({"first": self.first, "second": self.second}, {"user": "ops"})
        ended, shown = self.net.at_terminal(
            "status", document, "-o", "json", "--ask-become-pass", answers=[("Password of ops", PASSWORD)])
        self.assertEqual(ended.reachable, ["first", "second"], ended)
        self.assertEqual(shown.count("Password of"), 1, shown)
        self.assertNotIn(PASSWORD, shown + str(ended))

    @unittest.skipIf(shutil.which("doas") is None, "doas is not installed")
    def test_doas(self):
        self.ask("ops", self.right, become="doas")
        self.ask("free", become="doas")
        ended = self.ask("ops", self.wrong, become="doas", expect=UNREACHABLE)
        self.assert_said(ended, "doas refuses the password of 'ops'")
        ended = self.ask("guest", self.right, become="doas", expect=UNREACHABLE)
        self.assert_said(ended, "doas does not let 'guest' become root")
