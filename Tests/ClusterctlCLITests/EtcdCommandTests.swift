import ArgumentParser
import Crypto
import Foundation
import Inventory
import SSH
import Testing

@testable import ClusterctlCLI
@testable import Engine
@testable import Phases

/// The verbs for etcd: what they take, and what they show.
@Suite struct EtcdCommandTests {
    private static func snapshot(_ bytes: Int = 1024) -> Data {
        let body = Data(repeating: 7, count: bytes)
        return body + Data(SHA256.hash(data: body))
    }

    private static func inventory() throws -> Inventory {
        try InventoryReader.read(
            text: """
                version: 1
                name: small
                ssh: {user: ubuntu}
                k3s: {version: v1.35.7+k3s1}
                network: {pods: 10.142.0.0/16, services: 10.143.0.0/16}
                cilium: {version: 1.19.4}
                endpoint: {kubeVip: 10.77.0.100}
                servers: {a: {address: 10.77.0.11, primary: true}, b: {address: 10.77.0.12}, c: {address: 10.77.0.13}}
                """, file: "test.yaml"
        ).get().inventory
    }

    @Test func aSnapshotIsWholeByItsOwnChecksum() {
        #expect(SnapshotFile.problem(with: Self.snapshot()) == nil)
        #expect(
            SnapshotFile.problem(with: Self.snapshot().dropLast(40))
                == "it is no whole snapshot of etcd: it has 1016 bytes")
        var damaged = Self.snapshot()
        damaged[5] = 8
        #expect(SnapshotFile.problem(with: damaged) == "its checksum is another one")
        #expect(SnapshotFile.problem(with: Data()) != nil)
        #expect(SnapshotFile.problem(with: Data("PK, and more".utf8)) == nil, "K3s looks into what is compressed")
    }

    @Test(
        arguments: [
            ([], "name a snapshot on a server"), (["a", "--from", "b"], "name a snapshot on a server"),
            (["../a"], "is no name of a snapshot"), (["/a"], "is no name of a snapshot"),
            ([".."], "is no name of a snapshot"),
            (["a;b"], "is no name of a snapshot"), (["before-v1.35-x_1"], nil),
        ] as [([String], String?)])
    func whatIsRestoredHasAName(arguments: [String], says: String?) {
        do {
            _ = try EtcdRestoreCommand.parse(["inventory.yaml"] + arguments)
            #expect(says == nil)
        } catch {
            #expect(EtcdRestoreCommand.message(for: error).contains(says ?? "nothing at all"))
        }
    }

    @Test(arguments: [("nightly-1", true), ("-a", false), ("A", false), ("a b", false), ("", false)])
    func aSnapshotsNameGoesToK3s(name: String, isAllowed: Bool) {
        #expect(((try? EtcdSnapshotCommand.parse(["inventory.yaml", "--name=\(name)"])) != nil) == isAllowed)
    }

    @Test func onlyTheClustersOwnNameConfirms() throws {
        let review = Review(items: [])
        #expect(try NameConfirmation.parse(["--confirm", "lab"]).isGiven(for: "lab", to: review, look: "x"))
        #expect(try !NameConfirmation.parse(["--confirm", "Lab"]).isGiven(for: "lab", to: review, look: "x"))
    }

    @Test func anyServerCanBeLeftOutButNotAllOfThem() throws {
        let inventory = try Self.inventory()
        #expect(try WithoutOptions.parse(["--without", "b, c"]).part(of: inventory).nodes.map(\.name) == ["a"])
        let part = try WithoutOptions.parse(["--without", "a"]).part(of: inventory)
        #expect(part.nodes.map(\.name) == ["b", "c"] && part.primary.name == "b", "one of them stands for the primary")
        #expect(EtcdRestoreCommand.leftOut(inventory, part) == ["https://10.77.0.11:6443"], "it has to be dead")
        #expect(throws: ValidationError.self) { try WithoutOptions.parse(["--without", "a,b,c"]).part(of: inventory) }
        #expect(throws: ValidationError.self) { try WithoutOptions.parse(["--without", "x"]).part(of: inventory) }
    }

    @Test(arguments: [
        ("the snapshot is compressed: it was not looked into\n", "restored, and not proven: "),
        ("3 of 4 namespaces are the snapshot's own\n", "restored: the cluster has the snapshot's identity; 3 of 4"),
    ]) func onlyWhatWasProvenIsSaidToBe(output: String, says: String) {
        #expect(ProveData.words(Answer(status: 0, output: output)).hasPrefix(says))
    }

    @Test func aReleaseThatIsNotThereIsToldBeforeTheRunBegins() async throws {
        let directory = FileManager.default.temporaryDirectory.appending(path: UUID().uuidString).path
        try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: directory) }
        let fleet = SSHFleet(
            pool: SessionPool(access: [:], connector: SSHConnector()), artifacts: Artifacts(cache: directory),
            secrets: [:], canWrite: false)
        let source = ArtifactSource(
            name: "k3s", origin: .localFile(path: "\(directory)/k3s"),
            checksum: .listed(in: "\(directory)/sums", name: "k3s"))
        let step = Step(.artifact(path: "/usr/local/bin/k3s", source: source, mode: .program), because: "a test")
        let task = TaskID(phase: "artifacts", node: "a")
        let item = Review.Item(task: task, reason: "", changes: [.init(step: step, current: "absent")])
        let missing = await fleet.missingChecksums(Review(items: [item]))
        #expect(missing.map(\.task) == [task])
        #expect(missing.first?.problems.first?.what.hasPrefix("there is no checksum of k3s: ") == true)
        try "\(String(repeating: "a", count: 64))  k3s\n".write(
            toFile: "\(directory)/sums", atomically: true, encoding: .utf8)
        let other = SSHFleet(
            pool: SessionPool(access: [:], connector: SSHConnector()), artifacts: Artifacts(cache: directory),
            secrets: [:], canWrite: false)
        #expect(await other.missingChecksums(Review(items: [item])).isEmpty)
    }

    @Test func checksumsOfAnotherVersionAreNotTakenForThisOne() async throws {
        let path = FileManager.default.temporaryDirectory.appending(path: "\(UUID().uuidString).yaml").path
        defer { try? FileManager.default.removeItem(atPath: path) }
        let sum = String(repeating: "b", count: 64)
        try """
        version: 1
        name: small
        ssh: {user: ubuntu}
        k3s: {version: v1.35.7+k3s1, checksums: {amd64: \(sum)}}
        network: {pods: 10.142.0.0/16, services: 10.143.0.0/16}
        cilium: {version: 1.19.4}
        endpoint: {kubeVip: 10.77.0.100}
        servers: {a: {address: 10.77.0.11, primary: true}}
        """.write(toFile: path, atomically: true, encoding: .utf8)
        let other = try UpgradeCommand.parse([path, "--to", "v1.35.8+k3s1", "--dry-run"])
        await #expect(throws: ExitStatus.wrongUsage) { try await other.run() }
        try await UpgradeCommand.parse([path, "--to", "v1.35.7+k3s1", "--dry-run"]).run()
    }

    @Test func theOrdersOfTheModelAreThere() throws {
        let inventory = try Self.inventory()
        #expect(try Site.recovery(inventory).plan.order == "recover")
        #expect(try Site.restore(inventory).plan.order == "etcd-restore")
        let names = try Site.restore(inventory).plan.phases.flatMap(\.work).flatMap(\.steps).map(\.operation.summary)
        for step in [StopServers.step, ResetEtcd.step, SetDataAside.step] { #expect(names.contains(step)) }
    }

    @Test func membersAsATableAndAsJSON() throws {
        var inventory = try Self.inventory()
        inventory.nodes.removeAll { $0.name == "c" }
        var facts = Facts()
        let status = #"{"dbSize":"3145728","leader":"1","raftIndex":"9","raftAppliedIndex":"9"}"#
        let members =
            #"{"members":[{"ID":"1","name":"a-11","peerURLs":["https://10.77.0.11:2380"]},"#
            + #"{"ID":"2","name":"old-22","peerURLs":["https://10.77.0.99:2380"]}]}"#
        facts["a", EtcdMembers.probe] = Answer(
            status: 0,
            output: "unit\tactive\ndata\tyes\nhealth\t{\"health\":\"true\"}\nstatus\t\(status)\nmembers\t\(members)\n")
        facts["b", EtcdMembers.probe] = Answer(status: 0, output: "unit\tinactive\ndata\tyes\n")
        let found = EtcdMembers(inventory, facts: facts, unreachable: [:])
        #expect(
            MembersText.table(found) == """
                NODE  MEMBER  ROLE           HEALTH       DATABASE  BEHIND  ALARMS
                a     a-11    voter, leader  healthy      3 MiB     0       -
                old   old-22  voter          not known    -         -       -
                b     -       no member      not healthy  -         -       -
                old: the inventory does not name it
                b: it is no member, though it has data of etcd
                2 voting members, 1 healthy; 2 are needed: there is no quorum

                """)
        let json = MembersText.json(found, cluster: "small")
        #expect(
            json.hasPrefix(
                #"{"version":1,"cluster":"small","whole":false,"voters":2,"healthyVoters":1,"quorum":false,"#))
        #expect(
            json.contains(
                #"{"node":"b","inInventory":true,"voter":false,"learner":false,"leader":false,"healthy":false,"#))
    }
}
