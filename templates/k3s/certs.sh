# certs TASK: the certificates that K3s has made on this node, and new ones in their place.
#   look            what is there, a line each: "now SECONDS"; "leaf|authority|listener PATH BASE64", the certificate itself;
#                   "noted PATH BASE64", a leaf that is to be replaced; "renewed" where all of these are; "begun" where any were noted
#   note            notes which ones are to be replaced
#   is-noted
#   forget FILE     removes FILE, in which is noted what K3s was last started with, so that K3s is started anew
#   replace UNIT    K3s is stopped, and its leaf certificates make way; it makes new ones when it starts
#   is-renewed      whether none of those that were noted is there any more
#   end, is-ended   nothing is noted here
#
# Leaf certificates as K3s has them (pkg/util/services, pkg/daemons/control/deps); authorities are never touched. Keys are not read.
root=/var/lib/clusterctl/certs rancher=/var/lib/rancher/k3s
note=$root/before
task=$1
umask 077
LC_ALL=C
export LC_ALL

refuse() {
    echo "$*" >&2
    exit 1
}
pems() { # pems FILE...: "leaf|authority FILE BASE64": of a leaf's file the first certificate, of an authority's all
    [ $# -gt 0 ] || return 0
    awk '
        FNR == 1 { inside = 0; seen = 0; kind = FILENAME ~ /-ca\.crt$/ ? "authority" : "leaf" }
        /^-----BEGIN CERTIFICATE-----/ { inside = 1; text = ""; next }
        /^-----END CERTIFICATE-----/ {
            if (inside && (kind == "authority" || !seen)) print kind, FILENAME, text
            inside = 0
            seen = 1
            next
        }
        inside { gsub(/[^A-Za-z0-9+\/=]/, ""); text = text $0 }' "$@" 2>/dev/null
}
# By name: what an earlier K3s has left there under other names is nobody's any more.
leaves='tls/client-admin tls/client-kube-apiserver tls/serving-kube-apiserver tls/client-controller tls/client-scheduler
    tls/client-k3s-cloud-controller tls/client-k3s-controller tls/client-auth-proxy tls/client-kube-proxy
    tls/etcd/client tls/etcd/server-client tls/etcd/peer-server-client
    ../agent/client-kubelet ../agent/serving-kubelet ../agent/client-kube-proxy ../agent/client-k3s-controller'
# Made anew by K3s' own rotation in some versions and not in others.
others='tls/client-supervisor'
authorities='tls/server-ca tls/client-ca tls/request-header-ca tls/etcd/server-ca tls/etcd/peer-ca ../agent/server-ca ../agent/client-ca'
those() { # those NAME...: the certificates in these files, where they are there
    count=$#
    for name in "$@"; do
        case $name in ../*) path=$rancher/${name#../}.crt ;; *) path=$rancher/server/$name.crt ;; esac
        [ ! -f "$path" ] || set -- "$@" "$path"
    done
    shift "$count"
    pems "$@"
}
# shellcheck disable=SC2086 # lists of names
present() { those $leaves $others $authorities; }
# shellcheck disable=SC2086
replaceable() { those $leaves | sed -n 's/^leaf //p'; }
is_renewed() {
    [ -s "$note" ] || return 1
    now=$(replaceable)
    [ -n "$now" ] || return 1 # K3s has not started yet
    while read -r line; do
        case "
$now
" in *"
$line
"*) return 1 ;; esac
    done <"$note"
}

look() {
    echo "now $(date +%s)"
    present
    # The listener's certificate is kept with its key, which is not shown; what is shown is base64 of a PEM text.
    sed -n 's/.*"tls\.crt" *: *"\([A-Za-z0-9+/=]*\)".*/listener \/var\/lib\/rancher\/k3s\/server\/tls\/dynamic-cert.json \1/p' \
        "$rancher/server/tls/dynamic-cert.json" 2>/dev/null
    [ -f "$note" ] || return 0
    echo begun
    sed 's/^/noted /' "$note"
    ! is_renewed || echo renewed
}

replace() { # replace UNIT
    [ -s "$note" ] || refuse 'no certificate was noted here'
    program=/usr/local/bin/k3s
    [ -x "$program" ] || program=$(command -v k3s) || refuse 'there is no k3s here'
    timeout 90 systemctl stop "$1" || systemctl kill --kill-who=main -s KILL "$1" # containers go on
    left=20
    while [ "$left" -gt 0 ]; do
        case $(systemctl show -p ActiveState -- "$1") in *=inactive | *=failed) break ;; esac
        sleep 1
        left=$((left - 1))
    done
    [ "$left" -gt 0 ] || { systemctl start --no-block "$1" && refuse "$1 does not stop"; }
    said=$("$program" certificate rotate </dev/null 2>&1) || {
        systemctl start --no-block "$1"
        refuse "K3s does not rotate its certificates: $(printf '%s\n' "$said" | tail -n 1); it was started again with those it has"
    }
}

case $task in
look) look ;;
note)
    mkdir -p "$root" && replaceable >"$note.new" || exit 1
    [ -s "$note.new" ] || refuse "there are no certificates of K3s' here"
    sync && mv -f "$note.new" "$note" && sync
    ;;
is-noted) [ -s "$note" ] ;;
forget) rm -f -- "$2" ;;
replace) replace "$2" ;;
is-renewed) is_renewed ;;
end) rm -rf -- "$root" ;;
is-ended) [ ! -e "$root" ] ;;
esac
