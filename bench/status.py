"""`clusterctl status` of a hundred real sshds: how long it takes beside a floor that logs in and runs `true`, and how many
logins and execs each host saw, counted in its own sshd's log.

The hosts are bare: each is asked everything and answers that there is no K3s, so that this is the cost of asking.
"""

import json
import re
import statistics
import subprocess
import sys

import farm
import work

SERVERS = 3


def inventory(hosts, key, known_hosts):
    """Three servers and workers. A node's own address is one of a real network; SSH goes to its server on the loopback."""
    servers, workers = {}, {}
    for index, (name, address, port, number) in enumerate(hosts):
        high, low = divmod(number, 250)
        node = {"address": f"172.17.{high}.{low + 1}", "ssh": {"host": address, "port": port}}
        if index == 0:
            node["primary"] = True
        (servers if index < SERVERS else workers)[name] = node
    return json.dumps({
        "version": 1, "name": "bench", "k3s": {"version": "v1.35.7+k3s1"}, "cilium": {"version": "1.19.4"},
        "network": {"pods": "10.128.0.0/10", "services": "10.64.0.0/16"}, "endpoint": {"dns": "api.example.org"},
        "ssh": {"user": "root", "agent": False, "identityFile": key, "knownHosts": known_hosts},
        "servers": servers, "workers": workers})


def seen(scratch, number):
    """Logins and execs in the log of a host's sshd."""
    with open(f"{scratch}/farm/{number:03}/sshd.log", encoding="utf-8", errors="replace") as file:
        text = file.read()
    return len(re.findall(r"^Accepted publickey ", text, re.MULTILINE)), len(re.findall(r"^Starting session: ", text, re.MULTILINE))


def run(scratch, count, rounds, measure, floor):
    """Prints a line of a table; ends the benchmark where a host saw more, or less, than one login and one exec."""
    hosts = farm.hosts(count)
    key, known_hosts = f"{scratch}/farm/id_ed25519", f"{scratch}/farm/known_hosts"
    work.write_works(scratch, hosts, known_hosts, key)
    path = f"{scratch}/work/status.yaml"
    work.write(path, inventory(hosts, key, known_hosts))
    numbers = [number for _, _, _, number in hosts]
    command = [f"{scratch}/bin/clusterctl", "status", path]
    ratios, times, floors = [], [], []
    for _ in range(rounds):
        floors.append(measure(floor("floor", "ping", count), f"{scratch}/log/floor-status.log"))
        before = {number: seen(scratch, number) for number in numbers}
        times.append(measure(command, f"{scratch}/log/status.log"))
        # Nothing is installed there, which is told by 1.
        if times[-1].status != 1:
            sys.exit(f"status: exit status {times[-1].status}, see {times[-1].log}")
        counts = [tuple(b - a for a, b in zip(before[number], seen(scratch, number))) for number in numbers]
        if set(counts) != {(1, 1)}:
            sys.exit(f"status: not one login and one exec on every host: {sorted(set(counts))}")
        ratios.append(times[-1].seconds / floors[-1].seconds)
    middle = lambda runs: statistics.median(run.seconds for run in runs)
    peak = max(run.peak for run in times)
    print(f"| {count} | {middle(floors):.3f} | {middle(times):.3f} | {statistics.median(ratios):.2f} | 1 | 1 | {peak:.0f} |", flush=True)


def table(scratch, counts, rounds, measure, floor):
    print("\n## status, with logins and execs a host as its sshd counted them\n")
    print("| hosts | floor s | status s | ratio | logins | execs | peak MB |")
    print("| --: | --: | --: | --: | --: | --: | --: |")
    for count in counts:
        run(scratch, count, rounds, measure, floor)
