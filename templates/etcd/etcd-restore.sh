# etcd-restore TASK ATTEMPT SNAPSHOT [ARGUMENT...]: a snapshot takes the place of etcd's data, in steps that may each be ended
# in the middle and begun again. "done TASK ATTEMPT SNAPSHOT [ARGUMENT...]" succeeds where a step is not needed any more.
#
#   place . .              whether the data here can be moved aside by giving them another name, and etcd can be asked at the end
#   data . .               "own", "aside" or "none": whether there are data of the cluster's, and where; "kept" behind it where
#                          the guard keeps this node a member in place of K3s
#   check . SNAPSHOT URL.. whether the snapshot is whole, was taken with this token, and finds room; and whether servers that are
#                          left out, whose API is at these URLs, are dead
#   stop                   K3s is stopped here, and does not start with the machine
#   reset                  on one server: its data make way for the snapshot's, as a cluster of one
#   aside .. URL           on the others: their data make way, and they will join through URL
#   forget .. NODE...      the cluster takes the node passwords that these nodes have now
#   restart .. UNIT        on a worker
#   end                    nothing of this is under way any more
#   prove . SNAPSHOT       whether the cluster that answers is the snapshot's
#   cluster . .            the number of the cluster that etcd here belongs to, and those of its members
#   proof . .              what was proven before the end
#   recover . .            what was begun and has not got as far as new data is given up, and K3s is started where it has data
#
# What was there is moved aside and never deleted. A stage is on the disk before the next step begins. 'resetting' is noted after
# the data were moved: what is in their place from then on is what K3s has made of the snapshot.
root=/var/lib/clusterctl/etcd guard=/var/lib/clusterctl/guard server=/var/lib/rancher/k3s/server config=/etc/rancher/k3s
new_token=/var/lib/clusterctl/token/next
db=$server/db/etcd join=$config/config.yaml.d/90-clusterctl-restore.yaml run=clusterctl-etcd-reset member=clusterctl-etcd.service
looks=''
if [ "$1" = 'done' ]; then looks=yes && shift; fi
task=$1 attempt=$2 snapshot=$3
[ $# -lt 3 ] || shift 3
umask 077
LC_ALL=C
export LC_ALL

refuse() {
    echo "$*" >&2
    exit 1
}
rank() {
    case $1 in stopped) echo 1 ;; resetting) echo 2 ;; reset | aside) echo 3 ;; restarted) echo 4 ;; ended) echo 9 ;; *) echo 0 ;; esac
}
of='' stage='' what=''
[ ! -f "$root/restore" ] || read -r of stage what <"$root/restore"
reached() { [ "$of" = "$attempt" ] && [ "$(rank "$stage")" -ge "$(rank "$1")" ]; }
note() {
    stage=$1 of=$attempt
    mkdir -p "$root" && echo "$attempt $1 $snapshot" >"$root/restore.new" && sync &&
        mv -f "$root/restore.new" "$root/restore" && sync || refuse "$root/restore cannot be written"
}
begun() {
    reached "$1" || refuse "this node has not come to '$1' in this restore"
    is_stopped || refuse "K3s runs here, or would start with the machine, though it was stopped for this restore: it was started in between"
}
property() { systemctl show -p "$2" -- "$1" 2>/dev/null | sed -n "s/^$2=//p"; }
kubectl() { k3s kubectl --request-timeout=5s "$@" </dev/null; }

is_off() { # neither runs nor starts with the machine; what systemd does not answer is no yes
    case $(property "$1" LoadState) in '') return 1 ;; not-found) return 0 ;; esac
    case $(property "$1" UnitFileState) in enabled*) return 1 ;; esac
    case $(property "$1" ActiveState) in inactive | failed) ;; *) return 1 ;; esac
}
is_stopped() { is_off k3s.service && is_off "$member"; }

# Only a new name is given or not given. A copy, which mv makes between file systems, may be cut short and pass for the data.
place() {
    [ -e "$db" ] || [ -L "$db" ] || return 0
    at=$(cd "$server" && pwd -P) && there=$(stat -c %d "$server/.") && here=$(stat -c %d "$db") || refuse "$db cannot be looked at"
    if [ -L "$db" ] || [ -L "$server/db" ] || [ "$here" != "$there" ] ||
        awk -v at="$at/db" '$5 == at || $5 == at "/etcd" { found = 1 } END { exit !found }' /proc/self/mountinfo; then
        refuse "$db is a mount, in a mount of its own, or a link: it could not be moved aside to $server in one piece"
    fi
}

data() {
    where=none
    case $stage in
    stopped | resetting) [ ! -d "$server/etcd-before-$of/member" ] || where=aside ;;
    esac
    # What K3s has made in 'resetting' is nobody's data.
    [ "$where" = aside ] || [ "$stage" = resetting ] || [ ! -d "$db/member" ] || where=own
}
is_kept() { [ -f "$guard/member" ]; }

find_snapshot() { # sets $path
    case $snapshot in
    /*) path=$snapshot ;;
    *)
        folder=$(sed -n 's/^etcd-snapshot-dir:[ "'\'']*\([^"'\'']*\).*/\1/p' "$config/config.yaml" 2>/dev/null)
        path=${folder:-$server/db/snapshots}/$snapshot
        ;;
    esac
    [ -f "$path" ] || refuse "there is no snapshot $path here"
}
is_compressed() { [ "$(od -An -tx1 -N2 "$path" | tr -d ' ')" = 504b ]; }
words() { tr -c '[:alnum:]/-' '\n' <"$path"; } # texts in the snapshot, whatever is between them

is_dead() { # is_dead URL: nothing takes a connection there; who does and says nothing is alive
    took=$(curl -gsk --noproxy '*' -o /dev/null --connect-timeout 5 -m 8 -w '%{num_connects}' "$1")
    case $?/$took in 7/0 | 28/0) ;; *) return 1 ;; esac
}
check_dead() { # check_dead URL...
    [ $# -eq 0 ] || command -v curl >/dev/null || refuse "curl is not there, and without it nobody knows whether the servers that are left out are dead"
    for url in "$@"; do
        is_dead "$url/ping" && is_dead "${url%:*}:2380/" ||
            refuse "the server at $url is left out of this restore, and answers: it could go on as the earlier cluster; stop it for good first"
    done
}

check() {
    check_dead "$@"
    ! has_reset || return 0 # its data are made of it already, and need no more room
    find_snapshot
    size=$(wc -c <"$path")
    free=$(df -Pk "$server/db" 2>/dev/null || df -Pk "$server" 2>/dev/null || df -Pk /var/lib)
    free=$(printf '%s\n' "$free" | awk 'END { print $4 }')
    [ "$free" -gt $((size * 2 / 1024)) ] || refuse "only $free KiB are free below $server, and the data need twice the snapshot's $((size / 1024))"
    token=$(cat "$config/token" 2>/dev/null || cat "$server/token" 2>/dev/null)
    [ -n "$token" ] || refuse "there is no token here, and without the cluster's own a snapshot cannot be read"
    ! is_compressed || return 0 # K3s itself looks into it
    # What etcd sends as a snapshot ends with the digest of all before.
    [ $((size % 512)) -eq 32 ] || refuse "$path is no whole snapshot of etcd: it has $size bytes"
    digest=$(head -c $((size - 32)) "$path" | sha256sum)
    [ "${digest%% *}" = "$(tail -c 32 "$path" | od -An -tx1 | tr -d ' \n')" ] || refuse "$path is damaged: its checksum is another one"
    # K3s keeps what it encrypts with the token under a name made from it (pkg/cluster/encrypt.go).
    case $token in K10*::*:*) token=${token#*::} token=${token#*:} ;; esac
    name=$(printf %s "$token" | sha256sum | cut -c 1-12)
    words | grep -qF "/bootstrap/$name" ||
        refuse "$path was taken of a cluster with another token than this one's: K3s could not read it; put that cluster's token into the inventory (k3s.token)"
}

stop_unit() {
    [ "$(property "$1" LoadState)" != not-found ] || return 0
    systemctl disable --quiet "$1" 2>/dev/null # read back below
    timeout 60 systemctl stop "$1" || systemctl kill --kill-who=main -s KILL "$1" # containers go on
    left=10
    while [ "$left" -gt 0 ]; do
        case $(property "$1" ActiveState) in inactive | failed) break ;; esac
        sleep 1
        left=$((left - 1))
    done
    [ "$left" -gt 0 ] || refuse "$1 does not stop"
    is_off "$1" || refuse "$1 would start with the machine: 'systemctl disable $1' does not do it"
}
move_aside() { # once: two of them are there only where K3s has run in between, and nobody knows which is wanted
    [ -e "$db" ] || return 0
    [ ! -e "$aside" ] || refuse "$db and $aside are both there: K3s has run here in between"
    place
    mv "$db" "$aside" && sync || refuse "$db could not be moved to $aside"
}

reset() {
    find_snapshot
    [ "$of $stage" != "$attempt aside" ] || refuse "this server's data have made way for those of another one: it cannot begin the cluster"
    begun stopped
    systemctl stop "$run.service" 2>/dev/null # of a run that was killed
    systemctl reset-failed "$run.service" 2>/dev/null
    if reached resetting; then
        rm -rf "$db" || exit 1 # what an earlier try has made
    else
        move_aside
        note resetting
    fi
    rm -f "$join" # of an earlier restore that began on another server
    plain=$root/reset.yaml # K3s resets nothing while it is told where to join
    rm -rf "$plain" "$plain.d"
    mkdir -p "$plain.d"
    for file in "$config"/config.yaml "$config"/config.yaml.d/*.y*ml; do
        [ -f "$file" ] || continue
        case $file in */config.yaml.d/*) copy=$plain.d/${file##*/} ;; *) copy=$plain ;; esac
        grep -v -E "^[\"']?server[\"']?\+?[[:space:]]*:" "$file" >"$copy"
    done
    [ -s "$plain" ] || refuse "there is no $config/config.yaml"
    systemd-run --quiet --wait --unit="$run" --description='K3s restores a snapshot of etcd' \
        --property=RuntimeMaxSec=270 /usr/local/bin/k3s server --config "$plain" \
        --cluster-reset "--cluster-reset-restore-path=$path" --etcd-s3=false || {
        said=$(journalctl -q -o cat -n 40 -u "$run.service" 2>/dev/null | grep -E 'level=(fatal|error)' | tail -n 1)
        systemctl reset-failed "$run.service" 2>/dev/null
        refuse "K3s could not restore $path: ${said:-see journalctl -u $run}"
    }
    [ -d "$db/member" ] || refuse "K3s says that it has restored $path, and there are no data in $db"
    note reset
}

set_aside() { # set_aside URL
    begun stopped
    [ "$stage" != resetting ] || refuse "this server has begun to restore the snapshot itself"
    move_aside
    rm -f "$server/db/reset-flag"
    mkdir -p "$config/config.yaml.d"
    printf '# Written by clusterctl for a restore, which removes it at its end.\nserver: "%s"\n' "$1" >"$join" || exit 1
    note aside
}

forget() { # forget NODE...
    for node in "$@"; do
        kubectl delete secret "$node.node-password.k3s" -n kube-system --ignore-not-found || exit 1
    done
    echo "$attempt" >"$root/forgot"
}

prove() {
    find_snapshot
    ids=$(kubectl get namespaces -o 'jsonpath={range .items[*]}{.metadata.name}={.metadata.uid}{"\n"}{end}') || exit 1
    system=$(printf '%s\n' "$ids" | sed -n 's/^kube-system=//p')
    [ -n "$system" ] || refuse 'the cluster has no namespace kube-system'
    if is_compressed; then
        echo 'the snapshot is compressed: it was not looked into'
        exit 0
    fi
    # Kubernetes keeps the number of an object as text, right before the tag of the next field, which may be a letter.
    numbers=$(printf '%s\n' "$ids" | sed 's/.*=//')
    found=$(words | grep -oF "$numbers" | sort -u)
    printf '%s\n' "$found" | grep -qxF "$system" ||
        refuse "the cluster that answers is not the snapshot's: its kube-system is $system"
    echo "$(printf '%s\n' "$found" | grep -c .) of $(printf '%s\n' "$numbers" | grep -c .) namespaces are the snapshot's own"
}

cluster() {
    tls=$server/tls/etcd
    for port in 2382 2379; do
        list=$(curl -sf -m 5 --cacert "$tls/server-ca.crt" --cert "$tls/client.crt" --key "$tls/client.key" \
            -X POST -d '{}' "https://127.0.0.1:$port/v3/cluster/member/list") || continue
        id=$(printf %s "$list" | grep -o '"cluster_id":"[0-9]*"')
        members=$(printf %s "$list" | grep -o '"ID":"[0-9]*"' | sort | tr '\n' ' ')
        [ -n "$id" ] && [ -n "$members" ] || break
        echo "$id $members" | tr -d '"'
        exit 0
    done
    refuse 'etcd here does not say of which cluster it is'
}

end() {
    # The copy of the snapshot goes with the end, and what it proves is asked for after it.
    if [ "$stage" = reset ]; then (prove) >"$root/proof" 2>/dev/null || rm -f "$root/proof"; fi
    rm -rf "$join" "$root/reset.yaml" "$root/reset.yaml.d"
    note ended
    case $snapshot in "$root"/snapshot-*) rm -f "$snapshot" ;; esac
}

# A change of the token that was ended in the middle (token.sh): where the data are under the new one by now, K3s does not start
# with the earlier one, and has said so. What is found in the data alone may be of long ago.
wants_token() {
    [ -s "$new_token" ] && [ "$(cat "$new_token")" != "$(cat "$config/token" 2>/dev/null)" ] || return 1
    journalctl -q --no-pager -n 300 -o cat -u k3s.service -u "$member" 2>/dev/null | grep -q 'encrypted with different token' || return 1
    name=$(printf %s "$(cat "$new_token")" | sha256sum | cut -c 1-12)
    cat "$db/member/snap/db" "$db"/member/wal/*.wal 2>/dev/null | tr -c '[:alnum:]/-' '\n' | grep -qF "/bootstrap/$name"
}
take_token() {
    wants_token || return 0
    kept=${new_token%/*}/old # nothing that was a token here is lost
    [ ! -s "$config/token" ] || { cat "$config/token" >"$kept.new" && mv -f "$kept.new" "$kept" || return; }
    cat "$new_token" >"$config/token.clusterctl" && sync && mv -f "$config/token.clusterctl" "$config/token"
}

recover() {
    data
    case $stage in
    '' | ended | restarted) ;;
    stopped | resetting)
        systemctl stop "$run.service" 2>/dev/null
        attempt=$of snapshot=$what aside=$server/etcd-before-$of
        if [ "$stage" = resetting ] || [ -e "$aside" ]; then
            is_stopped || refuse "K3s runs here, or would start with the machine, and its data were to be put back: stop and disable it first"
        fi
        if [ "$stage" = resetting ]; then
            if [ -e "$db" ]; then
                place
                rm -rf "$server/etcd-made-$of" && mv "$db" "$server/etcd-made-$of" && sync || exit 1
            fi
            note stopped # from here on what is in its place is its own again
        fi
        if [ -e "$aside" ]; then
            [ ! -e "$db" ] || refuse "$db and $aside are both there: K3s has run here in between; move one of them away"
            mv "$aside" "$db" && sync || exit 1
        fi
        rm -f "$root/restore"
        ;;
    *) refuse "a restore of $what has got as far as new data here: it has to be led to its end" ;;
    esac
    # Without data it would begin a cluster of its own, or stand in the way of the others.
    [ "$where" != none ] || return 0
    take_token || exit 1
    unit=k3s.service
    ! is_kept || unit=$member # what the guard keeps stopped could cut SSH again; this one votes without an agent
    systemctl reset-failed "$unit" 2>/dev/null
    systemctl enable --quiet "$unit" && systemctl start --no-block "$unit"
}
recovered() {
    case $stage in stopped | resetting) return 1 ;; esac
    data
    unit=k3s.service
    ! is_kept || unit=$member
    [ "$where" != none ] || return 0
    ! wants_token || return 1
    case $(property "$unit" UnitFileState)/$(property "$unit" ActiveState) in
    enabled/active | enabled/activating | enabled/reloading) ;;
    *) return 1 ;;
    esac
}

# It is asked, not remembered, as long as the earlier data could be started.
has_stopped() {
    reached stopped || return 1
    case $stage in stopped | resetting) is_stopped ;; esac
}
has_reset() { reached reset && [ "$stage" != aside ]; }

aside=$server/etcd-before-$attempt
if [ -n "$looks" ]; then
    case $task in
    stop) has_stopped ;;
    reset) has_reset ;;
    aside) reached aside ;;
    forget) [ "$(cat "$root/forgot" 2>/dev/null)" = "$attempt" ] ;;
    restart) reached restarted ;;
    end) reached ended ;;
    recover) recovered ;;
    *) false ;;
    esac
    exit
fi
case $task in
place)
    command -v curl >/dev/null || refuse 'curl is not there, and without it nobody can ask etcd here of which cluster it is'
    place
    ;;
data)
    data
    ! is_kept || where="$where kept"
    echo "$where"
    ;;
check) check "$@" ;;
stop)
    ! has_stopped || exit 0
    place
    stop_unit k3s.service
    stop_unit "$member"
    reached stopped || note stopped
    ;;
reset) has_reset || reset ;;
aside) reached aside || set_aside "$1" ;;
forget) [ "$(cat "$root/forgot" 2>/dev/null)" = "$attempt" ] || forget "$@" ;;
restart)
    ! reached restarted || exit 0
    systemctl try-restart --no-block "$1" || exit 1 # one that the guard keeps stopped stays so
    note restarted
    ;;
end)
    ! reached ended || exit 0
    end
    ;;
prove) prove ;;
cluster) cluster ;;
proof) cat "$root/proof" 2>/dev/null ;;
recover) recover ;;
*) refuse "etcd-restore has no task '$task'" ;;
esac
