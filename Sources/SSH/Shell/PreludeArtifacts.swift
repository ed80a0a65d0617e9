extension Prelude {
    /// How the bytes of an artifact gather on the node; needs no other part of the prelude, only `$state_root`.
    static let parts = #"""
        # An artifact gathers in a part, named by its name and checksum, that becomes the whole when the checksum has
        # been found right and the content is on the disk. One writer at a time on a node: it holds the lock by
        # descriptor 9, which its children inherit, so that the lock is free only when the last of them has ended.

        # Only the content is flushed, so that the rename never shows half a file. A rename that a power cut undoes is
        # found and done again by the next run.
        flush() { sync "$1" 2>/dev/null || sync; }

        parent_of() { # sets $parent
            case $1 in
            */*) parent=${1%/*} parent=${parent:-/} ;;
            *) parent=. ;;
            esac
        }

        make_parents() { # with mode 0755 whatever this program's umask is
            parent_of "$1"
            [ -d "$parent" ] || (umask 022 && mkdir -p -- "$parent")
        }

        nearest() { # the path itself or the nearest directory above it that is there
            near=$1
            while [ ! -d "$near" ]; do near=$(dirname -- "$near"); done
            echo "$near"
        }

        digest_of() { # SHA-256 in hexadecimal digits
            if command -v sha256sum >/dev/null; then
                set -- "$(sha256sum <"$1")"
                echo "${1%% *}"
            elif command -v sha256 >/dev/null; then sha256 -q "$1"
            else openssl dgst -sha256 <"$1" | sed 's/.*= *//'
            fi
        }

        parts_of() { # parts_of NAME CHECKSUM: sets $part and $whole
            part=$state_root/artifacts/$1.$2.part
            whole=$state_root/artifacts/$1.$2.whole
        }

        part_bytes() { if [ -f "$1" ]; then echo $(($(wc -c <"$1"))); else echo 0; fi; }

        hold_parts() { # hold_parts TRY: an earlier writer of the same try is ended, and so is one that does not get on
            if ! command -v flock >/dev/null; then
                echo 'flock is not installed: it keeps two uploads from writing to one file' >&2
                return 1
            fi
            lock=$state_root/artifacts/lock
            make_parents "$lock" && true >>"$lock" || return
            exec 9>>"$lock"
            idle=0 before=''
            until flock -n 9; do
                writer='' writes_for='' writes_to=''
                { read -r writer writes_for writes_to <"$lock"; } 2>/dev/null
                now=$(part_bytes "$writes_to")
                if [ "$now" = "$before" ]; then idle=$((idle + 1)); else idle=0; fi
                before=$now
                # A process that has the lock open is no stranger with a number used again.
                if [ "$writes_for" = "$1" ] || [ "$idle" -ge 15 ]; then
                    if [ -n "$writer" ] && [ "/proc/$writer/fd/9" -ef "$lock" ]; then kill -9 "$writer"; fi
                fi
                sleep 1
            done
        }

        write_part() { # write_part TRY COMMAND...: the command is the writer that the lock names
            write_for=$1
            shift
            { "$@" <&3 3<&- & } 3<&0
            writer=$!
            echo "$writer $write_for $part" >"$lock"
            wait "$writer"
        }

        room() { # room DIRECTORY KIBIBYTES: or $shortage says where, how much is needed, how much there is
            near=$(nearest "$1")
            free=$(df -Pk "$near" 2>/dev/null | awk 'END { print $4 }')
            case $free in '' | *[!0-9]*) return 0 ;; esac # one that does not tell is no reason
            [ "$free" -lt "$2" ] || return 0
            shortage="$2 $free $near"
            return 1
        }

        finish_part() { # finish_part CHECKSUM: sets $digest; a part that is wrong is removed
            digest=$(digest_of "$part")
            if [ "$digest" != "$1" ]; then
                rm -f "$part"
                echo "SHA-256 is $digest and should be $1; what was brought has been removed" >&2
                return 1
            fi
            flush "$part" && mv -f "$part" "$whole"
        }

        fetch() { # fetch URL: goes on with $part where an earlier fetch stopped; ends this process
            if command -v curl >/dev/null; then
                exec curl -gfsSL --retry 3 --connect-timeout 15 --speed-limit 1 --speed-time 60 -C - -o "$part" "$1"
            else
                exec wget -q -T 60 -c -O "$part" "$1"
            fi
        }
        """#

    /// One delivery, as a program of its own beside `parts`: the bytes come on its standard input, or from another node.
    static let delivery = #"""
        # It answers with lines "NONCE WORD...", the last one its result, and "NONCE beat" while it only waits.

        append() { exec cat >>"$part"; }

        fetch_from_peer() { # fetch_from_peer URL: straight from another node, or soon not at all
            unset http_proxy https_proxy all_proxy HTTP_PROXY HTTPS_PROXY ALL_PROXY
            if command -v curl >/dev/null; then
                exec curl -qgfsS --noproxy '*' --retry 2 --retry-connrefused --connect-timeout 5 --speed-limit 4096 \
                    --speed-time 15 -C - -o "$part" "$1"
            else
                exec wget -q -T 15 -c -O "$part" "$1"
            fi
        }

        reply() {
            still
            printf '%s %s\n' "$nonce" "$*"
            exit 0
        }

        beat() {
            while sleep 2 >/dev/null; do printf '%s beat\n' "$nonce"; done 2>/dev/null 9>&- &
            pulse=$!
        }

        still() {
            [ -z "$pulse" ] || { kill -9 "$pulse" && wait "$pulse"; } 2>/dev/null
            pulse=''
        }

        deliver() { # deliver NONCE TRY NAME CHECKSUM BYTES OFFSET TARGET [URL]
            nonce=$1 pulse=''
            LC_ALL=C
            PATH=${PATH:-/usr/bin:/bin}:/usr/sbin:/sbin:/run/wrappers/bin:/run/current-system/sw/bin
            export LC_ALL PATH
            state_root=${CLUSTERCTL_STATE:-/var/lib/clusterctl}
            umask 077
            trap still EXIT
            parts_of "$3" "$4"
            beat
            hold_parts "$2" || reply failed
            still
            for old in "$state_root/artifacts/$3".*.part "$state_root/artifacts/$3".*.whole; do
                if [ "$old" != "$part" ] && [ "$old" != "$whole" ]; then rm -f "$old"; fi
            done
            [ ! -f "$whole" ] || reply whole
            there=$(part_bytes "$part")
            if [ "$there" -gt "$5" ]; then
                rm -f "$part"
                there=0
            fi
            [ -n "${8-}" ] || [ "$there" -eq "$6" ] || reply moved "$there"
            room "$state_root" $((($5 - there) / 1024 + 1)) || reply full "$shortage"
            if [ "$(mount_of "$state_root")" != "$(mount_of "$7")" ]; then
                room "$7" $(($5 / 1024 + 1)) || reply full "$shortage"
            fi
            if [ -n "${8-}" ]; then
                beat
                write_part "$2" fetch_from_peer "$8"
            else
                write_part "$2" append
            fi
            status=$?
            still
            there=$(part_bytes "$part")
            if [ "$there" -lt "$5" ]; then
                [ "$status" -ne 0 ] || reply moved "$there"
                if ! room "$state_root" 64; then
                    rm -f "$part" # a full disk harms more than an upload that begins anew
                    reply full "$shortage"
                fi
                if [ "$status" -gt 128 ] || [ -n "${8-}" ]; then reply moved "$there"; fi
                reply failed
            fi
            beat
            finish_part "$4" && reply whole
            [ "$digest" = "$4" ] || reply wrong "$digest"
            reply failed
        }

        mount_of() { df -Pk "$(nearest "$1")" 2>/dev/null | awk 'END { print $6 }'; }
        """#

    /// Artifacts as operations: how each stands, and how it is put in place.
    static let artifacts = #"""
        # The checksum of an artifact that is in place is noted under $state_root, for a survey that knows none.
        artifact_state() { # artifact_state PATH MODE NAME CHECKSUM URL; an empty CHECKSUM is not known now
            is_kind "$1" file || return
            right=$4
            if [ -z "$right" ]; then right=$(noted_checksum "$1" "$3"); fi
            if [ -z "$right" ]; then
                echo '(there, but with which checksum it should be is not known here)'
                return 1
            fi
            found=$(digest_of "$1")
            if [ "$found" != "$right" ]; then
                echo "(SHA-256 is $found and should be $right)"
                return 1
            fi
            has_mode "$1" "$2"
        }
        noted_checksum() { # noted_checksum PATH NAME
            [ -f "$state_root/artifacts/$2.sha256" ] || return 0
            read -r noted noted_path <"$state_root/artifacts/$2.sha256"
            [ "$noted_path" != "$1" ] || echo "$noted"
        }
        artifact_apply() {
            if [ -f "$1" ] && [ "$(digest_of "$1")" = "$4" ]; then
                chown 0:0 "$1" && chmod "$2" "$1" && note_artifact "$@"
                return
            fi
            parts_of "$3" "$4"
            if [ -n "$5" ]; then bring "$5" "$4" || return; fi
            if [ ! -f "$whole" ]; then
                echo "$whole has not been sent" >&2
                return 1
            fi
            new_beside "$1" && mv -f "$whole" "$beside" && place "$1" "$2" && note_artifact "$@"
        }
        note_artifact() {
            new_beside "$state_root/artifacts/$3.sha256" || return
            echo "$4 $1" >"$beside"
            place "$state_root/artifacts/$3.sha256" 0644
        }

        answer_part() { # answer_part NAME CHECKSUM: the bytes that have arrived, or `whole`
            parts_of "$1" "$2"
            if [ -f "$whole" ]; then echo whole; else part_bytes "$part"; fi
        }

        bring() { # bring URL CHECKSUM: the node fetches it, and once again when what came was wrong
            hold_parts "$nonce" || return
            bring_held "$@"
            set -- $?
            exec 9>&-
            return "$1"
        }
        bring_held() {
            for round in 1 2; do
                [ ! -f "$whole" ] || return 0
                write_part "$nonce" fetch "$1"
                brought=$?
                # A part that is complete already cannot be gone on with: 22, 33 and 36 are curl's words for it, 8 is wget's.
                case $brought in
                0 | 8 | 22 | 33 | 36) [ ! -s "$part" ] || finish_part "$2" || continue ;;
                esac
                [ "$brought" -eq 0 ] || [ -f "$whole" ] || return "$brought"
            done
            [ -f "$whole" ]
        }
        """#
}
