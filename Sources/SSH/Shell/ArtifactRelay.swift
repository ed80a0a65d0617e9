extension ShellCompiler {
    /// Makes a node hand an artifact on that has just been delivered to it: the `answer` frame's output is the port.
    ///
    /// The file is served over HTTP under `/TICKET` at this address alone, for at most `seconds`, and fetched with
    /// `ArtifactDelivery.peer`. It fails where systemd cannot do it.
    public static func serve(
        artifact: String, checksum: String, address: String, ticket: String, seconds: Int, nonce: String
    ) throws(ShellError) -> ShellProgram {
        precondition(ShellProgram.isNonce(ticket), "a ticket is 8 to 64 letters and digits")
        let words = quoted([fileName(artifact), checksum, address, ticket, String(seconds)])
        return try ShellProgram(
            lines: ["look", "beats", "relayed=\(quoted(Prelude.relayed))", "ask 0 serve \(words)"], nonce: nonce,
            expecting: .exactly([.answer(0)]))
    }

    /// Ends what `serve` began, and removes what it left.
    public static func unserve(ticket: String, nonce: String) throws(ShellError) -> ShellProgram {
        try ShellProgram(
            lines: ["look", "beats", "ask 0 unserve \(quoted(ticket))"], nonce: nonce, expecting: .exactly([.answer(0)])
        )
    }
}
