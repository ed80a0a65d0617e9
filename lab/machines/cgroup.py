"""A control group of its own for each machine.

Without a service manager on the host, machines would start in the caller's group, and their systemds would all find the
same `/system.slice` below it: one removes a unit's group while another is about to use it.
"""

import os

from . import ledger, settings


def _hierarchies():
    """Mount points of the hierarchies that systemd uses: cgroup2, and systemd's own of version 1."""
    found = []
    with open("/proc/self/mountinfo", encoding="utf-8") as file:
        for line in file:
            before, _, after = line.partition(" - ")
            kind, _, options = after.split()[:3]
            if kind == "cgroup2" or (kind == "cgroup" and "name=systemd" in options.split(",")):
                found.append(before.split()[4])
    return found


def _paths(node_name):
    return [os.path.join(point, settings.PREFIX + node_name) for point in _hierarchies()]


def enter(node_name):
    """Moves the calling process into the machine's groups."""
    ledger.append("cgroup", name=node_name)
    for path in _paths(node_name):
        try:
            os.makedirs(path, exist_ok=True)
            with open(os.path.join(path, "cgroup.procs"), "w", encoding="utf-8") as file:
                file.write(str(os.getpid()))
        except OSError as error:
            os.write(2, f"lab: no control group {path}: {error}\n".encode())


def remove(node_name):
    """Removes the machine's groups; those that still have a process stay for the next time."""
    for path in _paths(node_name):
        for directory, _, _ in os.walk(path, topdown=False):
            try:
                os.rmdir(directory)
            except OSError:
                pass
