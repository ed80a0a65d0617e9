import Crypto
import Engine
import Foundation

/// This process, as it names itself in a lease: for people, and so that another one on the same machine knows whether it
/// is still there.
struct Controller: Sendable {
    /// Of the machine's start and the process table that `process` counts in; nil where these cannot be known.
    let place: String?
    let process: Int32
    /// When it was started, in ticks since the machine's start; tells it from a later one with the same number.
    let start: String?
    /// `USER@HOST`.
    let name: String

    static let current = Controller()

    private init() {
        process = ProcessInfo.processInfo.processIdentifier
        place = Controller.findPlace()
        start = Controller.start(of: process)
        name = "\(NSUserName())@\(ProcessInfo.processInfo.hostName)"
    }

    /// What the lease says besides its owner.
    var words: [String] {
        var words = ["by=\(Controller.word(name))", "pid=\(process)"]
        if let place { words.append("place=\(place)") }
        if let start { words.append("start=\(start)") }
        return words
    }

    /// Whether the lease's owner was a process of this machine that is certainly no more; false where that is not known.
    func hasOutlived(_ lease: Lease) -> Bool { isThere(lease) == false }

    /// Whether the lease's owner is a process of this machine that runs.
    func sees(_ lease: Lease) -> Bool { isThere(lease) == true }

    /// Nil where the owner is somewhere else, or that is not known.
    private func isThere(_ lease: Lease) -> Bool? {
        guard let place, let start = lease.words["start"], lease.words["place"] == place,
            let process = lease.words["pid"].flatMap(Int32.init)
        else { return nil }
        return Controller.start(of: process) == start
    }

    /// Two containers may have one kernel, and numbers of their own for processes.
    private static func findPlace() -> String? {
        guard let boot = try? String(contentsOfFile: "/proc/sys/kernel/random/boot_id", encoding: .utf8),
            let table = try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/ns/pid")
        else { return nil }
        let digest = SHA256.hash(data: Data("\(boot)\(table)".utf8))
        return digest.prefix(8).map { String($0 >> 4, radix: 16) + String($0 & 15, radix: 16) }.joined()
    }

    /// Nil where there is no such process, or that cannot be known.
    private static func start(of process: Int32) -> String? {
        guard let stat = try? String(contentsOfFile: "/proc/\(process)/stat", encoding: .utf8),
            let end = stat.lastIndex(of: ")")
        else { return nil }
        let fields = stat[stat.index(after: end)...].split(separator: " ")
        // Field 22 of proc(5); a process that has ended and was not waited for is none.
        guard fields.count > 19, fields[0] != "Z" else { return nil }
        return String(fields[19])
    }

    /// As one word of letters, digits and a few signs.
    private static func word(_ text: String) -> String {
        String(text.unicodeScalars.map { $0.isASCII && isPlain($0) ? Character($0) : "_" }.prefix(80))
    }

    private static func isPlain(_ scalar: Unicode.Scalar) -> Bool {
        scalar.properties.isAlphabetic || ("0"..."9").contains(scalar) || ["@", ".", "-", "_"].contains(scalar)
    }
}

extension Lease {
    /// Who has it since when, in words.
    var description: String {
        let who = words["by"] ?? "run \(owner.prefix(8))"
        let process = words["pid"].map { ", process \($0)" } ?? ""
        let since = sinceEpochSeconds.map {
            " since " + Date(timeIntervalSince1970: TimeInterval($0)).formatted(.iso8601.dateTimeSeparator(.space))
        }
        return "\(who)\(process)\(since ?? "")"
    }
}
