# resolver ADDRESS...: who finds names for programs of this machine, in one word.
#
#   resolved           systemd-resolved, by DNS servers of links
#   resolved-global    systemd-resolved, by DNS servers that are the whole machine's; other than the ADDRESSes, the cluster's
#   dnsmasq            dnsmasq, started by NetworkManager
#   networkmanager     the C library, by the list that NetworkManager writes
#   other              the C library, by a list of somebody else's
root=${CLUSTERCTL_ROOT:-}

uses_resolved() {
    systemctl -q is-active systemd-resolved.service || return
    grep -Eq '^nameserver[[:space:]]+127\.0\.0\.5[34]' "$root/etc/resolv.conf" ||
        grep -Eq '^hosts:[^#]*[[:space:]]resolve([[:space:]]|$)' "$root/etc/nsswitch.conf"
} 2>/dev/null

if uses_resolved; then
    # Servers that an earlier run wrote are the cluster's, too, though they may have left it since.
    own="$* $(sed -n 's/^DNS=//p' "$root/etc/systemd/resolved.conf.d/clusterctl.conf" 2>/dev/null)"
    servers=$(COLUMNS=9999 resolvectl dns 2>/dev/null)
    global=$(echo "$servers" | awk -v own=" $own " '$1 == "Global:" {
        for (i = 2; i <= NF; i++) if (!index(own, " " $i " ")) print $i }')
    if [ -z "$global" ] && echo "$servers" | grep -q '^Link .*): *[0-9A-Fa-f:]'; then
        echo resolved
    else
        echo resolved-global
    fi
elif systemctl -q is-active NetworkManager.service 2>/dev/null; then
    name=org.freedesktop.NetworkManager
    case $(busctl get-property "$name" /org/freedesktop/NetworkManager/DnsManager "$name.DnsManager" Mode 2>/dev/null) in
        *dnsmasq*) echo dnsmasq ;;
        *) echo networkmanager ;;
    esac
else
    echo other
fi
