# ask-dns ADDRESS QUERY: what the DNS server there answers, as hexadecimal digits.
#
# QUERY is a message as it goes over TCP, its bytes as \ooo. Few machines have a tool for that, nearly all have bash. The
# answer says itself how long it is, so that nobody waits for the server to hang up.
# shellcheck disable=SC2016
read='set -- $(dd bs=1 count=2 2>/dev/null | od -An -tu1)
    [ $# -eq 2 ] && dd bs=1 count=$(($1 * 256 + $2)) 2>/dev/null | od -An -v -tx1 | tr -d " \n"'

if command -v bash >/dev/null; then
    exec timeout 4 bash -c "exec 4<>\"/dev/tcp/\$1/53\" && printf \"\$2\" >&4 && exec <&4 && $read" bash "$1" "$2"
elif command -v nc >/dev/null; then
    # shellcheck disable=SC2059
    printf "$2" | timeout 4 nc -w 3 "$1" 53 | sh -c "$read"
else
    echo 'neither bash nor nc is there to ask with' >&2
    exit 127
fi
