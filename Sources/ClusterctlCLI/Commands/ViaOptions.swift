import ArgumentParser
import Phases

/// Who carries an upgrade out, where it is not clusterctl itself.
struct ViaOptions: ParsableArguments {
    enum Controller: String, ExpressibleByArgument, CaseIterable {
        case systemUpgradeController = "system-upgrade-controller"
    }

    @Option(
        help: ArgumentHelp(
            "Let the cluster's own controller carry it out, by Plans: system-upgrade-controller.",
            discussion: "It has to be in the cluster. clusterctl hands it one server after the other, then workers, "
                + "follows, and takes back what fails (docs/upgrade.md)."))
    var via: Controller?

    @Option(help: "With --via: the image of its jobs, any that has nsenter; without a tag it gets the version's.")
    var upgradeImage: String?

    func validate() throws {
        guard let upgradeImage else { return }
        guard via != nil else { throw ValidationError("--upgrade-image goes with --via system-upgrade-controller") }
        guard UpgradeVia.Options.isImage(upgradeImage) else {
            throw ValidationError("'\(upgradeImage)' is no name of an image, such as rancher/k3s-upgrade")
        }
    }

    var options: UpgradeVia.Options? {
        guard via != nil else { return nil }
        var options = UpgradeVia.Options()
        if let upgradeImage { options.image = upgradeImage }
        return options
    }
}
