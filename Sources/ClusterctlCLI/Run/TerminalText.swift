extension String {
    /// With `?` for each control character but tab and line break: what a node said may be in it, and a terminal would
    /// obey that.
    var forTerminal: String {
        // Nearly all texts are as they should be. 0xc2 begins the control characters beyond ASCII.
        guard utf8.contains(where: { ($0 < 0x20 && $0 != 9 && $0 != 10) || $0 == 0x7f || $0 == 0xc2 }) else {
            return self
        }
        var scalars = UnicodeScalarView()
        for scalar in unicodeScalars {
            let isControl = scalar.properties.generalCategory == .control && scalar != "\n" && scalar != "\t"
            scalars.append(isControl ? "?" : scalar)
        }
        return String(scalars)
    }
}
