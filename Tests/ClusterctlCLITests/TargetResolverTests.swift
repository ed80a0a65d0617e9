import Inventory
import SSH
import Testing

@testable import ClusterctlCLI

/// The inventory wins over the SSH configuration, and that over the defaults.
struct TargetResolverTests {
    private let local = LocalUser(name: "me", id: 7, home: "/home/me", hostName: "desk")

    private func target(
        _ ssh: String, _ configured: [String: SSHConfiguration] = [:], acceptsNew: Bool = false, asks: Bool = false
    ) async throws -> SSHTarget {
        let text = """
            version: 1
            name: lab
            ssh: {\(ssh)}
            k3s: {version: v1.35.7+k3s1}
            network: {pods: 10.142.0.0/16, services: 10.143.0.0/16}
            cilium: {version: 1.19.4}
            endpoint: {dns: api.example.org}
            servers: {s1: {address: 10.0.0.1}}
            """
        let inventory = try InventoryReader.read(text: text, file: "/lab/i.yaml").get().inventory
        let resolver = TargetResolver(local: local, acceptsNewHostKeys: acceptsNew, asksPassword: asks) {
            source, question in
            source == .off ? SSHConfiguration() : configured[question.name] ?? SSHConfiguration()
        }
        return try await resolver.target(for: inventory.nodes[0])
    }

    private func configuration(_ change: (inout SSHConfiguration) -> Void) -> SSHConfiguration {
        var result = SSHConfiguration()
        change(&result)
        return result
    }

    @Test func takesDefaultsWhereNothingIsSaid() async throws {
        let target = try await target("")
        #expect(target == SSHTarget(host: "10.0.0.1", user: "me"))
    }

    private var everything: SSHConfiguration {
        configuration {
            $0.hostName = "192.0.2.1"
            $0.port = 2201
            $0.user = "cfg"
            $0.identityFiles = ["~/k-%r"]
            $0.certificateFiles = ["%d/c"]
            $0.identitiesOnly = true
            $0.identityAgent = .socket("~/a.sock")
            $0.userKnownHostsFiles = ["/kh"]
            $0.globalKnownHostsFiles = []
            $0.hostKeyAlias = "alias"
            $0.hashesKnownHosts = true
            $0.connectTimeout = .seconds(3)
            $0.serverAliveInterval = .seconds(4)
            $0.serverAliveCountMax = 6
            $0.addressFamily = .ipv6
            $0.bindAddress = "::1"
            $0.proxy = .command("nc %h %p")
        }
    }

    @Test func takesTheConfigurationWhereTheInventoryIsSilent() async throws {
        let target = try await target("", ["10.0.0.1": everything], acceptsNew: true)
        var wanted = SSHTarget(host: "192.0.2.1", port: 2201, user: "cfg", route: .command("nc 192.0.2.1 2201"))
        wanted.login = SSHLogin(
            identityFiles: ["/home/me/k-cfg"], certificateFiles: ["/home/me/c"], identitiesOnly: true,
            agentSocketPath: "/home/me/a.sock")
        wanted.hostKeys = HostKeyPolicy(knownHostsFiles: ["/kh"], acceptNew: true, alias: "alias")
        wanted.hostKeys.hashesNames = true
        wanted.connectTimeout = .seconds(3)
        wanted.keepAlive = .init(interval: .seconds(4), tolerated: 6)
        wanted.addressFamily = .ipv6
        wanted.bindAddress = "::1"
        #expect(target == wanted)
    }

    @Test func takesTheInventoryBeforeTheConfiguration() async throws {
        let target = try await target(
            """
            user: inv, host: node, port: 2202, proxyJump: none, identityFile: key, certificateFile: cert,
            identitiesOnly: false, agent: true, knownHosts: kh, hostKeyAlias: own, connectTimeout: 9s,
            keepAlive: {interval: 8s, tolerated: 2}, addressFamily: any, bindAddress: 10.0.0.9
            """,
            ["node": everything])
        // The name is looked up in the configuration, as it is after `ssh`.
        var wanted = SSHTarget(host: "192.0.2.1", port: 2202, user: "inv")
        wanted.login = SSHLogin(identityFiles: ["/lab/key"], certificateFiles: ["/lab/cert"])
        wanted.hostKeys = HostKeyPolicy(knownHostsFiles: ["/lab/kh"], alias: "own")
        wanted.hostKeys.hashesNames = true
        wanted.connectTimeout = .seconds(9)
        wanted.keepAlive = .init(interval: .seconds(8), tolerated: 2)
        wanted.bindAddress = "10.0.0.9"
        #expect(target == wanted)
        #expect(try await self.target("config: false", ["10.0.0.1": everything]).user == "me")
    }

    @Test func offersAPasswordOnlyWhereOneIsWanted() async throws {
        #expect(try await !target("").login.usesPassword)
        #expect(try await target("password: ask").login.usesPassword)
        let asked = try await target("proxyJump: b", asks: true)
        #expect(asked.login.usesPassword)
        guard case .jump(let jump) = asked.route else { return #expect(Bool(false), "no jump host") }
        #expect(!jump.login.usesPassword)
    }

    @Test func writesNoKeysWhereTheUserHasNoFile() async throws {
        let none = configuration { $0.userKnownHostsFiles = [] }
        #expect(try await !target("", ["10.0.0.1": none], acceptsNew: true).hostKeys.acceptNew)
    }

    // MARK: Jump hosts

    /// The hosts on the way as `user@host:port`, the first to be reached first.
    private func way(_ target: SSHTarget) -> [String] {
        guard case .jump(let jump) = target.route else { return [] }
        return way(jump) + ["\(jump.user)@\(jump.host):\(jump.port)"]
    }

    @Test func looksUpEveryHostOnTheWay() async throws {
        let bastion = configuration {
            $0.hostName = "198.51.100.1"
            $0.user = "ops"
            $0.identityFiles = ["/bastion"]
        }
        let inner = configuration { $0.port = 2222 }
        let target = try await target(
            "user: root, identityFile: /node, proxyJump: [bastion, x@inner]", ["bastion": bastion, "inner": inner])
        #expect(way(target) == ["ops@198.51.100.1:22", "x@inner:2222"])
        guard case .jump(let last) = target.route, case .jump(let first) = last.route else {
            return #expect(Bool(false), "not two jump hosts")
        }
        #expect(first.login.identityFiles == ["/bastion"] && last.login.identityFiles == ["/node"])
        #expect(target.login.identityFiles == ["/node"])
    }

    @Test func goesTheWayThatTheFirstHostsOwnConfigurationNames() async throws {
        let node = configuration { $0.proxy = .jump(["ssh://b@%n-gate:2200"]) }
        let gate = configuration { $0.proxy = .jump(["outer"]) }
        let outer = configuration { $0.proxy = .command("connect %h") }
        let target = try await target("", ["10.0.0.1": node, "10.0.0.1-gate": gate, "outer": outer])
        #expect(way(target) == ["me@outer:22", "b@10.0.0.1-gate:2200"])
        guard case .jump(let jump) = target.route, case .jump(let first) = jump.route else {
            return #expect(Bool(false), "not two jump hosts")
        }
        #expect(first.route == .command("connect outer"))
    }

    // MARK: Rescue paths

    private func rescue(
        _ outOfBand: String, ssh: String = "", _ configured: [String: SSHConfiguration] = [:]
    ) async throws -> SSHTarget? {
        let text = """
            version: 1
            name: lab
            ssh: {\(ssh)}
            k3s: {version: v1.35.7+k3s1}
            network: {pods: 10.142.0.0/16, services: 10.143.0.0/16}
            cilium: {version: 1.19.4}
            endpoint: {dns: api.example.org}
            servers: {s1: {address: 10.0.0.1, \(outOfBand)}}
            workers: {host-1: {address: 10.0.0.9, ssh: {user: root, port: 2200, proxyJump: gate, hostKey: "\(pin)"}}}
            """
        let inventory = try InventoryReader.read(text: text, file: "/lab/i.yaml").get().inventory
        let resolver = TargetResolver(local: local) { _, question in configured[question.name] ?? SSHConfiguration() }
        return try await resolver.rescueTarget(for: inventory.nodes[0], in: inventory)
    }

    private let pin = "SHA256:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU"

    @Test func aRescuePathLeadsToTheSameMachineAccountAndKey() async throws {
        let own = configuration {
            $0.user = "cfg"
            $0.port = 2201
            $0.identityFiles = ["/own"]
            $0.hostName = "192.0.2.1"
        }
        let target = try await rescue(
            "outOfBand: {proxyJump: h1, address: tmfifo}", ssh: "bindAddress: 10.0.0.7, knownHosts: kh",
            ["10.0.0.1": own])
        var wanted = SSHTarget(host: "tmfifo", port: 2201, user: "cfg")
        wanted.login.identityFiles = ["/own"]
        // The files know it by what SSH goes to anyway.
        wanted.hostKeys = HostKeyPolicy(knownHostsFiles: ["/lab/kh"], alias: "192.0.2.1")
        wanted.hostKeys.aliasPort = 2201
        var jump = SSHTarget(host: "h1", user: "me", hostKeys: HostKeyPolicy(knownHostsFiles: ["/lab/kh"]))
        jump.bindAddress = "10.0.0.7"
        wanted.route = .jump(jump)
        #expect(target == wanted)
        #expect(try await rescue("outOfBand: BMC") == nil)
    }

    @Test func aRescuePathMaySayOtherwise() async throws {
        let key = "outOfBand: {address: oob, user: root, port: 22, hostKeyAlias: own, hostKey: '\(pin)'}"
        let oob = configuration {
            $0.hostName = "10.9.0.3"
            $0.proxy = .jump(["outer"])
        }
        let target = try #require(try await rescue(key, ssh: "port: 2222, proxyJump: never", ["oob": oob]))
        #expect(target.host == "10.9.0.3" && target.port == 22 && target.user == "root")
        #expect(target.hostKeys.alias == "own" && target.hostKeys.aliasPort == 22 && target.hostKeys.pinned == [pin])
        #expect(way(target) == ["me@outer:22"])
        let direct = try await rescue("outOfBand: {address: oob, proxyJump: none}", ["oob": oob])
        #expect(direct?.route == .direct)
        let alias = try await rescue("outOfBand: {address: oob}", ssh: "hostKeyAlias: a, hostKey: '\(pin)'")
        #expect(alias?.hostKeys.alias == "a" && alias?.hostKeys.pinned == [pin])
    }

    @Test func aNodeOnARescuePathIsReachedAsItIsAnyway() async throws {
        let target = try #require(try await rescue("outOfBand: {proxyJump: [h1, ops@host-1], address: tmfifo}"))
        #expect(way(target) == ["me@h1:22", "ops@10.0.0.9:2200"])
        let first = try #require(try await rescue("outOfBand: {proxyJump: host-1, address: tmfifo}"))
        #expect(way(first) == ["me@gate:22", "root@10.0.0.9:2200"])
        guard case .jump(let host) = first.route else { return #expect(Bool(false), "no jump host") }
        #expect(host.hostKeys.pinned == [pin])
        await #expect(throws: SSHConfigurationProblem.jumpLoop(["tmfifo", "h1", "h1"])) {
            try await rescue("outOfBand: {proxyJump: [h1, h1], address: tmfifo}")
        }
    }

    @Test func refusesToGoInCircles() async throws {
        let all = configuration { $0.proxy = .jump(["gate"]) }
        await #expect(throws: SSHConfigurationProblem.jumpLoop(["10.0.0.1", "gate", "gate"])) {
            try await target("", ["10.0.0.1": all, "gate": all])
        }
        await #expect(throws: SSHConfigurationProblem.jumpLoop(["10.0.0.1", "a", "b", "a"])) {
            try await target("proxyJump: [a, b, a]")
        }
    }

    @Test func refusesJumpHostsThatAreNone() async throws {
        let node = configuration { $0.proxy = .jump(["-oX"]) }
        await #expect(throws: SSHConfigurationProblem.noJumpHost("-oX")) { try await target("", ["10.0.0.1": node]) }
    }
}
