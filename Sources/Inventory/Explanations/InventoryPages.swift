extension Explanation {
    /// Keys and single values of an inventory.
    static let inventory: [Explanation] = [
        Explanation(
            .unknownKey, "a key that an inventory does not have",
            happens: "A key that nobody reads is a setting that silently does not hold.",
            looks: "Nothing happens, which is the trouble: the setting was meant.",
            instead: "Write the key that the message proposes, or look it up in docs/inventory.md.",
            source: "docs/inventory.md"),
        Explanation(
            .missingKey, "a key that every inventory has",
            happens: "There is no default that would be right for every cluster.",
            looks: "The reader stops here rather than guess versions or address ranges.",
            instead: "Add the key; 'clusterctl init' prints a whole inventory.",
            source: "docs/inventory.md"),
        Explanation(
            .missingAddress, "a node without an address",
            happens: """
                Every node is reached, and registered, by its own address. Replicas join one by one over the \
                primary's.
                """,
            looks: "Names that no DNS knows yet, or a host that was copied without its address.",
            instead: "Add 'address: <ip>' to the node.",
            source: "docs/inventory.md"),
        Explanation(
            .wrongType, "a value of another kind",
            happens: "What stands here cannot be read as what belongs here.",
            looks: "A list where one text is wanted, or a key with nothing behind it.",
            instead: "Write a value of the kind that the message names.",
            source: "docs/inventory.md"),
        Explanation(
            .notABoolean, "a text that looks like a boolean",
            happens: """
                YAML 1.2 takes yes, no, on and off for text, YAML 1.1 for booleans. Quotes make text of everything.
                """,
            looks: "A switch that is on for one program and off for the next.",
            instead: "Write true or false, without quotes.",
            source: "YAML 1.2.2, chapter 10.3; yaml.org/type/bool.html"),
        Explanation(
            .octalNumber, "a number with a leading zero",
            happens: "YAML 1.1 reads it as octal, YAML 1.2 as decimal.",
            looks: "0644 turns into 420, or stays 644, by program.",
            instead: "Leave out the zero, or write 0o644 for octal.",
            source: "YAML 1.2.2, chapter 10.3"),
        Explanation(
            .ambiguousText, "a text that not all readers take for one",
            happens: "Unquoted, it is a boolean, a number or nothing for some readers of YAML.",
            looks: "The country code no turns into false; 1:30 turns into 90.",
            instead: "Put it in quotes.",
            source: "YAML 1.2.2, chapter 10.3; YAML 1.1 types"),
        Explanation(
            .chooseOne, "none or several of what excludes each other",
            happens: "Exactly one of these keys can hold.",
            looks: "Two sources of one token, or an endpoint of two kinds.",
            instead: "Keep one of them.",
            source: "docs/inventory.md"),
        Explanation(
            .outOfRange, "a number outside its range",
            happens: "The number can be read, but nothing could be done with it.",
            looks: "A port of 70000, or a deadline of zero.",
            instead: "Write a number of the range that the message names.",
            source: "docs/inventory.md"),
        Explanation(
            .badChoice, "a word that is none of the choices",
            happens: "Only certain words mean something here.",
            looks: "A misspelt word, or one of a later version.",
            instead: "Write one of the words that the message lists.",
            source: "docs/inventory.md"),
        Explanation(
            .unsupportedVersion, "an inventory of another version",
            happens: "This clusterctl reads version 1 only.",
            looks: "The file was written for a newer clusterctl.",
            instead: "Write 'version: 1', or use the clusterctl that the file was made for.",
            source: "docs/inventory.md"),
        Explanation(
            .badAddress, "no IP address",
            happens: """
                Addresses are told to every node as they stand; names are not looked up, and a leading zero is octal \
                for some programs.
                """,
            looks: "010.0.0.1 is 8.0.0.1 for one program and 10.0.0.1 for the next.",
            instead: "Write an address such as 10.42.67.92 or fd00::1, without length, zone and brackets.",
            source: "RFC 4291; RFC 6943, chapter 3.1.1"),
        Explanation(
            .badCIDR, "no network",
            happens: "Ranges go to K3s and Cilium as they stand here.",
            looks: "A prefix length that is missing or too large.",
            instead: "Write address and length, such as 10.142.0.0/16.",
            source: "RFC 4632; RFC 4291, chapter 2.3"),
        Explanation(
            .hostBits, "a network with bits beyond its prefix",
            happens: "Programs disagree on what it means: some take the network, some refuse it.",
            looks: "K3s starts and Cilium does not, or the other way round.",
            instead: "Write the network that the message names.",
            source: "RFC 4632"),
        Explanation(
            .badName, "no name for a node or cluster",
            happens: "It becomes part of host names, file names and Kubernetes names.",
            looks: "The API server refuses the node's name at registration.",
            instead: "Use 1 to 63 of a-z, 0-9 and '-', with a letter or digit first and last.",
            source: "RFC 1123; Kubernetes documentation, object names"),
        Explanation(
            .badRange, "a range of names or addresses that cannot be read",
            happens: "A pattern stands for one node each, so it has to be certain which.",
            looks: "Brackets without a partner, ends of different widths, a range that runs backwards.",
            instead: "Write it like [01-20] or [1,3,7].",
            source: "docs/inventory.md"),
        Explanation(
            .badVersion, "no K3s version",
            happens: "It names a release to the letter.",
            looks: "The download answers 404.",
            instead: "Write it like v1.35.7+k3s1.",
            source: "github.com/k3s-io/k3s, releases"),
        Explanation(
            .badCiliumVersion, "no Cilium version",
            happens: "It names a chart to the letter.",
            looks: "The job that installs the chart does not find it.",
            instead: "Write it like 1.19.4, without a 'v'.",
            source: "helm.cilium.io"),
        Explanation(
            .badChartVersion, "no single version of a chart",
            happens: """
                With a range or 'latest' Helm takes the newest at the time: at each job, on each cluster, whatever was \
                tried before.
                """,
            looks: "An upgrade that nobody has asked for, when K3s starts its job anew.",
            instead: "Write one version, with all three numbers; 'helm search repo' lists them.",
            source: "helm.sh, docs, helm install (--version)"),
        Explanation(
            .badDuration, "no duration",
            happens: "A number alone does not say its unit.",
            looks: "90 that was meant as minutes.",
            instead: "Write a whole number with ms, s, m or h.",
            source: "docs/inventory.md"),
        Explanation(
            .badURL, "no http or https address",
            happens: "Files are fetched from it.",
            looks: "A path, or an address with a space in it.",
            instead: "Write it like https://mirror.example.org/k3s.",
            source: "docs/inventory.md"),
        Explanation(
            .badLabel, "no label",
            happens: "Kubernetes refuses a node with it.",
            looks: "The kubelet ends at its start and says why in the journal only.",
            instead: "Use up to 63 of A-Z, a-z, 0-9, '-', '_' and '.', with a letter or digit first and last.",
            source: "Kubernetes documentation, labels and selectors"),
        Explanation(
            .badTaint, "no taint",
            happens: "Kubernetes refuses a node with it.",
            looks: "The kubelet ends at its start.",
            instead: "Write key=value:Effect with NoSchedule, PreferNoSchedule or NoExecute.",
            source: "Kubernetes documentation, taints and tolerations"),
        Explanation(
            .badHostKey, "no public host key",
            happens: "A node is let in with exactly this key.",
            looks: "Every login to the node is refused.",
            instead: "Copy it from 'clusterctl host-keys scan' after comparing it with the machine's console.",
            source: "docs/ssh.md"),
        Explanation(
            .badJumpHost, "no jump host",
            happens: "Each host on the way is logged in to by itself.",
            looks: "A command line of ssh where only the host belongs.",
            instead: "Write [user@]host[:port], or a list of them.",
            source: "docs/ssh.md"),
        Explanation(
            .secretInClear, "a secret that stands in the inventory",
            happens: "Who reads the file can use it, and files like this end up in git.",
            looks: "A password in the history of a repository.",
            instead: "Write where it comes from: env, file or command; and change the secret.",
            source: "docs/safety.md"),
        Explanation(
            .badChecksum, "no SHA-256",
            happens: "A binary is compared with it before it is started.",
            looks: "Every download is refused.",
            instead: "Copy the 64 digits from the release's sha256sum file.",
            source: "github.com/k3s-io/k3s, releases"),
        Explanation(
            .badVariable, "no name of an environment variable",
            happens: "No shell could set it.",
            looks: "The token is always missing.",
            instead: "Use letters, digits and '_', without '$'.",
            source: "POSIX.1-2017, chapter 8.1"),
        Explanation(
            .unsafeText, "a text that could be taken for an option",
            happens: """
                A text with '-' first is an option to many programs, and some characters mean something to a shell.
                """,
            looks: "Nothing yet: it is refused before it gets anywhere.",
            instead: "Use letters, digits, '.', '_' and '-', with a letter or digit first.",
            source: "docs/safety.md"),
    ]
}
