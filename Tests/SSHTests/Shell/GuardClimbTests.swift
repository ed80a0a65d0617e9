import Testing

@testable import SSH

/// The quick rungs: the guard stops at the first after which somebody gets in. In a scenario that happens in the middle
/// of a rung, so that no test depends on how long something takes.
@Suite(.enabled(if: GuardBox.canRun, "needs root, unshare, both iptables, nft and ip"))
@ClimbThread struct GuardClimbTests {
    private func check(_ shell: TestShell, _ scenario: String) throws {
        let complaints = try GuardBox.complaints(shell, scenario)
        #expect(complaints.isEmpty, "\(complaints.joined(separator: "\n"))")
    }

    @Test(arguments: TestShell.all) func stopsAtTheFirstRungAfterWhichSomebodyGetsIn(shell: TestShell) throws {
        try check(
            shell,
            #"""
            expect 'arms' arm cilium 20 nonce1
            damage
            late
            when 'rung 1 of 3' 'guard.sh extend cilium 20 nonce1 >"$BOX/answer"'
            expect 'fires' guard fire
            answer='firing phase=cilium nonce=nonce1 because=deadline rung=1'
            expect 'told who got in' grep -qx "$answer" "$box/answer"
            expect 'is held there' says 'held phase=cilium nonce=nonce1 rung=1 until=1*'
            expect 'lets SSH in' iptables-nft -C INPUT -p tcp --dport 22 -m comment --comment clusterctl-guard -j ACCEPT
            expect 'on every port of sshd' sh -c 'iptables-nft -S INPUT | grep -q 2222'
            expect 'has not gone further' ip link show cilium_host
            expect 'nor undone anything' status 1 test -e "$box/undone"
            expect 'nor put files back' grep -qx new "$box/etc/config"
            expect 'the clock runs anew' systemctl is-active clusterctl-guard.timer
            expect 'the service starts at boot' systemctl is-enabled clusterctl-guard.service
            expect 'says so' logged 'a new connection got in after rung 1: the climb stops here$'
            echo 5 >"$box/state/guard/armed/until"
            expect 'a sign of life prolongs it' guard extend cilium 20 nonce1
            expect 'by a window' says 'held phase=cilium nonce=nonce1 rung=1 until=1*'
            expect 'of this run alone' status 5 guard extend cilium 20 nonce2
            expect 'fire before the deadline does nothing' guard fire
            expect 'another phase waits' status 4 arm k3s 20 nonce2
            expect 'is taken back when asked' guard rollback cilium
            expect 'all the way' says 'rolled-back phase=cilium nonce=nonce1 at=1* because=asked left=none'
            expect 'is as before' same_facts
            expect 'without more waits' test "$(logs 'waiting')" -eq 1
            """#)
    }

    @Test(arguments: TestShell.all) func aConfirmationThatComesTooLateIsHeardToo(shell: TestShell) throws {
        try check(
            shell,
            #"""
            expect 'arms' arm cilium 20 nonce1
            late
            (until logged waiting; do sleep 0.1; done && guard confirm cilium nonce1) &
            export CLUSTERCTL_WAIT=30
            expect 'fires' guard fire
            expect 'shows as well that one gets in' says 'held * rung=1 *'
            """#)
    }

    @Test(arguments: TestShell.all) func aWrongNonceIsNotHeard(shell: TestShell) throws {
        try check(
            shell,
            #"""
            expect 'arms' arm cilium 20 nonce1
            damage
            late
            when 'rung 1 of 3' 'guard.sh extend cilium 20 other; guard.sh extend k3s 20 nonce1; guard.sh state'
            expect 'fires' guard fire
            expect 'goes the whole way' says 'rolled-back * because=deadline left=none'
            expect 'is as before' same_facts
            expect 'waited after each rung' test "$(logs 'rung [123] of 3: done; waiting 0 s')" -eq 3
            expect 'says so' logged 'nobody got in: the whole way$'
            sed -n 's/.* \([0-9]*\) of \([0-9]*\): [^;]*$/\1/p' "$box/state/guard/log" | tr '\n' ' ' >"$box/order"
            expect 'in this order' grep -qx '1 2 3 1 2 3 4 5 6 7 8 9 10 ' "$box/order"
            """#)
    }

    @Test(arguments: TestShell.all) func goesOnWhereItStoppedWhenTheClockRunsOutAgain(shell: TestShell) throws {
        try check(
            shell,
            #"""
            expect 'arms' arm cilium 20 nonce1
            damage
            late
            when 'rung 2 of 3' 'guard.sh extend cilium 20 nonce1 >"$BOX/answer"'
            expect 'fires' guard fire
            expect 'is held' says 'held * rung=2 *'
            expect 'programs are off' status 1 sh -c 'tc qdisc show dev up0 | grep -q clsact'
            expect 'and links' status 1 ip link show cilium_host
            expect 'the rules are as the change left them' iptables-nft -S CILIUM_INPUT
            late
            expect 'fires again' guard fire
            expect 'to the end' says 'rolled-back * because=deadline left=none'
            expect 'is as before' same_facts
            expect 'no rung twice before the whole way' test "$(logs 'rung [123] of 3: done')" -eq 3
            """#)
    }

    @Test(arguments: TestShell.all) func keepsAHeldPhaseForWhoKnowsTheRung(shell: TestShell) throws {
        try check(
            shell,
            #"""
            expect 'arms' arm cilium 20 nonce1
            damage
            late
            when 'rung 2 of 3' 'guard.sh extend cilium 20 nonce1 >"$BOX/answer"'
            expect 'fires' guard fire
            expect 'a run cannot confirm it' status 3 guard confirm cilium nonce1
            expect 'and is told why' grep -q 'too late: held phase=cilium nonce=nonce1 rung=2' "$box/words"
            expect 'nor who knows of another rung' status 3 guard confirm cilium nonce1 1
            expect 'it is held still' says 'held *'
            guard confirm cilium nonce1 2 >"$box/answer"
            expect 'says what stays' grep -q '^confirmed phase=cilium (rung 1 stays: an .* (rung 2 ' "$box/answer"
            expect 'writes it down' logged 'confirmed: cilium stays (rung 1 stays: an accept rule'
            expect 'says none' says none
            expect 'the change stays' grep -qx new "$box/etc/config"
            expect 'and the accept rule' sh -c 'iptables-nft -S INPUT | grep -q clusterctl-guard'
            expect 'no clock' status 1 systemctl is-active clusterctl-guard.timer
            expect 'not at boot' status 1 systemctl is-enabled clusterctl-guard.service
            """#)
    }

    @Test(arguments: TestShell.all) func theNextRunGoesOnWithAHeldPhase(shell: TestShell) throws {
        try check(
            shell,
            #"""
            expect 'arms' arm cilium 20 nonce1
            damage
            late
            when 'rung 1 of 3' 'guard.sh extend cilium 20 nonce1 >"$BOX/answer"'
            expect 'fires' guard fire
            expect 'arms again' arm cilium 20 nonce2
            expect 'says so' says 'armed phase=cilium nonce=nonce2 until=1*'
            expect 'after it took back what was held' logged 'rolled-back phase=cilium nonce=nonce1'
            expect 'to the end' logged 'because=asked left=none'
            expect 'so that nothing of it is left' same_facts
            expect 'another run is not obeyed' status 5 guard rollback cilium nonce1 nonce3
            expect 'it is armed still' says 'armed phase=cilium nonce=nonce2 *'
            damage
            late
            expect 'fires' guard fire
            expect 'from the first rung' test "$(logs 'rung 1 of 3: done')" -eq 2
            expect 'to what was saved first' same_facts
            """#)
    }

    @Test(arguments: TestShell.all) func aHeldPhaseIsTakenBackAtBoot(shell: TestShell) throws {
        try check(
            shell,
            #"""
            expect 'arms' arm cilium 20 nonce1
            echo new >"$box/etc/config"
            late
            when 'rung 1 of 3' 'guard.sh extend cilium 20 nonce1 >"$BOX/answer"'
            expect 'fires' guard fire
            echo other >"$box/state/guard/armed/boot"
            expect 'fires at boot' guard fire
            expect 'says so' says 'rolled-back * because=boot left=none'
            expect 'files are back' grep -qx old "$box/etc/config"
            expect 'no more waits' test "$(logs 'waiting')" -eq 1
            """#)
    }

    @Test(arguments: TestShell.all) func goesOnAtTheRungAtWhichItWasKilled(shell: TestShell) throws {
        try check(
            shell,
            #"""
            expect 'arms' arm cilium 20 nonce1
            damage
            late
            when 'rung 2 of 3' 'kill -9 $(cat "$BOX/pid")'
            fire_to_be_killed
            expect 'was cut' says 'firing phase=cilium nonce=nonce1 because=deadline rung=2'
            expect 'somebody gets in meanwhile' status 3 guard extend cilium 20 nonce1
            expect 'goes on' guard fire
            expect 'and stops there' says 'held * rung=2 *'
            expect 'the first rung once' test "$(logs 'rung 1 of 3: done')" -eq 1
            expect 'the second twice' test "$(logs 'rung 2 of 3: what')" -eq 2
            """#)
    }

    @Test(arguments: TestShell.all) func waitsForNobodyWhenAsked(shell: TestShell) throws {
        try check(
            shell,
            #"""
            expect 'arms' arm cilium 20 nonce1
            damage
            expect 'is taken back' guard rollback cilium
            expect 'without waiting' status 1 logged waiting
            expect 'is as before' same_facts
            expect 'arms' arm cilium 20 nonce2
            damage
            late
            when 'rung 1 of 3' 'kill -9 $(cat "$BOX/pid")'
            fire_to_be_killed
            expect 'was cut' says 'firing * rung=1'
            expect 'is taken back' guard rollback cilium
            expect 'without waiting' status 1 logged waiting
            expect 'is as before' same_facts
            """#)
    }

    @Test(arguments: TestShell.all) func asksAFirewallThatReloadedToDoItAgain(shell: TestShell) throws {
        try check(
            shell,
            #"""
            for unit in nftables firewalld; do
                systemctl start $unit.service
                echo 1 >"$box/units/$unit.service.changed"
            done
            expect 'arms' arm cilium 20 nonce1
            iptables-nft -F INPUT
            systemctl reload nftables.service
            systemctl start ufw.service
            rm "$box/reloads"
            expect 'is taken back' guard rollback cilium
            expect 'is no lie' says 'rolled-back * left=firewall-reloaded:nftables.service,firewall-reloaded:ufw.service'
            expect 'after the rules were put back' grep -qx 'reload-or-restart nftables.service with 1' "$box/reloads"
            expect 'nobody else' test "$(wc -l <"$box/reloads")" -eq 2
            expect 'says so' logged '^nftables.service was started or reloaded since'
            expect 'is as before' same_facts
            """#)
    }

    /// The lines are those of bpftool 7.8 on a kernel with TCX.
    @Test(arguments: TestShell.all) func takesOffTCXProgramsThatWereNotThere(shell: TestShell) throws {
        try check(
            shell,
            #"""
            cat >"$box/bin/bpftool" <<'STUB'
            #!/bin/sh
            case "$1 $2 ${3-}" in
                'net show '*) printf 'xdp:\n\ntc:\n'; grep "^${4-}" "$BOX/tcx"; printf '\nflow_dissector:\n\nnetfilter:\n' ;;
                'link detach id') sed -i "/ link_id $4 /d" "$BOX/tcx" ;;
                'net detach tcx_'*)
                    at=$(grep -n "^$5(.*tcx/${3#tcx_} " "$BOX/tcx" | tail -n 1 | cut -d : -f 1)
                    sed -i "${at}d" "$BOX/tcx"
                    ;;
            esac
            STUB
            chmod +x "$box/bin/bpftool"
            cat >"$box/tcx" <<'TCX'
            up0(3) tcx/ingress cil_from_netdev prog_id 11 link_id 3 
            up0(3) tcx/ingress mine prog_id 12 
            lxc9(9) tcx/ingress cil_from_container prog_id 13 link_id 4 
            TCX
            cp "$box/tcx" "$box/tcx-before"
            expect 'arms' arm cilium 20 nonce1
            cat >>"$box/tcx" <<'TCX'
            up0(3) tcx/ingress cil_from_netdev prog_id 21 link_id 8 
            up0(3) tcx/egress cil_to_netdev prog_id 22 link_id 9 
            up0(3) tcx/egress loose prog_id 23 
            TCX
            late
            when 'rung 2 of 3' 'guard.sh extend cilium 20 nonce1 >"$BOX/answer"'
            expect 'fires' guard fire
            expect 'is held' says 'held * rung=2 *'
            expect 'the new ones are off, the old ones on' diff "$box/tcx-before" "$box/tcx"
            expect 'is taken back' guard rollback cilium
            expect 'with nothing left' says 'rolled-back * left=none'
            """#)
    }

    /// Without a member in it the directory is moved aside whole, and what was in it before with it.
    @Test(arguments: TestShell.all) func snapshotsThatAreMovedAsideAreNamed(shell: TestShell) throws {
        try check(
            shell,
            #"""
            db=/var/lib/rancher/k3s/server/db
            arm_for() { # arm_for PHASE UNDO NONCE
                printf '%s\n' 'unit k3s.service' undo "$2" >"$box/what"
                guard arm "$1" 20 "$3" <"$box/what"
            }
            mkdir -p $db/snapshots
            : >$db/snapshots/on-demand-1
            expect 'arms' arm_for replicas 'exit 0' nonce1
            mkdir -p $db/etcd/member
            late
            expect 'fires' guard fire
            expect 'they are there' ls $db.clusterctl-*/snapshots/on-demand-1
            expect 'and named' says "rolled-back phase=replicas nonce=nonce1 * left=moved-to:$(ls -d $db.clusterctl-*)"
            rm -r $db.clusterctl-*
            expect 'arms again' arm_for replicas 'exit 0' nonce2
            mkdir -p $db/etcd/member $db/snapshots
            late
            expect 'fires again' guard fire
            expect 'what came with the change is not' says 'rolled-back phase=replicas nonce=nonce2 * left=none'
            """#)
    }
}
