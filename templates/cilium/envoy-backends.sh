# envoy-backends: what this node's Envoy holds of the backends of CLUSTER, a line each: ADDRESS:PORT and "healthy", or why not.
container=$(k3s crictl ps --name cilium-agent -q | head -n 1)
if [ -z "$container" ]; then
    echo "no cilium-agent container runs on this node" >&2
    exit 1
fi
said=$(k3s crictl exec "$container" cilium-dbg envoy admin clusters) || exit
printf '%s\n' "$said" | sed -n "s|^$1::\(.*\)::health_flags::|\1 |p"
