import ArgumentParser

/// How the nodes are reached, for every verb that connects.
struct ConnectionOptions: ParsableArguments {
    @Flag(help: "Trust a node that no known_hosts file knows, and remember its key.")
    var acceptNewHostKeys = false

    @Flag(help: "Offer a password after the keys; it is asked for once for each user name.")
    var askPass = false

    @Flag(help: "Give sudo or doas a password when they ask for one; it is asked for once for each user name.")
    var askBecomePass = false
}
