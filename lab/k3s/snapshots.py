"""`k3s etcd-snapshot`: real snapshots of the real etcd, by Debian's etcdctl."""

import os
import socket
import subprocess
import sys
import time

from . import paths, tls

DIRECTORY = paths.SERVER + "/db/snapshots"


def _fail(message):
    print(f'level=fatal msg="{message}"', file=sys.stderr)
    return 1


def _save(options):
    name = f"{options.get('name', 'on-demand')}-{socket.gethostname()}-{int(time.time())}"
    os.makedirs(DIRECTORY, mode=0o700, exist_ok=True)
    command = ["etcdctl", "--endpoints=https://127.0.0.1:2379", "--cacert", tls.path("etcd/server-ca"),
               "--cert", tls.path("etcd/client"), "--key", tls.path("etcd/client", ".key"),
               "snapshot", "save", os.path.join(DIRECTORY, name)]
    done = subprocess.run(command, check=False, capture_output=True, text=True, env={**os.environ, "ETCDCTL_API": "3"})
    if done.returncode != 0:
        return _fail(f"etcd snapshot failed: {done.stderr.strip().splitlines()[-1:]}")
    print(f"Snapshot {name} saved.")
    return 0


def _list():
    print(f"{'Name':<60} {'Location':<100} {'Size':<12} Created")
    for name in sorted(os.listdir(DIRECTORY)) if os.path.isdir(DIRECTORY) else []:
        path = os.path.join(DIRECTORY, name)
        created = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(os.path.getmtime(path)))
        print(f"{name:<60} {'file://' + path:<100} {os.path.getsize(path):<12} {created}")
    return 0


def _delete(names):
    missing = [name for name in names if not os.path.isfile(os.path.join(DIRECTORY, os.path.basename(name)))]
    for name in set(names) - set(missing):
        os.remove(os.path.join(DIRECTORY, os.path.basename(name)))
        print(f"Snapshot {name} deleted.")
    return _fail(f"snapshot {missing[0]} not found") if missing else 0


def _prune(options):
    """The oldest ones of a name go, until so many are left."""
    kept = int(options.get("snapshot-retention", options.get("etcd-snapshot-retention", 5)))
    begin = f"{options.get('name', 'on-demand')}-{socket.gethostname()}-"
    names = sorted(name for name in os.listdir(DIRECTORY) if name.startswith(begin))
    return _delete(names[:-kept] if kept else names)


def main(arguments):
    """Returns the exit status."""
    verb, rest, options = (arguments or ["help"])[0], arguments[1:], {}
    names = [word for word in rest if not word.startswith("-")]
    if verb == "delete":
        return _delete(names) if names else _fail("no snapshots given for removal")
    while rest:
        key, equals, value = rest.pop(0).lstrip("-").partition("=")
        options[key] = value if equals else (rest.pop(0) if rest else "")
    if verb == "save":
        return _save(options)
    if verb in ("ls", "list", "l"):
        return _list()
    if verb == "prune":
        return _prune(options)
    return _fail(f"this stand-in has no 'etcd-snapshot {verb}'")
