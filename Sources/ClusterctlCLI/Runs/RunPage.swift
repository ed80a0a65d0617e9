/// A run as one HTML page that needs nothing else: a timeline by node and phase, gates with their waits, what was
/// changed, and every event. All that comes from the journal is escaped.
enum RunPage {
    static func html(_ record: RunRecord) -> String {
        let timeline = RunTimeline(record)
        let title = "\(record.cluster): \(record.verb) \(record.at)"
        return """
            <!doctype html>
            <html lang="en">
            <head>
            <meta charset="utf-8">
            <meta name="viewport" content="width=device-width, initial-scale=1">
            <title>\(escaped(title))</title>
            <style>
            \(style)
            </style>
            </head>
            <body>
            <h1>\(escaped(title))</h1>
            <p>\(escaped(RunStory.ending(record))); \(record.changedTasks) task(s) changed something.</p>
            <h2>Timeline</h2>
            \(chart(timeline))
            <p class="key"><span class="steps">steps</span> <span class="gate">waiting for the gate</span>
            <span class="bad">failed</span> <span class="back">taken back</span> &#x25C6; guard or connection</p>
            <h2>Gates</h2>
            \(gates(timeline))
            <h2>Changes</h2>
            \(changes(timeline))
            <h2>Events</h2>
            \(events(record))
            </body>
            </html>

            """
    }

    private static func chart(_ timeline: RunTimeline) -> String {
        let rows = timeline.nodes.map { node in
            let lanes = timeline.lanes(of: node).map { bars in
                "<div class=\"track\">\(bars.map { self.bar($0, timeline.length) }.joined())</div>"
            }
            return "<tr><th>\(escaped(node))</th><td>\(lanes.joined())</td></tr>"
        }
        let end = RunStory.seconds(timeline.length)
        return "<table class=\"chart\">\n\(rows.joined(separator: "\n"))\n"
            + "<tr><th></th><td class=\"axis\"><span>0</span><span>\(end) s</span></td></tr>\n</table>"
    }

    private static func bar(_ bar: RunTimeline.Bar, _ length: Int) -> String {
        func percent(_ milliseconds: Int) -> String {
            let thousandths = milliseconds * 100_000 / length
            return "\(thousandths / 1000).\(String(thousandths % 1000).zeroPadded(to: 3))%"
        }
        let kind =
            switch bar.ending {
            case .failed: "bad"
            case .takenBack: "back"
            case .passed, .open: "steps"
            }
        let times = "\(RunStory.seconds(bar.begin)) to \(RunStory.seconds(bar.end)) s"
        let hint = "\(bar.phase): \(times)" + (bar.isGuarded ? ", guarded" : "")
        var parts = [
            "<div class=\"bar \(kind)\" style=\"left:\(percent(bar.begin));width:\(percent(bar.end - bar.begin))\" "
                + "title=\"\(escaped(hint))\">"
        ]
        if bar.waitedMilliseconds > 0, bar.end > bar.begin {
            let part = bar.waitedMilliseconds * 100_000 / (bar.end - bar.begin)
            parts.append(
                "<div class=\"gate\" style=\"width:\(part / 1000).\(String(part % 1000).zeroPadded(to: 3))%\"></div>")
        }
        parts.append("<span>\(escaped(bar.phase))</span></div>")
        parts += bar.marks.map { mark in
            let hint = escaped("\(RunStory.seconds(mark.at)) s: \(mark.text)")
            return "<i style=\"left:\(percent(mark.at))\" title=\"\(hint)\">&#x25C6;</i>"
        }
        return parts.joined()
    }

    private static func gates(_ timeline: RunTimeline) -> String {
        let rows = timeline.bars.filter { $0.waitingFor != nil }.map { bar in
            [
                bar.phase, bar.node, bar.waitingFor ?? "", RunStory.seconds(bar.waitedMilliseconds) + " s",
                bar.ending == .passed ? "held" : "last seen: \(bar.lastReason ?? "")",
            ]
        }
        return table(["phase", "node", "waiting for", "waited", ""], rows)
    }

    private static func changes(_ timeline: RunTimeline) -> String {
        let rows = timeline.bars.flatMap { bar in bar.changes.map { [bar.phase, bar.node, $0] } }
        return rows.isEmpty ? "<p>Nothing was changed.</p>" : table(["phase", "node", "what"], rows)
    }

    private static func events(_ record: RunRecord) -> String {
        let rows = record.events.compactMap { event -> [String]? in
            guard let sentence = RunStory.sentence(event) else { return nil }
            let place = [event.phase ?? "", event.node ?? ""]
            return [RunStory.seconds(event.milliseconds)] + place + [sentence, event.log.joined(separator: "\n")]
        }
        return table(["s", "phase", "node", "event", ""], rows)
    }

    private static func table(_ head: [String], _ rows: [[String]]) -> String {
        let titles = head.map { "<th>\(escaped($0))</th>" }.joined()
        let lines = rows.map { cells in
            "<tr>\(cells.map { "<td>\(escaped($0).replacing("\n", with: "<br>"))</td>" }.joined())</tr>"
        }
        return "<table>\n<tr>\(titles)</tr>\n\(lines.joined(separator: "\n"))\n</table>"
    }

    static func escaped(_ text: String) -> String {
        var result = ""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "&": result += "&amp;"
            case "<": result += "&lt;"
            case ">": result += "&gt;"
            case "\"": result += "&quot;"
            case "'": result += "&#39;"
            default: result.unicodeScalars.append(scalar)
            }
        }
        return result
    }

    private static let style = """
        :root { color-scheme: light dark; font: 15px/1.45 system-ui, sans-serif; }
        body { max-width: 75rem; margin: 2rem auto; padding: 0 1rem; }
        table { border-collapse: collapse; width: 100%; }
        th, td { text-align: left; vertical-align: top; padding: .2rem .6rem .2rem 0; border-bottom: 1px solid #8884; }
        .chart th { width: 10rem; font-weight: normal; }
        .track { position: relative; height: 1.5rem; }
        .bar { position: absolute; top: .1rem; height: 1.3rem; min-width: 2px; overflow: hidden; border-radius: 3px; }
        .bar span { position: absolute; left: .3rem; font-size: .8rem; white-space: nowrap; color: #fff; }
        .bar .gate { position: absolute; right: 0; top: 0; bottom: 0; }
        .track i { position: absolute; top: 0; font-style: normal; font-size: .7rem; transform: translateX(-50%); }
        .steps { background: #2563eb; color: #fff; } .gate { background: #64748b; color: #fff; }
        .bad { background: #b91c1c; color: #fff; } .back { background: #b45309; color: #fff; }
        .key span { padding: 0 .4rem; border-radius: 3px; }
        .axis { display: flex; justify-content: space-between; font-size: .8rem; }
        """
}

extension String {
    fileprivate func zeroPadded(to width: Int) -> String { String(repeating: "0", count: max(0, width - count)) + self }
}
