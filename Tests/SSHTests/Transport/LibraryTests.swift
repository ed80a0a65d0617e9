import Foundation
import Testing

@testable import SSH

struct LibraryTests {
    /// Whoever runs these tests on another libssh2 than the system's says which, so that they do run on it.
    private static let expected = ProcessInfo.processInfo.environment["CLUSTERCTL_EXPECTED_LIBSSH2"]

    @Test(.enabled(if: expected != nil, "CLUSTERCTL_EXPECTED_LIBSSH2 is not set"))
    func isTheExpectedOne() {
        #expect(LibSSH2.version == Self.expected)
    }
}
