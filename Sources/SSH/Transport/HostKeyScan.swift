/// A host key that a server showed, and how it stands to what is known about the host.
public struct ScannedHostKey: Sendable, Equatable {
    public enum Standing: String, Sendable, CaseIterable {
        /// Pinned, or in a known_hosts file.
        case known
        /// Nothing is known about the host.
        case unknown
        /// The host is known by keys of other types.
        case otherType = "other-type"
        /// Another key of this type is known, or keys are pinned and this is none of them.
        case changed
        case revoked
    }

    public var type: String
    /// `SHA256:` and unpadded base64.
    public var fingerprint: String
    /// Type and base64, as in a .pub file.
    public var publicKey: String
    public var standing: Standing

    public init(type: String, fingerprint: String, publicKey: String, standing: Standing) {
        self.type = type
        self.fingerprint = fingerprint
        self.publicKey = publicKey
        self.standing = standing
    }
}

extension SSHConnector {
    /// All host keys that the server has and this libssh2 can check, one connection for each type; nobody logs in.
    ///
    /// - Throws: what keeps the server from being reached at all.
    public func scan(
        _ target: SSHTarget, deadline: ContinuousClock.Instant
    ) async throws(SSHFailure) -> [ScannedHostKey] {
        var policy = target.hostKeys
        policy.acceptNew = false
        let check = try HostKeyCheck(host: target.host, port: target.port, policy: policy)
        var keys: [ScannedHostKey] = []
        var broken: SSHFailure?
        for family in Algorithms.hostKeyFamilies {
            do throws(SSHFailure) {
                guard let key = try await hostKey(of: target, algorithms: family, deadline: deadline) else { continue }
                keys.append(check.scanned(key))
            } catch {
                // A server that has no such key may hang up before libssh2 has read that.
                guard case .connectionLost(.keyExchange, _) = error else { throw error }
                broken = error
            }
        }
        if keys.isEmpty, let broken { throw broken }
        return keys
    }

    /// Nil when the server, or libssh2, has no such key.
    private func hostKey(
        of target: SSHTarget, algorithms: [String], deadline: ContinuousClock.Instant
    ) async throws(SSHFailure) -> [UInt8]? {
        do throws(SSHFailure) {
            return try await paced(target, until: deadline) { () async throws(SSHFailure) in
                let session = SSHSession(target: target, reactor: reactor)
                return try await session.showHostKey(algorithms, until: deadline) {
                    @Sendable () async throws(SSHFailure) in try await self.connection(to: target, until: deadline)
                }
            }
        } catch {
            if case .noCommonAlgorithm = error { return nil }
            throw error
        }
    }

    /// Writes keys of hosts that nothing is known about into the first known_hosts file of the target; all others are
    /// left out.
    ///
    /// - Returns: the file, and how many keys were added.
    public func remember(
        _ keys: [ScannedHostKey], of target: SSHTarget
    ) throws(SSHFailure) -> (file: String, count: Int)? {
        let new = keys.filter { $0.standing == .unknown }
        guard !new.isEmpty, new.count == keys.count, let first = target.hostKeys.knownHostsFiles.first else {
            return nil
        }
        let file = LocalFile.expandHome(first)
        let (name, port) = (target.hostKeys.alias ?? target.host, target.hostKeys.alias == nil ? target.port : 22)
        let isHashed = target.hostKeys.hashesNames || KnownHosts.hasHashedNames(file)
        for key in new {
            let line = KnownHosts.line(
                name: KnownHosts.name(host: name, port: port), isHashed: isHashed, publicKey: key.publicKey)
            if case .failure(let error) = LocalFile.appendLine(line, to: file) {
                throw .knownHostsNotWritten(path: file, reason: systemMessage(error.code))
            }
        }
        return (file, new.count)
    }
}

extension HostKeyCheck {
    func scanned(_ key: [UInt8]) -> ScannedHostKey {
        let type = keyType(ofBlob: key) ?? "unknown"
        let standing: ScannedHostKey.Standing =
            switch verdict(on: key) {
            case .trusted: .known
            case .trustedNew, .refused(.hostKeyUnknown): .unknown
            case .refused(.hostKeyTypeChanged): .otherType
            case .refused(.hostKeyRevoked): .revoked
            case .refused: .changed
            }
        return ScannedHostKey(
            type: type, fingerprint: fingerprintSHA256(ofBlob: key), publicKey: "\(type) \(Base64.encode(key))",
            standing: standing)
    }
}
