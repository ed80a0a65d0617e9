#!/bin/sh
# clusterctl's part of a router's FRR, told from what FRR itself shows.
#
#   refusal CLUSTER ASN ADDRESS...  why this router cannot take the cluster's part; nothing where it can
#   difference CLUSTER LINE...      the commands that lead from what runs to these lines; nothing where it is there
#   unsaved CLUSTER LINE...         what differs from that in what FRR starts with after a reboot; nothing where it is there
#   runs CLUSTER FILE               whether what runs is as the file has it
#   saved CLUSTER FILE              whether what FRR starts with is
#   done CLUSTER FILE               both
#   apply CLUSTER FILE              leads what runs to the file, by the difference alone, which FRR checks before
#   back CLUSTER FILE               the same, to what FRR has shown before; neighbours that are gone come back with all
#                                   that was set on them, by whomever
#   established                     the neighbours whose sessions are
#   keeps FILE                      whether those that the file names are, as far as they are still configured
#
# The cluster's part: the peer groups clusterctl-CLUSTER-ipv4 and -ipv6, their members, and the prefix lists of their
# names with -in and -out. Nothing else is changed, nor what somebody set on those members besides.
#
# A line "! neighbor GROUP password from FILE" stands for the password that FILE has, which is read here alone. Where that
# file is not there, only whether a password is set can be told. No password is ever printed.
#
# Exit status: 0 done or yes, 1 no, 2 wrong usage, 3 FRR refuses.

PATH=${PATH:-/usr/bin:/bin}:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
LC_ALL=C
export PATH LC_ALL
if [ -d /usr/local/etc/frr ]; then frr=/usr/local/etc/frr; else frr=/etc/frr; fi
frr=${CLUSTERCTL_FRR:-$frr}
tab=$(printf '\t')
umask 077
for work in "${TMPDIR:-/tmp}"/clusterctl-frr.*; do # of those that were killed: there are passwords in it
    owner=${work#*/clusterctl-frr.}
    [ ! -O "$work" ] || [ -L "$work" ] || kill -0 "${owner%%.*}" 2>/dev/null || rm -rf "$work"
done
work=$(mktemp -d "${TMPDIR:-/tmp}/clusterctl-frr.$$.XXXXXX") || exit 2
trap 'rm -rf "$work"' EXIT
trap 'exit 143' TERM INT HUP

# A daemon that hangs must not hang whoever waits for the guard.
fv() { if command -v timeout >/dev/null; then timeout 120 vtysh "$@"; else vtysh "$@"; fi; }
show() { fv -c "show $1" 2>&1; }
masked() { sed "s/ password [^$tab]*/ password (secret)/"; } # what is told ends up in logs
running() { # running FILE: what runs; fails where FRR does not tell
    show running-config >"$1"
    set -- $? "$1"
    if grep -qE '^(frr version|frr defaults|router |!)' "$2"; then
        [ "$1" -ne 0 ] || return 0
        echo 'FRR does not show all that it runs' >&2 # its last line may hold any secret
    else
        echo "FRR does not show what it runs: $(grep . "$2" | tail -n 1 | masked)" >&2
    fi
    return 1
}

# The cluster's part, a line a setting: PLACE (list, router, ipv4, ipv6), whose it is, what it sets, how, and "besides" for
# what others set on its members. FRR does not show whether a neighbour is active in a family where that is the default,
# so that is always told.
part() { # part CLUSTER FILE
    awk -v cluster="$1" '
        BEGIN {
            OFS = "\t"
            for (i = 4; i <= 6; i += 2) {
                groups["clusterctl-" cluster "-ipv" i]
                lists["clusterctl-" cluster "-ipv" i "-in"]
                lists["clusterctl-" cluster "-ipv" i "-out"]
            }
            split("peer-group,remote-as,timers,graceful-restart,ebgp-multihop,description,prefix-list in," \
                "prefix-list out,maximum-prefix", names, ",")
            for (i in names) ours[names[i]]
            secret = "(secret)" # what stands for a password that is not known here
            active["ipv4"] = "neighbor"
            active["ipv6"] = "no neighbor"
        }
        { sub(/[ \t\r]+$/, "") }
        inside && $1 == "!" && $2 == "neighbor" && $4 == "password" && $5 == "from" && ($3 in groups) {
            if ((getline known < $6) <= 0) known = secret
            close($6)
            print "router", $3, "neighbor " $3 " password", "neighbor " $3 " password " known, ""
        }
        /^ *!/ || /^$/ { next }
        /^[^ ]/ { inside = /^router bgp [0-9.]+$/; place = "router" }
        /^ip(v6)? prefix-list / && ($3 in lists) { print "list", $3, $1 " prefix-list " $3 " seq " $5, $0, "" }
        !inside { next }
        { sub(/^ +/, "") }
        /^address-family / { place = $3 == "unicast" ? $2 : "other" }
        /^exit-address-family/ { place = "router" }
        /^no bgp default ipv4-unicast/ { active["ipv4"] = "no neighbor" }
        /^bgp default ipv6-unicast/ { active["ipv6"] = "neighbor" }
        $1 == "neighbor" && $3 == "activate" { told[place, $2] = "neighbor"; next }
        $1 == "no" && $2 == "neighbor" && $4 == "activate" { told[place, $3] = "no neighbor"; next }
        $1 != "neighbor" || place == "other" { next }
        $3 == "peer-group" && NF == 3 && ($2 in groups) { there[$2] }
        $3 == "peer-group" && ($4 in groups) { members[$2] }
        ($2 in groups) || ($2 in members) {
            what = $3
            if (what == "prefix-list") what = what " " $NF
            if (what == "timers" && $4 == "connect") what = "timers connect"
            sub(/^graceful-restart.*/, "graceful-restart", what)
            if ((what in ours) || (what == "password" && ($2 in groups))) print place, $2, "neighbor " $2 " " what, $0, ""
            else print place, $2, $0, $0, "besides"
        }
        END {
            for (group in there) for (family in active) {
                how = (family, group) in told ? told[family, group] : active[family]
                print family, group, "neighbor " group " activate", how " " group " activate", ""
            }
        }' "$2"
}

instance() { sed -n 's/^\(router bgp [0-9.]*\)[[:space:]]*$/\1/p' "$1"; } # of the default VRF

# The commands from one part to another. No list is ever without an entry, which would let everything in: first come
# entries, then sessions, and what is left of lists goes last. Whoever is gone goes with all that was said of it.
commands() { # commands INSTANCE RUNNING WANTED
    awk -F "$tab" -v instance="$1" -v back="${back:-}" '
        FILENAME == ARGV[1] {
            known[$2]
            if ($5 != "") next
            is[$1, $3] = $4
            line[++count] = $0
            next
        }
        $5 != "" && (!back || $2 in known) { next }
        { wanted[$1, $3] = $4; owner[$2]; more[++wishes] = $0 }
        END {
            for (i = 1; i <= wishes; i++) wish("list", more[i])
            for (i = 1; i <= count; i++) drop_owner(line[i])
            settings("router")
            settings("ipv4")
            settings("ipv6")
            leave()
            for (i = 1; i <= count; i++) drop("list", line[i])
        }
        function settings(place,    i) {
            for (i = 1; i <= count; i++) drop(place, line[i])
            for (i = 1; i <= wishes; i++) wish(place, more[i])
        }
        function wish(place, row) {
            split(row, column, "\t")
            if (column[1] == place && is[place, column[3]] != column[4]) tell(place, column[4])
        }
        function drop(place, row) {
            split(row, column, "\t")
            if (column[1] != place || (place, column[3]) in wanted) return
            if (place == "list") tell(place, "no " column[3])
            else if (column[2] in owner) tell(place, "no " column[4])
        }
        function drop_owner(row) {
            split(row, column, "\t")
            if (column[1] == "list" || column[2] in owner || dropped[column[2]]++) return
            tell("router", "no neighbor " column[2] (column[2] ~ /^clusterctl-/ ? " peer-group" : ""))
        }
        function tell(place, words) {
            if (place != "list" && !inside++) print instance
            if (place != at && (at == "ipv4" || at == "ipv6")) print " exit-address-family"
            if (place != at && (place == "ipv4" || place == "ipv6")) print " address-family " place " unicast"
            at = place
            print (place == "list" ? "" : place == "router" ? " " : "  ") words
        }
        function leave() {
            if (at == "ipv4" || at == "ipv6") print " exit-address-family"
            at = ""
        }' "$2" "$3"
}

both_parts() { # both_parts CLUSTER RUNNING FILE: what is, and what is wanted
    part "$1" "$2" >"$work/is" && part "$1" "$3" >"$work/wanted" || return
    # Of a password that is not known here, only whether there is one counts.
    ! grep -q " password (secret)$tab" "$work/wanted" ||
        { masked <"$work/is" >"$work/masked" && mv "$work/masked" "$work/is"; }
}

difference_to() { # difference_to CLUSTER FILE: from what runs
    running "$work/running" && both_parts "$1" "$work/running" "$2" || return
    router=$(instance "$2")
    commands "${router:-$(instance "$work/running")}" "$work/is" "$work/wanted"
}

refusal() { # refusal CLUSTER ASN ADDRESS...
    cluster=$1 asn=$2
    shift 2
    if ! command -v vtysh >/dev/null; then
        echo 'FRR is not there: no vtysh is found'
    elif ! show daemons | tr ' ' '\n' | grep -qx bgpd; then
        echo 'FRR does not run BGP here: bgpd is not among its daemons'
    elif ! running "$work/running" 2>&1; then
        :
    else
        other=$(instance "$work/running")
        [ "${other:-router bgp $asn}" = "router bgp $asn" ] ||
            echo "its BGP is configured as '$other', and the inventory has asn: $asn"
        part "$cluster" "$work/running" | cut -f 2 >"$work/own"
        for address; do
            ! grep -q "^ *neighbor $address " "$work/running" || grep -qxF "$address" "$work/own" ||
                echo "neighbor $address is configured there by other hands, and would become the cluster's"
        done
    fi
}

difference() { # difference CLUSTER LINE...
    cluster=$1
    shift
    printf '%s\n' "$@" >"$work/file" && difference_to "$cluster" "$work/file" >"$work/commands" || return
    masked <"$work/commands"
}

runs() { # runs CLUSTER FILE
    difference_to "$1" "$2" >"$work/commands" && [ ! -s "$work/commands" ]
}

unsaved() { # unsaved CLUSTER LINE...
    cluster=$1
    shift
    printf '%s\n' "$@" >"$work/file" && unsaved_of "$cluster" "$work/file" >"$work/commands" || return
    masked <"$work/commands"
}
unsaved_of() { # unsaved_of CLUSTER FILE
    cat "$frr/frr.conf" >"$work/startup" 2>/dev/null || cat "$frr/bgpd.conf" >"$work/startup" 2>/dev/null
    both_parts "$1" "$work/startup" "$2" || return
    for side in is wanted; do
        grep -v "${tab}besides\$" "$work/$side" | cut -f 4 | sort >"$work/$side.sorted" || return
    done
    comm -3 "$work/is.sorted" "$work/wanted.sorted" | tr -d '\t'
}
saved() { # saved CLUSTER FILE
    missing=$(unsaved_of "$@") && [ -z "$missing" ]
}

is_done() { runs "$@" && saved "$@"; }

apply() { # apply CLUSTER FILE
    difference_to "$1" "$2" >"$work/commands" || return
    if [ ! -s "$work/commands" ]; then
        drop_empty_instance "$2"
        return
    fi
    if ! fv -C -f "$work/commands" >"$work/said" 2>&1; then
        echo "FRR does not take the change: $(grep . "$work/said" | tail -n 1 | masked)" >&2
        return 3
    fi
    masked <"$work/commands"
    fv -f "$work/commands" >"$work/said" 2>&1 # goes on after an error, and tells the last one: what counts is what runs
    difference_to "$1" "$2" >"$work/commands" || return
    if [ ! -s "$work/commands" ]; then
        drop_empty_instance "$2"
        return
    fi
    echo "FRR shows something else afterwards: $(grep -vE '^ *(router|address-family|exit)' "$work/commands" |
        head -n 1 | masked) is missing; it said: $(grep . "$work/said" | tail -n 1 | masked)" >&2
    return 3
}
back() { # back CLUSTER FILE
    back=yes
    apply "$@"
}

drop_empty_instance() { # drop_empty_instance FILE: where the file has none, and nobody else has anything in it
    router=$(instance "$work/running")
    [ -n "$router" ] && [ -z "$(instance "$1")" ] || return 0
    awk -v router="$router" '
        $0 == router { inside = 1; next }
        /^[^ !]/ { inside = 0 }
        inside && !/^ *(!|exit)/ { found = 1 }
        END { exit found }' "$work/running" || return 0
    fv -c 'configure terminal' -c "no $router"
}

established() {
    show 'bgp neighbors' >"$work/neighbors" || return
    awk '
        /^BGP neighbor (is|on) / { address = $4; sub(/[,:]$/, "", address); sub(/^\*/, "", address) }
        /BGP state = Established/ && address != "" { print address; address = "" }' "$work/neighbors"
}

keeps() { # keeps FILE
    running "$work/running" && established >"$work/established" || return
    missing=$(while read -r address; do
        if grep -q "^ *neighbor $address " "$work/running" && ! grep -qxF "$address" "$work/established"; then
            echo "$address"
        fi
    done <"$1" | paste -s -d ' ' -)
    [ -n "$missing" ] || return 0
    echo "no longer established: $missing" >&2
    return 1
}

case ${1:-}/$# in
    refusal/[1-9]*) [ $# -ge 3 ] || exit 2 ;;
    difference/[1-9]* | unsaved/[1-9]*) [ $# -ge 2 ] || exit 2 ;;
    done/3)
        shift
        set -- is_done "$@"
        ;;
    runs/3 | saved/3 | apply/3 | back/3 | established/1 | keeps/2) ;;
    *)
        sed -n '2,/^$/s/^# \{0,1\}//p' "$0" >&2
        exit 2
        ;;
esac
"$@"
