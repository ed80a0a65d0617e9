/// Single values that are not of the form that their key wants.
enum ValueProblem: InventoryProblem, Hashable {
    case badAddress(String, IPAddressProblem)
    case badCIDR(String, CIDRProblem)
    case hostBits(String, right: CIDR)
    /// An address with the length of its prefix.
    case interfaceAddress(String, CIDRProblem)
    case badBlock(String)
    case badCommunity(String)
    case badName(String, what: String, most: Int = 63)
    case badDomain(String)
    case badRange(String, RangeProblem)
    case badVersion(String)
    case badCiliumVersion(String)
    case badChartVersion(String)
    case badDuration(String)
    case badURL(String)
    /// It is never shown.
    case userInURL
    case badLabel(String, isKey: Bool)
    case badTaint(String)
    case badHostKey
    case badJumpHost(String)
    case badChecksum
    case badVariable(String)
    case unsafeText(String, what: String)
    case unknownComponent(String, nearest: String?)
    case unknownArchitecture(String)

    var code: DiagnosticCode {
        switch self {
        case .badAddress: .badAddress
        case .badCIDR: .badCIDR
        case .hostBits: .hostBits
        case .interfaceAddress: .badCIDR
        case .badBlock: .badBlock
        case .badCommunity: .badCommunity
        case .badName, .badDomain: .badName
        case .badRange: .badRange
        case .badVersion: .badVersion
        case .badCiliumVersion: .badCiliumVersion
        case .badChartVersion: .badChartVersion
        case .badDuration: .badDuration
        case .badURL: .badURL
        case .userInURL: .secretInClear
        case .badLabel: .badLabel
        case .badTaint: .badTaint
        case .badHostKey: .badHostKey
        case .badJumpHost: .badJumpHost
        case .badChecksum: .badChecksum
        case .badVariable: .badVariable
        case .unsafeText: .unsafeText
        case .unknownComponent: .unknownComponent
        case .unknownArchitecture: .badChoice
        }
    }
}
