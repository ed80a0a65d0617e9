#!/bin/sh
# clusterctl's guard of a router: takes a change of FRR back by itself unless a new SSH connection confirms it.
#
#   arm PHASE WINDOW NONCE     save what runs and start the clock (WINDOW 0: save only); standard input has lines
#       [OWNER]                "path P", then a line "undo"
#   extend PHASE WINDOW NONCE  a sign of life: the window starts anew
#   confirm PHASE NONCE        the change stays, and is what FRR starts with after a reboot
#   rollback PHASE [NONCE...]  take it back now; with nonces only what one of them has armed
#   kept                       whether sessions that were established when it was armed still are
#   watch                      the clock: ends with the rollback, or when nothing is armed any more
#   state, report              one line; one line and the end of the log
#
# States and exit statuses are those of a node's guard. FRR itself forgets at a reboot what was not written, so that only
# the files are taken back then, when this is asked the next time. Needs frr.sh beside it.

PATH=${PATH:-/usr/bin:/bin}:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
LC_ALL=C
export PATH LC_ALL
umask 077
guard=${CLUSTERCTL_STATE:-/var/lib/clusterctl}/guard
armed=$guard/armed       # phase, nonce, owner, cluster, window, until, deadline, boot, paths, files/, running, established;
                         # firing and written: how far it is
run=${CLUSTERCTL_RUN:-/run}
[ -d "$run" ] || run=/var/run
lock=$run/clusterctl-router-guard.lock
log=$guard/log
mkdir -p "$guard"

log() { printf '%s %s\n' "$(date '+%Y-%m-%d %H:%M:%S')" "$*" >>"$log"; }
refuse() { # refuse STATUS WORDS
    refused=$1
    shift
    log "refused: $*"
    echo "$*" >&2
    exit "$refused"
}
frr() { sh "$guard/frr.sh" "$@"; }
fv() { if command -v timeout >/dev/null; then timeout 120 vtysh "$@"; else vtysh "$@"; fi; }
boot() { cat /proc/sys/kernel/random/boot_id 2>/dev/null || sysctl -n kern.boottime; }
clock() { # seconds by a clock that nobody sets, where there is one
    { read -r now rest </proc/uptime; } 2>/dev/null || now=$(date +%s)
    echo "${now%%.*}"
}
write() { # write FILE WORDS: all of it or, on a full disk, nothing
    echo "$2" >"$1.$$" && mv -f "$1.$$" "$1" && return
    rm -f "$1.$$"
    return 1
}

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
take_lock() {
    waited=0
    until try_lock; do
        waited=$((waited + 1))
        [ "$waited" -lt 240 ] || refuse 6 "another guard (process $owner) does not end"
        sleep 1
    done
    let_go_at_exit
}
let_go_at_exit() {
    trap 'rm -f "$lock"' EXIT
    trap 'exit 143' TERM INT HUP
}
let_go() {
    rm -f "$lock"
    trap - EXIT # what is there from now on is another's
}

say_state() {
    if [ -f "$armed/complete" ]; then
        of="phase=$(cat "$armed/phase") nonce=$(cat "$armed/nonce")"
        if [ -f "$armed/firing" ]; then
            echo "firing $of because=$(cat "$armed/firing") rung=whole"
        else
            echo "armed $of until=$(cat "$armed/until" 2>/dev/null || echo unknown)"
        fi
    elif [ -f "$guard/rolled-back" ]; then
        cat "$guard/rolled-back"
    else
        echo none
    fi
}

# ---- arm, extend, confirm

arm() { # arm PHASE WINDOW NONCE [OWNER]
    take_lock
    settle
    if [ -n "${4:-}" ] && [ "$1 $4" = "$(cat "$guard/taken-from" 2>/dev/null)" ] &&
        grep -qsv ' left=none$' "$guard/rolled-back"; then # it goes on while its router has gone back
        refuse 3 "this run's phase has been taken back, and not all of it: $(say_state)"
    fi
    rm -f "$guard/rolled-back" # of an earlier run: told as this one's it would be a lie
    if [ -f "$armed/complete" ] && [ "$(cat "$armed/phase")" != "$1" ]; then
        [ "$(cat "$armed/window")" = 0 ] || refuse 4 "another phase is unconfirmed: $(say_state)"
        rm -rf "$armed"
    fi
    # The same phase goes on: what was saved first is what counts.
    [ -f "$armed/complete" ] || save "$1" || refuse 6 "the present state cannot be saved: $(tail -n 1 "$log")"
    write "$armed/nonce" "$3" && write "$armed/owner" "${4:-}" || refuse 6 'the disk is full'
    start_clock "$2" || refuse 6 'the clock does not run, so nothing would take the change back'
    sync
    log "armed for $1, window $2 s"
    say_state
}
save() { # save PHASE
    rm -rf "$armed" "$armed.new"
    mkdir -p "$armed.new/files" && : >"$armed.new/paths" && write "$armed.new/phase" "$1" || return
    write "$armed.new/boot" "$(boot)" || return
    while read -r kind path && [ "$kind" != undo ]; do
        [ "$kind" = path ] || continue
        number=$(($(wc -l <"$armed.new/paths") + 1))
        if [ -e "$path" ]; then
            cp -p "$path" "$armed.new/files/$number" && echo "copy $number $path" >>"$armed.new/paths" || return
        else
            echo "absent - $path" >>"$armed.new/paths" || return
        fi
    done
    fv -c 'show running-config' >"$armed.new/running" 2>>"$log" && [ -s "$armed.new/running" ] || return
    frr established >"$armed.new/established" 2>>"$log" || return
    : >"$armed.new/complete" && mv "$armed.new" "$armed"
}
start_clock() { # start_clock WINDOW
    write "$armed/window" "$1" || return
    if [ "$1" = 0 ]; then
        write "$armed/until" never
        return
    fi
    write "$armed/until" $(($(date +%s) + $1)) && write "$armed/deadline" $(($(clock) + $1)) || return
    ! watches || return 0
    # It must outlive the session that starts it, and on systemd also what ends the session's processes.
    if [ -d /run/systemd/system ] && command -v systemd-run >/dev/null; then
        systemd-run --quiet --collect --unit="clusterctl-router-guard-$$" -p Restart=on-failure -p RestartSec=1 \
            /bin/sh "$guard/guard.sh" watch 2>>"$log"
    elif command -v daemon >/dev/null; then
        daemon -f /bin/sh "$guard/guard.sh" watch 2>>"$log"
    else
        (setsid nohup /bin/sh "$guard/guard.sh" watch </dev/null >/dev/null 2>&1 &)
    fi
    waited=0
    until watches; do
        [ "$waited" -lt 5 ] || return
        waited=$((waited + 1))
        sleep 1
    done
}
watches() { [ -f "$armed/watch" ] && is_guard "$(cat "$armed/watch")"; }

# What a reboot has taken back, or a killed guard has begun to.
settle() {
    [ -f "$armed/complete" ] || return 0
    if [ -f "$armed/firing" ]; then
        take_back 'it was not finished'
    elif [ "$(cat "$armed/boot")" != "$(boot)" ]; then
        take_back boot
    fi
}
armed_for() { # armed_for PHASE NONCE, else it says why not
    settle
    if [ ! -f "$armed/complete" ]; then
        case $(say_state) in
            "rolled-back phase=$1 nonce=$2 "*) refuse 3 "too late: $(say_state)" ;;
            *) refuse 5 "not armed: $(say_state)" ;;
        esac
    fi
    [ "$1 $2" = "$(cat "$armed/phase") $(cat "$armed/nonce")" ] || refuse 5 "armed otherwise: $(say_state)"
}

extend() { # extend PHASE WINDOW NONCE
    take_lock
    armed_for "$1" "$3"
    start_clock "$2" || refuse 6 'the clock cannot be started anew'
    say_state
}

confirm() { # confirm PHASE NONCE; once more is no mistake
    if [ "$1 $2" = "$(cat "$guard/confirmed" 2>/dev/null)" ]; then
        echo "confirmed phase=$1"
        return
    fi
    take_lock
    armed_for "$1" "$2"
    write "$armed/written" yes || refuse 6 'the disk is full'
    said=$(write_memory) || refuse 6 "FRR does not keep the change: $said"
    write "$guard/confirmed" "$1 $2"
    rm -rf "$armed"
    forget
    log "confirmed: $1 stays"
    echo "confirmed phase=$1"
}
write_memory() { # and whether all of it is there afterwards
    said=$(fv -c 'write memory' 2>&1) || { echo "$said" | tail -n 1 && return 1; }
    echo "$said" >>"$log"
    grep ' /.*/clusterctl-.*\.conf$' "$armed/paths" | while read -r kind number path; do
        cluster=${path##*/clusterctl-}
        wanted=$path
        [ -f "$path" ] || wanted=/dev/null # the cluster's part is gone with its file
        frr runs "${cluster%.conf}" "$wanted" || { echo "what runs is not as $path has it" && return 1; }
        frr saved "${cluster%.conf}" "$wanted" || { echo "what was written is not as $path has it" && return 1; }
    done
}

kept() {
    [ -f "$armed/complete" ] || return 0
    frr keeps "$armed/established"
}

# ---- the way back

take_back() { # take_back BECAUSE
    trap '' TERM INT HUP PIPE
    [ -f "$armed/firing" ] || write "$armed/firing" "$1"
    log "taking $(cat "$armed/phase") back, because: $1"
    left=$(restore 2>>"$log" | sort -u | paste -s -d , -)
    write "$guard/rolled-back" "rolled-back phase=$(cat "$armed/phase") nonce=$(cat "$armed/nonce" 2>/dev/null) at=$(
        date +%s) because=$(cat "$armed/firing") left=${left:-none}"
    write "$guard/taken-from" "$(cat "$armed/phase") $(cat "$armed/owner" 2>/dev/null)"
    log "$(cat "$guard/rolled-back")"
    sync
    rm -rf "$guard/last"
    mv "$armed" "$guard/last"
    [ -n "$left" ] || forget
}
forget() { rm -rf "$guard/last/files" "$guard/last/running"; } # there are passwords in it, of whatever FRR speaks
restore() { # prints what could not be put back, a word each
    while read -r kind number path <&3; do
        cluster=${path##*/clusterctl-}
        cluster=${cluster%.conf}
        case $path in */clusterctl-*.conf) frr back "$cluster" "$armed/running" >>"$log" || echo "running:$cluster" ;; esac
        case $kind in
            copy) cp -p "$armed/files/$number" "$path.clusterctl-back" && mv -f "$path.clusterctl-back" "$path" ;;
            absent) rm -f "$path" ;;
        esac || echo "file:$path"
    done 3<"$armed/paths"
    [ ! -f "$armed/written" ] || fv -c 'write memory' >>"$log" 2>&1 || echo saved-configuration
}

watch() {
    write "$armed/watch" "$$" || log 'the disk is full: it watches all the same'
    while [ -f "$armed/complete" ] && ! is_replaced; do
        # However long the lock is another's: there is nobody else who would.
        if [ "$(clock)" -ge "$(cat "$armed/deadline")" ] && try_lock; then
            let_go_at_exit
            # Somebody may have come before the lock was free.
            [ ! -f "$armed/complete" ] || [ "$(clock)" -lt "$(cat "$armed/deadline")" ] || take_back deadline
            let_go
        fi
        sleep 1
    done
}
is_replaced() { # whether another one watches, since a restart or another change
    [ -f "$armed/watch" ] && [ "$(cat "$armed/watch")" != "$$" ] && watches
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
    take_lock
    settle
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
    arm/[45] | extend/4 | confirm/3 | rollback/[2-9] | watch/1 | kept/1) "$@" ;;
    state/1) say_state ;;
    report/1)
        say_state
        [ ! -f "$log" ] || tail -n 60 "$log"
        ;;
    *)
        sed -n '2,/^$/s/^# \{0,1\}//p' "$0" >&2
        exit 2
        ;;
esac
