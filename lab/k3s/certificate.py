"""`k3s certificate rotate`: leaf certificates and keys are kept aside and removed; the next start makes new ones.

As in K3s' pkg/cli/cert/cert.go, for the certificates that the stand-in has. `check` and `rotate-ca` are not played.
"""

import os
import shutil
import sys
import time

from . import paths, tls

SERVER = ("serving-kube-apiserver", "client-admin", "etcd/server-client", "etcd/peer-server-client", "etcd/client")
KUBELET = ("client-kubelet", "serving-kubelet")


def main(arguments):
    if arguments[:1] != ["rotate"]:
        print('level=fatal msg="this stand-in knows certificate rotate alone"', file=sys.stderr)
        return 1
    is_server = os.path.isdir(paths.SERVER)
    kept = f"{paths.SERVER if is_server else paths.AGENT}/tls-{int(time.time())}"
    if is_server:
        shutil.copytree(paths.TLS, kept, dirs_exist_ok=True)
    os.makedirs(kept, mode=0o700, exist_ok=True)
    removed = [tls.path(name, suffix) for name in SERVER for suffix in (".crt", ".key", ".names")] if is_server else []
    for name in KUBELET:
        for suffix in (".crt", ".key"):
            path = f"{paths.AGENT}/{name}{suffix}"
            if os.path.exists(path):
                shutil.copy2(path, kept)
            removed.append(path)
    for path in removed:
        if os.path.exists(path):
            os.remove(path)
    print(f'level=info msg="Successfully backed up certificates to {kept}, please restart k3s server or agent to rotate '
          'certificates"', file=sys.stderr)
    return 0
