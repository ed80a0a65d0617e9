"""Log lines as K3s writes them, and the end of a process that cannot go on."""

import datetime
import sys
import threading

_lock = threading.Lock()


def now():
    """The time as Kubernetes writes it."""
    return datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


def line(level, message):
    text = str(message).replace("\\", "\\\\").replace('"', '\\"')
    with _lock:
        sys.stderr.write(f'time="{now()}" level={level} msg="{text}"\n')
        sys.stderr.flush()


def info(message):
    line("info", message)


def warning(message):
    line("warning", message)


def error(message):
    line("error", message)


class Fatal(Exception):
    """The process ends with this message; systemd starts it again."""
