import Inventory
import Testing

@testable import Engine
@testable import Phases
@testable import Rendering

/// What is made of what servers say of etcd.
@Suite struct EtcdReportTests {
    private static let members = """
        {"header":{},"members":[\
        {"ID":"1","name":"dpu-01-aa","peerURLs":["https://10.77.0.11:2380"]},\
        {"ID":"2","name":"dpu-02-bb","peerURLs":["https://10.77.0.12:2380"]},\
        {"ID":"3","name":"","peerURLs":["https://10.77.0.13:2380"],"isLearner":true},\
        {"ID":"4","name":"lost-cc","peerURLs":["https://10.77.0.99:2380"]}]}
        """

    private static func answer(
        health: String = #"{"health":"true"}"#, index: Int = 100, applied: Int = 98, members: String = members,
        alarms: String = #"{"header":{}}"#
    ) -> Answer {
        let status = #"{"dbSize":"2097152","leader":"2","raftIndex":"\#(index)","raftAppliedIndex":"\#(applied)"}"#
        return Answer(
            status: 0,
            output:
                "unit\tactive\ndata\tyes\nhealth\t\(health)\nstatus\t\(status)\nmembers\t\(members)\nalarms\t\(alarms)\n"
        )
    }

    @Test func whoLeadsWhoLearnsWhoIsAStranger() throws {
        let inventory = try Example.small()
        var facts = Facts()
        facts["dpu-01", EtcdMembers.probe] = Self.answer()
        facts["dpu-02", EtcdMembers.probe] = Self.answer(alarms: #"{"alarms":[{"memberID":"1","alarm":"NOSPACE"}]}"#)
        facts["server-01", EtcdMembers.probe] = Answer(status: 0, output: "unit\tactivating\ndata\tyes\n")
        let found = EtcdMembers(inventory, facts: facts, unreachable: [:])
        #expect(found.rows.map(\.node) == ["dpu-01", "dpu-02", "server-01", "lost"])
        #expect(found.rows.map(\.isLeader) == [false, true, false, false])
        #expect(found.rows.map(\.isVoter) == [true, true, false, true])
        #expect(found.rows.map(\.isHealthy) == [true, true, false, nil])
        #expect(found.rows[0].databaseBytes == 2_097_152)
        #expect(found.rows[0].behind == 2)
        #expect(found.rows[2].reason == "its etcd does not answer; k3s.service is activating")
        #expect(found.rows[3].reason == "the inventory does not name it")
        #expect((found.voters, found.healthyVoters, found.quorum, found.hasQuorum) == (3, 2, 2, true))
        #expect(!found.isWhole)
    }

    @Test func alarmsAreOfWhoIsFurthest() throws {
        let inventory = try Example.small()
        var facts = Facts()
        facts["dpu-01", EtcdMembers.probe] = Self.answer(index: 90)
        facts["dpu-02", EtcdMembers.probe] = Self.answer(
            index: 200, alarms: #"{"alarms":[{"memberID":"1","alarm":"NOSPACE"}]}"#)
        let found = EtcdMembers(inventory, facts: facts, unreachable: ["server-01": "no route"])
        #expect(found.rows[0].alarms == ["NOSPACE"])
        #expect(found.rows[2].reason == "no route")
    }

    @Test func aClusterThatIsDownIsToldByWhatThereIs() throws {
        let inventory = try Example.small()
        var facts = Facts()
        facts["dpu-01", EtcdMembers.probe] = Answer(status: 0, output: "unit\tinactive\ndata\tyes\n")
        facts["dpu-02", EtcdMembers.probe] = Answer(status: 0, output: "unit\tfailed\ndata\tno\n")
        facts["server-01", EtcdMembers.probe] = Answer(
            status: 0, output: "unit\tinactive\nmissing\tcurl is not there\n")
        let found = EtcdMembers(inventory, facts: facts, unreachable: [:])
        #expect(
            found.rows.map(\.reason) == [
                "its etcd does not answer; k3s.service is inactive",
                "its etcd does not answer; k3s.service is failed, and it has no data of etcd", "curl is not there",
            ])
        #expect(!found.hasQuorum && !found.isWhole && found.voters == 0)
    }

    @Test func snapshotsOfAllServersTheNewestFirst() throws {
        let inventory = try Example.small()
        var facts = Facts()
        facts["dpu-01", EtcdSnapshots.probe] = Answer(status: 0, output: "a-1\t32\t100\t/s/a-1\nno line\n")
        facts["server-01", EtcdSnapshots.probe] = Answer(status: 0, output: "b-1\t64\t200\t/s/b-1\n")
        facts["worker-01", EtcdSnapshots.probe] = Answer(status: 0, output: "c-1\t64\t300\t/s/c-1\n")
        let found = EtcdSnapshots(inventory, facts: facts)
        #expect(found.rows.map(\.name) == ["b-1", "a-1"])
        #expect(found.rows.map(\.node) == ["server-01", "dpu-01"])
    }
}
