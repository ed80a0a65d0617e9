# new-version BINARY VERSION server|agent KEY...: whether this program is K3s of that version, and knows every setting that
# it will find in its file: an agent does not start with one that it does not know, and a server goes on without it.
binary=$1 version=$2 role=$3
shift 3
said=$("$binary" --version 2>&1 </dev/null) || said="nothing that can be read: $said"
case $said in
*" version $version "*) ;;
*)
    echo "the program in $binary says: $(printf '%s\n' "$said" | head -n 1)" >&2
    exit 1
    ;;
esac
help=$("$binary" "$role" --help 2>&1 </dev/null) || exit 1
unknown=''
for key in "$@"; do
    printf '%s\n' "$help" | grep -qE -- "--$key([ ,=]|\$)" || unknown="$unknown $key"
done
[ -z "$unknown" ] || {
    echo "K3s $version does not know these settings any more:$unknown" >&2
    exit 1
}
