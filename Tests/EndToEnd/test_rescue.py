"""SSH is cut at a DPU's own address and its guard cannot fire: the way in is by the host that it is in, over tmfifo."""

import os
import shutil
import subprocess
import time
import unittest

from .harness import LAB, LAB_DIR, LabCase, enter, lab

SSHD = "/usr/sbin/sshd"
HOST = "10.77.0.1"  # the controller's own machine plays the host that the DPU is in
PORT = 2222
CUT = ["INPUT", "-i", "eth0", "-p", "tcp", "--dport", "22", "-j", "DROP"]
GUARD = "/var/lib/clusterctl/guard/guard.sh"


@unittest.skipUnless(os.path.exists(SSHD), f"{SSHD} is not installed")
class RescueTest(LabCase):
    """dpu-01 is the first node, so that the host's end of its tmfifo is `rshim1`."""

    def setUp(self):
        super().setUp()
        self.start_host()
        with open(self.inventory, encoding="utf-8") as file:
            text = file.read()
        way = f'outOfBand: {{proxyJump: "root@{HOST}:{PORT}", address: 192.168.100.2}}'
        text = text.replace("primary: true}", f"primary: true, {way}}}")
        known = f"{LAB_DIR}/ssh/known_hosts"
        with open(self.inventory, "w", encoding="utf-8") as file:
            file.write(text.replace(f"knownHosts: {known}", f"knownHosts: [{known}, known_hosts]"))

    def start_host(self):
        lab("exec", "--", "ip", "addr", "replace", "192.168.100.1/30", "dev", "rshim1")
        self.addCleanup(lab, "exec", "--", "ip", "addr", "flush", "dev", "rshim1", check=False)
        key, self.log = os.path.join(self.directory, "host_key"), os.path.join(self.directory, "sshd.log")
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key], check=True)
        os.makedirs("/run/sshd", exist_ok=True)
        shutil.copyfile(f"{LAB_DIR}/ssh/id_ed25519.pub", os.path.join(self.directory, "authorized"))
        options = [
            f"ListenAddress={HOST}:{PORT}", f"HostKey={key}", f"AuthorizedKeysFile={self.directory}/authorized",
            "PermitRootLogin=yes", "UsePAM=no", "StrictModes=no", "PidFile=none"]
        self.host = subprocess.Popen(
            [LAB, "exec", "--", SSHD, "-D", "-f", "/dev/null", "-E", self.log,
             *[word for option in options for word in ("-o", option)]])
        self.addCleanup(self.host.wait)
        self.addCleanup(self.host.terminate)
        self.wait_until(lambda: "Server listening" in self.host_log(), "the host's sshd")
        with open(key + ".pub", encoding="ascii") as file:
            kind, text = file.read().split()[:2]
        with open(os.path.join(self.directory, "known_hosts"), "w", encoding="ascii") as file:
            file.write(f"[{HOST}]:{PORT} {kind} {text}\n")

    def host_log(self):
        try:
            with open(self.log, encoding="utf-8") as file:
                return file.read()
        except FileNotFoundError:
            return ""

    def wait_until(self, condition, what, timeout=60):
        deadline = time.monotonic() + timeout
        while not condition():
            self.assertLess(time.monotonic(), deadline, f"waited {timeout} s for {what}")
            time.sleep(0.2)

    def test_what_a_cut_node_cannot_take_back_by_itself_is_taken_back_over_tmfifo(self):
        run = self.start("bootstrap", self.inventory, "--yes")
        self.wait_until(lambda: "active" == enter(
            "dpu-01", "systemctl", "is-active", "k3s", check=False).strip(), f"K3s\n{run.said()}")
        run.kill()
        enter("dpu-01", "systemctl", "stop", "clusterctl-guard.timer")
        enter("dpu-01", "iptables", "-I", *CUT)
        self.assertRegex(enter("dpu-01", "sh", GUARD, "state"), "^armed phase=k3s-primary ")
        self.assertNotIn("Accepted", self.host_log(), "a run that shows life does not go by the host")

        ended = self.clusterctl("guard", "status", self.inventory, "dpu-01", status=4)
        self.assertRegex(ended.output, r"dpu-01 +no SSH")
        for line in ["out of band to dpu-01:", f"-J root@{HOST}:{PORT} ubuntu@192.168.100.2",
                     f"clusterctl guard status {self.inventory} dpu-01 --out-of-band"]:
            self.assertIn(line, ended.said())
        self.clusterctl("guard", "rollback", self.inventory, "dpu-01", "--yes", status=4)
        self.assertNotIn("Accepted", self.host_log(), "nobody goes by the host unless told to")

        ended = self.clusterctl("guard", "status", self.inventory, "--out-of-band")
        self.assertRegex(ended.output, r"dpu-01 +armed +k3s-primary")
        self.assertNotIn("dpu-02", ended.output, "it has no such way")
        ended = self.clusterctl("guard", "rollback", self.inventory, "dpu-01", "--out-of-band", "--yes")
        self.assertIn("dpu-01: the phase was taken back", ended.output)
        self.assertIn("everything is as it was", ended.output)
        self.assertEqual(enter("dpu-01", "systemctl", "is-active", "k3s", check=False).strip(), "inactive")
        self.assertNotIn("dport 22", enter("dpu-01", "iptables-save"), "the rule was not there when the guard was armed")

        ended = self.clusterctl("guard", "status", self.inventory, "dpu-01")
        self.assertRegex(ended.output, r"dpu-01 +took back +k3s-primary .*because: asked; all is as it was")


if __name__ == "__main__":
    unittest.main()
