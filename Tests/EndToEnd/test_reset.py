"""K3s and Cilium are taken off the machines, which are as they were before bootstrap then; asked of the machines themselves."""

import unittest

from .harness import MANAGED, LabCase, enter

# Everything that a node is, by other words than clusterctl's: rules, routes, links, mounts, services, settings, files.
STATE = r"""
for save in iptables-nft-save iptables-legacy-save ip6tables-nft-save ip6tables-legacy-save; do
    $save 2>/dev/null | sed -E '/^#/d; s/\[[0-9]+:[0-9]+\]//' | awk -v of=$save '
        /^\*/ { table = $1 } /^:/ && $2 != "ACCEPT" || /^-A/ { print of, table, $0 }' | sort
done
nft -s list ruleset 2>/dev/null | grep -v '^#' | grep -E 'kube|cilium|CILIUM|KUBE' | sed 's/^/nft /'
for family in 4 6; do
    ip -$family rule show | sed "s/^/rule$family /"
    ip -$family route show table all | grep -v -E 'fe80|expires|proto ra|table local' | sed "s/^/route$family /"
done
ip -o link show | awk '{ sub(/@.*/, "", $2); print "link", $2 }' | sort
ip -o addr show | awk '$4 !~ /^fe80/ { print "address", $2, $4 }' | sort
awk '$3 != "nsfs" && $2 !~ "^/run/user" { print "mount", $2 }' /proc/mounts | sort
systemctl list-unit-files --no-legend --state=enabled,enabled-runtime | awk '{ print "enabled", $1 }' | sort
systemctl list-units --no-legend --plain --type=service,timer --state=active,failed | awk '$1 !~ /^(user|session|ssh@|sshd@)/ { print "unit", $1, $3 }' | sort
for setting in net/ipv4/ip_forward net/ipv4/conf/all/rp_filter net/ipv4/conf/default/rp_filter net/ipv4/conf/all/forwarding \
    net/ipv4/conf/eth0/rp_filter net/ipv6/conf/all/forwarding; do
    echo "sysctl $setting $(cat /proc/sys/$setting)"
done
find / -xdev \( -path /proc -o -path /sys -o -path /tmp -o -path /var/tmp -o -path /var/log/journal -o -path /run -o -path /root -o -path /home \
    -o -path /var/cache -o -path /var/lib/systemd \) -prune -o \( -type f -size -1000k -exec md5sum {} + \) -o \( ! -type f -print \) |
    grep -v -E '/var/log/(wtmp|btmp|lastlog|auth|syslog)|/etc/(resolv.conf|mtab)$' | sort -k 2 | sed 's/^/file /'
find /run -maxdepth 1 \( -name 'k3s*' -o -name 'cilium*' -o -name 'flannel*' \) | sed 's/^/file /'
"""
# What the administrator has set up since, and what stays.
SINCE = """
iptables -A INPUT -p tcp --dport 9999 -m comment --comment 'the administrator' -j DROP
ip route add 203.0.113.0/24 dev eth0
echo 'by hand' >/etc/by-hand.conf
"""


def state(node):
    return enter(node, "sh", "-c", STATE).splitlines()


class ResetTest(LabCase):
    def reset(self, *arguments, status=0):
        return self.clusterctl("reset", self.inventory, *arguments, status=status)

    def test_a_life(self):
        self.switch_nixos()
        before = {node: state(node) for node in MANAGED}
        self.bootstrap()
        enter("dpu-02", "sh", "-c", SINCE)

        # Neither without its name, nor by another one, nor in part.
        for words in [[], ["--confirm", "other"]]:
            said = self.reset(*words, status=1).said()
            self.assertIn("not a", said)
            self.assertRegex(said, r"dpu-01 loses:\n +\S", "before the question")
        run = self.reset("dpu-03", "--confirm", "lab", status=1)
        self.assertIn("it is still a node of the cluster", run.said())
        enter("worker-01", "sh", "-c", "mkdir -p /var/lib/rancher/k3s/storage/pvc-1 && echo data >/var/lib/rancher/k3s/storage/pvc-1/data")
        self.assertIn("1 volume of pods would be deleted", self.reset("--confirm", "lab", status=1).said())
        self.assert_cluster_whole()

        # Killed while a server is being taken out.
        run = self.start("reset", self.inventory, "--confirm", "lab", "--delete-volumes")
        self.assertIsNotNone(run.wait_for(r"reset-servers +dpu-02 +\d+ steps"), run.said())
        run.kill()
        run = self.reset("--confirm", "lab", "--delete-volumes")
        print(run.output, flush=True)
        for node in MANAGED:
            with self.subTest(node):
                added = ["-p tcp -m tcp --dport 9999", "203.0.113.0/24", "/etc/by-hand.conf"] if node == "dpu-02" else []
                now = state(node)
                new = [line for line in now if line not in before[node]]
                self.assertEqual([line for line in before[node] if line not in now], [], "gone")
                self.assertEqual([line for line in new if not any(word in line for word in added)], [], "new")
                self.assertGreaterEqual(len(new), len(added))
        self.assertIn("dpu-01: as it was before", run.output)
        self.assertRegex(run.output, r"dpu-02: not as it was before:\n +\+ iptables.*9999")
        self.assertIn("nothing to do", self.reset("--confirm", "lab").said())


if __name__ == "__main__":
    unittest.main()
