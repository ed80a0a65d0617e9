"""Guarded phases in the lab, with something going wrong at a random moment in each: `make campaign`.

PHASES (100) guarded phases are struck, SEED (1) says how. Each bootstrap is begun anew until its guarded phase is armed;
then the fault; then it is waited until the guard has had its say. SSH is asked for its banner all the while, over both
families, from where the controller stands. The node is compared before and after. Prints a table; exits 1 where SSH came
back later than ten seconds after the guard's deadline, or a node was not as before.
"""

import json
import os
import random
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time

from . import harness
from .harness import LAB, Run, enter, lab, snapshot

STAGES = [("k3s-primary", "dpu-01"), ("cilium", "dpu-01"), ("replicas", "dpu-02"), ("replicas", "dpu-03")]
GRACE_SECONDS = 10
GUARD = "/var/lib/clusterctl/guard"

DROP = "-p tcp --dport 22 -j DROP"
CUTS = {
    "iptables-nft": f"iptables-nft -I INPUT {DROP}; ip6tables-nft -I INPUT {DROP}",
    "iptables-legacy": f"iptables-legacy -I INPUT {DROP}; ip6tables-legacy -I INPUT {DROP}",
    "iptables-nft, answers": "iptables-nft -I OUTPUT -p tcp --sport 22 -j DROP; ip6tables-nft -I OUTPUT -p tcp --sport 22 -j DROP",
    "nft": "nft 'add table inet cut; add chain inet cut in { type filter hook input priority -300; }; "
           "add rule inet cut in tcp dport 22 drop'",
    "new connections": "iptables-nft -I INPUT -p tcp --syn --dport 22 -j DROP; "
                       "ip6tables-nft -I INPUT -p tcp --syn --dport 22 -j DROP",
    "ip rule": "ip rule add pref 1 to 10.77.0.1 prohibit",
}
FAULTS = [f"cut: {name}" for name in CUTS] + ["reboot", "kill", "kill and cut", "kill and reboot", "cut and reboot"]

PROBER = r"""
import socket, sys, time
state = {}
while True:
    for target in sys.argv[1:]:
        try:
            with socket.create_connection((target, 22), timeout=0.7) as link:
                link.settimeout(0.7)
                up = link.recv(4).startswith(b"SSH")
        except OSError:
            up = False
        if state.get(target) != up:
            state[target] = up
            print(time.time(), target, int(up), flush=True)
    time.sleep(0.1)
"""


class Prober:
    """Asks a node for its SSH banner, over IPv4 and IPv6, several times a second."""

    def __init__(self, node, address):
        self.spans = {}
        bridge = lab("exec", "--", "sh", "-c", "ip -o -4 addr show | awk '/10.77.0.1[/]/ { print $2 }'").stdout.strip()
        local = re.search(r"inet6 (fe80::[0-9a-f:]+)", enter(node, "ip", "-6", "-o", "addr", "show", "scope", "link"))
        targets = [address] + ([f"{local.group(1)}%{bridge}"] if local else [])
        self.process = subprocess.Popen(
            [LAB, "exec", "--", sys.executable, "-u", "-c", PROBER, *targets], stdout=subprocess.PIPE, text=True)
        self.events = []
        self.thread = threading.Thread(target=self._read, daemon=True)
        self.thread.start()

    def _read(self):
        for line in self.process.stdout:
            at, target, up = line.split()
            self.events.append((float(at), target, up == "1"))

    def end(self):
        self.process.terminate()
        self.process.wait()
        self.thread.join()

    def is_up(self):
        last = {target: up for _, target, up in self.events}
        return bool(last) and all(last.values())

    def outage(self):
        """The longest time without an answer, and when the last one ended; (0, None) where there was none."""
        longest, ended, since = 0.0, None, {}
        for at, target, up in self.events:
            if not up:
                since.setdefault(target, at)
            elif target in since:
                longest, ended = max(longest, at - since.pop(target)), at
        return longest, ended


def said(node):
    """The guard's state, and its deadline while it is armed."""
    text = enter(node, "sh", "-c", f"sh {GUARD}/guard.sh state; cat {GUARD}/armed/until 2>/dev/null || true", check=False)
    lines = text.splitlines()
    return (lines[0] if lines else "", int(lines[1]) if len(lines) > 1 and lines[1].isdigit() else None)


def wait(condition, seconds, what):
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        value = condition()
        if value:
            return value
        time.sleep(0.2)
    raise SystemExit(f"waited {seconds} s for {what}")


def state_of(node):
    """As the tests compare it, without what says nothing: tables in which there is nothing, which a kernel keeps once
    they were asked for, and the lab's own link to the host, which gets its address later."""
    text = re.sub(r"\*\w+\n(?::\w+ ACCEPT \[0:0\]\n)+COMMIT\n", "", snapshot(node))
    return "\n".join(line for line in text.splitlines() if "tmfifo" not in line)


def quiet(node):
    """Nothing that an earlier run has sent is at work there, and nothing is unconfirmed."""
    script = ('for life in /run/clusterctl/runs/*/life; do read -r boot process rest <"$life" && '
              'kill -0 "$process" && echo "$life"; done 2>/dev/null; '
              f"sh {GUARD}/guard.sh state | grep -E '^(armed|firing|held)'")
    return enter(node, "sh", "-c", script, check=False) == ""


class Campaign:
    def __init__(self, directory, source):
        self.directory, self.source, self.results = directory, source, []
        self.inventory = os.path.join(directory, "lab.yaml")
        harness.write_inventory(self.inventory)
        with open(self.inventory, encoding="utf-8") as file:
            text = file.read()
        self.addresses = dict(re.findall(r"(dpu-\d+): *\{address: ([\d.]+)", text))

    def start(self):
        return Run(self.directory, "bootstrap", self.inventory, "--yes")

    def bare(self):
        harness.fresh_nodes(self.inventory)
        tree = os.path.join(self.directory, "rendered")
        shutil.rmtree(tree, ignore_errors=True)
        rendered = Run(self.directory, "render", self.inventory, "--to", tree).finish()
        if rendered.status != 0:
            raise SystemExit(rendered.said())
        lab("switch", "nixos-01", tree)

    def until_armed(self, run, phase, node):
        """Whether the guard of this phase is armed; False where the run ends, or the phase passes, before that is seen."""
        run.wait_for(rf"{phase} +{node} .*guard armed first", 200)
        end = time.monotonic() + 20
        while time.monotonic() < end and run.process.poll() is None:
            if said(node)[0].startswith(f"armed phase={phase} "):
                return True
            if re.search(rf"(?m){phase} +{node} .*passed", run.said()):
                return False
        return False

    def strike(self, phase, node, fault):
        """One guarded phase and what goes wrong in it; None where it passed before anything did."""
        before = state_of(node)
        # Where an earlier phase was kept stopped, a later one may give back what was there before that.
        self.known.append(before)
        prober = Prober(node, self.addresses[node])
        wait(prober.is_up, 20, "SSH on both families")
        run = self.start()
        armed = self.until_armed(run, phase, node)
        time.sleep(self.source.uniform(0, 1.5))
        state, deadline = said(node)
        if not armed or not state.startswith(f"armed phase={phase} "):
            print(f"{phase} on {node} was not met armed", flush=True)
            run.kill()
            prober.end()
            return None
        if "kill" in fault:
            run.kill()
        if "cut" in fault:
            name = fault.split(": ")[1] if ": " in fault else self.source.choice(list(CUTS))
            enter(node, "sh", "-c", CUTS[name])
        if "reboot" in fault:
            lab("fault", node, "reboot")
        end = time.monotonic() + 240
        while time.monotonic() < end:
            state, until = said(node)
            if state.startswith("armed"):
                deadline = until or deadline
            elif state.startswith("rolled-back"):
                break
            elif state.startswith("none"):  # it got through just before
                prober.end()
                enter(node, "sh", "-c", "nft delete table inet cut; ip rule del pref 1", check=False)
                run.kill()
                return None
            time.sleep(0.3)
        wait(prober.is_up, 60, f"SSH on {node} after {fault}")
        status = run.finish(600).status if "kill" not in fault else None
        # A run that was not killed sends the steps again to a node that was started anew, and may well finish.
        end = time.monotonic() + (60 if status != 0 else 0)
        after = state_of(node)
        while after not in self.known and time.monotonic() < end:
            time.sleep(1)
            after = state_of(node)
        prober.end()
        longest, back = prober.outage()
        because = re.search(r"because=(\S+)", state)
        return {
            "phase": phase, "node": node, "fault": fault, "status": status, "state": state.split(" at=")[0],
            "because": because.group(1) if because else "", "left": state.rpartition("left=")[2],
            "out": longest, "late": back - deadline if back and deadline else None,
            "became": "finished" if status == 0 else "as before" if after in self.known else
                      "named" if "kept-stopped" in state else "changed",
            "difference": difference(before, after)}

    def advance(self, phase, node):
        """Lets this phase pass, and ends the run there."""
        run = self.start()
        passed = run.wait_for(rf"{phase} +{node} .*passed", 300)
        run.kill()
        if not passed:
            raise SystemExit(f"{phase} on {node} did not pass\n{run.said()}")

    def run(self, phases):
        while len(self.results) < phases:
            self.bare()
            prepared = self.start()
            prepared.wait_for(r"artifacts +dpu-03 +passed", 300)
            wait(lambda: "k3s-primary" in prepared.said() or prepared.process.poll() is not None, 60, "the first phase")
            prepared.kill()
            lab("fault", "dpu-01", "k3s-never-ready")  # else its phase is over before it can be met
            for phase, node in STAGES:
                self.known = []
                for _ in range(self.source.randint(6, 9)):
                    for name in self.addresses:
                        wait(lambda name=name: quiet(name), 120, f"{name} to be quiet")
                    if len(self.results) >= phases:
                        return
                    result = self.strike(phase, node, self.source.choice(FAULTS))
                    if result is None:  # it has passed
                        break
                    self.results.append(result)
                    print(json.dumps(result), flush=True)
                else:
                    if phase == "k3s-primary":
                        lab("heal", "dpu-01")
                    self.advance(phase, node)
            finished = self.start().finish()
            if finished.status != 0:
                raise SystemExit(f"the cluster was not finished: {finished.said()}")


def difference(before, after):
    import difflib
    return "\n".join(difflib.unified_diff(before.splitlines(), after.splitlines(), lineterm="", n=0))


def table(results):
    lines = ["| what went wrong | phases | by itself at its deadline, at boot, told to | SSH out, longest | back after the deadline, latest | as before, K3s kept stopped, finished by the run |",
             "| --- | --- | --- | --- | --- | --- |"]
    for fault in FAULTS + ["all"]:
        rows = [row for row in results if fault in ("all", row["fault"])]
        if not rows:
            continue
        reasons = [row["because"] for row in rows]
        late = [row["late"] for row in rows if row["late"] is not None]
        lines.append(
            f"| {fault} | {len(rows)} | {reasons.count('deadline')}, {reasons.count('boot')}, {reasons.count('asked')} "
            f"| {max(row['out'] for row in rows):.1f} s | {max(late):.1f} s |" if late else
            f"| {fault} | {len(rows)} | {reasons.count('deadline')}, {reasons.count('boot')}, {reasons.count('asked')} "
            f"| {max(row['out'] for row in rows):.1f} s | - |")
        ends = [row["became"] for row in rows]
        lines[-1] += f" {ends.count('as before')}, {ends.count('named')}, {ends.count('finished')} |"
    outs = [row["out"] for row in results if row["out"]]
    if outs:
        lines.append(f"\nSSH was out for {statistics.median(outs):.1f} s in the median of those that were cut off.")
    return "\n".join(lines)


def main():
    phases, seed = int(os.environ.get("PHASES", "100")), int(os.environ.get("SEED", "1"))
    directory = tempfile.mkdtemp(prefix="clusterctl-campaign-")
    campaign = Campaign(directory, random.Random(seed))
    try:
        campaign.run(phases)
    finally:
        print(table(campaign.results))
        lab("down", check=False)
        shutil.rmtree(directory, ignore_errors=True)
    late = [row for row in campaign.results if (row["late"] or 0) > GRACE_SECONDS]
    changed = [row for row in campaign.results if row["became"] == "changed"]
    print(f"{len(campaign.results)} guarded phases (seed {seed}), {len(late)} too late, {len(changed)} not as before")
    sys.exit(1 if late or changed else 0)


if __name__ == "__main__":
    main()
