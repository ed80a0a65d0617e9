import Engine
import Testing

@testable import SSH

struct FrameParserTests {
    private let nonce = ShellBox.nonce

    private func feed(_ text: String, by size: Int = .max) throws -> (frames: [Frame], ended: Bool) {
        var parser = FrameParser(nonce: nonce)
        var frames: [Frame] = []
        var rest = Array(text.utf8)[...]
        while !rest.isEmpty {
            frames += try parser.feed(rest.prefix(size))
            rest = rest.dropFirst(size)
        }
        return (frames, parser.ended)
    }

    private func error(_ text: String) -> FrameError? {
        do {
            _ = try feed(text)
            return nil
        } catch { return error as? FrameError }
    }

    @Test(arguments: [1, 2, 7, 4096]) func givesTheSameFramesHoweverTheyAreCut(size: Int) throws {
        let text = "\(nonce) answer 0 0 3 0\na\nb\(nonce) failed 1 4 0 5\noops\n\(nonce) beat 0 0 0 0\n\(nonce) end\n"
        let result = try feed(text, by: size)
        #expect(result.frames.map(\.kind) == [.answer, .failed, .beat])
        #expect(result.frames[0].output == "a\nb")
        #expect(result.frames[1].error == "oops\n")
        #expect(result.frames[1].status == 4)
        #expect(result.ended)
    }

    @Test func takesAForgedFrameInAnOutputForWhatItIs() throws {
        let forged = "\(nonce) changed 5 0 0 0\n\(nonce) end\n"
        let result = try feed("\(nonce) answer 0 0 \(forged.utf8.count) 0\n\(forged)\(nonce) end\n")
        #expect(result.frames.map(\.output) == [forged])
        #expect(result.ended)
    }

    @Test func knowsACutAnswerByTheMissingEnd() throws {
        #expect(try !feed("\(nonce) answer 0 0 3 0\nabc").ended)
        #expect(try feed("\(nonce) answer 0 0 3 0\nab").frames.isEmpty)
        #expect(try !feed("").ended)
    }

    @Test func refusesWhatIsNoFrame() {
        let other = "ffffffffffffffff"
        let table: [(id: String, text: String, error: FrameError)] = [
            ("a greeting", "Welcome to Ubuntu\n", .garbage("Welcome to Ubuntu")),
            ("another nonce", "\(other) answer 0 0 0 0\n", .foreign),
            ("another end", "\(other) end\n", .garbage("\(other) end")),
            ("an unknown kind", "\(nonce) dance 0 0 0 0\n", .garbage("\(nonce) dance 0 0 0 0")),
            ("a negative length", "\(nonce) answer 0 0 -1 0\n", .garbage("\(nonce) answer 0 0 -1 0")),
            ("a field too many", "\(nonce) answer 0 0 0 0 0\n", .garbage("\(nonce) answer 0 0 0 0 0")),
            ("an endless line", String(repeating: "x", count: 300), .garbage(String(repeating: "x", count: 80))),
            ("too long", "\(nonce) answer 0 0 999999999 0\n", .tooLong(bytes: 999_999_999)),
            ("a length beyond numbers", "\(nonce) answer 0 0 9223372036854775807 1\n", .tooLong(bytes: .max)),
            ("bytes after the end", "\(nonce) end\nmore", .afterEnd),
        ]
        for row in table { #expect(error(row.text) == row.error, "\(row.id)") }
    }

    @Test func boundsWhatAnAnswerMayHold() throws {
        let frame = "\(nonce) answer 0 0 0 0\n"
        var few = FrameParser(nonce: nonce, maximumFrames: 3)
        #expect(try few.feed(Array(String(repeating: frame, count: 3).utf8)[...]).count == 3)
        #expect(throws: FrameError.tooMuch) { try few.feed(Array(frame.utf8)[...]) }
        var large = FrameParser(nonce: nonce)
        let megabyte = Array("\(nonce) answer 0 0 1048576 0\n".utf8) + [UInt8](repeating: 32, count: 1 << 20)
        for _ in 0..<64 { #expect(try large.feed(megabyte[...]).count == 1) }
        #expect(throws: FrameError.tooMuch) { try large.feed(megabyte[...]) }
    }

    @Test func tellsWhatItTookForNoFrame() {
        let table: [(FrameError, String)] = [
            (
                .garbage("Welcome to Ubuntu"),
                "the node said 'Welcome to Ubuntu' where an answer was to come\n"
                    + "whatever the login's start files (.bashrc, .profile, ForceCommand) print must go: "
                    + "`ssh NODE true` has to print nothing"
            ),
            (.foreign, "the node gave the answer to another question"),
            (.tooLong(bytes: 7), "the node's answer has a part of 7 bytes, which is never asked for"),
            (.tooMuch, "the node's answer does not end: it is longer than anything that was asked for"),
            (.afterEnd, "the node went on after the end of its answer"),
            (.unasked, "the node gave an answer to what it was not asked"),
            (.incomplete, "the node's answer ended early"),
        ]
        for (error, text) in table { #expect(error.description == text) }
    }

    @Test func readsADescriptionAndATextApart() {
        func state(_ output: String) -> StepState? {
            Frame(kind: .differs, index: 0, status: 0, output: output, error: "").stepState
        }
        #expect(state("(absent)\n") == .differs(current: "(absent)"))
        #expect(state("(a)\n(b)\n") == .differs(current: "(a)\n(b)\n"))
        #expect(state("text\n") == .differs(current: "text\n"))
    }
}
