/// Looks for the traps of the field: in an inventory, in other people's files, and between them.
public enum Lint {
    /// What is wrong or questionable, in the order of the places.
    ///
    /// - Parameters:
    ///   - inventory: the path of the inventory, which diagnostics show, and its bytes.
    ///   - manifests: Kubernetes objects, Helm values, K3s and FRR configurations, told apart by what they say.
    public static func run(
        inventory: (path: String, bytes: [UInt8])? = nil, manifests files: [ManifestFile] = []
    ) -> Diagnostics {
        var found: [Diagnostic] = []
        var manifests = Manifests()
        if let inventory {
            let (draft, findings) = InventoryReader.examine(bytes: inventory.bytes, file: inventory.path)
            found += findings.diagnostics
            if let draft {
                var findings = Findings(file: inventory.path)
                InventoryLint.run(draft, &findings)
                found += findings.diagnostics
                manifests.inventory = draft
            }
        }
        var findings = Findings(file: "")
        for file in files { ManifestReader.read(file, into: &manifests, &findings) }
        ManifestRules.run(manifests, &findings)
        return Diagnostics(found + findings.diagnostics)
    }
}

/// The rules for manifests, in no particular order.
enum ManifestRules {
    typealias Rule = @Sendable (Manifests, inout Findings) -> Void

    static let all: [Rule] =
        CiliumRules.all + DirectReturnRules.all + LoadBalancerRules.all + AdvertisementRules.all + EnvoyRules.all
        + PeerRules.all
        + RouterRules.all + K3sRules.all + RangeRules.all + AddressRules.all + ObjectRules.all

    static func run(_ manifests: Manifests, _ findings: inout Findings) {
        for rule in all { rule(manifests, &findings) }
    }
}
