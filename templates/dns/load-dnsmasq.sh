# load-dnsmasq check|load|unload FILE NOTE: NetworkManager's dnsmasq runs with FILE as it is; the links stay as they are.
#
# NOTE tells the checksum of what it was last started with. It goes with a reboot, as dnsmasq does.
task=$1 file=$2 note=$3

if [ "$task" = unload ]; then
    rm -f "$file" "$note"
    exec nmcli general reload dns-full
fi
sum=$(cksum <"$file") || exit
[ "$(cat "$note" 2>/dev/null)" != "$sum" ] || exit 0
[ "$task" = load ] || exit 1
nmcli general reload dns-full && mkdir -p "${note%/*}" && echo "$sum" >"$note"
