# pause-k3s: sets a timer that starts UNIT after SECONDS, reads it back, and only then stops UNIT. The timer is systemd's
# own: it needs nobody. It is gone after a restart of the node, which starts UNIT by itself.
unit=$1 seconds=$2 back=clusterctl-failover
systemctl stop "$back.timer" 2>/dev/null
systemctl reset-failed "$back.timer" "$back.service" 2>/dev/null
systemd-run --quiet --unit="$back" --description="starts $unit again" --on-active="${seconds}s" \
    --timer-property=AccuracySec=1s "$(command -v systemctl)" start "$unit" || exit
elapses=$(systemctl show -p NextElapseUSecMonotonic "$back.timer")
case $(systemctl is-active "$back.timer")/${elapses#*=} in
active/[0-9]*) ;;
*)
    echo "the timer that would start $unit again is not armed: nothing was stopped" >&2
    exit 1
    ;;
esac
systemctl stop "$unit"
