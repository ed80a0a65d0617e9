import Testing

@testable import SSH

/// Every failure's words, case by case.
struct FailureMessageTests {
    struct Row: Sendable, CustomTestStringConvertible {
        var id: String
        var failure: SSHFailure
        var mayRetry: Bool
        var text: String
        var testDescription: String { id }
    }

    private static let known = HostKeyShown(type: "ssh-ed25519", fingerprint: "SHA256:old", source: "/k:3")
    private static let got = HostKeyShown(type: "ssh-ed25519", fingerprint: "SHA256:new")
    private static let key = OfferedKey(type: "ssh-ed25519", origin: "/id")
    private static let shown = OfferedKey(type: "ssh-ed25519", origin: "agent: me", fingerprint: "SHA256:key")
    private static let library = LibSSH2.version

    @Test(arguments: network + jumps + commands + becoming + hostKeys + logins)
    func says(_ row: Row) {
        #expect(row.failure.description == row.text)
        #expect(row.failure.mayRetry == row.mayRetry)
    }

    @Test func everyStageHasItsWords() {
        for stage in SSHStage.allCases { #expect(!stage.noun.isEmpty && !stage.activity.isEmpty) }
    }

    private static let network: [Row] = [
        Row(
            id: "name-not-found", failure: .nameNotFound(host: "n1", reason: "Name unknown", temporary: false),
            mayRetry: false, text: "the name 'n1' has no address: Name unknown"),
        Row(
            id: "name-temporary", failure: .nameNotFound(host: "n1", reason: "Try again", temporary: true),
            mayRetry: true, text: "the name 'n1' has no address: Try again"),
        Row(
            id: "refused", failure: .refused(host: "n1", port: 22), mayRetry: true,
            text: "n1 refuses connections to port 22\nis sshd running there, and is the port right?"),
        Row(
            id: "unreachable", failure: .unreachable(host: "n1", port: 22, reason: "No route to host"), mayRetry: true,
            text: "n1 port 22 cannot be reached: No route to host"),
        Row(
            id: "source-address", failure: .sourceAddressUnusable(address: "192.0.2.1", reason: "R"), mayRetry: false,
            text: "connections cannot come from '192.0.2.1': R\n"
                + "is it an address of this machine, and the bind address right?"),
        Row(
            id: "proxy-ended", failure: .proxyCommandFailed(host: "n1", status: .exited(1), said: "nc: R"),
            mayRetry: true, text: "the proxy command for n1 ended with status 1: nc: R"),
        Row(
            id: "proxy-killed", failure: .proxyCommandFailed(host: "n1", status: .signalled(9), said: ""),
            mayRetry: true, text: "the proxy command for n1 ended by signal 9"),
        Row(
            id: "proxy-not-started",
            failure: .proxyCommandFailed(host: "n1", status: .exited(127), said: "sh: nc: not found"), mayRetry: false,
            text: "the proxy command for n1 ended with status 127: sh: nc: not found\nthe shell could not start it"),
        Row(
            id: "no-greeting", failure: .notAnSSHServer(host: "n1", port: 80, said: "HTTP/1.0"), mayRetry: true,
            text: "n1 port 80 gave no SSH greeting, it said 'HTTP/1.0'\n"
                + "is the port right, and is the server not overloaded (MaxStartups)?"),
        Row(
            id: "no-common-algorithm", failure: .noCommonAlgorithm(reason: "R"), mayRetry: false,
            text: "the server and libssh2 agree on no key exchange: R\n"
                + "this is libssh2 \(library); a newer one knows more algorithms"),
        Row(
            id: "deadline-connect", failure: .deadline(stage: .connect), mayRetry: true,
            text: "connecting took longer than allowed\na firewall may be dropping packets"),
        Row(
            id: "deadline-greeting", failure: .deadline(stage: .greeting), mayRetry: true,
            text: "waiting for the server's greeting took longer than allowed"),
        Row(
            id: "cut-login", failure: .connectionLost(stage: .login, reason: "R"), mayRetry: true,
            text: "the connection broke off during the login: R"),
    ]

    private static func forwarding(_ refusal: ForwardingRefusal) -> SSHFailure {
        .forwardingRefused(jump: "b1", host: "n1", port: 22, refusal)
    }

    private static let jumps: [Row] = [
        Row(
            id: "jump", failure: .jump(host: "b1", .refused(host: "b1", port: 22)), mayRetry: true,
            text: "the way leads by the jump host b1: b1 refuses connections to port 22\n"
                + "is sshd running there, and is the port right?"),
        Row(
            id: "jump-for-good", failure: .jump(host: "b1", .noCommonAlgorithm(reason: "R")), mayRetry: false,
            text: "the way leads by the jump host b1: the server and libssh2 agree on no key exchange: R\n"
                + "this is libssh2 \(library); a newer one knows more algorithms"),
        Row(
            id: "forwarding-prohibited", failure: forwarding(.prohibited), mayRetry: false,
            text: "the jump host b1 opens no connection to n1 port 22: it is not allowed to\n"
                + "does the sshd_config of b1 have AllowTcpForwarding, and PermitOpen for n1:22?"),
        Row(
            id: "forwarding-unknown", failure: forwarding(.unknownChannelType), mayRetry: false,
            text: "the jump host b1 opens no connection to n1 port 22: it knows no forwarding\n"
                + "does the sshd_config of b1 have AllowTcpForwarding, and PermitOpen for n1:22?"),
        Row(
            id: "forwarding-connect-failed", failure: forwarding(.connectFailed), mayRetry: true,
            text: "the jump host b1 opens no connection to n1 port 22: it cannot connect itself\n"
                + "does b1 know the name n1, and is sshd running there?"),
        Row(
            id: "forwarding-shortage", failure: forwarding(.resourceShortage), mayRetry: true,
            text: "the jump host b1 opens no connection to n1 port 22: it is short of resources"),
        Row(
            id: "forwarding-other", failure: forwarding(.other(reason: "R")), mayRetry: false,
            text: "the jump host b1 opens no connection to n1 port 22: R"),
    ]

    private static let commands: [Row] = [
        Row(
            id: "deadline-answer", failure: .deadline(stage: .answer), mayRetry: false,
            text: "the answer of the command took longer than allowed\n"
                + "the command may have run, in part or to its end"),
        Row(
            id: "cut-answer", failure: .connectionLost(stage: .answer, reason: "R"), mayRetry: false,
            text: "the connection broke off during the command: R\n"
                + "the command may have run, in part or to its end"),
        Row(
            id: "channel-refused", failure: .channelRefused(reason: "R"), mayRetry: true,
            text: "the server opened no channel for a command: R"),
        Row(
            id: "command-refused", failure: .commandRefused(reason: "R"), mayRetry: false,
            text: "the server started no command: R"),
        Row(
            id: "input-unreadable", failure: .inputUnreadable(path: "/f", reason: "R"), mayRetry: false,
            text: "the input '/f' cannot be read: R"),
        Row(
            id: "cancelled", failure: .cancelled(stage: .channel), mayRetry: false,
            text: "cancelled during the opening of a channel"),
        Row(
            id: "protocol-error", failure: .protocolError(stage: .keyExchange, reason: "R"), mayRetry: false,
            text: "SSH went wrong during the key exchange: R"),
    ]

    private static func becoming(_ id: String, _ refusal: BecomeRefusal, _ text: String) -> Row {
        Row(
            id: id, failure: .becomeRefused(program: .sudo, user: "walter", refusal), mayRetry: false, text: text)
    }

    private static let becoming: [Row] = [
        becoming(
            "password-needed", .passwordNeeded,
            """
            sudo asks for the password of 'walter', and none is configured
            name it with 'becomePassword' under 'ssh', or use --ask-become-pass
            or let 'walter' do without (NOPASSWD in sudoers), or log in as root
            """),
        Row(
            id: "password-needed-doas", failure: .becomeRefused(program: .doas, user: "walter", .passwordNeeded),
            mayRetry: false,
            text: """
                doas asks for the password of 'walter', and none is configured
                name it with 'becomePassword' under 'ssh', or use --ask-become-pass
                or let 'walter' do without (nopass in doas.conf), or log in as root
                """),
        becoming(
            "password-unavailable", .passwordUnavailable(reason: "R"),
            "sudo asks for the password of 'walter', which cannot be had: R"),
        becoming(
            "password-wrong", .passwordWrong,
            """
            sudo refuses the password of 'walter'
            it was tried once and not again, so that nothing is locked
            """),
        becoming(
            "password-wrong-elsewhere", .passwordWrongElsewhere(host: "n2"),
            """
            sudo asks for the password of 'walter', and the same password was refused on n2: it was not tried here
            nodes with another password need a 'becomePassword' of their own
            """),
        becoming(
            "not-in-sudoers", .notAllowed(said: "walter is not in the sudoers file."),
            """
            sudo does not let 'walter' become root: walter is not in the sudoers file.
            clusterctl runs `sh` as root: 'walter' needs a rule for all commands in /etc/sudoers.d
            """),
        Row(
            id: "not-in-doas", failure: .becomeRefused(program: .doas, user: "walter", .notAllowed(said: "R")),
            mayRetry: false,
            text: """
                doas does not let 'walter' become root: R
                clusterctl runs `sh` as root: 'walter' needs a rule for all commands in /etc/doas.conf
                """),
        becoming(
            "account-locked", .accountUnusable(said: "R"),
            "sudo cannot use the account of 'walter': R\nunlock or renew it on the node"),
        becoming(
            "sudo-missing", .notInstalled,
            """
            sudo is not installed, or not in the PATH of 'walter'
            install it, or name the other one with 'become' under 'ssh', or log in as root
            """),
        becoming(
            "no-terminal", .terminalNeeded,
            """
            sudo wants a terminal, and the server gives 'walter' none
            take 'requiretty' out of sudoers, or 'no-pty' and 'PermitTTY no' out of the server's settings
            """),
        becoming(
            "other-question", .silent(for: .seconds(30), said: "Code: "),
            """
            sudo neither asked for a password nor began within 30 s, it said 'Code: '
            questions other than for a password (one-time codes, fingers) cannot be answered
            """),
        becoming(
            "sudo-other", .other(said: ""), "sudo did not start the command: it said nothing"),
    ]

    private static let hostKeys: [Row] = [
        Row(
            id: "host-key-unknown",
            failure: .hostKeyUnknown(host: "n1", got: got, hint: .firstContact(knownHostsFile: "/k")), mayRetry: false,
            text: """
                the host key of n1 is not known: it showed ssh-ed25519 SHA256:new
                compare the fingerprint with `ssh-keygen -lf /etc/ssh/ssh_host_..._key.pub` on n1's console
                then pin it in the inventory, add the key to /k, or use --accept-new-host-keys
                """),
        Row(
            id: "host-key-authority",
            failure: .hostKeyUnknown(host: "n1", got: got, hint: .onlyCertificateAuthority(source: "/k:9")),
            mayRetry: false,
            text: """
                the host key of n1 is not known: it showed ssh-ed25519 SHA256:new
                /k:9 names a certificate authority, which libssh2 cannot check: pin the host's own key
                """),
        Row(
            id: "host-key-changed", failure: .hostKeyChanged(host: "n1", expected: [known], got: got), mayRetry: false,
            text: """
                the host key of n1 has changed: known is ssh-ed25519 SHA256:old (/k:3), it showed ssh-ed25519 SHA256:new
                if n1 was installed anew, remove /k:3; otherwise somebody is in between
                """),
        Row(
            id: "host-key-type-changed", failure: .hostKeyTypeChanged(host: "n1", known: [known], got: got),
            mayRetry: false,
            text: """
                n1 shows a host key of another type than the known ones: known is ssh-ed25519 SHA256:old (/k:3), \
                it showed ssh-ed25519 SHA256:new
                if that key is n1's too, add its ssh-ed25519 key to the known hosts; otherwise somebody is in between
                libssh2 \(library) cannot check every type: an ed25519 key always works
                """),
        Row(
            id: "host-key-revoked", failure: .hostKeyRevoked(host: "n1", got: got), mayRetry: false,
            text: """
                n1 shows a revoked host key: ssh-ed25519 SHA256:new
                a known_hosts file marks this key as @revoked: do not trust that machine
                """),
        Row(
            id: "host-key-not-pinned", failure: .hostKeyNotPinned(host: "n1", pinned: "SHA256:old", got: got),
            mayRetry: false,
            text: """
                n1 does not have the pinned host key: pinned is SHA256:old, it showed ssh-ed25519 SHA256:new
                if n1 was installed anew, pin its new key; otherwise somebody is in between
                """),
        Row(
            id: "pin-unreadable", failure: .pinUnreadable(host: "n1", pinned: "x"), mayRetry: false,
            text: """
                the pinned host key of n1 cannot be read: 'x'
                write `SHA256:...` as `ssh-keygen -l` prints it, or `type base64` as in a .pub file
                """),
        Row(
            id: "known-hosts-unreadable", failure: .knownHostsUnreadable(path: "/k", reason: "R"), mayRetry: false,
            text: "the known hosts in '/k' cannot be read: R"),
        Row(
            id: "known-hosts-not-written", failure: .knownHostsNotWritten(path: "/k", reason: "R"), mayRetry: false,
            text: "the new host key could not be added to '/k': R"),
    ]

    private static let logins: [Row] = [
        Row(
            id: "login-refused",
            failure: .loginRefused(user: "root", offered: [key], serverMethods: ["publickey"], hints: []),
            mayRetry: false,
            text: """
                the server refuses the login as 'root' with ssh-ed25519 (/id); it takes publickey
                is one of the public keys in the authorized_keys of 'root' there?
                """),
        Row(
            id: "login-without-keys",
            failure: .loginRefused(
                user: "root", offered: [], serverMethods: ["password"],
                hints: [
                    .noAgentSocket, .agentEmpty, .agentUnavailable(reason: "R"), .identityMissing(path: "/a"),
                    .identityEncrypted(path: "/b"), .identityUnreadable(path: "/c", reason: "R"),
                    .identityUnusable(path: "/d", reason: "R"), .keyTypeUnsupported(key, neededVersion: "1.12"),
                    .passphraseWrong(path: "/e"), .certificateUnusable(path: "/f", reason: "R"),
                ]), mayRetry: false,
            text: """
                no key could be offered to log in as 'root'; it takes password
                there is no SSH agent (SSH_AUTH_SOCK is not set)
                the SSH agent holds no keys, or is locked (`ssh-add` adds one, `ssh-add -X` unlocks)
                the SSH agent cannot be asked: R
                the key file '/a' does not exist
                the key file '/b' has a passphrase: add it to the SSH agent with `ssh-add /b`
                the key file '/c' cannot be read: R
                the key file '/d' cannot be used: R
                libssh2 \(library) cannot log in with ssh-ed25519 (/id): that takes 1.12
                the passphrase of the key file '/e' is wrong
                the certificate '/f' cannot be used: R
                the server takes no public keys from 'root'
                """),
        Row(
            id: "login-too-many-keys",
            failure: .loginRefused(
                user: "root", offered: [key, shown, shown], serverMethods: [],
                hints: [
                    .serverStoppedListening(afterKeys: 3, notOffered: [shown, key]), .agentRefusedToSign(key),
                    .agentSignedOtherwise(key, algorithm: "ssh-rsa"), .signatureTypeRefused(key),
                    .rsaNeedsNewerLibrary(version: "1.10.0"),
                ]), mayRetry: false,
            text: """
                the server refuses the login as 'root' with 3 keys
                offered: ssh-ed25519 (/id)
                offered: ssh-ed25519 SHA256:key (agent: me)
                offered: ssh-ed25519 SHA256:key (agent: me)
                the server ended the connection after 3 keys (MaxAuthTries): name the file of the right key, \
                or its .pub beside the agent; not offered were ssh-ed25519 SHA256:key (agent: me), ssh-ed25519 (/id)
                the SSH agent refused to sign with ssh-ed25519 (/id): not confirmed, locked, or bound to other hosts \
                (ssh-add -h)
                the SSH agent signs with ssh-rsa alone, which was not asked for, with ssh-ed25519 (/id)
                the server takes no signatures of the kind that ssh-ed25519 (/id) makes
                libssh2 1.10.0 signs RSA with SHA-1 alone, which OpenSSH 8.8 and newer refuse: \
                use an ed25519 or ecdsa key, or libssh2 1.11
                is one of the public keys in the authorized_keys of 'root' there?
                """),
        Row(
            id: "login-key-not-enough",
            failure: .loginRefused(
                user: "root", offered: [shown], serverMethods: ["password"],
                hints: [.serverWantsMore(after: shown, methods: ["password"])]), mayRetry: false,
            text: """
                the server refuses the login as 'root' with ssh-ed25519 SHA256:key (agent: me); it takes password
                the server took ssh-ed25519 SHA256:key (agent: me) and wants password besides
                """),
        Row(
            id: "login-agent-silent", failure: .agentSilent(key: shown), mayRetry: false,
            text: """
                the SSH agent did not answer when it was asked to sign with ssh-ed25519 SHA256:key (agent: me)
                where it asks for a confirmation, a PIN or a touch, that has to be given in time
                """),
        Row(
            id: "password-refused",
            failure: .loginRefused(
                user: "root", offered: [shown], serverMethods: ["publickey", "password"],
                hints: [.passwordRefused(method: "password")]), mayRetry: false,
            text: """
                the server refuses the login as 'root' with ssh-ed25519 SHA256:key (agent: me), the password; \
                it takes publickey, password
                the server did not accept the password (password); it is not tried again
                """),
        Row(
            id: "password-unanswered",
            failure: .loginRefused(
                user: "root", offered: [], serverMethods: ["password"],
                hints: [.passwordUnanswered(method: "password", reason: "R"), .passwordExpired]), mayRetry: false,
            text: """
                the server refuses the login as 'root' with the password; it takes password
                the server did not say whether the password (password) is right: R; it is not tried again
                the password has expired: log in by hand and change it
                """),
        Row(
            id: "password-not-tried",
            failure: .loginRefused(
                user: "root", offered: [], serverMethods: ["keyboard-interactive"],
                hints: [.passwordMissing, .passwordNotTaken, .promptUnanswered("Code:")]), mayRetry: false,
            text: """
                no key could be offered to log in as 'root'; it takes keyboard-interactive
                a password is to be used, and there is none
                the server takes no password
                the server asked for more than a password: 'Code:'
                the server takes no public keys from 'root'
                """),
    ]
}
