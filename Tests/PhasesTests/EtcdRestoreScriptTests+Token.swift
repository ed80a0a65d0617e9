import Foundation
import Testing

@testable import Rendering

extension EtcdRestoreScriptTests {
    /// A change of the token was ended between etcd and the files, and then all machines were: K3s would start on none of them.
    @Test(arguments: shells) func recoveringTakesTheTokenThatTheDataAreUnder(shell: [String]) throws {
        try stage.write("new \"one\"\n", to: "clusterctl/token/next")
        try stage.write("failed", to: "state")
        #expect(try run(["done", "recover", ".", "."], in: shell).status == 1)
        #expect(try run(["recover", ".", "."], in: shell).status == 0)
        #expect(text("etc/k3s/token") == "the-token\n", "the data are not under the new one")
        #expect(try run(["done", "recover", ".", "."], in: shell).status == 0)
        try stage.write(
            "x\0/bootstrap/\(try hash("new \"one\"").prefix(12))\u{12}y", to: "k3s/server/db/etcd/member/snap/db")
        #expect(try run(["done", "recover", ".", "."], in: shell).status == 0, "they may be of long ago")
        try stage.command("journalctl", "echo 'bootstrap data already found and encrypted with different token'")
        #expect(try run(["done", "recover", ".", "."], in: shell).status == 1, "it runs, and ends again and again")
        #expect(try run(["recover", ".", "."], in: shell).status == 0)
        #expect(text("etc/k3s/token") == "new \"one\"\n")
        #expect(text("clusterctl/token/old") == "the-token\n", "it is not lost")
        #expect(try run(["done", "recover", ".", "."], in: shell).status == 0)
    }
}
