/// What is wrong with nodes, alone or together.
enum NodeProblem: InventoryProblem {
    case noControlPlane
    case noPrimary(candidates: [String])
    case severalPrimaries(String, first: String, place: SourcePlace)
    case primaryWorker(String)
    case duplicateNode(String, first: SourcePlace)
    case duplicateAddress(IPAddress, node: String, other: String)
    case duplicateTarget(String, node: String, other: String)
    case unusableAddress(IPAddress, node: String, what: String)
    case countsDiffer(names: Int, addresses: Int)
    case tooManyNodes(Int)
    case unmanagedControlPlane(String, isPrimary: Bool)
    case ephemeralControlPlane(String)
    case dpuWithoutGuard(String)
    case hostFirewallOnDPU(String?)
    case dpuLinksExposed(String, missing: [String])
    case evenControlPlane(Int)
    case twoControlPlaneNodes
    case reservedLabel(String, isRole: Bool)
    case taintsBlockCilium(String)
    case outOfBandIsNoDetour(String, NoDetour)
    case sharedOutOfBand(node: String, other: String)

    enum NoDetour {
        case ownAddress(String)
        case throughItself(String)
    }

    var code: DiagnosticCode {
        switch self {
        case .noControlPlane: .noControlPlane
        case .noPrimary: .noPrimary
        case .severalPrimaries: .severalPrimaries
        case .primaryWorker: .primaryWorker
        case .duplicateNode: .duplicateNode
        case .duplicateAddress: .duplicateAddress
        case .duplicateTarget: .duplicateTarget
        case .unusableAddress: .unusableAddress
        case .countsDiffer: .countsDiffer
        case .tooManyNodes: .tooManyNodes
        case .unmanagedControlPlane: .unmanagedControlPlane
        case .ephemeralControlPlane: .ephemeralControlPlane
        case .dpuWithoutGuard: .dpuWithoutGuard
        case .hostFirewallOnDPU: .hostFirewallOnDPU
        case .dpuLinksExposed: .dpuLinksExposed
        case .evenControlPlane: .evenControlPlane
        case .twoControlPlaneNodes: .twoControlPlaneNodes
        case .reservedLabel: .reservedLabel
        case .taintsBlockCilium: .taintsBlockCilium
        case .outOfBandIsNoDetour: .outOfBandIsNoDetour
        case .sharedOutOfBand: .duplicateTarget
        }
    }
}
