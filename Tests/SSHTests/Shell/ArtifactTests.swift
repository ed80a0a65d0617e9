import Engine
import Foundation
import Testing

@testable import SSH

/// Deliveries and artifacts as a node's shell plays them, on a file that says "hello".
@Suite(.enabled(if: TestShell.canRun, "needs root and a POSIX shell"))
@ShellThread struct ArtifactTests {
    private static let digest = "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824"

    /// A box whose `sh` is the shell that is tested.
    private func box(_ shell: TestShell) throws -> ShellBox {
        let box = try ShellBox(shell)
        try FileManager.default.createSymbolicLink(atPath: box.path("bin/sh"), withDestinationPath: shell.command[0])
        return box
    }

    private func delivery(
        _ box: ShellBox, from offset: Int64?, size: Int64 = 5, run: String = "run1", name: String = "k3s",
        digest: String = Self.digest
    ) -> ArtifactDelivery {
        ArtifactDelivery(
            artifact: name, checksum: digest, sizeBytes: size, offset: offset, target: box.path("bin/k3s"), run: run)
    }

    private func deliver(
        _ text: String, _ box: ShellBox, from offset: Int64?, size: Int64 = 5
    ) throws -> DeliveryResult? {
        let delivery = delivery(box, from: offset, size: size)
        let result = try box.run(text, in: box.shell.command + ["-c", delivery.command])
        return read([UInt8](result.output), of: delivery)
    }

    private func read(_ output: [UInt8], of delivery: ArtifactDelivery) -> DeliveryResult? {
        let reader = DeliveryReader(delivery)
        _ = reader.take(output[...])
        return reader.result
    }

    private func source(_ origin: ArtifactSource.Origin = .localFile(path: "/x")) -> ArtifactSource {
        ArtifactSource(name: "k3s", origin: origin, checksum: .listed(in: "s", name: "k3s"))
    }

    private func apply(_ box: ShellBox, _ source: ArtifactSource) throws -> [Frame] {
        let step = Step(.artifact(path: box.path("bin/k3s"), source: source, mode: .program), because: "a test")
        return try box.frames(
            ShellCompiler.apply(steps: [step], checksums: [source: Self.digest], secrets: [:], nonce: ShellBox.nonce))
    }

    private func partName(_ box: ShellBox) -> String { "state/artifacts/k3s.\(Self.digest).part" }

    @Test(arguments: TestShell.all) func putsAnArtifactInPlaceOnceItIsWhole(shell: TestShell) throws {
        let box = try box(shell)
        func survey(_ checksums: [ArtifactSource: String]) throws -> [StepState?] {
            let step = Step(.artifact(path: box.path("bin/k3s"), source: source(), mode: .program), because: "a test")
            return try box.frames(
                ShellCompiler.survey(probes: [], steps: [step], checksums: checksums, nonce: ShellBox.nonce)
            ).map(\.stepState)
        }
        let whole = box.path("state/artifacts/k3s.\(Self.digest).whole")
        #expect(try apply(box, source()).first?.error == "\(whole) has not been sent\n")
        #expect(try deliver("hello", box, from: 0) == .whole)
        #expect(try apply(box, source()).map(\.kind) == [.changed])
        #expect(box.text("bin/k3s") == "hello")
        #expect(try box.mode("bin/k3s") == 0o755)
        #expect(!FileManager.default.fileExists(atPath: whole))
        #expect(try apply(box, source()).map(\.kind) == [.unchanged])
        #expect(try survey([source(): Self.digest]) == [.same])
        #expect(try survey([:]) == [.same])
        try "other".write(toFile: box.path("bin/k3s"), atomically: true, encoding: .utf8)
        #expect(try survey([:]) != [.same])
    }

    @Test(arguments: TestShell.all) func goesOnWhereTheLastDeliveryWasCut(shell: TestShell) throws {
        let box = try box(shell)
        func state() throws -> PartState? {
            let step = Step(.artifact(path: box.path("bin/k3s"), source: source(), mode: .program), because: "a test")
            let program = try ShellCompiler.artifacts(
                [step], checksums: [source(): Self.digest], nonce: ShellBox.nonce)
            return try box.frames(program).first { $0.kind == .answer }.flatMap { PartState($0.output) }
        }
        #expect(try state() == .bytes(0))
        #expect(try deliver("hel", box, from: 0) == .moved(toOffset: 3))
        #expect(try state() == .bytes(3))
        #expect(try deliver("", box, from: nil) == .moved(toOffset: 3))
        #expect(try deliver("hello", box, from: 0) == .moved(toOffset: 3))
        #expect(box.text(partName(box)) == "hel")
        #expect(try deliver("lo", box, from: 3) == .whole)
        #expect(try state() == .whole)
        #expect(try deliver("hello", box, from: 0) == .whole)
    }

    @Test(arguments: TestShell.all) func discardsWhatIsWrongOrTooLong(shell: TestShell) throws {
        let box = try box(shell)
        guard case .wrong(let found) = try deliver("hexlo", box, from: 0) else {
            Issue.record("a wrong artifact was taken")
            return
        }
        #expect(found != Self.digest && found.count == 64)
        #expect(box.text(partName(box)) == nil)
        #expect(try deliver("hel", box, from: 0) == .moved(toOffset: 3))
        #expect(try deliver("", box, from: 3, size: 2) == .moved(toOffset: 0))
        #expect(box.text(partName(box)) == nil)
        #expect(try deliver("hello", box, from: 0) == .whole)
    }

    @Test(arguments: TestShell.all) func removesPartsOfOtherVersionsOnly(shell: TestShell) throws {
        let box = try box(shell)
        let folder = box.path("state/artifacts")
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        for name in ["k3s.old.part", "k3s.old.whole", "k3s-arm64.old.part", "k3s.sha256"] {
            try "x".write(toFile: "\(folder)/\(name)", atomically: true, encoding: .utf8)
        }
        #expect(try deliver("hel", box, from: 0) == .moved(toOffset: 3))
        let left = try Set(FileManager.default.contentsOfDirectory(atPath: folder))
        #expect(left == ["k3s-arm64.old.part", "k3s.sha256", "lock", "k3s.\(Self.digest).part"])
    }

    /// Busybox runs its own `df`, whatever the path says.
    private nonisolated static let withOtherDF = TestShell.all.filter { !$0.name.hasPrefix("busybox") }

    @Test(arguments: withOtherDF) func looksForRoomFirst(shell: TestShell) throws {
        let box = try box(shell)
        try box.stub("df", "echo heading; echo \"/dev/x 100 90 10 90% /\"")
        #expect(
            try deliver("hello", box, from: 0, size: 20 << 10)
                == .full(path: box.path("state"), neededKiB: 21, freeKiB: 10))
        #expect(box.text(partName(box)) == nil)
    }

    @Test(arguments: withOtherDF) func givesBackAFullDisk(shell: TestShell) throws {
        let box = try box(shell)
        try FileManager.default.createDirectory(atPath: box.path("state"), withIntermediateDirectories: true)
        guard try box.run("mount -t tmpfs -o size=256k none '\(box.path("state"))'").status == 0 else { return }
        defer { _ = try? box.run("umount '\(box.path("state"))'") }
        // Room enough when it is asked first, and then somebody else takes it.
        try box.stub(
            "df",
            """
            [ -e "$BOX/asked" ] && exec /bin/df "$@"
            case $2 in */state) : >"$BOX/asked" ;; esac
            echo heading; echo '/dev/x 9000 0 9000 0% /'
            """)
        let result = try deliver(String(repeating: "x", count: 1 << 20), box, from: 0, size: 1 << 20)
        guard case .full(let path, _, let free) = result else {
            Issue.record("not full, but \(String(describing: result))")
            return
        }
        #expect(path == box.path("state") && free < 64)
        #expect(box.text(partName(box)) == nil)
    }

    /// A first delivery that holds the lock and has had "hel", its input still open; then `script`, whose `later` is
    /// what a second delivery of `run` is.
    private func withFirstWriter(
        _ box: ShellBox, secondRun run: String, _ script: String
    ) throws -> (first: DeliveryResult?, second: DeliveryResult?) {
        let first = delivery(box, from: 0)
        let second = delivery(box, from: 3, run: run)
        try first.command.write(toFile: box.path("first"), atomically: true, encoding: .utf8)
        try second.command.write(toFile: box.path("second"), atomically: true, encoding: .utf8)
        let result = try box.run(
            """
            cd "$BOX" && mkfifo input
            sh first <input >first.out & one=$!
            exec 5>input
            printf hel >&5
            until [ -s '\(partName(box))' ]; do sleep 0.05; done
            \(script)
            wait $one
            """)
        #expect(result.status == 0, "\(result.error)")
        return (
            read(Array((box.text("first.out") ?? "").utf8), of: first),
            read(Array((box.text("second.out") ?? "").utf8), of: second)
        )
    }

    @Test(arguments: TestShell.all) func endsAnEarlierWriterOfTheSameRun(shell: TestShell) throws {
        let box = try box(shell)
        let results = try withFirstWriter(
            box, secondRun: "run1", "printf lo | sh second 5>&- >second.out; exec 5>&-")
        #expect(results.first == .moved(toOffset: 3))
        #expect(results.second == .whole)
    }

    @Test(arguments: TestShell.all) func waitsForAWriterOfAnotherRun(shell: TestShell) throws {
        let box = try box(shell)
        let results = try withFirstWriter(
            box, secondRun: "run2",
            """
            printf lo | sh second 5>&- >second.out & two=$!
            until [ -s second.out ]; do sleep 0.05; done
            printf lo >&5
            exec 5>&-
            wait $two
            """)
        #expect(results.first == .whole)
        #expect(results.second == .whole)
        #expect(box.text("second.out")?.contains(" beat\n") == true)
    }

    @Test(arguments: TestShell.all.prefix(1)) func endsAWriterOfAnotherRunThatDoesNotGetOn(shell: TestShell) throws {
        let box = try box(shell)
        let results = try withFirstWriter(
            box, secondRun: "run2", "printf lo | sh second 5>&- >second.out; exec 5>&-")
        #expect(results.first == .moved(toOffset: 3))
        #expect(results.second == .whole)
    }

    @Test(arguments: TestShell.all) func fetchesFromAMirrorAndGoesOn(shell: TestShell) throws {
        let box = try box(shell)
        let mirror = source(.mirror(url: "http://mirror/k3s"))
        let curl = "while [ \"$1\" != -o ]; do shift; done\n"
        // Cut first, then of another version, then right.
        try box.stub("curl", curl + "printf hel >>\"$2\"; exit 18")
        #expect(try apply(box, mirror).first?.status == 18)
        #expect(box.text(partName(box)) == "hel")
        try box.stub("curl", curl + "printf xx >>\"$2\"")
        #expect(try apply(box, mirror).map(\.kind) == [.failed])
        #expect(box.text(partName(box)) == nil && box.text("bin/k3s") == nil)
        try box.stub("curl", curl + "printf hello >>\"$2\"; exit 33")
        #expect(try apply(box, mirror).map(\.kind) == [.changed])
        #expect(box.text("bin/k3s") == "hello")
    }

    @Test(arguments: TestShell.all) func fetchesFromAPeerOrSaysHowFarItCame(shell: TestShell) throws {
        let box = try box(shell)
        func fetch() throws -> DeliveryResult? {
            let delivery = ArtifactDelivery(
                artifact: "k3s", checksum: Self.digest, sizeBytes: 5, offset: nil, target: box.path("bin/k3s"),
                run: "run1", peer: "http://10.0.0.1:20000/ticket")
            let result = try box.run("", in: box.shell.command + ["-c", delivery.command])
            return read([UInt8](result.output), of: delivery)
        }
        let curl = "for last; do :; done; while [ \"$1\" != -o ]; do shift; done\n"
        let expected = "[ \"$last\" = http://10.0.0.1:20000/ticket ] || exit 1\n"
        try box.stub("curl", curl + expected + "printf hel >>\"$2\"; exit 28")
        #expect(try fetch() == .moved(toOffset: 3))
        try box.stub("curl", curl + "printf lo >>\"$2\"")
        #expect(try fetch() == .whole)
    }

    @Test(arguments: TestShell.all) func servesOneFileToThoseWhoKnowItsTicket(shell: TestShell) throws {
        let box = try box(shell)
        try "hello".write(toFile: box.path("file"), atomically: true, encoding: .utf8)
        func ask(_ request: String) throws -> (head: String, body: String) {
            let words = ["-c", Prelude.relayed, "sh", box.path("file"), "ticket77"]
            let said = String(decoding: try box.run(request, in: box.shell.command + words).output, as: UTF8.self)
            let parts = said.replacing("\r\n", with: "\n").split(
                separator: "\n\n", maxSplits: 1, omittingEmptySubsequences: false)
            return (parts.first.map(String.init) ?? "", parts.count > 1 ? String(parts[1]) : "")
        }
        let whole = try ask("GET /ticket77 HTTP/1.1\r\nHost: a\r\n\r\n")
        #expect(whole.head.hasPrefix("HTTP/1.0 200 OK\n") && whole.head.contains("\nContent-Length: 5\n"))
        #expect(whole.body == "hello")
        let rest = try ask("GET /ticket77 HTTP/1.1\r\nRange: bytes=3-\r\n\r\n")
        #expect(rest.head.contains("206") && rest.head.contains("\nContent-Range: bytes 3-4/5\n"))
        #expect(rest.body == "lo")
        #expect(try ask("GET /ticket77 HTTP/1.1\r\nRange: bytes=5-\r\n\r\n").head.contains("416"))
        #expect(try ask("GET /ticket77 HTTP/1.1\r\nRange: bytes=$(id)-\r\n\r\n").head.contains("400"))
        for request in ["GET /other HTTP/1.1", "POST /ticket77 HTTP/1.1", "GET /../etc/passwd HTTP/1.1"] {
            let answer = try ask("\(request)\r\n\r\n")
            #expect(answer.head.hasPrefix("HTTP/1.0 404 ") && answer.body.isEmpty, "\(request)")
        }
        let endless = String(repeating: "X: y\r\n", count: 100)
        #expect(try ask("GET /ticket77 HTTP/1.1\r\n\(endless)\r\n").head.contains("431"))
    }

    /// The program itself, with tools of systemd's that start what would listen for one request.
    @Test(arguments: TestShell.all) func handsOnWhatHasBeenDelivered(shell: TestShell) throws {
        let box = try box(shell)
        func serve(_ address: String) throws -> Frame? {
            let program = try ShellCompiler.serve(
                artifact: "k3s", checksum: Self.digest, address: address, ticket: "ticket77", seconds: 60,
                nonce: ShellBox.nonce)
            return try box.frames(program).first
        }
        try box.stub("systemd-socket-activate", "exit 9")
        try box.stub("systemctl", "exit 0")
        try box.stub(
            "systemd-run",
            """
            while [ "${1#--listen=}" = "$1" ]; do shift; done
            echo "$1" >"$BOX/listen"
            while [ "$1" != /bin/sh ]; do shift; done
            printf 'GET /%s HTTP/1.0\\r\\n\\r\\n' "$4" | "$@" >"$BOX/served"
            """)
        #expect(try serve("10.0.0.1")?.status != 0, "it has not been delivered yet")
        #expect(try deliver("hello", box, from: 0) == .whole)
        let answer = try #require(try serve("fd00::1"))
        #expect(answer.status == 0, "\(answer.error)")
        let port = answer.output.split(whereSeparator: \.isNewline).joined()
        #expect(UInt16(port).map { (20000..<30000).contains($0) } == true)
        #expect(box.text("listen") == "--listen=[fd00::1]:\(port)\n")
        #expect(box.text("served")?.hasSuffix("\r\n\r\nhello") == true)
        #expect(try apply(box, source()).map(\.kind) == [.changed])
        #expect(try box.frames(ShellCompiler.unserve(ticket: "ticket77", nonce: ShellBox.nonce)).count == 1)
        #expect(try FileManager.default.contentsOfDirectory(atPath: box.path("state/relay")).isEmpty)
    }

    @Test func takesNoOtherLineForAResult() {
        let delivery = ArtifactDelivery(
            artifact: "k3s", checksum: Self.digest, sizeBytes: 7, offset: 0, target: "/k3s", run: "run1")
        func read(_ text: String) -> DeliveryResult? { self.read(Array(text.utf8), of: delivery) }
        let nonce = delivery.nonce
        #expect(read("whole\n") == nil)
        #expect(read("\(nonce) whole") == nil)
        #expect(read("\(nonce) beat\n") == nil)
        #expect(read("\(nonce) moved x\n") == nil)
        #expect(read("noise\n\(nonce) moved 7\n") == .moved(toOffset: 7))
        // More than there is to send, and less than nothing.
        for bytes in ["8", "-1", "-9223372036854775808", "9223372036854775807", "9223372036854775808"] {
            #expect(read("\(nonce) moved \(bytes)\n") == nil)
        }
        #expect(read("\(nonce) full 9 3 /a b\n") == .full(path: "/a b", neededKiB: 9, freeKiB: 3))
        let reader = DeliveryReader(delivery)
        #expect(reader.take(ArraySlice(repeating: 65, count: 1 << 14)) == .stop)
        let lines = DeliveryReader(delivery)
        let decisions = (0..<100).map { _ in lines.take(ArraySlice(repeating: 10, count: 1 << 14)) }
        #expect(decisions.first == .goOn && decisions.last == .stop)
    }
}
