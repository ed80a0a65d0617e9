import Engine
import Inventory

extension UpgradeVia {
    /// What a person has to know before the cluster's controller gets the first node.
    public static func notes(_ inventory: Inventory, _ options: Upgrade.Options) -> [String] {
        guard let via = options.via else { return [] }
        let plans = ControllerPlans(inventory, options, via)
        let workers =
            plans.cluster.workers.isEmpty
            ? "" : ", then \(plans.atOnce) worker\(plans.atOnce == 1 ? "" : "s") at a time"
        return [
            "the cluster's controller changes the nodes that clusterctl hands it: one server at a time\(workers). If "
                + "clusterctl is killed or cut off, the controller goes on with those that it has, and no other gets its "
                + "turn; nobody then takes them back but their own guards, where they have one. The same command goes on "
                + "there",
            "its jobs run in the image \(via.image): nodes that do not have it must be able to pull it "
                + "(--upgrade-image), and that of kubectl which the controller drains with",
        ]
    }
}

extension UpgradeVia.Options {
    /// Whether this is written as the name of an image.
    public static func isImage(_ text: String) -> Bool {
        guard (1...255).contains(text.utf8.count), text.first?.isPunctuation == false else { return false }
        return text.unicodeScalars.allSatisfy { scalar in
            scalar.isASCII
                && (scalar.properties.isAlphabetic || ("0"..."9").contains(scalar)
                    || "/.-_:@".unicodeScalars.contains(scalar))
        }
    }
}
