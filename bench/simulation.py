#!/usr/bin/env python3
"""Seeds a second of `clusterctl simulate`, and the time of one cluster as it grows: medians of five runs.

The ratio is seconds a node, relative to 100 nodes: it stays near 1 where nothing is quadratic.
"""

import os
import re
import statistics
import subprocess
import sys
import tempfile
import time

from plan import RUNS, inventory

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
SEEDS = 2000
SIZES = [100, 1000, 4000]


def simulate(program, path, runs, faults):
    began = time.monotonic()
    result = subprocess.run(
        [program, "simulate", path, "--runs", str(runs), "--faults", faults], check=True, capture_output=True, text=True)
    if not re.search(r"must not: 0 of ", result.stdout):
        sys.exit(result.stdout)
    return time.monotonic() - began


def main():
    program = sys.argv[1]
    every = "cut,reboot,kill,loss,slow,interrupt,fail,rival,disk,clock"
    print("\n## simulation\n")
    seconds = statistics.median(
        simulate(program, f"{ROOT}/inventories/lab.yaml", SEEDS, every) for _ in range(RUNS))
    print(f"{SEEDS / seconds:.0f} seeds of five nodes a second, all faults")
    print(f"{'nodes':>7}{'seconds':>10}{'s/node ratio':>14}")
    base = None
    for size in SIZES:
        with tempfile.NamedTemporaryFile("w", suffix=".yaml") as file:
            file.write(inventory(size))
            file.flush()
            seconds = statistics.median(simulate(program, file.name, 1, "none") for _ in range(RUNS))
        base = base or seconds / size
        print(f"{size:>7}{seconds:>10.2f}{seconds / size / base:>14.2f}", flush=True)


if __name__ == "__main__":
    main()
