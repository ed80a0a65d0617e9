import YAML

extension Draft {
    /// The inventory that a draft without errors stands for; nil if a part is missing.
    func inventory(directory: String) -> Inventory? {
        guard let name, let k3s = k3sSettings(directory), let cilium = ciliumSettings(directory), let endpoint,
            !pods.isEmpty, !services.isEmpty
        else { return nil }
        let hasOneServer = controlPlaneCount == 1
        let nodes = nodes.compactMap { node(from: $0, hasOneServer: hasOneServer, directory) }
        guard nodes.count == self.nodes.count, nodes.count(where: \.isPrimary) == 1 else { return nil }
        let network = NetworkSettings(
            pods: pods.map(\.value), services: services.map(\.value),
            clusterDNS: clusterDNS.isEmpty ? nil : clusterDNS.map(\.value),
            apiPort: root["network"]?["apiPort"]?.number.flatMap(Port.init) ?? .api, datapath: datapath)
        return Inventory(
            name: name, k3s: k3s, network: network, cilium: cilium, endpoint: endpoint, nodes: nodes,
            deadlines: deadlines, directory: directory, routers: routers.compactMap { $0.router(directory) },
            bgp: bgpSettings?.resolved(in: directory), loadBalancerPools: loadBalancerPools, addons: addons,
            handOff: root["handOff"]?.choice(HandOff.self), dns: dns)
    }

    private func k3sSettings(_ directory: String) -> K3sSettings? {
        guard let version = k3sVersion?.value, let node = root["k3s"] else { return nil }
        var settings = K3sSettings(version: version)
        settings.token = node["token"]?.secretReference(in: directory)
        settings.artifacts = artifacts(node["artifacts"], directory)
        settings.relaysArtifacts = node["artifacts"]?["relay"]?.boolean ?? false
        settings.airgapImages = node["airgapImages"]?.boolean ?? settings.airgapImages
        for entry in node["checksums"]?.entries ?? [] {
            if let architecture = Architecture(rawValue: entry.key) {
                settings.checksums[architecture] = entry.value.text(.checksum)
            }
        }
        settings.disable = node["disable"]?.texts(.component) ?? settings.disable
        settings.tlsSANs = node["tlsSANs"]?.texts(.host) ?? []
        settings.labels = node["labels"]?.labels ?? [:]
        settings.taints = node["taints"]?.taints ?? []
        settings.config = node["config"]?.freeForm ?? [:]
        settings.agentConfig = node["agentConfig"]?.freeForm ?? [:]
        return settings
    }

    private func artifacts(_ node: YAMLNode?, _ directory: String) -> Artifacts {
        if let base = node?["url"]?.text(.url) { return .url(base: base) }
        if let path = node?["directory"]?.text(.path) { return .directory(path: Paths.resolve(path, in: directory)) }
        if let base = node?["mirror"]?.text(.url) { return .mirror(base: base) }
        return .release
    }

    private func ciliumSettings(_ directory: String) -> CiliumSettings? {
        guard let version = ciliumVersion?.value, let node = root["cilium"] else { return nil }
        var settings = CiliumSettings(version: version)
        if let path = node["chart"]?["archive"]?.text(.path) {
            settings.chart = .archive(path: Paths.resolve(path, in: directory))
        } else if let url = node["chart"]?["repository"]?.text(.url) {
            settings.chart = .repository(url: url)
        }
        settings.upgradeCompatibility = node["upgradeCompatibility"]?.text(.ciliumVersion)
        settings.apiServer = node["apiServer"]?.choice(CiliumSettings.APIServer.self) ?? settings.apiServer
        settings.values = node["values"].flatMap { YAMLValue($0).map } ?? [:]
        return settings
    }

    private var deadlines: Deadlines {
        var deadlines = Deadlines()
        for key in DeadlineKeys.all {
            if let duration = root["deadlines"]?[key.name]?.duration { deadlines[keyPath: key.path] = duration }
        }
        return deadlines
    }

    /// The only control plane node is the primary without saying so.
    private func node(from draft: DraftNode, hasOneServer: Bool, _ directory: String) -> Node? {
        guard let address = draft.addresses.first?.value else { return nil }
        let settings = draft.settings
        return Node(
            name: draft.name, kind: draft.kind,
            isPrimary: draft.primary != nil || hasOneServer && draft.kind.isControlPlane,
            address: address,
            secondAddress: draft.addresses.dropFirst().first?.value, ssh: settings.ssh.resolved(in: directory),
            management: settings.management ?? .full, os: settings.os,
            architecture: settings.architecture, ephemeral: settings.ephemeral ?? false,
            labels: settings.labels, taints: settings.taints ?? [], profile: draft.profile, k3sConfig: settings.k3s,
            interfaces: settings.interfaces == nil ? nil : draft.interfaces,
            place: SourcePlace(file: file, mark: draft.mark))
    }
}
