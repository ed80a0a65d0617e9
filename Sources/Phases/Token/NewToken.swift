/// What a token must be that a cluster is to take in the place of another one.
///
/// K3s makes the long form by itself, and takes what looks like a token of kubeadm's for one; a server does not start with
/// either (K3s pkg/server/handlers/token.go, k3s-io/k3s#13004).
enum NewToken {
    /// What is wrong with it; nil where nothing is.
    static func problem(_ token: String) -> String? {
        if token.hasPrefix("K10") {
            return "begins with K10, as the long form does that K3s makes by itself: give the password alone"
        }
        if isOfKubeadm(token) {
            return "has the form of a token for agents (six characters, a dot, sixteen): K3s would not start with it"
        }
        if token.utf8.contains(where: { $0 < 0x20 || $0 == 0x7f }) { return "has a character that is none of a text" }
        if token.hasPrefix(" ") || token.hasSuffix(" ") { return "begins or ends with a blank" }
        return nil
    }

    private static func isOfKubeadm(_ token: String) -> Bool {
        let parts = token.utf8.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false)
        let isPlain = token.utf8.allSatisfy {
            switch $0 {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "."): true
            default: false
            }
        }
        return isPlain && parts.count == 2 && parts[0].count == 6 && parts[1].count == 16
    }
}
