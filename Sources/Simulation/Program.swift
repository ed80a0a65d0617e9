import Engine

/// A program that applies the steps of a task on a node. It outlives its connection and its controller, and what became
/// of it can be asked for later (docs/decisions/024-run-ids.md).
struct Program: Sendable {
    let number: Int
    /// The controller whose program it is; a node lets those of an earlier one change nothing more.
    let life: Int
    let task: TaskID
    /// The task's number in the ledger; nil where there is none.
    let entry: Int?
    let steps: [Step]
    var results: [StepResult] = []
    var hasEnded = false
    /// Whether another controller's program has come: this one stops before its next change.
    var isStopped = false
    /// Whether its checkpoint stands before it, so that it stops where the guard has let go.
    var isGuarded = false
    /// When the step under way is through.
    var busyUntil: Double
    /// Before which step SSH is cut; one more than there are: while the gate is waited for.
    var cutBefore: Int?
    /// How often the task had been taken back when its checkpoint was made.
    var attempt = 0
    /// Who listens, and what is watched afterwards.
    var request: RequestID
    var watch: GateWatch?
}
