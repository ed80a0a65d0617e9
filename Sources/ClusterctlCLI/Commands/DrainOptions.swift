import ArgumentParser
import Phases

/// How nodes are drained, with kubectl's options; its --timeout is --drain-timeout here, where others have times, too.
struct DrainOptions: ParsableArguments {
    @Option(help: "Seconds that draining a worker may take.")
    var drainTimeout = 300

    @Option(help: "Seconds that each pod of a drained worker is given to end; without it the pod's own.")
    var gracePeriod: Int?

    @Flag(help: "Let pods go whose data in an emptyDir are lost with them.")
    var deleteEmptydirData = false

    @Flag(help: "Let pods go that nobody makes anew.")
    var force = false

    @Flag(help: "Delete pods, whatever disruption budgets say.")
    var disableEviction = false

    func validate() throws {
        guard (1...86_400).contains(drainTimeout) else {
            throw ValidationError("--drain-timeout is between 1 and 86400 seconds")
        }
        if let gracePeriod, !(0...86_400).contains(gracePeriod) {
            throw ValidationError("--grace-period is between 0 and 86400 seconds")
        }
    }

    var settings: Drain.Settings {
        var settings = Drain.Settings()
        settings.timeoutSeconds = drainTimeout
        settings.gracePeriodSeconds = gracePeriod
        settings.deletesEmptyDirData = deleteEmptydirData
        settings.force = force
        settings.disablesEviction = disableEviction
        return settings
    }
}
