import ArgumentParser

/// How the nodes are reached, for every verb that connects.
struct ConnectionOptions: ParsableArguments {
    @Flag(help: "Trust a node that no known_hosts file knows, and remember its key.")
    var acceptNewHostKeys = false
}
