"""What the end-to-end tests share: the lab, clusterctl in it, and questions to the nodes that do not go through clusterctl."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import unittest

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
LAB = os.path.join(ROOT, "lab", "lab")
LAB_DIR = os.environ.get("LAB_DIR", "/var/lib/clusterctl-lab")
BIN = os.environ.get("CLUSTERCTL_BIN", os.path.join(ROOT, ".build", "debug"))
INVENTORY = os.path.join(ROOT, "inventories", "lab.yaml")
sys.path.insert(0, os.path.join(ROOT, "lab"))

from machines import inventory as lab_inventory, node as machines  # noqa: E402
from machines.settings import LabError  # noqa: E402

CONTROL_PLANE = ["dpu-01", "dpu-02", "dpu-03"]
MANAGED = CONTROL_PLANE + ["worker-01"]
NODES = MANAGED + ["nixos-01"]
VIP = "10.77.0.100"
# What takes long and finds little that others do not: `make test-all` runs it, `make test` says that it was left out.
thorough = unittest.skipUnless(os.environ.get("THOROUGH") == "1", "only 'make test-all' runs it")


def lab(*arguments, check=True, timeout=600):
    result = subprocess.run([LAB, *arguments], check=False, capture_output=True, text=True, timeout=timeout)
    if check and result.returncode != 0:
        raise AssertionError(f"lab {' '.join(arguments)}: status {result.returncode}\n{result.stdout}{result.stderr}")
    return result


def enter(node, *command, check=True):
    """As `lab enter`: a command on a node as root, without SSH, so that asking leaves no login behind."""
    try:
        result = machines.enter(lab_inventory.current().node(node), command, check=False)
    except LabError as error:
        if check:
            raise AssertionError(f"{node}: {error}") from error
        return ""
    if check and result.returncode != 0:
        words = " ".join(command)
        raise AssertionError(f"{node}: {words}: status {result.returncode}\n{result.stdout}{result.stderr}")
    return result.stdout


def kubectl(*arguments, node="dpu-01", check=True):
    return enter(node, "/usr/local/bin/k3s", "kubectl", *arguments, check=check)


class Run:
    """One clusterctl in the lab's network, in a working directory of its own."""

    def __init__(self, directory, *arguments, program="clusterctl"):
        self.arguments = arguments
        self.lines = []
        self.directory = directory
        self.errors = tempfile.TemporaryFile(mode="w+")
        environment = dict(os.environ, HOME=directory, NO_COLOR="1")
        self.process = subprocess.Popen(
            [LAB, "exec", "--", os.path.join(BIN, program), *arguments], cwd=directory, env=environment,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=self.errors, text=True)

    def finish(self, timeout=420):
        try:
            self.output, _ = self.process.communicate(timeout=timeout)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.output, _ = self.process.communicate()
            raise AssertionError(f"clusterctl {' '.join(self.arguments)} took more than {timeout} s\n{self.said()}") from None
        self.status = self.process.returncode
        return self

    def kill(self):
        self.process.send_signal(signal.SIGKILL)
        self.process.communicate()

    def said(self):
        self.errors.seek(0)
        return self.errors.read()

    def wait_for(self, pattern, timeout=300):
        """Returns the first line on standard error that matches, or None when the process ends before it."""
        deadline = time.monotonic() + timeout
        while time.monotonic() < deadline:
            match = re.search(pattern, self.said(), re.MULTILINE)
            if match:
                return match
            if self.process.poll() is not None:
                return None
            time.sleep(0.1)
        raise AssertionError(f"{pattern!r} did not come in {timeout} s\n{self.said()}")


class LabCase(unittest.TestCase):
    """A test with fresh nodes and a working directory of its own; tells how long it took."""

    def run(self, result=None):
        began = time.monotonic()
        try:
            return super().run(result)
        finally:
            print(f"{self._testMethodName} took {time.monotonic() - began:.0f} s", flush=True)

    def setUp(self):
        self.directory = tempfile.mkdtemp(prefix="clusterctl-test-")
        self.addCleanup(shutil.rmtree, self.directory, ignore_errors=True)
        self.inventory = os.path.join(self.directory, "lab.yaml")
        self.write_inventory()
        fresh_nodes(self.inventory)

    def write_inventory(self, **changes):
        write_inventory(self.inventory, **changes)

    def switch_nixos(self):
        """What the operator of the NixOS-like worker does: take the rendered module into use."""
        tree = os.path.join(self.directory, "rendered")
        shutil.rmtree(tree, ignore_errors=True)
        self.clusterctl("render", self.inventory, "--to", tree)
        lab("switch", "nixos-01", tree)
        return tree

    def start(self, *arguments, program="clusterctl"):
        run = Run(self.directory, *arguments, program=program)
        self.addCleanup(run.errors.close)
        return run

    def clusterctl(self, *arguments, status=0, program="clusterctl", timeout=420):
        run = self.start(*arguments, program=program).finish(timeout)
        self.assertEqual(run.status, status, f"clusterctl {' '.join(arguments)}\n{run.output}\n{run.said()}")
        return run

    def bootstrap(self, status=0, **options):
        return self.clusterctl("bootstrap", self.inventory, "--yes", status=status, **options)

    def assert_cluster_whole(self):
        """Asked of the nodes themselves: all Ready, one etcd member a node, all voting, one token, the VIP held once."""
        nodes = json.loads(kubectl("get", "nodes", "-o", "json"))["items"]
        ready = {
            node["metadata"]["name"] for node in nodes
            for condition in node["status"]["conditions"] if condition["type"] == "Ready" and condition["status"] == "True"}
        self.assertEqual(ready, set(NODES))
        self.assertEqual(len(nodes), len(NODES))
        members = [
            line.split(", ") for line in etcdctl("member", "list").splitlines() if line]
        self.assertEqual(len(members), 3, members)
        self.assertEqual({member[5] for member in members}, {"false"}, "a learner is left")
        tokens = {enter(node, "cat", "/etc/rancher/k3s/token").strip() for node in CONTROL_PLANE}
        self.assertEqual(len(tokens), 1)
        holders = [node for node in CONTROL_PLANE if VIP in enter(node, "ip", "-4", "addr")]
        self.assertEqual(len(holders), 1, "the VIP must be on one node")


class LifeCase(LabCase):
    """One life of a cluster of its own, in order; `TEXT` is its inventory."""

    TEXT = ""

    @classmethod
    def setUpClass(cls):
        lab("down")
        cls.life = tempfile.TemporaryDirectory(prefix="clusterctl-life-")
        cls.addClassCleanup(cls.life.cleanup)
        cls.addClassCleanup(cls.end)
        path = os.path.join(cls.life.name, "lab.yaml")
        with open(path, "w", encoding="utf-8") as file:
            file.write(cls.TEXT)
        lab("up", path)

    @classmethod
    def end(cls):
        global _fresh
        lab("down")
        _fresh = False

    def setUp(self):
        self.directory = self.life.name
        self.inventory = os.path.join(self.directory, "lab.yaml")

    def eventually(self, wanted, question, seconds=60):
        end = time.monotonic() + seconds
        while (found := question()) != wanted:
            if time.monotonic() > end:
                self.assertEqual(found, wanted)
            time.sleep(0.3)


def etcdctl(*arguments, node="dpu-01"):
    tls = "/var/lib/rancher/k3s/server/tls/etcd"
    return enter(
        node, "env", "ETCDCTL_API=3", "etcdctl", "--endpoints=https://127.0.0.1:2379", f"--cacert={tls}/server-ca.crt",
        f"--cert={tls}/client.crt", f"--key={tls}/client.key", *arguments)


_fresh = False


def fresh_nodes(inventory):
    """Nodes as after boot; the first test boots them, later ones reset them."""
    global _fresh
    if not _fresh:
        lab("down")
        lab("up", inventory)
        _fresh = True
        return
    lab("reset")


def write_inventory(path, **changes):
    """The lab's inventory, for the lab that LAB_DIR names, with further top-level keys."""
    with open(INVENTORY, encoding="utf-8") as file:
        text = file.read().replace("/var/lib/clusterctl-lab", LAB_DIR)
    for key, value in changes.items():
        text += f"{key}: {value}\n"
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)


def snapshot(node):
    """The state that a rollback must give back: firewall, routes, rules, links, files and services."""
    script = r"""
    for save in iptables-nft-save iptables-legacy-save ip6tables-nft-save ip6tables-legacy-save; do
        echo "# $save"; $save 2>/dev/null | sed -e 's/\[[0-9]*:[0-9]*\]/[0:0]/' -e '/^#/d'
    done
    echo '# nft'  # the tables that iptables-nft keeps are above, without the empty chains that come and go
    nft list tables | grep -vE '^table ip6? (filter|nat|mangle|raw|security)$' | while read -r _ family name; do
        nft list table "$family" "$name" | sed 's/counter packets [0-9]* bytes [0-9]*/counter/'; done
    echo '# rules'; ip rule; ip -6 rule
    echo '# routes'; ip route show table all | grep -v cache; ip -6 route show table all | sed 's/expires [0-9]*sec//'
    echo '# links'; ip -o link | awk '{print $2}' | sort
    echo '# addresses'; ip -o addr | awk '{print $2, $3, $4}' | sort
    echo '# files'; find /etc/rancher /etc/systemd/system /etc/cni /usr/local/bin -type f -o -type l 2>/dev/null | grep -v clusterctl-guard | sort |
        while read -r f; do echo "$f $(stat -c %a:%U "$f") $(readlink "$f" || sha256sum <"$f")"; done
    echo '# units'; for u in k3s k3s-agent ssh; do
        echo "$u $(systemctl is-active $u) $(systemctl is-enabled $u 2>/dev/null)"; done
    """
    return enter(node, "sh", "-c", script)
