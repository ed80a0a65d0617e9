/// OpenSSH's patterns: `*` for any run of characters, `?` for one.
enum Wildcard {
    static func matches(_ pattern: some Collection<UInt8>, _ name: some Collection<UInt8>) -> Bool {
        var (pattern, name) = (Array(pattern)[...], Array(name)[...])
        var retry: (pattern: ArraySlice<UInt8>, name: ArraySlice<UInt8>)?
        while true {
            if pattern.first == UInt8(ascii: "*") {
                pattern = pattern.dropFirst()
                retry = (pattern, name)
            } else if let character = pattern.first, let other = name.first,
                character == UInt8(ascii: "?") || character == other
            {
                pattern = pattern.dropFirst()
                name = name.dropFirst()
            } else if pattern.isEmpty && name.isEmpty {
                return true
            } else if let last = retry, !last.name.isEmpty {
                name = last.name.dropFirst()
                pattern = last.pattern
                retry = (pattern, name)
            } else {
                return false
            }
        }
    }
}
