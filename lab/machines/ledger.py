"""The lab's own records, written before the thing they name is made.

`lab down` works from these records alone, so it cleans up after a `lab up` that was killed at any instant.
A process is known by pid and start time: a pid that was given to somebody else is never touched.
"""

import fcntl
import json
import os
import shutil
import signal
import subprocess
import time

from . import settings


def start_time(pid):
    """Start time of a process in clock ticks since boot, or None if there is no such process."""
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8") as file:
            fields = file.read().rpartition(")")[2].split()
    except OSError:
        return None
    return None if fields[0] == "Z" else int(fields[19])


def append(kind, **fields):
    """Puts one record on disk, flushed, before it returns."""
    os.makedirs(settings.DIRECTORY, exist_ok=True)
    line = json.dumps({"kind": kind, **fields}) + "\n"
    descriptor = os.open(settings.LEDGER, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    try:
        os.write(descriptor, line.encode())
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def records(kind=None):
    """All records in the order they were written; a torn last line is left out."""
    found = []
    try:
        with open(settings.LEDGER, encoding="utf-8") as file:
            for line in file:
                try:
                    record = json.loads(line)
                except ValueError:
                    continue
                if kind is None or record["kind"] == kind:
                    found.append(record)
    except FileNotFoundError:
        pass
    return found


def _become(name, log):
    """In a fresh child: a session of its own, no descriptor of the parent's, output to a log, and the record of it."""
    os.setsid()
    out = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    null = os.open("/dev/null", os.O_RDONLY)
    for source, target in ((null, 0), (out, 1), (out, 2)):
        os.dup2(source, target)
    # The record comes before the lab's lock goes: no `lab down` can run between the fork and the record.
    append("process", name=name, pid=os.getpid(), start=start_time(os.getpid()))
    os.closerange(3, 1024)


def spawn(name, arguments, log, environment=None):
    """Starts a recorded process in a session of its own and returns its pid; the record precedes the exec."""
    pid = os.fork()
    if pid:
        return pid
    try:
        _become(name, log)
        os.execvpe(arguments[0], arguments, {**os.environ, **(environment or {})})
    except BaseException as error:  # in the child: nothing may return from here
        os.write(2, f"lab: cannot start {arguments[0]}: {error}\n".encode())
    finally:
        os._exit(127)


def supervise(name, arguments, log, prepare, environment=None, again=133):
    """Starts a recorded process, and again whenever it ends with a certain status (a machine that reboots).

    `prepare` runs in the new process first.
    """
    if os.fork():
        return
    try:
        _become("supervisor of " + name, log)
        prepare()
        while run(name, arguments, log, environment) == again:
            pass
    finally:
        os._exit(0)


def run(name, arguments, log, environment=None):
    """Runs a recorded process to its end and returns its exit status."""
    pid = spawn(name, arguments, log, environment)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def living(name=None):
    """Recorded processes that still run, by name."""
    return {
        record["name"]: record["pid"]
        for record in records("process")
        if record["start"] is not None and start_time(record["pid"]) == record["start"]
        and (name is None or record["name"] == name)
    }


def children(pid):
    """Direct children of a process."""
    try:
        with open(f"/proc/{pid}/task/{pid}/children", encoding="utf-8") as file:
            return [int(child) for child in file.read().split()]
    except OSError:
        return []


def end(name, patience=5.0):
    """Ends what this lab started under a name: its supervisor first, then itself with all that runs in it."""
    for pid in living("supervisor of " + name).values():
        _kill(pid, signal.SIGKILL)
    for pid in living(name).values():
        # A machine's init takes all of its processes along, and then nspawn tidies up and ends by itself.
        for child in children(pid):
            _kill(child, signal.SIGKILL)
        _kill(pid, signal.SIGTERM)
        deadline = time.monotonic() + patience
        while start_time(pid) is not None:
            if time.monotonic() > deadline:
                _kill(pid, signal.SIGKILL)
                deadline += patience
            reap(pid)
            time.sleep(0.02)


def _kill(pid, number):
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        pass


def reap(pid):
    """Takes the exit status of a child that ended; harmless for a process that is not ours to reap."""
    try:
        os.waitpid(pid, os.WNOHANG)
    except ChildProcessError:
        pass


def mounts_below(path):
    """Mount points at or below a path, deepest first."""
    found = []
    with open("/proc/self/mountinfo", encoding="utf-8") as file:
        for line in file:
            point = line.split()[4].encode().decode("unicode_escape")
            if point == path or point.startswith(path + "/"):
                found.append(point)
    return list(reversed(found))


def unmount_below(path):
    for point in mounts_below(path):
        subprocess.run(["umount", "--lazy", point], check=False, capture_output=True)


def clean():
    """Removes everything recorded: processes, mounts, namespaces, node directories. The base image stays."""
    for name in sorted(living(), key=lambda name: not name.startswith("supervisor")):
        end(name.removeprefix("supervisor of "))
    from . import cgroup  # it records with this module

    # Every mount below these directories is the lab's: recorded, or made by debootstrap in a half-built base.
    for path in (settings.NODES, settings.BASE + ".new"):
        unmount_below(path)
        shutil.rmtree(path, ignore_errors=True)
    for record in records("cgroup"):
        cgroup.remove(record["name"])
    for record in records("namespace"):
        if record["name"].startswith(settings.PREFIX) and os.path.exists("/run/netns/" + record["name"]):
            subprocess.run(["ip", "netns", "delete", record["name"]], check=False)
    for path in (settings.LEDGER, settings.INVENTORY):
        if os.path.exists(path):
            os.unlink(path)


class Lock:
    """One lab command changes the lab at a time; a killed command leaves no lock behind."""

    def __enter__(self):
        os.makedirs(settings.DIRECTORY, exist_ok=True)
        self.file = open(settings.LOCK, "w", encoding="utf-8")
        try:
            fcntl.flock(self.file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            print("lab: another lab command is at work, waiting for it", flush=True)
            fcntl.flock(self.file, fcntl.LOCK_EX)
        return self

    def __exit__(self, *_):
        self.file.close()
