#!/bin/sh
# A node's links as the inventory has them, through what is in charge of them there: netplan or NetworkManager.
#
#   look own:LINK... on:LINK... bond:LINK:MODE... vlan:LINK:ID:LINK...
#                                who is in charge, which links have default routes, which leave the inventory, what a run
#                                has begun that nobody has confirmed, and what stands in the way: links of the inventory
#                                (own) that others define too, devices that are missing, links below (on) that netplan
#                                does not know, bonds and VLANs that are there otherwise and not by us
#   done                         whether what is in charge has our state, and the links are so
#   lacks                        what is not so of the links, a line each; nothing where all is
#   apply SECONDS                saves how the links are, below the guard's armed state, and leads them to ours; what
#                                NetworkManager was told it forgets by itself after so many seconds, unless confirmed
#   back                         leads them to what was saved; called by the guard
#
# What is wanted lies beside one another in $state/interfaces: netplan.yaml and nmstate.yaml, of which one is handed over,
# and "links", a line a fact: link NAME KIND, bond NAME MODE, member BOND LINK, vlan NAME ID LINK, mtu NAME BYTES,
# address NAME ADDRESS/LENGTH, route NAME NETWORK HOP. "applied" is the "links" that were handed over last.
#
# Exit status: 0 done or yes, 1 no, 2 wrong usage, 3 refused before anything was changed.

PATH=${PATH:-/usr/bin:/bin}:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
LC_ALL=C
export PATH LC_ALL
umask 077
root=${CLUSTERCTL_ROOT:-}
state=$root/var/lib/clusterctl
wanted=$state/interfaces
armed=$state/guard/armed
saved=$armed/interfaces
ours=$root/etc/netplan/90-clusterctl.yaml
profiles=$root/etc/NetworkManager/system-connections
health=http://127.0.0.1:2381/health
work=$(mktemp -d "${TMPDIR:-/tmp}/clusterctl-interfaces.XXXXXX") || exit 2
trap 'rm -rf "$work"' EXIT
trap 'exit 143' TERM INT HUP

refuse() { echo "$*" >&2 && exit 3; }
program() ( # the path of a program, because busybox prefers its own small ones to those in PATH
    IFS=:
    for directory in $PATH; do
        if [ -x "$directory/$1" ]; then echo "$directory/$1" && return; fi
    done
    echo "$1"
)
ip_program=$(program ip)
ip() { "$ip_program" "$@"; }
has() { command -v "$1" >/dev/null 2>&1; }
bounded() { # bounded SECONDS COMMAND...
    if timeout -k 1 1 true 2>/dev/null; then timeout -k 5 "$@"; else shift && "$@"; fi
}
is_active() { systemctl is-active --quiet "$1"; }
put() { # put FILE PLACE: in one step, for root alone
    mkdir -p "$(dirname "$2")" && cp "$1" "$2.clusterctl-new" && mv -f "$2.clusterctl-new" "$2"
}
facts() { for file; do [ ! -f "$file" ] || cat "$file"; done; } # facts FILE...: of those that are there
names() { facts "$@" | awk '$1 == "link" { print $2 }' | sort -u; }
made() { facts "$@" | awk '$1 == "link" && $3 != "ethernet" { print $2 }' | sort -u; }
members() { facts "$@" | awk '$1 == "member" { print $3 }'; }
vanished() { # what we made and the inventory has no more
    made "$wanted/applied" >"$work/made-before"
    made "$wanted/links" >"$work/made-now"
    comm -23 "$work/made-before" "$work/made-now"
}

# ---- who is in charge

netplan_files() { # of all but us; later folders win over earlier ones, as for netplan
    for folder in lib run etc; do
        for file in "$root/$folder"/netplan/*.yaml; do
            if [ -f "$file" ] && [ "$file" != "$ours" ]; then echo "$file"; fi
        done
    done
}
others() { # a root for netplan with the files of others, and what it makes of them
    [ ! -d "$work/root" ] || return 0
    mkdir -p "$work/root/etc/netplan" "$work/root/run/netplan" "$work/root/lib/netplan"
    netplan_files | while read -r file; do cp "$file" "$work/root/${file#"$root/"}"; done
    netplan get --root-dir "$work/root" all >"$work/others.yaml" 2>"$work/errors"
}
renderer() {
    others
    awk '$1 == "renderer:" && /^  [^ ]/ { gsub(/["\047]/, "", $2); found = $2 } END { print found ? found : "networkd" }' \
        "$work/others.yaml"
}
managed_by_nm() { # whether NetworkManager has any of these links, or, where none is there yet, any link
    nmcli -t -f DEVICE,STATE device 2>/dev/null | grep -v -e ':unmanaged$' -e '^lo:' | cut -d : -f 1 >"$work/managed"
    for name in $(names "$wanted/links") "$@"; do
        if ip link show dev "$name" >/dev/null 2>&1; then
            grep -qxF "$name" "$work/managed" && return
            missed=yes
        fi
    done
    [ -z "${missed:-}" ] && [ -s "$work/managed" ]
}
in_charge() { # in_charge LINK...: "netplan networkd", "netplan NetworkManager", "nmstate", or "none WHY"
    if has netplan && { [ -f "$ours" ] || [ -n "$(netplan_files)" ]; }; then
        by=$(renderer)
        case $by in
            networkd) unit=systemd-networkd.service ;;
            NetworkManager) unit=NetworkManager.service ;;
            *) echo "none netplan's renderer is $by, which is neither networkd nor NetworkManager" && return ;;
        esac
        if is_active "$unit"; then
            echo "netplan $by"
        else
            echo "none netplan hands the links to $by, which does not run"
        fi
    elif is_active NetworkManager.service && managed_by_nm "$@"; then
        if has nmstatectl; then echo nmstate; else echo 'none NetworkManager has the links, and nmstatectl is not there'; fi
    elif is_active systemd-networkd.service; then
        echo 'none systemd-networkd has the links by files of its own, without netplan'
    elif [ -f "$root/etc/network/interfaces" ]; then
        echo 'none ifupdown (/etc/network/interfaces) has the links'
    else
        echo 'none neither netplan nor NetworkManager has the links'
    fi
}

defined() { # "defines LINK" and "holds LINK" of what netplan makes of the files of others
    awk '
        { line = $0; gsub(/["\047]/, "", line); text = line; sub(/^ +/, "", text); indent = length(line) - length(text) }
        indent == 2 { kind = text; sub(/:.*/, "", kind) }
        indent == 4 && kind != "renderer" && text !~ /^-/ { sub(/:( .*)?$/, "", text); print "defines", text }
        indent == 6 && text !~ /^-/ { key = text; sub(/:.*/, "", key) }
        indent >= 6 && text ~ /^(set-name|name): / { sub(/^[^ ]+ /, "", text); print "defines", text } # of a match
        indent >= 6 && key == "interfaces" && text ~ /^- / { sub(/^- /, "", text); print "holds", text }
    ' "$work/others.yaml"
}
look() {
    own='' on=''
    : >"$work/asked"
    for word; do
        case $word in
            own:*) own="$own ${word#own:}" ;;
            on:*) on="$on ${word#on:}" ;;
            bond:* | vlan:*) echo "$word" | tr : ' ' >>"$work/asked" ;;
            *) exit 2 ;;
        esac
    done
    if [ -f "$saved/complete" ]; then echo begun && sed 's/^/begun /' "$saved/wanted"; fi
    # shellcheck disable=SC2086
    charge=$(in_charge $own $on)
    echo "charge $charge"
    case $charge in none*) return ;; esac
    for name in $on; do
        ip link show dev "$name" >/dev/null 2>&1 || echo "missing $name"
    done
    for family in 4 6; do # routers announce theirs again
        ip "-$family" -o route show default 2>/dev/null | grep -v ' proto ra ' | awk -v family="$family" '{
            for (i = 2; i < NF; i++) if ($i == "dev") print "default", family, $(i + 1)
        }'
    done | sort -u
    case $charge in netplan*) defined >"$work/defined" ;; *) : >"$work/defined" ;; esac
    for name in $(names "$wanted/applied"); do # unless somebody else has them by now
        case " $own " in *" $name "*) continue ;; esac
        grep -qxF "defines $name" "$work/defined" || echo "leaves $name"
    done
    case $charge in netplan*) ;; *) return ;; esac
    for name in $(foreign "$work/asked"); do echo "foreign $name"; done
    for name in $own; do
        if grep -qxF "defines $name" "$work/defined"; then
            echo "defined $name $(netplan_files | while read -r file; do
                ! grep -qF "$name" "$file" || printf '%s ' "${file#"$root"}"
            done)"
        elif grep -qxF "holds $name" "$work/defined"; then
            echo "held $name"
        fi
    done
    for name in $on; do
        case " $own " in *" $name "*) continue ;; esac
        grep -qxF "defines $name" "$work/defined" || echo "unknown $name"
    done
}

# ---- how the links are

lacks() { # lacks FILE
    while read -r what name value rest; do
        shown=$(ip -d -o link show dev "$name" 2>/dev/null) || shown=''
        [ -n "$shown" ] || { [ "$what" != link ] || echo "$name is not there"; continue; }
        case $what in
            link)
                case $shown in
                    *[,\<]LOWER_UP[,\>]*) ;;
                    *[,\<]UP[,\>]*) echo "$name has no carrier" ;;
                    *) echo "$name is down" ;;
                esac
                ;;
            mtu) case $shown in *" mtu $value "*) ;; *) echo "$name has another MTU than $value" ;; esac ;;
            bond) case $shown in *" bond mode $value "*) ;; *) echo "$name is no bond with mode $value" ;; esac ;;
            vlan)
                case $shown in
                    *" $name@$rest: "*" vlan protocol 802.1Q id $value "*) ;;
                    *) echo "$name is not VLAN $value of $rest" ;;
                esac
                ;;
            member)
                case $(ip -o link show dev "$value" 2>/dev/null) in
                    '') echo "$value, which belongs to $name, is not there" ;;
                    *" master $name "*) ;;
                    *) echo "$value does not belong to $name" ;;
                esac
                ;;
            address)
                line=$(ip -o addr show dev "$name" | awk -v address="$value" '$4 == address')
                case " $line " in
                    '  ') echo "$name lacks $value" ;;
                    *' dadfailed '*) echo "$name has $value, which another machine has, too" ;;
                    *' tentative '*) echo "$value of $name is still being checked" ;;
                esac
                ;;
            route)
                case $value in *:*) family=-6 ;; *) family=-4 ;; esac
                [ -n "$(ip "$family" route show "$value" via "$rest" dev "$name" 2>/dev/null)" ] ||
                    echo "$name lacks the route to $value by $rest"
                ;;
        esac
    done <"$1"
}
is_handed_over() { # whether what is in charge has what is wanted
    cmp -s "$wanted/links" "$wanted/applied" || return 1
    case $1 in
        netplan*)
            if [ -s "$wanted/links" ]; then cmp -s "$wanted/netplan.yaml" "$ours"; else [ ! -e "$ours" ]; fi
            ;;
        nmstate) cmp -s "$wanted/nmstate.yaml" "$wanted/applied.yaml" ;;
        *) false ;;
    esac
}
is_done() { is_handed_over "$(in_charge)" && [ -z "$(lacks "$wanted/links")" ]; }

# ---- the way there

differs() { # differs FILE: bonds and VLANs that are there otherwise; networkd never changes a link that is there
    lacks "$1" | awk '/ is no bond with mode | is not VLAN / { print $1 }'
}
foreign() { # foreign FILE: of those, what we have not made: once deleted, no file would make it again
    made "$wanted/applied" >"$work/made"
    differs "$1" | while read -r name; do grep -qxF "$name" "$work/made" || echo "$name"; done
}
reload_networkd() { # reload_networkd LINK...: these links alone, and none less because of another one
    netplan generate && networkctl reload || return
    failed=0
    for name; do
        ! ip link show dev "$name" >/dev/null 2>&1 || networkctl reconfigure "$name" || failed=1
    done
    return "$failed"
}
rehearse_netplan() { # would netplan take our file beside those of others?
    others
    put "$wanted/netplan.yaml" "$work/root/etc/netplan/90-clusterctl.yaml" &&
        netplan generate --root-dir "$work/root" >"$work/errors" 2>&1 ||
        refuse "netplan refuses the links: $(tail -n 1 "$work/errors")"
    rm -f "$work/root/etc/netplan/90-clusterctl.yaml"
}
apply() { # apply SECONDS
    [ -d "$armed" ] || refuse 'the guard is not armed'
    # The way back knows what was begun, and no other links.
    [ ! -f "$saved/complete" ] || cmp -s "$saved/wanted" "$wanted/links" ||
        refuse 'an earlier run has begun to set other links, which nobody has confirmed'
    charge=$(in_charge)
    case $charge in
        none*) refuse "${charge#none }" ;;
        netplan*)
            others=$(foreign "$wanted/links" | tr '\n' ' ')
            [ -z "$others" ] || refuse "there are others of the name: $others"
            [ ! -s "$wanted/links" ] || rehearse_netplan
            ;;
    esac
    is_begun=''
    [ ! -f "$saved/complete" ] || is_begun=yes
    save "$charge" || refuse 'how the links are cannot be saved'
    gone=$(vanished)
    case $charge in
        netplan*)
            for name in $gone $(differs "$wanted/links"); do ip link del dev "$name"; done
            if [ -s "$wanted/links" ]; then put "$wanted/netplan.yaml" "$ours"; else rm -f "$ours"; fi || exit 1
            ;;
    esac
    case $charge in
        'netplan networkd')
            # shellcheck disable=SC2046
            reload_networkd $(names "$wanted/links" "$wanted/applied") || exit 1
            ;;
        'netplan NetworkManager') bounded 120 netplan apply || exit 1 ;;
        nmstate)
            cp "$wanted/nmstate.yaml" "$work/nmstate.yaml" || exit 1
            # There is one checkpoint at a time, and the earlier run's leads to the same.
            [ -z "$is_begun" ] || bounded 60 nmstatectl rollback
            for name in $gone; do printf '  - name: "%s"\n    state: absent\n' "$name" >>"$work/nmstate.yaml"; done
            nmstatectl apply --no-commit --timeout "$1" "$work/nmstate.yaml" || exit 1
            # The guard runs it before it lets go: NetworkManager would else take the change back by its own clock.
            echo 'nmstatectl commit' >"$armed/keep"
            put "$wanted/nmstate.yaml" "$wanted/applied.yaml"
            ;;
    esac
    put "$wanted/links" "$wanted/applied"
}

# ---- the way back

links_now() { # "NAME MTU MASTER up|down" of every link that is no pod's
    ip -o link show | grep -v -E '^[0-9]+: (lo|lxc|cilium_|veth)' | awk '{
        name = $2; sub(/[:@].*/, "", name); mtu = "-"; master = "-"
        for (i = 3; i < NF; i++) { if ($i == "mtu") mtu = $(i + 1); if ($i == "master") master = $(i + 1) }
        print name, mtu, master, ($3 ~ /[<,]UP[,>]/ ? "up" : "down")
    }'
}
addresses_now() { # "NAME ADDRESS/LENGTH" without what the network gives and takes
    ip -o addr show scope global | grep -v -E '^[0-9]+: (lxc|cilium_|veth)| (dynamic|temporary|deprecated) ' |
        awk '{ print $2, $4 }' | sort -u
}
leases_now() { # the same of what the network gave
    ip -o addr show scope global | grep ' dynamic ' |
        grep -v -E '^[0-9]+: (lxc|cilium_|veth)| (temporary|deprecated) ' | awk '{ print $2, $4 }' | sort -u
}
kinds_now() { # kinds_now LINK...: what networkd never changes of a bond or VLAN that is there
    for name; do
        ip -d -o link show dev "$name" 2>/dev/null | awk -v name="$name" '{
            kind = $2
            for (i = 3; i < NF; i++) {
                if ($i == "bond" && $(i + 1) == "mode") kind = kind " mode " $(i + 2)
                if ($i == "vlan" && $(i + 1) == "protocol") kind = kind " id " $(i + 4)
            }
            print name, kind
        }'
    done
}
is_member() { # whether a member of etcd serves here; an election may take some seconds
    [ -d "$root/var/lib/rancher/k3s/server/db/etcd/member" ] || return
    for try in 1 2 3; do
        if has curl; then curl -s -m 5 "$health"; else bounded 5 wget -q -O - "$health"; fi 2>/dev/null |
            grep -q '"health" *: *"true"' && return
        [ "$try" = 3 ] || sleep 3
    done
    return 1
}
save() { # save CHARGE; what was saved first is what counts
    [ ! -f "$saved/complete" ] || return 0
    rm -rf "$saved" && mkdir -p "$saved" && echo "$1" >"$saved/charge" || return
    cp "$wanted/links" "$saved/wanted" && links_now >"$saved/links" && addresses_now >"$saved/addresses" || return
    leases_now >"$saved/leases" || return
    # shellcheck disable=SC2046
    kinds_now $(made "$wanted/links" "$wanted/applied") >"$saved/kinds" || return
    for file in "$ours" "$wanted/applied" "$wanted/applied.yaml"; do
        [ ! -f "$file" ] || cp -p "$file" "$saved/$(basename "$file")" || return
    done
    if [ "$1" = nmstate ]; then
        mkdir "$saved/profiles" && { [ ! -d "$profiles" ] || cp -Rp "$profiles"/. "$saved/profiles"; } || return
        nmcli -t -f UUID,DEVICE connection show --active >"$saved/active"
    fi
    # What was a member of etcd before has to be one again; see the gate.
    if is_member; then : >"$saved/member"; fi
    # The way back needs nobody's help and says nothing of K3s: at boot it comes at once.
    : >"$armed/undo-alone" && sync && : >"$saved/complete"
}
put_back() { # put_back FILE: as it was, or gone as it was
    if [ -f "$saved/$(basename "$1")" ]; then cp -p "$saved/$(basename "$1")" "$1"; else rm -f "$1"; fi
}
concerned() { names "$saved/wanted" "$saved/applied" && members "$saved/wanted" "$saved/applied"; }
by_difference() { # what still differs is put back by ip, and told in one word each
    : >"$work/left"
    concerned | sort -u >"$work/concerned"
    links_now >"$work/links"
    while read -r name mtu master is; do
        grep -qxF "$name" "$work/concerned" || continue
        now=$(awk -v name="$name" '$1 == name' "$work/links")
        [ "$now" != "$name $mtu $master $is" ] || continue
        echo "link:$name" >>"$work/left"
        if [ "$master" = - ]; then ip link set dev "$name" nomaster; else ip link set dev "$name" master "$master"; fi
        ip link set dev "$name" mtu "$mtu"
        ip link set dev "$name" "$is"
    done <"$saved/links"
    addresses_now >"$work/static"
    leases_now | sort -u - "$work/static" >"$work/addresses" # in either form
    awk '$1 == "address" { print $2, $3 }' "$saved/wanted" | while read -r name address; do
        ! grep -qxF "$name $address" "$saved/addresses" && ! grep -qxF "$name $address" "$saved/leases" &&
            grep -qxF "$name $address" "$work/static" || continue
        echo "address:$name:$address" >>"$work/left"
        ip addr del "$address" dev "$name"
    done
    # A single address may be an endpoint's, which by now belongs to another node.
    comm -23 "$saved/addresses" "$work/addresses" | grep -v -e '/32$' -e '/128$' | while read -r name address; do
        grep -qxF "$name" "$work/concerned" || continue
        echo "address:$name:$address" >>"$work/left"
        add_address "$name" "$address"
    done
    [ ! -s "$work/left" ]
}
add_address() { # add_address LINK ADDRESS/LENGTH
    case $2 in
        *:*) ip addr add "$2" dev "$1" nodad ;;
        *) ip addr add "$2" brd + dev "$1" ;;
    esac
}
lost_leases() { # "LINK ADDRESS/LENGTH" the network gave of a family that its link has no address of any more
    while read -r name address; do
        grep -qxF "$name" "$work/concerned" || continue
        case $address in *:*) family=inet6 ;; *) family=inet ;; esac
        # A single address counts only if the network gave it: else it may be an endpoint's.
        ip -o addr show dev "$name" 2>/dev/null | awk -v family="$family" -v address="$address" '
            $3 == family && / scope global / && ($4 == address || / dynamic / || $4 !~ /\/(32|128)$/) { found = 1 }
            END { exit !found }
        ' || echo "$name $address"
    done <"$saved/leases"
}
starts_anew() { # starts_anew UNIT: at boot, what is just starting may have read its files and not hear anybody yet
    [ -n "$same_boot" ] || bounded 60 systemctl try-restart "$1"
}
back() {
    [ -f "$saved/complete" ] || return 0 # nothing has been changed yet
    charge=$(cat "$saved/charge") same_boot=''
    if [ "$(cat "$armed/boot")" = "$(cat /proc/sys/kernel/random/boot_id)" ]; then same_boot=yes; fi
    rm -f "$armed/keep"
    if [ "$charge" = nmstate ] && { [ -z "$same_boot" ] || ! bounded 90 nmstatectl rollback; }; then
        # NetworkManager's own checkpoint is gone.
        rm -f "$profiles"/*.nmconnection
        mkdir -p "$profiles" && cp -Rp "$saved/profiles"/. "$profiles" &&
            { nmcli connection reload || starts_anew NetworkManager.service; }
        concerned >"$work/concerned"
        while IFS=: read -r profile name <&3; do
            ! grep -qxF "$name" "$work/concerned" || bounded 30 nmcli connection up uuid "$profile"
        done 3<"$saved/active"
    fi
    put_back "$ours"
    put_back "$wanted/applied"
    put_back "$wanted/applied.yaml"
    made "$saved/applied" >"$work/made"
    for name in $(made "$saved/wanted"); do # what was not there, or was something else that our file makes again
        kind=$(kinds_now "$name")
        if [ -z "$kind" ] || grep -qxF "$kind" "$saved/kinds"; then continue; fi
        if grep -qxF "$name" "$work/made" || ! cut -d " " -f 1 "$saved/kinds" | grep -qxF "$name"; then ip link del dev "$name"; fi
    done
    case $charge in
        # shellcheck disable=SC2046
        'netplan networkd') reload_networkd $(concerned) || starts_anew systemd-networkd.service ;;
        'netplan NetworkManager') bounded 60 netplan apply || starts_anew NetworkManager.service ;;
    esac
    # A reboot has other addresses by then than those that were saved; what is in charge has set them.
    [ -n "$same_boot" ] || return 0
    calm=0 tries=0
    until [ "$calm" -ge 2 ] || [ "$tries" -ge 10 ]; do # networkd works on after it has answered
        # Whoever asks for leases gets time to do so.
        if by_difference && [ -z "$(lost_leases)" ]; then calm=$((calm + 1)); else calm=0; fi
        tries=$((tries + 1))
        sleep 1
    done
    # Nobody asks for them any more, and SSH may come by one. The guard repeats the routes by them after this.
    lost_leases >"$work/lost"
    while read -r name address; do
        echo "address:$name:$address" >>"$work/left"
        add_address "$name" "$address"
    done <"$work/lost"
    cp "$work/left" "$armed/links-left"
    return 0
}

case ${1:-} in
    look) shift && look "$@" ;;
    done) is_done ;;
    lacks) lacks "$wanted/links" ;;
    apply) apply "${2:-}" ;;
    back) back ;;
    *)
        sed -n '2,/^$/s/^# \{0,1\}//p' "$0" >&2
        exit 2
        ;;
esac
