import OrderedCollections
import YAML

/// What is said of one link, at a node or in the defaults of its group; nil where nothing is.
struct DraftInterface: Sendable {
    var mark: Mark
    var kind: Interface.Kind?
    /// A row of addresses for the nodes of a range, in their order; for one node, one of each.
    var addresses: [AddressRow] = []
    var mtu: Int?
    var dhcp: Bool?
    var gateways: [Located<IPAddress>]?
    var routes: [Located<InterfaceRoute>]?

    struct AddressRow: Sendable {
        var texts: [InterfaceAddress]
        var mark: Mark
    }

    init(_ entry: YAMLEntry) {
        mark = entry.mark
        let value = entry.value
        if let bond = value["bond"], let mode = bond["mode"]?.choice(BondMode.self) {
            kind = .bond(links: bond["links"]?.texts(.link) ?? [], mode: mode)
        } else if let vlan = value["vlan"], let link = vlan["link"]?.text(.link), let id = vlan["id"]?.number {
            kind = .vlan(link: link, id: id)
        }
        addresses = (value["addresses"]?.list ?? []).compactMap(AddressRow.init)
        mtu = value["mtu"]?.number
        dhcp = value["dhcp"]?.boolean
        gateways = value["gateway"]?.oneOrMore.compactMap(\.address)
        routes = value["routes"]?.list?.compactMap { route in
            guard let to = route["to"]?.network?.value, let via = route["via"]?.address else { return nil }
            return Located(value: InterfaceRoute(to: to, via: via.value), mark: via.mark)
        }
    }

    /// What a node says of a link wins over what its group says of it, key by key.
    func over(_ base: DraftInterface) -> DraftInterface {
        var result = self
        result.kind = kind ?? base.kind
        result.mtu = mtu ?? base.mtu
        result.dhcp = dhcp ?? base.dhcp
        result.gateways = gateways ?? base.gateways
        result.routes = routes ?? base.routes
        return result
    }

    /// - Parameter index: of the node in its range.
    func interface(_ name: String, at index: Int) -> Interface {
        Interface(
            name: name, kind: kind ?? .ethernet, addresses: located(at: index).map(\.value), mtu: mtu,
            dhcp: dhcp ?? false,
            routes: (gateways ?? []).map { .default(via: $0.value) } + (routes ?? []).map(\.value))
    }

    /// The addresses of the node at this place of its range.
    func located(at index: Int) -> [Located<InterfaceAddress>] {
        addresses.compactMap { row in
            row.texts.indices.contains(index) ? Located(value: row.texts[index], mark: row.mark) : nil
        }
    }
}

extension DraftInterface.AddressRow {
    init?(_ node: YAMLNode) {
        guard let text = node.text(.interfaceAddress), let slash = text.lastIndex(of: "/"),
            let pattern = try? RangePattern(String(text[..<slash]), radix: text.contains(":") ? 16 : 10)
        else { return nil }
        texts = pattern.texts.compactMap { InterfaceAddress($0 + text[slash...]) }
        mark = node.mark
    }
}

extension OrderedDictionary<String, DraftInterface> {
    /// What the map `interfaces` says.
    init(_ node: YAMLNode) {
        self.init(uniqueKeysWithValues: (node.entries ?? []).map { ($0.key, DraftInterface($0)) })
    }
}
