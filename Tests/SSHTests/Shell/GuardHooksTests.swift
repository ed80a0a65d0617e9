import Testing

@testable import SSH

/// What a phase leaves to the guard beside the state that the guard has saved itself.
@Suite(.enabled(if: GuardBox.canRun, "needs root, unshare, both iptables, nft and ip"))
@GuardThread struct GuardHooksTests {
    private func check(_ shell: TestShell, _ scenario: String) throws {
        let complaints = try GuardBox.complaints(shell, scenario)
        #expect(complaints.isEmpty, "\(complaints.joined(separator: "\n"))")
    }

    @Test(arguments: TestShell.all) func letsGoOnlyWhenThePhaseKeepsWhatItWasLent(shell: TestShell) throws {
        try check(
            shell,
            #"""
            expect 'arms' arm interfaces 20 nonce1
            echo '[ -f "$BOX/willing" ] && echo kept >>"$BOX/kept"' >"$box/state/guard/armed/keep"
            expect 'does not let go' status 6 guard confirm interfaces nonce1
            expect 'is as armed as before' says 'armed phase=interfaces *'
            expect 'the clock runs' systemctl is-active clusterctl-guard.timer
            : >"$box/willing"
            expect 'confirms' guard confirm interfaces nonce1
            expect 'confirms again' guard confirm interfaces nonce1
            expect 'it was kept once' test "$(cat "$box/kept")" = kept
            """#)
    }

    @Test(arguments: TestShell.all) func namesWhatAPhaseCouldNotPutBack(shell: TestShell) throws {
        try check(
            shell,
            #"""
            expect 'arms' arm interfaces 20 nonce1
            echo 'address:eth0:10.9.0.1/24' >"$box/state/guard/armed/links-left"
            mkdir "$box/state/guard/armed/interfaces"
            late
            guard fire
            expect 'names it' says 'rolled-back *left=address:eth0:10.9.0.1/24'
            expect 'what was saved of profiles is gone' test ! -e "$box/state/guard/last/interfaces"
            """#)
    }

    /// Links are such an undo: SSH may wait for it, and a member of etcd would wait for the network.
    @Test(arguments: TestShell.all) func anUndoThatAsksNobodyComesAtOnceAtBoot(shell: TestShell) throws {
        try check(
            shell,
            #"""
            mkdir -p /var/lib/rancher/k3s/server/db/etcd/member
            systemctl enable k3s.service
            systemctl start k3s.service
            expect 'arms' arm interfaces 20 nonce1
            : >"$box/state/guard/armed/undo-alone"
            echo other >"$box/state/guard/armed/boot"
            echo 'systemctl is-active clusterctl-etcd.service && echo late >>"$BOX/undone"' >>"$box/state/guard/armed/undo"
            echo 'systemctl is-active k3s.service || echo stopped >>"$BOX/undone"' >>"$box/state/guard/armed/undo"
            expect 'fires at boot' guard fire
            expect 'says so' says 'rolled-back * because=boot left=none'
            expect 'nothing came before it' test "$(cat "$box/undone")" = undone
            expect 'no member was started' test ! -e "$box/started"
            expect 'K3s runs' systemctl is-active k3s.service
            """#)
    }

    @Test(arguments: TestShell.all) func k3sRunsOnWhereAnUndoFailsThatSaysNothingOfIt(shell: TestShell) throws {
        try check(
            shell,
            #"""
            mkdir -p /var/lib/rancher/k3s/server/db/etcd/member
            systemctl enable k3s.service
            systemctl start k3s.service
            expect 'arms' arm interfaces 20 nonce1
            : >"$box/state/guard/armed/undo-alone"
            echo 'exit 1' >"$box/state/guard/armed/undo"
            late
            expect 'fires' guard fire
            expect 'names it' says 'rolled-back * because=deadline left=undo:not-done'
            expect 'K3s runs' systemctl is-active k3s.service
            expect 'and at the next boot' systemctl is-enabled k3s.service
            expect 'no member in its place' test ! -e "$box/started"
            expect 'nor later' test ! -e "$box/state/guard/member"
            """#)
    }

    /// Cilium may have started pods meanwhile, which serve on.
    @Test(arguments: TestShell.all) func podsOfACiliumThatRanBeforeKeepTheirLinks(shell: TestShell) throws {
        try check(
            shell,
            #"""
            expect 'arms' arm cilium 20 nonce1
            : >"$box/state/guard/armed/cilium"
            ip link add lxc123 type veth peer name pod123
            ip link add cilium_host type veth peer name cilium_net
            late
            guard fire
            expect 'the pod has its link' test -e /sys/class/net/lxc123
            expect 'what is not of pods is gone' test ! -e /sys/class/net/cilium_host
            """#)
    }
}
