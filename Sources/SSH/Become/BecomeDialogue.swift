import Engine

/// What is heard and said before a command that becomes root's gets its input.
///
/// Lectures, greetings and warnings are passed over and kept, bounded, for the case that it fails.
struct BecomeDialogue: Sendable {
    enum Stream: Sendable { case output, errors }

    enum Turn: Sendable, Equatable {
        case listen
        /// The password is asked for, for the first time.
        case answer
        /// The command waits for its input, and says nothing before it has it.
        case begin
        case refused(BecomeRefusal)
    }

    /// Bytes kept of each stream; far more than a marker or a question has.
    static let limitBytes = 16 << 10

    private let command: BecomeCommand
    private var output: [UInt8] = []
    private var errors: [UInt8] = []
    /// What was said before the last answer.
    private var before = ""
    private var answer: Secret?
    private var wasAsked = false
    var hasAnswered: Bool { answer != nil }

    init(_ command: BecomeCommand) { self.command = command }

    mutating func hear(_ bytes: ArraySlice<UInt8>, on stream: Stream) -> Turn {
        switch stream {
        case .output: Self.append(bytes, to: &output)
        case .errors: Self.append(bytes, to: &errors)
        }
        if stream == .output, isReady(among: bytes.count) { return .begin }
        guard isQuestion(stream == .output ? output : errors) else { return .listen }
        guard !wasAsked else { return .refused(secondQuestion) }
        wasAsked = true
        return .answer
    }

    /// Notes that the answer was sent: a question from now on is a second one.
    mutating func answered(with secret: Secret) {
        // The answer ends the question's line.
        before = text + "\n"
        answer = secret
        output = []
        errors = []
    }

    /// Why there was no beginning, when the command has ended.
    func ended(status: Int32?) -> BecomeRefusal {
        let refusal = BecomeRefusal(said: said, status: status)
        // Without a question it was no password of ours that was wrong.
        return refusal == .passwordWrong && !wasAsked ? .other(said: lastLine) : refusal
    }

    /// Why nothing was understood for so long.
    func silent(for time: Duration) -> BecomeRefusal { .silent(for: time, said: lastLine) }

    /// Everything that was said, without what must not be seen should something have echoed it.
    var said: String {
        let all = before + text
        guard let secret = answer?.reveal(), !secret.isEmpty else { return all }
        return all.replacing(secret, with: "(secret)")
    }

    private var lastLine: String { BecomeRefusal.lastLine(said) }

    private var text: String { String(decoding: errors + output, as: UTF8.self) }

    /// The same answer would be wrong again, and count as a failure again.
    private var secondQuestion: BecomeRefusal {
        let refusal = BecomeRefusal(said: said, status: nil)
        if case .accountUnusable = refusal { return refusal }
        return .passwordWrong
    }

    /// Whether the last line is an open question for the password.
    private func isQuestion(_ bytes: [UInt8]) -> Bool {
        guard bytes.last == UInt8(ascii: ":") || bytes.suffix(2).elementsEqual(": ".utf8) else { return false }
        let line = String(decoding: bytes.suffix(400).split { $0 == 10 || $0 == 13 }.last ?? [], as: UTF8.self)
        switch command.program {
        case .sudo: return line.contains(command.prompt)
        case .doas: return line.hasPrefix("doas (") && line.contains(") password:")
        }
    }

    /// Whether the marker stands at the end of a line among the last bytes; a greeting without a line break may be
    /// before it.
    private func isReady(among count: Int) -> Bool {
        output.suffix(count + command.ready.utf8.count).split(separator: 10, omittingEmptySubsequences: false)
            .dropLast().contains { $0.suffix(command.ready.utf8.count).elementsEqual(command.ready.utf8) }
    }

    private static func append(_ bytes: ArraySlice<UInt8>, to kept: inout [UInt8]) {
        kept += bytes
        if kept.count > limitBytes { kept.removeFirst(kept.count - limitBytes) }
    }
}
