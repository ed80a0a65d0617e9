/// Where the controller finds a secret; the secret itself never stands in an inventory.
public enum SecretReference: Sendable, Hashable {
    case environment(String)
    /// A path resolved against the folder of the inventory.
    case file(String)
    /// A program and its arguments, run without a shell; the secret is its first line of output.
    case command([String])
}

/// Where a secret comes from that a person may also type in.
public enum SecretOrigin: Sendable, Hashable {
    /// Asked on the terminal, once a run.
    case ask
    case reference(SecretReference)
}
