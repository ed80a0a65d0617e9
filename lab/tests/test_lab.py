"""Proves the lab with plain ssh and kubectl. Needs root; it resets a lab that is up, and starts one if it is down.

    sudo /usr/bin/python3 lab/tests/test_lab.py
"""

import os
import subprocess
import sys
import time
import unittest
from concurrent.futures import ThreadPoolExecutor

sys.path.insert(0, os.path.dirname(os.path.realpath(__file__)))

from by_hand import (  # noqa: E402
    LAB, PRIMARY, SERVERS, VIP, agent_config, apply_cilium, bootstrap, condition, get, install, kubectl, lab, server_config,
    ssh, start_primary, until,
)

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.realpath(__file__))))


def fresh():
    if lab("status").stdout.startswith("lab: down"):
        lab("up", os.path.join(ROOT, "inventories/lab.yaml"))
    else:
        lab("reset")


def journal(node, unit="k3s"):
    return ssh(node, f"sudo journalctl -u {unit} --no-pager").stdout


def pod_reasons(selector):
    """All that pods of a label say about why they are not ready."""
    return str([pod.get("status") for pod in get(f"pods -n kube-system -l {selector}").get("items", [])])


def says(node, text, unit="k3s"):
    return lambda: text in journal(node, unit) or journal(node, unit)[-600:]


@unittest.skipUnless(os.geteuid() == 0, "the lab needs root")
@unittest.skipUnless(os.environ.get("THOROUGH") == "1", "only 'make test-all' runs it")
class RightOrder(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        fresh()
        began = time.monotonic()
        bootstrap()
        cls.seconds = time.monotonic() - began

    def test_01_is_quick_and_has_three_voters(self):
        self.assertLess(self.seconds, 60 if os.getloadavg()[0] < 3 else 180)
        for node in SERVERS:
            self.assertIs(condition(node, "EtcdIsVoter"), True)
            self.assertIn("etcd_server_is_learner 0", ssh(node, "curl -s http://127.0.0.1:2381/metrics").stdout)

    def test_02_health_needs_credentials(self):
        status = lab("exec", "--", "curl", "-sk", "-o", "/dev/null", "-w", "%{http_code}", f"https://{VIP}:6443/readyz")
        self.assertEqual(status.stdout, "401")

    def test_03_the_holder_of_the_lease_has_the_address(self):
        holder = kubectl("get lease plndr-cp-lock -n kube-system -o jsonpath={.spec.holderIdentity}")
        holders = [node for node in SERVERS if f"{VIP}/32" in ssh(node, "ip -o addr show dev eth0").stdout]
        self.assertEqual(holders, [holder])

    def test_04_a_restart_of_k3s_leaves_cilium_running(self):
        before = ssh("dpu-02", "sudo k3s crictl ps --name cilium-agent -q").stdout
        ssh("dpu-02", "sudo systemctl restart k3s")
        until("the same container", lambda: ssh("dpu-02", "sudo k3s crictl ps --name cilium-agent -q",
                                                check=False).stdout == before or "another container")

    def test_05_a_reboot_clears_the_rules_and_cilium_comes_back(self):
        ssh("worker-01", "sudo systemctl disable -q k3s-agent")
        lab("fault", "worker-01", "reboot")
        until("ssh", lambda: ssh("worker-01", "true", check=False).returncode == 0 or "no ssh")
        self.assertNotIn("CILIUM", ssh("worker-01", "sudo iptables-save").stdout)
        self.assertNotIn("cilium_host", ssh("worker-01", "ip link").stdout)
        ssh("worker-01", "sudo systemctl enable -q k3s-agent; sudo systemctl start --no-block k3s-agent")
        until("Cilium's chains", lambda: "CILIUM_INPUT" in ssh("worker-01", "sudo iptables-save").stdout or "no chains")

    def test_06_a_changed_node_password_is_refused(self):
        ssh("worker-01", "sudo sh -c 'echo other > /etc/rancher/node/password; systemctl restart --no-block k3s-agent'")
        until("refusal", says("worker-01", "Node password rejected, duplicate hostname", "k3s-agent"))
        kubectl("delete node worker-01")
        until("worker-01 is back", lambda: condition("worker-01", "Ready"))

    def test_07_cilium_cuts_ssh_and_heal_restores_it(self):
        lab("fault", "dpu-03", "cilium-cuts-ssh")
        kubectl("delete pod -n kube-system -l k8s-app=cilium --field-selector=spec.nodeName=dpu-03")
        until("silence", lambda: ssh("dpu-03", "true", check=False).returncode != 0 or "ssh answers", 30)
        lab("heal", "dpu-03")
        ssh("dpu-03", "true")

    def test_08_a_deleted_server_leaves_etcd_and_rejoins_as_a_new_member(self):
        before = ssh("dpu-03", "sudo cat /var/lib/rancher/k3s/server/db/etcd/name").stdout
        kubectl("delete node dpu-03")
        until("a new member", lambda: ssh("dpu-03", "sudo cat /var/lib/rancher/k3s/server/db/etcd/name",
                                          check=False).stdout not in ("", before) or "the old one")
        until("a voter", lambda: condition("dpu-03", "EtcdIsVoter"))

    def test_09_a_full_disk_and_a_stopped_sshd(self):
        lab("fault", "worker-01", "disk-full")
        written = ssh("worker-01", "sudo dd if=/dev/zero of=/root/x bs=1M count=4", check=False)
        self.assertNotEqual(written.returncode, 0)
        lab("fault", "worker-01", "sshd-stopped")
        self.assertNotEqual(ssh("worker-01", "true", check=False).returncode, 0)
        lab("heal", "worker-01")
        ssh("worker-01", "sudo dd if=/dev/zero of=/root/x bs=1M count=4 && sudo rm /root/x")

    def test_10_reboot_at_a_path(self):
        lab("fault", "worker-01", "reboot-at", "/var/tmp/phase-*")
        before = ssh("worker-01", "cat /proc/sys/kernel/random/boot_id").stdout
        ssh("worker-01", "touch /var/tmp/phase-x", check=False)
        until("a new boot", lambda: ssh("worker-01", "cat /proc/sys/kernel/random/boot_id", check=False).stdout
              not in ("", before) or "the old boot")


@unittest.skipUnless(os.geteuid() == 0, "the lab needs root")
@unittest.skipUnless(os.environ.get("THOROUGH") == "1", "only 'make test-all' runs it")
class WrongOrder(unittest.TestCase):
    """Each wrong step hangs and names its reason. One cluster for all, in the order of a bootstrap. What
    Tests/EndToEnd/test_order.py and test_faults.py ask of the lab is not asked again here."""

    @classmethod
    def setUpClass(cls):
        fresh()
        start_primary()

    def test_01_a_chart_without_bootstrap_stays_pending(self):
        apply_cilium(bootstrap="false")
        until("the reason", lambda: "node.kubernetes.io/not-ready" in
              pod_reasons("helmcharts.helm.cattle.io/chart=cilium") or "no reason")

    def test_02_cilium_by_the_service_address_is_a_dead_lock(self):
        apply_cilium(host="")
        until("the reason", lambda: "Unable to contact k8s api-server at https://10.143.0.1" in
              pod_reasons("k8s-app=cilium") or pod_reasons("k8s-app=cilium"))
        self.assertIn("cni plugin not initialized", str(condition("dpu-01", "Ready")))

    def test_03_a_wrong_token_and_a_wrong_network_are_refused(self):
        config = server_config("dpu-02", f"server: {PRIMARY}\n")
        install("dpu-02", config, token="wrong")
        until("the reason", says("dpu-02", "token is not valid"))
        ssh("dpu-02", "sudo systemctl stop k3s")  # else it may start with the right token and the old network
        install("dpu-02", config.replace("10.142", "10.150"))
        until("the reason", says("dpu-02", "critical configuration value mismatch"), 20)
        ssh("dpu-02", "sudo systemctl stop k3s")

    def test_04_an_agent_with_a_key_of_the_server_does_not_start(self):
        install("worker-01", agent_config("worker-01", PRIMARY) + "tls-san: [a]\n", "agent")
        until("the reason", says("worker-01", "flag provided but not defined: -tls-san", "k3s-agent"))
        ssh("worker-01", "sudo systemctl stop k3s-agent")

    def test_05_two_replicas_at_once_wait_for_each_other(self):
        apply_cilium()
        until("dpu-01 Ready", lambda: condition("dpu-01", "Ready"))
        with ThreadPoolExecutor() as pool:  # both before the first is promoted
            list(pool.map(lambda node: install(node, server_config(node, f"server: {PRIMARY}\n")), SERVERS[1:]))
        for node in SERVERS[1:]:
            until(f"{node} a voter", lambda node=node: condition(node, "EtcdIsVoter"))
        # etcd takes no further member while one has not joined, or is not heard.
        self.assertRegex(journal("dpu-02") + journal("dpu-03"), "Waiting for other members to finish joining etcd "
                         "cluster: (etcd cluster join failed: too many learners|etcdserver: unhealthy cluster)")


@unittest.skipUnless(os.geteuid() == 0, "the lab needs root")
class CleanUp(unittest.TestCase):
    def test_down_after_kill_9_at_any_moment(self):
        inventory = os.path.join(ROOT, "inventories/lab.yaml")
        lab("down")
        for seconds in (0.3, 0.7, 1.2, 1.6):
            process = subprocess.Popen([LAB, "up", inventory], stdout=subprocess.DEVNULL)
            time.sleep(seconds)
            process.kill()
            process.wait()
            lab("down")
            directory = os.environ.get("LAB_DIR", "/var/lib/clusterctl-lab")
            with open("/proc/self/mountinfo", encoding="utf-8") as file:
                self.assertNotIn(directory + "/nodes", file.read())
            self.assertFalse(os.path.exists(directory + "/nodes"))
            running = subprocess.run(["pgrep", "-fa", f"directory={directory}/nodes"], capture_output=True, text=True,
                                     check=False).stdout
            self.assertEqual(running, "")


if __name__ == "__main__":
    unittest.main(verbosity=2)
