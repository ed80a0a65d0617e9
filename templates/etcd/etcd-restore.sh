# etcd-restore TASK ATTEMPT SNAPSHOT [ARGUMENT...]: a snapshot takes the place of etcd's data, in steps that may each be ended
# in the middle and begun again. "done TASK ATTEMPT SNAPSHOT [ARGUMENT...]" succeeds where a step is not needed any more.
#
#   state                  "ATTEMPT STAGE SNAPSHOT" of what was begun last on this node; nothing where there was nothing
#   check . SNAPSHOT       whether the snapshot is whole, was taken with this token, and finds room
#   stop                   K3s is stopped here, and does not start with the machine
#   reset                  on one server: its data make way for the snapshot's, as a cluster of one
#   aside .. URL           on the others: their data make way, and they will join through URL
#   forget .. NODE...      the cluster takes the node passwords that these nodes have now
#   restart .. UNIT        on a worker
#   end                    nothing of this is under way any more
#   prove . SNAPSHOT       whether the cluster that answers is the snapshot's
#   recover . .            what was begun and has not got as far as new data is given up, and K3s is started
#
# What was there is moved aside and never deleted. A stage is on the disk before the next step begins.
root=/var/lib/clusterctl/etcd server=/var/lib/rancher/k3s/server config=/etc/rancher/k3s
db=$server/db/etcd join=$config/config.yaml.d/90-clusterctl-restore.yaml run=clusterctl-etcd-reset
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
begun() { reached "$1" || refuse "this node has not come to '$1' in this restore"; }
property() { systemctl show -p "$2" -- "$1" 2>/dev/null | sed -n "s/^$2=//p"; }
kubectl() { k3s kubectl --request-timeout=5s "$@" </dev/null; }

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

check() {
    find_snapshot
    size=$(wc -c <"$path")
    free=$(df -Pk "$server" 2>/dev/null || df -Pk /var/lib)
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
    name=$(printf %s "${token##*:}" | sha256sum | cut -c 1-12)
    words | grep -qF "/bootstrap/$name" ||
        refuse "$path was taken of a cluster with another token than this one's: K3s could not read it; put that cluster's token into the inventory (k3s.token)"
}

stop_unit() {
    case $(property "$1" LoadState) in '' | not-found) return 0 ;; esac
    systemctl disable --quiet "$1" 2>/dev/null
    timeout 60 systemctl stop "$1" || systemctl kill --kill-who=main -s KILL "$1" # containers go on
    left=10
    while [ "$left" -gt 0 ]; do
        case $(property "$1" ActiveState) in inactive | failed) return 0 ;; esac
        sleep 1
        left=$((left - 1))
    done
    refuse "$1 does not stop"
}
move_aside() { # once: what comes after it is not the data of before
    [ -e "$db" ] || return 0
    [ ! -e "$aside" ] || return 1
    mv "$db" "$aside" && sync
}

reset() {
    find_snapshot
    begun stopped
    reached resetting || note resetting
    # Where something was moved aside before, what is in its place is what an earlier try has made.
    move_aside || rm -rf "$db" || exit 1
    plain=$root/reset.yaml # K3s resets nothing while it is told where to join
    rm -rf "$plain" "$plain.d"
    mkdir -p "$plain.d"
    for file in config.yaml config.yaml.d/*.yaml config.yaml.d/*.yml; do
        [ -f "$config/$file" ] || continue
        case $file in */*) copy=$plain.d/${file##*/} ;; *) copy=$plain ;; esac
        grep -v -E "^[\"']?server[\"']?\+?[[:space:]]*:" "$config/$file" >"$copy"
    done
    [ -s "$plain" ] || refuse "there is no $config/config.yaml"
    systemctl stop "$run.service" 2>/dev/null # of a run that was killed
    systemctl reset-failed "$run.service" 2>/dev/null
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
    move_aside || refuse "$db and $aside are both there: K3s has run here in between"
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

recover() {
    case $stage in
    '' | ended | restarted) ;;
    stopped | resetting)
        systemctl stop "$run.service" 2>/dev/null
        aside=$server/etcd-before-$of
        if [ -e "$aside" ]; then
            rm -rf "$db" && mv "$aside" "$db" && sync || exit 1
        fi
        rm -f "$root/restore"
        ;;
    *) refuse "a restore of $what has got as far as new data here: it has to be led to its end" ;;
    esac
    systemctl reset-failed k3s.service 2>/dev/null
    systemctl enable --quiet k3s.service && systemctl start --no-block k3s.service
}
recovered() {
    case $stage in stopped | resetting) return 1 ;; esac
    case $(property k3s.service UnitFileState)/$(property k3s.service ActiveState) in
    enabled/active | enabled/activating | enabled/reloading) ;;
    *) return 1 ;;
    esac
}

aside=$server/etcd-before-$attempt
if [ -n "$looks" ]; then
    case $task in
    stop) reached stopped ;;
    reset) reached reset ;;
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
state) [ -z "$of" ] || echo "$of $stage $what" ;;
check) check ;;
stop)
    ! reached stopped || exit 0
    stop_unit k3s.service
    stop_unit clusterctl-etcd.service
    note stopped
    ;;
reset) reached reset || reset ;;
aside) reached aside || set_aside "$1" ;;
forget) [ "$(cat "$root/forgot" 2>/dev/null)" = "$attempt" ] || forget "$@" ;;
restart)
    ! reached restarted || exit 0
    systemctl restart --no-block "$1" || exit 1
    note restarted
    ;;
end)
    ! reached ended || exit 0
    rm -rf "$join" "$root/reset.yaml" "$root/reset.yaml.d"
    note ended
    ;;
prove) prove ;;
recover) recover ;;
*) refuse "etcd-restore has no task '$task'" ;;
esac
