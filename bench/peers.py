"""Translates the hosts and the works of the larger harness (see peers-adapter) into those of clusterctl-bench."""

import json
import sys

import work


def check(command, status):
    """Questions about paths are probes of paths, as in any plan; the rest are commands."""
    words = command.split()
    kinds = {("test", "-d", 0): "directory", ("test", "-s", 0): "file", ("test", "-e", 1): "absent"}
    kind = kinds.get((words[0], words[1], status))
    if kind:
        return {"path": words[2].removeprefix("@W@/"), "kind": kind}
    return {"command": words if status == 0 else ["sh", "-c", f"! {command}"]}


def main():
    folder = sys.argv[1]
    with open(f"{folder}/hosts.json") as file:
        hosts = json.load(file)["hosts"]
    with open(f"{folder}/spec.json") as file:
        spec = json.load(file)
    lines = "".join(f"{key} = {value}\n" for key, value in spec["lines"])
    specification = {
        "workDirectories": {host["name"]: host["workdir"] for host in hosts},
        "directories": [{"path": path, "mode": "0755"} for path in spec["dirs"]],
        "files": spec["files"] + [{"path": spec["sysctl_file"], "mode": "0644", "content": lines}],
        "checks": [check(command, status) for command, status in spec["checks"]],
        "facts": [command.split() for command in spec["facts"]],
        "binary": spec["binary"],
    }
    work.write(f"{folder}/clusterctl/specification.yaml", json.dumps(specification, indent=1))
    rows = [(host["name"], host["address"], host["port"], number) for number, host in enumerate(hosts, 1)]
    inventory = work.inventory(rows, hosts[0]["known_hosts"], hosts[0]["key"])
    work.write(f"{folder}/clusterctl/inventory.yaml", inventory)


if __name__ == "__main__":
    main()
