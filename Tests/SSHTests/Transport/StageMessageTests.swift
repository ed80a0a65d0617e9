import Testing

@testable import SSH

/// The words for a deadline that passed and for a connection that broke, stage by stage.
struct StageMessageTests {
    struct Row: Sendable, CustomTestStringConvertible {
        var stage: SSHStage
        var late: String
        var cut: String
        var testDescription: String { stage.rawValue }
    }

    private static let mayHaveRun = "\nthe command may have run, in part or to its end"

    private static let rows = [
        Row(
            stage: .resolve, late: "looking up the address took longer than allowed",
            cut: "the connection broke off during the address lookup: R"),
        Row(
            stage: .connect, late: "connecting took longer than allowed\na firewall may be dropping packets",
            cut: "the connection broke off during the connection: R"),
        Row(
            stage: .greeting, late: "waiting for the server's greeting took longer than allowed",
            cut: "the connection broke off during the greeting: R"),
        Row(
            stage: .keyExchange, late: "the key exchange took longer than allowed",
            cut: "the connection broke off during the key exchange: R"),
        Row(
            stage: .hostKey, late: "checking the host key took longer than allowed",
            cut: "the connection broke off during the check of the host key: R"),
        Row(
            stage: .login, late: "logging in took longer than allowed",
            cut: "the connection broke off during the login: R"),
        Row(
            stage: .channel, late: "opening a channel took longer than allowed",
            cut: "the connection broke off during the opening of a channel: R"),
        Row(
            stage: .answer, late: "the answer of the command took longer than allowed" + mayHaveRun,
            cut: "the connection broke off during the command: R" + mayHaveRun),
    ]

    @Test(arguments: rows)
    func names(_ row: Row) {
        #expect(SSHFailure.deadline(stage: row.stage).description == row.late)
        #expect(SSHFailure.connectionLost(stage: row.stage, reason: "R").description == row.cut)
        // Whatever comes before the command can safely be begun again.
        #expect(SSHFailure.deadline(stage: row.stage).mayRetry == (row.stage != .answer))
        #expect(SSHFailure.connectionLost(stage: row.stage, reason: "R").mayRetry == (row.stage != .answer))
    }

    @Test func coversEveryStage() {
        #expect(Self.rows.map(\.stage) == SSHStage.allCases)
    }
}
