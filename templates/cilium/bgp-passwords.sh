# bgp-passwords: gives Cilium the passwords of its BGP sessions, and takes away those that no session has any more.
#
#   done|differ|follow|back NAMESPACE FOLDER SECONDS [ROUTER has|none ADDRESSES]...
#
# `done` asks whether Cilium has what the files FOLDER/ROUTER.password say, and nothing else; `differ` names the routers
# of which it has not, a line each. `follow` leads it there. What is changed is changed at the router first, under the
# router's guard: that cuts the sessions with ADDRESSES (with commas between them; "-": nobody changes that router now),
# and as soon as this node sees them fallen, the other end follows. So one router after the other is without sessions, for
# a moment, and a router that goes back finds the nodes as they were.
# `back` is for those that go back later than that: where `follow` has changed the nodes' end, and the sessions are not
# there, they get what they had. Until then it is in FOLDER/ROUTER.earlier, and the next phase takes that away.
#
# No password leaves the shell but by standard input, or into a file for root alone.
umask 077
verb=$1 namespace=$2 folder=$3 seconds=$4
shift 4
label=clusterctl.dev/bgp-password
ask() { k3s kubectl --request-timeout=10s "$@"; }
encoded() { base64 <"$1" | tr -d '\n'; }

present() { # sets $present, a line a Secret: whose it is, its namespace, and the password in base64; $references, a line
    # an object: its label, and the Secret that it names
    all=$(objects secrets,ciliumbgppeerconfigs.cilium.io) || {
        # Where the cluster does not know such objects, there are only Secrets.
        known=$(configurations -o name) && [ -z "$known" ] || return 1
        # It says why, where a complaint about the other question could have shown the Secrets themselves.
        all=$(objects secrets) || { ask get secrets -n "$namespace" -o name >/dev/null; return 1; }
    }
    present=$(printf '%s\n' "$all" | sed -n 's|^Secret password-\([^ ]*\) \([^ ]*\)/ |\1 \2 |p')
    references=$(printf '%s\n' "$all" | sed -n 's|^CiliumBGPPeerConfig \([^ ]*\) / |\1 |p')
}
objects() { # objects KINDS: those of ours, a line each
    ask get "$1" -A -l clusterctl.dev/bgp -o 'jsonpath={range .items[*]}{.kind}{" "}{.metadata.labels.clusterctl\.dev/bgp}{" "}{.metadata.namespace}{"/ "}{.data.password}{.spec.authSecretRef}{"\n"}{end}' 2>/dev/null
}
configurations() { # configurations ARGUMENTS: of sessions; none where the cluster does not know such objects yet
    found=$(ask get ciliumbgppeerconfigs.cilium.io "$@" 2>&1) && printf '%s\n' "$found" && return
    case $found in *"doesn't have a resource type"*) ;; *) printf '%s\n' "$found" >&2 && return 1 ;; esac
}
refer_to() { # refer_to ROUTER: what its sessions' objects name, a line each
    printf '%s\n' "$references" | while read -r owner name; do
        case $owner in "peer-$1-ipv4" | "peer-$1-ipv6") printf '%s\n' "${name:-none}" ;; esac
    done
}
held() { # held ROUTER: the password of its Secret where Cilium looks for it, in base64; fails where there is none
    printf '%s\n' "$present" | {
        while read -r router place found; do
            [ "$router $place" != "$1 $namespace" ] || { printf '%s\n' "$found" && exit 0; }
        done
        exit 1
    }
}
has() { # has ROUTER: whether its Secret is as the file
    found=$(held "$1") && [ "$found" = "$(encoded "$folder/$1.password")" ]
}
has_elsewhere() { # has_elsewhere ROUTER: the same, where Cilium looked for it until it was told another namespace
    ! held "$1" >/dev/null && [ -z "$(refer_to "$1" | grep -vxF "clusterctl-bgp-$1")" ] || return
    printf '%s\n' "$present" | {
        while read -r router place found; do
            [ "$router" != "$1" ] || [ "$found" != "$(encoded "$folder/$1.password")" ] || exit 0
        done
        exit 1
    }
}
is_as_wanted() { # is_as_wanted ROUTER has|none
    if [ "$2" = has ]; then
        has "$1" && [ -z "$(refer_to "$1" | grep -vxF "clusterctl-bgp-$1")" ]
    else
        ! held "$1" >/dev/null && [ -z "$(refer_to "$1" | grep -xF "clusterctl-bgp-$1")" ]
    fi
}
others() { # others [ROUTER has|none ADDRESSES]...: Secrets of none of these, or where Cilium does not look for them
    names=' '
    while [ $# -gt 0 ]; do
        names="$names$1 "
        shift 3
    done
    printf '%s\n' "$present" | while read -r router place found; do
        case "$place:$names" in "$namespace:"*" $router "*) ;; *) [ -z "$router" ] || echo "$place $router" ;; esac
    done
}

differ() { # differ [ROUTER has|none ADDRESSES]...
    # Before there is a cluster, it has no password that is one too many.
    if present 2>/dev/null; then answers=yes; else answers=''; fi
    while [ $# -gt 0 ]; do
        if [ -n "$answers" ]; then is_as_wanted "$1" "$2"; else [ "$2" = none ]; fi || echo "$1"
        shift 3
    done
}
is_done() {
    [ -z "$(differ "$@" && [ -n "$answers" ] && others "$@")" ]
}

sessions() { # sets $sessions, a line a session, of this node's own Cilium; who cannot be asked has not said that they fell
    container=$(k3s crictl ps --name cilium-agent -q 2>/dev/null | head -n 1)
    [ -n "$container" ] && sessions=$(k3s crictl exec "$container" cilium-dbg bgp peers -o json 2>/dev/null) || return
    sessions=$(printf '%s\n' "$sessions" | tr -d ' \t\r\n' | sed 's/"peer-address"/\
&/g')
}
is_there() { # is_there ADDRESSES: whether a session with one of them is established
    printf '%s\n' "$sessions" | grep '"session-state":"established"' | cut -d '"' -f 4 | {
        while read -r address; do
            case ",$1," in *",$address,"*) exit 0 ;; esac
        done
        exit 1
    }
}

give() { # give ROUTER
    secret "$1" "$(encoded "$folder/$1.password")" && refer "$1" "\"clusterctl-bgp-$1\""
}
take() { # take ROUTER
    refer "$1" null && ask delete secret -n "$namespace" "clusterctl-bgp-$1" --ignore-not-found
}
secret() { # secret ROUTER PASSWORD, in base64
    printf '%s\n' 'apiVersion: v1' 'kind: Secret' 'metadata:' "  name: clusterctl-bgp-$1" "  namespace: $namespace" \
        "  labels: {$label: \"$1\", clusterctl.dev/bgp: \"password-$1\"}" "data: {password: \"$2\"}" |
        ask apply --server-side --force-conflicts --field-manager=clusterctl -f -
}
refer() { # refer ROUTER NAME: in those objects that are there already; the phase after this one brings the others
    names=$(configurations -l "clusterctl.dev/bgp in (peer-$1-ipv4,peer-$1-ipv6)" -o name) || return
    for name in $names; do
        ask patch "$name" --type=merge --field-manager=clusterctl -p "{\"spec\":{\"authSecretRef\":$2}}" || return
    done
}

knows() { # knows ROUTER: whether Cilium has this password already, by a Secret that a person has made
    name=$(ask get ciliumbgppeerconfigs.cilium.io -l "clusterctl.dev/bgp in (peer-$1-ipv4,peer-$1-ipv6)" \
        -o 'jsonpath={.items[0].spec.authSecretRef}' 2>/dev/null) && [ -n "$name" ] || return
    known=$(ask get secret "$name" -n "$namespace" -o 'jsonpath={.data.password}' 2>/dev/null) &&
        [ "$known" = "$(encoded "$folder/$1.password")" ]
}
is_same() { [ "$2" = has ] && { has_elsewhere "$1" || knows "$1"; }; } # is_same ROUTER has|none: only its place changes

step() { # step [ROUTER has|none ADDRESSES]...: whoever's turn it is; sets $left to those whose turn it is not
    left=''
    present || return
    while [ $# -gt 0 ]; do
        if ! is_as_wanted "$1" "$2"; then
            if [ "$3" = - ] || is_same "$1" "$2"; then
                change "$1" "$2" || return
            elif ! sessions || is_there "$3"; then
                left="$left $1" # it has to change its end yet, so far as this node knows
            else
                keep "$1" && change "$1" "$2" || return
            fi
        fi
        shift 3
    done
}
change() { if [ "$2" = has ]; then give "$1"; else take "$1"; fi; } # change ROUTER has|none
keep() { # keep ROUTER: which Secret its sessions name and what it has, each or none, for `back`
    [ -e "$folder/$1.earlier" ] && return
    mkdir -p "$folder" && {
        refer_to "$1" | { read -r name && echo "$name" || echo none; } && { held "$1" || echo none; }
    } >"$folder/$1.earlier" && return
    rm -f "$folder/$1.earlier"
    return 1
}

follow() {
    rm -f "$folder"/*.earlier # of an earlier run
    end=$(($(cut -d . -f 1 /proc/uptime) + seconds))
    until step "$@" && [ -z "$left" ]; do
        if [ "$(cut -d . -f 1 /proc/uptime)" -ge "$end" ]; then
            [ -z "$left" ] || echo "the earlier password is left as it is: sessions with$left are still established" \
                "by it, or Cilium on this node does not tell its sessions" >&2
            return 1
        fi
        sleep 1
    done
    present || return
    others "$@" | while read -r place router; do
        ask delete secret -n "$place" "clusterctl-bgp-$router" --ignore-not-found || exit
    done
}

back() {
    failed=''
    while [ $# -gt 0 ]; do
        if [ -e "$folder/$1.earlier" ]; then
            stands "$3"
            case $? in
                0) rm -f "$folder/$1.earlier" ;; # its router has the new one, and keeps it
                1) put_back "$1" || failed="$failed $1" ;;
                *) failed="$failed $1" ;;
            esac
        fi
        shift 3
    done
    [ -z "$failed" ] && return
    echo "the nodes' end of the sessions with$failed could not be put back" >&2
    return 1
}
stands() { # stands ADDRESSES: whether a session stays; what a router cuts that goes back falls within a moment
    looks=5
    while [ "$looks" -gt 0 ]; do
        sessions || return 2
        is_there "$1" || return 1
        looks=$((looks - 1))
        sleep 1
    done
}
put_back() { # put_back ROUTER
    { read -r earlier && read -r password; } <"$folder/$1.earlier" || return
    if [ "$earlier" = none ]; then earlier=null; else earlier="\"$earlier\""; fi
    if [ "$password" = none ]; then
        refer "$1" "$earlier" && ask delete secret -n "$namespace" "clusterctl-bgp-$1" --ignore-not-found
    else
        secret "$1" "$password" && refer "$1" "$earlier"
    fi && rm -f "$folder/$1.earlier"
}

case $verb in
    done) is_done "$@" ;;
    differ) differ "$@" ;;
    follow) follow "$@" ;;
    back) back "$@" ;;
esac
