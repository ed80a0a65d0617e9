/// The keys of `ssh`, at the top, in `defaults` and at a node.
extension InventoryFields {
    static let ssh = ObjectType(
        "SSH settings", exclusive: [["proxyJump", "proxyCommand"]], sshWay + sshTrust + sshRoot)

    private static let sshWay = [
        Field(
            "config", .either([.boolean, .text(.path)]),
            "Whether the user's and the system's ssh_config count, or the one file that does; the inventory wins over it",
            standard: "true"),
        Field(
            "user", .text(.user), "Who logs in", standard: "what ssh_config says, or else the user who runs clusterctl",
            example: "ubuntu"),
        Field(
            "host", .text(.sshHost), "Where SSH goes, if not to the node's address; names of your ssh_config will do",
            standard: "the node's address", example: "bmc-net-1.example.org"),
        Field(
            "port", .integer(1...65535), "The port of the SSH server",
            standard: "what ssh_config says, or else 22"),
        Field(
            "proxyJump", .oneOrMore(.text(.jumpHost)),
            "The hosts to pass on the way, in this order; `none` for none, whatever ssh_config says",
            example: "ops@bastion.example.org:2222"),
        Field(
            "proxyCommand", .text(.sentence),
            "A local command whose input and output are the connection; `%h`, `%p`, `%r` stand for host, port, user",
            example: "nc -X 5 -x proxy.example.org:1080 %h %p"),
        Field(
            "addressFamily", .choice(SSHAddressFamily.allCases.map(\.rawValue)), "Which addresses of a name are tried",
            standard: "any"),
        Field("bindAddress", .text(.address), "The local address that connections come from"),
        Field(
            "connectTimeout", .duration(.seconds(1)...(.seconds(300))),
            "How long a connection to one address, the server's greeting and the key exchange may take, each",
            standard: "10s"),
        Field(
            "keepAlive", .either([.duration(.zero ... .seconds(3600)), .object(keepAlive)]),
            "After what silence a connection is asked for a sign of life; `0s` for never", standard: "15s"),
    ]

    private static let sshTrust = [
        Field(
            "identityFile", .oneOrMore(.text(.path)),
            "Private keys; relative paths count from the folder of the inventory", example: "~/.ssh/id_ed25519"),
        Field(
            "certificateFile", .oneOrMore(.text(.path)), "Certificates, beside those named like a key with `-cert.pub`",
            example: "~/.ssh/id_ed25519-cert.pub"),
        Field(
            "identitiesOnly", .boolean, "Whether the agent is asked for the keys of `identityFile` only",
            standard: "false"),
        Field(
            "agent", .either([.boolean, .text(.path)]),
            "Whether keys of the agent of `SSH_AUTH_SOCK` are tried, or the socket of another agent", standard: "true"),
        Field("passphrase", .secret(.passphrase), "The passphrase of the encrypted keys", standard: "ask"),
        Field(
            "password", .secret(.password), "The password to log in with, where the server takes no key",
            standard: "none is offered", example: "{command: [pass, show, node]}"),
        Field(
            "knownHosts", .oneOrMore(.text(.path)), "Files of known host keys",
            standard: "~/.ssh/known_hosts, ~/.ssh/known_hosts2 and /etc/ssh/ssh_known_hosts"),
        Field(
            "hostKey", .oneOrMore(.text(.hostKey)),
            "The node's host key or its fingerprint, or a list of which any will do; no file is asked then",
            example: "ssh-ed25519 AAAAC3NzaC1..."),
        Field("hostKeyAlias", .text(.sshHost), "The name that the files of known host keys know the node by"),
    ]

    private static let sshRoot = [
        Field(
            "become", .choice(BecomeMethod.allCases.map(\.rawValue)), "Through what commands run as root",
            standard: "sudo, or none if root logs in"),
        Field(
            "becomePassword", .secret(.becomePassword), "The password that sudo or doas asks for",
            standard: "none; `--ask-become-pass` asks"),
    ]

    /// A way to the same machine, account and host key: what is left out is as at the node's own address.
    static let outOfBand = ObjectType(
        "out-of-band settings",
        [
            Field(
                "address", .text(.sshHost),
                "Where SSH finds the node on this way; over rshim's tmfifo as a rule 192.168.100.2", required: true,
                example: "192.168.100.2"),
            Field(
                "proxyJump", .oneOrMore(.text(.jumpHost)),
                "The hosts to pass, in this order, or nodes of this inventory by name; over tmfifo the host that the "
                    + "DPU is in, by a link that is not the DPU's own",
                standard: "what ssh_config says", example: "ops@c4140-host"),
            Field("user", .text(.user), "Who logs in", standard: "as at the node's own address"),
            Field(
                "port", .integer(1...65535), "The port of the SSH server", standard: "as at the node's own address"),
            Field(
                "hostKey", .oneOrMore(.text(.hostKey)), "The host key that is shown on this way",
                standard: "the node's own"),
            Field(
                "hostKeyAlias", .text(.sshHost), "The name that the files of known host keys know that key by",
                standard: "the node's own name there"),
            Field(
                "text", .text(.sentence), "What people should know besides",
                example: "\"iDRAC at 10.42.66.12, then rshim\""),
        ])

    static let keepAlive = ObjectType(
        "keep-alive settings",
        [
            Field(
                "interval", .duration(.zero ... .seconds(3600)), "After what silence", required: true, example: "15s"),
            Field(
                "tolerated", .integer(1...100), "How many questions in a row may stay without an answer",
                standard: "3"),
        ])
}
