# bgp-passwords: gives Cilium the passwords of its BGP sessions, and takes away those that no session has any more.
#
#   done|follow NAMESPACE FOLDER SECONDS [ROUTER has|none ADDRESSES]...
#
# `done` asks whether Cilium has what the files FOLDER/ROUTER.password say, and nothing else. `follow` leads it there. What
# is changed is changed at the router first, under the router's guard: that cuts the sessions with ADDRESSES (with commas
# between them; "-": nobody changes that router now), and as soon as this node sees them fallen, the other end follows. So
# one router after the other is without sessions, for a moment, and a router that goes back finds the nodes as they were.
#
# No password leaves the shell but by standard input.
verb=$1 namespace=$2 folder=$3 seconds=$4
shift 4
label=clusterctl.dev/bgp-password
ask() { k3s kubectl --request-timeout=10s "$@"; }
encoded() { base64 <"$1" | tr -d '\n'; }

present() { # sets $present, a line a Secret: whose it is, and the password in base64; $references, a line an object: its
    # label, and the Secret that it names
    present=$(ask get secrets -n "$namespace" -l "$label" -o 'jsonpath={range .items[*]}{.metadata.labels.clusterctl\.dev/bgp-password}{" "}{.data.password}{"\n"}{end}') &&
        references=$(configurations -l clusterctl.dev/bgp -o 'jsonpath={range .items[*]}{.metadata.labels.clusterctl\.dev/bgp}{" "}{.spec.authSecretRef}{"\n"}{end}')
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
has() { # has ROUTER: whether its Secret is as the file
    printf '%s\n' "$present" | {
        while read -r router found; do
            [ "$router" != "$1" ] || { [ "$found" = "$(encoded "$folder/$1.password")" ] && exit 0 || exit 1; }
        done
        exit 1
    }
}
has_none() { ! printf '%s\n' "$present" | cut -d ' ' -f 1 | grep -qxF "$1"; }
is_as_wanted() { # is_as_wanted ROUTER has|none
    if [ "$2" = has ]; then
        has "$1" && [ -z "$(refer_to "$1" | grep -vxF "clusterctl-bgp-$1")" ]
    else
        has_none "$1" && [ -z "$(refer_to "$1" | grep -xF "clusterctl-bgp-$1")" ]
    fi
}
others() { # others [ROUTER has|none ADDRESSES]...: who has a Secret, or a file, and is none of these
    names=' ' owners=' '
    while [ $# -gt 0 ]; do
        names="$names$1 "
        [ "$2" = none ] || owners="$owners$1 "
        shift 3
    done
    printf '%s\n' "$present" | while read -r router found; do
        case "$names" in *" $router "*) ;; *) [ -z "$router" ] || echo "$router" ;; esac
    done
    for file in "$folder"/*.password; do
        router=${file##*/}
        case "$owners" in *" ${router%.password} "*) ;; *) [ ! -e "$file" ] || echo "$file" ;; esac
    done
}

is_done() {
    if ! present 2>/dev/null; then # before there is a cluster, it has no password that is one too many
        while [ $# -gt 0 ]; do
            [ "$2" = none ] || return
            shift 3
        done
        return 0
    fi
    [ -z "$(others "$@")" ] || return
    while [ $# -gt 0 ]; do
        is_as_wanted "$1" "$2" || return
        shift 3
    done
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
    printf '%s\n' 'apiVersion: v1' 'kind: Secret' 'metadata:' "  name: clusterctl-bgp-$1" "  namespace: $namespace" \
        "  labels: {$label: \"$1\", clusterctl.dev/bgp: \"password-$1\"}" "data: {password: $(encoded "$folder/$1.password")}" |
        ask apply --server-side --force-conflicts --field-manager=clusterctl -f - && refer "$1" "\"clusterctl-bgp-$1\""
}
take() { # take ROUTER
    refer "$1" null && ask delete secret -n "$namespace" "clusterctl-bgp-$1" --ignore-not-found
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
    known=$(ask get secret "$name" -n "$namespace" -o 'jsonpath={.data.password}') &&
        [ "$known" = "$(encoded "$folder/$1.password")" ]
}

is_up() { # is_up ROUTER has|none ADDRESSES: whether it has to change its end yet, so far as this node knows
    [ "$3" != - ] || return
    ! sessions || is_there "$3" || return
    ! { [ "$2" = has ] && knows "$1"; }
}
step() { # step [ROUTER has|none ADDRESSES]...: whoever's turn it is; sets $left to those whose turn it is not
    left=''
    present || return
    while [ $# -gt 0 ]; do
        if ! is_as_wanted "$1" "$2"; then
            if is_up "$1" "$2" "$3"; then
                left="$left $1"
            elif [ "$2" = has ]; then
                give "$1" || return
            else
                take "$1" || return
            fi
        fi
        shift 3
    done
}
follow() {
    work=$(mktemp -d) || return
    trap 'rm -rf "$work"' EXIT
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
    others "$@" >"$work/others"
    while read -r other; do
        case $other in
            /*) rm -f "$other" ;;
            *) ask delete secret -n "$namespace" "clusterctl-bgp-$other" --ignore-not-found ;;
        esac || return
    done <"$work/others"
}

case $verb in
    done) is_done "$@" ;;
    follow) follow "$@" ;;
esac
