import Engine
import Inventory

/// The order in which the nodes of a living cluster get new leaf certificates. Nothing else is in this file, and conditions are
/// in the phases.
public enum CertsRotate {
    public struct Options: Sendable {
        public var workersAtOnce = WorkersAtOnce.number(1)
        /// Only nodes on which a leaf certificate has less than these seconds left; nil: all.
        public var endingWithinSeconds: Int?
        public init() {}
    }

    public static func order(for inventory: Inventory, options: Options = Options()) -> Order {
        let scope = CertsScope(inventory, endingWithinSeconds: options.endingWithinSeconds)
        let renewed: [Order.Dependency] = [.all("note-certs"), .all("renew-servers"), .all("renew-workers")]
        return Order(
            name: "certs-rotate",
            [
                .init(CertsPreflight(scope)),
                .init(HostPrep(inventory), after: [.all("preflight")]),
                .init(NoteCerts(scope), after: [.all("preflight")]),
                .init(RenewServers(scope), after: [.all("note-certs"), .all("host-prep")]),
                .init(
                    RenewWorkers(scope, atOnce: options.workersAtOnce),
                    after: [.all("note-certs"), .all("renew-servers"), .all("host-prep")]),
                .init(EndCerts(scope), after: renewed),
                .init(Verify(inventory), after: renewed + [.all("end-certs")]),
            ])
    }
}
