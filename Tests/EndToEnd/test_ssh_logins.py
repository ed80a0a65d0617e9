"""Keys, agents, passphrases and passwords."""

import os
import shutil
import subprocess

from EndToEnd.sshcase import UNREACHABLE, SSHCase
from EndToEnd.sshnet import check, until

PASSPHRASE = "correct horse"
PASSWORD = "battery staple"


class AgentTests(SSHCase):
    """An agent with ten keys before servers that hear three of them."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        os.mkdir(os.path.join(cls.net.home, "keys"))
        cls.keys = [cls.net.key(f"keys/agent-{number}") for number in range(10)]
        cls.socket = os.path.join(cls.net.home, "agent")
        agent = cls.net.controller.spawn("ssh-agent", "-D", "-a", cls.socket, stdout=subprocess.DEVNULL)
        cls.addClassCleanup(agent.kill)
        until(lambda: os.path.exists(cls.socket), "the agent's socket")
        check("ssh-add", "-q", *cls.keys, env={**os.environ, "SSH_AUTH_SOCK": cls.socket})
        os.remove(cls.key)

    def setUp(self):
        super().setUp()
        self.server = self.node(authorized=[self.keys[9]], options=["MaxAuthTries 3"])
        self.know(self.server)
        self.environment = {"SSH_AUTH_SOCK": self.socket}

    def test_the_named_key_is_offered_first(self):
        # Only the public half lies on the disk, as with keys that never leave a token.
        folder = os.path.join(self.net.home, "public")
        os.makedirs(folder, exist_ok=True)
        shutil.copy(f"{self.keys[9]}.pub", os.path.join(folder, "id.pub"))
        for ssh in [{"identityFile": self.keys[9]}, {"identityFile": os.path.join(folder, "id")},
                    {"identityFile": os.path.join(folder, "id"), "identitiesOnly": True}]:
            ended = self.status({"n1": self.server}, ssh, environment=self.environment)
            self.assert_reached(["n1"], ended)

    def test_the_configuration_names_it_too(self):
        self.net.file(".ssh/config", f"Host 10.88.*\n  IdentityFile {self.keys[9]}\n  IdentityAgent {self.socket}\n")
        self.addCleanup(self.net.file, ".ssh/config", "")
        self.assert_reached(["n1"], self.status({"n1": self.server}))

    def test_too_many_keys_are_told_as_such(self):
        ended = self.status({"n1": self.server}, expect=UNREACHABLE, environment=self.environment)
        self.assert_said(ended, "MaxAuthTries")

    def test_another_agents_socket(self):
        ended = self.status({"n1": self.server}, {"agent": self.socket, "identityFile": self.keys[9] + ".pub"})
        self.assert_reached(["n1"], ended)

    def test_without_the_agent_no_key_of_its_is_offered(self):
        ended = self.status(
            {"n1": self.server}, {"agent": False}, expect=UNREACHABLE, environment=self.environment)
        self.assert_said(ended, "no key could be offered")
        self.assertEqual(self.server.count("Failed publickey"), 0)


class SecretTests(SSHCase):
    """Encrypted keys and passwords, by reference; never asked where there is no terminal."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        os.remove(cls.key)
        cls.encrypted = cls.net.key("encrypted", passphrase=PASSPHRASE)
        cls.right = cls.net.file("right", f"{PASSPHRASE}\n")
        cls.password = cls.net.file("password", f"{PASSWORD}\n")
        cls.wrong = cls.net.file("wrong", "something else\n")
        cls.ops = cls.machine("ops")
        cls.ops.user("ops", PASSWORD)
        cls.ops_server = cls.node(cls.ops, options=["PasswordAuthentication yes"], authorized=[])

    def setUp(self):
        super().setUp()
        self.know(self.ops_server)

    def test_an_encrypted_key(self):
        server = self.node(authorized=[self.encrypted])
        self.know(server)
        for source in [{"file": self.right}, {"env": "PHRASE"}, {"command": ["cat", self.right]}]:
            ended = self.status(
                {"n1": server}, {"identityFile": self.encrypted, "passphrase": source},
                environment={"PHRASE": PASSPHRASE})
            self.assert_reached(["n1"], ended)
            self.assertNotIn(PASSPHRASE, str(ended))

    def test_a_wrong_passphrase(self):
        server = self.node(authorized=[self.encrypted])
        self.know(server)
        ended = self.status(
            {"n1": server}, {"identityFile": self.encrypted, "passphrase": {"file": self.wrong}}, expect=UNREACHABLE)
        self.assert_said(ended, self.encrypted, "passphrase")
        self.assertNotIn("something else", str(ended))

    def logged(self, words):
        return self.ops_server.count(words)

    def test_a_password(self):
        settings = {"user": "ops", "agent": False, "become": "none", "password": {"file": self.password}}
        before = self.logged("Accepted password")
        self.assert_reached(["n1"], self.status({"n1": self.ops_server}, settings))
        self.assertEqual(self.logged("Accepted password") - before, 1)

    def test_a_wrong_password_is_tried_once(self):
        settings = {"user": "ops", "agent": False, "become": "none", "password": {"file": self.wrong}}
        before = self.logged("Failed password")
        ended = self.status({"n1": self.ops_server}, settings, expect=UNREACHABLE)
        self.assertEqual(self.logged("Failed password") - before, 1)
        self.assertNotIn("something else", str(ended))
