# token TASK: the cluster's token becomes the one that is staged on this node, in steps that may each be ended in the middle and
# begun again.
#   look UNIT URL        what is known here, a line each: "staged", "file new|other|none", "kept", "runs old|new"; with a URL, of a
#                        server, also "curl none", "etcd KEYS file|new|file,new|server|-", which says which token the cluster's data
#                        are under (server: the one that K3s has written down itself), "etcd silent WHY", "begun" where K3s has
#                        failed in the middle of the change, "asks CODE", "overruled PLACE"
#   rotate UNIT URL      on one server: the supervisor there is told the new token; then the file here is the new one
#   is-rotated           whether that is done: etcd has the cluster's data under the new token alone, and the file has it, too
#   keep UNIT            notes the present token, and which start of K3s goes by it, before the file is changed
#   is-kept UNIT
#   forget FILE          removes FILE, in which is noted what K3s was last started with, so that K3s is started anew
#   is-current UNIT URL  whether K3s was started since; where nothing is noted a server is asked, by its URL
#   serves URL           whether the server there takes the token of the file, and the one before no more
#   end, is-ended        nothing of it is left here
#
# K3s keeps what a server needs in etcd, encrypted with the token, under a name made from the token (K3s pkg/cluster/encrypt.go).
# A server that starts with another token ends with "bootstrap data already found and encrypted with different token". One that
# runs goes on, and goes by the token it was started with (pkg/authenticator/passwordfile). Tokens are in files and on standard
# input, in no command line.
root=/var/lib/clusterctl/token server=/var/lib/rancher/k3s/server file=/etc/rancher/k3s/token
next=$root/next old=$root/old runs=$root/runs
task=$1
umask 077
LC_ALL=C
export LC_ALL
line_break='
'

refuse() {
    echo "$*" >&2
    exit 1
}
password() { # password FILE: sets $password to the secret part of the token in it
    password=$(cat "$1" 2>/dev/null)
    case $password in K10*::*:*) password=${password#*::} password=${password#*:} ;; esac
    [ -n "$password" ]
}
is_same() { [ -f "$1" ] && [ -f "$2" ] && [ "$(cat "$1")" = "$(cat "$2")" ]; }
is_new() { is_same "$next" "$file"; }

start_of() { # start_of UNIT: tells one start of K3s from another
    systemctl show -p InvocationID -p MainPID -p ExecMainStartTimestampMonotonic -- "$1" 2>/dev/null | tr '\n' ' '
}
is_current() { # is_current UNIT [URL]
    if [ -f "$runs" ]; then
        [ "$(start_of "$1")" != "$(cat "$runs")" ]
        return
    fi
    [ -n "$2" ] && password "$file" || return 0 # somebody else may have put the file there
    request "$password" "$2" ''
    case $code in 401 | 403) return 1 ;; esac
}
is_kept() { is_new || { is_same "$old" "$file" && [ "$(start_of "$1")" = "$(cat "$runs" 2>/dev/null)" ]; }; }
put() { # put FROM TO: in one rename, on the disk
    cat "$1" >"$2.clusterctl" && sync && mv -f "$2.clusterctl" "$2" && sync
}
keep() {
    if is_kept "$1"; then return 0; fi
    [ -f "$next" ] || refuse 'no new token is staged here'
    start=$(start_of "$1")
    case $start in *=*) ;; *) refuse "systemd does not say since when $1 runs" ;; esac
    printf %s "$start" >"$runs.new" && mv -f "$runs.new" "$runs" || exit 1
    if [ -f "$file" ]; then put "$file" "$old"; else rm -f "$old"; fi
}

# Fields of a curl configuration that is read from standard input.
quoted() { printf %s "$1" | sed 's/[\\"]/\\&/g'; }
request() { # request PASSWORD URL [BODY]: sets $code; what was said is in $root/said
    code=$({
        printf 'user = "server:%s"\nurl = "%s/v1-k3s/token"\n' "$(quoted "$1")" "$2"
        [ -z "$3" ] || printf 'request = "PUT"\nheader = "Content-Type: application/json"\ndata-raw = "%s"\n' "$(quoted "$3")"
    } | curl -qgs --noproxy '*' -m 60 --connect-timeout 10 --cacert "$server/tls/server-ca.crt" -o "$said" -w '%{http_code}' -K -) ||
        code=000
}
said=/dev/null

etcd() { # etcd METHOD BODY: sets $answer, or $why
    why='it does not answer'
    command -v curl >/dev/null || { why='curl is not there' && return 1; }
    for port in 2382 2379; do
        answer=$(curl -qsS --noproxy '*' -m 10 --cacert "$server/tls/etcd/server-ca.crt" --cert "$server/tls/etcd/client.crt" \
            --key "$server/tls/etcd/client.key" -X POST -d "$2" "https://127.0.0.1:$port/v3/$1" 2>&1) || { why=$answer && continue; }
        case $answer in *'"header"'*) return 0 ;; esac
    done
    return 1
}
# The names, in the base64 in which etcd writes them, that its data of this kind have: $keys; $count of them.
etcd_keys() {
    keys='' count=0
    etcd kv/range '{"key":"L2Jvb3RzdHJhcC8=","range_end":"L2Jvb3RzdHJhcDA=","keys_only":true}' || return 1
    keys=$(printf '%s\n' "$answer" | tr ',{}' '\n\n\n' | sed -n 's/^"key": *"\([A-Za-z0-9+/=]*\)"$/\1/p')
    [ -z "$keys" ] || count=$(printf '%s\n' "$keys" | grep -c .)
}
is_under() { # is_under FILE: whether they are under the token in it
    password "$1" || return 1
    name=$(printf %s "$password" | sha256sum | cut -c 1-12)
    name=$(printf %s "/bootstrap/$name" | base64)
    case $line_break$keys$line_break in *"$line_break$name$line_break"*) ;; *) return 1 ;; esac
}
is_under_known() { is_under "$next" || is_under "$file" || is_under "$old" || is_under "$server/token"; }
# K3s writes the new token down before it changes etcd. Where that fails it takes the new one for the old one from then on.
has_begun() {
    password "$server/token" || return 1
    begun=$password
    password "$next" && [ "$begun" = "$password" ] && ! is_under "$next"
}
is_rotated() { etcd_keys && [ "$count" = 1 ] && is_under "$next"; }
# K3s makes the new one before it removes the old one, and then takes neither while both are there (pkg/cluster/storage.go).
drop_others() {
    is_under "$next" || return 0
    for key in $keys; do
        [ "$key" = "$name" ] || etcd kv/deleterange "{\"key\":\"$key\"}" || refuse "etcd does not remove what is under the old token: $why"
    done
}

rotate() { # rotate UNIT URL
    [ -s "$next" ] || refuse 'no new token is staged here'
    etcd_keys || refuse "etcd here does not answer: $why"
    # Said once more it changes nothing, and completes what was cut off.
    if ! is_rotated || ! is_new; then
        is_under_known || refuse "the cluster's data are under a token that neither this server nor the inventory has: if an earlier change was to another one, put that into the inventory and lead it to its end first"
        ! has_begun || refuse 'K3s here has failed in the middle of the change, and goes on with it only when it is started anew: systemctl restart k3s, and the same again'
        drop_others
        password "$next" || exit 1
        case $password in *[[:cntrl:]]*) refuse 'the new token has characters that are none of a text' ;; esac
        body="{\"newToken\":\"$(quoted "$password")\"}"
        said=$root/said code=none
        # K3s goes by the token that it was started with, whatever a request that was cut has written since.
        for from in "$old" "$file" "$server/token"; do
            password "$from" || continue
            request "$password" "$2" "$body"
            case $code in 401 | 403) continue ;; *) break ;; esac
        done
        text=$(head -c 300 "$root/said" 2>/dev/null | tr -d '\r' | tr '\n' ' ')
        rm -f "$root/said"
        case $code in
        200) ;;
        none) refuse 'there is no token here with which K3s could be asked' ;;
        000) refuse "K3s at $2 does not answer, or did not say how it ended" ;;
        401 | 403) refuse 'K3s here takes none of the tokens that are on this machine' ;;
        404 | 405) refuse 'this K3s does not know how to change its token: that came with v1.28.3, v1.27.7 and v1.26.10' ;;
        *) refuse "K3s did not change the token: $code $text" ;;
        esac
        left=10
        until is_rotated; do
            left=$((left - 1))
            [ "$left" -gt 0 ] || refuse "K3s says that it has changed the token, and etcd has the cluster's data under $count tokens"
            sleep 1
        done
    fi
    # From here on this server starts with the new token alone.
    is_new || { keep "$1" && put "$next" "$file"; }
}

look() { # look UNIT [URL]
    [ ! -e "$root" ] || echo staged
    if is_new; then echo 'file new'; elif [ -s "$file" ]; then echo 'file other'; else echo 'file none'; fi
    [ ! -f "$old" ] || echo kept
    if is_current "$1" "$2"; then echo 'runs new'; else echo 'runs old'; fi
    [ -n "$2" ] || return 0
    command -v curl >/dev/null || echo 'curl none'
    if etcd_keys; then
        under=''
        if is_under "$file"; then under=file; fi
        if [ -f "$next" ] && is_under "$next"; then under=${under:+$under,}new; fi
        if [ -z "$under" ] && is_under "$server/token"; then under=server; fi
        echo "etcd $count ${under:--}"
        if has_begun; then echo begun; fi
    else
        echo "etcd silent $(printf %s "$why" | head -n 1)"
    fi
    code=none
    for from in "$old" "$file"; do
        password "$from" || continue
        request "$password" "$2" ''
        case $code in 401 | 403) continue ;; *) break ;; esac
    done
    echo "asks $code"
    for path in /etc/rancher/k3s/config.yaml.d/*.y*ml; do
        [ -f "$path" ] || continue
        if grep -qE "^[\"']?(token|token-file|t|agent-token|agent-token-file)[\"']?\+?[[:space:]]*:" "$path"; then
            echo "overruled $path"
        fi
    done
}

serves() { # serves URL: "new=CODE old=CODE"; asked in a way that changes nothing, K3s says 405 to whoever it knows
    password "$file" || refuse 'there is no token here'
    request "$password" "$1" ''
    words="new=$code"
    before=none
    if [ -f "$old" ] && ! is_same "$old" "$file" && password "$old"; then
        request "$password" "$1" ''
        before=$code
    fi
    echo "$words old=$before"
    case $words in new=405 | new=200) ;; *) return 1 ;; esac
    case $before in none | 401 | 403) ;; *) return 1 ;; esac
}

case $task in
look) look "$2" "${3-}" ;;
rotate) rotate "$2" "$3" ;;
is-rotated) is_new && is_rotated ;;
keep) keep "$2" ;;
is-kept) is_kept "$2" ;;
forget) rm -f -- "$2" ;;
is-current) is_current "$2" "${3-}" ;;
serves) serves "$2" ;;
end) rm -rf -- "$root" ;;
is-ended) [ ! -e "$root" ] ;;
esac
