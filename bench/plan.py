#!/usr/bin/env python3
"""Time and memory of `validate` and `plan -o json` at 10 to 10,000 nodes: medians of five runs, and ratios in one run.

The ratio that matters is the last column: seconds a node, relative to the smallest inventory that takes long enough to
measure. It stays near 1 where nothing is quadratic.
"""

import os
import statistics
import subprocess
import sys
import tempfile
import time

SIZES = [10, 100, 1000, 10000]
RUNS = 5


def inventory(count):
    workers = count - 3
    lines = [
        "version: 1", "name: bench", "k3s: {version: v1.35.7+k3s1}",
        "network: {pods: 10.128.0.0/10, services: 10.64.0.0/16}", "cilium: {version: 1.19.4}",
        "endpoint: {kubeVip: 172.16.0.250}", "servers:", "  s1: {address: 172.16.0.1, primary: true}",
        "  s2: {address: 172.16.0.2}", "  s3: {address: 172.16.0.3}", "workers:",
    ]
    for number in range(workers):
        high, low = divmod(number, 250)
        lines.append(f"  w{number:05}: {{address: 172.17.{high}.{low + 1}}}")
    return "\n".join(lines) + "\n"


def measure(arguments):
    """Wall seconds, peak resident MiB, and bytes written, of one run."""
    output = tempfile.TemporaryFile()
    began = time.monotonic()
    process = subprocess.Popen(arguments, stdout=output, stderr=subprocess.PIPE)
    _, status, usage = os.wait4(process.pid, 0)
    seconds = time.monotonic() - began
    if status != 0:
        sys.exit(f"{' '.join(arguments)}: {process.stderr.read().decode()}")
    process.returncode = 0
    process.stderr.close()
    return seconds, usage.ru_maxrss / 1024, os.fstat(output.fileno()).st_size


def main():
    program = sys.argv[1]
    print("## planning\n")
    print(f"{'verb':<14}{'nodes':>7}{'seconds':>10}{'peak MiB':>10}{'output MB':>11}{'peak/output':>13}{'s/node ratio':>14}")
    for verb in (["validate"], ["plan", "-o", "json"]):
        base = None
        for size in SIZES:
            with tempfile.NamedTemporaryFile("w", suffix=".yaml") as file:
                file.write(inventory(size))
                file.flush()
                runs = [measure([program, verb[0], file.name, *verb[1:]]) for _ in range(RUNS)]
            seconds = statistics.median(run[0] for run in runs)
            peak = statistics.median(run[1] for run in runs)
            output = runs[0][2] / 1e6
            if size == 1000:
                base = seconds / size
            ratio = f"{seconds / size / base:>14.2f}" if base else f"{'-':>14}"
            share = f"{peak * 1.048576 / output:>13.2f}" if output > 1 else f"{'-':>13}"
            print(f"{' '.join(verb):<14}{size:>7}{seconds:>10.3f}{peak:>10.1f}{output:>11.2f}{share}{ratio}", flush=True)


if __name__ == "__main__":
    main()
