extension ValueProblem {
    var words: Words {
        switch self {
        case .badAddress(let text, let problem):
            Words(message: "'\(text)' is no IP address: \(problem.what)", why: problem.why, fix: problem.fix)
        case .badCIDR(let text, let problem):
            badCIDR(text, problem)
        case .interfaceAddress(let text, let problem):
            interfaceAddress(text, problem)
        case .hostBits(let text, let right):
            Words(
                message: "'\(text)' has address bits beyond the prefix",
                why: "programs disagree on what such a network means", fix: "write '\(right)'")
        case .badBlock(let text):
            Words(
                message: "'\(text)' is no block of addresses",
                why: "it is a network, or the first and the last address, of the same family and in this order",
                fix: "write it like 192.0.2.240/29 or 192.0.2.10-192.0.2.20")
        case .badCommunity(let text):
            Words(
                message: "'\(text)' is no community", why: "routers know them as two numbers from 0 to 65535",
                fix: "write it like 64512:100, in quotes")
        case .badName(let text, let what, let most):
            Words(
                message: "'\(text)' is no \(what)",
                why: "it becomes part of host names, file names and Kubernetes names",
                fix: "use 1 to \(most) of a-z, 0-9 and '-', with a letter or digit first and last")
        case .badDomain(let text):
            Words(
                message: "'\(text)' is no domain", why: "names of nodes are put before it, and resolvers ask for them",
                fix: "write labels of a-z, 0-9 and '-' with '.' between them, such as 'cluster.example.org'")
        case .badRange(let text, let problem):
            Words(message: "'\(text)' is no range: \(problem.what)", why: problem.why, fix: problem.fix)
        case .badVersion(let text):
            Words(
                message: "'\(text)' is no K3s version", why: "it names the release that is downloaded, to the letter",
                fix: "write it like v1.35.7+k3s1, with the 'v' and the '+k3s' part")
        case .badCiliumVersion(let text):
            Words(
                message: "'\(text)' is no Cilium version", why: "it names the chart that is installed, to the letter",
                fix: "write it like 1.19.4, without a 'v' and with all three numbers")
        case .badChartVersion(let text):
            Words(
                message: "'\(text)' is no single version of a chart",
                why:
                    "with a range or 'latest' two clusters of one inventory differ, and so does one after its next job",
                fix: "write all three numbers, such as 39.0.7")
        case .badDuration(let text):
            Words(
                message: "'\(text)' is no duration", why: "a number alone does not say its unit",
                fix: "write a whole number and ms, s, m or h, such as 90s")
        case .badURL(let text):
            Words(
                message: "'\(text)' is no http or https address", why: "files are fetched from it",
                fix: "write it like https://mirror.example.org/k3s, without spaces or quotes")
        case .userInURL:
            Words(
                message: "there is a user or a password in this address",
                why: "addresses are in the plan, in journals and in the cluster, for everybody to read",
                fix: "write it without what stands before the '@', and take a place that needs none")
        case .badLabel(let text, let isKey):
            Words(
                message: "'\(text)' is no label \(isKey ? "key" : "value")",
                why: "Kubernetes refuses the node with it",
                fix: isKey
                    ? "use up to 63 of A-Z, a-z, 0-9, '-', '_' and '.', with a DNS name and '/' before it if need be"
                    : "use up to 63 of A-Z, a-z, 0-9, '-', '_' and '.', with a letter or digit first and last")
        case .badTaint(let text):
            Words(
                message: "'\(text)' is no taint", why: "Kubernetes refuses the node with it",
                fix: "write key=value:Effect or key:Effect, with NoSchedule, PreferNoSchedule or NoExecute")
        case .badHostKey:
            Words(
                message: "this is no public host key", why: "the node is only let in with exactly this key",
                fix: "copy type and key, or the fingerprint 'SHA256:...', from 'clusterctl host-keys scan', after "
                    + "comparing it with the machine's console")
        case .badJumpHost(let text):
            Words(
                message: "'\(text)' is no jump host", why: "each host on the way is logged in to by itself",
                fix: "write [user@]host[:port], IPv6 addresses in brackets, and several as a list; or none")
        case .badChecksum:
            Words(
                message: "this is no SHA-256", why: "the binary is compared with it before it is started",
                fix: "copy the 64 hexadecimal digits from the sha256sum file of the release, in lower case")
        case .badVariable(let text):
            Words(
                message: "'\(text)' is no name of an environment variable", why: "no shell could set it",
                fix: "use letters, digits and '_', with no digit first and without a '$'")
        case .unsafeText(let text, let what):
            Words(
                message: "'\(text)' is no \(what)",
                why:
                    "a text that starts with '-' is taken for an option, and some characters mean something to a shell",
                fix: "use letters, digits, '.', '_' and '-', with a letter or digit first"
                    + (what == "link name" ? ", 15 characters at most" : ""))
        case .unknownComponent(let text, let nearest):
            Words(
                message: "K3s packages no component '\(text)'", why: "K3s would go on and deploy what was meant",
                fix: nearest.map { "write '\($0)' if that was meant" }
                    ?? "use one of: \(K3sKeys.components.joined(separator: ", "))")
        case .unknownArchitecture(let text):
            Words(
                message: "there is no architecture '\(text)'", why: "K3s and Cilium are both published for two",
                fix: "write amd64 or arm64")
        }
    }

    private func interfaceAddress(_ text: String, _ problem: CIDRProblem) -> Words {
        let why = "the length says which other addresses the link reaches directly"
        guard case .badPrefixLength(let length, let most) = problem else {
            return Words(
                message: "'\(text)' has no prefix length", why: why, fix: "write the length too, such as 10.42.67.11/24"
            )
        }
        return Words(
            message: "'\(text)' has the prefix length '\(length)'", why: why, fix: "write a number from 0 to \(most)")
    }

    private func badCIDR(_ text: String, _ problem: CIDRProblem) -> Words {
        let why = "the range is handed to K3s and Cilium as it stands here"
        switch problem {
        case .noPrefixLength:
            return Words(
                message: "'\(text)' has no prefix length", why: why, fix: "write the length too, such as 10.142.0.0/16")
        case .address(let problem):
            return Words(message: "'\(text)' is no network: \(problem.what)", why: problem.why, fix: problem.fix)
        case .badPrefixLength(let length, let most):
            return Words(
                message: "'\(text)' has the prefix length '\(length)'", why: why,
                fix: "write a number from 0 to \(most)")
        case .hostBits(let right):
            return ValueProblem.hostBits(text, right: right).words
        }
    }
}

extension IPAddressProblem {
    var what: String {
        switch self {
        case .empty: "it is empty"
        case .zone: "it has a zone"
        case .brackets: "it stands in brackets"
        case .prefixLength: "it has a prefix length"
        case .leadingZero(let part): "'\(part)' has a leading zero"
        case .octetTooLarge(let part): "'\(part)' is more than 255"
        case .wrongOctetCount(let count): "it has \(count) of 4 numbers"
        case .badCharacter(let character): "'\(character)' has no place in one"
        case .groupTooLong(let group): "'\(group)' has more than 4 digits"
        case .wrongGroupCount(let count): "it has \(count) of 8 groups"
        case .severalDoubleColons: "it has '::' twice"
        case .strayColon: "a ':' has nothing beside it"
        }
    }

    var why: String {
        switch self {
        case .zone: "a zone means something on one machine only"
        case .leadingZero: "some programs read such a number as octal"
        default: "every node is told this address as it stands here"
        }
    }

    var fix: String {
        switch self {
        case .zone: "use an address that is not link-local, without '%'"
        case .brackets: "leave out the brackets"
        case .prefixLength: "leave out '/' and the length"
        case .leadingZero: "leave out the zero"
        case .badCharacter: "write an address such as 10.42.67.92 or fd00::1; names are not looked up"
        default: "write an address such as 10.42.67.92 or fd00::1"
        }
    }
}

extension RangeProblem {
    var what: String {
        switch self {
        case .unbalanced: "a bracket has no partner"
        case .empty: "nothing stands between brackets or commas"
        case .backwards(let range): "\(range) runs backwards"
        case .widthsDiffer(let range): "the ends of \(range) have different numbers of digits"
        case .notANumber(let part): "'\(part)' is no number"
        case .tooMany(let limit): "it stands for more than \(limit)"
        }
    }

    var why: String {
        switch self {
        case .widthsDiffer: "with a leading zero every name gets the same number of digits"
        case .tooMany: "a cluster of that size is beyond what K3s holds"
        default: "a pattern stands for one node each"
        }
    }

    var fix: String {
        switch self {
        case .backwards: "write the smaller number first"
        case .widthsDiffer: "write both ends with the same number of digits, such as [01-20]"
        case .tooMany: "write a smaller range"
        case .unbalanced, .empty, .notANumber: "write it like [01-20] or [1,3,7]"
        }
    }
}
