# find-link check|note ADDRESS FILE: the link that has this address, as a line of keepalived's configuration.
#
# Links have other names on every kind of machine. "check" succeeds when the file names the right one.
task=$1 address=$2 file=$3

link=$(ip -o addr show to "$address" | awk '{ sub(/[@:].*/, "", $2); print $2; exit }')
if [ -z "$link" ]; then
    echo "no link has the address $address" >&2
    exit 1
fi
[ "$(cat "$file" 2>/dev/null)" != "interface $link" ] || exit 0
[ "$task" = note ] || exit 1
mkdir -p "${file%/*}" && echo "interface $link" >"$file.new" && mv -f "$file.new" "$file"
