extension Prelude {
    /// Directories, files and links: how each stands, and how it is made so.
    ///
    /// A description is one line in parentheses; anything else that a state prints is the present text of the file.
    static let files = #"""
        # Each operation has OPERATION_state (0: it is so; else prints what is there) and OPERATION_apply.

        is_there() { [ -e "$1" ] || [ -L "$1" ]; }

        kind_of() { # link, directory, file, other or absent
            if [ -L "$1" ]; then echo link
            elif [ -d "$1" ]; then echo directory
            elif [ -f "$1" ]; then echo file
            elif [ -e "$1" ]; then echo other
            else echo absent
            fi
        }

        mode_of() { # the mode in four octal digits, the owner's and the group's number
            ls -ldn -- "$1" | awk 'NR == 1 {
                for (i = 2; i <= 10; i++) bits = bits * 2 + (substr($1, i, 1) ~ /[rwxst]/)
                special = 4 * (substr($1, 4, 1) ~ /[sS]/) + 2 * (substr($1, 7, 1) ~ /[sS]/)
                special += substr($1, 10, 1) ~ /[tT]/
                printf "%o%03o %s %s\n", special, bits, $3, $4
            }'
        }

        has_mode() { # has_mode PATH MODE, owned by root
            found=$(mode_of "$1")
            [ "$found" = "$2 0 0" ] && return
            echo "(mode, user and group are $found and should be $2 0 0)"
            return 1
        }

        is_kind() { # is_kind PATH KIND
            found=$(kind_of "$1")
            [ "$found" = "$2" ] && return
            if [ "$found" = absent ]; then echo '(absent)'; else echo "(a $found is in its place)"; fi
            return 1
        }

        show() { # the text of a file for a person, without what looks like a token, password or key
            head -c 65536 "$1" | sed \
                -e 's/\([Tt][Oo][Kk][Ee][Nn]["'\'']*[[:space:]]*[:=]\).*/\1 (hidden)/' \
                -e 's/\([Pp][Aa][Ss][Ss][Ww][Oo][Rr][Dd]["'\'']*[[:space:]]*[:=]\).*/\1 (hidden)/' \
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
            beside=$(mktemp "$(dirname -- "$1")/.clusterctl.XXXXXX")
        }

        place() { # place PATH MODE: the complete file $beside takes the path in one rename
            chown 0:0 "$beside" && chmod "$2" "$beside" && flush "$beside" && rename "$beside" "$1" && beside=''
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
            if [ ! -d "$1" ]; then mkdir -- "$1" || return; fi
            chown 0:0 "$1" && chmod "$2" "$1"
        }

        file_state() { # file_state PATH MODE CONTENT
            is_kind "$1" file || return
            if ! printf %s "$3" | cmp -s - "$1"; then
                show "$1"
                return 1
            fi
            has_mode "$1" "$2"
        }
        file_apply() {
            new_beside "$1" || return
            printf %s "$3" >"$beside" || return
            place "$1" "$2"
        }

        # A secret file prints nothing of what it holds. Without CONTENT only its being there can be told.
        secret_state() { # secret_state PATH MODE [CONTENT]
            is_kind "$1" file || return
            if [ $# -gt 2 ] && ! printf %s "$3" | cmp -s - "$1"; then
                echo '(differs; secret)'
                return 1
            fi
            if [ ! -s "$1" ]; then
                echo '(empty)'
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
            echo "(a $(kind_of "$1") is there)"
            return 1
        }
        absent_apply() {
            if [ -d "$1" ] && [ ! -L "$1" ]; then rmdir -- "$1"; else rm -f -- "$1"; fi
        }
        """#
}
