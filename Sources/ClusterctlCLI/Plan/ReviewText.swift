import Engine

/// What a live plan found: which tasks are left out, why others are pending, and a diff for each file that differs.
enum ReviewText {
    static func render(_ review: Review, plan: Plan) -> String {
        var lines = plan.phases.flatMap { phase in
            phase.work.compactMap { work in
                review.notApplicable[TaskID(phase: phase.id, node: work.node)].map {
                    "\(phase.id) on \(work.node): left out (\($0))"
                }
            }
        }
        for item in review.items {
            lines.append("\(item.task.phase) on \(item.task.node): \(item.reason)")
            for change in item.changes { lines += render(change) }
        }
        let count = review.items.count
        let rest = count == 0 ? "nothing to do" : "\(count) task\(count == 1 ? "" : "s") pending"
        lines.append("\(plan.cluster): \(rest)")
        return lines.joined(separator: "\n") + "\n"
    }

    /// What differs, with a diff for a file: from what is there to what should be.
    static func render(_ change: Review.Change) -> [String] {
        let description = Description(change.step.operation)
        let head = "  \(description.kind) \(description.subject)"
        guard case .file(_, .text(let wanted), _) = change.step.operation else {
            let current = change.current.isEmpty ? "" : ": now \(current(change))"
            return [head + current]
        }
        return [head] + LineDiff.unified(from: current(change), to: wanted).map { "    " + $0 }
    }

    /// What is there now, without what looks like a secret: others may have written into a file what clusterctl never does.
    static func current(_ change: Review.Change) -> String {
        let filter = SecretFilter(known: [])
        guard case .file(_, .text(let wanted), _) = change.step.operation else {
            return filter.filtered(change.current)
        }
        return filter.filtered(change.current, beside: wanted)
    }
}

/// A short line diff in the style of `diff -U2`, by longest common subsequence.
enum LineDiff {
    private static let context = 2

    static func unified(from old: String, to new: String) -> [String] {
        let before = old.split(separator: "\n", omittingEmptySubsequences: false).dropLast(old.hasSuffix("\n") ? 1 : 0)
        let after = new.split(separator: "\n", omittingEmptySubsequences: false).dropLast(new.hasSuffix("\n") ? 1 : 0)
        let difference = Array(after).difference(from: Array(old.isEmpty ? [] : before))
        var removed: Set<Int> = []
        var inserted: [Int: Substring] = [:]
        for change in difference {
            switch change {
            case .remove(let offset, _, _): removed.insert(offset)
            case .insert(let offset, let text, _): inserted[offset] = text
            }
        }
        return hunks(merge(Array(old.isEmpty ? [] : before), removed: removed, inserted: inserted))
    }

    private static func merge(_ before: [Substring], removed: Set<Int>, inserted: [Int: Substring]) -> [String] {
        var lines: [String] = []
        var position = 0
        var target = 0
        while position < before.count || inserted[target] != nil {
            if position < before.count && removed.contains(position) {
                lines.append("-" + before[position])
                position += 1
            } else if let text = inserted[target] {
                lines.append("+" + text)
                target += 1
            } else {
                lines.append(" " + before[position])
                position += 1
                target += 1
            }
        }
        return lines
    }

    /// Keeps changed lines and two lines around them; what is left out is marked.
    private static func hunks(_ lines: [String]) -> [String] {
        let changed = lines.indices.filter { !lines[$0].hasPrefix(" ") }
        var keep: Set<Int> = []
        for index in changed { keep.formUnion(max(0, index - context)...min(lines.count - 1, index + context)) }
        var result: [String] = []
        var wasKept = true
        for index in lines.indices {
            if keep.contains(index) { result.append(lines[index]) } else if wasKept { result.append("...") }
            wasKept = keep.contains(index)
        }
        return result
    }
}
