"""Where the lab keeps its things, and how it names what it makes."""

import hashlib
import os
import platform

DEFAULT_DIRECTORY = "/var/lib/clusterctl-lab"
DIRECTORY = os.path.realpath(os.environ.get("LAB_DIR", DEFAULT_DIRECTORY))
SOURCE = os.path.dirname(os.path.dirname(os.path.realpath(__file__)))

BASE = os.path.join(DIRECTORY, "base")
CACHE = os.path.join(DIRECTORY, "debs")
NODES = os.path.join(DIRECTORY, "nodes")
SSH = os.path.join(DIRECTORY, "ssh")
ARTIFACTS = os.path.join(DIRECTORY, "artifacts")
TOKEN = os.path.join(DIRECTORY, "token")
LEDGER = os.path.join(DIRECTORY, "ledger")
INVENTORY = os.path.join(DIRECTORY, "inventory.yaml")
LOCK = os.path.join(DIRECTORY, "lock")

# A node's own disk is a tmpfs of this size: fast, gone with the node, and easily made full.
DISK_SIZE = "16g"

# Two labs with different LAB_DIR may run side by side: the second one's names carry a mark.
_MARK = "" if DIRECTORY == DEFAULT_DIRECTORY else hashlib.sha256(DIRECTORY.encode()).hexdigest()[:6] + "-"
PREFIX = "clusterctl-lab-" + _MARK
BRIDGE_NAMESPACE = PREFIX + "bridge"

ARCH = {"x86_64": "amd64", "aarch64": "arm64"}.get(platform.machine(), platform.machine())
K3S_FILE = "k3s" if ARCH == "amd64" else "k3s-" + ARCH

# sysexits: the lab cannot run here.
EXIT_UNAVAILABLE = 69
EXIT_USAGE = 64


class LabError(Exception):
    """Something the user can act upon; printed without a traceback."""

    def __init__(self, message, status=1):
        super().__init__(message)
        self.status = status
