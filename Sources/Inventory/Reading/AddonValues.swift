import YAML

extension Draft {
    /// Those that are whole; what the others lack was reported.
    var addons: [Addon] {
        (root["addons"]?.entries ?? []).compactMap { entry in
            let node = entry.value
            guard let chart = node["chart"]?.text(.chart), let version = node["version"]?.text(.chartVersion) else {
                return nil
            }
            let source: Addon.Chart
            if let url = node["repo"]?.text(.url) {
                source = .repository(url: url, chart: chart)
            } else if chart.hasPrefix(Addon.registryScheme) {
                source = .registry(chart)
            } else {
                return nil
            }
            return Addon(
                name: entry.key, chart: source, version: version, namespace: node["namespace"]?.text(.partName),
                values: node["values"].flatMap { YAMLValue($0).map } ?? [:],
                after: node["after"]?.texts(.partName) ?? [])
        }
    }
}
