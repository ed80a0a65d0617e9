"""`k3s server --cluster-reset [--cluster-reset-restore-path=FILE]`: one member out of a cluster, with its data or a snapshot's.

As in K3s' pkg/etcd, pkg/cluster/managed.go and pkg/cli/server: it runs to its end and leaves a flag that the next ordinary
start takes away. The restore itself is etcdctl's.
"""

import glob
import os
import shutil
import subprocess
import time

from . import authorities, config, log, paths, tls
from .etcd import members
from .log import Fatal

RETENTION = 5


def _check(settings, path):
    if settings.get("server"):
        raise Fatal("cannot perform cluster-reset while server URL is set - remove server from configuration before "
                    "resetting")
    if path and not settings["token"] and not os.path.exists(paths.SERVER + "/token"):
        raise Fatal(f"{paths.SERVER}/token does not exist, please pass --token to complete the restoration")
    if not path and os.path.exists(paths.RESET_FLAG):
        raise Fatal("Managed etcd cluster membership was previously reset, please remove the cluster-reset flag and start "
                    "k3s normally. If you need to perform another cluster reset, you must first manually delete the "
                    f"{paths.RESET_FLAG} file")
    if path and not os.path.exists(path):
        raise Fatal(f"starting kubernetes: preparing server: start managed database: etcd: snapshot path does not exist: {path}")
    if path and os.path.isdir(path):
        raise Fatal(f"etcd: snapshot path must be a file, not a directory: {path}")


def _restore(path, member):
    if os.path.exists(paths.ETCD_DATA):
        os.rename(paths.ETCD_DATA, f"{paths.ETCD_DATA}-old-{int(time.time())}")
        for old in sorted(glob.glob(paths.ETCD_DATA + "-old-*"))[:-RETENTION]:
            shutil.rmtree(old, ignore_errors=True)
    os.makedirs(os.path.dirname(paths.ETCD_DATA), mode=0o700, exist_ok=True)
    if paths.fault("restore-fails"):
        raise Fatal("etcd: snapshot restore failed: the lab has it so")
    name = f"{member.node}-restoring"
    done = subprocess.run(
        ["etcdctl", "snapshot", "restore", path, "--data-dir", paths.ETCD_DATA, "--name", name,
         "--initial-cluster", f"{name}={member.peer}", "--initial-advertise-peer-urls", member.peer],
        check=False, capture_output=True, text=True, env={**os.environ, "ETCDCTL_API": "3"})
    if done.returncode != 0:
        raise Fatal(f"etcd: snapshot restore failed: {done.stderr.strip().splitlines()[-1:]}")


def run(settings, member):
    path = settings.get("cluster-reset-restore-path")
    _check(settings, path)
    token = settings["token"] or config.password(paths.read(paths.SERVER + "/token") or "")
    log.info(f"Starting k3s server {paths.version()} (lab stand-in), cluster reset")
    tls.make_authorities()
    tls.make_server_certificates(settings)
    if path:
        _restore(path, member)
    member.rename()
    paths.write(paths.RESET_FLAG, "", 0o600)
    try:
        member.start(alone=True)
        member.wait_until_voting(time.sleep)
        files = authorities.take(member.client, token)
        if files:
            kept = tls.replace_authorities(files)
            log.info(f"Cluster reset: backing up certificates directory to {kept}")
        end = time.monotonic() + 30
        while [other["name"] for other in members(member.client)] != [member.name]:
            if time.monotonic() > end:
                raise Fatal("etcd still has other members")
            time.sleep(0.5)
    finally:
        member.stop()
    log.info("Managed etcd cluster membership has been reset, restart without --cluster-reset flag now. Backup and delete "
             "${datadir}/server/db on each peer etcd server and rejoin the nodes")
