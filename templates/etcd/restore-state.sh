# restore-state: "ATTEMPT STAGE SNAPSHOT" of the restore that etcd-restore.sh has begun last on this node, and behind 'ended' when
# (seconds since 1970); nothing where there was none.
note=/var/lib/clusterctl/etcd/restore
[ -f "$note" ] || exit 0
read -r of stage what <"$note"
[ "$stage" != ended ] || what="$what $(stat -c %Y "$note")"
[ -z "$of" ] || echo "$of $stage $what"
