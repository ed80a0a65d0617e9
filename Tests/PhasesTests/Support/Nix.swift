import Foundation

/// Nix's own evaluator, without a store and without a network.
enum Nix {
    static let isThere = (try? Shell.run(["sh", "-c", "command -v nix-instantiate"]))?.status == 0
    static let missing = "needs nix-instantiate (Debian: nix-bin)"

    /// The value of an expression, as JSON.
    static func evaluate(_ expression: String) throws -> Data {
        let stage = try Stage()
        try stage.write(expression, to: "expression.nix")
        let folder = stage.folder.path
        let result = try Shell.run([
            "env", "NIX_STATE_DIR=\(folder)/state", "NIX_STORE_DIR=\(folder)/store", "NIX_LOG_DIR=\(folder)/log",
            "NIX_CONF_DIR=\(folder)", "nix-instantiate", "--eval", "--strict", "--json", "\(folder)/expression.nix",
        ])
        guard result.status == 0 else { throw NixError(words: result.error) }
        return Data(result.output.utf8)
    }

    struct NixError: Error { let words: String }
}
