"""The rules of kube-proxy and of the kubelet. Both stay behind when k3s is stopped, as the real ones do."""

import http.server
import subprocess
import threading

from . import log, paths

# The kubelet's own; there with and without kube-proxy.
_KUBELET = """\
*mangle
:KUBE-IPTABLES-HINT - [0:0]
:KUBE-KUBELET-CANARY - [0:0]
COMMIT
*nat
:KUBE-KUBELET-CANARY - [0:0]
COMMIT
*filter
:KUBE-FIREWALL - [0:0]
:KUBE-KUBELET-CANARY - [0:0]
{firewall}COMMIT
"""
_FIREWALL = """\
-A KUBE-FIREWALL ! -s 127.0.0.0/8 -d 127.0.0.0/8 -m comment --comment "block incoming localnet connections" \
-m conntrack ! --ctstate RELATED,ESTABLISHED,DNAT -j DROP
"""
_JUMPS = {
    "nat": (("PREROUTING", "kubernetes service portals", "KUBE-SERVICES"),
            ("OUTPUT", "kubernetes service portals", "KUBE-SERVICES"),
            ("POSTROUTING", "kubernetes postrouting rules", "KUBE-POSTROUTING")),
    "filter": (("INPUT", "kubernetes externally-visible service portals", "KUBE-EXTERNAL-SERVICES"),
               ("FORWARD", "kubernetes forwarding rules", "KUBE-FORWARD"),
               ("INPUT", "kubernetes load balancer firewall", "KUBE-PROXY-FIREWALL"),
               ("OUTPUT", "kubernetes service portals", "KUBE-SERVICES")),
}


def _iptables(program, text):
    result = subprocess.run([program + "-restore", "--noflush"], input=text, capture_output=True, text=True,
                            check=False)
    if result.returncode != 0:
        log.warning(f"{program}-restore: {result.stderr.strip()}")


def _saved(program):
    return subprocess.run([program + "-save"], capture_output=True, text=True, check=False).stdout


def install_kubelet_rules():
    for program in ("iptables", "ip6tables"):
        saved = _saved(program)
        if ":KUBE-KUBELET-CANARY" in saved and ":KUBE-FIREWALL" in saved:
            continue
        text = _KUBELET.format(firewall=_FIREWALL if program == "iptables" else "")
        if program == "iptables" and "-A INPUT -j KUBE-FIREWALL" not in saved:
            text = text.replace("{}COMMIT", "COMMIT")
            text = text.removesuffix("COMMIT\n") + "-A INPUT -j KUBE-FIREWALL\n-A OUTPUT -j KUBE-FIREWALL\nCOMMIT\n"
        _iptables(program, text)


class _FiguresHandler(http.server.BaseHTTPRequestHandler):
    """Port 10249 of the loopback: there as long as kube-proxy runs."""

    def log_message(self, *_):
        pass

    def do_GET(self):
        known = self.path == "/proxyMode"
        self.send_response(200 if known else 404)
        self.send_header("Content-Length", "8" if known else "0")
        self.end_headers()
        self.wfile.write(b"iptables" if known else b"")


def start(service_address, servers):
    """kube-proxy for as long as this k3s runs: its rules, which it makes anew when somebody has removed them, and its port."""
    install_proxy_rules(service_address, servers)

    def watch():
        while True:
            threading.Event().wait(2)
            if ":KUBE-PROXY-CANARY" not in _saved("iptables"):
                install_proxy_rules(service_address, servers)

    server = http.server.ThreadingHTTPServer(("127.0.0.1", paths.PROXY_PORT), _FiguresHandler)
    threading.Thread(target=server.serve_forever, args=(1,), name="kube-proxy figures", daemon=True).start()
    threading.Thread(target=watch, name="kube-proxy", daemon=True).start()


def install_proxy_rules(service_address, servers):
    """The service address of the API and nothing else: no other service is there."""
    saved = _saved("iptables")
    endpoints = [f"KUBE-SEP-{index:016d}" for index, _ in enumerate(servers)]
    service = "KUBE-SVC-NPX46M4PTMTKRN6Y"
    nat = [f":{chain} - [0:0]" for chain in ("KUBE-SERVICES", "KUBE-NODEPORTS", "KUBE-POSTROUTING", "KUBE-MARK-MASQ",
                                             "KUBE-PROXY-CANARY", service, *endpoints)]
    nat += [
        "-A KUBE-MARK-MASQ -j MARK --set-xmark 0x4000/0x4000",
        "-A KUBE-POSTROUTING -m mark ! --mark 0x4000/0x4000 -j RETURN",
        '-A KUBE-POSTROUTING -m comment --comment "kubernetes service traffic requiring SNAT" -j MASQUERADE',
        f'-A KUBE-SERVICES -d {service_address}/32 -p tcp -m comment --comment "default/kubernetes:https cluster IP" '
        f"-m tcp --dport 443 -j {service}",
        '-A KUBE-SERVICES -m addrtype --dst-type LOCAL -m comment --comment "kubernetes service nodeports" '
        "-j KUBE-NODEPORTS",
    ]
    for index, (chain, server) in enumerate(zip(endpoints, servers)):
        left = len(endpoints) - index
        chance = f" -m statistic --mode random --probability {1 / left:.10f}" if left > 1 else ""
        nat.append(f'-A {service} -m comment --comment "default/kubernetes:https -> {server}:6443"{chance} -j {chain}')
        nat.append(f"-A {chain} -p tcp -m tcp -j DNAT --to-destination {server}:6443")
    filters = [f":{chain} - [0:0]" for chain in ("KUBE-SERVICES", "KUBE-EXTERNAL-SERVICES", "KUBE-FORWARD",
                                                 "KUBE-NODEPORTS", "KUBE-PROXY-FIREWALL", "KUBE-PROXY-CANARY")]
    filters.append('-A KUBE-FORWARD -m comment --comment "kubernetes forwarding rules" -m mark --mark 0x4000/0x4000 '
                   "-j ACCEPT")
    lines = ["*mangle", ":KUBE-PROXY-CANARY - [0:0]", "COMMIT"]
    for table, rules in (("nat", nat), ("filter", filters)):
        lines += ["*" + table, *rules]
        body = saved.partition("*" + table + "\n")[2].partition("COMMIT")[0]
        for built_in, comment, chain in _JUMPS[table]:
            states = " -m conntrack --ctstate NEW" if table == "filter" and chain != "KUBE-FORWARD" else ""
            if f"-A {built_in}{states} -m comment --comment \"{comment}\" -j {chain}" not in body:
                lines.append(f'-A {built_in}{states} -m comment --comment "{comment}" -j {chain}')
        lines.append("COMMIT")
    _iptables("iptables", "\n".join(lines) + "\n")
