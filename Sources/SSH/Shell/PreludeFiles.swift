extension Prelude {
    /// Directories, files and links: how each stands, and how it is made so.
    ///
    /// A description is one line in parentheses; anything else that a state prints is the present text of the file.
    static let files = #"""
        # Each operation has OPERATION_state (0: it is so; else prints what is there) and OPERATION_apply.

        # Each process on a node costs it a millisecond, so what the shell can do itself is done by it: functions leave
        # what they find in a variable, and a survey looks at all its paths at once.

        look_over() { listing=$(ls -ldn -- "$@" 2>/dev/null); } # look_over PATH...: for the mode_of each
        sum_up() { # sum_up FILE...: for the has_digest of each
            if command -v sha256sum >/dev/null; then digests=$(sha256sum -- "$@" 2>/dev/null); fi
        }

        line_about() { # line_about PATH LINES: sets $line to the one that ends with the path, if there is one
            line=''
            # Other names are not written as they are by every ls and sha256sum.
            case $1 in *[!A-Za-z0-9/._@:+=-]*) return 1 ;; esac
            set -f
            IFS=$newline
            for line in $2; do
                case $line in *" $1") break ;; esac
                line=''
            done
            IFS=$spaces
            set +f
            [ -n "$line" ]
        }

        is_there() { [ -e "$1" ] || [ -L "$1" ]; }

        kind_of() { # sets $kind: link, directory, file, other or absent
            if [ -L "$1" ]; then kind=link
            elif [ -d "$1" ]; then kind=directory
            elif [ -f "$1" ]; then kind=file
            elif [ -e "$1" ]; then kind=other
            else kind=absent
            fi
        }

        mode_of() { # sets $mode, four octal digits, $belongs, numbers of user and group, and $size
            mode='' belongs='' size=''
            line_about "$1" "$listing" || line=$(ls -ldn -- "$1") || return
            set -f
            set -- $line
            set +f
            bits=${1#?} belongs="$3 $4" size=$5 special=0
            for weight in 4 2 1; do
                digit=0
                case $bits in r*) digit=4 ;; esac
                case $bits in ?w*) digit=$((digit + 2)) ;; esac
                case $bits in ??[xst]*) digit=$((digit + 1)) ;; esac
                case $bits in ??[sStT]*) special=$((special + weight)) ;; esac
                bits=${bits#???} mode=$mode$digit
            done
            mode=$special$mode
        }

        has_mode() { # has_mode PATH MODE, owned by root
            mode_of "$1"
            [ "$mode $belongs" = "$2 0 0" ] && return
            remark "(mode, user and group are $mode $belongs and should be $2 0 0)"
            return 1
        }

        is_kind() { # is_kind PATH KIND
            kind_of "$1"
            [ "$kind" = "$2" ] && return
            if [ "$kind" = absent ]; then remark '(absent)'; else remark "(a $kind is in its place)"; fi
            return 1
        }

        show() { # the text of a file for a person, without what looks like a token, password or key
            head -c 65536 "$1" | sed \
                -e 's/\([Tt][Oo][Kk][Ee][Nn]["'\'']*[[:space:]]*[:=]\).*/\1 (hidden)/' \
                -e 's/\([Pp][Aa][Ss][Ss][Ww][Oo][Rr][Dd]["'\'']*[[:space:]]*[:=]\).*/\1 (hidden)/' \
                -e '/^ *!/!s/\(neighbor [^ ]* password \).*/\1(hidden)/' \
                -e 's/\([Ss][Ee][Cc][Rr][Ee][Tt]["'\'']*[[:space:]]*[:=]\).*/\1 (hidden)/' \
                -e 's/\([Kk][Ee][Yy]["'\'']*[[:space:]]*[:=]\).*/\1 (hidden)/' \
                -e 's/K10[0-9a-f]\{32,\}::[^[:space:]]*/(hidden)/g'
            [ "$(bytes "$1")" -le 65536 ] || printf '\n[cut here: %s bytes in all]\n' "$(bytes "$1")"
        }

        new_beside() { # new_beside PATH: an empty private file in the same directory, its name in $beside
            if [ -d "$1" ] && [ ! -L "$1" ]; then
                echo "$1 is a directory" >&2
                return 1
            fi
            make_parents "$1" || return
            beside=$parent/.clusterctl.$nonce
            # Nobody can have foreseen the nonce, and noclobber makes what it opens or fails.
            set -C
            true 2>/dev/null >"$beside" || beside=$(mktemp "$parent/.clusterctl.XXXXXX")
            set -- $?
            set +C
            return "$1"
        }

        # Where / is owned by this program's own user and group, what it owns is root's.
        is_roots() { [ -O / ] && [ -G / ] && [ -O "$1" ] && [ -G "$1" ]; }
        give_to_root() { is_roots "$1" || chown 0:0 -- "$1"; }

        place() { # place PATH MODE: the complete file $beside takes the path in one rename
            give_to_root "$beside" && chmod "$2" "$beside" && flush "$beside" && rename "$beside" "$1" && beside=''
        }

        rename() { # rename FROM TO, where TO may be a link to a directory and is then replaced itself
            if [ -L "$2" ] && [ -d "$2" ]; then
                mv -fT "$1" "$2" 2>/dev/null || mv -fh "$1" "$2" 2>/dev/null || { rm -f "$2" && mv -f "$1" "$2"; }
            else
                mv -f "$1" "$2"
            fi
        }

        directory_state() { is_kind "$1" directory && has_mode "$1" "$2"; }
        directory_apply() {
            make_parents "$1" || return
            if [ -d "$1" ]; then chmod "$2" "$1"; else mkdir -m "$2" -- "$1"; fi && give_to_root "$1"
        }

        has_digest() { # has_digest FILE SHA256
            if line_about "$1" "$digests"; then digest=${line%% *}; else digest=$(digest_of "$1"); fi
            [ "$digest" = "$2" ]
        }

        file_state() { # file_state PATH MODE SHA256
            is_kind "$1" file || return
            if ! has_digest "$1" "$3"; then
                show "$1"
                return 1
            fi
            has_mode "$1" "$2"
        }
        file_apply() { # file_apply PATH MODE SHA256 CONTENT
            new_beside "$1" || return
            printf %s "$4" >"$beside" || return
            place "$1" "$2"
        }

        # A secret file prints nothing of what it holds. Without SHA256 only its being there can be told.
        secret_state() { # secret_state PATH MODE [SHA256]
            is_kind "$1" file || return
            if [ $# -gt 2 ] && ! has_digest "$1" "$3"; then
                remark '(differs; secret)'
                return 1
            fi
            if [ ! -s "$1" ]; then
                remark '(empty)'
                return 1
            fi
            has_mode "$1" "$2"
        }
        secret_apply() { file_apply "$@"; }

        generated_state() { secret_state "$1" "$2"; }
        generated_apply() { # generated_apply PATH MODE BYTES; what is there is never replaced
            if [ -f "$1" ] && [ -s "$1" ]; then
                chown 0:0 "$1" && chmod "$2" "$1"
                return
            fi
            new_beside "$1" || return
            head -c "$3" /dev/urandom | od -An -v -tx1 | tr -d ' \n' >"$beside" || return
            if [ "$(bytes "$beside")" -ne $(($3 * 2)) ]; then
                echo 'the random device gave too little' >&2
                return 1
            fi
            echo >>"$beside"
            place "$1" "$2"
        }

        link_state() { # link_state PATH TARGET
            is_kind "$1" link || return
            found=$(readlink "$1")
            [ "$found" = "$2" ] && return
            echo "(points to $found)"
            return 1
        }
        link_apply() {
            new_beside "$1" || return
            rm -f "$beside"
            ln -s -- "$2" "$beside" && rename "$beside" "$1" && beside=''
        }

        absent_state() {
            is_there "$1" || return 0
            kind_of "$1"
            remark "(a $kind is there)"
            return 1
        }
        absent_apply() {
            if [ -d "$1" ] && [ ! -L "$1" ]; then rmdir -- "$1"; else rm -f -- "$1"; fi
        }
        """#
}
