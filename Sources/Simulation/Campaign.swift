import Engine

/// What many seeds brought, added up.
public struct Campaign: Sendable {
    public private(set) var seeds = 0
    public private(set) var firstRuns: [Trial.Ending: Int] = [:]
    public private(set) var allRuns: [Trial.Ending: Int] = [:]
    /// The trial in which a node was out of reach longest.
    public private(set) var worst: Trial?
    /// The trial that took most runs.
    public private(set) var longest: Trial?
    /// Trials in which an invariant did not hold, in the order of their seeds.
    public private(set) var broken: [Trial] = []

    public init() {}

    public mutating func add(_ trial: Trial) {
        seeds += 1
        if let first = trial.endings.first { firstRuns[first, default: 0] += 1 }
        for ending in trial.endings { allRuns[ending, default: 0] += 1 }
        if trial.longestOutSeconds > worst?.longestOutSeconds ?? 0 { worst = trial }
        if trial.endings.count > longest?.endings.count ?? 0 { longest = trial }
        if !trial.violations.isEmpty { broken.append(trial) }
    }
}
