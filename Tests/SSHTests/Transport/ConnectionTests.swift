import Foundation
import Testing

@testable import SSH

/// Which addresses are tried, in which order, and where connections come from.
struct ConnectionTests {
    private func entrant(_ port: Int) throws -> ConnectionRace.Entrant {
        guard case .found(let endpoints) = Resolver.ask("127.0.0.1", port: port, numericOnly: true) else {
            throw POSIXError(.EINVAL)
        }
        return .init(target: try #require(endpoints.first), source: nil)
    }

    private func run(
        _ ports: [Int], timeout: Duration = .seconds(3600)
    ) async -> Result<Int32, SSHFailure> {
        let target = SSHTarget(host: "n1", port: 22, user: "nobody", connectTimeout: timeout)
        do throws(SSHFailure) {
            guard let entrants = try? ports.map(entrant) else { return .failure(.cancelled(stage: .connect)) }
            return .success(
                try await TCPConnection.win(
                    ConnectionRace(entrants), to: target, on: .shared, until: .now + .seconds(60)))
        } catch {
            return .failure(error)
        }
    }

    @Test func anAddressThatDoesNotAnswerDoesNotHoldUpTheNext() async throws {
        let (dead, alive) = (try DeafListener(), try Listener())
        let descriptor = try await run([dead.port, alive.port]).get()
        var address = sockaddr_in()
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        _ = withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { getpeername(descriptor, $0, &length) }
        }
        #expect(Int(UInt16(bigEndian: address.sin_port)) == alive.port)
        close(descriptor)
    }

    @Test func namesEveryAddressThatFailed() async throws {
        let (dead, refusing) = (try DeafListener(), try ServerFixture.freePort())
        #expect(await run([refusing, refusing]) == .failure(.refused(host: "n1", port: 22)))
        #expect(await run([dead.port], timeout: .milliseconds(50)) == .failure(.deadline(stage: .connect)))
        let both = await run([dead.port, refusing], timeout: .milliseconds(50))
        let reason = "127.0.0.1: no answer; 127.0.0.1: Connection refused"
        #expect(both == .failure(.unreachable(host: "n1", port: 22, reason: reason)))
    }

    @Test func theFamiliesTakeTurns() {
        let families = [AF_INET6, AF_INET6, AF_INET6, AF_INET, AF_INET]
        let entrants = families.enumerated().map { index, family in
            ConnectionRace.Entrant(target: Endpoint(family: family, address: [UInt8(index)]), source: nil)
        }
        #expect(ConnectionRace.interleaved(entrants).map(\.target.address) == [[0], [3], [1], [4], [2]])
    }

    @Test func takesOnlyAddressesOfTheFamily() async throws {
        var target = SSHTarget(host: "127.0.0.1", port: try ServerFixture.freePort(), user: "nobody")
        target.hostKeys.knownHostsFiles = []
        target.addressFamily = .ipv6
        let reason = "none of its addresses is an IPv6 one"
        #expect(await connectFailure(target) == .nameNotFound(host: "127.0.0.1", reason: reason, temporary: false))
    }

    @Test(.enabled(if: ServerFixture.missing == nil, "needs root, sshd, ssh-keygen and ssh-agent"))
    func comesFromTheBindAddress() async throws {
        let server = try ServerFixture()
        var target = try server.target()
        target.bindAddress = "127.0.0.9"
        let session = try await server.connect(target)
        #expect(try await session.run("echo $SSH_CONNECTION").output.hasPrefix("127.0.0.9 "))
        await session.close()
    }

    @Test(arguments: [
        ("192.0.2.1", "Cannot assign requested address"), ("::1", "the host has no address of that family"),
    ])
    func tellsABindAddressThatCannotBe(address: String, reason: String) async throws {
        var target = SSHTarget(host: "127.0.0.1", port: try ServerFixture.freePort(), user: "nobody")
        target.hostKeys.knownHostsFiles = []
        target.bindAddress = address
        #expect(await connectFailure(target) == .sourceAddressUnusable(address: address, reason: reason))
    }
}
