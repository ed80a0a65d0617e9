# load-dnsmasq check|load|unload FILE NOTE: NetworkManager's dnsmasq runs with FILE as it is; the links stay as they are.
#
# NOTE is as old as the last start of dnsmasq for FILE's sake. FILE is never newer: somebody may have removed it, started
# dnsmasq without it, and written the same again. "unload" is said while the guard takes the phase back: dnsmasq runs with
# FILE as it was before.
task=$1 file=$2 note=$3
armed=/var/lib/clusterctl/guard/armed

if [ "$task" = unload ]; then
    # The guard puts files back after this, which would be too late: dnsmasq reads them at its start.
    saved=$(awk -v file="$file" '$1 == "copy" && $4 == file { print $2 }' "$armed/paths")
    rm -f "$file"
    [ -z "$saved" ] || cp -pP "$armed/files/$saved" "$file" || exit
    exec nmcli general reload dns-full
fi
if newer=$(find "$file" -newer "$note" 2>/dev/null) && [ -z "$newer" ]; then exit 0; fi
[ "$task" = load ] || exit 1
nmcli general reload dns-full && mkdir -p "${note%/*}" && : >"$note"
