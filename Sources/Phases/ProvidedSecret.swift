import Engine
import Inventory

/// A secret that the controller brings: how plans name it, and where the inventory says that it is found.
public struct ProvidedSecret: Sendable {
    public let source: SecretSource
    public let reference: SecretReference
    /// The key of the inventory that says it.
    public let key: String
    /// What is wrong with such a text for what it is used for; nil where nothing is.
    public let problem: @Sendable (String) -> String?

    private init(
        _ what: String, _ reference: SecretReference, key: String,
        problem: @escaping @Sendable (String) -> String? = { _ in nil }
    ) {
        let origin =
            switch reference {
            case .environment(let variable): "the environment variable \(variable)"
            case .file(let path): path
            case .command(let words): "the command \(words.first ?? "")"
            }
        source = .provided(what: "\(what), from \(origin)")
        self.reference = reference
        self.key = key
        self.problem = problem
    }

    /// The cluster's token; nil where the primary makes it.
    static func token(_ inventory: Inventory) -> ProvidedSecret? {
        inventory.k3s.token.map { ProvidedSecret("the cluster token", $0, key: "k3s.token") }
    }

    /// The same, for a cluster that is to take it in the place of another one.
    static func newToken(_ inventory: Inventory) -> ProvidedSecret? {
        inventory.k3s.token.map {
            ProvidedSecret("the cluster's new token", $0, key: "k3s.token", problem: NewToken.problem)
        }
    }

    /// The password of the sessions with this router.
    static func bgpPassword(_ peer: BGPSettings.Peer?) -> ProvidedSecret? {
        guard let peer, let reference = peer.password else { return nil }
        return ProvidedSecret(
            "the password of the BGP sessions with \(peer.router)", reference, key: "bgp.peers.\(peer.router).password",
            problem: { Inventory.problem(withBGPPassword: $0) })
    }

    /// Every secret that the inventory refers to, and that a plan may name.
    public static func all(_ inventory: Inventory) -> [ProvidedSecret] {
        [token(inventory), newToken(inventory)].compactMap { $0 }
            + (inventory.bgp?.peers ?? []).compactMap { bgpPassword($0) }
    }
}
