"""A network of machines with real sshds, made of namespaces alone.

A machine is a network, a mount and a process namespace; its first process is killed when the process that made it ends,
however that ends, and the kernel takes the rest back. Nothing has a name outside, so nothing is left and nothing clashes.
"""

import ctypes
import fcntl
import json
import os
import pty
import shutil
import signal
import subprocess
import tempfile
import termios
import time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BIN = os.environ.get("CLUSTERCTL_BIN", os.path.join(ROOT, ".build", "debug"))
PROGRAMS = ["/usr/sbin/sshd", "ssh-keygen", "unshare", "nsenter", "ip", "nft"]


def missing():
    """Why there can be no such network here; None when there can."""
    if os.geteuid() != 0:
        return "namespaces need root"
    for program in PROGRAMS:
        if shutil.which(program) is None:
            return f"{program} is not installed"
    probe = subprocess.run(
        ["unshare", "--net", "--mount", "--pid", "--fork", "--mount-proc", "true"], capture_output=True, text=True)
    return None if probe.returncode == 0 else f"no namespaces here: {probe.stderr.strip()}"


def end_with_parent():
    """Run in a child before exec: it gets SIGKILL when its parent is gone."""
    ctypes.CDLL(None).prctl(1, signal.SIGKILL, 0, 0, 0)  # PR_SET_PDEATHSIG


def check(*command, **options):
    result = subprocess.run(command, capture_output=True, text=True, **options)
    if result.returncode != 0:
        raise AssertionError(f"{' '.join(command)}: status {result.returncode}\n{result.stdout}{result.stderr}")
    return result.stdout


def until(condition, what, seconds=20):
    """The first true value of `condition`, asked often."""
    deadline = time.monotonic() + seconds
    while not (value := condition()):
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {seconds} s: {what}")
        time.sleep(0.02)
    return value


def children(process):
    try:
        with open(f"/proc/{process}/task/{process}/children", encoding="ascii") as file:
            return [int(word) for word in file.read().split()]
    except FileNotFoundError:
        return []


def command_name(process):
    try:
        with open(f"/proc/{process}/comm", encoding="utf-8") as file:
            return file.read().strip()
    except FileNotFoundError:
        return ""


def descendants(process):
    return [pid for child in children(process) for pid in [child, *descendants(child)]]


class Network:
    """Machines, the switch that joins them, and the controller that clusterctl runs on."""

    def __init__(self):
        self.directory = tempfile.mkdtemp(prefix="clusterctl-sshnet-")
        # sshd reads what lies below as the user who logs in.
        os.chmod(self.directory, 0o711)
        self.machines = []
        self.switch = Machine(self, "switch")
        self.lans = 0
        # The controller shares the processes of the test, so that clusterctl can be signalled directly.
        self.controller = Machine(self, "controller", own_processes=False)
        self.home = self.controller.home
        os.mkdir(os.path.join(self.home, ".ssh"), 0o700)

    def close(self):
        for machine in self.machines:
            machine.close()
        shutil.rmtree(self.directory, ignore_errors=True)

    def machine(self, name, **options):
        return Machine(self, name, **options)

    def lan(self):
        """A new Ethernet; machines join it with `Machine.join`."""
        name = f"lan{self.lans}"
        self.lans += 1
        self.switch.run("ip", "link", "add", name, "type", "bridge")
        self.switch.run("ip", "link", "set", name, "up")
        return name

    def file(self, name, text, mode=0o600):
        """A file in the controller's home; returns its path."""
        path = os.path.join(self.home, name)
        os.makedirs(os.path.dirname(path), mode=0o700, exist_ok=True)
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
        os.chmod(path, mode)
        return path

    def key(self, name, kind="ed25519", passphrase=""):
        """A user key in the controller's home; returns the path of the private half."""
        path = os.path.join(self.home, name)
        if not os.path.exists(path):
            check("ssh-keygen", "-q", "-t", kind, "-N", passphrase, "-C", name, "-f", path)
        return path

    def inventory(self, nodes, ssh, name="inventory.yaml", **more):
        """An inventory whose first node is the primary; `nodes` maps names to node values."""
        values = [(key, dict(value)) for key, value in nodes.items()]
        first = values[0]
        first[1]["primary"] = True
        document = {
            "version": 1, "name": "ssh", "ssh": ssh, "k3s": {"version": "v1.35.7+k3s1"},
            "network": {"pods": "10.142.0.0/16", "services": "10.143.0.0/16"}, "cilium": {"version": "1.19.4"},
            "endpoint": {"dns": "api.example.net"}, "servers": dict(values[:1]), "workers": dict(values[1:]), **more,
        }
        return self.file(name, json.dumps(document, indent=1), 0o644)

    def start(self, *arguments, program="clusterctl", environment=(), **options):
        """clusterctl on the controller, in its home."""
        variables = {"HOME": self.home, "PATH": os.environ["PATH"], "NO_COLOR": "1", "USER": "root", **dict(environment)}
        if "LD_LIBRARY_PATH" in os.environ:
            variables["LD_LIBRARY_PATH"] = os.environ["LD_LIBRARY_PATH"]
        variables = {name: value for name, value in variables.items() if value is not None}
        options = {
            "stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE,
            "preexec_fn": end_with_parent, **options}
        return subprocess.Popen(
            self.controller.entering(os.path.join(BIN, program), *arguments, folder=self.home), env=variables, text=True,
            **options)

    def clusterctl(self, *arguments, timeout=90, **options):
        """Runs clusterctl to its end: returns its status, standard output and standard error."""
        process = self.start(*arguments, **options)
        try:
            output, errors = process.communicate(timeout=timeout)
        except subprocess.TimeoutExpired:
            process.kill()
            output, errors = process.communicate()
            raise AssertionError(f"clusterctl {' '.join(arguments)} took more than {timeout} s\n{errors}") from None
        return Ended(process.returncode, output, errors)


    def at_terminal(self, *arguments, answers, timeout=90):
        """Runs clusterctl at a terminal of its own, and answers its prompts: pairs of words to wait for and a line.

        Returns what came of it, and all that the terminal showed."""
        shown = []
        ours, theirs = pty.openpty()

        def own_terminal():
            end_with_parent()
            os.setsid()
            fcntl.ioctl(theirs, termios.TIOCSCTTY, 0)

        process = self.start(*arguments, stdin=theirs, preexec_fn=own_terminal)
        os.close(theirs)
        os.set_blocking(ours, False)

        def take():
            try:
                shown.append(os.read(ours, 4096).decode())
            except (BlockingIOError, OSError):
                pass
            return "".join(shown)

        try:
            for words, line in answers:
                before = len(take())
                until(lambda: words in take()[before:] or process.poll() is not None, f"to be asked: {words}", timeout)
                os.write(ours, f"{line}\n".encode())
            output, errors = process.communicate(timeout=timeout)
            return Ended(process.returncode, output, errors), take()
        finally:
            process.kill()
            process.wait()
            os.close(ours)


class Ended:
    def __init__(self, status, output, errors):
        self.status, self.output, self.errors = status, output, errors

    def __str__(self):
        return f"status {self.status}\n{self.output}{self.errors}"

    @property
    def reachable(self):
        """From `status -o json`: the nodes that answered over SSH."""
        return [node["name"] for node in json.loads(self.output)["nodes"] if node["reachable"]]


class Machine:
    """One machine: own interfaces, own /etc/passwd, shadow and sudoers, own processes."""

    def __init__(self, network, name, own_processes=True):
        self.network = network
        self.name = name
        self.directory = os.path.join(network.directory, name)
        self.home = os.path.join(self.directory, "home")
        os.makedirs(self.home, mode=0o700)
        os.chmod(self.directory, 0o755)
        processes = ["--pid", "--fork", "--kill-child=KILL", "--mount-proc"] if own_processes else []
        self.holder = subprocess.Popen(
            ["unshare", "--net", "--mount", "--propagation", "private", *processes, "sleep", "infinity"],
            stdin=subprocess.DEVNULL, preexec_fn=end_with_parent)
        network.machines.append(self)
        self.init = until(self._first_process, f"{name} to start")
        spaces = ["--net", "--mount"] + (["--pid"] if own_processes else [])
        self.prefix = [shutil.which("nsenter"), "-t", str(self.init), *spaces]
        self.processes = []
        self.lans = set()
        self.run("ip", "link", "set", "lo", "up")
        self._own_files()

    def _first_process(self):
        candidates = [self.holder.pid, *children(self.holder.pid)]
        return next((process for process in candidates if command_name(process) == "sleep"), None)

    def _own_files(self):
        etc = os.path.join(self.directory, "etc")
        check("cp", "-a", "/etc", etc)
        self.run("mount", "--bind", etc, "/etc")
        if self.prefix.count("--pid"):
            # What clusterctl keeps on a node must not land on this machine.
            for folder in ["/run", "/var/lib"]:
                self.run("mount", "-t", "tmpfs", "node", folder)
            self.run("mkdir", "-m", "0755", "/run/sshd")
        # ssh and sshd take a user's home from here and not from HOME.
        self.edit("passwd", lambda text: "".join(
            f"root:x:0:0:root:{self.home}:/bin/sh\n" if line.startswith("root:") else line + "\n"
            for line in text.splitlines()))

    def close(self):
        self.holder.kill()
        for process in [self.holder, *self.processes]:
            process.wait()

    def edit(self, name, change):
        """Rewrites this machine's /etc/`name`, with the mode that it has, or 0600."""
        path = os.path.join(self.directory, "etc", name)
        with open(os.open(path, os.O_RDWR | os.O_CREAT, 0o600), "r+", encoding="utf-8") as file:
            text = change(file.read())
            file.seek(0)
            file.truncate()
            file.write(text)

    def entering(self, *command, folder="/"):
        return [*self.prefix, f"--wd={folder}", "--", *command]

    def run(self, *command, **options):
        return check(*self.entering(*command), **options)

    def spawn(self, *command, **options):
        process = subprocess.Popen(
            self.entering(*command), stdin=subprocess.DEVNULL, preexec_fn=end_with_parent, **options)
        self.processes.append(process)
        return process

    def join(self, lan, *addresses):
        """Gives it these addresses (`10.88.0.1/24`, `fd88::1/64`) on an interface that is named like the LAN."""
        if lan not in self.lans:
            self.lans.add(lan)
            self._plug_in(lan)
        if addresses:
            self.run("ip", "-batch", "-", input="".join(
                f"addr add {address} dev {lan}{' nodad' if ':' in address else ''}\n" for address in addresses))

    def _plug_in(self, lan):
        port = f"{lan}-{len(self.network.machines)}-{self.init % 10000}"[:15]
        # Entered without its process namespace, where the other machine's process has no number.
        check(
            "nsenter", "-t", str(self.network.switch.init), "--net", "--",
            "ip", "link", "add", port, "type", "veth", "peer", "name", lan, "netns", str(self.init))
        self.network.switch.run("ip", "link", "set", port, "master", lan, "up")
        # Without waiting for duplicates of addresses that nobody else can have.
        self.run("sysctl", "-qw", f"net.ipv6.conf.{lan}.accept_dad=0")
        self.run("ip", "link", "set", lan, "up")

    def link_local(self, lan):
        """This machine's IPv6 link-local address, without a scope."""
        def ask():
            links = json.loads(self.run("ip", "-j", "-6", "addr", "show", "dev", lan, "scope", "link"))
            return [a["local"] for link in links for a in link.get("addr_info", []) if "local" in a and "tentative" not in a]
        return until(ask, "a link-local address")[0]

    def user(self, name, password=None):
        """A user with a home of its own and, where given, a password."""
        with open(os.path.join(self.directory, "etc", "passwd"), encoding="utf-8") as file:
            taken = {int(line.split(":")[2]) for line in file}
        number = next(number for number in range(20000, 60000) if number not in taken)
        home = os.path.join(self.directory, f"home-{name}")
        os.mkdir(home, 0o755)
        os.chown(home, number, number)
        salted = check("openssl", "passwd", "-6", "-stdin", input=password).strip() if password else "*"
        self.edit("passwd", lambda text: text + f"{name}:x:{number}:{number}::{home}:/bin/sh\n")
        self.edit("group", lambda text: text + f"{name}:x:{number}:\n")
        self.edit("shadow", lambda text: text + f"{name}:{salted}:20000:0:99999:7:::\n")
        return home

    def sshd(self, **options):
        return Server(self, **options)

    def drop(self, *match):
        """Drops the packets that come in and match, until `heal`."""
        self.run("nft", "add", "table", "inet", "faults")
        self.run("nft", "add", "chain", "inet", "faults", "in", "{ type filter hook input priority -10; }")
        self.run("nft", "add", "rule", "inet", "faults", "in", *match, "drop")

    def heal(self):
        self.run("nft", "delete", "table", "inet", "faults")


class Server:
    """One sshd on a machine."""

    def __init__(self, machine, address="0.0.0.0", port=22, host_keys=("ed25519",), authorized=(), options=(), name="sshd"):
        self.machine = machine
        self.name = name
        self.directory = os.path.join(machine.directory, name)
        os.mkdir(self.directory, 0o755)
        self.log_path = os.path.join(self.directory, "log")
        self.host_keys = {kind: self.make_host_key(kind) for kind in host_keys}
        addresses = [address] if isinstance(address, str) else address
        keys = os.path.join(self.directory, "authorized_keys")
        with open(keys, "w", encoding="ascii") as file:
            for key in authorized:
                with open(f"{key}.pub", encoding="ascii") as public:
                    file.write(public.read())
        os.chmod(keys, 0o644)
        # The first value counts in sshd_config: what the test says goes before what is usual here.
        self.lines = [
            *options, f"Port {port}", *(f"ListenAddress {each}" for each in addresses), "PidFile none",
            f"AuthorizedKeysFile {keys}", "StrictModes no", "UsePAM no", "PermitRootLogin yes", "LogLevel VERBOSE",
            "PasswordAuthentication no", "KbdInteractiveAuthentication no", "MaxStartups 500", "UseDNS no",
            # Bash reads the .bashrc of whoever runs the tests for each command, unless it takes itself for a subshell.
            "SetEnv SHLVL=2"]
        self.process = None
        self.start()

    def make_host_key(self, kind, name="host"):
        path = os.path.join(self.directory, f"{name}_{kind}")
        check("ssh-keygen", "-q", "-t", kind, "-N", "", "-C", "host", "-f", path)
        return path

    def start(self):
        config = os.path.join(self.directory, "config")
        with open(config, "w", encoding="utf-8") as file:
            file.write("\n".join([*self.lines, *(f"HostKey {path}" for path in self.host_keys.values())]) + "\n")
        listening = self.log().count("Server listening on")
        self.process = self.machine.spawn("/usr/sbin/sshd", "-D", "-f", config, "-E", self.log_path)

        def is_up():
            if self.process.poll() is not None:
                raise AssertionError(f"sshd on {self.machine.name} ended\n{self.log()}")
            return self.log().count("Server listening on") > listening
        until(is_up, f"sshd on {self.machine.name}")

    def stop(self, programs=False):
        """Ends the server and every session that it serves, at once; with `programs`, also what runs in those."""
        for process in descendants(self.process.pid):
            try:
                if programs or command_name(process).startswith("sshd"):
                    os.kill(process, signal.SIGKILL)
            except ProcessLookupError:
                pass
        self.process.wait()

    def log(self):
        try:
            with open(self.log_path, encoding="utf-8", errors="replace") as file:
                return file.read()
        except FileNotFoundError:
            return ""

    def count(self, words):
        """How many lines of the log have these words: `Connection from`, `Accepted publickey`, ..."""
        return sum(words in line for line in self.log().splitlines())

    def public_key(self, kind="ed25519"):
        """`type base64`, as known_hosts and .pub files have it."""
        with open(f"{self.host_keys[kind]}.pub", encoding="ascii") as file:
            return " ".join(file.read().split()[:2])

    def fingerprint(self, kind="ed25519"):
        return check("ssh-keygen", "-lf", f"{self.host_keys[kind]}.pub").split()[1]
