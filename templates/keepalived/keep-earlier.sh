# keep-earlier check|keep FILE DIRECTORY: a copy of a configuration that clusterctl did not write.
#
# It stays when all goes well, and nothing else would remember it. Copies are never overwritten. "check" succeeds when
# there is nothing to keep.
task=$1 file=$2 directory=$3

[ -f "$file" ] || exit 0
! head -n 1 "$file" | grep -q '^# Written by clusterctl\.' || exit 0
kept=$directory/${file##*/} number=1
while [ -e "$kept" ]; do
    ! cmp -s "$file" "$kept" || exit 0
    number=$((number + 1))
    kept=$directory/${file##*/}.$number
done
[ "$task" = keep ] || exit 1
mkdir -p "$directory" && cp -pP "$file" "$kept.new" && mv -f "$kept.new" "$kept"
