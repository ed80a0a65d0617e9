// The words of BecomeRefusal. Branch on the cases, never on these.

extension BecomeRefusal {
    func summary(_ program: BecomeProgram, user: String) -> String {
        let asked = "\(program.rawValue) asks for the password of '\(user)'"
        return switch self {
        case .passwordNeeded: "\(asked), and none is configured"
        case .passwordUnavailable(let reason): "\(asked), which cannot be had: \(reason)"
        case .passwordWrong: "\(program.rawValue) refuses the password of '\(user)'"
        case .passwordWrongElsewhere(let host):
            "\(asked), and the same password was refused on \(host): it was not tried here"
        case .notAllowed(let said): "\(program.rawValue) does not let '\(user)' become root: \(said)"
        case .accountUnusable(let said): "\(program.rawValue) cannot use the account of '\(user)': \(said)"
        case .notInstalled: "\(program.rawValue) is not installed, or not in the PATH of '\(user)'"
        case .terminalNeeded: "\(program.rawValue) wants a terminal, and the server gives '\(user)' none"
        case .silent(let time, let said):
            "\(program.rawValue) neither asked for a password nor began within \(time.components.seconds) s"
                + (said.isEmpty ? "" : ", it said '\(said)'")
        case .other(let said):
            "\(program.rawValue) did not start the command: " + (said.isEmpty ? "it said nothing" : said)
        }
    }

    func advice(_ program: BecomeProgram, user: String) -> [String] {
        switch self {
        case .passwordNeeded:
            let rule =
                switch program {
                case .sudo: "NOPASSWD in sudoers"
                case .doas: "nopass in doas.conf"
                }
            return [
                "name it with 'becomePassword' under 'ssh', or use --ask-become-pass",
                "or let '\(user)' do without (\(rule)), or log in as root",
            ]
        case .passwordUnavailable: return []
        case .passwordWrong: return ["it was tried once and not again, so that nothing is locked"]
        case .passwordWrongElsewhere: return ["nodes with another password need a 'becomePassword' of their own"]
        case .notAllowed:
            let file =
                switch program {
                case .sudo: "/etc/sudoers.d"
                case .doas: "/etc/doas.conf"
                }
            return ["clusterctl runs `sh` as root: '\(user)' needs a rule for all commands in \(file)"]
        case .accountUnusable: return ["unlock or renew it on the node"]
        case .notInstalled: return ["install it, or name the other one with 'become' under 'ssh', or log in as root"]
        case .terminalNeeded:
            return ["take 'requiretty' out of sudoers, or 'no-pty' and 'PermitTTY no' out of the server's settings"]
        case .silent: return ["questions other than for a password (one-time codes, fingers) cannot be answered"]
        case .other: return []
        }
    }
}
