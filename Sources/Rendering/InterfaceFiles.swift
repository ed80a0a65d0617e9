import Inventory
import YAML

/// What a node's links should be, as netplan and as nmstate take it, and as lines of facts to compare with what is there.
///
/// Which of the two is in charge is known on the node alone, so that it gets both. Built as values and written by the YAML
/// emitter, as K3s' configuration is: most of it are lists and keys of the inventory's own.
public struct InterfaceFiles: Sendable, Equatable {
    public static let folder = "\(K3sPaths.state)/interfaces"
    public static let netplanPath = "\(folder)/netplan.yaml"
    public static let nmstatePath = "\(folder)/nmstate.yaml"
    public static let linksPath = "\(folder)/links"

    let interfaces: [Interface]

    public init(_ interfaces: [Interface]) { self.interfaces = interfaces }

    /// Devices that are there and belong to a bond, without being named by themselves.
    private var plainMembers: [String] {
        var names: [String] = []
        for interface in interfaces {
            guard case .bond(let links, _) = interface.kind else { continue }
            for link in links where !names.contains(link) && !interfaces.contains(where: { $0.name == link }) {
                names.append(link)
            }
        }
        return names
    }

    // MARK: netplan

    /// For `/etc/netplan` (netplan(5)); without `renderer`, which is the node's own matter.
    public var netplan: String {
        var ethernets: YAMLMap = [:]
        var bonds: YAMLMap = [:]
        var vlans: YAMLMap = [:]
        for name in plainMembers { ethernets[name] = ["dhcp4": false, "dhcp6": false] }
        for interface in interfaces {
            var map = InterfaceFiles.netplanSettings(interface)
            switch interface.kind {
            case .ethernet: ethernets[interface.name] = .map(map)
            case .bond(let links, let mode):
                map["interfaces"] = .list(links.map(YAMLValue.string))
                // Without it neither networkd nor NetworkManager watches the members' carriers.
                map["parameters"] = ["mode": .string(mode.rawValue), "mii-monitor-interval": 100]
                bonds[interface.name] = .map(map)
            case .vlan(let link, let id):
                map["id"] = .int(id)
                map["link"] = .string(link)
                vlans[interface.name] = .map(map)
            }
        }
        var network: YAMLMap = ["version": 2]
        for (key, map) in [("ethernets", ethernets), ("bonds", bonds), ("vlans", vlans)] where !map.isEmpty {
            network[key] = .map(map)
        }
        return K3sConfiguration.header + YAMLValue.map(["network": .map(network)]).yamlText()
    }

    private static func netplanSettings(_ interface: Interface) -> YAMLMap {
        var map: YAMLMap = ["dhcp4": .bool(interface.dhcp), "dhcp6": .bool(interface.dhcp)]
        if !interface.addresses.isEmpty {
            map["addresses"] = .list(interface.addresses.map { .string($0.description) })
        }
        if let mtu = interface.mtu { map["mtu"] = .int(mtu) }
        if !interface.routes.isEmpty {
            map["routes"] = .list(
                interface.routes.map { ["to": .string($0.to.description), "via": .string($0.via.description)] })
        }
        return map
    }

    // MARK: nmstate

    /// For `nmstatectl apply` (nmstate.io, "Network state"); the links come last, so that some can be added at its end.
    public var nmstate: String {
        var routes: [YAMLValue] = interfaces.filter { !$0.dhcp }.map {
            ["state": "absent", "next-hop-interface": .string($0.name)]
        }
        for interface in interfaces {
            routes += interface.routes.map {
                [
                    "destination": .string($0.to.description), "next-hop-address": .string($0.via.description),
                    "next-hop-interface": .string(interface.name),
                ]
            }
        }
        let links =
            interfaces.map(InterfaceFiles.nmstateLink)
            + plainMembers.map { name in
                [
                    "name": .string(name), "type": "ethernet", "state": "up", "ipv4": InterfaceFiles.off,
                    "ipv6": InterfaceFiles.off,
                ]
            }
        let text = routes.isEmpty ? "" : YAMLValue.map(["routes": ["config": .list(routes)]]).yamlText()
        return K3sConfiguration.header + text
            + (links.isEmpty ? "interfaces:\n" : YAMLValue.map(["interfaces": .list(links)]).yamlText())
    }

    private static let off: YAMLValue = ["enabled": false]

    private static func nmstateLink(_ interface: Interface) -> YAMLValue {
        var map: YAMLMap = ["name": .string(interface.name)]
        switch interface.kind {
        case .ethernet: map["type"] = "ethernet"
        case .bond(let links, let mode):
            map["type"] = "bond"
            map["link-aggregation"] = [
                "mode": .string(mode.rawValue), "port": .list(links.map(YAMLValue.string)),
                "options": ["miimon": "100"],
            ]
        case .vlan(let link, let id):
            map["type"] = "vlan"
            map["vlan"] = ["base-iface": .string(link), "id": .int(id)]
        }
        map["state"] = "up"
        if let mtu = interface.mtu { map["mtu"] = .int(mtu) }
        for (key, family) in [("ipv4", IPAddress.Family.ipv4), ("ipv6", .ipv6)] {
            map[key] = addresses(interface, family)
        }
        return .map(map)
    }

    private static func addresses(_ interface: Interface, _ family: IPAddress.Family) -> YAMLValue {
        let own = interface.addresses.filter { $0.address.family == family }
        // As netplan does it, a link has at least its link-local address of IPv6.
        guard interface.dhcp || !own.isEmpty || family == .ipv6 else { return off }
        var map: YAMLMap = ["enabled": true, "dhcp": .bool(interface.dhcp)]
        if family == .ipv6 { map["autoconf"] = .bool(interface.dhcp) }
        if !own.isEmpty {
            map["address"] = .list(
                own.map { ["ip": .string($0.address.description), "prefix-length": .int($0.prefixLength)] })
        }
        return .map(map)
    }

    // MARK: Lines

    /// A line a fact; see templates/interfaces/interfaces.sh.
    public var links: String {
        interfaces.map { interface in
            var lines: [String] = []
            switch interface.kind {
            case .ethernet: lines.append("link \(interface.name) ethernet")
            case .bond(let links, let mode):
                lines.append("link \(interface.name) bond")
                lines.append("bond \(interface.name) \(mode.rawValue)")
                lines += links.map { "member \(interface.name) \($0)" }
            case .vlan(let link, let id):
                lines.append("link \(interface.name) vlan")
                lines.append("vlan \(interface.name) \(id) \(link)")
            }
            if let mtu = interface.mtu { lines.append("mtu \(interface.name) \(mtu)") }
            lines += interface.addresses.map { "address \(interface.name) \($0)" }
            lines += interface.routes.map { "route \(interface.name) \($0.to) \($0.via)" }
            return lines.map { Language.lines.escaped($0) + "\n" }.joined()
        }.joined()
    }

    /// What others may not define beside us, and the devices that must be there.
    public var own: [String] { interfaces.map(\.name) + plainMembers }

    /// How bonds and VLANs should be, to be asked before the files are on the node.
    public var made: [String] {
        interfaces.compactMap { interface in
            switch interface.kind {
            case .ethernet: nil
            case .bond(_, let mode): "bond:\(interface.name):\(mode.rawValue)"
            case .vlan(let link, let id): "vlan:\(interface.name):\(id):\(link)"
            }
        }
    }

    public var devices: [String] {
        let made = Set(interfaces.filter(\.isMade).map(\.name))
        var names: [String] = []
        for name in interfaces.filter({ !$0.isMade }).map(\.name) + interfaces.flatMap(\.lower)
        where !made.contains(name) && !names.contains(name) { names.append(name) }
        return names
    }
}
