import Engine
import Inventory

/// How the routers' end of the sessions stands, as FRR on each of them says itself: what `router plan` and
/// `router verify` show.
public struct RouterState: Sendable, Equatable {
    public struct Session: Sendable, Equatable {
        public let node: String
        public let address: String
        /// As FRR writes it, such as `Established`; `not configured` where it knows no such neighbour.
        public let state: String
        /// How many prefixes came through the filters; nil where the session is not configured.
        public let prefixes: Int?
    }

    public struct Row: Sendable, Equatable {
        public let name: String
        /// Why the router could not be asked over SSH; nil where it answered.
        public let unreachable: String?
        /// Why FRR there cannot take the cluster's part.
        public let refusals: [Problem]
        /// Why FRR does not say what it runs; nil where it does.
        public let silence: String?
        /// What would lead what runs to what the inventory has.
        public let commands: [String]
        /// Whether the password of the sessions is another one than the router was given.
        public let changesPassword: Bool
        /// Whether FRR would start with what the inventory has.
        public let isSaved: Bool
        public let sessions: [Session]
        /// What does not hold of sessions and routes.
        public let lacks: [String]

        public var isPending: Bool {
            unreachable == nil && refusals.isEmpty && (!commands.isEmpty || changesPassword || !isSaved)
        }
        public var isWhole: Bool {
            unreachable == nil && refusals.isEmpty && silence == nil && commands.isEmpty && !changesPassword && isSaved
                && lacks.isEmpty
        }
    }

    /// In the order of the inventory.
    public let routers: [Row]

    public var isWhole: Bool { routers.allSatisfy(\.isWhole) }

    public static func asks(_ inventory: Inventory) -> [Ask] {
        RouterQuestion.asked(inventory).flatMap { router in
            ([router.refusal, router.difference, router.unsaved, RouterQuestion.summary]
                + (endpoint(inventory, of: router).map { [RouterQuestion.route(to: $0)] } ?? []))
                .map { Ask(router.name, $0) }
        }
    }

    /// The files with the passwords of sessions, on those routers that get them.
    public static func passwords(_ inventory: Inventory) -> [NodeName: [Step]] {
        Dictionary(
            RouterQuestion.changed(inventory).compactMap { router in router.password.map { (router.name, [$0]) } },
            uniquingKeysWith: { first, _ in first })
    }

    /// The address of the API that this router has a route to.
    private static func endpoint(_ inventory: Inventory, of router: RouterQuestion) -> IPAddress? {
        guard case .ciliumBgp(let address) = inventory.endpoint,
            router.neighbors.contains(where: { $0.address.family == address.family })
        else { return nil }
        return address
    }

    public init(_ inventory: Inventory, facts: Facts, unreachable: [NodeName: String]) {
        routers = RouterQuestion.asked(inventory).map { router in
            let difference = facts[router.name, router.difference]
            let peers = RouterQuestion.peers(facts[router.name, RouterQuestion.summary]) ?? [:]
            let password = RouterState.passwords(inventory)[router.name]?.first
            var verdicts = router.verdicts(facts[router.name, RouterQuestion.summary])
            if let address = RouterState.endpoint(inventory, of: router) {
                verdicts.append(
                    router.verdict(facts[router.name, RouterQuestion.route(to: address)], routeTo: address))
            }
            return Row(
                name: router.name.rawValue, unreachable: unreachable[router.name],
                refusals: unreachable[router.name] == nil ? router.problems(facts[router.name, router.refusal]) : [],
                silence: difference.flatMap { $0.succeeded ? nil : String($0.lastLine.prefix(300)) },
                commands: difference.map { $0.succeeded ? $0.lines.map(String.init) : [] } ?? [],
                changesPassword: password.flatMap { facts[router.name, $0] }.map { $0 != .same } ?? false,
                isSaved: facts[router.name, router.unsaved].map { $0.succeeded && $0.lines.isEmpty } ?? false,
                sessions: router.neighbors.map { neighbor in
                    let peer = peers[neighbor.address]
                    return Session(
                        node: neighbor.node, address: neighbor.address.description,
                        state: peer?.state ?? "not configured", prefixes: peer?.pfxRcd)
                },
                lacks: verdicts.compactMap { verdict in
                    switch verdict {
                    case .holds: nil
                    case .waiting(let reason), .failed(let reason): reason
                    }
                })
        }
    }
}
