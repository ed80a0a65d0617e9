import ArgumentParser
import Engine
import Foundation
import Inventory
import Rendering

struct KubeconfigCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "kubeconfig",
        abstract: "Fetch the cluster's kubeconfig, with the endpoint as server; print it, or merge it into your own.")

    @OptionGroup var argument: InventoryArgument
    @OptionGroup var connection: ConnectionOptions

    @Flag(help: "Merge into the first file of KUBECONFIG, or ~/.kube/config; its other entries stay as they are.")
    var merge = false

    /// Where K3s writes its administrator's kubeconfig.
    private static let source = "/etc/rancher/k3s/k3s.yaml"

    func run() async throws {
        let site = try Site(try argument.read(), orders: .current)
        let fleet = try await Connections.fleet(site, options: connection, canWrite: false, readsSecrets: false)
        let text = try await fetch(site, fleet)
        await fleet.close()
        do {
            let config = try Kubeconfig(text, file: Self.source).named(
                site.inventory.name, server: K3sConfiguration.endpointURL(site.inventory))
            guard merge else { return Standard.output(config.text) }
            let path = Self.target
            var own = try Kubeconfig((try? String(contentsOfFile: path, encoding: .utf8)) ?? "", file: path)
            own.merge(config)
            try own.write(to: path)
            Standard.error("merged context \(site.inventory.name) into \(path)")
        } catch let error as KubeconfigError {
            Standard.error("error: \(error)")
            throw ExitStatus.failed
        }
    }

    /// From the primary, else from the next control plane node that answers: the primary can be lost.
    private func fetch(_ site: Site, _ fleet: SSHFleet) async throws -> String {
        var failures: [String] = []
        for node in site.inventory.controlPlane.sorted(by: { $0.isPrimary && !$1.isPrimary }) {
            do {
                return try await fleet.readSecret(Self.source, on: NodeName(node.name)).reveal()
            } catch {
                failures.append("\(node.name): error: \(error.message)")
            }
        }
        await fleet.close()
        failures.forEach(Standard.error)
        throw ExitStatus.unreachable
    }

    private static var target: String {
        let environment = ProcessInfo.processInfo.environment
        if let first = environment["KUBECONFIG"]?.split(separator: ":").first { return String(first) }
        return (environment["HOME"] ?? NSHomeDirectory()) + "/.kube/config"
    }
}
