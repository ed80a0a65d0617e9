import Foundation
import Testing

@testable import Engine
@testable import Phases
@testable import Rendering

/// The program about certificates, against a K3s that removes files and makes others.
@ShellThread struct CertsScriptTests {
    private let stage: Stage
    nonisolated static let shells = [["dash"], ["bash"], ["busybox", "ash"]]

    init() throws {
        stage = try Stage()
        let folder = stage.folder.path
        for name in [
            "server/tls/client-admin", "server/tls/etcd/client", "agent/client-kubelet", "server/tls/client-old",
        ] {
            try certificate(name, "old-\(name)")
        }
        try stage.write(pem("authority-1") + pem("authority-2"), to: "k3s/server/tls/server-ca.crt")
        try stage.write(
            #"{"kind":"Secret","data":{"tls.key":"S0VZ","tls.crt":"TElTVEVORVI="},"type":"kubernetes.io/tls"}"#,
            to: "k3s/server/tls/dynamic-cert.json")
        try stage.write("active", to: "state")
        try stage.command(
            "systemctl",
            """
            cd '\(folder)'
            case "$1" in
            stop) [ -e stubborn ] || echo inactive >state ;;
            kill) [ -e deathless ] || echo failed >state ;;
            start) echo active >state ;;
            show) echo "ActiveState=$(cat state)" ;;
            esac
            [ "$1" != stop ] || [ ! -e stubborn ]
            """)
        try stage.command("timeout", "shift; \"$@\"")
        try stage.command("sleep", "")
        try stage.command("sync", "")
        try stage.command(
            "k3s",
            """
            cd '\(folder)'
            [ "$*" = 'certificate rotate' ] && [ "$(cat state)" != active ] || exit 9
            [ ! -e fails ] || { echo 'level=fatal msg="no space left"' >&2; exit 1; }
            rm -f k3s/server/tls/client-admin.crt k3s/server/tls/etcd/client.crt k3s/agent/client-kubelet.crt
            """)
    }

    private func pem(_ text: String) -> String {
        "-----BEGIN CERTIFICATE-----\n\(Data(text.utf8).base64EncodedString())\n-----END CERTIFICATE-----\n"
    }

    private func certificate(_ name: String, _ text: String) throws {
        try stage.write(pem(text) + pem("the authority's"), to: "k3s/\(name).crt")
    }

    private func run(_ arguments: [String], in shell: [String]) throws -> Shell.Result {
        let folder = stage.folder.path
        let text = Template.certs.text().replacing("/var/lib/clusterctl", with: "\(folder)/clusterctl")
            .replacing("rancher=/var/lib/rancher/k3s", with: "rancher=\(folder)/k3s").replacing(
                "program=/usr/local/bin/k3s", with: "program=\(folder)/bin/k3s")
        return try Shell.run(shell + ["-c", text, "certs"] + arguments, commands: stage.commands)
    }

    private func look(_ shell: [String]) throws -> [String] {
        try run(["look"], in: shell).output.replacing("\(stage.folder.path)/k3s/", with: "").split(separator: "\n").map(
            String.init)
    }

    private func base64(_ text: String) -> String { Data(text.utf8).base64EncodedString() }

    @Test(arguments: shells) func whatIsThereIsToldWithoutKeysAndWithoutWhatIsNobodysAnyMore(shell: [String]) throws {
        let lines = try look(shell)
        #expect(lines.first?.hasPrefix("now 1") == true)
        #expect(
            Array(lines.dropFirst()) == [
                "leaf server/tls/client-admin.crt \(base64("old-server/tls/client-admin"))",
                "leaf server/tls/etcd/client.crt \(base64("old-server/tls/etcd/client"))",
                "leaf agent/client-kubelet.crt \(base64("old-agent/client-kubelet"))",
                "authority server/tls/server-ca.crt \(base64("authority-1"))",
                "authority server/tls/server-ca.crt \(base64("authority-2"))",
                "listener /var/lib/rancher/k3s/server/tls/dynamic-cert.json TElTVEVORVI=",
            ])
    }

    @Test(arguments: shells) func theyAreTakenAwayWhileK3sIsStoppedAndOthersMadeWhenItStarts(shell: [String]) throws {
        #expect(try run(["replace", "k3s.service"], in: shell).error == "no certificate was noted here\n")
        #expect(try run(["is-noted"], in: shell).status == 1)
        #expect(try run(["note"], in: shell).status == 0)
        #expect(try run(["is-noted"], in: shell).status == 0)
        #expect(try run(["is-renewed"], in: shell).status == 1)
        #expect(try look(shell).count { $0.hasPrefix("noted ") } == 3)
        #expect(try run(["replace", "k3s.service"], in: shell).status == 0)
        #expect(try Repository.text(stage.folder.appending(path: "state")) == "inactive\n")
        #expect(try run(["is-renewed"], in: shell).status == 1, "none is there yet")
        // Ended here, it is done once more.
        #expect(try run(["replace", "k3s.service"], in: shell).status == 0)
        for name in ["server/tls/client-admin", "server/tls/etcd/client", "agent/client-kubelet"] {
            try certificate(name, "new-\(name)")
        }
        #expect(try run(["is-renewed"], in: shell).status == 0)
        #expect(try look(shell).last == "renewed")
        #expect(try run(["end"], in: shell).status == 0)
        #expect(try run(["is-ended"], in: shell).status == 0)
        #expect(try !look(shell).contains("begun"))
    }

    @Test(arguments: shells) func aK3sThatDoesNotRotateIsStartedAgain(shell: [String]) throws {
        try stage.write("", to: "fails")
        #expect(try run(["note"], in: shell).status == 0)
        let result = try run(["replace", "k3s.service"], in: shell)
        #expect(result.status == 1)
        #expect(
            result.error
                == "K3s does not rotate its certificates: level=fatal msg=\"no space left\"; it was started again with those it has\n"
        )
        #expect(try Repository.text(stage.folder.appending(path: "state")) == "active\n")
        try stage.write("", to: "stubborn")
        try stage.write("", to: "deathless")
        #expect(try run(["replace", "k3s.service"], in: shell).error == "k3s.service does not stop\n")
    }
}
