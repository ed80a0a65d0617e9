import Engine
import Inventory

/// The order in which a living cluster takes another token. Nothing else is in this file, and conditions are in the phases.
public enum TokenRotate {
    /// K3s on one server is told; from then on no server starts with the earlier token, so all servers get the new one before
    /// any of them is started anew.
    public static func order(for inventory: Inventory, workersAtOnce: WorkersAtOnce = .number(1)) -> Order {
        let told: [Order.Dependency] = [.all("stage-token"), .all("rotate-token")]
        let served: [Order.Dependency] = told + [.all("token-servers"), .all("restart-servers")]
        let followed: [Order.Dependency] = served + [.all("token-workers"), .all("restart-workers")]
        return Order(
            name: "token-rotate",
            [
                .init(TokenPreflight(inventory)),
                .init(HostPrep(inventory), after: [.all("preflight")]),
                .init(StageToken(inventory), after: [.all("preflight")]),
                .init(RotateToken(inventory), after: [.all("stage-token"), .all("host-prep")]),
                .init(TokenFiles(inventory, .servers), after: told),
                .init(RestartServers(inventory), after: told + [.all("token-servers"), .all("host-prep")]),
                .init(TokenFiles(inventory, .workers), after: served),
                .init(
                    RestartWorkers(inventory, atOnce: workersAtOnce),
                    after: served + [.all("token-workers"), .all("host-prep")]),
                .init(TokenSnapshot(inventory), after: followed),
                .init(EndToken(inventory), after: followed + [.all("token-snapshot")]),
                .init(Verify(inventory), after: followed + [.all("end-token")]),
            ])
    }
}
