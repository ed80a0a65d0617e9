import ArgumentParser

/// The command line; one file a verb.
public struct Clusterctl: AsyncParsableCommand {
    public static let configuration = CommandConfiguration(
        commandName: "clusterctl",
        abstract: "Turns one inventory of DPUs, servers and workers into a working K3s cluster, over SSH.",
        version: "0.1.0",
        subcommands: [
            InitCommand.self, ValidateCommand.self, LintCommand.self, ExplainCommand.self, SchemaCommand.self,
            ImportCommand.self,
            PlanCommand.self, RenderCommand.self,
            BootstrapCommand.self, UpgradeCommand.self, ApplyCommand.self, NodeCommand.self, KubeProxyCommand.self,
            EtcdCommand.self, RecoverCommand.self, TokenCommand.self, CertsCommand.self, ResetCommand.self,
            StatusCommand.self, DiffCommand.self, VerifyCommand.self, DoctorCommand.self, KubeconfigCommand.self,
            HostKeysCommand.self,
            GuardCommand.self, RouterCommand.self,
            UnlockCommand.self, RunsCommand.self, SimulateCommand.self,
        ])

    public init() {}
}
