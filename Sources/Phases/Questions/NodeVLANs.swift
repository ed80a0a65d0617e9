import Engine
import Inventory

/// The VLAN devices that a node has when Cilium starts, after `interfaces`, and which of them Cilium lets pass.
///
/// Cilium filters tagged frames on the links that it has taken for its own: those with an address, unless somebody named
/// them (pkg/datapath/linux/devices_controller.go). There a VLAN passes if its device is one of them too, or if it is
/// listed; of those that pass there can be five in all (pkg/datapath/linux/config/config.go, vlanFilterMacros).
struct NodeVLANs {
    static let most = 5

    /// On links that Cilium does not leave alone, by number.
    let devices: [HostFacts.VLAN]
    private let listed: [Int]?
    private let isThere: Bool
    private let isFiltered: (HostFacts.VLAN) -> Bool
    private let hasCilium: (HostFacts.VLAN) -> Bool

    init(_ node: Node, _ inventory: Inventory, _ host: HostFacts, _ facts: Facts) {
        let wanted = node.management == .full ? node.interfaces ?? [] : []
        let coming = wanted.compactMap { link -> HostFacts.VLAN? in
            guard case .vlan(let lower, let id) = link.kind else { return nil }
            return HostFacts.VLAN(interface: link.name, number: id, parent: lower)
        }
        let leaving =
            NodeVLANs.leavingLinks(of: node).flatMap { facts[node.id, $0] }.map(InterfacesQuestion.leaving) ?? []
        // One number on one link is one device, whatever its name.
        let staying = host.vlans.filter { found in
            !leaving.contains(found.interface)
                && !coming.contains {
                    $0.interface == found.interface || ($0.number, $0.parent) == (found.number, found.parent)
                }
        }
        devices = (staying + coming).filter { !node.profile.excludes($0.parent) }
            .sorted { ($0.number, $0.interface) < ($1.number, $1.interface) }
        isThere = coming.allSatisfy { host.vlans.contains($0) }
        listed = inventory.network.datapath.vlans

        let members = wanted.flatMap { link -> [String] in
            if case .bond(let links, _) = link.kind { return links }
            return []
        }
        func hasAddress(_ link: String) -> Bool {
            guard !node.profile.excludes(link), !members.contains(link) else { return false }
            if let own = wanted.first(where: { $0.name == link }) {
                return own.dhcp || own.addresses.contains { !$0.address.isLinkLocal }
            }
            return host.addresses.contains { found in
                found.interface == link && IPAddress(String(found.host))?.isLinkLocal != true
            }
        }
        // Whoever names Cilium's links may have named any: then every VLAN that is not listed may be dropped.
        let values = inventory.cilium.values
        let isNamed = values["devices"] != nil || values["extraConfig"]?.map?["devices"] != nil
        isFiltered = { isNamed || hasAddress($0.parent) }
        hasCilium = { !isNamed && hasAddress($0.interface) }
    }

    /// What tells which links leave the inventory; nil where none is set.
    static func leavingLinks(of node: Node) -> Probe? {
        node.management == .full && node.interfaces != nil ? InterfacesQuestion(node).look : nil
    }

    var problems: [Problem] {
        guard let listed else { return [] }
        let filtered = devices.filter(isFiltered)
        let passing = filtered.filter { hasCilium($0) || listed.contains($0.number) }
        let missing = filtered.filter { !passing.contains($0) }
        let leaveOut = "leave 'network.vlans' out, which lets every VLAN pass"
        if passing.count > NodeVLANs.most {
            let text = NodeVLANs.text(passing)
            return [
                Problem(
                    "\(has) \(passing.count) VLAN devices that Cilium lets pass (\(text)), and with more than "
                        + "\(NodeVLANs.most) of them it does not load its datapath", fix: leaveOut)
            ]
        }
        guard !missing.isEmpty else { return [] }
        let all = Set(listed).union(missing.map(\.number)).sorted().map(String.init).joined(separator: ", ")
        let fits = filtered.count <= NodeVLANs.most
        return [
            Problem(
                "'network.vlans' lacks VLANs that \(has) devices for (\(NodeVLANs.text(missing))), and Cilium would drop "
                    + "their frames",
                fix: fits ? "write 'vlans: [\(all)]', or leave it out, which lets every VLAN pass" : leaveOut)
        ]
    }

    /// What a person may want to know; nil where there is no such device.
    var note: String? {
        guard !devices.isEmpty else { return nil }
        let passing = listed.map { "\($0.map(String.init).joined(separator: ", ")) and those with an address" }
        return "\(isThere ? "has" : "will have") VLAN devices (\(NodeVLANs.text(devices))); Cilium lets "
            + "\(passing ?? "every VLAN") pass"
    }

    private var has: String { isThere ? "it has" : "it will have" }

    private static func text(_ vlans: [HostFacts.VLAN]) -> String {
        vlans.map { "\($0.number) on \($0.interface)" }.joined(separator: ", ")
    }
}
