"""A bootstrap by hand, in the right order, with nothing but ssh and kubectl. Run it on a fresh lab:

    lab/lab up inventories/lab.yaml && /usr/bin/python3 lab/tests/by_hand.py
"""

import concurrent.futures
import json
import os
import subprocess
import sys
import tempfile
import time

LAB = os.path.join(os.path.dirname(os.path.dirname(os.path.realpath(__file__))), "lab")
DIRECTORY = os.environ.get("LAB_DIR", "/var/lib/clusterctl-lab")
ADDRESSES = {"dpu-01": "10.77.0.11", "dpu-02": "10.77.0.12", "dpu-03": "10.77.0.13", "worker-01": "10.77.0.21",
             "nixos-01": "10.77.0.22"}
SERVERS = ("dpu-01", "dpu-02", "dpu-03")
PRIMARY = "https://10.77.0.11:6443"
VIP = "10.77.0.100"
VERSION = "v1.35.7+k3s1"

SERVER_CONFIG = """\
token-file: /etc/rancher/k3s/token
node-name: {node}
node-ip: {address}
tls-san: [10.77.0.100]
cluster-cidr: 10.142.0.0/16
service-cidr: 10.143.0.0/16
cluster-dns: 10.143.0.10
flannel-backend: none
disable-network-policy: true
disable-kube-proxy: true
disable: [traefik, servicelb]
write-kubeconfig-mode: "0600"
node-label: [clusterctl/role=control-plane]
"""
AGENT_CONFIG = "server: {server}\ntoken-file: /etc/rancher/k3s/token\nnode-name: {node}\nnode-ip: {address}\n"
UNIT = """\
[Unit]
Description=K3s
After=network-online.target
[Service]
Type=notify
KillMode=process
Delegate=yes
Restart=always
RestartSec=5s
TimeoutStartSec=0
ExecStart=/usr/local/bin/k3s {role}
[Install]
WantedBy=multi-user.target
"""
CILIUM = """\
apiVersion: helm.cattle.io/v1
kind: HelmChart
metadata: {name: cilium, namespace: kube-system}
spec:
  chart: cilium
  repo: https://helm.cilium.io/
  version: 1.19.4
  bootstrap: BOOTSTRAP
  failurePolicy: abort
  backOffLimit: 2
  targetNamespace: kube-system
  valuesContent: |
    k8sServiceHost: HOST
    k8sServicePort: "6444"
    kubeProxyReplacement: true
    devices: "!tmfifo+"
    forceDeviceDetection: true
    rollOutCiliumPods: true
    operator: {replicas: 1}
    updateStrategy: {rollingUpdate: {maxUnavailable: 1}}
    ipam: {operator: {clusterPoolIPv4PodCIDRList: [10.142.0.0/16]}}
"""
KUBE_VIP = """\
apiVersion: apps/v1
kind: DaemonSet
metadata: {name: kube-vip, namespace: kube-system}
spec:
  selector: {matchLabels: {app: kube-vip}}
  template:
    metadata: {labels: {app: kube-vip}}
    spec:
      hostNetwork: true
      nodeSelector: {node-role.kubernetes.io/control-plane: "true"}
      tolerations: [{operator: Exists}]
      containers:
      - name: kube-vip
        image: ghcr.io/kube-vip/kube-vip:v1.2.3
        args: [manager]
        env:
        - {name: address, value: 10.77.0.100}
        - {name: port, value: "6443"}
        - {name: vip_arp, value: "true"}
        - {name: vip_leaderelection, value: "true"}
        - {name: cp_enable, value: "true"}
        - {name: cp_namespace, value: kube-system}
        - {name: k8s_config_file, value: CONFIG_FILE}
        volumeMounts: [{name: config, mountPath: /etc/rancher/k3s/k3s.yaml}]
      volumes: [{name: config, hostPath: {path: /etc/rancher/k3s/k3s.yaml}}]
"""


class TooLate(AssertionError):
    """A condition did not hold in time; the message has what was seen last."""


def lab(*arguments, check=True, text=None):
    result = subprocess.run([LAB, *arguments], input=text, capture_output=True, text=True, check=False,
                            timeout=600)
    if check and result.returncode != 0:
        raise AssertionError(f"lab {' '.join(arguments)}: {result.stdout}{result.stderr}")
    return result


def ssh(node, command, check=True, text=None):
    return lab("ssh", node, command, check=check, text=text)


def put(node, path, text, mode="0600"):
    ssh(node, f"sudo mkdir -p $(dirname {path}) && sudo tee {path} >/dev/null && sudo chmod {mode} {path}", text=text)


def kubectl(command, node="dpu-01", text=None, check=True):
    return ssh(node, f"sudo k3s kubectl {command}", check=check, text=text).stdout


def get(what, node="dpu-01"):
    """Decoded JSON of `kubectl get`; an empty dictionary if that fails."""
    text = kubectl(f"get {what} -o json", node, check=False)
    return json.loads(text) if text.strip() else {}


def until(what, question, seconds=60):
    """Asks until the answer is True; any other answer is what was seen."""
    deadline, seen = time.monotonic() + seconds, None
    while time.monotonic() < deadline:
        seen = question()
        if seen is True:
            return
        time.sleep(0.3)
    raise TooLate(f"{what}: {seen}")


def install(node, config, role="server", token=None):
    """Puts k3s, its configuration and its unit on a node, and starts it without waiting."""
    with open(os.path.join(DIRECTORY, "token"), encoding="utf-8") as file:
        token = token or file.read()
    put(node, "/etc/rancher/k3s/token", token)
    put(node, "/etc/rancher/k3s/config.yaml", config)
    unit = "k3s" if role == "server" else "k3s-agent"
    put(node, f"/etc/systemd/system/{unit}.service", UNIT.format(role=role), "0644")
    directory = f"/usr/local/lib/clusterctl/k3s/{VERSION}"
    with open(os.path.join(DIRECTORY, "artifacts/k3s"), "rb") as file:
        subprocess.run([LAB, "ssh", node, f"test -x {directory}/k3s || (sudo mkdir -p {directory} && "
                        f"sudo tee {directory}/k3s >/dev/null && sudo chmod 755 {directory}/k3s && "
                        f"sudo ln -sfn {directory}/k3s /usr/local/bin/k3s)"], stdin=file, check=True)
    ssh(node, f"sudo systemctl daemon-reload && sudo systemctl enable -q {unit} && "
              f"sudo systemctl start --no-block {unit}")


def server_config(node, more):
    return SERVER_CONFIG.format(node=node, address=ADDRESSES[node]) + more


def agent_config(node, server):
    return AGENT_CONFIG.format(node=node, address=ADDRESSES[node], server=server)


def api_is_ready(node="dpu-01"):
    answer = ssh(node, "sudo k3s kubectl get --raw '/readyz?verbose'", check=False)
    return "readyz check passed" in answer.stdout or answer.stderr


def condition(node, kind):
    for entry in get(f"node {node}").get("status", {}).get("conditions", []):
        if entry["type"] == kind:
            return entry["status"] == "True" or entry
    return f"no condition {kind} on {node}"


def vip_answers():
    answer = lab("exec", "--", "curl", "-sk", "-m", "2", f"https://{VIP}:6443/ping", check=False).stdout
    return answer == "pong" or answer or "no answer"


def start_primary():
    install("dpu-01", server_config("dpu-01", "cluster-init: true\n"))
    until("the API on dpu-01", api_is_ready)


def apply_cilium(host="127.0.0.1", bootstrap="true"):
    kubectl("apply -f -", text=CILIUM.replace("HOST", host).replace("BOOTSTRAP", bootstrap))


def apply_kube_vip(config_file="/etc/rancher/k3s/k3s.yaml"):
    kubectl("apply -f -", text=KUBE_VIP.replace("CONFIG_FILE", config_file))


def cilium_is_ok(node):
    command = ("id=$(sudo k3s crictl ps --name cilium-agent -q) && "
               "sudo k3s crictl exec $id cilium-dbg status -o json")
    answer = ssh(node, command, check=False)
    if answer.returncode != 0:
        return answer.stderr
    status = json.loads(answer.stdout)
    good = status["cilium"]["state"] == "Ok" and status["kube-proxy-replacement"]["mode"] == "True"
    return good or status


def join_replica(node, server=PRIMARY):
    install(node, server_config(node, f"server: {server}\n"))


def switch_nixos():
    with tempfile.TemporaryDirectory() as directory:
        place = os.path.join(directory, "nixos-01/etc/rancher/k3s")
        os.makedirs(place)
        with open(os.path.join(place, "config.yaml"), "w", encoding="utf-8") as file:
            file.write(agent_config("nixos-01", f"https://{VIP}:6443"))
        lab("switch", "nixos-01", directory)


def bootstrap(report=lambda step: None):
    """The whole of it; raises TooLate at the first thing that does not come."""
    start_primary()
    report("primary")
    apply_cilium()
    until("dpu-01 Ready", lambda: condition("dpu-01", "Ready"))
    until("Cilium on dpu-01", lambda: cilium_is_ok("dpu-01"))
    report("cilium")
    apply_kube_vip()
    until("the VIP", vip_answers)
    report("kube-vip")
    for node in SERVERS[1:]:
        join_replica(node)
        until(f"{node} a voter", lambda node=node: condition(node, "EtcdIsVoter"))
        report(node)
    install("worker-01", agent_config("worker-01", f"https://{VIP}:6443"), "agent")
    switch_nixos()
    with concurrent.futures.ThreadPoolExecutor() as pool:
        for node, _ in zip(ADDRESSES, pool.map(lambda node: (
                until(f"{node} Ready", lambda: condition(node, "Ready")),
                until(f"Cilium on {node}", lambda: cilium_is_ok(node))), ADDRESSES)):
            report(node + " ready")


if __name__ == "__main__":
    began = time.monotonic()
    bootstrap(lambda step: print(f"{time.monotonic() - began:6.1f} s  {step}", flush=True))
    print(kubectl("get nodes,pods,ds -A"))
    sys.exit(0)
