import Engine
import Foundation
import Inventory
import Testing
import YAML

@testable import Phases
@testable import Rendering

struct DNSTests {
    static func inventory(
        _ dns: String = "{domain: cluster.example.org, apps: 10.77.0.100}", _ more: [(String, String)] = []
    )
        throws -> Inventory
    {
        try Example.small([("endpoint:", "dns: \(dns)\nendpoint:")] + more)
    }

    static let bothFamilies: [(String, String)] =
        Example.dualStack + (1...3).map { ("10.77.0.1\($0)", "[10.77.0.1\($0), \"fd77::1\($0)\"]") }
        + (1...3).map { ("10.77.0.2\($0)", "[10.77.0.2\($0), \"fd77::2\($0)\"]") }

    private static func files(_ phase: any Phase, _ node: NodeName) -> [String: String] {
        var files: [String: String] = [:]
        for step in phase.apply(node) {
            if case .file(let path, .text(let text), _) = step.operation { files[path] = text }
        }
        return files
    }

    @Test func filesAreAsCommitted() throws {
        let inventory = try Self.inventory(
            "{domain: cluster.example.org, apps: [10.77.0.100, \"fd77::21\"], upstreams: [10.77.0.53, \"fd77::53\"]}",
            Self.bothFamilies)
        let phases: [any Phase] = [DNS(inventory), DNSResolved(inventory), DNSNetworkManager(inventory)]
        let files = phases.flatMap { Self.files($0, "dpu-02").sorted { $0.key < $1.key } }
        try Repository.compare(files.map { "== \($0.key)\n\($0.value)" }.joined(separator: "\n"), with: "dns.txt")
    }

    // MARK: Names

    @Test(arguments: [
        ("kubeVip: 10.77.0.100", ["10.77.0.100"]), ("keepalived: 10.77.0.100", ["10.77.0.100"]),
        ("dns: api.cluster.example.org", ["10.77.0.11", "10.77.0.12", "10.77.0.13"]),
        ("dns: k3s.example.org", ["10.77.0.11", "10.77.0.12", "10.77.0.13"]),
    ])
    func theAPIsNameIsTheEndpointOrElseItsServers(_ endpoint: String, _ addresses: [String]) throws {
        let names = try #require(
            ClusterNames(try Self.inventory("{domain: cluster.example.org}", [("kubeVip: 10.77.0.100", endpoint)])))
        for name in ["api", "api-int"] {
            #expect(names.records.filter { $0.name == name }.map(\.address.description) == addresses)
        }
        #expect(!names.zone.contains("*.apps"), "nothing was said of apps")
    }

    @Test func everyNodeHasItsNameInBothFamilies() throws {
        let names = try #require(ClusterNames(try Self.inventory("{domain: cluster.example.org}", Self.bothFamilies)))
        let lines = names.zone.split(separator: "\n")
        #expect(lines.contains("dpu-02 IN A 10.77.0.12") && lines.contains("dpu-02 IN AAAA fd77::12"))
        #expect(lines.contains("nixos-01 IN A 10.77.0.22") && lines.contains("$ORIGIN cluster.example.org."))
        #expect(lines.filter { $0.hasPrefix("@ IN NS") } == ["@ IN NS dpu-01", "@ IN NS dpu-02", "@ IN NS server-01"])
    }

    @Test func everyChangeOfTheZoneChangesItsSerial() throws {
        func serial(_ dns: String, _ more: [(String, String)] = []) throws -> Substring? {
            ClusterNames(try Self.inventory(dns, more))?.zone.split(separator: "\n").first { $0.contains(" SOA ") }?
                .split(separator: " ")[5]
        }
        let same = try serial("{domain: cluster.example.org}")
        #expect(try same == serial("{domain: cluster.example.org}"))
        let others = [
            try serial("{domain: cluster.example.org, apps: 10.77.0.21}"), try serial("{domain: cluster.example.net}"),
            try serial("{domain: cluster.example.org}", [("10.77.0.23", "10.77.0.24")]),
        ]
        #expect(Set(others + [same]).count == 4)
        #expect(same.flatMap { UInt32($0) } ?? 0 > 0)
    }

    @Test func theAPIsCertificateIsForItsNames() throws {
        let inventory = try Self.inventory()
        for node in inventory.controlPlane {
            let names = K3sConfiguration(inventory: inventory, node: node).values["tls-san"]?.list ?? []
            #expect(names.contains("api.cluster.example.org") && names.contains("api-int.cluster.example.org"))
        }
    }

    // MARK: What CoreDNS gets

    /// The directives that are used, and what CoreDNS takes behind each (plugin/*/setup.go): nothing else may be there.
    private static let directives: [String: @Sendable ([Substring]) -> Bool] = [
        "bind": { !$0.isEmpty && $0.allSatisfy { IPAddress(String($0)) != nil } }, "errors": \.isEmpty,
        "loadbalance": \.isEmpty, "loop": \.isEmpty, "cache": { $0.count == 1 && Int($0[0]) != nil },
        "health": { $0.count == 1 && $0[0].split(separator: ":").count == 2 },
        "reload": { (1...2).contains($0.count) && $0.allSatisfy { $0.hasSuffix("s") } },
        "file": { $0.count == 1 && $0[0].hasPrefix("/") },
        "import": { $0.count == 1 && $0[0].hasPrefix("/etc/coredns/") },
        "forward": { $0.count > 1 && $0[0] == "." && $0.dropFirst().allSatisfy { IPAddress(String($0)) != nil } },
        "max_concurrent": { $0.count == 1 && Int($0[0]) != nil },
    ]

    /// The names of the directives in each server block, as `block directive`; records what CoreDNS would refuse.
    private static func read(_ text: String, inside outer: [String] = []) -> [String] {
        var open = outer
        var found: [String] = []
        for line in text.split(separator: "\n") where !line.trimmingPrefix(while: \.isWhitespace).hasPrefix("#") {
            var words = line.split(separator: " ")
            if words == ["}"] {
                #expect(open.popLast() != nil, "'}' without '{'")
                continue
            }
            let opens = words.last == "{"
            if opens { words.removeLast() }
            if open.isEmpty {
                #expect(opens && words.count == 1, "\(line)")
            } else {
                let isRight = directives[String(words[0])]?(Array(words.dropFirst())) ?? false
                #expect(isRight, "CoreDNS would not take '\(line)'")
                found.append((open + [String(words[0])]).joined(separator: " "))
            }
            if opens { open.append(String(words[0])) }
        }
        #expect(open == outer, "'{' without '}'")
        return found
    }

    @Test func theCorefileHasOnlyWhatCoreDNSTakes() throws {
        let inventory = try Self.inventory("{domain: cluster.example.org, upstreams: 10.77.0.53}", Self.bothFamilies)
        let files = Self.files(DNS(inventory), "server-01")
        let corefile = try #require(files["/var/lib/clusterctl/dns/Corefile"])
        let domain = "cluster.example.org"
        #expect(
            Self.read(corefile)
                == ["bind", "errors", "health", "reload", "loadbalance", "file"].map { "\(domain) \($0)" } + [
                    "\(domain) file reload"
                ] + ["bind", "errors", "loadbalance", "cache", "loop", "import"].map { ". \($0)" })
        #expect(corefile.components(separatedBy: "bind 10.77.0.13 fd77::13\n").count == 3, "in both, and nowhere else")
        #expect(
            Self.read(try #require(files["/var/lib/clusterctl/dns/upstreams.conf"]), inside: ["."])
                == [". forward", ". forward max_concurrent"])
    }

    @Test func nothingOutsideOfTheDomainIsAnsweredAndNothingInsideIsPassedOn() throws {
        let corefile = try #require(
            Self.files(DNS(try Self.inventory()), "dpu-01")["/var/lib/clusterctl/dns/Corefile"])
        let own = try #require(corefile.firstRange(of: "\n. {"))
        #expect(!corefile[..<own.lowerBound].contains("import"), "else a server that asks here would be asked back")
        #expect(!corefile[own.upperBound...].contains("file "))
    }

    @Test func thePodIsInTheHostsNetworkAndBounded() throws {
        let text = try #require(Self.files(DNS(try Self.inventory()), "dpu-01")[DNS.manifest])
        let pod = try YAMLDocument.parse(text, file: "pod").root
        let spec = try #require(pod["spec"])
        #expect(spec["hostNetwork"]?.scalar?.bool == true && spec["dnsPolicy"]?.scalar?.text == "Default")
        #expect(spec["priorityClassName"]?.scalar?.text == "system-node-critical")
        let container = try #require(spec["containers"]?.list?.first)
        #expect(container["image"]?.scalar?.text == DNSSettings.defaultImage)
        #expect(container["resources"]?["limits"]?["memory"]?.scalar?.text == "128Mi")
        for probe in ["livenessProbe", "readinessProbe"] {
            let get = container[probe]?["httpGet"]
            #expect(get?["port"]?.scalar?.int == DNSSettings.healthPort.number, "a number, not the name of a port")
            #expect(get?["host"]?.scalar?.text == "127.0.0.1")
        }
        #expect(spec["volumes"]?.list?.first?["hostPath"]?["path"]?.scalar?.text == DNS.folder)
    }

    @Test func anImageIsNothingButAnImage() throws {
        let names = try #require(ClusterNames(try Self.inventory()))
        var made = HostileText()
        for image in made.texts(100) {
            var inventory = names.inventory
            inventory.dns?.image = image
            let text = try #require(ClusterNames(inventory)).pod(configuration: image)
            let spec = try YAMLDocument.parse(text, file: "CLUSTERCTL_SEED=\(HostileText.seed)").root["spec"]
            let found = [
                spec?["containers"]?.list?.first?["image"]?.scalar?.text,
                spec?["volumes"]?.list?.first?["hostPath"]?["path"]?.scalar?.text,
            ]
            #expect(found.map { $0.map { Array($0.utf8) } } == [Array(image.utf8), Array(image.utf8)])
        }
    }

    // MARK: What resolvers get

    @Test func resolversAreSentToTheControlPlaneForTheDomainAlone() throws {
        let inventory = try Self.inventory()
        let resolved = DNSResolved(inventory)
        #expect(
            resolved.nodes == ["dpu-01", "dpu-02", "server-01", "worker-01", "pxe-01"], "nixos-01 is only verified")
        let text = try #require(Self.files(resolved, "server-01")[DNSResolved.file])
        #expect(text.hasSuffix("[Resolve]\nDNS=10.77.0.13 10.77.0.11\nDomains=~cluster.example.org\n"), "itself first")
        let dnsmasq = try #require(Self.files(DNSNetworkManager(inventory), "server-01")[DNSNetworkManager.file])
        #expect(
            dnsmasq.split(separator: "\n").filter { $0.hasPrefix("server=") } == [
                "server=/cluster.example.org/10.77.0.13", "server=/cluster.example.org/10.77.0.11",
                "server=/cluster.example.org/10.77.0.12",
            ])
        let workers = Set(["worker-01", "pxe-01"].map { Self.files(resolved, $0)[DNSResolved.file] })
        #expect(workers.count == 2, "not all workers ask the same one first")
    }

    @Test func nixOSNodesAreToldWhatToTakeIn() throws {
        let inventory = try Self.inventory()
        let plan = Plan(cluster: "small", order: Bootstrap.order(for: inventory))
        let module = RenderedTree(plan, for: inventory).files.first { $0.path.hasSuffix(".nix") }
        #expect(
            module?.text.contains(#"  # environment.etc."systemd/resolved.conf.d/clusterctl.conf".text = "#) == true)
        let others = RenderedTree(
            Plan(cluster: "small", order: Bootstrap.order(for: try Example.small())), for: try Example.small())
        // What takes everything off a node knows of all that may be there.
        let files = others.files.filter { !$0.path.hasSuffix("guard/reset.sh") }
        #expect(!files.contains { $0.text.contains("resolved.conf.d") || $0.path.contains("dns") })
    }
}
