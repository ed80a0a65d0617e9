import YAML

extension SSHSettings {
    /// What the `ssh` map of one level says.
    init(_ node: YAMLNode) {
        self.init()
        if let choice = node["config"] {
            configuration = choice.boolean.map { $0 ? .standard : .off } ?? choice.text(.path).map { .file($0) }
        }
        user = node["user"]?.text(.user)
        host = node["host"]?.text(.sshHost)
        port = node["port"]?.number.flatMap(Port.init)
        proxy = SSHProxy(node)
        identityFiles = node["identityFile"]?.texts(.path)
        certificateFiles = node["certificateFile"]?.texts(.path)
        identitiesOnly = node["identitiesOnly"]?.boolean
        if let choice = node["agent"] {
            agent = choice.boolean.map { $0 ? .environment : .off } ?? choice.text(.path).map { .socket($0) }
        }
        addressFamily = node["addressFamily"]?.choice(SSHAddressFamily.self)
        bindAddress = node["bindAddress"]?.address?.value
        keepAlive = node["keepAlive"].flatMap(SSHKeepAlive.init)
        knownHostsFiles = node["knownHosts"]?.texts(.path)
        hostKeys = node["hostKey"]?.texts(.hostKey)
        hostKeyAlias = node["hostKeyAlias"]?.text(.sshHost)
        connectTimeout = node["connectTimeout"]?.duration
        password = node["password"]?.secretOrigin
        passphrase = node["passphrase"]?.secretOrigin
        become = node["become"]?.choice(BecomeMethod.self)
        becomePassword = node["becomePassword"]?.secretOrigin
    }

    /// These settings where they say something, else those of `base`.
    func over(_ base: SSHSettings) -> SSHSettings {
        var result = base
        result.configuration = configuration ?? base.configuration
        result.user = user ?? base.user
        result.host = host ?? base.host
        result.port = port ?? base.port
        result.proxy = proxy ?? base.proxy
        result.identityFiles = identityFiles ?? base.identityFiles
        result.certificateFiles = certificateFiles ?? base.certificateFiles
        result.identitiesOnly = identitiesOnly ?? base.identitiesOnly
        result.agent = agent ?? base.agent
        result.addressFamily = addressFamily ?? base.addressFamily
        result.bindAddress = bindAddress ?? base.bindAddress
        result.keepAlive = keepAlive ?? base.keepAlive
        result.knownHostsFiles = knownHostsFiles ?? base.knownHostsFiles
        result.hostKeys = hostKeys ?? base.hostKeys
        result.hostKeyAlias = hostKeyAlias ?? base.hostKeyAlias
        result.connectTimeout = connectTimeout ?? base.connectTimeout
        result.password = password ?? base.password
        result.passphrase = passphrase ?? base.passphrase
        result.become = become ?? base.become
        result.becomePassword = becomePassword ?? base.becomePassword
        return result
    }

    /// With paths that count from the folder of the inventory.
    func resolved(in directory: String) -> SSHSettings {
        func resolve(_ path: String) -> String { Paths.resolve(path, in: directory) }
        var result = self
        if case .file(let path) = configuration { result.configuration = .file(resolve(path)) }
        if case .socket(let path) = agent { result.agent = .socket(resolve(path)) }
        result.identityFiles = identityFiles?.map(resolve)
        result.certificateFiles = certificateFiles?.map(resolve)
        result.knownHostsFiles = knownHostsFiles?.map(resolve)
        result.password = password?.resolved(in: directory)
        result.passphrase = passphrase?.resolved(in: directory)
        result.becomePassword = becomePassword?.resolved(in: directory)
        return result
    }
}

extension OutOfBand {
    /// A text, or a map with a way and perhaps a text.
    init?(_ node: YAMLNode) {
        if let text = node.text(.sentence) {
            self.init(text: text)
        } else if let address = node["address"]?.text(.sshHost) {
            let rescue = RescuePath(
                address: address, port: node["port"]?.number.flatMap(Port.init), user: node["user"]?.text(.user),
                proxy: SSHProxy(node), hostKeys: node["hostKey"]?.texts(.hostKey),
                hostKeyAlias: node["hostKeyAlias"]?.text(.sshHost))
            self.init(text: node["text"]?.text(.sentence), rescue: rescue)
        } else {
            return nil
        }
    }
}

extension SSHProxy {
    /// What one level says; `proxyJump` and `proxyCommand` of another level are no longer of interest then.
    fileprivate init?(_ node: YAMLNode) {
        if let jumps = node["proxyJump"]?.texts(.jumpHost) {
            let hosts = jumps.compactMap { SSHJumpHost($0) }
            self = jumps == ["none"] || hosts.isEmpty ? .direct : .jump(hosts)
        } else if let command = node["proxyCommand"]?.text(.sentence) {
            self = command == "none" ? .direct : .command(command)
        } else {
            return nil
        }
    }
}

extension SSHKeepAlive {
    fileprivate init?(_ node: YAMLNode) {
        guard let interval = node["interval"]?.duration ?? node.duration else { return nil }
        self.init(interval: interval, tolerated: node["tolerated"]?.number)
    }
}

extension YAMLNode {
    /// Where a secret is to be found, with paths that count from `directory`.
    func secretReference(in directory: String) -> SecretReference? {
        if let name = self["env"]?.text(.variable) { return .environment(name) }
        if let path = self["file"]?.text(.path) { return .file(Paths.resolve(path, in: directory)) }
        return self["command"].map { .command($0.texts(.argument)) }
    }

    fileprivate var secretOrigin: SecretOrigin? {
        scalar?.text == SecretKind.asked ? .ask : secretReference(in: ".").map { .reference($0) }
    }
}

extension SecretOrigin {
    fileprivate func resolved(in directory: String) -> SecretOrigin {
        guard case .reference(let reference) = self else { return self }
        return .reference(reference.resolved(in: directory))
    }
}

extension SecretReference {
    func resolved(in directory: String) -> SecretReference {
        guard case .file(let path) = self else { return self }
        return .file(Paths.resolve(path, in: directory))
    }
}
