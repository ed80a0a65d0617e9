"""A farm of real OpenSSH servers, one a host, each with its own address, host key, home, and state directories.

It is made for a process and network namespace of its own (bench.py makes them): what is started here ends with the
namespace, also when the benchmark is killed.
"""

import os
import subprocess
import time

PORT = 2222
# What clusterctl keeps on a node until it is started anew; every host of the farm sees its own.
OWN_DIRECTORIES = ["/run/clusterctl"]


def address(number):
    return f"127.0.{1 + number // 250}.{1 + number % 250}"


def hosts(count, port=PORT):
    """(name, address, port, number) of each."""
    return [(f"h{number:03}", address(number), port, number) for number in range(1, count + 1)]


def make_key(path):
    if not os.path.exists(path):
        os.makedirs(os.path.dirname(path), exist_ok=True)
        command = ["ssh-keygen", "-q", "-N", "", "-C", "bench", "-t", "ed25519", "-f", path]
        subprocess.run(command, check=True)


def start(root, count, ports=(PORT,), log_level="ERROR"):
    """Starts the servers and writes known_hosts for each of the ports; returns (key, known_hosts)."""
    key, known_hosts = f"{root}/farm/id_ed25519", f"{root}/farm/known_hosts"
    make_key(key)
    os.makedirs("/run/sshd", exist_ok=True)
    for place in OWN_DIRECTORIES:
        os.makedirs(place, exist_ok=True)
    lines = []
    for name, host, _, number in hosts(count):
        folder = f"{root}/farm/{number:03}"
        make_key(f"{folder}/host_key")
        with open(f"{folder}/host_key.pub") as file:
            public = " ".join(file.read().split()[:2])
        lines += [f"[{host}]:{port} {public}\n" for port in ports]
        with open(f"{folder}/sshd_config", "w") as file:
            file.write(configuration(folder, host, f"{root}/hosts/{number:03}", f"{key}.pub", log_level))
        serve(folder)
    with open(known_hosts, "w") as file:
        file.writelines(lines)
    wait_for_listeners(count)
    return key, known_hosts


def configuration(folder, host, disk, authorized_keys, log_level):
    """As on most nodes, what clusterctl keeps lies on the disk that its files go to."""
    return f"""\
Port {PORT}
ListenAddress {host}
HostKey {folder}/host_key
PidFile none
AuthorizedKeysFile {authorized_keys}
StrictModes no
UsePAM no
UseDNS no
PermitRootLogin prohibit-password
PasswordAuthentication no
KbdInteractiveAuthentication no
PrintMotd no
PrintLastLog no
LogLevel {log_level}
MaxStartups 1000:30:2000
SetEnv HOME={disk}/home CLUSTERCTL_STATE={disk}/state PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
Subsystem sftp /usr/lib/openssh/sftp-server
"""


def serve(folder):
    mounts = "".join(f"mount -t tmpfs tmpfs {place}; " for place in OWN_DIRECTORIES)
    command = f"{mounts}exec /usr/sbin/sshd -D -f {folder}/sshd_config -E {folder}/sshd.log"
    subprocess.Popen(
        ["unshare", "--mount", "sh", "-ec", command], stdin=subprocess.DEVNULL, cwd="/",
        env={"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"})


def wait_for_listeners(count):
    wanted = set()
    for _, host, port, _ in hosts(count):
        parts = [int(part) for part in host.split(".")]
        wanted.add("".join(f"{part:02X}" for part in reversed(parts)) + f":{port:04X}")
    until = time.monotonic() + 60
    while True:
        with open("/proc/net/tcp") as file:
            listening = {fields[1] for fields in map(str.split, file) if fields[3] == "0A"}
        if wanted <= listening:
            return
        if time.monotonic() > until:
            raise SystemExit(f"only {len(wanted & listening)} of {count} servers listen")
        time.sleep(0.05)
