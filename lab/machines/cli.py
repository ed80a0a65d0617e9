"""The command line of the lab."""

import concurrent.futures
import os
import shutil
import subprocess
import sys
import time

from . import artifacts, faults, image, inventory, keys, ledger, network, node as machines, settings, switch
from .settings import LabError

USAGE = """\
usage: lab COMMAND

  check                    whether the lab can run on this machine (exit 69: no, and what to do instead)
  image                    make the base image now (`up` makes it where there is none)
  up INVENTORY             boot the inventory's nodes and routers (again: does what is missing)
  down [--all]             remove the nodes and networks; --all: the base image and keys too
  reset [NODE]             all nodes, or one, as they were after `up`
  status                   what runs
  exec -- COMMAND...       run a command in the lab's network, at the controller's place
  ssh NODE [COMMAND...]    log in as clusterctl does
  enter NODE COMMAND...    run a command on a node as root, without SSH
  logs NODE [ARGUMENT...]  the node's journal (arguments for journalctl; follow with -f)
  fault NODE FAULT [ARG]   make something go wrong; `lab fault` lists the faults
  heal [NODE]              put right what `fault` did
  switch NODE DIRECTORY    play the operator of a `manage: verify` node: install what `clusterctl render` wrote
  artifact VERSION DIRECTORY  write the release files of another version of the stand-in

The lab keeps its things in /var/lib/clusterctl-lab, or where LAB_DIR says. K3S_BINARY names a real k3s to use.
"""


def require_capable_host():
    """Refuses, with what to do instead, where machines cannot be started."""
    instead = ("the lab needs Linux, root, and network and mount namespaces. Run it on a Debian 12 machine or VM\n"
               "as root (`sudo lab/lab ...`); elsewhere `clusterctl plan` and `FAST=1 make test` need none of it.")
    if not sys.platform.startswith("linux"):
        raise LabError(f"{sys.platform} has no systemd-nspawn: {instead}", settings.EXIT_UNAVAILABLE)
    if os.geteuid() != 0:
        raise LabError(f"not root: {instead}", settings.EXIT_UNAVAILABLE)
    probe = subprocess.run(["unshare", "--mount", "--net", "--pid", "--fork", "true"], check=False, capture_output=True)
    if probe.returncode != 0:
        raise LabError(f"namespaces cannot be made here ({probe.stderr.decode().strip()}): {instead}",
                       settings.EXIT_UNAVAILABLE)


def boot_nodes(lab, nodes):
    with concurrent.futures.ThreadPoolExecutor() as pool:
        list(pool.map(lambda node: machines.make_root(lab, node), nodes))
    for node in nodes:
        network.make_link(node)
        machines.boot(node)  # one after another: the process is forked from here
    silent = machines.wait_for_ssh(nodes)
    if silent:
        raise LabError(f"no SSH answer from {', '.join(silent)}; see {settings.NODES}/NODE/console.log")


def make_image():
    require_capable_host()
    with ledger.Lock():
        image.prepare_host()
        image.build()


def up(path):
    require_capable_host()
    began = time.monotonic()
    with ledger.Lock():
        image.prepare_host()
        lab = inventory.read(path)
        if os.path.exists(settings.INVENTORY):
            running = inventory.current()
            if (running.nodes, running.user) != (lab.nodes, lab.user):
                raise LabError("another set of nodes is up; run `lab down` first")
        machines.ignore_hangup()
        image.build()
        keys.prepare(lab)
        artifacts.build(lab.version)
        shutil.copyfile(path, settings.INVENTORY)
        network.make_bridge(lab)
        boot_nodes(lab, lab.nodes)
    print(f"lab: {len(lab.nodes)} nodes are up after {time.monotonic() - began:.1f} s")


def down(*options):
    if options not in ((), ("--all",)):
        raise LabError(USAGE, settings.EXIT_USAGE)
    if os.geteuid() != 0:
        raise LabError("not root: nothing of the lab can be there without it", settings.EXIT_UNAVAILABLE)
    if not os.path.isdir(settings.DIRECTORY):
        return
    with ledger.Lock():
        ledger.clean()
        if options:
            ledger.unmount_below(settings.DIRECTORY)
            shutil.rmtree(settings.DIRECTORY, ignore_errors=True)


def reset(name=None):
    with ledger.Lock():
        lab = inventory.current()
        nodes = [lab.node(name)] if name else lab.nodes
        for node in nodes:
            network.slow_down(node, None)
            network.plug(node)
            machines.power_off(node)
            ledger.unmount_below(node.directory)
            shutil.rmtree(node.directory, ignore_errors=True)
        artifacts.build(lab.version)
        boot_nodes(lab, nodes)


def status():
    if not os.path.exists(settings.INVENTORY):
        print("lab: down")
        return
    lab = inventory.current()
    print(f"{'node':<14}{'address':<16}{'group':<9}{'os':<8}{'state':<12}faults")
    for node in lab.nodes:
        seconds = machines.uptime_seconds(node)
        state = "off" if seconds is None else f"up {int(seconds)} s"
        flags = ", ".join(faults.active(node))
        print(f"{node.name:<14}{node.address:<16}{node.group:<9}{node.os:<8}{state:<12}{flags}")


def execute(*command):
    command = command[1:] if command[:1] == ("--",) else command
    if not command:
        raise LabError(USAGE, settings.EXIT_USAGE)
    inventory.current()
    arguments = network.inside(list(command))
    os.execvp(arguments[0], arguments)


def ssh(name, *command):
    lab = inventory.current()
    node = lab.node(name)
    execute("ssh", "-i", keys.IDENTITY, "-o", "UserKnownHostsFile=" + keys.KNOWN_HOSTS, "-o", "IdentitiesOnly=yes",
            "-o", "StrictHostKeyChecking=yes", "-o", "ConnectTimeout=5",
            "-o", "ServerAliveInterval=3", f"{lab.user}@{node.address}", *command)


def enter(name, *command):
    result = machines.enter(inventory.current().node(name), list(command) or ["/bin/bash"], check=False, capture=False)
    return result.returncode


def logs(name, *arguments):
    node = inventory.current().node(name)
    directory = f"{node.root}/var/log/journal/{machines.machine_id(node)}"
    os.execvp("journalctl", ["journalctl", "--directory", directory, "--no-pager", *arguments])


def fault(name=None, what=None, *arguments):
    if what is None:
        print("\n".join(f"{known:<18}{text}" for known, text in faults.names().items()))
        return
    with ledger.Lock():
        faults.inflict(inventory.current(), name, what, *arguments)


def heal(name=None):
    with ledger.Lock():
        faults.heal(inventory.current(), name)


def switch_node(name, rendered):
    with ledger.Lock():
        lab = inventory.current()
        switch.switch(lab, lab.node(name), rendered)


COMMANDS = {"check": require_capable_host, "image": make_image, "up": up, "down": down, "reset": reset, "status": status,
            "exec": execute, "ssh": ssh, "enter": enter,
            "logs": logs, "fault": fault, "heal": heal, "switch": switch_node, "artifact": artifacts.build}


def main(arguments):
    """Returns the exit status."""
    if arguments[:1] in ([], ["help"], ["-h"], ["--help"]):
        print(USAGE, end="")
        return 0 if arguments else settings.EXIT_USAGE
    command = COMMANDS.get(arguments[0])
    try:
        if command is None:
            raise LabError(f"there is no command '{arguments[0]}'\n{USAGE}", settings.EXIT_USAGE)
        try:
            return command(*arguments[1:]) or 0
        except TypeError as error:
            if "positional argument" not in str(error):
                raise
            raise LabError(f"wrong arguments for {arguments[0]}\n{USAGE}", settings.EXIT_USAGE) from error
    except LabError as error:
        print(f"lab: {error}", file=sys.stderr)
        return error.status
