import Engine
import Foundation
import Testing

@testable import SSH

/// Units, objects and checkpoints against stand-ins for the programs of a node.
@Suite(.enabled(if: TestShell.canRun, "needs root and dash, busybox or bash"))
@ShellThread struct ShellSystemTests {
    /// A systemctl that keeps a unit as files and notes what it was told to do.
    private static let systemctl = #"""
        verb=$1
        shift
        case $verb in
            show)
                case $2 in
                    UnitFileState) value=$(cat "$BOX/enabled" 2>/dev/null || echo disabled) ;;
                    ActiveState) value=$(cat "$BOX/active" 2>/dev/null || echo inactive) ;;
                    LoadState) value=loaded ;;
                    NeedDaemonReload) value=$(cat "$BOX/reload" 2>/dev/null || echo no) ;;
                esac
                echo "$2=$value"
                exit
                ;;
            enable) echo enabled >"$BOX/enabled" ;;
            disable) rm "$BOX/enabled" ;;
            restart) echo active >"$BOX/active" ;;
            stop) rm "$BOX/active" ;;
            daemon-reload) rm "$BOX/reload" ;;
        esac
        echo "$verb $*" >>"$BOX/told"
        """#

    private func told(_ box: ShellBox) throws -> [String] {
        defer { try? FileManager.default.removeItem(atPath: box.path("told")) }
        return (box.text("told") ?? "").split(separator: "\n").map(String.init)
    }

    @Test(arguments: TestShell.all) func restartsAUnitOnceItsFilesDiffer(shell: TestShell) throws {
        let box = try ShellBox(shell)
        try box.stub("systemctl", Self.systemctl)
        let config = box.path("config")
        func write(_ text: String) throws { try text.write(toFile: config, atomically: true, encoding: .utf8) }
        let running = Engine.Operation.unit(
            UnitState(name: "k3s.service", enabled: true, activity: .running(restartOn: [config, box.path("none")])))
        try write("one")
        #expect(try box.survey([running]) == [.differs(current: "(disabled, should be enabled)")])
        #expect(try box.apply([running]).map(\.kind) == [.changed])
        #expect(
            try told(box) == [
                "enable -- k3s.service", "reset-failed -- k3s.service", "restart --no-block -- k3s.service",
            ])
        #expect(try box.apply([running]).map(\.kind) == [.unchanged])
        #expect(try told(box).isEmpty)

        try write("two")
        #expect(try box.survey([running]) == [.differs(current: "(runs, but not since its files are as they are)")])
        #expect(try box.apply([running]).map(\.kind) == [.changed])
        #expect(try told(box).last == "restart --no-block -- k3s.service")

        try "yes".write(toFile: box.path("reload"), atomically: true, encoding: .utf8)
        #expect(try box.apply([running]).map(\.kind) == [.changed])
        #expect(try told(box) == ["daemon-reload "])

        let stopped = Engine.Operation.unit(UnitState(name: "k3s.service", enabled: false, activity: .stopped))
        #expect(try box.apply([stopped, stopped]).map(\.kind) == [.changed, .unchanged])
        #expect(try told(box) == ["disable -- k3s.service", "stop -- k3s.service"])
    }

    @Test(arguments: TestShell.all) func appliesAnObjectUntilItsDigestIsThere(shell: TestShell) throws {
        let box = try ShellBox(shell)
        try box.stub(
            "client",
            #"""
            echo "$*" >>"$BOX/told"
            case $1 in
                get)
                    [ -f "$BOX/digest" ] || { echo 'Error from server (NotFound): not found' >&2; exit 1; }
                    cat "$BOX/digest"
                    ;;
                apply)
                    cat >"$BOX/manifest"
                    [ -f "$BOX/known" ] || { : >"$BOX/known"; echo 'no matches for kind' >&2; exit 1; }
                    printf d1 >"$BOX/digest"
                    ;;
            esac
            """#)
        let manifest = "kind: It's\nclusterctl.dev/applied: d1\n"
        let object = Engine.Operation.object(
            KubernetesObject(
                name: "It's x", client: ["client"], manifest: manifest,
                references: [
                    .init(kind: "Thing", namespace: "ns", name: "x"), .init(kind: "Wide", namespace: nil, name: "y"),
                ],
                digest: "d1"))
        #expect(try box.survey([object]) == [.differs(current: "(Thing x is absent)")])
        #expect(try box.apply([object]).map(\.kind) == [.changed])
        #expect(box.text("manifest") == manifest)
        _ = try told(box)
        #expect(try box.survey([object]) == [.same])
        let question = "--request-timeout=10s -o jsonpath={.metadata.annotations.clusterctl\\.dev/applied}"
        #expect(try told(box) == ["get Thing x -n ns \(question)", "get Wide y \(question)"])
    }

    @Test(arguments: TestShell.all) func waitsOnceForAnAPIThatIsDown(shell: TestShell) throws {
        let box = try ShellBox(shell)
        try box.stub("client", "echo asked >>\"$BOX/told\"; echo 'connection refused' >&2; exit 1")
        let objects = ["a", "b"].map { name in
            Engine.Operation.object(
                KubernetesObject(
                    name: name, client: ["client"], manifest: "clusterctl.dev/applied: d1",
                    references: [.init(kind: "Thing", namespace: nil, name: name)], digest: "d1"))
        }
        let down = StepState.differs(current: "(connection refused)")
        #expect(try box.survey(objects) == [down, down])
        #expect(try told(box) == ["asked"])
    }

    @Test(arguments: TestShell.all) func doesNothingUnderAGuardThatIsNotArmed(shell: TestShell) throws {
        let box = try ShellBox(shell)
        let steps: [Engine.Operation] = [
            .checkpoint(Checkpoint(phase: "cilium", paths: ["/a"], units: ["u"], undo: [], windowSeconds: 20)),
            .command(Command(name: "x", arguments: ["touch", box.path("done")])),
        ]
        try FileManager.default.createDirectory(atPath: box.path("state/guard"), withIntermediateDirectories: true)
        func guardSays(_ state: String) throws {
            let text =
                "if [ $1 = arm ]; then cat >\"$BOX/read\"; echo \"$*\" >\"$BOX/told\"; else echo '\(state)'; fi\n"
            try text.write(toFile: box.path("state/guard/guard.sh"), atomically: true, encoding: .utf8)
        }
        #expect(try box.apply(steps).map(\.kind) == [.failed])
        try guardSays("none")
        #expect(try box.apply(steps).map(\.error) == ["the guard should be armed for cilium, but says: none\n"])
        try guardSays("armed phase=cilium nonce=another until=1")
        #expect(try box.apply(steps).map(\.kind) == [.failed])
        #expect(box.text("done") == nil)
        try guardSays("armed phase=cilium nonce=\(ShellBox.nonce) until=1")
        let frames = try box.apply(steps)
        #expect(frames.map(\.kind) == [.unchanged, .changed])
        #expect(frames[0].output == "armed phase=cilium nonce=\(ShellBox.nonce) until=1\n")
        #expect(try told(box) == ["arm cilium 20 \(ShellBox.nonce) nobody00"])
        #expect(box.text("read") == "path /a\nunit u\nundo\n")
        #expect(try box.survey(steps).first == .same)
    }

    @Test(arguments: TestShell.all) func runsAnUndoToItsEnd(shell: TestShell) throws {
        let box = try ShellBox(shell)
        let undo: [Step] = [
            Step(.command(Command(name: "x", arguments: ["false"])), because: "this fails"),
            Step(.absent(path: box.path("gone")), because: "it's gone"),
        ]
        try "x".write(toFile: box.path("gone"), atomically: true, encoding: .utf8)
        let checkpoint = Checkpoint(phase: "p", paths: [], units: [], undo: undo, windowSeconds: nil)
        let text = try CheckpointText(checkpoint).text
        #expect(text.hasPrefix("undo\n"))
        let result = try box.run(String(text.dropFirst("undo\n".count)))
        #expect(String(decoding: result.output, as: UTF8.self) == "this fails: failed with status 1\nit's gone: done\n")
        #expect(result.status == 1)
        #expect(box.text("gone") == nil)
    }

    @Test(arguments: TestShell.all) func setsAndReadsKernelSettings(shell: TestShell) throws {
        let box = try ShellBox(shell)
        let now = try String(contentsOfFile: "/proc/sys/net/ipv4/ip_local_port_range", encoding: .utf8)
        let words = now.split(whereSeparator: \.isWhitespace).joined(separator: "  ")
        #expect(try box.survey([.sysctl(key: "net.ipv4.ip_local_port_range", value: words)]) == [.same])
        let missing = Engine.Operation.sysctl(key: "net.no.such", value: "1")
        #expect(try box.survey([missing]) == [.differs(current: "(this kernel has no such setting)")])
        #expect(try box.apply([missing]).map(\.kind) == [.failed])
    }
}
