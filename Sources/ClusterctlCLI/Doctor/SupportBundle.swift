import Engine
import Foundation
import Phases

/// What is gathered for somebody who is to help, with secrets taken out.
struct SupportBundle {
    private(set) var archive = Archive()
    private let filter: SecretFilter
    private let root: String

    /// - Parameters:
    ///   - gathered: what each node printed for `GatherQuestion`
    ///   - secrets: those that the controller knows
    init(cluster: String, gathered: [(node: NodeName, answer: Answer)], secrets: [String]) {
        let sections = gathered.map { (node: $0.node, sections: GatherQuestion.sections($0.answer)) }
        let known = sections.flatMap { node in
            node.sections.filter { $0.name == GatherQuestion.secrets }.flatMap {
                $0.text.split(separator: "\n").map(String.init)
            }
        }
        filter = SecretFilter(known: known + secrets)
        root = "clusterctl-\(cluster)"
        for (node, sections) in sections {
            for section in sections where ![GatherQuestion.secrets, GatherQuestion.end].contains(section.name) {
                add("\(node)/\(section.name).txt", section.text)
            }
            if sections.last?.name != GatherQuestion.end {
                add(
                    "\(node)/INCOMPLETE.txt",
                    "the node did not come to the end, or had more than fits into one answer\n")
            }
        }
    }

    /// A file of the archive, with secrets taken out.
    mutating func add(_ name: String, _ text: String) { archive.add("\(root)/\(name)", filter.filtered(text)) }

    /// The last runs' journals, which hold no secret by themselves.
    mutating func addJournals(in folder: String, most: Int = 10) {
        let names = ((try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []).filter {
            $0.hasSuffix(".jsonl")
        }
        for name in names.sorted().suffix(most) {
            guard let text = try? String(contentsOfFile: "\(folder)/\(name)", encoding: .utf8) else { continue }
            add("runs/\(name)", text)
        }
    }
}
