/// The kinds of machine that clusterctl has defaults for.
public enum ProfileName: String, Sendable, Hashable, CaseIterable {
    case bluefield
    case plain

    /// What such machines have unless the inventory says otherwise.
    public var architecture: Architecture { self == .bluefield ? .arm64 : .amd64 }
}

/// How the dead-man switch of a node is set.
public struct GuardSettings: Sendable, Hashable {
    /// How long the node waits for a sign of life before it takes a change back.
    public var window: Duration
    /// Whether the last rung of the ladder, a reboot into the baseline, may be used.
    public var rebootAllowed: Bool

    public init(window: Duration = .seconds(90), rebootAllowed: Bool = false) {
        self.window = window
        self.rebootAllowed = rebootAllowed
    }
}

/// What sets one kind of machine apart; each value was taken from the node, else its group, else the profile.
public struct Profile: Sendable, Hashable {
    public var name: ProfileName
    /// Nil: changes to this node are made without a guard.
    public var `guard`: GuardSettings?
    /// Of the guard that is always armed before links are changed, whatever `guard` says.
    public var linkGuardWindow = GuardSettings().window
    /// Link names that Cilium must leave alone; a trailing `+` stands for any ending.
    public var excludedDevices: [String]
    /// Whether Cilium may run its host firewall here.
    public var ciliumHostFirewall: Bool
    /// What the deadlines of gates are multiplied by.
    public var deadlineFactor: Double
    /// How to reach the machine when SSH is gone.
    public var outOfBand: OutOfBand

    /// The defaults of a profile.
    public init(_ name: ProfileName) {
        self.name = name
        switch name {
        case .bluefield:
            self.guard = GuardSettings()
            excludedDevices = ["tmfifo+", "oob+"]
            ciliumHostFirewall = false
            deadlineFactor = 2
            outOfBand = OutOfBand(text: "rshim console (/dev/rshim0/console on the host), or the BMC of the DPU")
        case .plain:
            self.guard = nil
            excludedDevices = []
            ciliumHostFirewall = true
            deadlineFactor = 1
            outOfBand = OutOfBand()
        }
    }
}
