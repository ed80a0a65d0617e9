import YAML

extension ShapeProblem {
    var words: Words {
        switch self {
        case .yaml(let problem):
            problem.words
        case .unknownKey(let key, let owner, let nearest, let known):
            Words(
                message: "\(owner) has no key '\(key)'",
                why: "a key that nobody reads is a setting that silently does not hold",
                fix: nearest.map { "write '\($0)' if that was meant" }
                    ?? (known.isEmpty ? "leave it out" : "use one of: \(known.joined(separator: ", "))"))
        case .missingKey(let key, let owner, let example):
            Words(
                message: "\(owner) has no '\(key)'", why: "there is no default that would be right for every cluster",
                fix: "add '\(key): \(example ?? "...")'")
        case .missingAddress(let node, let kind, let isPrimary):
            missingAddress(node, kind, isPrimary)
        case .wrongType(let what, let wanted, let found):
            Words(
                message: "\(what) is \(found)", why: "what stands here cannot be read as \(wanted)",
                fix: "write \(wanted)")
        case .notABoolean(let what, let text, let isQuoted):
            Words(
                message: "'\(what)' is the text '\(text)', not a boolean",
                why: isQuoted
                    ? "quotes make a text of whatever stands between them"
                    : "YAML 1.2 takes yes, no, on and off for text, and YAML 1.1 takes them for booleans",
                fix: "write \(text.meansTrue)")
        case .octalNumber(let what, let text):
            Words(
                message: "'\(what)' is the number \(text) with a leading zero",
                why: "YAML 1.1 reads it as octal and YAML 1.2 as decimal",
                fix:
                    "write \(String(text.drop { $0 == "0" }).nonEmpty ?? "0"), or 0o\(text.drop { $0 == "0" }) for octal"
            )
        case .ambiguousText(let what, let text, let surprise, let mayBeBoolean):
            Words(
                message: "'\(what)' is \(text.isEmpty ? "empty" : "the unquoted \(text)")",
                why: surprise.words ?? "an unquoted null or nothing at all is no text",
                fix: "write \"\(text)\" in quotes" + (mayBeBoolean ? ", or \(text.meansTrue)" : ""))
        case .chooseOne(let owner, let choices, let found):
            Words(
                message: found.isEmpty
                    ? "\(owner) says nothing" : "\(owner) says \(found.joined(separator: " and "))",
                why: "exactly one of \(choices.joined(separator: ", ")) can hold",
                fix: found.isEmpty ? "write one of them" : "keep one of them")
        case .outOfRange(let what, let text, let wanted):
            Words(
                message: "'\(what)' is \(text)", why: "it has to be \(wanted)",
                fix: "write \(wanted)")
        case .badChoice(let what, let text, let choices, let nearest):
            Words(
                message: "'\(what)' is '\(text)'", why: "it can be \(choices.joined(separator: ", "))",
                fix: nearest.map { "write '\($0)' if that was meant" } ?? "write one of those")
        case .unsupportedVersion(let text):
            Words(
                message: "the inventory is of version \(text)", why: "this clusterctl reads version 1 only",
                fix: "write 'version: 1', or use the clusterctl that this inventory was written for")
        }
    }

    private func missingAddress(_ node: String, _ kind: NodeKind, _ isPrimary: Bool) -> Words {
        let role = kind == .worker ? "worker" : isPrimary ? "primary" : "replica"
        let why =
            switch role {
            case "worker": "a worker is reached and registered by its own address"
            case "primary": "the primary starts the cluster, and replicas join over its address"
            default: "replicas are joined one by one over their own address"
            }
        return Words(
            message: "\(role) '\(node)' has no address", why: why,
            fix: "add 'address: <ip>' to this node, or leave it out of '\(kind.group)'")
    }
}

extension String {
    /// What a boolean in another spelling stands for.
    fileprivate var meansTrue: Bool { ["true", "yes", "on", "y"].contains(lowercased()) }

    /// The text, or nil if it is empty.
    var nonEmpty: String? { isEmpty ? nil : self }
}

extension YAMLScalar.Surprise? {
    fileprivate var words: String? {
        switch self {
        case .oldBoolean: "YAML 1.1 takes it for a boolean"
        case .oldOctal: "YAML 1.1 takes it for an octal number"
        case .baseSixty: "YAML 1.1 takes it for a number of base 60"
        case nil: nil
        }
    }
}

extension YAMLProblem {
    fileprivate var words: Words {
        let (why, fix): (String, String) =
            switch kind {
            case .tooLarge:
                (
                    "a file of this size was hardly meant",
                    "split it; in an inventory, use ranges such as \"rack1-[01-20]\""
                )
            case .notUTF8: ("names could not be told apart", "save the file as UTF-8")
            case .nulCharacter: ("what follows would be lost in other programs", "remove the character")
            case .syntax:
                ("nothing after this place can be read", "look for a missing quote, colon or bracket before it")
            case .tab: ("YAML does not say how wide a tab is", "indent with spaces")
            case .tooDeep: ("nothing that is read here is that deep", "take out some levels")
            case .aliasExpansion:
                (
                    "a small file with many aliases can fill the memory",
                    "write values out; in an inventory, use 'defaults' or ranges"
                )
            case .unknownAnchor(let name): ("an alias repeats what its anchor names", "define '&\(name)' before it")
            case .recursiveAlias: ("the value would have no end", "write the value out")
            case .duplicateKey: ("of two values only one could hold", "keep one of the two")
            case .keyIsNoText: ("keys of an inventory are names", "write a text as the key")
            case .mergeKey:
                ("YAML 1.2 dropped merge keys, and readers disagree on them", "put shared settings under 'defaults'")
            case .unknownTag: ("tags make programs build objects of their own", "leave the tag out")
            case .severalDocuments: ("an inventory is one document", "keep what stands here in a file of its own")
            }
        return Words(message: description, why: why, fix: fix)
    }
}
