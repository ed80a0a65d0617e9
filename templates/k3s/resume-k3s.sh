# resume-k3s: starts UNIT, without waiting for it, and takes back the timer of pause-k3s.
systemctl start --no-block "$1" || exit
systemctl stop clusterctl-failover.timer 2>/dev/null
systemctl reset-failed clusterctl-failover.timer clusterctl-failover.service 2>/dev/null
exit 0
