import YAML

/// What a configuration of FRR says of its BGP router, as far as a rule looks at it.
///
/// The commands for neighbours are found by their first words wherever they stand, as FRR takes them nowhere else.
struct FRRConfiguration {
    struct Neighbor {
        /// An address, a link, or the name of a peer group.
        var name: String
        var mark: Mark
        /// A number, or `external` or `internal`.
        var remoteASN: (text: String, mark: Mark)?
        var peerGroup: String?
        var isPeerGroup = false
        /// Something decides which routes are taken from it.
        var hasInboundFilter = false
    }

    var file: String
    var mark: Mark
    var asn: String
    var routerID: String?
    /// `no bgp ebgp-requires-policy`, or the defaults of data centres, which have it too.
    var needsNoPolicy = false
    /// `no bgp graceful-restart notification`.
    var ignoresNotificationBit = false
    private(set) var neighbors: [Neighbor] = []
    /// Neighbours, not groups, with what their group adds.
    private(set) var peers: [Neighbor] = []
    private var positions: [String: Int] = [:]

    /// Nil where no BGP router is configured.
    init?(_ bytes: [UInt8], file: String) {
        self.file = file
        mark = Mark(line: 1, column: 1)
        asn = ""
        let text = String(decoding: bytes.prefix(YAMLLimits.standard.sizeBytes), as: UTF8.self)
        for (index, line) in text.split(separator: "\n", omittingEmptySubsequences: false).enumerated() {
            let column = line.prefix { $0 == " " || $0 == "\t" }.count + 1
            let words = line.split { $0 == " " || $0 == "\t" || $0 == "\r" }.map(String.init)
            take(words, Mark(line: index + 1, column: column))
        }
        if asn.isEmpty { return nil }
        peers = neighbors.filter { !$0.isPeerGroup }.map(withGroup)
    }

    private mutating func take(_ words: [String], _ mark: Mark) {
        switch words.first {
        case "frr": if words == ["frr", "defaults", "datacenter"] { needsNoPolicy = true }
        case "router":
            if words.count >= 3, words[1] == "bgp", asn.isEmpty { (asn, self.mark) = (words[2], mark) }
        case "bgp": if words.count == 3, words[1] == "router-id" { routerID = words[2] }
        case "no":
            if words == ["no", "bgp", "ebgp-requires-policy"] { needsNoPolicy = true }
            if words == ["no", "bgp", "graceful-restart", "notification"] { ignoresNotificationBit = true }
        case "neighbor": if words.count >= 3 { takeNeighbor(words, mark) }
        default: break
        }
    }

    private mutating func takeNeighbor(_ words: [String], _ mark: Mark) {
        let index: Int
        if let known = positions[words[1]] {
            index = known
        } else {
            index = neighbors.count
            positions[words[1]] = index
            neighbors.append(Neighbor(name: words[1], mark: mark))
        }
        switch (words[2], words.count) {
        case ("remote-as", 4...): neighbors[index].remoteASN = (words[3], mark)
        case ("peer-group", 3): neighbors[index].isPeerGroup = true
        case ("peer-group", 4...): neighbors[index].peerGroup = words[3]
        case ("route-map", 5...), ("prefix-list", 5...), ("filter-list", 5...), ("distribute-list", 5...):
            if words[4] == "in" { neighbors[index].hasInboundFilter = true }
        default: break
        }
    }

    private func withGroup(_ neighbor: Neighbor) -> Neighbor {
        guard let position = neighbor.peerGroup.flatMap({ positions[$0] }), neighbors[position].isPeerGroup else {
            return neighbor
        }
        var result = neighbor
        result.remoteASN = neighbor.remoteASN ?? neighbors[position].remoteASN
        result.hasInboundFilter = neighbor.hasInboundFilter || neighbors[position].hasInboundFilter
        return result
    }

    func place(_ mark: Mark) -> SourcePlace { SourcePlace(file: file, mark: mark) }
}
