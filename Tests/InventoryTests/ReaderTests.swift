import Foundation
import OrderedCollections
import Testing
import YAML

@testable import Inventory

struct ReaderTests {
    static let full = """
        version: 1
        name: full
        ssh: {user: ubuntu, identityFile: [keys/one, ~/two], connectTimeout: 5s}
        k3s:
          version: v1.35.7+k3s1
          token: {file: secrets/token}
          artifacts: {directory: /srv/k3s}
          checksums: {arm64: 0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef}
          labels: {site: berlin, rack: none}
          taints: [a=b:NoSchedule]
          config: {etcd-snapshot-retention: 10, kubelet-arg: [max-pods=50]}
          agentConfig: {kubelet-arg: [max-pods=200]}
        network: {pods: 10.142.0.0/16, services: 10.143.0.0/16, clusterDNS: 10.143.0.53, apiPort: 7443}
        cilium:
          version: 1.19.4
          chart: {archive: charts/cilium.tgz}
          apiServer: endpoint
          values: {hubble: {enabled: true, relay: {replicas: 2}}}
        endpoint: {dns: api.example.org}
        guard: {window: 60s}
        deadlines: {cilium: 15m}
        defaults:
          all: {labels: {owner: ops}, ssh: {port: 2222}}
          workers: {os: nixos, taints: [], k3s: {kubelet-arg: [max-pods=250]}}
        dpus:
          d1: {address: 10.0.0.1, primary: true, guard: {reboot: true}, ssh: {user: root}}
        servers:
          "s[1-2]": {address: "10.0.0.[11-12]", arch: arm64}
        workers:
          "w[08-10]": {address: "10.0.1.[8-10]", labels: {rack: r1}, k3s: {protect-kernel-defaults: true}, guard: true}
        routers: {}
        """

    /// A terminal would obey it, and another line would look like another mistake.
    @Test func showsNoControlCharacters() throws {
        let text = Self.full.replacing("site: berlin", with: "\"a\\e[2J\\nb\\u2028\": x")
        guard case .failure(let found) = InventoryReader.read(text: text, file: "f") else {
            Issue.record("it was taken for a label")
            return
        }
        #expect(found.all.map(\.message).filter { $0.contains("a?[2J?b?") }.count == 1, "\(found)")
        #expect(found.description.unicodeScalars.allSatisfy { $0 == "\n" || $0.properties.generalCategory != .control })
    }

    @Test func resolvesSettingsFromAllLevels() throws {
        let inventory = try InventoryReader.good(Self.full, file: "/etc/clusters/full.yaml")
        #expect(inventory.nodes.map(\.name) == ["d1", "s1", "s2", "w08", "w09", "w10"])
        let (dpu, server, worker) = (inventory.nodes[0], inventory.nodes[1], inventory.nodes[4])
        #expect(dpu.ssh.user == "root" && server.ssh.user == "ubuntu" && server.ssh.port?.number == 2222)
        #expect(server.ssh.identityFiles == ["/etc/clusters/keys/one", "~/two"])
        #expect(server.ssh.connectTimeout == .seconds(5))
        #expect(dpu.ssh.become(as: "root") == .nothing && server.ssh.become(as: "ubuntu") == .sudo)
        #expect(dpu.profile.guard == GuardSettings(window: .seconds(60), rebootAllowed: true))
        #expect(server.profile.guard == nil && worker.profile.guard == GuardSettings(window: .seconds(60)))
        #expect(worker.address.description == "10.0.1.9" && worker.os == .nixos)
        #expect(dpu.architecture == .arm64 && server.architecture == .arm64 && worker.architecture == .amd64)
        #expect(worker.labels == ["site": "berlin", "rack": "r1", "owner": "ops"])
        #expect(dpu.taints == [Taint(key: "a", value: "b", effect: .noSchedule)] && worker.taints.isEmpty)
        #expect(server.k3sConfig["kubelet-arg"] == ["max-pods=50"] && server.k3sConfig["etcd-snapshot-retention"] == 10)
        #expect(worker.k3sConfig == ["kubelet-arg": ["max-pods=250"], "protect-kernel-defaults": true])
        #expect(worker.place.description == "/etc/clusters/full.yaml:30:3")
    }

    @Test func takesUpEverySSHSetting() throws {
        let text = String(decoding: try Repository.bytes(ofCase: "ssh-everything", in: "good"), as: UTF8.self)
        let inventory = try InventoryReader.good(text, file: "/etc/lab.yaml")
        let (first, command, direct) = (inventory.nodes[0].ssh, inventory.nodes[1].ssh, inventory.nodes[2].ssh)
        var wanted = SSHSettings()
        wanted.configuration = .off
        wanted.user = "ops"
        let outer = SSHJumpHost(user: "ops", host: "outer.example.org", port: Port(2222))
        wanted.proxy = .jump([outer, SSHJumpHost(host: "fd00::1", port: .ssh)])
        wanted.identityFiles = ["/etc/keys/one", "~/.ssh/two"]
        wanted.certificateFiles = ["/etc/keys/one-cert.pub"]
        wanted.identitiesOnly = true
        wanted.agent = .socket("/etc/run/agent.sock")
        wanted.addressFamily = .ipv4
        wanted.bindAddress = IPAddress("10.0.0.7")
        wanted.keepAlive = SSHKeepAlive(interval: .seconds(20), tolerated: 5)
        wanted.knownHostsFiles = ["/etc/known_hosts"]
        wanted.hostKeys = ["SHA256:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU"]
        wanted.hostKeyAlias = "lab_nodes"
        wanted.password = .ask
        wanted.passphrase = .reference(.file("/etc/secrets/passphrase"))
        wanted.become = .doas
        wanted.becomePassword = .reference(.command(["pass", "show", "lab"]))
        #expect(first == wanted)
        #expect(inventory.k3s.relaysArtifacts && inventory.k3s.artifacts == .directory(path: "/etc/artifacts"))
        #expect(command.proxy == .command("nc %h %p") && command.configuration == .file("/etc/ssh_config"))
        #expect(command.agent == .off && command.keepAlive == SSHKeepAlive(interval: .zero) && command.user == "ops")
        #expect(direct.proxy == .direct && direct.host == "fe80::1%eth0" && direct.become(as: "root") == .doas)
    }

    /// Every property of the settings is merged from level to level.
    @Test func keepsWhatAnotherLevelSaysOfSSH() throws {
        let text = String(decoding: try Repository.bytes(ofCase: "ssh-everything", in: "good"), as: UTF8.self)
        let settings = try InventoryReader.good(text).nodes[0].ssh
        for (label, value) in Mirror(reflecting: settings).children {
            let isLeftOut = ["host", "port", "connectTimeout"].contains(label)
            #expect("\(value)" != "nil" || isLeftOut, "the case says nothing about \(label ?? "?")")
        }
        #expect(SSHSettings().over(settings) == settings && settings.over(SSHSettings()) == settings)
    }

    @Test func takesUpTheWayOutOfBand() throws {
        let text = String(decoding: try Repository.bytes(ofCase: "out-of-band", in: "good"), as: UTF8.self)
        let nodes = try InventoryReader.good(text, file: "/etc/lab.yaml").nodes.map(\.profile.outOfBand)
        var rescue = RescuePath(address: "192.168.100.2", proxy: .jump([SSHJumpHost(user: "ops", host: "h1")]))
        #expect(nodes[0] == OutOfBand(text: "iDRAC, then rshim", rescue: rescue))
        rescue = RescuePath(
            address: "fe80::1%tmfifo_net0", port: Port(2222), user: "root", proxy: .jump([SSHJumpHost(host: "w1")]),
            hostKeyAlias: "d2")
        #expect(nodes[1] == OutOfBand(rescue: rescue))
        rescue = RescuePath(
            address: "10.9.0.3", hostKeys: ["SHA256:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU"])
        #expect(nodes[2] == OutOfBand(rescue: rescue), "it stands for itself: the group's text is no part of it")
        // A BlueField has a console whatever the inventory says; other machines may have nothing.
        #expect(nodes[3] == Profile(.bluefield).outOfBand && nodes[3].text != nil && nodes[4] == OutOfBand())
        #expect(nodes[5] == OutOfBand(text: "serial console"))
    }

    @Test func takesUpClusterSettings() throws {
        let inventory = try InventoryReader.good(Self.full, file: "/etc/clusters/full.yaml")
        #expect(inventory.k3s.token == .file("/etc/clusters/secrets/token"))
        #expect(inventory.k3s.artifacts == .directory(path: "/srv/k3s"))
        #expect(inventory.k3s.checksums[.arm64]?.count == 64)
        #expect(inventory.k3s.disable == ["traefik", "servicelb"])
        #expect(inventory.network.clusterDNS.map(\.description) == ["10.143.0.53"])
        #expect(inventory.network.apiPort.number == 7443)
        #expect(inventory.endpoint == .dns(name: "api.example.org", port: inventory.network.apiPort))
        #expect(inventory.cilium.chart == .archive(path: "/etc/clusters/charts/cilium.tgz"))
        #expect(inventory.cilium.apiServer == .endpoint)
        #expect(YAMLValue.map(inventory.cilium.values)[["hubble", "relay", "replicas"]] == 2)
        #expect(inventory.deadlines.cilium == .seconds(900) && inventory.deadlines.workers == .seconds(300))
    }

    @Test func pairsTheAddressesOfBothFamilies() throws {
        let inventory = try InventoryReader.good(
            """
            version: 1
            name: dual
            k3s: {version: v1.35.7+k3s1}
            network: {pods: [10.142.0.0/16, "fd00:42::/56"], services: [10.143.0.0/16, "fd00:43::/112"]}
            cilium: {version: 1.19.4}
            endpoint: {kubeVip: {address: 10.0.0.100, interface: eth0}}
            servers:
              s1: {address: [10.0.0.1, "2001:db8::1"]}
            workers:
              "w[1-12]": {address: ["10.0.0.[11-22]", "2001:db8::[9-14]"]}
            """)
        #expect(inventory.workers[2].addresses.map(\.description) == ["10.0.0.13", "2001:db8::b"])
        #expect(inventory.workers[11].secondAddress?.description == "2001:db8::14")
        #expect(inventory.network.clusterDNS.map(\.description) == ["10.143.0.10", "fd00:43::a"])
        #expect(inventory.primary.name == "s1")
    }

    @Test func rendersDiagnosticsAsThreeLines() throws {
        let text = Self.full.split(separator: "\n").map { $0.contains("d1:") ? "  d1: {primary: true}" : String($0) }
        let found = InventoryReader.diagnostics(text.joined(separator: "\n"))
        #expect(
            found.map(\.description) == [
                """
                t.yaml:26:3: error: primary 'd1' has no address [inventory.missing-address]
                  why: the primary starts the cluster, and replicas join over its address
                  fix: add 'address: <ip>' to this node, or leave it out of 'dpus'
                """
            ])
    }

    @Test func givesWarningsWithTheInventory() throws {
        let text = Self.full.split(separator: "\n").filter { !$0.contains("\"s[1-2]\"") && !$0.contains("servers:") }
        let server = "servers:\n  s1: {address: 10.0.0.11}\n"
        let read = try InventoryReader.read(text: text.joined(separator: "\n") + "\n" + server, file: "t").get()
        #expect(read.warnings.all.map(\.code) == [.twoControlPlaneNodes])
        #expect(read.inventory.nodes.count == 5)
    }

    @Test func neverShowsAToken() {
        let secret = "K10deadbeef::server:hunter2"
        for place in ["token: \(secret)", "token: {value: \(secret)}", "config: {token: \(secret)}"] {
            let found = InventoryReader.diagnostics("version: 1\nk3s: {version: v1.35.7+k3s1, \(place)}\n")
            #expect(found.contains { $0.code == .tokenInClear })
            #expect(!found.contains { $0.description.contains("hunter2") })
        }
    }

    /// Ten times the nodes take at most thirty times as long: a square would take a hundred.
    @Test(.timeLimit(.minutes(1)), arguments: [true, false])
    func readsInLinearTime(withRanges: Bool) throws {
        func seconds(_ count: Int) throws -> Double {
            let text = Self.large(count, withRanges: withRanges)
            var best = Double.infinity
            for _ in 0..<3 {
                let start = Self.processorSeconds()
                let inventory = try InventoryReader.good(text)
                best = min(best, Self.processorSeconds() - start)
                #expect(inventory.nodes.count == count + 1)
            }
            return best
        }
        let (thousand, tenThousand) = (try seconds(1000), try seconds(10_000))
        #expect(tenThousand < 30 * thousand, "1,000 nodes: \(thousand) s, 10,000 nodes: \(tenThousand) s")
    }

    /// What this thread has used: others that work beside it say nothing of the reader.
    private static func processorSeconds() -> Double {
        var time = timespec()
        clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time)
        return Double(time.tv_sec) + Double(time.tv_nsec) * 1e-9
    }

    /// An inventory of one server and this many workers, in thousands.
    static func large(_ count: Int, withRanges: Bool) -> String {
        var text = """
            version: 1
            name: large
            k3s: {version: v1.35.7+k3s1}
            network: {pods: 10.0.0.0/8, services: 172.31.0.0/16}
            cilium: {version: 1.19.4}
            endpoint: {dns: 192.168.0.1}
            servers: {s1: {address: 192.168.0.1}}
            workers:

            """
        for thousand in 0..<count / 1000 {
            if withRanges {
                text += "  \"w\(thousand)-[1-10]-[001-100]\": {address: \"172.\(16 + thousand).[1-10].[1-100]\"}\n"
            } else {
                for number in 0..<1000 {
                    let address = "172.\(16 + thousand).\(number / 100).\(number % 100 + 1)"
                    text += "  w\(thousand)-\(number): {address: \(address), os: nixos, labels: {rack: r\(number)}}\n"
                }
            }
        }
        return text
    }
}
