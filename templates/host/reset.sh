#!/bin/sh
# reset TASK...: takes K3s and Cilium off this node, and leaves the rest of it as it was.
#
#   baseline                   keeps how the node is, once, before anything of K3s' is there
#   left running|all PATH...   names what is left, a line each, and fails where something is
#   stop ADDRESS...            takes what runs out of the system, and these addresses off its links
#   delete PATH...             deletes what was stored, and these files of clusterctl's, when nothing runs any more; then
#                              writes down in /run/clusterctl/was-reset how the node differs from what it was, and goes itself
#
# What belongs to K3s and Cilium goes, wherever it is; what somebody else has set up since stays. Only kernel settings and
# the services that clusterctl uses are led back to what they were. The guard's functions are used, so that rules, routes
# and attachments are here what they are there.
state=${CLUSTERCTL_STATE:-/var/lib/clusterctl}
told=${CLUSTERCTL_RUN:-/run}/clusterctl/was-reset
task=$1
shift

use_guard() {
    set -- lib
    . "$state/guard/guard.sh" || exit
}
use_guard
PATH=$PATH:/var/lib/rancher/k3s/data/current/bin/aux # K3s brings its own iptables where the system has none
work=$(mktemp -d "$run/clusterctl-reset.XXXXXX") || exit
trap 'rm -rf "$work"' EXIT

# ---- how the node was: a snapshot as the guard's, with mounts, units, there, and complete; late: nobody had kept it

baseline=$state/baseline
made='/etc/rancher /var/lib/rancher /var/lib/kubelet /var/lib/cni/results /var/lib/cilium /run/k3s /run/cilium
    /var/log/pods /var/log/containers /usr/local/lib/clusterctl'                        # of K3s and Cilium alone
shared='/etc/cni /opt/cni /etc/systemd/resolved.conf.d /etc/NetworkManager/dnsmasq.d'   # with others
single='/etc/cni/net.d/05-cilium.conflist /opt/cni/bin/cilium-cni /opt/cni/bin/loopback'
lent='haproxy.service keepalived.service systemd-resolved.service'                      # services of the system

is_used() { [ -d /var/lib/rancher/k3s/server ] || [ -e /etc/rancher/k3s/config.yaml ] || [ -e /sys/class/net/cilium_host ]; }
is_known() { [ -f "$baseline/complete" ] && [ ! -f "$baseline/late" ]; }
was_there() { is_known && grep -qxF -e "$2" "$baseline/$1"; } # was_there PART LINE
mounts() { # as often as something is mounted there
    awk '($3 != "nsfs" || $2 ~ "^/run/netns/cni-") && $2 !~ "^/run/(user|credentials)/" { print $2 }' /proc/mounts | sort
}
below() { # below DIRECTORY: itself and all in it, but for what is mounted there from elsewhere
    mounts | awk -v directory="$1/" 'index($0, directory) == 1' >"$work/mounted"
    find "$1" -xdev | awk '
        FILENAME == ARGV[1] { mounted[++count] = $0; next }
        { for (i = 1; i <= count; i++) if ($0 == mounted[i] || index($0, mounted[i] "/") == 1) next; print }
    ' "$work/mounted" -
}
there() { # everything below the directories that K3s and Cilium use
    for directory in $made $shared; do [ ! -d "$directory" ] || below "$directory"; done | sort
}
baseline() {
    [ ! -f "$baseline/complete" ] || return 0
    rm -rf "$baseline" "$baseline.new"
    mkdir -p "$baseline.new" || return
    if is_used; then
        : >"$baseline.new/late"
    else
        snapshot "$baseline.new" && mounts >"$baseline.new/mounts" && there >"$baseline.new/there" || return
        for unit in $lent; do
            set -- "$unit" "$(property "$unit" UnitFileState)" "$(property "$unit" ActiveState)"
            echo "$1 ${2:-none} ${3:-none}"
        done >"$baseline.new/units"
    fi
    : >"$baseline.new/complete"
    sync
    mv "$baseline.new" "$baseline"
}

# ---- what is K3s' and Cilium's of the running system

our_attachments() { # those of Cilium by name; queues without a name where they were not there before
    attachments >"$work/attached-now"
    grep -E 'cil_|cilium|^pins ' "$work/attached-now"
    ! is_known || only_in_first "$work/attached-now" "$baseline/attachments" | grep -E ' (clsact|ingress|xdp)$'
}
our_chains() { # our_chains FIREWALL: "TABLE CHAIN"; what was there before is somebody else's
    "$1-save" 2>/dev/null | awk '/^\*/ { table = substr($0, 2) }
        /^:(KUBE-|CILIUM_|OLD_CILIUM_)/ { print table, substr($1, 2) }' | sort >"$work/chains"
    if is_known && [ -f "$baseline/$1" ]; then
        awk '/^\*/ { table = substr($0, 2) } /^:/ { print table, substr($1, 2) }' "$baseline/$1" | sort |
            comm -23 "$work/chains" -
    else
        cat "$work/chains"
    fi
}
our_tables() { ! has nft || nft list tables 2>/dev/null | sed -n 's/^table \(.* kube-proxy\)$/\1/p'; }
our_links() {
    links | grep -E '^(cilium_|lxc[0-9a-f]{8,}$|lxc_health$|kube-ipvs0$)' | while read -r link; do
        was_there links "$link" || echo "$link"
    done
}
our_rules() { # our_rules 4|6: Cilium has the rule for local addresses at 100 instead of 0
    ip "-$1" rule show 2>/dev/null | sed 's/[[:space:]]*$//' | while IFS= read -r rule; do
        case $rule in *'lookup 2004'* | *'lookup 2005'* | 100:*'lookup local'*) ;; *) continue ;; esac
        was_there "rules-$1" "$rule" || printf '%s\n' "$rule"
    done
}
our_mounts() { # the innermost first; a disk that somebody gave them is not theirs
    mounts | grep -E '^(/var)?/run/(k3s|cilium)/|^/var/lib/(rancher|kubelet)(/|$)|^/run/netns/cni-' | sort -r |
        while IFS= read -r mount; do
            was_there mounts "$mount" || grep -qsE "^[^#]*[[:space:]]${mount}[[:space:]]" /etc/fstab || printf '%s\n' "$mount"
        done
}
our_addresses() { # our_addresses ADDRESS...: "LINK ADDRESS/BITS"
    for address; do
        ip -o addr show 2>/dev/null | awk -v address="$address" '
            $4 == address "/32" || $4 == address "/128" { print $2, $4 }'
    done
}
running() { # what is left of all that
    for unit in $k3s_units "$member"; do
        ! is_up "$(property "$unit" ActiveState)" || echo "unit $unit runs"
    done
    [ -z "$(shims)" ] || echo 'containers run'
    our_attachments | sed 's/^/attached: /'
    for firewall in $(firewalls); do
        our_chains "$firewall" | awk -v firewall="$firewall" '{ count[$1]++ }
            END { for (table in count) print firewall, table ": " count[table] " chains" }'
    done
    our_tables | sed 's/^/nft table /'
    our_links | sed 's/^/link /'
    for family in 4 6; do our_rules "$family" | sed 's/^/rule /'; done
    our_mounts | sed 's/^/mounted: /'
}

# ---- taking it out; each part may run twice

drop_chains() { # drop_chains FIREWALL: in one load for each table, with the jumps to them, and nothing else
    our_chains "$1" >"$work/ours"
    for table in $(cut -d ' ' -f 1 "$work/ours" | sort -u); do
        "$1-save" -t "$table" 2>/dev/null | awk -v table="$table" '
            function target(rule, i, count, words) { # outside of quotation marks
                gsub(/\\"/, "", rule)
                gsub(/"[^"]*"/, "", rule)
                count = split(rule, words, " ")
                for (i = 1; i < count; i++) if (words[i] == "-j" || words[i] == "-g") return words[i + 1]
            }
            FILENAME == ARGV[1] { if ($1 == table) ours[$2] = 1; next }
            FNR == 1 { print "*" table; for (chain in ours) print ":" chain " - [0:0]" }
            /^-A/ && !($2 in ours) && target($0) in ours { print "-D" substr($0, 3) }
            END { for (chain in ours) print "-X " chain; print "COMMIT" }' "$work/ours" - >"$work/load"
        "$1-restore" -w 5 --noflush <"$work/load" 2>/dev/null || "$1-restore" --noflush <"$work/load"
    done
}
drop_rules() { # drop_rules 4|6: never is there no rule for local addresses
    our_rules "$1" >"$work/ours"
    while IFS= read -r rule <&3; do
        case $rule in
            100:*)
                ip "-$1" rule show | grep -q '^0:.*lookup local' || ip "-$1" rule add pref 0 from all lookup local ||
                    continue
                ;;
        esac
        # The text that ip shows is what it takes: words, on purpose not quoted.
        # shellcheck disable=SC2086
        ip "-$1" rule del pref "${rule%%:*}" ${rule#*:}
    done 3<"$work/ours"
    for table in 2004 2005; do
        ! grep -q "lookup $table" "$work/ours" || ip "-$1" route flush table "$table" 2>/dev/null
    done
}
drop_tables() { # those that were not there before, and in which nothing is any more
    has nft || return 0
    for of in ip:iptables-nft ip6:ip6tables-nft; do
        has "${of#*:}-save" || continue
        "${of#*:}-save" 2>/dev/null | awk '/^\*/ { table = substr($0, 2); used = "" }
            /^-A/ || /^:/ && $2 != "ACCEPT" { used = "yes" }
            /^COMMIT/ && used == "" { print table }' |
            while read -r table; do
                grep -qx "\*$table" "$baseline/${of#*:}" || nft delete table "${of%%:*}" "$table"
            done
    done
}
lead_settings_back() { # those that clusterctl and Cilium set, where nobody else has a file for them
    only_in_first "$baseline/sysctls" /dev/null | while read -r setting value; do
        case $setting in
            */ipv4/ip_forward | */conf/all/rp_filter | */conf/default/rp_filter | */bridge/bridge-nf-call-*) ;;
            *) continue ;;
        esac
        key=$(echo "${setting#/proc/sys/}" | tr / .)
        if only_ours_sets "$key" && [ -f "$setting" ] && [ "$(cat "$setting")" != "$value" ]; then
            echo "$value" >"$setting"
        fi
    done
}
only_ours_sets() { # only_ours_sets KEY
    ! grep -lE "^-?${1}[[:space:]]*=" /etc/sysctl.conf /etc/sysctl.d/*.conf /run/sysctl.d/*.conf /usr/lib/sysctl.d/*.conf \
        2>/dev/null | grep -qvx /etc/sysctl.d/90-clusterctl.conf
}
still_mine() { # unless the guard has begun to take it back meanwhile, as an unmount may take long
    [ -z "$nonce" ] || { [ "$(cat "$guard/armed/nonce" 2>/dev/null)" = "$nonce" ] && [ ! -f "$guard/armed/firing" ]; } || {
        echo 'the guard takes this back' >&2
        return 1
    }
}
stop() { # stop ADDRESS...
    nonce=$(cat "$guard/armed/nonce" 2>/dev/null)
    for unit in $k3s_units "$member"; do
        if is_up "$(property "$unit" ActiveState)"; then stop_unit "$unit"; fi
    done
    kill_containers
    # The guard takes off what is there and not in this list: what is ours.
    our_attachments >"$work/ours"
    attachments >"$work/attached-now"
    armed=$work/without
    mkdir -p "$armed"
    only_in_first "$work/attached-now" "$work/ours" >"$armed/attachments"
    detach
    for firewall in $(firewalls); do drop_chains "$firewall"; done
    our_tables | while read -r family name; do nft delete table "$family" "$name"; done
    our_links | while read -r link; do ip link del "$link" 2>/dev/null; done # one end of a pair takes the other along
    for family in 4 6; do drop_rules "$family"; done
    still_mine || return
    our_mounts | while IFS= read -r mount; do
        mount=$(printf '%b' "$mount") # as \040 for a space
        bounded 20 umount -- "$mount" || { sleep 1 && bounded 20 umount -- "$mount"; }
    done
    still_mine || return
    our_addresses "$@" | while read -r link address; do ip addr del "$address" dev "$link"; done
    if is_known; then
        drop_tables
        lead_settings_back
    fi
    running >"$work/left"
    [ -s "$work/left" ] || return 0
    { echo 'not all of it could be taken out:' && cat "$work/left"; } >&2
    return 1
}

# ---- what was stored

is_ours() { # of a file that the plan names: what somebody else has put in its place stays
    case $1 in
        "$state"/* | */clusterctl*) return ;;
        /usr/local/bin/k3s)
            case $(readlink "$1") in /usr/local/lib/clusterctl/*) return ;; esac
            ;;
    esac
    head -n 3 "$1" 2>/dev/null | grep -q 'Written by clusterctl'
}
named() { # named PATH...: those that are there and ours, but for the guard, which is the last to go
    for path; do
        case $path in "$state"/* | /etc/systemd/system/clusterctl-guard.*) continue ;; esac
        if is_there "$path" && is_ours "$path"; then echo "$path"; fi
    done
}
whole() { # directories that were not there before, and in which nothing is mounted that is not ours
    for directory in $made; do
        if [ ! -d "$directory" ] || was_there there "$directory" || mounts | grep -q "^$directory\(/\|$\)"; then continue; fi
        echo "$directory"
    done
}
pieces() { # of the others: what was not there before
    whole >"$work/whole"
    for directory in $made; do
        if [ -d "$directory" ] && ! grep -qxF "$directory" "$work/whole"; then below "$directory"; fi
    done | sort >"$work/pieces"
    for path in $single; do
        if is_there "$path"; then
            case $path in */loopback) ! is_known || echo "$path" ;; *) echo "$path" ;; esac
        fi
    done >>"$work/pieces"
    if is_known; then only_in_first "$work/pieces" "$baseline/there"; else cat "$work/pieces"; fi
}
stored() { # stored PATH...: all of it
    named "$@"
    whole
    mounts >"$work/mounts-now"
    pieces | awk ' # not the folders that lead to somebody else'"'"'s disk
        FILENAME == ARGV[1] { at = $0; while (at != "") { leads[at] = 1; sub(/\/[^\/]*$/, "", at) } next }
        !($0 in leads)' "$work/mounts-now" -
}
give_way() { # give_way PATH: goes, or a configuration that was made by hand and gave way takes its place, the newest one
    earlier='' number=''
    while [ -f "$state/keepalived/earlier/${1##*/}$number" ]; do
        earlier=$state/keepalived/earlier/${1##*/}$number
        case $number in '') number=.2 ;; *) number=.$((${number#.} + 1)) ;; esac
    done
    case $1 in /etc/haproxy/* | /etc/keepalived/*) ;; *) earlier='' ;; esac
    if [ -n "$earlier" ]; then
        cp -pP "$earlier" "$1.clusterctl-back" && mv -f "$1.clusterctl-back" "$1"
    else
        rm -f "$1"
    fi
}
delete_named() { # notes in $state/concerned whose files they were: whoever goes on after a cut knows it, too
    named "$@" >"$work/named"
    while IFS= read -r path <&3; do
        case $path in
            /etc/haproxy/*) echo haproxy.service ;;
            /etc/keepalived/*) echo keepalived.service ;;
            /etc/systemd/resolved.conf.d/*) echo systemd-resolved.service ;;
            /etc/NetworkManager/*) echo NetworkManager.service ;;
        esac >>"$state/concerned"
        case $path in /etc/systemd/system/*) systemctl disable --quiet "${path##*/}" 2>/dev/null ;; esac
        give_way "$path" || return
    done 3<"$work/named"
    for directory in $shared; do was_there there "$directory" || rmdir "$directory" 2>/dev/null; done
    return 0
}
lead_back() { # services of the system whose files went, to what they were
    for unit in $lent; do
        grep -qsx "$unit" "$state/concerned" || continue
        if ! is_known; then # it may have been somebody else's before
            case $unit in
                systemd-resolved.service) systemctl restart "$unit" ;;
                *)
                    if ls "/etc/${unit%.service}/${unit%.service}".c* >/dev/null 2>&1; then
                        systemctl try-restart "$unit"
                    else
                        systemctl disable --quiet --now "$unit"
                    fi
                    ;;
            esac
            continue
        fi
        read -r _ enabled active <<END
$(grep "^$unit " "$baseline/units")
END
        is_enabled "$enabled" || systemctl disable --quiet "$unit"
        if is_up "$active"; then systemctl restart "$unit"; else systemctl stop "$unit"; fi
    done
    ! grep -qsx NetworkManager.service "$state/concerned" || nmcli general reload dns-full
}
delete() { # delete PATH...
    running >"$work/left"
    if [ -s "$work/left" ]; then
        { echo 'it still runs here:' && cat "$work/left"; } >&2
        return 1
    fi
    : >"$state/deleting" # from here on what is left is ours, though what says so may be gone
    delete_named "$@" || return
    for renamed in /etc/cni/net.d/*.cilium_bak; do
        [ ! -f "$renamed" ] || mv -f "$renamed" "${renamed%.cilium_bak}"
    done
    whole | while read -r directory; do rm -rf "$directory"; done
    pieces | sort -r | while IFS= read -r path; do # the innermost first
        if [ -d "$path" ] && [ ! -h "$path" ]; then rmdir "$path" 2>/dev/null; else rm -f "$path"; fi
    done
    for directory in /etc/cni/net.d /etc/cni /opt/cni/bin /opt/cni; do
        was_there there "$directory" || rmdir "$directory" 2>/dev/null
    done
    stored "$@" >"$work/left"
    if [ -s "$work/left" ]; then
        { echo 'not all of it could be deleted:' && head -n 20 "$work/left"; } >&2
        return 1
    fi
    systemctl daemon-reload
    lead_back
    for unit in $k3s_units "$member"; do systemctl reset-failed "$unit" 2>/dev/null; done
    mkdir -p "${told%/*}" && differ >"$told" || return
    systemctl disable --quiet --now clusterctl-guard.timer clusterctl-guard.service 2>/dev/null
    rm -rf /etc/systemd/system/clusterctl-guard.service /etc/systemd/system/clusterctl-guard.timer \
        "$run/systemd/system/clusterctl-guard.timer.d"
    systemctl daemon-reload
    mv "$baseline" "$baseline.gone" # never half of it: what was there before would count as ours
    rm -rf "$state"
}

differ() { # "-": it was so; "+": it is so now
    if ! is_known; then
        echo 'how the node was before is not known: nobody kept it'
        return
    fi
    now=$work/now
    snapshot "$now"
    mounts >"$now/mounts"
    there >"$now/there"
    for firewall in $(firewalls); do
        for side in "$baseline" "$now"; do
            if [ -f "$side/$firewall" ]; then rules_of "$side/$firewall"; fi >"$side/$firewall.rules"
        done
        differs "$firewall" "$firewall.rules"
    done
    for part in nft rules-4 rules-6 routes-4 routes-6 links attachments sysctls mounts there; do differs "$part" "$part"; done
}
differs() { # differs WORDS FILE
    for side in "$baseline" "$now"; do [ -f "$side/$2" ] || : >"$side/$2"; done
    only_in_first "$baseline/$2" "$now/$2" | sed "s|^|- $1: |"
    only_in_first "$now/$2" "$baseline/$2" | sed "s|^|+ $1: |"
}

left() { # left running|all PATH...
    what=$1
    shift
    running >"$work/left"
    if [ "$what" = all ]; then
        stored "$@" >>"$work/left"
        echo "$state" >>"$work/left"
    fi
    [ -s "$work/left" ] || return 0
    head -n 40 "$work/left"
    return 1
}

"$task" "$@"
