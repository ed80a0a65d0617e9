import Mustache

/// The files of `templates/`, compiled into the program; a file is found there under its raw value.
public enum Template: String, Sendable, CaseIterable {
    case serverUnit = "k3s/k3s.service.mustache"
    case agentUnit = "k3s/k3s-agent.service.mustache"
    case modules = "host/clusterctl-modules.conf"
    case sysctl = "host/clusterctl-sysctl.conf"
    case reset = "host/reset.sh"
    case left = "host/left.sh"
    case leaveEtcd = "etcd/leave-etcd.sh"
    case etcdSnapshot = "etcd/etcd-snapshot.sh"
    case etcdReport = "etcd/etcd-report.sh"
    case etcdRestore = "etcd/etcd-restore.sh"
    case restoreState = "etcd/restore-state.sh"
    case forgetNode = "etcd/forget-node.sh"
    case ciliumDbg = "cilium/cilium-dbg.sh"
    case envoyBackends = "cilium/envoy-backends.sh"
    case bgpPasswords = "cilium/bgp-passwords.sh"
    case bgpPasswordFiles = "cilium/bgp-password-files.sh"
    case bgpLeftovers = "cilium/bgp-leftovers.sh"
    case ciliumNodeConfigKind = "cilium/ciliumnodeconfig-crd.yaml.mustache"
    case ciliumNodeConfig = "cilium/ciliumnodeconfig.yaml.mustache"
    case keepHelmChart = "cilium/keep-helmchart.sh"
    case putBackHelmChart = "cilium/put-back-helmchart.sh"
    case ciliumUpgrade = "cilium/cilium-upgrade.sh"
    case failedAttempt = "addons/failed-attempt.sh"
    case kubeVip = "kube-vip/kube-vip.yaml.mustache"
    case haproxy = "haproxy/haproxy.cfg.mustache"
    case keepalived = "keepalived/keepalived.conf.mustache"
    case checkHAProxy = "keepalived/check-haproxy.sh.mustache"
    case findLink = "keepalived/find-link.sh"
    case keepEarlier = "keepalived/keep-earlier.sh"
    case missingPrograms = "keepalived/missing-programs.sh"
    case readmit = "k3s/readmit.sh"
    case cleanNode = "k3s/clean-node.sh"
    case kubeProxyRules = "k3s/kube-proxy-rules.sh"
    case kubeProxySettings = "k3s/kube-proxy-settings.sh"
    case othersServe = "k3s/others-serve.sh"
    case disruption = "k3s/disruption.sh"
    case drain = "k3s/drain.sh"
    case turn = "k3s/turn.sh"
    case handOver = "k3s/hand-over.sh"
    case newVersion = "k3s/new-version.sh"
    case pauseK3s = "k3s/pause-k3s.sh"
    case resumeK3s = "k3s/resume-k3s.sh"
    case foreignFiles = "k3s/foreign-files.sh"
    case token = "k3s/token.sh"
    case certs = "k3s/certs.sh"
    case health = "doctor/health.sh"
    case manifests = "doctor/manifests.sh"
    case gather = "doctor/gather.sh"
    case frrConfiguration = "frr/clusterctl-bgp.conf.mustache"
    case frr = "frr/frr.sh"
    case corefile = "dns/Corefile.conf.mustache"
    case zone = "dns/zone.conf.mustache"
    case upstreams = "dns/upstreams.conf.mustache"
    case coreDNS = "dns/coredns.yaml.mustache"
    case resolvedHook = "dns/resolved.conf.mustache"
    case dnsmasqHook = "dns/dnsmasq.conf.mustache"
    case findUpstreams = "dns/find-upstreams.sh"
    case askDNS = "dns/ask-dns.sh"
    case resolver = "dns/resolver.sh"
    case loadDnsmasq = "dns/load-dnsmasq.sh"
    case loadResolved = "dns/load-resolved.sh"
    case interfaces = "interfaces/interfaces.sh"
    case nixosModule = "nixos/clusterctl-k3s.nix.mustache"

    /// What a template is filled with; lists are gone through with `{{#name}}...{{.}}...{{/name}}`, records with the
    /// names of their fields in place of the dot.
    public enum Value: Sendable, Equatable {
        case text(String)
        case list([String])
        case records([[String: String]])
    }

    private var bytes: [UInt8] {
        switch self {
        case .serverUnit: PackageResources.k3s_service_mustache
        case .agentUnit: PackageResources.k3s_agent_service_mustache
        case .modules: PackageResources.clusterctl_modules_conf
        case .sysctl: PackageResources.clusterctl_sysctl_conf
        case .reset: PackageResources.reset_sh
        case .left: PackageResources.left_sh
        case .leaveEtcd: PackageResources.leave_etcd_sh
        case .etcdSnapshot: PackageResources.etcd_snapshot_sh
        case .etcdReport: PackageResources.etcd_report_sh
        case .etcdRestore: PackageResources.etcd_restore_sh
        case .restoreState: PackageResources.restore_state_sh
        case .forgetNode: PackageResources.forget_node_sh
        case .ciliumDbg: PackageResources.cilium_dbg_sh
        case .envoyBackends: PackageResources.envoy_backends_sh
        case .bgpPasswords: PackageResources.bgp_passwords_sh
        case .bgpPasswordFiles: PackageResources.bgp_password_files_sh
        case .bgpLeftovers: PackageResources.bgp_leftovers_sh
        case .ciliumNodeConfigKind: PackageResources.ciliumnodeconfig_crd_yaml_mustache
        case .ciliumNodeConfig: PackageResources.ciliumnodeconfig_yaml_mustache
        case .keepHelmChart: PackageResources.keep_helmchart_sh
        case .putBackHelmChart: PackageResources.put_back_helmchart_sh
        case .ciliumUpgrade: PackageResources.cilium_upgrade_sh
        case .failedAttempt: PackageResources.failed_attempt_sh
        case .kubeVip: PackageResources.kube_vip_yaml_mustache
        case .haproxy: PackageResources.haproxy_cfg_mustache
        case .keepalived: PackageResources.keepalived_conf_mustache
        case .checkHAProxy: PackageResources.check_haproxy_sh_mustache
        case .findLink: PackageResources.find_link_sh
        case .keepEarlier: PackageResources.keep_earlier_sh
        case .missingPrograms: PackageResources.missing_programs_sh
        case .readmit: PackageResources.readmit_sh
        case .cleanNode: PackageResources.clean_node_sh
        case .kubeProxyRules: PackageResources.kube_proxy_rules_sh
        case .kubeProxySettings: PackageResources.kube_proxy_settings_sh
        case .othersServe: PackageResources.others_serve_sh
        case .disruption: PackageResources.disruption_sh
        case .drain: PackageResources.drain_sh
        case .turn: PackageResources.turn_sh
        case .handOver: PackageResources.hand_over_sh
        case .newVersion: PackageResources.new_version_sh
        case .pauseK3s: PackageResources.pause_k3s_sh
        case .resumeK3s: PackageResources.resume_k3s_sh
        case .foreignFiles: PackageResources.foreign_files_sh
        case .token: PackageResources.token_sh
        case .certs: PackageResources.certs_sh
        case .health: PackageResources.health_sh
        case .manifests: PackageResources.manifests_sh
        case .gather: PackageResources.gather_sh
        case .frrConfiguration: PackageResources.clusterctl_bgp_conf_mustache
        case .frr: PackageResources.frr_sh
        case .corefile: PackageResources.Corefile_conf_mustache
        case .zone: PackageResources.zone_conf_mustache
        case .upstreams: PackageResources.upstreams_conf_mustache
        case .coreDNS: PackageResources.coredns_yaml_mustache
        case .resolvedHook: PackageResources.resolved_conf_mustache
        case .dnsmasqHook: PackageResources.dnsmasq_conf_mustache
        case .findUpstreams: PackageResources.find_upstreams_sh
        case .askDNS: PackageResources.ask_dns_sh
        case .resolver: PackageResources.resolver_sh
        case .loadDnsmasq: PackageResources.load_dnsmasq_sh
        case .loadResolved: PackageResources.load_resolved_sh
        case .interfaces: PackageResources.interfaces_sh
        case .nixosModule: PackageResources.clusterctl_k3s_nix_mustache
        }
    }

    /// The template as it stands in the repository.
    public var source: String { String(decoding: bytes, as: UTF8.self) }

    /// The name of a script without folder and ending, as its messages should show it.
    public var programName: String {
        String((rawValue.split(separator: "/").last ?? "").prefix { $0 != "." })
    }

    /// The template filled in, with every value escaped for the language of the file; nothing else goes into it.
    ///
    /// - Precondition: the template can be parsed, and each name in it is given. Both hold for every template or for
    ///   none of its uses, and the tests render all of them.
    public func text(_ values: [String: Value] = [:]) -> String {
        guard rawValue.hasSuffix(".mustache") else { return source }
        return Template.fill(source, name: rawValue, values)
    }

    /// Renders a text as the template called `name`; apart from `text` only for tests of the escaping.
    static func fill(_ source: String, name: String, _ values: [String: Value]) -> String {
        guard let language = Language(templateName: name) else { preconditionFailure("\(name) has no known language") }
        let fields = values.values.flatMap(\.fields)
        for variable in variables(in: source) where values[variable] == nil && !fields.contains(variable) {
            precondition(values.values.contains(.records([])), "\(name) wants \(variable), which is not given")
        }
        let contentType = EscapingContentType.register(language)
        do {
            let template = try MustacheTemplate(string: "{{% CONTENT_TYPE:\(contentType)}}" + source)
            return template.render(values.mapValues(\.forMustache))
        } catch {
            preconditionFailure("\(name) is no template: \(error)")
        }
    }

    /// The names in a template, apart from `.`; an unescaped one (`{{{` or `{{&`) counts as well.
    static func variables(in source: String) -> Set<String> {
        var names: Set<String> = []
        for part in source.split(separator: "{{").dropFirst(source.hasPrefix("{{") ? 0 : 1) {
            guard let end = part.firstRange(of: "}}") else { continue }
            let name = part[..<end.lowerBound].drop { "#^/&{ ".contains($0) }
            guard !name.hasPrefix("!"), name != "." else { continue }
            names.insert(String(name.prefix { $0 != " " && $0 != "}" }))
        }
        return names
    }
}

extension Template.Value {
    fileprivate var fields: [String] {
        if case .records(let records) = self { records.flatMap(\.keys) } else { [] }
    }

    fileprivate var forMustache: any Sendable {
        switch self {
        case .text(let text): text
        case .list(let list): list
        case .records(let records): records
        }
    }
}
