# cilium-dbg: asks the Cilium agent of this node by its own tool.
container=$(k3s crictl ps --name cilium-agent -q | head -n 1)
if [ -z "$container" ]; then
    echo "no cilium-agent container runs on this node" >&2
    exit 1
fi
exec k3s crictl exec "$container" cilium-dbg "$@"
