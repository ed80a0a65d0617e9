#!/usr/bin/env python3
"""`make bench`: clusterctl beside the floor of the protocol and beside pyinfra, over real sshds on this machine.

Each work is done by each contestant in turn, several rounds of that, so that noise meets all of them alike; the ratios
are medians of the ratios within a round. What a run left on the hosts is looked at afterwards, file by file.

Settings (environment): BENCH_HOSTS ("10 50"), BENCH_ROUNDS (5), BENCH_WORKS ("ping converge push far status"),
BENCH_TOOLS ("floor clusterctl pyinfra"), BENCH_PUSH_HOSTS (10), BENCH_STATUS_HOSTS ("10 100"), BENCH_ONE_WAY_MS (50),
BENCH_PLAN (yes).
It runs as root, in namespaces of its own: what it starts ends with it.
"""

import os
import shutil
import statistics
import subprocess
import sys
import time

import farm
import status
import work

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
SCRATCH = os.environ.get("BENCH_SCRATCH", f"{ROOT}/.build/bench")
HOSTS = [int(word) for word in os.environ.get("BENCH_HOSTS", "10 50").split()]
ROUNDS = int(os.environ.get("BENCH_ROUNDS", "5"))
WORKS = os.environ.get("BENCH_WORKS", "ping converge push far status").split()
TOOLS = os.environ.get("BENCH_TOOLS", "floor clusterctl pyinfra").split()
STATUS_HOSTS = [int(word) for word in os.environ.get("BENCH_STATUS_HOSTS", "10 100").split()]
PUSH_HOSTS = int(os.environ.get("BENCH_PUSH_HOSTS", "10"))
ONE_WAY_MILLISECONDS = float(os.environ.get("BENCH_ONE_WAY_MS", "50"))
AT_ONCE = 64
RELAYED_PORT = 3222


class Measured:
    """What one run of one contestant took."""

    def __init__(self, seconds, usage, status, log):
        self.seconds = seconds
        self.cpu = usage.ru_utime + usage.ru_stime
        self.peak = usage.ru_maxrss / 1024
        self.status = status
        self.log = log


def measure(command, log):
    with open(log, "wb") as output:
        began = time.monotonic()
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT, cwd=f"{SCRATCH}/work",
            env={"PATH": os.environ["PATH"], "HOME": f"{SCRATCH}/home", "LC_ALL": "C.UTF-8"})
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.monotonic() - began
    process.returncode = os.waitstatus_to_exitcode(status)
    return Measured(seconds, usage, process.returncode, log)


def command(tool, task, count):
    folder, programs = f"{SCRATCH}/work", f"{SCRATCH}/bin"
    if tool == "floor":
        keys = [f"{SCRATCH}/farm/id_ed25519", f"{SCRATCH}/farm/known_hosts"]
        return [f"{programs}/floor", task, folder, *keys, str(AT_ONCE)]
    if tool == "clusterctl":
        return [f"{programs}/clusterctl-bench", task, f"{folder}/specification.yaml", f"{folder}/inventory.yaml"]
    parallel = ["--parallel", str(count)]
    return [f"{SCRATCH}/pyinfra/bin/pyinfra", "-y", *parallel, f"{folder}/inventory.py", f"{folder}/pyinfra_{task}.py"]


def trial(task, tools, numbers, results):
    """One round: every contestant once, with the referee behind it."""
    for tool in tools:
        phases = ["run"] if task == "ping" else ["first", "again"]
        work.reset(SCRATCH, numbers)
        before = None
        for phase in phases:
            log = f"{SCRATCH}/log/{tool}-{task}-{phase}.log"
            run = measure(command(tool, task, len(numbers)), log)
            verdict(run, tool, task, phase, numbers, before)
            results.setdefault((phase, tool), []).append(run)
            if phase == "first":
                before = work.stamps(task, SCRATCH, numbers)
    work.reset(SCRATCH, numbers)


def verdict(run, tool, task, phase, numbers, before):
    wrong = [] if run.status == 0 else [f"exit status {run.status}, see {run.log}"]
    if task != "ping" and not wrong:
        wrong = work.problems(task, SCRATCH, numbers)
    if phase == "again" and not wrong and work.stamps(task, SCRATCH, numbers) != before:
        wrong = ["the second run changed something"]
    if wrong:
        sys.exit(f"{tool}, {task}, {phase}: WRONG: {len(wrong)} problems, the first: {wrong[0]}")


def table(title, results, count):
    print(f"\n{title}\n")
    print("| run | tool | wall s | ratio | CPU ms a host | beyond floor | peak MB |")
    print("| --- | --- | --: | --: | --: | --: | --: |")
    for (phase, tool), runs in sorted(results.items(), key=lambda item: item[0][0] == "again"):
        floor = results.get((phase, "floor"))
        ratio = beyond = "-"
        if floor:
            ratio = f"{statistics.median(a.seconds / b.seconds for a, b in zip(runs, floor)):.2f}"
            beyond = f"{statistics.median((a.cpu - b.cpu) for a, b in zip(runs, floor)) / count * 1e3:.1f}"
        seconds = statistics.median(run.seconds for run in runs)
        cpu = statistics.median(run.cpu for run in runs) / count * 1e3
        peak = max(run.peak for run in runs)
        print(f"| {phase} | {tool} | {seconds:.3f} | {ratio} | {cpu:.1f} | {beyond} | {peak:.0f} |", flush=True)


def compete(task, count, title, port=farm.PORT):
    hosts = farm.hosts(count, port)
    key, known_hosts = f"{SCRATCH}/farm/id_ed25519", f"{SCRATCH}/farm/known_hosts"
    work.write_works(SCRATCH, hosts, known_hosts, key)
    numbers = [number for _, _, _, number in hosts]
    tools = [tool for tool in TOOLS if tool != "pyinfra" or has_pyinfra()]
    results = {}
    trial(task, tools, numbers, {})  # files into the page cache
    for _ in range(ROUNDS):
        trial(task, tools, numbers, results)
    table(title, results, count)


def far_away(task):
    """One host behind a line that takes its time."""
    work.write_works(SCRATCH, farm.hosts(1, RELAYED_PORT), "", "")
    relay = subprocess.Popen(
        [f"{SCRATCH}/bin/relay", f"{SCRATCH}/work", str(RELAYED_PORT), str(farm.PORT), str(ONE_WAY_MILLISECONDS)],
        stdout=subprocess.PIPE)
    relay.stdout.readline()
    try:
        compete(task, 1, f"## {task}, 1 host, {2 * ONE_WAY_MILLISECONDS:.0f} ms away", RELAYED_PORT)
    finally:
        relay.kill()
        relay.wait()


# Preparation


def build():
    subprocess.run([f"{ROOT}/scripts/setup"], check=True)
    swift = ["swift", "build", "-c", "release", "--package-path", ROOT]
    if sys.platform == "linux":
        swift.append("--static-swift-stdlib")
    if "BENCH_SWIFT_SCRATCH" in os.environ:
        swift += ["--scratch-path", os.environ["BENCH_SWIFT_SCRATCH"]]
    for product in ("clusterctl", "clusterctl-bench"):
        subprocess.run([*swift, "--product", product], check=True, stdout=subprocess.DEVNULL)
    path = subprocess.run([*swift, "--show-bin-path"], check=True, capture_output=True, text=True).stdout.strip()
    os.makedirs(f"{SCRATCH}/bin", exist_ok=True)
    for product in ("clusterctl", "clusterctl-bench"):
        shutil.copy2(f"{path}/{product}", f"{SCRATCH}/bin/{product}")
    flags = subprocess.run(
        ["pkg-config", "--cflags", "--libs", "libssh2"], check=True, capture_output=True, text=True).stdout.split()
    for name, libraries in (("floor", flags), ("relay", [])):
        program = f"{SCRATCH}/bin/{name}"
        subprocess.run(["cc", "-O2", "-o", program, f"{ROOT}/bench/{name}.c", *libraries], check=True)


def has_pyinfra():
    return os.path.exists(f"{SCRATCH}/pyinfra/bin/pyinfra")


def install_pyinfra():
    if has_pyinfra() or "pyinfra" not in TOOLS:
        return
    steps = [[sys.executable, "-m", "venv", f"{SCRATCH}/pyinfra"], [f"{SCRATCH}/pyinfra/bin/pip", "install", "-q", "pyinfra"]]
    for step in steps:
        result = subprocess.run(step, capture_output=True, text=True)
        if result.returncode != 0:
            print(f"pyinfra is left out: {(result.stderr.strip().splitlines() or ['it cannot be installed'])[-1]}")
            return


def enter_namespaces(part):
    """Starts this program again where nothing of it can outlive it, or reach the machine's network."""
    command = ["unshare", "--net", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc"]
    subprocess.run([*command, sys.executable, os.path.abspath(__file__), part], check=True)


def prepare():
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    for place in ("log", "home", "work", "hosts"):
        os.makedirs(f"{SCRATCH}/{place}", exist_ok=True)
    # The hosts' disks are memory: ten of them on one real disk would measure that disk.
    subprocess.run(["mount", "-t", "tmpfs", "tmpfs", f"{SCRATCH}/hosts"], check=True)


def inside():
    prepare()
    most = max(HOSTS + [PUSH_HOSTS if "push" in WORKS else 1])
    work.reset(SCRATCH, range(1, most + 1))
    farm.start(SCRATCH, most, (farm.PORT, RELAYED_PORT))
    for count in HOSTS:
        for task in ("ping", "converge"):
            if task in WORKS:
                compete(task, count, f"## {task}, {count} hosts")
    if "push" in WORKS:
        size = work.BINARY_BYTES // 1_000_000
        compete("push", PUSH_HOSTS, f"## push, {size} MB to each of {PUSH_HOSTS} hosts")
    if "far" in WORKS:
        far_away("ping")
        far_away("converge")


def inside_status():
    """Servers that log every login and exec, which those that are raced do not."""
    prepare()
    most = max(STATUS_HOSTS)
    work.reset(SCRATCH, range(1, most + 1))
    farm.start(SCRATCH, most, log_level="VERBOSE")
    status.table(SCRATCH, STATUS_HOSTS, ROUNDS, measure, command)


def main():
    if sys.argv[1:] == ["inside"]:
        return inside()
    if sys.argv[1:] == ["inside-status"]:
        return inside_status()
    if os.geteuid() != 0:
        sys.exit("make bench starts SSH servers in namespaces of their own, which only root may")
    build()
    install_pyinfra()
    if os.environ.get("BENCH_PLAN", "yes") == "yes":
        for script in ["plan.py", "simulation.py"]:
            subprocess.run([sys.executable, f"{ROOT}/bench/{script}", f"{SCRATCH}/bin/clusterctl"], check=True)
    if {"ping", "converge", "push", "far"} & set(WORKS):
        enter_namespaces("inside")
    if "status" in WORKS:
        enter_namespaces("inside-status")


if __name__ == "__main__":
    main()
