import Inventory
import SSH

/// Puts together how a node is reached: what the inventory says, else the user's SSH configuration, else the defaults.
struct TargetResolver {
    let local: LocalUser
    /// Whether the keys of new hosts are trusted and written down.
    var acceptsNewHostKeys = false
    /// Whether a password is offered to every node, as the user wants to be asked for it.
    var asksPassword = false
    /// What the SSH configuration says about a host.
    let lookUp: @Sendable (SSHConfigurationSource, HostQuestion) async throws -> SSHConfiguration

    /// The question that `target(for:)` asks first.
    static func question(about node: any Host) -> HostQuestion {
        HostQuestion(name: node.sshHost, user: node.ssh.user, port: node.ssh.port?.number)
    }

    /// - Throws: `SSHConfigurationProblem`
    func target(for node: any Host) async throws -> SSHTarget {
        let settings = node.ssh
        let question = Self.question(about: node)
        let configured = try await lookUp(settings.configuration ?? .standard, question)
        let alias = settings.hostKeyAlias ?? configured.hostKeyAlias
        let tokens = tokens(question, configured, alias: alias)
        var target = try target(question, configured, tokens, settings, isJump: false)
        target.hostKeys.pinned = settings.hostKeys ?? []
        target.hostKeys.alias = alias
        if let files = settings.knownHostsFiles { target.hostKeys.knownHostsFiles = files }
        target.login.usesPassword = asksPassword || settings.password != nil
        switch settings.proxy {
        case .direct: break
        case .jump(let hosts): target.route = try await route(over: hosts, settings, passed: [question.name])
        case .command(let command): target.route = .command(try tokens.command(command))
        case nil: target.route = try await route(configured, tokens, settings, passed: [question.name])
        }
        return target
    }

    /// How a node is reached by its rescue path; nil where it has none. What the path does not say is as for the node's
    /// own address, and
    /// so is the name that known_hosts files have for it: it is the same machine.
    ///
    /// - Throws: `SSHConfigurationProblem`
    func rescueTarget(for node: Node, in inventory: Inventory) async throws -> SSHTarget? {
        guard let rescue = node.profile.outOfBand.rescue else { return nil }
        let ordinary = try await target(for: node)
        let question = HostQuestion(
            name: rescue.address, user: rescue.user ?? ordinary.user, port: rescue.port?.number ?? ordinary.port)
        let configured = try await lookUp(node.ssh.configuration ?? .standard, question)
        var target = ordinary
        target.host = configured.hostName ?? rescue.address
        target.port = question.port ?? ordinary.port
        target.user = question.user ?? ordinary.user
        target.addressFamily = .any
        target.bindAddress = nil
        if let alias = rescue.hostKeyAlias ?? ordinary.hostKeys.alias {
            target.hostKeys.alias = alias
        } else {
            (target.hostKeys.alias, target.hostKeys.aliasPort) = (ordinary.host, ordinary.port)
        }
        if let keys = rescue.hostKeys { target.hostKeys.pinned = keys }
        switch rescue.proxy {
        case .jump(let hosts):
            target.route = try await route(over: hosts, node.ssh, passed: [rescue.address], nodes: inventory)
        case .direct: target.route = .direct
        // No field of a rescue path gives a command.
        case .command, nil:
            let tokens = tokens(question, configured, alias: target.hostKeys.alias)
            target.route = try await route(configured, tokens, node.ssh, passed: [rescue.address])
        }
        return target
    }

    // MARK: The way

    private func route(
        _ configured: SSHConfiguration, _ tokens: SSHTokens, _ settings: SSHSettings, passed: [String]
    ) async throws -> SSHRoute {
        switch configured.proxy {
        case nil: return .direct
        case .command(let command): return .command(try tokens.command(command))
        case .jump(let texts):
            let hosts = try texts.map { text in
                let text = try tokens.jumpHost(text)
                let plain = text.hasPrefix("ssh://") ? String(text.dropFirst(6)) : text
                guard let host = SSHJumpHost(plain) else { throw SSHConfigurationProblem.noJumpHost(text) }
                return host
            }
            return try await route(over: hosts, settings, passed: passed)
        }
    }

    /// The first host is reached by the way that its own configuration names, each further one over the one before.
    ///
    /// - Parameter nodes: whose nodes may stand by name for themselves.
    private func route(
        over hosts: [SSHJumpHost], _ settings: SSHSettings, passed: [String], nodes: Inventory? = nil
    ) async throws -> SSHRoute {
        var passed = passed
        var last: SSHTarget?
        for host in hosts {
            guard !passed.contains(host.host) else { throw SSHConfigurationProblem.jumpLoop(passed + [host.host]) }
            passed.append(host.host)
            if let node = nodes?.node(named: host.host) {
                last = try await target(for: node, as: host, over: last)
                continue
            }
            let question = HostQuestion(name: host.host, user: host.user, port: host.port?.number)
            let configured = try await lookUp(settings.configuration ?? .standard, question)
            let tokens = tokens(question, configured, alias: configured.hostKeyAlias)
            var target = try target(question, configured, tokens, settings, isJump: true)
            target.hostKeys.alias = configured.hostKeyAlias
            if let last {
                target.route = .jump(last)
            } else {
                target.route = try await route(configured, tokens, settings, passed: passed)
            }
            last = target
        }
        return last.map { .jump($0) } ?? .direct
    }

    /// A node as a jump host: as it is reached anyway, but for what is said here.
    private func target(for node: Node, as host: SSHJumpHost, over last: SSHTarget?) async throws -> SSHTarget {
        var target = try await target(for: node)
        target.user = host.user ?? target.user
        target.port = host.port?.number ?? target.port
        if let last { target.route = .jump(last) }
        return target
    }

    // MARK: One host

    private func tokens(_ question: HostQuestion, _ configured: SSHConfiguration, alias: String?) -> SSHTokens {
        SSHTokens(
            host: configured.hostName ?? question.name, name: question.name,
            port: question.port ?? configured.port ?? Port.ssh.number,
            user: question.user ?? configured.user ?? local.name, alias: alias, local: local)
    }

    /// What nodes and jump hosts have in common. About a jump host the configuration speaks first: what the inventory
    /// says is said about the nodes behind it.
    private func target(
        _ question: HostQuestion, _ configured: SSHConfiguration, _ tokens: SSHTokens, _ settings: SSHSettings,
        isJump: Bool
    ) throws -> SSHTarget {
        func choose<T>(_ own: T?, _ other: T?) -> T? { isJump ? other ?? own : own ?? other }
        func paths(_ texts: [String]?) throws -> [String]? { try texts?.compactMap { try tokens.path($0) } }

        var login = SSHLogin()
        login.identityFiles = choose(settings.identityFiles, try paths(configured.identityFiles)) ?? []
        login.certificateFiles = choose(settings.certificateFiles, try paths(configured.certificateFiles)) ?? []
        login.identitiesOnly = choose(settings.identitiesOnly, configured.identitiesOnly) ?? false
        if let agent = choose(settings.agent, try configured.identityAgent.map { try choice($0, tokens) }) {
            login.useAgent = agent != .off
            if case .socket(let path) = agent { login.agentSocketPath = path }
        }
        var target = SSHTarget(
            host: configured.hostName ?? question.name,
            port: question.port ?? configured.port ?? Port.ssh.number,
            user: question.user ?? configured.user ?? local.name, login: login,
            hostKeys: try hostKeys(configured, tokens, settings),
            connectTimeout: choose(settings.connectTimeout, configured.connectTimeout) ?? .seconds(10))
        target.addressFamily =
            choose(settings.addressFamily.map(SSHTarget.AddressFamily.init), configured.addressFamily) ?? .any
        target.bindAddress = choose(settings.bindAddress?.description, configured.bindAddress)
        target.keepAlive.interval =
            choose(settings.keepAlive?.interval, configured.serverAliveInterval) ?? target.keepAlive.interval
        target.keepAlive.tolerated =
            choose(settings.keepAlive?.tolerated, configured.serverAliveCountMax) ?? target.keepAlive.tolerated
        return target
    }

    private func choice(_ agent: SSHConfiguration.Agent, _ tokens: SSHTokens) throws -> SSHAgentChoice {
        switch agent {
        case .off: .off
        case .environment("SSH_AUTH_SOCK"): .environment
        case .environment(let name): try tokens.path("${\(name)}").map { .socket($0) } ?? .off
        case .socket(let path): try tokens.path(path).map { .socket($0) } ?? .off
        }
    }

    private func hostKeys(
        _ configured: SSHConfiguration, _ tokens: SSHTokens, _ settings: SSHSettings
    ) throws -> HostKeyPolicy {
        let own = try configured.userKnownHostsFiles?.compactMap { try tokens.path($0) }
        let global = try configured.globalKnownHostsFiles?.compactMap { try tokens.path($0) }
        let user = own ?? HostKeyPolicy.standardUserFiles
        var policy = HostKeyPolicy(knownHostsFiles: user + (global ?? HostKeyPolicy.standardGlobalFiles))
        // The inventory's files come first for jump hosts too: a bastion may be known there alone.
        if let files = settings.knownHostsFiles, own == nil { policy.knownHostsFiles = files }
        // Without a file of the user's own there is none to write to.
        policy.acceptNew = acceptsNewHostKeys && (settings.knownHostsFiles != nil || !user.isEmpty)
        policy.hashesNames = configured.hashesKnownHosts
        return policy
    }
}

extension SSHTarget.AddressFamily {
    fileprivate init(_ family: SSHAddressFamily) {
        switch family {
        case .any: self = .any
        case .ipv4: self = .ipv4
        case .ipv6: self = .ipv6
        }
    }
}
