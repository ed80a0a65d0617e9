import Foundation
import SSH
import Testing

@testable import ClusterctlCLI

struct HostKeyScanTests {
    private func row(_ name: String, _ result: Result<[ScannedHostKey], SSHFailure>) -> HostKeyScan.Row {
        HostKeyScan.Row(
            item: HostKeyScan.Item(name: name, target: SSHTarget(host: "10.0.0.1", user: "me")), result: result)
    }

    private func key(_ standing: ScannedHostKey.Standing) -> ScannedHostKey {
        ScannedHostKey(
            type: "ssh-ed25519", fingerprint: "SHA256:abc", publicKey: "ssh-ed25519 AAAA", standing: standing)
    }

    private var mixed: HostKeyScan {
        HostKeyScan(rows: [
            row("c4140", .success([key(.known), key(.otherType)])),
            row("r640", .failure(.refused(host: "10.0.0.1", port: 22))),
        ])
    }

    @Test func showsATable() {
        #expect(
            mixed.table() == """
                NODE   TYPE         FINGERPRINT  STANDING
                c4140  ssh-ed25519  SHA256:abc   known
                c4140  ssh-ed25519  SHA256:abc   known by other types only
                r640   -            -            not reached

                """)
    }

    @Test func writesJSON() throws {
        let json = try JSONSerialization.jsonObject(with: Data(mixed.json(cluster: "lab").utf8)) as? [String: Any]
        #expect(json?["version"] as? Int == 1 && json?["cluster"] as? String == "lab")
        let nodes = try #require(json?["nodes"] as? [[String: Any]])
        #expect(nodes.map { $0["name"] as? String } == ["c4140", "r640"])
        let first = [
            "type": "ssh-ed25519", "fingerprint": "SHA256:abc", "key": "ssh-ed25519 AAAA", "standing": "known",
        ]
        let keys = try #require(nodes[0]["keys"] as? [[String: String]])
        #expect(keys[0] == first && keys[1]["standing"] == "other-type" && nodes[0]["error"] == nil)
        #expect((nodes[1]["error"] as? String)?.hasPrefix("10.0.0.1 refuses connections") == true)
        #expect(nodes[1]["keys"] == nil && nodes[1]["port"] as? Int == 22)
    }

    @Test func isWellOnlyWhereEveryNodeShowsTheKeyThatIsKnown() {
        #expect(HostKeyScan(rows: [row("a", .success([key(.known), key(.unknown), key(.otherType)]))]).isWell)
        #expect(!HostKeyScan(rows: [row("a", .success([key(.known), key(.changed)]))]).isWell)
        #expect(!HostKeyScan(rows: [row("a", .success([key(.revoked)]))]).isWell)
        #expect(!mixed.isWell && mixed.problems.count == 1)
    }

    @Test func saysSoWhereNoKeyCanBeChecked() {
        let scan = HostKeyScan(rows: [row("a", .success([]))])
        #expect(!scan.isWell)
        #expect(scan.problems == ["a: error: the server has no host key that this libssh2 can check"])
    }

    @Test func putsJumpHostsBeforeWhatLiesBehindThem() {
        func target(_ host: String, _ jump: SSHTarget? = nil) -> SSHTarget {
            SSHTarget(host: host, user: "me", route: jump.map { .jump($0) } ?? .direct)
        }
        let outer = target("outer")
        let nodes = [
            target("a", target("inner", outer)), target("b", outer), target("c", target("inner", outer)), target("d"),
        ]
        .map { HostKeyScan.Item(name: $0.host, target: $0) }
        let batches = HostKeyScan.jumpHosts(before: nodes)
        #expect(batches.map { $0.map(\.label) } == [["outer (jump host)"], ["inner (jump host)"]])
        #expect(HostKeyScan.jumpHosts(before: [nodes[3]]).isEmpty)
    }
}
