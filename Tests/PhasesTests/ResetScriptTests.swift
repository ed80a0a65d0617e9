import Foundation
import Testing

@testable import Rendering

private let canUnshare = geteuid() == 0 && FileManager.default.isExecutableFile(atPath: "/usr/bin/unshare")

/// The program of a reset on a machine with real firewalls, routes and links, in namespaces of its own, whose `/etc` and
/// `/opt` are copies, and whose `/var/lib` and `/run` are empty. Its systemctl is a stand-in.
@Suite(.enabled(if: canUnshare, "needs root and unshare"))
@ShellThread struct ResetScriptTests {
    private static let machine = """
        guard=$1 program=$2 left=$3
        ip() { /usr/sbin/ip "$@"; } # busybox prefers its own
        diff() { /usr/bin/diff "$@"; }
        mount -t tmpfs tmpfs /var/lib && mount -t tmpfs tmpfs /var/log && mount -t tmpfs tmpfs /run && mkdir /run/etc /run/local &&
            cp -a /etc/. /run/etc && mount --bind /run/etc /etc && mount --bind /run/local /usr/local &&
            mount -t tmpfs tmpfs /opt && mount -t tmpfs tmpfs /sys/fs/bpf || exit
        mkdir -p /var/lib/clusterctl/guard /opt/cni/bin /usr/local/bin /usr/local/lib /etc/haproxy
        cp "$guard" /var/lib/clusterctl/guard/guard.sh
        cp "$program" /var/lib/clusterctl/guard/reset.sh
        cp "$left" /run/left.sh
        ip link set lo up
        ip link add eth7 type veth peer name far7 && ip addr add 192.0.2.7/24 dev eth7 && ip link set far7 up && ip link set eth7 up
        reset() { sh /var/lib/clusterctl/guard/reset.sh "$@"; }
        left() { sh /run/left.sh "$@"; }
        paths='/etc/rancher/k3s/config.yaml /etc/sysctl.d/90-clusterctl.conf /usr/local/bin/k3s /etc/haproxy/haproxy.cfg
            /etc/systemd/system/k3s.service /var/lib/clusterctl/guard/guard.sh /etc/systemd/system/clusterctl-guard.timer'
        runs() { # what K3s, Cilium and clusterctl leave on a machine
            mkdir -p /etc/rancher/k3s /etc/rancher/node /var/lib/rancher/k3s/server/db /var/lib/kubelet/pods/a/b /run/k3s/containerd \\
                /etc/cni/net.d /opt/cni/bin /usr/local/lib/clusterctl/k3s/v1 /etc/haproxy /etc/sysctl.d /run/cilium/cgroupv2
            echo '# Written by clusterctl. x' | tee /etc/rancher/k3s/config.yaml /etc/sysctl.d/90-clusterctl.conf \\
                /etc/haproxy/haproxy.cfg /etc/systemd/system/k3s.service >/etc/systemd/system/clusterctl-guard.timer
            echo x | tee /etc/rancher/node/password /opt/cni/bin/cilium-cni /opt/cni/bin/loopback \\
                /etc/cni/net.d/05-cilium.conflist /usr/local/lib/clusterctl/k3s/v1/k3s >/var/lib/rancher/k3s/server/db/data
            ln -sf /usr/local/lib/clusterctl/k3s/v1/k3s /usr/local/bin/k3s
            for firewall in iptables-nft iptables-legacy ip6tables-nft ip6tables-legacy; do
                $firewall -w 5 -N KUBE-FIREWALL && $firewall -A INPUT -j KUBE-FIREWALL && $firewall -N CILIUM_INPUT &&
                    $firewall -I INPUT 1 -m comment --comment 'cilium-feeder: CILIUM_INPUT' -j CILIUM_INPUT &&
                    $firewall -A CILIUM_INPUT -p tcp --dport 4240 -j ACCEPT && $firewall -A KUBE-FIREWALL -j CILIUM_INPUT &&
                    $firewall -t nat -N KUBE-SVC-ABC && $firewall -t nat -A OUTPUT -p tcp -j KUBE-SVC-ABC
            done
            ip link add cilium_host type veth peer name cilium_net && ip link add lxc0123456789ab type veth peer name pod1
            ip rule add pref 9 fwmark 0x200/0xf00 lookup 2004 && ip route add local default dev lo table 2004
            ip rule add pref 100 from all lookup local && ip rule del pref 0
            ip addr add 192.0.2.100/32 dev eth7
            mount -t tmpfs tmpfs /run/cilium/cgroupv2 && mount -t tmpfs tmpfs '/var/lib/kubelet/pods/a/b'
            mkdir -p /sys/fs/bpf/cilium
            echo 1 >/proc/sys/net/ipv4/ip_forward
        }
        state() {
            for firewall in iptables-nft iptables-legacy ip6tables-nft ip6tables-legacy; do
                "$firewall-save" 2>/dev/null | awk -v of=$firewall '
                    /^\\*/ { t = $0 } /^:/ && $2 != "ACCEPT" || /^-A/ { sub(/ \\[.*/, ""); print of, t, $0 }'
            done
            nft list tables | grep -v -E 'table ip6? (filter|nat|mangle|raw)$'
            ip rule; ip -6 rule; ip route show table all | grep -v 'table local'; ip -o link | sed 's/^[0-9]*: //'; ip -o -4 addr | sed 's/^[0-9]*: //'
            awk '{ print $2 }' /proc/mounts; cat /proc/sys/net/ipv4/ip_forward
            find /etc/rancher /etc/cni /etc/systemd/system /etc/sysctl.d /etc/haproxy /opt /usr/local /var/lib /run/k3s /run/cilium \\
                2>/dev/null |
                grep -v /var/lib/clusterctl | sort
        }
        as_before() { state | diff /run/before - | grep '^[<>]'; }

        """

    /// What happens on the machine; nothing is printed where all is as it should be.
    nonisolated private static let stories = [
        "everything goes": """
            iptables-legacy -N MINE; iptables-legacy -A INPUT -j MINE; ip6tables-nft -A OUTPUT -p tcp --dport 9 -j DROP
            state >/run/before
            reset baseline && reset baseline && runs
            ! left running >/run/said || echo 'nothing is left running'
            ! reset delete $paths 2>/run/said && grep -q 'it still runs here' /run/said || echo 'deleted while it runs'
            [ -e /etc/rancher/node/password ] || echo 'deleted while it runs'
            ip rule | grep -q '^0:' && echo 'the rule for local addresses is in its place too early'
            reset stop 192.0.2.100 && left running && reset stop 192.0.2.100 || echo 'not stopped'
            ! left all $paths >/run/said || echo 'nothing is left'
            reset delete $paths && left all $paths || echo 'not deleted'
            as_before
            cat /run/clusterctl/was-reset
            [ ! -e /var/lib/clusterctl ] || echo 'clusterctl is left'
            """,
        "what others have stays": """
            mkdir -p /var/lib/rancher/k3s/agent/images /opt/cni/bin /etc/haproxy /run/disk /var/lib/kubelet
            echo mine | tee /var/lib/rancher/k3s/agent/images/mine.tar /opt/cni/bin/loopback >/etc/haproxy/haproxy.cfg
            mount -t tmpfs tmpfs /var/lib/kubelet
            mkdir -p /run/disk/images && echo keep >/run/disk/images/keep
            mount --bind /run/disk/images /var/lib/rancher/k3s/agent/images
            iptables-nft -N CNI-FORWARD && iptables-nft -A FORWARD -j CNI-FORWARD && iptables-nft -N KUBE-BEFORE
            iptables-nft -A INPUT -s 192.0.2.9 -m comment --comment 'see -j KUBE-FIREWALL ok' -j DROP
            echo 'haproxy.service enabled active' >/run/units
            state >/run/before
            reset baseline
            mkdir -p /var/lib/clusterctl/keepalived/earlier && cp /etc/haproxy/haproxy.cfg /var/lib/clusterctl/keepalived/earlier
            runs
            echo mine >/opt/cni/bin/mine && echo 'mine.service' >/etc/systemd/system/mine.service
            iptables-nft -A FORWARD -s 198.51.100.0/24 -j DROP && ip route add 203.0.113.0/24 dev eth7
            reset stop && reset delete $paths || echo 'not done'
            as_before >/run/differs
            printf '%s\\n' '> /etc/systemd/system/mine.service' '> /opt/cni/bin/mine' '> 203.0.113.0/24 dev eth7 scope link ' \\
                '> iptables-nft *filter -A FORWARD -s 198.51.100.0/24 -j DROP' '> 1: eth7    inet 192.0.2.100/32 scope global eth7' |
                sed 's/1: //' | sort >/run/wanted
            sed 's/\\\\ *valid_lft.*//' /run/differs | sort | sed 's/ *$//' >/run/found
            sed -i 's/ *$//' /run/wanted; diff /run/wanted /run/found
            left all $paths || echo 'a second reset would find something'
            [ "$(cat /run/disk/images/keep)" = keep ] || echo 'deleted through a mount'
            [ "$(cat /etc/haproxy/haproxy.cfg)" = mine ] || echo 'the earlier configuration is not back'
            grep -qx 'restart haproxy.service' /run/units.calls || echo 'the earlier service does not run'
            ! grep -q 'disable --quiet haproxy' /run/units.calls || echo 'the earlier service is disabled'
            sort /run/clusterctl/was-reset >/run/told
            printf '%s\\n' '+ iptables-nft: filter FORWARD 000002 -A FORWARD -s 198.51.100.0/24 -j DROP' '+ routes-4: 203.0.113.0/24 dev eth7 scope link' \\
                '+ there: /opt/cni/bin/mine' | diff - /run/told
            """,
        "a deletion that was cut": """
            state >/run/before
            reset baseline && runs && reset stop 192.0.2.100 || echo 'not stopped'
            mkdir -p /var/lib/clusterctl/keepalived/earlier && echo mine >/var/lib/clusterctl/keepalived/earlier/haproxy.cfg
            # As if it had been ended while the data were being deleted.
            echo haproxy.service >/var/lib/clusterctl/concerned && : >/var/lib/clusterctl/deleting
            cp /var/lib/clusterctl/keepalived/earlier/haproxy.cfg /etc/haproxy/haproxy.cfg && rm /etc/rancher/k3s/config.yaml
            reset delete $paths && left all $paths || echo 'not done'
            grep -qE '^(stop|disable.*) haproxy.service' /run/units.calls || echo 'haproxy is forgotten'
            [ "$(cat /etc/haproxy/haproxy.cfg)" = mine ] || echo 'the earlier configuration is lost'
            rm /etc/haproxy/haproxy.cfg
            as_before
            """,
        "settings of others": """
            reset baseline && runs
            echo 'net.ipv4.ip_forward = 1' >/etc/sysctl.d/99-router.conf
            reset stop && [ "$(cat /proc/sys/net/ipv4/ip_forward)" = 1 ] || echo 'an administrator does not route any more'
            """,
        "nobody knows how it was": """
            mkdir -p /etc/systemd/resolved.conf.d && echo '# Written by clusterctl.' >/etc/systemd/resolved.conf.d/clusterctl.conf
            paths="$paths /etc/systemd/resolved.conf.d/clusterctl.conf"
            runs
            reset baseline
            rm -f /opt/cni/bin/loopback
            iptables-nft -A FORWARD -s 198.51.100.0/24 -j DROP
            reset stop 192.0.2.100 && reset delete $paths && left all $paths || echo 'not done'
            iptables-nft-save | grep -q '^-A FORWARD -s 198.51.100.0/24 -j DROP' || echo 'a rule of others is gone'
            iptables-nft-save | grep -E 'KUBE|CILIUM'
            [ "$(cat /run/clusterctl/was-reset)" = 'how the node was before is not known: nobody kept it' ] || cat /run/clusterctl/was-reset
            [ ! -e /var/lib/rancher ] && [ ! -e /etc/rancher ] || echo 'something is left'
            grep -qx 'restart systemd-resolved.service' /run/units.calls && ! grep -E '(stop|disable).*resolved' /run/units.calls ||
                echo 'the resolver is switched off'
            """,
        "what cannot be taken out is named": """
            reset baseline && runs
            exec 9>'/var/lib/kubelet/pods/a/b/busy'
            ! reset stop 2>/run/said 9>&- || echo 'done'
            grep -q 'mounted: /var/lib/kubelet/pods/a/b' /run/said || cat /run/said
            ! reset delete $paths 2>/run/said 9>&- || echo 'deleted'
            [ -e /var/lib/kubelet/pods/a/b/busy ] && [ -e /etc/rancher/node/password ] || echo 'deleted'
            exec 9>&-
            reset stop && reset delete $paths || echo 'not done'
            """,
        "a node that was never used": """
            rm -rf /var/lib/clusterctl
            left all $paths || echo 'something is left'
            mkdir -p /etc/rancher/k3s && echo x >/etc/rancher/k3s/config.yaml
            ! left all $paths >/run/said || echo 'nothing is left'
            """,
    ]

    nonisolated private static let shells = ["dash", "bash", "busybox"].map { "/usr/bin/\($0)" }.filter {
        FileManager.default.isExecutableFile(atPath: $0)
    }

    @Test(arguments: stories.keys.sorted(), shells) func theMachineIsAsItWas(_ story: String, _ shell: String) throws {
        let stage = try Stage()
        try stage.command(
            "systemctl",
            """
            [ -e /run/etc ] && echo "$*" >>/run/units.calls
            case "$*" in
                *'UnitFileState -- '*) sed -n "s/^$5 \\([^ ]*\\) .*/UnitFileState=\\1/p" /run/units 2>/dev/null ;;
                *'ActiveState -- '*) sed -n "s/^$5 [^ ]* \\(.*\\)/ActiveState=\\1/p" /run/units 2>/dev/null ;;
            esac
            exit 0
            """)
        for (template, name) in [(Template.reset.source, "reset.sh"), (Template.left.source, "left.sh")] {
            try stage.write(template, to: name)
        }
        try stage.write(String(decoding: PackageResources.guard_sh, as: UTF8.self), to: "guard.sh")
        try FileManager.default.createSymbolicLink(
            atPath: stage.commands.appending(path: "sh").path, withDestinationPath: shell)
        // Threads of the tests block signals, and a shell that inherits that never hears of a child's end; bash lifts it.
        let unshare = #"exec unshare --net --mount --pid --fork --mount-proc sh -c "$@""#
        let text = Self.machine + (Self.stories[story] ?? "echo 'no such story'")
        let result = try Shell.run(
            ["bash", "-c", unshare, "bash", text, "machine"]
                + ["guard.sh", "reset.sh", "left.sh"].map { stage.folder.appending(path: $0).path },
            commands: stage.commands)
        #expect(result.output.isEmpty, "\(result.output)\(result.error)")
    }
}
