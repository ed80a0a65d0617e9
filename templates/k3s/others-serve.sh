# others-serve SECONDS UNIT FILES NODE=URL...: whether every other server's API says that it is ready, its etcd member
# included. Asked on the node itself at the last moment before its own K3s is stopped, so that never two are out. Within
# SECONDS they may still become so; 0: now. Where UNIT runs since FILES (separated by spaces) are as they are, nothing is about
# to be stopped, and nobody is asked.
patience=$1 unit=$2 files=$3
shift 3
present=$(for file in $files; do
    if [ -h "$file" ]; then
        digest=$(readlink "$file")
    elif [ -f "$file" ]; then
        digest=$(sha256sum <"$file") digest=${digest%% *}
    else
        digest=absent
    fi
    echo "$digest $file"
done)
case $(systemctl show -p ActiveState -- "$unit") in
*=active | *=activating | *=reloading)
    [ -z "$files" ] || [ "$present" != "$(cat "/var/lib/clusterctl/units/$unit" 2>/dev/null)" ] || exit 0 ;;
esac
seconds() { cut -d . -f 1 /proc/uptime; }
end=$(($(seconds) + patience))
while :; do
    silent=''
    for pair in "$@"; do
        said=$(k3s kubectl --request-timeout=5s --server="${pair#*=}" get --raw /readyz 2>/dev/null </dev/null) && [ "$said" = ok ] && continue
        silent=${pair%%=*}
        break
    done
    [ -n "$silent" ] || exit 0
    [ "$(seconds)" -lt "$end" ] || break
    sleep 2
done
echo "$silent does not serve; this node is not stopped as well" >&2
exit 1
