/// Holds texts against their forms; nothing that a shell or an option parser could misread gets past it.
enum TextFormCheck {
    static func problem(_ text: String, _ form: TextForm) -> ValueProblem? {
        switch form {
        case .clusterName: isDNSLabel(text) ? nil : .badName(text, what: "cluster name")
        case .partName:
            isDNSLabel(text) && text.utf8.count <= 40 ? nil : .badName(text, what: "name", most: 40)
        case .nodeName: rangeProblem(text, radix: 10) { isDNSLabel($0) ? nil : .badName($0, what: "node name") }
        case .nodeAddress: nodeAddressProblem(text)
        case .address: addressProblem(text)
        case .cidr: cidrProblem(text)
        case .interfaceAddress: interfaceAddressProblem(text)
        case .addressBlock: addressBlockProblem(text)
        case .community: isCommunity(text) ? nil : .badCommunity(text)
        case .k3sVersion: K3sVersion(text) == nil ? .badVersion(text) : nil
        case .ciliumVersion: text.hasPrefix("v") || CiliumVersion(text) == nil ? .badCiliumVersion(text) : nil
        case .chart: isChart(text) ? nil : .unsafeText(text, what: "chart")
        case .chartVersion: isChartVersion(text) ? nil : .badChartVersion(text)
        case .url: hasUserInURL(text) ? .userInURL : isURL(text) ? nil : .badURL(text)
        case .path: isPath(text) ? nil : .unsafeText(text, what: "path")
        case .user: isWord(text, "_.-", most: 32) ? nil : .unsafeText(text, what: "user name")
        case .host: isHost(text) ? nil : .unsafeText(text, what: "host name")
        case .domain: isDomain(text) ? nil : .badDomain(text)
        case .sshHost: isSSHHost(text) ? nil : .unsafeText(text, what: "host name")
        case .jumpHost: text == "none" || SSHJumpHost(text) != nil ? nil : .badJumpHost(text)
        case .hostKey: isHostKey(text) || isFingerprint(text) ? nil : .badHostKey
        case .variable: isVariable(text) ? nil : .badVariable(text)
        case .argument, .sentence:
            isPrintable(text) ? nil : .unsafeText(String(text.prefix(40)), what: "text of one line")
        case .device:
            isWord(text.hasSuffix("+") ? text.dropLast() : text[...], "_.@-", most: 15)
                ? nil : .unsafeText(text, what: "link name")
        case .link: isWord(text, "_.@-", most: 15) ? nil : .unsafeText(text, what: "link name")
        case .operatingSystem: isWord(text, "_.- ", most: 40) ? nil : .unsafeText(text, what: "operating system")
        case .component:
            K3sKeys.components.contains(text)
                ? nil : .unknownComponent(text, nearest: Nearest.match(text, in: K3sKeys.components))
        case .labelKey: isLabelKey(text) ? nil : .badLabel(text, isKey: true)
        case .labelValue: text.isEmpty || isLabelName(text) ? nil : .badLabel(text, isKey: false)
        case .taint: Taint(text) == nil ? .badTaint(text) : nil
        case .architecture: Architecture(rawValue: text) == nil ? .unknownArchitecture(text) : nil
        case .checksum: isChecksum(text) ? nil : .badChecksum
        case .image: isImage(text) ? nil : .unsafeText(text, what: "container image")
        }
    }

    static func isDNSLabel(_ text: some StringProtocol) -> Bool {
        let bytes = text.utf8
        guard (1...63).contains(bytes.count), let first = bytes.first, let last = text.last else { return false }
        return bytes.allSatisfy { isLower($0) || isDigit($0) || $0 == UInt8(ascii: "-") }
            && first != UInt8(ascii: "-") && last != "-"
    }

    static func isLabelKey(_ text: String) -> Bool {
        let parts = text.split(separator: "/", omittingEmptySubsequences: false)
        if parts.count == 1 { return isLabelName(text) }
        return parts.count == 2 && parts[0].utf8.count <= 253 && isLabelName(parts[1])
            && parts[0].split(separator: ".", omittingEmptySubsequences: false).allSatisfy(isDNSLabel)
    }

    static func isLabelName(_ text: some StringProtocol) -> Bool {
        guard let last = text.last?.asciiValue, isAlphanumeric(last) else { return false }
        return isWord(text, "_.-", most: 63)
    }

    /// ASCII letters, digits and `more`, with a letter, a digit or `_` first.
    private static func isWord(_ text: some StringProtocol, _ more: String, most: Int) -> Bool {
        guard let first = text.utf8.first, isAlphanumeric(first) || first == UInt8(ascii: "_") else { return false }
        return text.utf8.count <= most && text.utf8.allSatisfy { isAlphanumeric($0) || more.utf8.contains($0) }
    }

    private static func isHost(_ text: String) -> Bool {
        if IPAddress(text) != nil { return true }
        let looksLikeAddress = text.utf8.allSatisfy { isDigit($0) || $0 == UInt8(ascii: ".") }
        return !looksLikeAddress && text.utf8.count <= 253
            && text.split(separator: ".", omittingEmptySubsequences: false).allSatisfy {
                isDNSLabel($0.lowercased())
            }
    }

    /// Short enough for the longest name of a node before it.
    private static func isDomain(_ text: String) -> Bool {
        text.utf8.count <= 253 - 64 && IPAddress(text) == nil
            && text.split(separator: ".", omittingEmptySubsequences: false).allSatisfy(isDNSLabel)
    }

    private static func isImage(_ text: String) -> Bool { isWord(text, "_./:@-", most: 512) && text.first != "_" }

    private static func isSSHHost(_ text: String) -> Bool {
        if isHost(text) { return true }
        let parts = text.split(separator: "%", maxSplits: 1, omittingEmptySubsequences: false)
        if parts.count == 2 {
            return IPAddress(String(parts[0])).map { $0.family == .ipv6 && $0.isLinkLocal } == true
                && isWord(parts[1], "_.-", most: 15)
        }
        let looksLikeAddress = text.utf8.allSatisfy { isDigit($0) || $0 == UInt8(ascii: ".") }
        return !looksLikeAddress && isWord(text, "_.-", most: 253)
    }

    private static func isChart(_ text: String) -> Bool {
        guard text.hasPrefix(Addon.registryScheme) else { return isWord(text, "_.-", most: 100) && text.first != "_" }
        let parts = text.dropFirst(Addon.registryScheme.count).split(separator: "/", omittingEmptySubsequences: false)
        return parts.count >= 2 && isWord(parts[0], ".:-", most: 253) && parts[0].first != "_"
            && parts.dropFirst().allSatisfy {
                !$0.isEmpty && $0.utf8.allSatisfy { isAlphanumeric($0) || "_.-".utf8.contains($0) }
            }
    }

    /// One version (semver.org), as a range or `latest` is not.
    private static func isChartVersion(_ text: String) -> Bool {
        let plain = text.hasPrefix("v") ? text.dropFirst() : text[...]
        let end = plain.firstIndex { $0 == "-" || $0 == "+" } ?? plain.endIndex
        let numbers = plain[..<end].split(separator: ".", omittingEmptySubsequences: false)
        guard numbers.count == 3, numbers.allSatisfy({ !$0.isEmpty && $0.count <= 6 && $0.utf8.allSatisfy(isDigit) })
        else { return false }
        return end == plain.endIndex || isWord(plain[plain.index(after: end)...], ".+-", most: 60)
    }

    /// A user and a password before the host: URLs are in the plan, in journals and in objects of the cluster.
    private static func hasUserInURL(_ text: String) -> Bool {
        guard let scheme = text.firstRange(of: "://") else { return false }
        return text[scheme.upperBound...].prefix { $0 != "/" }.contains("@")
    }

    private static func isURL(_ text: String) -> Bool {
        guard let scheme = ["https://", "http://"].first(where: text.hasPrefix) else { return false }
        let host = text.dropFirst(scheme.count)
        let isPlain = text.utf8.allSatisfy { isAlphanumeric($0) || "-._~:/?#[]@!&+,;=%".utf8.contains($0) }
        return isPlain && host.utf8.first.map { isAlphanumeric($0) || $0 == UInt8(ascii: "[") } == true
    }

    private static func isPath(_ text: String) -> Bool {
        !text.isEmpty && !text.hasPrefix("-") && isPrintable(text)
    }

    private static func isPrintable(_ text: String) -> Bool {
        text.unicodeScalars.allSatisfy { $0.value >= 0x20 && !(0x7f..<0xa0).contains($0.value) }
    }

    private static func isHostKey(_ text: String) -> Bool {
        let words = text.split(separator: " ", omittingEmptySubsequences: false)
        guard (2...3).contains(words.count), ["ssh-", "ecdsa-", "sk-"].contains(where: words[0].hasPrefix) else {
            return false
        }
        let key = words[1].utf8.prefix { isAlphanumeric($0) || "+/".utf8.contains($0) }
        let padding = words[1].utf8.dropFirst(key.count)
        return isWord(words[0], "-@.", most: 60) && key.count >= 40 && padding.count <= 2
            && padding.allSatisfy { $0 == UInt8(ascii: "=") } && words[1].utf8.count % 4 == 0
    }

    /// SHA-256 in base64, as OpenSSH prints it: 43 digits, and no padding.
    private static func isFingerprint(_ text: String) -> Bool {
        guard text.hasPrefix("SHA256:") else { return false }
        let digits = text.utf8.dropFirst(7)
        let digest = digits.last == UInt8(ascii: "=") ? digits.dropLast() : digits
        return digest.count == 43 && digest.allSatisfy { isAlphanumeric($0) || "+/".utf8.contains($0) }
    }

    private static func isVariable(_ text: String) -> Bool {
        guard let first = text.utf8.first, !isDigit(first) else { return false }
        return isWord(text, "_", most: 128)
    }

    private static func isChecksum(_ text: String) -> Bool {
        text.utf8.count == 64 && text.utf8.allSatisfy { isDigit($0) || (97...102).contains($0) }
    }

    private static func isLower(_ byte: UInt8) -> Bool { (97...122).contains(byte) }
    private static func isDigit(_ byte: UInt8) -> Bool { (48...57).contains(byte) }
    private static func isAlphanumeric(_ byte: UInt8) -> Bool {
        isLower(byte) || isDigit(byte) || (65...90).contains(byte)
    }
}

extension TextFormCheck {
    private static func addressProblem(_ text: String) -> ValueProblem? {
        if case .failure(let problem) = IPAddressParser.parse(text) { .badAddress(text, problem) } else { nil }
    }

    private static func nodeAddressProblem(_ text: String) -> ValueProblem? {
        if text.hasPrefix("[") { return addressProblem(text) }
        return rangeProblem(text, radix: text.contains(":") ? 16 : 10, addressProblem)
    }

    private static func cidrProblem(_ text: String) -> ValueProblem? {
        switch CIDR.parse(text) {
        case .success: nil
        case .failure(.hostBits(let right)): .hostBits(text, right: right)
        case .failure(let problem): .badCIDR(text, problem)
        }
    }

    /// Of all addresses that the text stands for, as they have one length.
    private static func interfaceAddressProblem(_ text: String) -> ValueProblem? {
        guard let slash = text.lastIndex(of: "/") else { return .interfaceAddress(text, .noPrefixLength) }
        let pattern = String(text[..<slash])
        if let problem = nodeAddressProblem(pattern) { return problem }
        let first = (try? RangePattern(pattern, radix: pattern.contains(":") ? 16 : 10))?.texts.first ?? pattern
        switch CIDR.parse(first + text[slash...]) {
        case .success, .failure(.hostBits): return nil
        case .failure(let problem): return .interfaceAddress(text, problem)
        }
    }

    private static func addressBlockProblem(_ text: String) -> ValueProblem? {
        if text.contains("/"), let problem = cidrProblem(text) { return problem }
        let addresses = text.split(separator: "-", omittingEmptySubsequences: false).map(String.init)
        if addresses.count == 2, let problem = addresses.lazy.compactMap(addressProblem).first { return problem }
        return AddressBlock(text) == nil ? .badBlock(text) : nil
    }

    /// Two numbers of 16 bits (RFC 1997).
    private static func isCommunity(_ text: String) -> Bool {
        let numbers = text.split(separator: ":", omittingEmptySubsequences: false)
        return numbers.count == 2 && numbers.allSatisfy { $0.utf8.allSatisfy(isDigit) && UInt16($0) != nil }
    }

    /// The first problem of the texts that a pattern stands for.
    private static func rangeProblem(
        _ text: String, radix: Int, _ check: (String) -> ValueProblem?
    ) -> ValueProblem? {
        do throws(RangeProblem) {
            let pattern = try RangePattern(text, radix: radix)
            return pattern.texts.lazy.compactMap(check).first
        } catch {
            return .badRange(text, error)
        }
    }
}

extension Taint {
    /// The taint written as `key=value:Effect` or `key:Effect`, or nil.
    public init?(_ text: String) {
        guard let colon = text.lastIndex(of: ":"),
            let effect = Effect(rawValue: String(text[text.index(after: colon)...]))
        else { return nil }
        let parts = text[..<colon].split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
        guard TextFormCheck.isLabelKey(String(parts[0])) else { return nil }
        let value = parts.count == 2 ? String(parts[1]) : nil
        if let value, !value.isEmpty, !TextFormCheck.isLabelName(value) { return nil }
        self.init(key: String(parts[0]), value: value, effect: effect)
    }
}
