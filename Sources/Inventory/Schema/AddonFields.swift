/// The keys of addons.
enum AddonFields {
    static let addon = ObjectType(
        "an addon",
        [
            Field(
                "chart", .text(.chart), "The chart's name in `repo`, or all of its address in a registry",
                required: true, example: "oci://quay.io/jetstack/charts/cert-manager"),
            Field("repo", .text(.url), "The Helm repository, unless the chart is in a registry"),
            Field(
                "version", .text(.chartVersion), "The version of the chart, one and not a range", required: true,
                example: "v1.18.2"),
            Field("namespace", .text(.partName), "Where it is installed", standard: "the addon's name"),
            Field(
                "values", .free(.chartValues), "Chart values; secrets never stand here",
                example: "{deployment: {kind: DaemonSet}}"),
            Field(
                "after", .oneOrMore(.text(.partName)), "Addons that must be there first; they stand before it"),
        ])
}
