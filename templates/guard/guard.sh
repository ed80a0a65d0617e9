#!/bin/sh
# clusterctl's guard: takes a change back by itself unless a new SSH connection confirms it.
#
#   arm PHASE WINDOW NONCE     save the present state and start the clock (WINDOW 0: save only); standard input has
#       [OWNER]                lines "path P" and "unit U", a line "undo", then a shell program. Refused where this
#                              owner's phase was taken back, and not all of it
#   extend PHASE WINDOW NONCE  a sign of life: the window starts anew; while the guard fires: somebody gets in
#   confirm PHASE NONCE [RUNG] the change stays; of a held guard only with the rung whose effects are to stay, too
#   rollback PHASE [NONCE...]  take it back now; with nonces only what one of them has armed
#   fire                       called by clusterctl-guard.service: at the deadline, or at boot
#   state, report              one line; one line and the end of the log
#   lib                        nothing: for a program that reads this one in
#
# States: none; armed; firing; held (somebody got in after one of the quick rungs, and has a window to say what now);
# rolled-back.
#
# Exit status: 0 done, 2 wrong usage, 3 too late (taken back already), 4 another phase is armed, 5 not armed for this
# phase and nonce, 6 the state cannot be saved, rehearsed or armed.
#
# Plain POSIX shell, so that it works when nothing else does; each part of a rollback may run twice. One file, because
# half a guard would be worse than none. Read it in parts: small things, snapshot, arming, the rungs, leftovers, the
# way back.

PATH=${PATH:-/usr/bin:/bin}:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin:/run/current-system/sw/bin
LC_ALL=C
export PATH LC_ALL
umask 077
root=${CLUSTERCTL_STATE:-/var/lib/clusterctl}
run=${CLUSTERCTL_RUN:-/run}
guard=$root/guard
armed=$guard/armed       # phase, nonce, window, until, deadline, boot, paths, units, undo, files/, and the snapshot;
                         # firing, held, heard and rung: how far the way back is; a phase may leave keep, which is run
                         # before the guard lets go, links-left: what its undo could not put back, and undo-alone: its
                         # undo asks nobody and says nothing of K3s, which is left as it is
lock=$run/clusterctl-guard.lock
wait=${CLUSTERCTL_WAIT:-2} # seconds for a new connection after each quick rung
k3s_units='k3s.service k3s-agent.service'
member=clusterctl-etcd.service
etcd=/var/lib/rancher/k3s/server/db
always_paths="/etc/cni/net.d/05-cilium.conflist $etcd
    /etc/rancher/k3s/k3s.yaml /etc/rancher/node/password"   # what K3s and Cilium make by themselves
firewall_services='firewalld.service nftables.service firewall.service ufw.service netfilter-persistent.service'
mkdir -p "$guard"

# ---- small things

log() {
    printf '%s %s\n' "$(date '+%Y-%m-%d %H:%M:%S')" "$*" >>"$guard/log"
    logger -t clusterctl-guard -- "$*" 2>/dev/null || true
}
refuse() { # refuse STATUS WORDS
    refused=$1
    shift
    log "refused: $*"
    echo "$*" >&2
    exit "$refused"
}
program() ( # the path of a program, because busybox prefers its own small ones to those in PATH
    IFS=:
    for directory in $PATH; do
        if [ -x "$directory/$1" ]; then echo "$directory/$1" && return; fi
    done
    echo "$1"
)
ip_program=$(program ip)
tc_program=$(program tc)
ip() { "$ip_program" "$@"; }
tc() { "$tc_program" "$@"; }
has() { command -v "$1" >/dev/null 2>&1; }
uptime_seconds() { cut -d . -f 1 /proc/uptime; }
bounded() { # bounded SECONDS COMMAND...
    if timeout -k 1 1 true 2>/dev/null; then timeout -k 5 "$@"; else shift && "$@"; fi
}
mode_of() { # "MODE USER:GROUP"
    ls -ldn -- "$1" | awk 'NR == 1 {
        for (i = 2; i <= 10; i++) bits = bits * 2 + (substr($1, i, 1) ~ /[rwxst]/)
        printf "%04o %s:%s\n", bits, $3, $4
    }'
}
is_there() { [ -e "$1" ] || [ -L "$1" ]; }
is_up() { case $1 in active | activating | reloading) true ;; *) false ;; esac }
is_enabled() { case $1 in enabled | enabled-runtime) true ;; *) false ;; esac }
cilium_runs() { cat /proc/[0-9]*/comm 2>/dev/null | grep -qx cilium-agent; }
property() { systemctl show -p "$2" -- "$1" 2>/dev/null | sed -n "s/^$2=//p"; }
only_in_first() { # only_in_first FILE FILE: lines, as often as they are missing in the second
    sort "$1" >"$work/first" && sort "$2" >"$work/second" && comm -23 "$work/first" "$work/second"
}

write() { # write FILE WORDS: all of it or, on a full disk, nothing
    echo "$2" >"$1.$$" && mv -f "$1.$$" "$1" && return
    rm -f "$1.$$"
    return 1
}
note() { write "$armed/$1" "$2"; } # note NAME WORDS: of the armed state; some of it is read without the lock

# The lock is a link that names its owner, so that it is made in one step and a dead owner's is known as such. It is broken
# only by whoever makes a second such link first, after another look: of two who find it, one breaks it, and nobody a new
# one.
try_lock() {
    owner=$(readlink "$lock" 2>/dev/null)
    if [ -n "$owner" ] && ! is_guard "$owner"; then
        if ln -s "$$" "$lock.broken" 2>/dev/null; then
            [ "$(readlink "$lock" 2>/dev/null)" != "$owner" ] || rm -f "$lock"
            rm -f "$lock.broken"
        else
            breaker=$(readlink "$lock.broken" 2>/dev/null)
            [ -z "$breaker" ] || is_guard "$breaker" || rm -f "$lock.broken"
        fi
    fi
    ln -s "$$" "$lock" 2>/dev/null
}
is_guard() { # is_guard PROCESS
    kill -0 "$1" 2>/dev/null || return
    [ ! -r "/proc/$1/cmdline" ] || tr '\0' ' ' <"/proc/$1/cmdline" 2>/dev/null | grep -q guard
}
take_lock() { # take_lock short|long
    waited=0
    until try_lock; do
        if [ "$1" = short ] && [ -f "$armed/firing" ]; then refuse 3 "too late: $(say_state)"; fi
        waited=$((waited + 1))
        [ "$waited" -lt 240 ] || refuse 6 "another guard (process $owner) does not end"
        sleep 1
    done
    work=$(mktemp -d "$run/clusterctl-guard.XXXXXX") || exit 6
    trap 'rm -rf "$lock" "$work"' EXIT
    trap 'exit 143' TERM INT HUP
}

say_state() {
    if [ -f "$armed/complete" ]; then
        of="phase=$(cat "$armed/phase") nonce=$(cat "$armed/nonce")"
        until="until=$(cat "$armed/until" 2>/dev/null || echo unknown)"
        if [ -f "$armed/firing" ]; then
            echo "firing $of because=$(cat "$armed/firing") rung=$(cat "$armed/rung" 2>/dev/null || echo whole)"
        elif [ -f "$armed/held" ]; then
            echo "held $of rung=$(cat "$armed/rung") $until"
        else
            echo "armed $of $until"
        fi
    elif [ -f "$guard/rolled-back" ]; then
        cat "$guard/rolled-back"
    else
        echo none
    fi
}

# ---- the snapshot: one directory, taken before the change and compared after a rollback

firewalls() { # the back-ends that are there, both families of each
    for firewall in iptables-nft ip6tables-nft iptables-legacy ip6tables-legacy; do
        if has "$firewall-save"; then echo "$firewall"; fi
    done
    if ! has iptables-nft-save && ! has iptables-legacy-save && has iptables-save; then echo iptables ip6tables; fi
}

tables_of() { # tables_of FIREWALL: names, of those that have anything in them
    if has "$1-save"; then "$1-save" 2>/dev/null | sed -n 's/^\*//p'; fi
}

nft_tables() { # "FAMILY NAME" of the native tables: not what the iptables above manage, nor what a service owns
    has nft || return 0
    nft list tables 2>/dev/null | while read -r _ family name; do
        case $family in ip) save=iptables-nft ;; ip6) save=ip6tables-nft ;; inet) save='' ;; *) continue ;; esac
        ! tables_of "$save" | grep -qx "$name" || continue
        nft list table "$family" "$name" | grep -q 'flags.*owner' || echo "$family $name"
    done
}

nft_rules() { # without counters
    nft_tables | while read -r family name; do nft -s list table "$family" "$name"; done
}

routes() { # routes 4|6, without those that come and go by themselves: of addresses, neighbours and routing daemons
    ip -o "-$1" route show table all 2>/dev/null | tr -d '\\' | grep -v -E \
        -e ' table local( |$)|^(multicast|broadcast|anycast|unreachable) |^(fe80|ff00)::/| expires ' \
        -e ' proto (ra|redirect|bgp|ospf|isis|rip|zebra|bird|babel|eigrp)( |$)' \
        -e ' proto kernel scope link src |^[^ ]+ dev [^ ]+ proto kernel metric 256' |
        sed 's/ linkdown//; s/ dead//; s/ error -[0-9]*//; s/ *$//'
}

links() { ip -o link show | awk '{ sub(/[:@].*/, "", $2); print $2 }'; }

attachments() { # tc filters, their qdiscs, TCX and XDP programs of every link that is no pod's
    for link in $(links | grep -v -E '^(lxc|cilium_|veth)'); do
        if has tc; then
            tc qdisc show dev "$link" 2>/dev/null |
                awk -v link="$link" '$2 == "clsact" || $2 == "ingress" { print link, $2 }'
            for hook in ingress egress; do
                tc filter show dev "$link" "$hook" 2>/dev/null |
                    sed -n "s/ id [0-9]*//; s/ tag [0-9a-f]*//; s/^filter /$link $hook /p"
            done
        fi
        ! ip -o link show dev "$link" | grep -q 'prog/xdp' || echo "$link xdp"
    done
    if has bpftool; then
        bpftool net show 2>/dev/null | sed -n 's/([0-9]*) \(tcx.*\) prog_id .*/ \1/p' | grep -v -E '^(lxc|cilium_|veth)'
        bpftool cgroup tree 2>/dev/null | awk '/^\// { at = $1 } $NF ~ /^cil_/ { print "cgroup", at, $2, $NF }'
    fi
    [ ! -d /sys/fs/bpf/cilium ] || echo 'pins /sys/fs/bpf/cilium'
}

firewall_units() { # "UNIT STATE" of services that keep rules of their own; a start or a reload changes the state
    has systemctl || return 0
    for unit in $firewall_services; do
        echo "$unit $(systemctl show -p ActiveState -p InvocationID -p StateChangeTimestampMonotonic -- "$unit" \
            2>/dev/null | sort | tr '\n' ' ')"
    done
}

sysctls() {
    v4=/proc/sys/net/ipv4 v6=/proc/sys/net/ipv6
    for setting in "$v4/ip_forward" "$v4"/conf/*/rp_filter "$v4"/conf/*/forwarding "$v4"/conf/*/accept_local \
        "$v4"/conf/*/arp_ignore "$v6"/conf/*/forwarding "$v6"/conf/*/accept_ra "$v6"/conf/*/disable_ipv6 \
        /proc/sys/net/bridge/bridge-nf-call-* /proc/sys/net/core/bpf_jit_*; do
        case $setting in */lxc* | */cilium_* | */veth*) continue ;; esac
        if [ -f "$setting" ]; then echo "$setting $(cat "$setting" 2>/dev/null)"; fi
    done
}

snapshot() { # snapshot DIRECTORY
    mkdir -p "$1"
    for firewall in $(firewalls); do "$firewall-save" >"$1/$firewall" || return; done
    nft_rules >"$1/nft"
    for family in 4 6; do
        ip "-$family" rule show 2>/dev/null | sed 's/[[:space:]]*$//' >"$1/rules-$family"
        routes "$family" >"$1/routes-$family"
    done
    links >"$1/links"
    attachments >"$1/attachments"
    sysctls >"$1/sysctls"
}

# Rules without counters and comments, a line each with table, chain and place; tables that do nothing are left out.
rules_of() {
    awk '/^\*/ { table = substr($0, 2) }
        /^:/ { sub(/ \[.*/, ""); if ($2 != "ACCEPT") print table, substr($1, 2), "policy", $2 }
        /^(\[[0-9:]*\] )?-A/ {
            sub(/^\[[0-9:]*\] /, "")
            printf "%s %s %06d %s\n", table, $2, ++place[table $2], $0
        }' "$1" | sort
}
same_rules() { [ "$(rules_of "$1")" = "$(rules_of "$2")" ]; }

# Text for a restore that also empties the tables which the snapshot does not have.
restore_text() { # restore_text SAVED NOW
    cat "$1"
    awk 'FILENAME == ARGV[1] { if (/^\*/) saved[$1] = 1; next }
        /^\*/ { extra = !($1 in saved); if (extra) print }
        extra && /^:/ && $2 != "-" { print $1, "ACCEPT [0:0]" }
        extra && /^COMMIT/ { print }' "$1" "$2"
}
nft_text() { # nft_text DIRECTORY: one transaction, away with the tables that are there now, back with the saved ones
    nft_tables | while read -r family name; do echo "delete table $family $name"; done
    cat "$1/nft"
}

rehearse() { # would what was saved be accepted?
    for firewall in $(firewalls); do
        [ ! -s "$armed.new/$firewall" ] || "$firewall-restore" --test <"$armed.new/$firewall" || return
    done
    if [ -s "$armed.new/nft" ]; then nft_text "$armed.new" >"$work/nft" && nft -c -f "$work/nft"; fi
}

# ---- arm, extend, confirm

save_path() { # save_path DIRECTORY PATH: a copy, or the note that nothing is there; of a directory only its mode
    ! path=$2 awk '{ sub(/^[^ ]+ [^ ]+ [^ ]+ /, "") } $0 == ENVIRON["path"] { found = 1 } END { exit !found }' \
        "$1/paths" || return 0
    number=$(($(wc -l <"$1/paths") + 1))
    if [ -d "$2" ] && [ ! -L "$2" ]; then
        echo "directory $(mode_of "$2") $2" >>"$1/paths"
    elif is_there "$2"; then
        cp -pP -- "$2" "$1/files/$number" && echo "copy $number - $2" >>"$1/paths"
    else
        echo "absent - - $2" >>"$1/paths"
    fi
}
save_unit() { # save_unit DIRECTORY UNIT, with the note of what it was last started with
    ! grep -q "^$2 " "$1/units" || return 0
    set -- "$1" "$2" "$(property "$2" UnitFileState)" "$(property "$2" ActiveState)" "$(property "$2" InvocationID)"
    echo "$2 ${3:-none} ${4:-none} ${5:-none}" >>"$1/units"
    save_path "$1" "$root/units/$2"
}
read_what() { # read_what DIRECTORY: standard input of arm
    while read -r kind what && [ "$kind" != undo ]; do
        case $kind in
            path) save_path "$1" "$what" || return ;;
            unit) save_unit "$1" "$what" || return ;;
        esac
    done
    cat >"$1/undo"
}

start_clock() { # start_clock DIRECTORY WINDOW: the timer runs, and the service will run at boot
    write "$1/window" "$2" && write "$1/boot" "$(cat /proc/sys/kernel/random/boot_id)" || return
    if [ "$2" -eq 0 ]; then
        write "$1/until" never
        return
    fi
    drop_in=$run/systemd/system/clusterctl-guard.timer.d
    printf '[Timer]\nOnActiveSec=\nOnActiveSec=%ss\n' "$2" >"$work/window.conf"
    write "$1/until" $(($(date +%s) + $2)) && write "$1/deadline" $(($(uptime_seconds) + $2)) || return
    if ! cmp -s "$work/window.conf" "$drop_in/window.conf"; then
        mkdir -p "$drop_in" && cat "$work/window.conf" >"$drop_in/window.conf" && systemctl daemon-reload || return
    fi
    systemctl is-enabled --quiet clusterctl-guard.service || systemctl enable --quiet clusterctl-guard.service || return
    systemctl restart clusterctl-guard.timer || return
    systemctl is-active --quiet clusterctl-guard.timer && systemctl is-enabled --quiet clusterctl-guard.service
}
stop_clock() {
    [ "$(cat "$armed/window" 2>/dev/null)" != 0 ] || return 0
    systemctl stop clusterctl-guard.timer
    systemctl disable --quiet clusterctl-guard.service
}

armed_for() { # armed_for PHASE NONCE, else it says why not
    if [ ! -f "$armed/complete" ]; then
        case $(say_state) in
            "rolled-back phase=$1 nonce=$2 "*) refuse 3 "too late: $(say_state)" ;;
            *) refuse 5 "not armed: $(say_state)" ;;
        esac
    fi
    [ ! -f "$armed/firing" ] || refuse 3 "too late: $(say_state)"
    [ "$1 $2" = "$(cat "$armed/phase") $(cat "$armed/nonce")" ] || refuse 5 "armed otherwise: $(say_state)"
}

arm() { # arm PHASE WINDOW NONCE [OWNER]
    take_lock short
    if [ -n "${4:-}" ] && [ "$1 $4" = "$(cat "$guard/taken-from" 2>/dev/null)" ] &&
        grep -qsv ' left=none$' "$guard/rolled-back"; then # it goes on while its node has gone back
        refuse 3 "this run's phase has been taken back, and not all of it: $(say_state)"
    fi
    [ ! -f "$armed/firing" ] || refuse 3 "a rollback has begun: $(say_state)"
    if [ -f "$armed/held" ] && [ "$(cat "$armed/phase")" = "$1" ]; then
        take_back asked </dev/null # what its rungs have taken off, the phase's steps might not bring again
    fi
    rm -f "$guard/rolled-back" # of an earlier run: told as this one's it would be a lie
    if [ -f "$armed/complete" ] && [ "$(cat "$armed/phase")" != "$1" ]; then
        [ "$(cat "$armed/window")" = 0 ] || refuse 4 "another phase is unconfirmed: $(say_state)"
        log "the state saved for $(cat "$armed/phase") gives way to $1"
        rm -rf "$armed"
    fi
    if [ -f "$armed/complete" ]; then # the same phase goes on: what was saved first is what counts
        has_room "$armed" || refuse 6 'the disk is full'
        read_what "$armed" || refuse 6 "cannot save all of $1's files"
        write "$armed/nonce" "$3" && write "$armed/owner" "${4:-}" || refuse 6 'the disk is full'
        start_clock "$armed" "$2" || refuse 6 "the timer cannot be started anew"
    else
        arm_anew "$@"
    fi
    sync
    log "armed for $1, window $2 s"
    say_state
}
arm_anew() {
    # It runs by itself again, by whoever's hand.
    if [ -f "$guard/member" ] && is_up "$(property k3s.service ActiveState)"; then stop_member >>"$guard/log" 2>&1; fi
    rm -rf "$armed" "$armed.new"
    mkdir -p "$armed.new/files"
    : >"$armed.new/paths"
    : >"$armed.new/units"
    echo "$1" >"$armed.new/phase"
    echo "$3" >"$armed.new/nonce"
    echo "${4:-}" >"$armed.new/owner"
    { sshd -T 2>/dev/null | awk '$1 == "port" { print $2 }' | grep . || echo 22; } | sort -u >"$armed.new/ssh-ports"
    keep_room "$armed.new" || refuse 6 'the disk is full: what is there could not be saved'
    # A directory whose member has left is none: the undo of a phase asks by this line. K3s that runs may just be making one.
    is_up "$(property k3s.service ActiveState)" || counts_in_etcd || echo "absent - - $etcd" >>"$armed.new/paths"
    ! ls -A "$etcd" 2>/dev/null | grep -qvx etcd || : >"$armed.new/beside-etcd" # snapshots, which go where the directory goes
    for path in $always_paths; do save_path "$armed.new" "$path"; done
    for unit in $k3s_units; do save_unit "$armed.new" "$unit"; done
    read_what "$armed.new" || refuse 6 "cannot save all of $1's files"
    firewall_units >"$armed.new/firewall-units"
    snapshot "$armed.new" 2>"$work/errors" || refuse 6 "cannot save the present rules: $(tail -n 1 "$work/errors")"
    keep_room "$armed.new" || refuse 6 'the disk is full: what is there could not be saved'
    rehearse >"$work/rehearsal" 2>&1 ||
        refuse 6 "the present rules could not be put back: $(tail -n 1 "$work/rehearsal")"
    sync
    ! cilium_runs || : >"$armed.new/cilium"
    : >"$armed.new/complete"
    rm -f "$guard/rolled-back"
    mv "$armed.new" "$armed"
    start_clock "$armed" "$2" && return
    stop_clock
    rm -rf "$armed"
    refuse 6 'the timer is not active or the service not enabled, so nothing would take the change back'
}

# More each time: where there is room after what was saved, all of that is there. It stays until the way back, which
# writes, too.
keep_room() { head -c 65536 /dev/zero >>"$1/room"; } # keep_room DIRECTORY
has_room() { # has_room DIRECTORY
    head -c 65536 /dev/zero >"$1/more" || set -- "$1" no
    rm -f "$1/more"
    [ $# -eq 1 ]
}

# While the guard fires it has the lock: whoever then gets in with phase and nonce leaves a mark for it.
gets_in() { # gets_in PHASE NONCE
    [ -f "$armed/firing" ] && [ "$1 $2" = "$(cat "$armed/phase") $(cat "$armed/nonce")" ] && note heard yes
} 2>/dev/null

extend() { # extend PHASE WINDOW NONCE
    if gets_in "$1" "$3"; then
        say_state
        exit 3
    fi
    take_lock short
    armed_for "$1" "$3"
    start_clock "$armed" "$2" || refuse 6 'the timer cannot be started anew'
    say_state
}

confirm() { # confirm PHASE NONCE [RUNG]; once more is no mistake
    if [ "$1 $2" = "$(cat "$guard/confirmed" 2>/dev/null)" ]; then
        echo "confirmed phase=$1"
        return
    fi
    ! gets_in "$1" "$2" || refuse 3 "too late: $(say_state)"
    take_lock short
    armed_for "$1" "$2"
    if [ -f "$armed/held" ]; then # a run that saw its gate hold does not know what has been taken off since
        [ "${3:-}" = "$(cat "$armed/rung")" ] || refuse 3 "too late: $(say_state)"
    fi
    # What a phase has only been lent so far is its own from here on; where that fails, the guard does not let go.
    [ ! -f "$armed/keep" ] || bounded 60 sh "$armed/keep" >>"$guard/log" 2>&1 ||
        refuse 6 'what the phase has changed could not be kept'
    stop_clock
    too=$(still_in_effect)
    [ ! -f "$guard/member" ] || stop_member >>"$guard/log" 2>&1
    echo "$1 $2" >"$guard/confirmed"
    rm -rf "$armed"
    log "confirmed: $1 stays$too"
    echo "confirmed phase=$1$too"
}

still_in_effect() { # what the quick rungs did before somebody got in
    [ -f "$armed/rung" ] || return 0
    for number in 1 2 3; do
        [ "$number" -gt "$(cat "$armed/rung")" ] || printf ' (rung %s stays: %s)' "$number" "$(quick_rung "$number")"
    done
}

# ---- the rungs: each may fail and may run twice; the next one is climbed all the same

rung() { # rung WORDS FUNCTION...
    words=$1 went=done
    shift
    log "$words"
    for part in "$@"; do "$part" >>"$guard/log" 2>&1 || went='not all of it'; done
    [ "$went" = done ] || log "$words: $went"
}

# Before anything else that takes time: whatever the rules say, SSH is let in. Putting the rules back removes this.
open_ssh() {
    while read -r port; do
        for firewall in $(firewalls); do
            "$firewall-save" 2>/dev/null | grep -qx '\*filter' || continue
            let_in "$firewall" INPUT --dport "$port"
            let_in "$firewall" OUTPUT --sport "$port"
        done
        nft_tables | while read -r family name; do
            nft list table "$family" "$name" | awk '$1 == "chain" { chain = $2 }
                /type filter hook (input|prerouting) / { print chain, "dport" }
                /type filter hook (output|postrouting) / { print chain, "sport" }' |
                while read -r chain side; do
                    nft insert rule "$family" "$name" "$chain" tcp "$side" "$port" accept comment '"clusterctl-guard"'
                done
        done
    done <"$armed/ssh-ports"
}
let_in() { # let_in FIREWALL CHAIN --dport|--sport PORT
    set -- "$1" "$2" -p tcp "$3" "$4" -m comment --comment clusterctl-guard -j ACCEPT
    program=$1 chain=$2
    shift 2
    "$program" -C "$chain" "$@" 2>/dev/null || "$program" -I "$chain" 1 "$@"
}

run_undo() { # the phase's own way back, while the services still run
    if [ ! -s "$armed/undo" ] || [ -f "$armed/undone" ]; then
        undo_failed=''
        return
    fi
    # K3s waits for this service, and would start first what is to be taken back; that may not cost the way in any time.
    if [ -z "$same_boot" ] && ! is_alone; then
        stop_unit k3s.service
        start_member
    fi
    undo_failed=yes
    note undo-failed yes
    if bounded 150 sh "$armed/undo" </dev/null; then
        note undone yes
        undo_failed=''
        rm -f "$armed/undo-failed"
        # Of an earlier phase that could not be undone it says that the node is still kept a member.
        if [ ! -f "$guard/member" ] || grep -qx "$(cat "$armed/phase")" "$guard/member"; then stop_member; fi
    elif is_alone; then
        return 1
    else
        write "$guard/member" "$(cat "$armed/phase")"
        return 1
    fi
}
is_alone() { [ -f "$armed/undo-alone" ]; }
# While K3s must not run, a member of etcd stays one as a server without an agent, which starts no container: two members
# have a quorum only together.
counts_in_etcd() { [ -d "$etcd/etcd/member" ] && [ ! -e "$etcd/etcd/tombstone" ]; }
start_member() {
    [ ! -d "$etcd/etcd/member" ] || systemctl enable --now "$member"
}
stop_member() {
    rm -f "$guard/member"
    [ ! -d "$etcd" ] || systemctl disable --now "$member"
}

stop_units() { # what the change started; and K3s, if the Cilium that the change brought would outlive the undo
    k3s_stays=''
    while read -r unit enabled active _ <&3; do
        now=$(property "$unit" ActiveState)
        [ "$now" != deactivating ] || now=active # an undo may have told it to stop
        if [ -n "$undo_failed" ] && ! is_alone && [ "$unit" = k3s.service ]; then
            # Whoever asked for it got in while K3s ran: then it runs on.
            if [ "$(cat "$armed/firing")" = asked ] && [ ! -f "$armed/had-fired" ] && is_up "$now"; then continue; fi
            keep_stopped "$unit"
            start_member
        elif is_up "$now" && ! is_up "$active"; then
            stop_unit "$unit"
        elif is_up "$now" && outlives_undo "$unit"; then
            keep_stopped "$unit"
        fi
        if ! is_enabled "$enabled" && is_enabled "$(property "$unit" UnitFileState)"; then systemctl disable "$unit"; fi
        if is_k3s "$unit" && is_up "$active" && ! is_kept_stopped "$unit"; then k3s_stays=yes; fi
    done 3<"$armed/units"
    [ -n "$k3s_stays" ] || is_up "$(property k3s.service ActiveState)" || kill_containers # also where K3s had ended by itself
}
keep_stopped() {
    stop_unit "$1"
    systemctl disable "$1"
    is_kept_stopped "$1" || echo "$1" >>"$armed/kept-stopped"
}
is_k3s() { case " $k3s_units " in *" $1 "*) ;; *) false ;; esac; }
outlives_undo() { is_k3s "$1" && cilium_runs && [ ! -f "$armed/cilium" ]; }
is_kept_stopped() { grep -qx "$1" "$armed/kept-stopped" 2>/dev/null; }
stop_unit() {
    bounded 60 systemctl stop "$1" || systemctl kill -s KILL "$1"
    case " $k3s_units " in *" $1 "*) kill_containers ;; esac
}
shims() { # of K3s' containers; not whoever has their name among its own words
    grep -l 'k3s/containerd' /proc/[0-9]*/cmdline 2>/dev/null | cut -d / -f 3 | while read -r pid; do
        if tr '\0' ' ' <"/proc/$pid/cmdline" | grep -q '^[^ ]*containerd-shim'; then echo "$pid"; fi
    done 2>/dev/null
}
kill_containers() { # K3s leaves its containers running: their shims and all descendants end here
    shims=$(shims)
    [ -n "$shims" ] || return 0
    cat /proc/[0-9]*/stat 2>/dev/null | awk -v shims="$shims" '
        BEGIN { split(shims, list, "\n"); for (i in list) doomed[list[i]] = 1 }
        { pid = $1; sub(/.*\) /, ""); parent[pid] = $2 }
        END {
            do {
                more = 0
                for (pid in parent) if (!(pid in doomed) && parent[pid] in doomed) more = doomed[pid] = 1
            } while (more)
            for (pid in doomed) print pid
        }' | xargs kill -9
}

detach() { # tc, TCX, XDP and cgroup programs that were not there
    attachments >"$work/attached"
    only_in_first "$work/attached" "$armed/attachments" >"$work/attached-new"
    while read -r link what more <&3; do
        case "$link $what $more" in
            pins*) rm -rf /sys/fs/bpf/cilium /sys/fs/bpf/tc/globals/cilium_* ;;
            cgroup*) detach_cgroups ;;
            *' tcx/'*) detach_tcx "$link" "$what" "$more" ;;
            *' xdp ') ip link set dev "$link" xdp off || ip link set dev "$link" xdpgeneric off ;;
            *' clsact ' | *' ingress ') tc qdisc del dev "$link" "$what" ;;
            *' pref '*)
                more=${more#*pref }
                tc filter del dev "$link" "$what" pref "${more%% *}" 2>/dev/null
                ;;
        esac
    done 3<"$work/attached-new"
    attachments >"$work/attached"
    only_in_first "$armed/attachments" "$work/attached" | while read -r link what more; do
        if [ -z "$more" ] && [ "$what" != xdp ]; then tc qdisc add dev "$link" "$what"; fi
    done
}
detach_tcx() { # detach_tcx LINK HOOK NAME: the newest link of that name; what has no link goes only if it is the last
    bpftool net show dev "$1" | grep -F " $2 " >"$work/tcx"
    id=$(grep -F " $3 prog_id " "$work/tcx" | sed -n 's/.* link_id \([0-9]*\).*/\1/p' | sort -n | tail -n 1)
    if [ -n "$id" ]; then
        bpftool link detach id "$id"
    elif tail -n 1 "$work/tcx" | grep -q -F " $3 prog_id "; then
        bpftool net detach "tcx_${2#tcx/}" dev "$1"
    fi
}
detach_cgroups() {
    bpftool cgroup tree | awk '/^\// { at = $1 } $NF ~ /^cil_/ { print at, $2, $1 }' | while read -r at type id; do
        bpftool cgroup detach "$at" "$type" id "$id"
    done
}

remove_links() {
    links >"$work/links"
    only_in_first "$work/links" "$armed/links" >"$work/links-new"
    # Where Cilium ran before, its pods' ends may belong to pods that it has started meanwhile, and serve on.
    pods='|lxc'
    [ ! -f "$armed/cilium" ] || pods=''
    grep -E "^(cilium_$pods|kube-ipvs0|flannel|cni0)" "$work/links-new" | while read -r link; do
        ! ip link show "$link" >/dev/null 2>&1 || ip link del "$link" # one end of a pair takes the other along
    done
}

restore_rules() { # exactly, but only where something differs; if that is refused, at least Cilium's rules go
    failed=0
    for firewall in $(firewalls); do
        "$firewall-save" >"$work/now" 2>/dev/null
        ! same_rules "$armed/$firewall" "$work/now" || continue
        restore_text "$armed/$firewall" "$work/now" >"$work/text"
        if "$firewall-restore" -w 5 <"$work/text" || "$firewall-restore" <"$work/text"; then continue; fi
        failed=1
        grep -v -e CILIUM_ -e 'cilium-feeder' "$work/now" | "$firewall-restore"
    done
    drop_empty_tables
    has nft || return "$failed"
    nft_rules >"$work/nft-now"
    cmp -s "$armed/nft" "$work/nft-now" && return "$failed"
    nft_text "$armed" >"$work/nft" && nft -f "$work/nft" && return "$failed"
}
drop_empty_tables() { # tables of iptables-nft that the change made
    has nft && has iptables-nft-save || return 0
    for of in ip:iptables-nft ip6:ip6tables-nft; do
        tables_of "${of#*:}" | while read -r name; do
            grep -qx "\*$name" "$armed/${of#*:}" || nft delete table "${of%%:*}" "$name"
        done
    done
}

reload_firewalls() { # who was started or reloaded since has other rules than were saved: they are loaded again
    firewall_units >"$work/firewall-units"
    only_in_first "$work/firewall-units" "$armed/firewall-units" | while read -r unit state _; do
        [ "$state" = ActiveState=active ] || continue
        echo "$unit was started or reloaded since: it is asked to load its rules again"
        word=firewall-reloaded
        bounded 20 systemctl reload-or-restart "$unit" </dev/null || word=firewall-not-reloaded
        echo "$word:$unit" >>"$armed/reloaded"
    done
}

restore_routes() { # rules and routes by difference: away with the new ones, back with the old ones
    for family in 4 6; do
        ip "-$family" rule show | sed 's/[[:space:]]*$//' >"$work/rules"
        only_in_first "$work/rules" "$armed/rules-$family" | each_rule del
        only_in_first "$armed/rules-$family" "$work/rules" | each_rule add
        for pass in 1 2; do # a route may need another one first
            routes "$family" >"$work/routes"
            only_in_first "$work/routes" "$armed/routes-$family" | each_route del
            only_in_first "$armed/routes-$family" "$work/routes" | each_route add
        done
    done
}
each_rule() { # the text that ip shows is what it takes: words, on purpose not quoted
    while read -r rule; do
        # shellcheck disable=SC2086
        ip "-$family" rule "$1" pref "${rule%%:*}" ${rule#*:}
    done
}
each_route() {
    while read -r route; do
        # shellcheck disable=SC2086
        ip "-$family" route "$1" $route
    done
}

restore_sysctls() { # twice, because some settings set others
    for pass in 1 2; do
        sysctls >"$work/sysctls"
        only_in_first "$armed/sysctls" "$work/sysctls" | while read -r setting value; do
            if [ -f "$setting" ]; then echo "$value" >"$setting"; fi
        done
    done
}

restore_files() { # what was not there goes, the innermost first; then what was there comes back
    [ -z "$undo_failed" ] || return 0
    awk '{ line[NR] = $0 } END { for (i = NR; i; i--) print line[i] }' "$armed/paths" >"$work/paths"
    while read -r kind what owner path <&3; do
        [ "$kind" = absent ] || continue
        if [ ! -d "$path" ] || [ -L "$path" ]; then
            rm -f "$path"
        else
            rmdir "$path" 2>/dev/null || move_aside "$path"
        fi
    done 3<"$work/paths"
    while read -r kind what owner path <&3; do
        case $kind in
            directory) mkdir -p "$path" && chmod "$what" "$path" && chown "$owner" "$path" ;;
            copy) ! file_differs "$armed/files/$what" "$path" || put_back "$armed/files/$what" "$path" ;;
        esac
    done 3<"$armed/paths"
    if [ ! -f "$armed/cilium" ]; then
        for renamed in /etc/cni/net.d/*.cilium_bak; do
            [ ! -f "$renamed" ] || mv -f "$renamed" "${renamed%.cilium_bak}"
        done
    fi
}
move_aside() { # never deleted: the data of etcd may be in it; nor put into an earlier one, where the clock was set back
    aside=$1.clusterctl-$(date +%s)
    while is_there "$aside"; do aside=$aside.again; done
    mv "$1" "$aside" && log "$1 has been moved aside" || return
    if [ "$1" = "$etcd" ] && [ -f "$armed/beside-etcd" ]; then note moved "$aside"; fi
}
put_back() { # put_back SAVED PATH
    if [ -d "$2" ] && [ ! -L "$2" ]; then move_aside "$2" || return; fi
    mkdir -p "$(dirname "$2")" && cp -pP "$1" "$2.clusterctl-back" || return
    if [ -L "$2" ]; then rm -f "$2"; fi # else a link to a directory would take the file in
    mv -f "$2.clusterctl-back" "$2"
}
file_differs() { # file_differs SAVED PATH
    if [ -L "$1" ]; then
        [ "$(readlink "$1")" != "$(readlink "$2" 2>/dev/null)" ]
    else
        [ -L "$2" ] || [ ! -f "$2" ] || ! cmp -s "$1" "$2" || [ "$(mode_of "$1")" != "$(mode_of "$2")" ]
    fi
}

restore_units() { # started without waiting, because this very service is ordered before K3s
    has systemctl || return 0
    systemctl daemon-reload
    while read -r unit enabled active invocation <&3; do
        ! is_kept_stopped "$unit" || continue
        if is_enabled "$enabled" && ! is_enabled "$(property "$unit" UnitFileState)"; then systemctl enable "$unit"; fi
        if ! is_up "$active"; then
            # The failure was of what has been taken back.
            [ "$active" = failed ] || [ "$(property "$unit" ActiveState)" != failed ] || systemctl reset-failed "$unit"
            continue
        fi
        if ! is_up "$(property "$unit" ActiveState)"; then
            systemctl start --no-block "$unit"
        elif [ "$(property "$unit" InvocationID)" != "$invocation" ]; then
            systemctl restart --no-block "$unit" # it was started with what has been taken back
        fi
    done 3<"$armed/units"
    [ ! -f "$guard/member" ] || is_up "$(property k3s.service ActiveState)" || start_member
}

# ---- what could not be put back, a word each

leftovers() {
    if [ -n "$same_boot" ]; then
        snapshot "$work/after"
        for firewall in $(firewalls); do same_rules "$armed/$firewall" "$work/after/$firewall" || echo "$firewall"; done
        cmp -s "$armed/nft" "$work/after/nft" || echo nft
        only_in_first "$armed/sysctls" "$work/after/sysctls" | sed 's/^/sysctl:/'
        for part in rules-4 rules-6 routes-4 routes-6 links attachments; do
            { only_in_first "$armed/$part" "$work/after/$part" && only_in_first "$work/after/$part" "$armed/$part"; } |
                grep -v '^veth' | sed "s|^|$part:|"
        done
    fi
    [ -z "$undo_failed" ] || echo undo:not-done
    [ -n "$undo_failed" ] || while read -r kind what owner path; do
        case $kind in
            absent) ! is_there "$path" || echo "file:$path" ;;
            copy) ! file_differs "$armed/files/$what" "$path" || echo "file:$path" ;;
            directory) [ "$(mode_of "$path" 2>/dev/null)" = "$what $owner" ] || echo "file:$path" ;;
        esac
    done <"$armed/paths"
    while read -r unit enabled active _; do
        ! is_up "$(property "$unit" ActiveState)" || is_up "$active" || echo "unit:$unit:still-active"
        if is_kept_stopped "$unit"; then
            echo "unit:$unit:kept-stopped"
        elif is_enabled "$enabled" && ! is_enabled "$(property "$unit" UnitFileState)"; then
            echo "unit:$unit:not-enabled"
        fi
    done <"$armed/units"
    for said in "$armed/reloaded" "$armed/links-left"; do [ ! -f "$said" ] || cat "$said"; done
    [ ! -f "$armed/moved" ] || sed 's/^/moved-to:/' "$armed/moved"
}

# ---- the way back. When the clock has run out nobody got in: then the quick rungs come first, each with a wait for a
# new connection, which ends the climb. Else, and when nobody came, all rungs, with the phase's own undo.

quick_rung() { # quick_rung NUMBER: its words
    case $1 in
        1) echo 'an accept rule for SSH ahead of everything' ;;
        2) echo 'what this change attached is taken off' ;;
        3) echo 'the network as it was saved' ;;
    esac
}

climb() { # climb NUMBER: the quick rungs from this one on; true as soon as somebody got in
    for number in 1 2 3; do
        [ "$number" -ge "$1" ] || continue
        note rung "$number"
        words="rung $number of 3: $(quick_rung "$number")"
        case $number in
            1) rung "$words" open_ssh ;;
            2) rung "$words" detach remove_links ;;
            3) rung "$words" restore_rules restore_routes restore_sysctls ;;
        esac
        log "rung $number of 3: $went; waiting $wait s for a new connection"
        if somebody_gets_in && hold; then return; fi
    done
    return 1
}
somebody_gets_in() {
    waited=0
    until [ -f "$armed/heard" ]; do
        [ "$waited" -lt "$wait" ] || return
        sleep 1
        waited=$((waited + 1))
    done
}
hold() { # as unconfirmed as before, with a whole window, and with what the rungs did so far
    log "a new connection got in after rung $number: the climb stops here"
    if start_clock "$armed" "$(cat "$armed/window")" >>"$guard/log" 2>&1; then
        mv "$armed/firing" "$armed/held"
        log "$(say_state)"
    else
        log 'the clock cannot be started anew: the way back goes on' && return 1
    fi
}

take_back() { # take_back BECAUSE
    trap '' TERM INT HUP PIPE
    rm -f "$armed/room"
    if [ -f "$armed/firing" ]; then
        from=$(cat "$armed/rung") # killed in the middle: this one again
    elif [ -f "$armed/held" ]; then
        note had-fired yes
        from=$(($(cat "$armed/rung") + 1))
        rm -f "$armed/heard"
    else
        from=1
        note rung 1
    fi
    [ -f "$armed/firing" ] || note firing "$1"
    rm -f "$armed/held"
    log "taking $(cat "$armed/phase") back, because: $1"
    undo_failed='' same_boot=''
    if [ -f "$armed/undo-failed" ]; then undo_failed=yes; fi
    if [ "$(cat "$armed/boot")" = "$(cat /proc/sys/kernel/random/boot_id)" ]; then same_boot=yes; fi
    if [ "$same_boot $(cat "$armed/firing")" = 'yes deadline' ] && [ "$1" != asked ] && [ "$from" != whole ]; then
        if climb "$from"; then return; fi
        log 'nobody got in: the whole way'
    fi
    note rung whole
    # A reboot has undone by itself what is of the running kernel.
    if [ -n "$same_boot" ]; then rung '1 of 10: an accept rule for SSH ahead of everything' open_ssh; fi
    rung "2 of 10: the phase's own undo" run_undo
    rung '3 of 10: stop what the change started' stop_units
    if [ -n "$same_boot" ]; then
        rung '4 of 10: detach programs from links' detach
        rung '5 of 10: remove links' remove_links
        rung '6 of 10: firewall rules' restore_rules reload_firewalls
        rung '7 of 10: rules and routes' restore_routes
        rung '8 of 10: kernel settings' restore_sysctls
    fi
    rung '9 of 10: files' restore_files
    rung '10 of 10: units' restore_units
    left=$(leftovers 2>>"$guard/log" | tr -s ' \t' '__' | sort -u | paste -s -d , -)
    echo "rolled-back phase=$(cat "$armed/phase") nonce=$(cat "$armed/nonce") at=$(date +%s)" \
        "because=$(cat "$armed/firing") left=${left:-none}" >"$guard/rolled-back"
    echo "$(cat "$armed/phase") $(cat "$armed/owner" 2>/dev/null)" >"$guard/taken-from"
    log "$(cat "$guard/rolled-back")"
    sync
    rm -rf "$guard/last" "$armed/files" "$armed/interfaces"
    window=$(cat "$armed/window")
    mv "$armed" "$guard/last"
    [ "$window" = 0 ] && return
    systemctl stop clusterctl-guard.timer
    systemctl disable --quiet clusterctl-guard.service
}

fire() {
    [ -f "$armed/complete" ] || return 0
    take_lock long
    [ -f "$armed/complete" ] && [ "$(cat "$armed/window")" != 0 ] || return 0
    if [ -f "$armed/firing" ]; then
        take_back 'it was not finished'
    elif [ "$(cat "$armed/boot")" != "$(cat /proc/sys/kernel/random/boot_id)" ]; then
        take_back boot
    elif [ $(($(uptime_seconds) + 1)) -lt "$(cat "$armed/deadline")" ]; then
        log 'a sign of life came just before the deadline'
        systemctl restart clusterctl-guard.timer
    else
        take_back deadline
    fi
}

is_one_of() { # is_one_of NONCE PHASE NONCE...; without any, all are
    wanted=$1
    shift 2
    [ $# -gt 0 ] || return 0
    for nonce; do
        if [ "$nonce" = "$wanted" ]; then return 0; fi
    done
    return 1
}

rollback() { # rollback PHASE [NONCE...]; once more is no mistake
    take_lock long
    if [ -f "$armed/complete" ]; then
        [ "$(cat "$armed/phase")" = "$1" ] && is_one_of "$(cat "$armed/nonce")" "$@" ||
            refuse 5 "armed otherwise: $(say_state)"
        take_back asked
    fi
    case $(say_state) in
        "rolled-back phase=$1 "*) say_state ;;
        *) refuse 5 "not armed: $(say_state)" ;;
    esac
}

case ${1:-}/$# in
    lib/1) ;; # read in by a program that uses its functions
    arm/[45] | extend/4 | confirm/[34] | rollback/[2-9] | fire/1) "$@" ;;
    state/1) say_state ;;
    report/1)
        say_state
        [ ! -f "$guard/log" ] || tail -n 60 "$guard/log"
        ;;
    *)
        sed -n '2,/^$/s/^# \{0,1\}//p' "$0" >&2
        exit 2
        ;;
esac
