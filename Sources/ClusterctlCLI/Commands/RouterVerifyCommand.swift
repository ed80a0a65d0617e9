import ArgumentParser
import Phases

struct RouterVerifyCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "verify",
        abstract: "Show how each router's end of the sessions stands: one login and one exec a router.",
        discussion:
            "Exits 1 when a session or a route is missing, or FRR does not run, or keep, what the inventory has.")

    @OptionGroup var argument: InventoryArgument
    @OptionGroup var connection: ConnectionOptions

    func run() async throws {
        let state = try await RouterState.ask(try argument.read(), connection)
        Standard.output(RouterText.table(state))
        try RouterText.throwIfSilent(state)
        if !state.isWhole { throw ExitStatus.failed }
    }
}

/// What `router plan` and `router verify` print.
enum RouterText {
    static func plan(_ state: RouterState) -> String {
        state.routers.map { router in
            var lines = ["\(router.name): \(summary(router))"]
            for refusal in router.refusals {
                lines += ["  \(refusal.what)", "    \(refusal.fix)"]
            }
            lines += router.commands.map { "  \($0)" }
            return lines.joined(separator: "\n") + "\n"
        }.joined()
    }

    private static func summary(_ router: RouterState.Row) -> String {
        if let unreachable = router.unreachable { return "cannot be asked: \(unreachable)" }
        if !router.refusals.isEmpty { return "cannot be changed" }
        if let silence = router.silence { return "does not tell what it runs: \(silence)" }
        if router.changesPassword { return "another password, and \(router.commands.count) lines for vtysh besides" }
        if !router.commands.isEmpty { return "\(router.commands.count) lines for vtysh" }
        return router.isSaved ? "as the inventory has it" : "runs what the inventory has, and has not kept it"
    }

    static func table(_ state: RouterState) -> String {
        let head = ["ROUTER", "NODE", "ADDRESS", "SESSION", "PREFIXES"]
        let rows = state.routers.flatMap { router in
            router.sessions.map { session in
                [
                    router.name, session.node, session.address, session.state,
                    session.prefixes.map(String.init) ?? "-",
                ]
            }
        }
        var lines = rows.isEmpty ? [] : TextTable.lines(head, rows)
        for router in state.routers {
            lines.append("\(router.name): \(summary(router))")
            lines += router.refusals.map { "  \($0.what)" }
            lines += router.lacks.map { "  \($0)" }
        }
        return lines.joined(separator: "\n") + "\n"
    }

    static func throwIfSilent(_ state: RouterState) throws {
        if state.routers.contains(where: { $0.unreachable != nil }) { throw ExitStatus.unreachable }
    }
}
