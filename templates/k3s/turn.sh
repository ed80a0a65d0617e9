# turn: this node's turn in a roll-out that the cluster's own controller (system-upgrade-controller) carries out.
#   is-at VERSION UNIT      succeeds when K3s of VERSION runs here, started with its files as they are
#   let VERSION UNIT SECONDS [NODE=URL...]
#                           lets the controller's job change this node: a file says so, which goes when it is done, and when the
#                           guard, or the run, takes the turn back. SECONDS is what K3s is given to start; NODE=URL are the servers
#                           that have to serve while this one is away
#   take VERSION            what the job runs here, as often as it likes: without that file it changes nothing. The link leads to
#                           the program of VERSION, which is there already, and K3s is started anew. Succeeds when K3s runs with it
#   trouble                 says why K3s did not run with it in time, where that was so
root=${CLUSTERCTL_ROOT:-}
PATH=$PATH:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin:/run/current-system/sw/bin
export PATH
task=$1 version=$2
link=/usr/local/bin/k3s program=/usr/local/lib/clusterctl/k3s/$version/k3s
state=$root/var/lib/clusterctl
letter=$state/turn trouble=$state/turn-trouble

seconds() { cut -d . -f 1 /proc/uptime; }
put() { # put FILE MODE: standard input takes its place, whole or not at all
    mkdir -p "${1%/*}" && cat >"$1.new" && chmod "$2" "$1.new" && sync && mv -f "$1.new" "$1"
}
files() { # what UNIT would be started with, as clusterctl notes it
    for file in /etc/rancher/k3s/config.yaml "/etc/systemd/system/$1" "$link"; do
        if [ -h "$root$file" ]; then
            digest=$(readlink "$root$file")
        elif [ -f "$root$file" ]; then
            digest=$(sha256sum <"$root$file") digest=${digest%% *}
        else
            digest=absent
        fi
        echo "$digest $file"
    done
}
leads_there() { [ "$(readlink "$root$link")" = "$program" ]; }
is_fresh() { files "$1" | cmp -s - "$state/units/$1"; }
runs() { # runs UNIT: and is not just being started anew
    said=$(systemctl show -p ActiveState -p Job -- "$1" | tr '\n' ' ')
    case " $said" in *' ActiveState=active '*) ;; *) return 1 ;; esac
    case " $said" in *' Job='[1-9]*) return 1 ;; esac
}
is_at() { leads_there && is_fresh "$1" && runs "$1"; }
lead() { # lead TARGET
    rm -f "$root$link.turn"
    ln -s -- "$1" "$root$link.turn" && mv -f "$root$link.turn" "$root$link"
}
fail() {
    echo "$*" >&2
    exit 1
}

case $task in
is-at) is_at "$3" ;;
let)
    unit=$3 patience=$4
    shift 4
    rm -f "$trouble" || exit 1
    {
        echo "version $version"
        echo "unit $unit"
        echo "seconds $patience"
        for pair in "$@"; do echo "other $pair"; done
    } | put "$letter" 0600
    ;;
take)
    # The label that brings the job here is set before the checkpoint, behind which the letter is written: it may be on its way. A
    # job that fails too often is given up by the controller.
    end=$(($(seconds) + 120))
    while [ ! -f "$letter" ]; do
        for unit in k3s.service k3s-agent.service; do
            if is_at "$unit"; then exit 0; fi
        done
        [ "$(seconds)" -lt "$end" ] ||
            fail "clusterctl has not let the controller change this node, or has taken that back: nothing is changed"
        sleep 2
    done
    grep -qxF "version $version" "$letter" || fail "this node's turn is for another version: nothing is changed"
    unit=$(sed -n 's/^unit //p' "$letter")
    patience=$(sed -n 's/^seconds //p' "$letter")
    [ -x "$root$program" ] || fail "$program is not there: nothing is changed"
    if ! leads_there || ! is_fresh "$unit"; then
        end=$(($(seconds) + 60))
        for pair in $(sed -n 's/^other //p' "$letter"); do
            until said=$(k3s kubectl --request-timeout=5s --server="${pair#*=}" get --raw /readyz 2>/dev/null </dev/null) &&
                [ "$said" = ok ]; do
                [ "$(seconds)" -lt "$end" ] || fail "${pair%%=*} does not serve; this node is not stopped as well"
                sleep 2
            done
        done
        earlier=$(readlink "$root$link")
        lead "$program" || fail "the link cannot lead to $program"
        if [ ! -f "$letter" ]; then # taken back in this very moment: who did so may have put the link back already
            lead "$earlier"
            fail "the turn was taken back: nothing is changed"
        fi
        if [ "$(systemctl show -p NeedDaemonReload -- "$unit")" = NeedDaemonReload=yes ]; then systemctl daemon-reload; fi
        noted=$(files "$unit")
        systemctl reset-failed -- "$unit" 2>/dev/null
        systemctl restart --no-block -- "$unit" || fail "$unit cannot be started anew"
        printf '%s\n' "$noted" | put "$state/units/$unit" 0644 || fail "it cannot be noted what $unit was started with"
    fi
    end=$(($(seconds) + patience))
    while :; do
        if [ ! -f "$letter" ] || ! leads_there; then
            if [ ! -f "$letter" ] && is_at "$unit"; then exit 0; fi # another one of these programs saw it first
            fail "the turn was taken back"
        fi
        if is_at "$unit"; then
            rm -f "$letter" "$trouble"
            exit 0
        fi
        [ "$(seconds)" -lt "$end" ] || break
        sleep 2
    done
    why="K3s $version does not run after $patience s: $(systemctl show -p ActiveState -p SubState -- "$unit" | tr '\n' ' ')"
    # For clusterctl, which takes it back: the pod may have no kubelet any more that could tell of its end. Never into the letter,
    # which may be taken away in this very moment.
    echo "$why" | put "$trouble" 0600
    fail "$why"
    ;;
trouble) [ ! -f "$trouble" ] || cat "$trouble" ;;
*) fail "turn: wrong usage" ;;
esac
