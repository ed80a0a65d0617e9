extension Explanation {
    /// Texts that are not the YAML that clusterctl reads.
    static let yaml: [Explanation] = [
        Explanation(
            .notText, "a file that is no text",
            happens: """
                A byte is no UTF-8, or is zero. Names could not be told apart, and other programs stop at a zero \
                byte.
                """,
            looks: "A file was saved in an old encoding, or is no text at all.",
            instead: "Save the file as UTF-8.",
            source: "YAML 1.2.2, chapter 5.2"),
        Explanation(
            .syntax, "YAML that cannot be parsed",
            happens: "Nothing after this place can be read, so what stands there was not checked.",
            looks: "A missing quote, colon or bracket, a tab as indentation, or a template that was not filled in.",
            instead: "Look just before the place. Fill in templates first, and check what comes out.",
            source: "YAML 1.2.2; libyaml"),
        Explanation(
            .limit, "more than a file may cost to read",
            happens: """
                The file is too large, too deep, or its aliases stand for very many nodes. A few lines of aliases \
                can fill the memory of whoever reads them.
                """,
            looks: "An inventory written by a program, or a file made to do harm.",
            instead: "Write ranges such as \"rack1-[01-20]\", or several files.",
            source: "clusterctl Sources/YAML/YAMLDocument.swift has the limits"),
        Explanation(
            .alias, "an alias of nothing, or of itself",
            happens: "An alias repeats what its anchor names. This one has no anchor before it, or stands within it.",
            looks: "Part of a file was moved, and its anchor was left behind.",
            instead: "Put the anchor before the alias, or write the value out.",
            source: "YAML 1.2.2, chapter 7.1"),
        Explanation(
            .duplicateKey, "a key that stands twice",
            happens: "Only one of two values can hold, and programs disagree on which one.",
            looks: """
                A setting that was added at the end of a map does nothing, as an earlier one holds, or the other way \
                round.
                """,
            instead: "Keep one of the two.",
            source: "YAML 1.2.2, chapter 3.2.1.3"),
        Explanation(
            .keyIsNoText, "a key that is a list or a map",
            happens: "Keys of an inventory are names.",
            looks: "A '?' or a bracket at the start of a line that was meant as text.",
            instead: "Write a text as the key, in quotes if need be.",
            source: "docs/inventory.md"),
        Explanation(
            .mergeKey, "a merge key '<<'",
            happens: "YAML 1.2 dropped merge keys, and readers disagree on them.",
            looks: "What was merged in is there for one program and missing for another.",
            instead: "Put shared settings under 'defaults'.",
            source: "YAML 1.2.2; yaml.org/type/merge.html is of 1.1"),
        Explanation(
            .unknownTag, "a tag that clusterctl does not know",
            happens: "Tags make some programs build objects of their own out of a text.",
            looks: "A file made for another program, such as one with '!vault'.",
            instead: "Leave the tag out; name secrets by where they come from.",
            source: "YAML 1.2.2, chapter 10"),
        Explanation(
            .severalDocuments, "a second document",
            happens: "An inventory is one document; what follows '---' would be ignored.",
            looks: "Nodes at the end of the file never appear in the plan.",
            instead: "Keep the second document in a file of its own.",
            source: "docs/inventory.md"),
    ]
}
