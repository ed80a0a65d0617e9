"""The cluster's authorities in etcd itself, encrypted with its token, as K3s keeps them (pkg/cluster/storage.go, encrypt.go).

The key has the beginning of the token's digest in its name, as the real one; the cipher is openssl's own.
"""

import hashlib
import json
import os
import subprocess

from . import paths, tls
from .config import password
from .etcd import call, decode, encode
from .log import Fatal

PREFIX, _END = "/bootstrap/", "/bootstrap0"


def key(token):
    return PREFIX + hashlib.sha256(password(token).encode()).hexdigest()[:12]


def _cipher(direction, token, data):
    read, write = os.pipe()
    os.write(write, password(token).encode() + b"\n")
    os.close(write)
    done = subprocess.run(["openssl", "enc", direction, "-aes-256-cbc", "-pbkdf2", "-salt", "-pass", f"fd:{read}"],
                          input=data, capture_output=True, check=False, pass_fds=[read])
    os.close(read)
    if done.returncode != 0:
        raise Fatal("bootstrap data cannot be decrypted with this token")
    return done.stdout


def _known(member):
    answer = call(member, "kv/range", {"key": encode(PREFIX), "range_end": encode(_END)})
    return {decode(kv["key"]).decode(): decode(kv["value"]) for kv in answer.get("kvs", [])}


def keep(member, token, had_data=False):
    """Written once; somebody who comes with another token is refused."""
    known = _known(member)
    if key(token) in known:
        return
    if known:
        before = "Failed to reconcile with temporary etcd: " if had_data else ""
        raise Fatal(before + "bootstrap data already found and encrypted with different token")
    text = json.dumps(tls.exported_authorities()).encode()
    call(member, "kv/put", {"key": encode(key(token)), "value": encode(_cipher("-e", token, text))})


def rotate(member, old, new):
    """The same data under another token; the earlier key goes when the new one is there (pkg/cluster/storage.go)."""
    known = _known(member)
    if key(old) in known and key(old) != key(new):
        text = _cipher("-d", old, known[key(old)])
        call(member, "kv/put", {"key": encode(key(new)), "value": encode(_cipher("-e", new, text))})
        if paths.fault("token-key-stays"):
            raise Fatal("found multiple bootstrap keys in storage")
        call(member, "kv/deleterange", {"key": encode(key(old))})
    known = _known(member)
    if key(new) not in known:
        raise Fatal("bootstrap data already found and encrypted with different token")
    if len(known) > 1:
        raise Fatal("found multiple bootstrap keys in storage")


def take(member, token):
    """File names and texts; None where there are none yet."""
    known = _known(member)
    if not known:
        return None
    if key(token) not in known:
        raise Fatal("bootstrap data already found and encrypted with different token")
    return json.loads(_cipher("-d", token, known[key(token)]))
