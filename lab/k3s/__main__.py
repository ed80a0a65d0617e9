"""The command line of k3s. `k3s kubectl` is the way to the real kubectl, and must be quick: it imports nothing."""

import os
import sys

USAGE = """\
NAME:
   k3s - Kubernetes, but small and simple (a stand-in for tests)

USAGE:
   k3s [global options] command [command options]

COMMANDS:
   server   Run management server
   agent    Run node agent
   kubectl  Run kubectl
   crictl   Run crictl
   etcd-snapshot  Save, list, delete and prune snapshots of etcd
   certificate    Take certificates away, so that the next start makes new ones
"""


def _version():
    from . import paths

    print(f"k3s version {paths.version()} (cd43afc7)\ngo version stand-in")


def _help(role):
    from .flags import KINDS

    print(f"NAME:\n   k3s {role}\n\nOPTIONS:")
    for name, kind in KINDS[role].items():
        print(f"   --{name}{'' if kind == 'bool' else ' value'}")
    return 0


def _kubectl(arguments):
    environment = dict(os.environ)
    if "KUBECONFIG" not in environment:
        environment["KUBECONFIG"] = "/etc/rancher/k3s/k3s.yaml"
    environment.setdefault("GOGC", "off")  # gates ask every second, and it never lives long enough to need a collection
    os.execvpe("/usr/bin/kubectl", ["kubectl", *arguments], environment)


def _service(role, arguments):
    from . import log

    try:
        if role == "server":
            from .server import run
        else:
            from .agent import run
        run(arguments)
        return 0
    except log.Fatal as error:
        log.line("fatal", error)
    except OSError as error:
        import traceback

        log.line("fatal", f"starting {role}: {error}: {traceback.format_exc()}")
    return 1


def main():
    name, arguments = os.path.basename(sys.argv[0]), sys.argv[1:]
    if name in ("kubectl", "crictl"):
        arguments = [name, *arguments]
    command, rest = (arguments[0], arguments[1:]) if arguments else ("help", [])
    if command == "kubectl":
        _kubectl(rest)
    if command in ("--version", "-v"):
        status = _version() or 0
    elif command == "crictl":
        from .crictl import main as crictl

        status = crictl(rest)
    elif command in ("server", "agent"):
        status = _help(command) if rest in (["--help"], ["-h"]) else _service(command, rest)
    elif command == "etcd-snapshot":
        from .snapshots import main as snapshots

        status = snapshots(rest)
    elif command == "certificate":
        from .certificate import main as certificate

        status = certificate(rest)
    elif command in ("help", "--help", "-h"):
        status = print(USAGE, end="") or 0
    else:
        print(f'No help topic for "{command}" (this stand-in has no such command)', file=sys.stderr)
        status = 3
    sys.stdout.flush()
    os._exit(status)  # threads that wait on sockets hold nothing that must be saved


if __name__ == "__main__":
    main()
