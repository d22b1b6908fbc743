extension ReportPage {
    /// One page for many runs, each with the file of its own page, a path relative to this one. What
    /// failed comes first; otherwise the given order is kept.
    package static func index(_ runs: [(record: RunRecord, file: String)]) -> String {
        let judged = runs.map { (record: $0.record, file: $0.file, verdict: Verdict($0.record)) }
        let failed = judged.filter { !$0.verdict.isGood }
        let ordered = failed + judged.filter { $0.verdict.isGood }
        return document("Runs: \(runs.count - failed.count) of \(runs.count) passed") { out in
            out.element("main") { out in
                writeIndexHead(&out, count: runs.count, failed: failed.map(\.verdict))
                guard !runs.isEmpty else { return }
                out.element("section") { out in
                    out.element("div", ["class": "table"]) { out in
                        out.element("table", ["class": "runs"]) { out in
                            writeIndexColumns(&out)
                            out.element("tbody") { out in
                                for run in ordered {
                                    writeRun(&out, run.record, run.file, run.verdict)
                                }
                            }
                        }
                    }
                }
            }
        }
    }

    private static func writeIndexHead(_ out: inout Markup, count: Int, failed: [Verdict]) {
        let style = failed.isEmpty ? (count == 0 ? "unmet" : "passed") : "violation"
        out.element("header", ["class": "head \(style)"]) { out in
            out.element("h1", text: Wording.count(count, "run", "runs"))
            let kinds = Verdict.Kind.allCases.compactMap { kind -> String? in
                let same = failed.filter { $0.kind == kind }
                guard let brief = same.first?.brief else { return nil }
                return "\(same.count) \(brief)"
            }
            let text =
                count == 0
                ? "Nothing was run."
                : failed.isEmpty
                    ? "✓ All passed."
                    : "✗ \(failed.count) of \(count) failed: " + kinds.joined(separator: ", ")
            out.element("p", ["class": "title"], text: text)
        }
    }

    private static func writeIndexColumns(_ out: inout Markup) {
        out.element("thead") { out in
            out.element("tr") { out in
                for (name, style) in [
                    ("Verdict", ""), ("Scenario", ""), ("Engine", ""), ("Seed", "number"),
                    ("Nodes", "number"), ("Duration", "number"), ("Height", "number"),
                    ("Latency p50", "number"), ("p99", "number"), ("Blocks/s over time", ""),
                ] {
                    out.element("th", ["class": style], text: name)
                }
            }
        }
    }

    private static func writeRun(
        _ out: inout Markup, _ record: RunRecord, _ file: String, _ verdict: Verdict
    ) {
        let latencies = record.sortedLatencies
        func percentile(_ percent: Int) -> String {
            Percentile.of(latencies, percent).map { Wording.span($0) } ?? "–"
        }
        let height = record.samples.map(\.height).max() ?? 0
        out.element("tr", ["class": verdict.kind.rawValue]) { out in
            out.element("td", ["class": "state"]) { out in
                verdict.drawSymbol(&out)
                out.text(verdict.brief)
            }
            out.element("th", ["scope": "row"]) { out in
                out.element("a", ["href": relative(file)], text: record.scenario)
                if !verdict.isGood {
                    out.element(
                        "div", ["class": "note"],
                        text: verdict.kind == .violation ? verdict.title : verdict.detail)
                }
            }
            out.element("td", text: record.engine.rawValue)
            for value in [
                "\(record.seed)", "\(record.nodes.count)", Wording.span(record.duration),
                Wording.grouped(height), percentile(50), percentile(99),
            ] {
                out.element("td", ["class": "number"], text: value)
            }
            out.element("td") { drawSpark(&$0, record) }
        }
    }

    private static func drawSpark(_ out: inout Markup, _ record: RunRecord) {
        let axis = TimeAxis(record)
        let rates = RatePlot.rates(
            record.finality.map { (time: $0.quorum, amount: 1) }, axis, parts: 50)
        let top = max(rates.values.max() ?? 0, 0.001)
        var line = "M0 25"
        for (index, rate) in rates.values.enumerated() {
            let end = axis.fraction(UInt64(index + 1) * rates.bin) * 140
            line += "V\(Wording.fixed(25 - 22 * rate / top, 1))H\(Wording.fixed(end, 1))"
        }
        out.element(
            "svg",
            [
                "class": "spark", "viewBox": "0 0 140 26", "width": "140", "height": "26",
                "role": "img", "aria-label": "blocks a second over time",
            ]
        ) {
            $0.leaf("path", ["class": "spread", "d": "\(line)V25z"])
            $0.leaf("path", ["class": "line", "d": line])
        }
    }

    /// A path that no browser takes for another place or for a script.
    static func relative(_ file: String) -> String {
        var path = ""
        for byte in file.utf8 {
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "_"),
                UInt8(ascii: "."), UInt8(ascii: "/"), UInt8(ascii: "~"):
                path.unicodeScalars.append(Unicode.Scalar(byte))
            default:
                let digits = String(byte, radix: 16, uppercase: true)
                path += "%" + (digits.count < 2 ? "0" : "") + digits
            }
        }
        return "./" + path
    }
}
