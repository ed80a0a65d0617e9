"""The works of the benchmark, written down for each contestant, and the referee who looks at every file afterwards.

Everything lives below one root: hosts/NNN/work is what a contestant brings to the wanted state, work/ what it is told.
"""

import hashlib
import io
import json
import os
import random
import shutil
import tarfile

DIRECTORIES = ["etc", "etc/rancher", "var/lib", "log"]
FILES = [
    ("etc/rancher/config.yaml", 1024, 0o600),
    ("etc/rancher/registries.yaml", 1536, 0o600),
    ("etc/k3s.service", 2048, 0o644),
    ("etc/k3s.service.env", 2560, 0o600),
    ("var/lib/manifest-a.yaml", 3072, 0o644),
    ("var/lib/manifest-b.yaml", 4096, 0o644),
]
SETTINGS = "etc/90-k3s.conf"
LINES = ["net.ipv4.ip_forward = 1", "net.bridge.bridge-nf-call-iptables = 1", "vm.overcommit_memory = 1"]
# As questions of clusterctl and as a shell's; the exit status that the shell's must have.
CHECKS = [
    ({"path": "var/lib", "kind": "directory"}, "test -d @W@/var/lib", 0),
    ({"path": "etc/rancher/config.yaml", "kind": "file"}, "test -s @W@/etc/rancher/config.yaml", 0),
    ({"command": ["grep", "-q", "ip_forward", f"@W@/{SETTINGS}"]}, f"grep -q ip_forward @W@/{SETTINGS}", 0),
    ({"path": "absent", "kind": "absent"}, "test -e @W@/absent", 1),
    ({"command": ["uname", "-s"]}, "uname -s", 0),
]
FACTS = [["uname", "-a"], ["cat", "/etc/os-release"], ["cat", "/proc/meminfo"], ["nproc"]]
BINARY = "bin/k3s"
BINARY_BYTES = int(os.environ.get("BENCH_BINARY_BYTES", "70000000"))


def work_directory(root, number):
    return f"{root}/hosts/{number:03}/work"


def content(path, size):
    """Text that looks like a configuration file, the same in every run."""
    source = random.Random(path)
    lines = []
    while sum(map(len, lines)) < size:
        lines.append(f"key{len(lines):05}: value-{source.getrandbits(64):016x}\n")
    return ("".join(lines))[: size - 1] + "\n"


def write(path, data):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "wb") as file:
        file.write(data if isinstance(data, bytes) else data.encode())


def write_works(root, hosts, known_hosts, key):
    """Writes what the contestants are told. `hosts` has (name, address, port, number) of each."""
    folder = f"{root}/work"
    for path, size, _ in FILES:
        write(f"{folder}/files/{path.replace('/', '_')}", content(path, size))
    binary = write_binary(folder)
    write_for_floor(folder, hosts, root, binary)
    write_for_clusterctl(folder, hosts, root, binary, known_hosts, key)
    write_for_pyinfra(folder, hosts, root, binary, known_hosts, key)


def write_binary(folder):
    path = f"{folder}/binary"
    if not os.path.exists(path) or os.path.getsize(path) != BINARY_BYTES:
        source = random.Random(1)
        os.makedirs(folder, exist_ok=True)
        with open(path, "wb") as file:
            for start in range(0, BINARY_BYTES, 1 << 20):
                file.write(source.randbytes(min(1 << 20, BINARY_BYTES - start)))
    return digest(path)


def write_for_floor(folder, hosts, root, binary):
    paths = " ".join(path for path, _, _ in FILES)
    probe = ["cd @W@ 2>/dev/null || { echo none; exit 0; }", f"stat -c '%a %F %n' {' '.join(DIRECTORIES)} 2>&1"]
    probe += [f"stat -c '%a %n' {paths} 2>&1", f"sha256sum {paths} 2>&1"]
    probe += [f"grep -Fxc '{line}' {SETTINGS} 2>&1" for line in LINES]
    probe += [f"{command} >/dev/null 2>&1; echo $?" for _, command, _ in CHECKS]
    wanted = [f"755 directory {path}" for path in DIRECTORIES] + [f"{mode:o} {path}" for path, _, mode in FILES]
    wanted += [f"{hashlib.sha256(content(p, s).encode()).hexdigest()}  {p}" for p, s, _ in FILES]
    wanted += ["1"] * len(LINES) + [str(status) for _, _, status in CHECKS]
    apply = ["set -e", "umask 022", "cd @W@", f"mkdir -p {' '.join(DIRECTORIES)} .new"]
    apply += ["tar -xpf - -C .new"] + [f"mv .new/{path} {path}" for path, _, _ in FILES] + ["rm -r .new"]
    apply += [f"printf '%s\\n' {' '.join(repr(line) for line in LINES)} >{SETTINGS}", "set +e"]
    write(f"{folder}/probe.sh", "\n".join(probe) + "\n")
    write(f"{folder}/apply.sh", "\n".join(apply + probe) + "\n")
    write(f"{folder}/expect.txt", "\n".join(wanted) + "\n")
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w", format=tarfile.USTAR_FORMAT) as tar:
        for path, size, mode in FILES:
            entry = tarfile.TarInfo(path)
            entry.size, entry.mode = size, mode
            tar.addfile(entry, io.BytesIO(content(path, size).encode()))
    write(f"{folder}/payload.tar", archive.getvalue())
    look = f"cd @W@ && sha256sum <{BINARY} 2>&1 && stat -c %a {BINARY} 2>&1"
    write(f"{folder}/pushed.sh", look)
    write(
        f"{folder}/push.sh",
        f"cd @W@ && mkdir -p bin && cat >{BINARY}.new && chmod 755 {BINARY}.new && mv {BINARY}.new {BINARY} && {look}")
    write(f"{folder}/pushed.txt", f"{binary}  -\n755\n")
    lines = [f"{name}\t{address}\t{port}\t{work_directory(root, number)}\n" for name, address, port, number in hosts]
    write(f"{folder}/hosts.tsv", "".join(lines))


def write_for_clusterctl(folder, hosts, root, binary, known_hosts, key):
    # JSON is YAML. The settings file is brought whole, as there is no operation for a line in a file.
    specification = {
        "workDirectories": {name: work_directory(root, number) for name, _, _, number in hosts},
        "directories": [{"path": path, "mode": "0755"} for path in DIRECTORIES],
        "files": [
            {"path": path, "mode": f"{mode:04o}", "source": f"{folder}/files/{path.replace('/', '_')}"}
            for path, _, mode in FILES
        ] + [{"path": SETTINGS, "mode": "0644", "content": "".join(line + "\n" for line in LINES)}],
        "checks": [check for check, _, _ in CHECKS],
        "facts": FACTS,
        "binary": {"path": BINARY, "mode": "0755", "source": f"{folder}/binary", "sha256": binary},
    }
    write(f"{folder}/specification.yaml", json.dumps(specification, indent=1))
    write(f"{folder}/inventory.yaml", inventory(hosts, known_hosts, key))


def inventory(hosts, known_hosts, key):
    """An inventory whose first host is the primary; the benchmark's order takes no notice of roles."""
    lines = [
        "version: 1", "name: bench",
        f"ssh: {{user: root, identityFile: {key}, knownHosts: {known_hosts}, agent: false}}",
        "k3s: {version: v1.35.7+k3s1}", "network: {pods: 10.128.0.0/10, services: 10.64.0.0/16}",
        "cilium: {version: 1.19.4}", "endpoint: {kubeVip: 172.16.0.250}", "servers:",
    ]
    for index, (name, address, port, number) in enumerate(hosts):
        if index == 1:
            lines.append("workers:")
        primary = ", primary: true" if index == 0 else ""
        high, low = divmod(number, 250)
        # The node's own address is one of a real network; SSH goes to the loopback address of its server.
        lines.append(f"  {name}: {{address: 172.17.{high}.{low + 1}, ssh: {{host: {address}, port: {port}}}{primary}}}")
    return "\n".join(lines) + "\n"


def write_for_pyinfra(folder, hosts, root, binary, known_hosts, key):
    entries = [
        (name, {
            "ssh_hostname": address, "ssh_port": port, "ssh_user": "root", "ssh_key": key,
            "ssh_known_hosts_file": known_hosts, "ssh_strict_host_key_checking": "yes", "ssh_allow_agent": False,
            "ssh_look_for_keys": False, "w": work_directory(root, number),
        }) for name, address, port, number in hosts
    ]
    write(f"{folder}/inventory.py", f"hosts = {entries!r}\n")
    write(
        f"{folder}/pyinfra_ping.py",
        "from pyinfra.operations import server\nserver.shell(name='true', commands=['true'])\n")
    lines = ["from pyinfra import host", "from pyinfra.operations import files, server", "w = host.data.w"]
    lines += [f"files.directory(name={path!r}, path=w + '/{path}', mode='755')" for path in DIRECTORIES]
    for path, _, mode in FILES:
        source = f"{folder}/files/{path.replace('/', '_')}"
        lines.append(f"files.put(name={path!r}, src={source!r}, dest=w + '/{path}', mode='{mode:o}')")
    lines += [f"files.line(name={line!r}, path=w + '/{SETTINGS}', line={'^' + line + '$'!r})" for line in LINES]
    for index, (_, command, status) in enumerate(CHECKS):
        lines.append(
            f"server.shell(name='check {index}', commands=[{command!r}.replace('@W@', w)], "
            f"_success_exit_codes=[{status}])")
    write(f"{folder}/pyinfra_converge.py", "\n".join(lines) + "\n")
    write(
        f"{folder}/pyinfra_push.py",
        "from pyinfra import host\nfrom pyinfra.operations import files\nw = host.data.w\n"
        "files.directory(name='bin', path=w + '/bin', mode='755')\n"
        f"files.put(name='binary', src={folder + '/binary'!r}, dest=w + '/{BINARY}', mode='755')\n")


# The referee


def reset(root, numbers):
    for number in numbers:
        shutil.rmtree(f"{root}/hosts/{number:03}", ignore_errors=True)
        os.makedirs(work_directory(root, number))
        os.makedirs(f"{root}/hosts/{number:03}/home")


def wanted_paths(work, directory):
    names = [BINARY] if work == "push" else DIRECTORIES + [path for path, _, _ in FILES] + [SETTINGS]
    return [f"{directory}/{name}" for name in names]


def problems(work, root, numbers):
    """What is not as it should be, a sentence each."""
    found = []
    for number in numbers:
        directory = work_directory(root, number)
        missing = [path for path in wanted_paths(work, directory) if not os.path.exists(path)]
        found += [f"{path} is missing" for path in missing]
        if missing:
            continue
        for path, mode, right in expected(work, root, directory):
            if os.stat(path).st_mode & 0o777 != mode:
                found.append(f"{path} has mode {os.stat(path).st_mode & 0o777:o}")
            if right is not None and not right(path):
                found.append(f"{path} has another content")
    return found


def expected(work, root, directory):
    """Path, mode and a test of the content, for each path."""
    if work == "push":
        yield f"{directory}/{BINARY}", 0o755, lambda path: digest(path) == digest(f"{root}/work/binary")
        return
    for path in DIRECTORIES:
        yield f"{directory}/{path}", 0o755, None
    for path, size, mode in FILES:
        yield f"{directory}/{path}", mode, lambda place, text=content(path, size): open(place).read() == text
    yield f"{directory}/{SETTINGS}", 0o644, lambda place: sorted(open(place).read().splitlines()) == sorted(LINES)


def digest(path):
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def stamps(work, root, numbers):
    """Inode and times of everything: a run that had nothing to do leaves them as they are."""
    found = []
    for number in numbers:
        for path in wanted_paths(work, work_directory(root, number)):
            status = os.stat(path)
            found.append((path, status.st_ino, status.st_mode, None if os.path.isdir(path) else status.st_mtime_ns))
    return found
