import Foundation
import Testing

@Suite struct LayeringTests {
    /// What each target may import of ours: the house, top to bottom. Everything else of ours is refused.
    static let allowed: [String: Set<String>] = [
        "YAML": ["CLibYAML"],
        "Inventory": ["YAML"],
        "Engine": [],
        "Rendering": ["YAML", "Inventory"],
        "Phases": ["YAML", "Inventory", "Engine", "Rendering"],
        "SSH": ["CLibSSH2", "Engine"],
        "Simulation": ["Engine"],
        "ClusterctlCLI": ["YAML", "Inventory", "Engine", "Rendering", "Phases", "SSH", "Simulation"],
        "clusterctl": ["ClusterctlCLI"],
    ]
    static let ours = Set(allowed.keys).union(["CLibYAML", "CLibSSH2"])

    /// Imports that would let clocks, files and concurrency into what must be pure.
    static let impure: Set<String> = ["Foundation", "FoundationEssentials", "Glibc", "Dispatch", "Synchronization"]

    static func imports(_ path: String) throws -> Set<String> {
        Set(
            try Repository.text(path).split(separator: "\n").compactMap { line -> String? in
                let words = line.split(separator: " ").drop { $0.hasPrefix("@") || $0 == "public" || $0 == "internal" }
                guard words.first == "import", words.count >= 2 else { return nil }
                return String(words.last ?? "").split(separator: ".").first.map(String.init)
            })
    }

    @Test(arguments: allowed.keys.sorted())
    func importsGoDownwardsOnly(target: String) throws {
        let files = Repository.files(below: "Sources/\(target)", endings: [".swift"])
        #expect(!files.isEmpty)
        for file in files {
            let upward = try Self.imports(file).intersection(Self.ours).subtracting(Self.allowed[target] ?? [])
            #expect(upward.isEmpty, "\(file) imports \(upward.sorted())")
        }
    }

    @Test func theEngineIsPure() throws {
        for file in Repository.files(below: "Sources/Engine", endings: [".swift"]) {
            #expect(try Self.imports(file).isDisjoint(with: Self.impure), "\(file)")
            let text = try Repository.text(file)
            for word in [" async", "await ", "ContinuousClock", "Date()", "SystemRandomNumberGenerator"] {
                #expect(!text.contains(word), "\(file) uses\(word)")
            }
        }
    }

    @Test func theEngineKnowsNoPhaseByName() throws {
        let phases = Repository.files(below: "Sources/Phases", endings: [".swift"]).map { URL(fileURLWithPath: $0) }
            .filter { $0.deletingLastPathComponent().lastPathComponent == "Phases" }
            .map { $0.deletingPathExtension().lastPathComponent }
        #expect(phases.contains("KubeVip"))
        for file in Repository.files(below: "Sources/Engine", endings: [".swift"]) {
            let text = try Repository.text(file)
            for name in ["KubeVip", "K3sPrimary", "Replicas", "kube-vip", "k3s-primary"] {
                #expect(!text.contains(name), "\(file) names \(name)")
            }
        }
    }

    @Test func sshKnowsNothingOfK3s() throws {
        for file in Repository.files(below: "Sources/SSH", endings: [".swift"]) {
            let text = try Repository.text(file).lowercased()
            for word in ["rancher", "kubectl", "cilium", "kube-vip"] {
                #expect(!text.contains(word), "\(file) mentions \(word)")
            }
        }
    }
}
