import ClusterctlCLI

@main
struct Main {
    static func main() async { await Clusterctl.runToEnd() }
}
