/// The parts of the page that are words: the head, what the checkers saw, and the logs' ends.
struct ReportSections {
    let record: RunRecord
    let verdict: Verdict

    // MARK: the head

    func writeHead(_ out: inout Markup) {
        out.element("header", ["class": "head \(verdict.kind.rawValue)"]) { out in
            out.element("div", ["class": "verdict"]) { out in
                verdict.drawSymbol(&out)
                out.element("div") { out in
                    out.element("h1", text: record.scenario)
                    out.element("p", ["class": "title"], text: verdict.title)
                    out.element("p", text: verdict.detail)
                }
            }
            if !record.story.isEmpty {
                out.element("p", ["class": "story"], text: record.story)
            }
            writeFacts(&out)
            writeCommand(&out, "Repeat this run", record.command)
        }
        writeFigures(&out)
    }

    private func writeFacts(_ out: inout Markup) {
        let engine: String
        switch record.engine {
        case .simulation: engine = "simulation (virtual time)"
        case .processes: engine = "processes (real time)"
        }
        let guilty = record.guilty.isEmpty ? "nobody" : record.names(record.guilty)
        let byzantine = record.nodes.filter { $0.role != nil }.count
        let nodes = "\(record.nodes.count)" + (byzantine > 0 ? ", \(byzantine) Byzantine" : "")
        let facts = [
            ("Engine", engine), ("Seed", "\(record.seed)"),
            ("Duration", Wording.span(record.duration)), ("Nodes", nodes),
            ("Named by evidence", guilty),
            ("Trace hash", record.traceHash ?? "none"),
        ]
        out.element("dl", ["class": "facts"]) { out in
            for (name, value) in facts {
                out.element("div", name == "Trace hash" ? ["class": "wide"] : [:]) {
                    $0.element("dt", text: name)
                    $0.element("dd", text: value)
                }
            }
        }
    }

    func writeCommand(_ out: inout Markup, _ title: String, _ command: String) {
        out.element("div", ["class": "command"]) { out in
            out.element("span", ["class": "label"], text: title)
            out.element("code", text: command)
            out.element("button", ["type": "button", "class": "copy"], text: "Copy")
        }
    }

    private func writeFigures(_ out: inout Markup) {
        guard !record.figures.isEmpty else { return }
        out.element("dl", ["class": "figures"]) { out in
            for figure in record.figures {
                out.element("div") {
                    $0.element("dt", text: figure.name)
                    $0.element("dd", text: figure.value)
                }
            }
        }
    }

    // MARK: what was checked

    func writeExpectations(_ out: inout Markup) {
        let lines = zip(record.expectationTexts, record.expectationsMet)
        guard !record.expectationTexts.isEmpty else { return }
        out.element("section") { out in
            out.element("h2", text: "What the scenario expected")
            out.element("ul", ["class": "expectations"]) { out in
                for (text, isMet) in lines {
                    out.element("li", ["class": isMet ? "good" : "bad"]) {
                        $0.element(
                            "strong", text: isMet ? "✓ came true" : "✗ did not come true")
                        $0.element("span", text: text)
                    }
                }
            }
        }
    }

    func writeChecks(_ out: inout Markup) {
        out.element("section") { out in
            out.element("h2", text: "What the checkers saw")
            guard !record.checks.isEmpty else {
                out.element("p", ["class": "none"], text: "No checker ran.")
                return
            }
            out.element("div", ["class": "table"]) { out in
                out.element("table") { out in
                    out.element("thead") { out in
                        out.element("tr") { out in
                            out.element("th", text: "Property")
                            out.element("th", text: "Rule")
                            out.element("th", ["class": "number"], text: "Facts examined")
                            out.element("th", text: "Outcome")
                        }
                    }
                    out.element("tbody") { out in
                        var number = 1
                        for check in record.checks {
                            writeCheck(&out, check, firstFinding: number)
                            number += check.findings.count
                        }
                    }
                }
            }
        }
    }

    private func writeCheck(
        _ out: inout Markup, _ check: RunRecord.Checked, firstFinding: Int
    ) {
        let outcome: (style: String, text: String)
        if !check.findings.isEmpty {
            outcome = ("bad", "✗ " + Wording.count(check.findings.count, "finding", "findings"))
        } else if check.examined == 0 {
            outcome = ("unseen", "– saw nothing to judge")
        } else {
            outcome = ("good", "✓ holds")
        }
        out.element("tr", ["class": outcome.style]) { out in
            out.element("th", ["scope": "row"], text: check.property.rawValue)
            out.element("td") { out in
                out.text(check.property.rule)
                if let note = check.note { out.element("div", ["class": "note"], text: note) }
            }
            out.element("td", ["class": "number"], text: Wording.grouped(check.examined))
            out.element("td", ["class": "outcome"], text: outcome.text)
        }
        guard !check.findings.isEmpty else { return }
        out.element("tr", ["class": "found"]) { out in
            out.element("td", ["colspan": "4"]) { out in
                out.element("ol") { out in
                    for (index, finding) in check.findings.enumerated() {
                        writeFinding(&out, finding, number: firstFinding + index)
                    }
                }
            }
        }
    }

    private func writeFinding(_ out: inout Markup, _ finding: Finding, number: Int) {
        out.element("li", ["id": "F\(number)"]) { out in
            out.element("strong", text: "◆ F\(number)")
            out.element("span", ["class": "when"], text: Wording.time(finding.time))
            out.element("span", ["class": "who"], text: record.names(finding.nodes))
            out.element("span", text: finding.text)
        }
    }

    // MARK: how it broke

    func writePrefix(_ out: inout Markup) {
        guard let prefix = record.failingPrefix else { return }
        out.element("section", ["class": "prefix"]) { out in
            out.element("h2", text: "The shortest beginning that shows it")
            out.element(
                "p",
                text: "The first \(Wording.time(prefix.time)),"
                    + " \(Wording.grouped(prefix.events)) events. "
                    + (prefix.faultsKept.isEmpty
                        ? "No fault is needed." : "Of the faults, these are needed:"))
            if !prefix.faultsKept.isEmpty {
                out.element("ul") { out in
                    for fault in prefix.faultsKept { out.element("li", text: fault) }
                }
            }
            writeCommand(&out, "Repeat only this", prefix.command)
        }
    }

    /// Those of the nodes that a finding names are open.
    func writeLastEvents(_ out: inout Markup) {
        let concerned = Set(record.findings.flatMap(\.nodes))
        guard record.nodes.contains(where: { !$0.lastEvents.isEmpty }) else { return }
        out.element("section") { out in
            out.element("h2", text: "Last events of each node")
            for (index, node) in record.nodes.enumerated() where !node.lastEvents.isEmpty {
                let isOpen = !record.passed && concerned.contains(index)
                out.element("details", isOpen ? ["open": ""] : [:]) { out in
                    out.element("summary") { out in
                        out.element("strong", text: node.name)
                        let count = Wording.count(node.lastEvents.count, "event", "events")
                        out.text(" " + count + (node.role.map { ", ▲ \($0)" } ?? ""))
                    }
                    out.element("pre", text: node.lastEvents.joined(separator: "\n"))
                }
            }
        }
    }
}
