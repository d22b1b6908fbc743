/// The report of a run as one page of HTML that needs nothing else: plots are drawn here, and a
/// script, without which nothing is missing, adds a read-out under the pointer and zooming in time.
/// The same record gives the same bytes.
package enum ReportPage {
    package static func html(_ record: RunRecord) -> String {
        let verdict = Verdict(record)
        let sections = ReportSections(record: record, verdict: verdict)
        let axis = TimeAxis(record)
        return document("\(record.scenario): \(verdict.brief)") { out in
            out.element("main") { out in
                sections.writeHead(&out)
                sections.writePrefix(&out)
                sections.writeExpectations(&out)
                writeTimeline(&out, record, axis)
                writePlots(&out, record, axis)
                sections.writeChecks(&out)
                sections.writeLastEvents(&out)
            }
            out.element("div", ["id": "readout", "hidden": ""]) { _ in }
        }
    }

    private static func writeTimeline(
        _ out: inout Markup, _ record: RunRecord, _ axis: TimeAxis
    ) {
        out.element("section", ["class": "time"]) { out in
            out.element("div", ["class": "bar"]) { out in
                out.element("h2", text: "Timeline")
                out.element("div", ["class": "zoom"]) { out in
                    out.element(
                        "button",
                        ["type": "button", "data-zoom": "0.5", "aria-label": "zoom out"],
                        text: "−")
                    out.element("output", text: "1×")
                    out.element(
                        "button",
                        ["type": "button", "data-zoom": "2", "aria-label": "zoom in"], text: "+")
                }
            }
            let timeline = Timeline(record, axis)
            timeline.writeLegend(&out)
            if record.samples.isEmpty {
                out.element("p", ["class": "none"], text: "No node reported any progress.")
            }
            timeline.write(&out)
            if timeline.captionsLeftOut > 0 {
                let count = timeline.captionsLeftOut
                out.element(
                    "p", ["class": "none"],
                    text: Wording.count(count, "more fault is", "more faults are")
                        + " shown in the lanes alone.")
            }
        }
    }

    private static func writePlots(
        _ out: inout Markup, _ record: RunRecord, _ axis: TimeAxis
    ) {
        out.element("section", ["class": "time"]) { out in
            out.element("h2", text: "Latency: from a block's opening to its finality")
            if let latency = LatencyPlot(record, axis) {
                latency.write(&out)
            } else {
                out.element("p", ["class": "none"], text: "No block became final on a quorum.")
            }
        }
        let rates = [RatePlot.Measure.blocks, .transactions].compactMap {
            RatePlot(record, axis, $0)
        }
        guard !rates.isEmpty else { return }
        out.element("section", ["class": "time"]) { out in
            out.element("h2", text: "What became final")
            for rate in rates { rate.write(&out) }
        }
    }

    static func document(_ title: String, _ body: (inout Markup) -> Void) -> String {
        var out = Markup()
        out.element("html", ["lang": "en"]) { out in
            out.element("head") { out in
                out.leaf("meta", ["charset": "utf-8"])
                out.leaf(
                    "meta",
                    ["name": "viewport", "content": "width=device-width, initial-scale=1"])
                out.leaf("meta", ["name": "color-scheme", "content": "light dark"])
                out.element("title", text: title)
                out.element("style") { $0.trusted(ReportStyle.sheet) }
            }
            out.element("body") { out in
                patterns(&out)
                body(&out)
                out.element("script") { $0.trusted(ReportScript.text) }
            }
        }
        return "<!doctype html>\n\(out.page)\n"
    }

    /// Hatchings, so that bands differ without their colour.
    private static func patterns(_ out: inout Markup) {
        out.element("svg", ["class": "patterns", "width": "0", "height": "0"]) { out in
            for (name, path) in [
                ("outage", "M-2 2L2 -2M0 8L8 0M6 10L10 6"),
                ("hardship", "M-2 6L2 10M0 0L8 8M6 -2L10 2"),
            ] {
                out.element(
                    "pattern",
                    [
                        "id": "\(name)-pattern", "width": "8", "height": "8",
                        "patternUnits": "userSpaceOnUse",
                    ]
                ) {
                    $0.leaf("rect", ["class": "\(name)-ground", "width": "8", "height": "8"])
                    $0.leaf("path", ["class": "\(name)-hatch", "d": path])
                }
            }
        }
    }
}
