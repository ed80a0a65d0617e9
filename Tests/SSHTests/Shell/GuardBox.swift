import Foundation

@testable import SSH

/// The guard in a network of its own with real rules, links and routes, and with a systemctl made of files.
enum GuardBox {
    static let templates: String = {
        var url = URL(fileURLWithPath: #filePath).resolvingSymlinksInPath()
        for _ in 0..<4 { url.deleteLastPathComponent() }
        return url.appendingPathComponent("templates/guard").path
    }()

    static let canRun: Bool = {
        let needed = [
            "/usr/bin/unshare", "/usr/sbin/iptables-nft", "/usr/sbin/iptables-legacy", "/usr/sbin/nft", "/usr/sbin/ip",
        ]
        return TestShell.canRun && needed.allSatisfy(FileManager.default.isExecutableFile)
            && FileManager.default.fileExists(atPath: "\(templates)/guard.sh")
    }()

    /// What a scenario complained of: a line each, none when all went well.
    static func complaints(_ shell: TestShell, _ scenario: String) throws -> [String] {
        let box = try ShellBox(shell)
        let names = "SH='\(shell.command.joined(separator: " "))' GUARD='\(templates)'"
        let text = [names, setup, scenario, "echo finished", ""].joined(separator: "\n")
        let unshare = ["/usr/bin/unshare", "--net", "--mount", "--pid", "--fork", "--mount-proc", "/bin/sh", "-s"]
        let result = try box.run(text, in: unshare)
        var lines = String(decoding: result.output, as: UTF8.self).split(separator: "\n").map(String.init)
        guard lines.popLast() == "finished" else { return lines + ["did not finish: \(result.error.suffix(2000))"] }
        return lines
    }

    /// Real state before, the functions that damage it, and the questions that compare it.
    static let setup = #"""
        box=$BOX
        mount -t tmpfs tmpfs /var/lib
        mount -t sysfs sysfs /sys
        mkdir -p /var/lib/clusterctl "$box/run" "$box/state/guard" "$box/state/units" "$box/units" "$box/etc"
        export CLUSTERCTL_RUN="$box/run" CLUSTERCTL_WAIT=0 SH
        exec 2>"$box/noise"
        cp "$GUARD/guard.sh" "$box/state/guard/"
        cat >"$box/bin/systemctl" <<'STUB'
        #!/bin/sh
        # systemctl over files: $BOX/units/UNIT.enabled, UNIT.active, which holds the invocation, and UNIT.changed.
        verb=$1
        shift
        [ ! -f "$BOX/fail-$verb" ] || exit 1
        now=''
        while :; do
            case ${1:-} in
                -p) properties="${properties-} $2"; shift 2 ;;
                -s) shift 2 ;;
                --now) now=yes && shift ;;
                -*) shift ;;
                *) break ;;
            esac
        done
        unit=$BOX/units/${1:-}
        case $verb in
            show)
                for property in $properties; do
                    case $property in
                        UnitFileState) if [ -f "$unit.enabled" ]; then value=enabled; else value=disabled; fi ;;
                        ActiveState) if [ -f "$unit.active" ]; then value=active; else value=inactive; fi ;;
                        InvocationID) value=$(cat "$unit.active") ;;
                        StateChangeTimestampMonotonic) value=$(cat "$unit.changed") ;;
                    esac
                    echo "$property=$value"
                done
                ;;
            is-enabled) [ -f "$unit.enabled" ] ;;
            is-active) [ -f "$unit.active" ] ;;
            enable)
                : >"$unit.enabled"
                if [ -n "$now" ]; then echo "$1" >>"$BOX/started" && date >"$unit.active"; fi
                ;;
            disable)
                rm -f "$unit.enabled"
                if [ -n "$now" ]; then rm -f "$unit.active"; fi
                ;;
            start | restart) cat /proc/sys/kernel/random/uuid >"$unit.active" ;;
            stop | kill) rm -f "$unit.active" ;;
            reload | reload-or-restart)
                echo "$verb $1 with $(iptables-nft -S INPUT | grep -c 'dport 22 -j ACCEPT')" >>"$BOX/reloads"
                date +%N >"$unit.changed"
                ;;
        esac
        STUB
        printf '#!/bin/sh\necho "port 22"\necho "port 2222"\n' >"$box/bin/sshd"
        printf '#!/bin/sh\n' >"$box/bin/logger"
        printf '#!/bin/sh\nexec $SH "$BOX/state/guard/guard.sh" "$@"\n' >"$box/bin/guard.sh"
        for program in ip iptables-nft-save; do # of which each rung runs one
            printf '#!/bin/sh\n[ ! -f "$BOX/when" ] || . "$BOX/when"\nexec /usr/sbin/%s "$@"\n' $program >"$box/bin/$program"
        done
        chmod +x "$box"/bin/*

        when() { # when PATTERN COMMAND: once, in the middle of the rung with which the guard's log ends
            echo "if tail -n 1 '$box/state/guard/log' | grep -q -e '$1' && mv '$box/when' '$box/answer'; then
                $2
            fi" >"$box/when"
        }
        fire_to_be_killed() { sh -c "echo \$\$ >'$box/pid'; exec $SH $box/state/guard/guard.sh fire"; }
        logged() { grep -q -e "$1" "$box/state/guard/log"; }
        logs() { grep -c -e "$1" "$box/state/guard/log"; }
        guard() { $SH "$box/state/guard/guard.sh" "$@" 2>"$box/words"; }
        expect() { # expect WORDS COMMAND...
            words=$1
            shift
            "$@" >"$box/said" 2>&1 || echo "$words: $(tail -n 3 "$box/said" "$box/words" | tr '\n' ' ')"
        }
        status() { # status NUMBER COMMAND...
            right=$1
            shift
            "$@"
            [ $? -eq "$right" ]
        }
        says() { case $(guard state) in $1) true ;; *) guard state; false ;; esac }
        same_facts() { facts >"$box/now" && diff "$box/before" "$box/now"; }

        ip link set lo up
        ip link add up0 type veth peer name up1
        ip link set up0 up
        ip link set up1 up
        ip addr add 10.9.0.1/24 dev up0
        ip -6 addr add fd09::1/64 dev up0 nodad
        ip route add default via 10.9.0.2
        ip route add 10.50.0.0/16 nexthop via 10.9.0.3 nexthop via 10.9.0.4
        ip route add 10.2.0.0/16 via 10.9.0.2 table 77
        ip -6 route add fd0a::/48 via fd09::2
        ip rule add pref 500 from 10.1.0.0/16 lookup 77
        iptables-nft -A INPUT -p tcp --dport 22 -j ACCEPT
        iptables-nft -N MINE
        iptables-nft -A MINE -m comment --comment "a b 'c'" -j DROP
        iptables-nft -A FORWARD -j MINE
        iptables-nft -t nat -A POSTROUTING -s 10.0.0.0/8 -j MASQUERADE
        iptables-legacy -A INPUT -p udp --dport 53 -j ACCEPT
        ip6tables-nft -P FORWARD DROP
        nft add table inet own
        nft add chain inet own in '{ type filter hook input priority 0; policy accept; }'
        nft add rule inet own in tcp dport 23 drop
        echo old >"$box/etc/config"
        chmod 640 "$box/etc/config"
        ln -s old-target "$box/etc/link"
        mkdir -m 700 "$box/etc/dir"
        systemctl start other.service
        systemctl enable other.service
        systemctl start third.service
        systemctl enable third.service
        echo stamp >"$box/state/units/other.service"

        rules() { # without comments, counters and tables that do nothing
            "$1-save" | awk '/^#/ { next } { sub(/ \[[0-9:]*\]/, "") }
                /^\*/ { text = $0; busy = 0; next }
                /^COMMIT/ { if (busy) print text; next }
                { text = text "\n" $0; if (!/^:[A-Z]* ACCEPT/) busy = 1 }'
        }
        facts() {
            for back in iptables-nft ip6tables-nft iptables-legacy ip6tables-legacy; do
                echo "# $back"
                rules "$back"
            done
            echo '# nft' && nft list tables | sort && nft list table inet own
            echo '# ip' && ip rule && ip -6 rule && ip -4 route show table all && ip -o link | cut -d : -f 2
            ip -6 route show table all | grep -v -e '^local' -e '^anycast' -e '^multicast' -e '^fe80'
            tc qdisc show dev up0
            cat /proc/sys/net/ipv4/ip_forward /proc/sys/net/ipv4/conf/*/rp_filter /proc/sys/net/ipv6/conf/*/forwarding
            echo '# files' && cd "$box/etc" && find . | grep -v clusterctl- | sort && cat config && readlink link
            ls -ldn config link dir | cut -c 1-10 && cat "$box"/state/units/*
            for unit in k3s.service other.service third.service new.service; do
                echo "$unit $(systemctl show -p UnitFileState $unit) $(systemctl show -p ActiveState $unit)"
            done
        }
        what() {
            cat <<WHAT
        path $box/etc/config
        path $box/etc/link
        path $box/etc/dir
        path $box/etc/newdir
        path $box/etc/newdir/file
        path $box/etc/it's \$(new)
        unit new.service
        unit other.service
        unit third.service
        undo
        echo undone >>'$box/undone'
        WHAT
        }
        arm() { what | guard arm "$@"; }
        damage() {
            iptables-nft -F INPUT
            iptables-nft -P INPUT DROP
            iptables-nft -N CILIUM_INPUT
            iptables-nft -I INPUT -m comment --comment 'cilium-feeder: CILIUM_INPUT' -j CILIUM_INPUT
            iptables-nft -t raw -N CILIUM_PRE_raw
            iptables-nft -t raw -A PREROUTING -j CILIUM_PRE_raw
            ip6tables-nft -t mangle -N CILIUM_PRE_mangle
            ip6tables-nft -P INPUT DROP
            iptables-legacy -P INPUT DROP
            iptables-legacy -t mangle -N CILIUM_PRE_mangle
            ip6tables-legacy -A INPUT -j DROP
            nft insert rule inet own in drop
            nft add table ip6 fresh
            ip link add cilium_host type veth peer name cilium_net
            ip link set cilium_host up
            ip link add lxc123 type veth peer name lxc_health
            ip rule add pref 9 fwmark 0x200/0xf00 lookup 2004
            ip -6 rule add pref 9 fwmark 0x200/0xf00 lookup 2004
            ip rule add pref 100 lookup local
            ip rule del pref 500
            ip route add local 0.0.0.0/0 dev lo table 2004
            ip route del default
            ip route del 10.50.0.0/16
            ip route add 10.3.0.0/16 via 10.9.0.7 proto kernel
            tc qdisc add dev up0 clsact
            echo 1 >/proc/sys/net/ipv4/ip_forward
            echo 2 >/proc/sys/net/ipv4/conf/all/rp_filter
            echo 1 >/proc/sys/net/ipv6/conf/all/forwarding
            echo new >"$box/etc/config"
            chmod 600 "$box/etc/config"
            ln -sfn new-target "$box/etc/link"
            rmdir "$box/etc/dir"
            mkdir "$box/etc/newdir"
            echo x >"$box/etc/newdir/file"
            echo y >"$box/etc/newdir/other"
            echo z >"$box/etc/it's \$(new)"
            systemctl enable new.service
            systemctl start new.service
            systemctl enable k3s.service
            systemctl start k3s.service
            systemctl restart other.service
            cp "$box/units/other.service.active" "$box/other"
            systemctl disable third.service
            systemctl stop third.service
            echo stamp2 >"$box/state/units/other.service"
            mkdir -p /var/lib/rancher/k3s/server/db/etcd
        }
        late() { echo 0 >"$box/state/guard/armed/deadline"; }
        facts >"$box/before"
        """#
}
