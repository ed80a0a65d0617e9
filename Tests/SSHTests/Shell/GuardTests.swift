import Foundation
import Testing

@testable import SSH

/// Each test is a scenario in a network namespace of its own; a complaint names what did not hold.
@Suite(.enabled(if: GuardBox.canRun, "needs root, unshare, both iptables, nft and ip"))
@GuardThread struct GuardTests {
    private func check(_ shell: TestShell, _ scenario: String) throws {
        let complaints = try GuardBox.complaints(shell, scenario)
        #expect(complaints.isEmpty, "\(complaints.joined(separator: "\n"))")
    }

    @Test(arguments: TestShell.all) func armingChangesNothingButTheClock(shell: TestShell) throws {
        try check(
            shell,
            #"""
            expect 'none at first' says none
            expect 'arms' arm cilium 20 nonce1
            expect 'says so' says 'armed phase=cilium nonce=nonce1 until=1*'
            expect 'the rest is as before' same_facts
            expect 'the timer runs' systemctl is-active clusterctl-guard.timer
            expect 'the service starts at boot' systemctl is-enabled clusterctl-guard.service
            drop_in=$box/run/systemd/system/clusterctl-guard.timer.d/window.conf
            expect 'the window is set' grep -qx OnActiveSec=20s "$drop_in"
            """#)
    }

    @Test(arguments: TestShell.all) func firesAndPutsEverythingBack(shell: TestShell) throws {
        try check(
            shell,
            #"""
            expect 'arms' arm cilium 20 nonce1
            damage
            expect 'the damage shows' status 1 same_facts
            late
            expect 'fires' guard fire
            expect 'with nothing left' says 'rolled-back phase=cilium nonce=nonce1 at=1* because=deadline left=none'
            expect 'is as before' same_facts
            expect 'ran the undo' grep -qx undone "$box/undone"
            expect 'keeps data that were not there' ls -d "$box"/etc/newdir.clusterctl-*/other
            expect 'keeps etcd data aside' ls -d /var/lib/rancher/k3s/server/db.clusterctl-*/etcd
            expect 'and not in place' test ! -e /var/lib/rancher/k3s/server/db
            expect 'starts again what ran with new files' status 1 cmp -s "$box/other" "$box/units/other.service.active"
            expect 'no clock' status 1 systemctl is-active clusterctl-guard.timer
            expect 'not at boot' status 1 systemctl is-enabled clusterctl-guard.service
            expect 'too late now' status 3 guard confirm cilium nonce1
            expect 'and says when' grep -q 'too late: rolled-back phase=cilium' "$box/words"
            expect 'a second fire does nothing' guard fire
            expect 'still as before' same_facts
            """#)
    }

    @Test(arguments: TestShell.all) func staysAfterAConfirmation(shell: TestShell) throws {
        try check(
            shell,
            #"""
            expect 'arms' arm cilium 20 nonce1
            echo new >"$box/etc/config"
            expect 'refuses another nonce' status 5 guard confirm cilium other
            expect 'refuses another phase' status 5 guard confirm k3s nonce1
            expect 'is extended' guard extend cilium 25 nonce1
            expect 'confirms' guard confirm cilium nonce1
            expect 'confirms again' guard confirm cilium nonce1
            expect 'says none' says none
            expect 'fire does nothing' guard fire
            expect 'the change stays' grep -qx new "$box/etc/config"
            expect 'no clock' status 1 systemctl is-active clusterctl-guard.timer
            """#)
    }

    @Test(arguments: TestShell.all) func firesNotAfterASignOfLife(shell: TestShell) throws {
        try check(
            shell,
            #"""
            expect 'arms' arm cilium 20 nonce1
            expect 'fire before the deadline does nothing' guard fire
            expect 'still armed' says 'armed *'
            expect 'knows a reboot' sh -c 'echo other >"$BOX/state/guard/armed/boot"'
            echo new >"$box/etc/config"
            iptables-nft -A INPUT -j DROP
            expect 'fires at boot' guard fire
            expect 'says so' says 'rolled-back * because=boot left=none'
            expect 'files are back' grep -qx old "$box/etc/config"
            expect 'rules are left to the boot' iptables-nft -C INPUT -j DROP
            """#)
    }

    /// K3s would start the same change again before anybody guards it. So it waits until its undo was done without it.
    @Test(arguments: TestShell.all) func doesTheUndoAtBootBeforeK3sStarts(shell: TestShell) throws {
        try check(
            shell,
            #"""
            mkdir -p /var/lib/rancher/k3s/server/db/etcd/member
            systemctl enable k3s.service
            systemctl start k3s.service
            expect 'arms' arm cilium 20 nonce1
            echo other >"$box/state/guard/armed/boot"
            rm "$box/units/k3s.service.active"
            expect 'fires at boot' guard fire
            expect 'says so' says 'rolled-back * because=boot left=none'
            expect 'its undo was done' grep -qx undone "$box/undone"
            expect 'a member of etcd meanwhile' grep -qx clusterctl-etcd.service "$box/started"
            expect 'and not any more' status 1 systemctl is-active clusterctl-etcd.service
            expect 'K3s starts' systemctl is-active k3s.service
            """#)
    }

    /// A chart that could not be put back, or a member of etcd that could not leave.
    @Test(arguments: TestShell.all) func keepsK3sStoppedAndItsDataWhereTheUndoFails(shell: TestShell) throws {
        try check(
            shell,
            #"""
            mkdir -p /var/lib/rancher/k3s/server/db/etcd/member
            arm_to_fail() {
                printf '%s\n' "path $box/etc/new" 'unit k3s.service' undo 'exit 1' >"$box/what"
                guard arm replicas 20 nonce1 $owner <"$box/what"
            }
            owner=run1
            expect 'arms' arm_to_fail
            echo data >"$box/etc/new"
            systemctl enable k3s.service
            systemctl start k3s.service
            late
            expect 'fires' guard fire
            expect 'says so' says 'rolled-back * because=deadline left=undo:not-done,unit:k3s.service:kept-stopped'
            expect 'the files stay' grep -qx data "$box/etc/new"
            expect 'K3s does not start' status 1 systemctl is-enabled k3s.service
            expect 'K3s is down' status 1 systemctl is-active k3s.service
            expect 'still a member of etcd' systemctl is-active clusterctl-etcd.service
            expect 'after a restart too' systemctl is-enabled clusterctl-etcd.service

            expect 'not for the same run again' status 3 arm_to_fail
            owner=run2
            expect 'arms for the next one' arm_to_fail
            systemctl stop clusterctl-etcd.service # as K3s does when it starts
            systemctl start k3s.service
            late
            expect 'fires again' guard fire
            expect 'K3s is down as before' status 1 systemctl is-active k3s.service
            expect 'a member of etcd as before' systemctl is-active clusterctl-etcd.service

            owner=run3
            expect 'arms once more' arm_to_fail
            expect 'is confirmed' guard confirm replicas nonce1
            expect 'and K3s is a member by itself' test ! -e "$box/state/guard/member"
            expect 'at boot too' status 1 systemctl is-enabled clusterctl-etcd.service
            """#)
    }

    /// A disk that is full when the guard is armed, when it hears of its run, and when it fires.
    @Test(arguments: TestShell.all) func failsClosedOnAFullDisk(shell: TestShell) throws {
        try check(
            shell,
            #"""
            cp -r "$box/state" "$box/state-before"
            mount -t tmpfs -o size=512k tmpfs "$box/state"
            cp -r "$box/state-before/." "$box/state/"
            fill() { head -c 999999 /dev/zero >"$box/state/ballast"; }
            free() { rm -f "$box/state/ballast"; }
            fill
            expect 'is not armed' status 6 arm cilium 20 nonce1
            expect 'says why' grep -q 'the disk is full' "$box/words"
            expect 'nothing is left' says none
            free
            left=$(df -Pk "$box/state" | awk 'END { print $4 }')
            head -c $(((left - 100) * 1024)) /dev/zero >"$box/state/ballast" # room to begin with
            expect 'is not armed with half of what it saved' status 6 arm cilium 20 nonce1
            expect 'says why' grep -q 'the disk is full' "$box/words"
            free
            expect 'arms' arm cilium 20 nonce1
            cp -r "$box/state/guard/armed" "$box/armed"
            fill
            expect 'a sign of life fails' status 6 guard extend cilium 20 nonce1
            for name in window boot until deadline; do
                expect "what is known stays: $name" cmp "$box/armed/$name" "$box/state/guard/armed/$name"
            done
            expect 'no half file' test -z "$(find "$box/state/guard/armed" -name '*.[0-9]*')"
            damage
            free
            late
            fill
            expect 'fires' guard fire
            expect 'tells it' says 'rolled-back phase=cilium nonce=nonce1 at=1* because=deadline left=none'
            free
            expect 'is as before' same_facts
            """#)
    }

    @Test(arguments: TestShell.all) func firesWhereItsDeadlineCannotBeRead(shell: TestShell) throws {
        try check(
            shell,
            #"""
            expect 'arms' arm cilium 20 nonce1
            : >"$box/state/guard/armed/deadline"
            expect 'fires' guard fire
            expect 'says so' says 'rolled-back * because=deadline left=none'
            """#)
    }

    /// A clock that was set back may bring a name twice.
    @Test(arguments: TestShell.all) func putsNothingIntoWhatWasMovedAsideBefore(shell: TestShell) throws {
        try check(
            shell,
            #"""
            server=/var/lib/rancher/k3s/server
            now=$(date +%s)
            for second in $(seq 0 120); do mkdir -p $server/db.clusterctl-$((now + second)); done
            expect 'arms' arm k3s-primary 20 nonce1
            mkdir -p $server/db/etcd
            expect 'takes back' guard rollback k3s-primary
            expect 'beside it' ls -d $server/db.clusterctl-*.again/etcd
            """#)
    }

    /// An undo that is done for another phase says nothing of a member that an earlier one had to keep.
    @Test(arguments: TestShell.all) func aMemberIsKeptUntilItsOwnPhaseIsConfirmedOrUndone(shell: TestShell) throws {
        try check(
            shell,
            #"""
            mkdir -p /var/lib/rancher/k3s/server/db/etcd/member
            arm_for() { # arm_for PHASE UNDO NONCE
                printf '%s\n' 'unit k3s.service' undo "$2" >"$box/what"
                guard arm "$1" 20 "$3" <"$box/what"
            }
            systemctl enable k3s.service
            systemctl start k3s.service
            expect 'arms' arm_for cilium 'exit 1' nonce1
            late
            expect 'fires' guard fire
            expect 'a member without K3s' systemctl is-active clusterctl-etcd.service
            expect 'arms for another phase' arm_for replicas 'exit 0' nonce2
            systemctl stop clusterctl-etcd.service # as K3s does when it starts
            systemctl start k3s.service
            late
            expect 'fires' guard fire
            expect 'its undo was done' says 'rolled-back phase=replicas * left=none'
            expect 'K3s is down as before' status 1 systemctl is-active k3s.service
            expect 'and a member as before' systemctl is-active clusterctl-etcd.service
            systemctl stop clusterctl-etcd.service
            systemctl start k3s.service # by somebody's hand
            expect 'arms' arm_for cilium 'exit 0' nonce3
            expect 'it is a member by itself' test ! -e "$box/state/guard/member"
            """#)
    }

    /// Its data are moved aside, and the empty directory comes back: who joins after that was no member before.
    @Test(arguments: TestShell.all) func aMemberThatHasLeftIsNoneForTheNextPhase(shell: TestShell) throws {
        try check(
            shell,
            #"""
            db=/var/lib/rancher/k3s/server/db
            mkdir -p $db/etcd/member
            printf '%s\n' 'unit k3s.service' undo "mv $db $db.left" >"$box/what"
            armed() { guard arm replicas 20 "$1" <"$box/what"; }
            expect 'arms' armed nonce1
            expect 'a member' status 1 grep -qx "absent - - $db" "$box/state/guard/armed/paths"
            late
            expect 'fires' guard fire
            expect 'it has left' says 'rolled-back phase=replicas nonce=nonce1 * left=none'
            printf '%s\n' 'unit k3s.service' undo 'exit 0' >"$box/what"
            expect 'arms again' armed nonce2
            expect 'no member now' grep -qx "absent - - $db" "$box/state/guard/armed/paths"
            mkdir -p $db/etcd/member
            late
            expect 'fires again' guard fire
            expect 'what has joined since is moved aside' ls -d $db.clusterctl-*/etcd/member
            expect 'and not in place' test ! -e $db

            mkdir -p $db/etcd/member
            : >$db/etcd/tombstone
            expect 'arms once more' armed nonce3
            expect 'a member that was removed is none' grep -qx "absent - - $db" "$box/state/guard/armed/paths"
            expect 'is confirmed' guard confirm replicas nonce3
            rm -r $db/etcd
            systemctl start k3s.service
            expect 'arms while K3s runs' armed nonce4
            expect 'which may just be making one' status 1 grep -qx "absent - - $db" "$box/state/guard/armed/paths"
            """#)
    }

    /// Whoever asks for the way back got in while K3s ran.
    @Test(arguments: TestShell.all) func k3sRunsOnWhereAnUndoFailsThatWasAskedFor(shell: TestShell) throws {
        try check(
            shell,
            #"""
            mkdir -p /var/lib/rancher/k3s/server/db/etcd/member
            printf '%s\n' 'unit k3s.service' undo 'exit 1' >"$box/what"
            armed() { guard arm cilium 20 nonce1 <"$box/what"; }
            systemctl enable k3s.service
            systemctl start k3s.service
            expect 'arms' armed
            expect 'is told to' guard rollback cilium
            expect 'says so' says 'rolled-back * because=asked left=undo:not-done'
            expect 'K3s runs' systemctl is-active k3s.service
            expect 'at boot too' systemctl is-enabled k3s.service
            """#)
    }

    /// The guard is killed after its undo, or the machine goes down: what has left etcd has nothing to leave any more.
    @Test(arguments: TestShell.all) func anUndoThatWasDoneIsNotBegunAgain(shell: TestShell) throws {
        try check(
            shell,
            #"""
            mkdir -p /var/lib/rancher/k3s/server/db/etcd/member
            expect 'arms' arm replicas 20 nonce1
            late
            when '5 of 10' 'kill -9 $(cat $BOX/pid)'
            fire_to_be_killed
            expect 'was killed in the middle' says 'firing phase=replicas *'
            expect 'its undo was done' grep -qx undone "$box/undone"
            rm "$box/undone"
            echo other >"$box/state/guard/armed/boot"
            expect 'goes on at boot' guard fire
            expect 'to its end' says 'rolled-back phase=replicas *'
            expect 'without the undo' test ! -e "$box/undone"
            expect 'and no member was started' test ! -e "$box/started"
            """#)
    }

    @Test(arguments: TestShell.all) func failsClosed(shell: TestShell) throws {
        try check(
            shell,
            #"""
            : >"$box/fail-is-active"
            expect 'no timer, not armed' status 6 arm cilium 20 nonce1
            rm "$box/fail-is-active"
            expect 'says none' says none
            printf '#!/bin/sh\necho "line 3 failed" >&2\nexit 1\n' >"$box/bin/iptables-nft-restore"
            chmod +x "$box/bin/iptables-nft-restore"
            expect 'rules that would not go back: not armed' status 6 arm cilium 20 nonce1
            expect 'with the reason' grep -q 'could not be put back: line 3 failed' "$box/words"
            rm "$box/bin/iptables-nft-restore"
            expect 'arms' arm cilium 20 nonce1
            expect 'refuses another phase' status 4 arm k3s 20 nonce2
            echo new >"$box/etc/config"
            expect 'arms again' arm cilium 20 nonce2
            expect 'old nonce' status 5 guard confirm cilium nonce1
            expect 'rolls back when asked' guard rollback cilium
            expect 'to the first state' same_facts
            expect 'wrong usage' status 2 guard dance
            """#)
    }

    @Test(arguments: TestShell.all) func goesOnAfterBeingKilledInTheMiddle(shell: TestShell) throws {
        try check(
            shell,
            #"""
            printf 'undo\nkill -9 $(cat "$BOX/pid")\nsleep 1\n' >"$box/what"
            { what | sed '/^undo/,$d' && cat "$box/what"; } | guard arm cilium 20 n1 >"$box/said"
            damage
            late
            fire_to_be_killed
            expect 'was cut' says 'firing phase=cilium nonce=n1 because=deadline rung=whole'
            expect 'too late to confirm' status 3 guard confirm cilium n1
            expect 'and to arm' status 3 arm cilium 20 n2
            : >"$box/state/guard/armed/undo"
            expect 'goes on' guard fire
            expect 'is done' says 'rolled-back * left=none'
            expect 'is as before' same_facts
            """#)
    }

    @Test(arguments: TestShell.all) func savesWithoutAClock(shell: TestShell) throws {
        try check(
            shell,
            #"""
            : >"$box/fail-restart"
            expect 'saves' arm workers 0 nonce1
            rm "$box/fail-restart"
            expect 'says so' says 'armed phase=workers nonce=nonce1 until=never'
            damage
            expect 'never fires' guard fire
            expect 'rolls back when asked' guard rollback workers
            expect 'and once more' guard rollback workers
            expect 'is as before' same_facts
            expect 'saves' arm workers 0 nonce1
            expect 'gives way to another phase' arm verify 0 nonce2
            """#)
    }

    @Test(arguments: TestShell.all) func namesWhatItCouldNotPutBack(shell: TestShell) throws {
        try check(
            shell,
            #"""
            expect 'arms' arm cilium 20 nonce1
            ip link add stray type veth peer name stray1
            echo new >"$box/etc/config"
            printf '#!/bin/sh\nexit 1\n' >"$box/bin/cp"
            chmod +x "$box/bin/cp"
            late
            guard fire
            rm "$box/bin/cp"
            case $SH in
                *busybox*) expect 'names the link' says 'rolled-back *links:stray,links:stray1*' ;;
                *) expect 'names both' says 'rolled-back *file:*/etc/config,links:stray,links:stray1*' ;;
            esac
            """#)
    }
}
