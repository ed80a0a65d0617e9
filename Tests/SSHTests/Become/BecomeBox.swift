import Engine
import Foundation
import Synchronization

@testable import SSH

/// A server with a user `walter` whose password is `geheim`, and with rules for sudo and doas of its own: all in a
/// mount namespace, so that nothing of it is left on the machine.
struct BecomeBox {
    static let missing: String? =
        ServerFixture.missing
        ?? ["/usr/bin/sudo", "/usr/bin/doas", "/usr/bin/unshare"]
        .first { !FileManager.default.isExecutableFile(atPath: $0) }.map { "\($0) is not installed" }

    static let password = "geheim"

    let server: ServerFixture
    let session: SSHSession

    /// - Parameter more: shell text that runs last, as root, with `$1` the server's directory.
    init(
        sudoers: String = "", doas: String = "", shell: String = "/bin/sh", options: [String] = [], more: String = ""
    ) async throws {
        server = try ServerFixture(
            options: options,
            setUp: """
                mkdir "$1/etc" "$1/work" "$1/home"
                if ! mount -t overlay -o "lowerdir=/etc,upperdir=$1/etc,workdir=$1/work" none /etc 2>/dev/null; then
                    cp -a /etc/. "$1/etc/"
                    mount --bind "$1/etc" /etc
                fi
                mkdir -p /run/sudo /run/doas /var/lib/sudo
                mount -t tmpfs -o mode=0711 none /run/sudo
                mount -t tmpfs -o mode=0700 none /run/doas
                mount -t tmpfs -o mode=0700 none /var/lib/sudo
                useradd -M -d "$1/home" -s '\(shell)' walter
                echo walter:\(Self.password) | chpasswd -c SHA256 -s 1000
                for service in sudo doas; do
                    printf 'auth required pam_unix.so nodelay\\naccount required pam_unix.so\\n' >"/etc/pam.d/$service"
                done
                rm -f /etc/sudoers.d/* /etc/doas.conf
                cat >/etc/sudoers.d/walter <<EOF
                Defaults logfile=$1/sudo.log
                Defaults !fqdn, !syslog
                \(sudoers)
                EOF
                chmod 0440 /etc/sudoers.d/walter
                \(doas.isEmpty ? "" : "echo '\(doas)' >/etc/doas.conf")
                \(more)
                """)
        var target = try server.target()
        target.user = "walter"
        session = try await server.connect(target)
    }

    var sudoLog: String { (try? String(contentsOfFile: "\(server.directory)/sudo.log", encoding: .utf8)) ?? "" }

    /// Runs a shell program as root.
    func run(
        _ access: RootAccess, _ program: String, command: String = "sh -s"
    ) async throws -> (result: ExecResult, output: String) {
        let collector = Collector()
        let result = try await access.execute(
            command, on: session, input: .bytes(Array(program.utf8)), deadline: .now + .seconds(60),
            onOutput: collector.take)
        return (result, collector.text)
    }

    func refusal(_ access: RootAccess, _ program: String = "id -u") async throws -> BecomeRefusal? {
        do {
            _ = try await run(access, program)
            return nil
        } catch SSHFailure.becomeRefused(_, "walter", let refusal) {
            return refusal
        }
    }
}

/// One password, and how often it was asked for and what became of it.
final class NotedPassword: BecomeSecrets {
    private let secret: Secret
    private let notes = Mutex<(asked: Int, outcomes: [BecomeOutcome])>((0, []))

    init(_ text: String) { secret = Secret(text) }

    func password(on host: String) async throws(BecomeRefusal) -> Secret {
        notes.withLock { $0.asked += 1 }
        return secret
    }

    func settle(_ outcome: BecomeOutcome, on host: String) async { notes.withLock { $0.outcomes.append(outcome) } }

    var asked: Int { notes.withLock { $0.asked } }
    var outcomes: [BecomeOutcome] { notes.withLock { $0.outcomes } }
}
