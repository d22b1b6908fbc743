import Simulation
import Testing

@Suite("The report of a run")
struct ReportTests {
    private func record(_ nodes: Int = 4) -> RunRecord {
        var record = RunRecord(
            scenario: "sample", story: "A story.", engine: .simulation, seed: 7,
            command: "prytany simulate --seed 7", duration: 10_000_000_000)
        record.nodes = (0..<nodes).map {
            RunRecord.Node(name: "node-\($0)", stake: 100, role: nil, region: nil)
        }
        record.passed = true
        record.checks = Property.allCases.map {
            RunRecord.Checked(property: $0, examined: 5, findings: [])
        }
        return record
    }

    /// Every opened element is closed in order; void elements of HTML apart.
    private func isBalanced(_ page: String) -> Bool {
        let void: Set<String> = ["meta", "br", "hr", "input", "link", "img"]
        var open: [String] = []
        var rest = Substring(page)
        while let start = rest.firstIndex(of: "<") {
            rest = rest[rest.index(after: start)...]
            guard let end = rest.firstIndex(of: ">") else { return false }
            let tag = rest[..<end]
            rest = rest[rest.index(after: end)...]
            if tag.hasPrefix("!") || tag.hasSuffix("/") { continue }
            let isEnd = tag.hasPrefix("/")
            let name = String(tag.drop { $0 == "/" }.prefix { $0 != " " && $0 != "\n" })
            if name == "script" || name == "style", !isEnd {
                // Their content is no markup.
                guard let close = rest.range(of: "</\(name)>") else { return false }
                rest = rest[close.upperBound...]
                continue
            }
            if void.contains(name) { continue }
            if isEnd {
                guard open.popLast() == name else { return false }
            } else {
                open.append(name)
            }
        }
        return open.isEmpty
    }

    @Test("The page of a simulated run is well formed, alone, and the same each time")
    func simulated() {
        var scenario = Scenario(name: "leader-killed", story: "The leader dies.")
        scenario.duration = .seconds(8)
        scenario.faults = [
            Fault(.at(.seconds(2)), .kill([.leader]), lasting: .seconds(1))
        ]
        let run = Simulation.run(scenario, seed: 3).record
        let page = ReportPage.html(run)
        #expect(page == ReportPage.html(run))
        #expect(isBalanced(page))
        for outside in ["http:", "https:", " src=", "@import"] {
            // The name space of SVG is an identifier, and no address that anything is fetched from.
            let names = page.components(of: "http://www.w3.org/")
            #expect(names.joined().components(of: outside).count == 1, "\(outside)")
        }
        // Fills refer to patterns of the page itself.
        #expect(page.components(of: "url(").count == page.components(of: "url(#").count)
        #expect(page.contains("leader-killed") && page.contains("killed"))
        #expect(page.contains(run.traceHash ?? "none"))
    }

    @Test("Text from outside cannot become markup")
    func hostile() {
        var record = record()
        let hostile = "</script><script>alert(1)</script>\"'&<b>"
        record.scenario = hostile
        record.story = hostile
        record.command = hostile
        record.nodes[0].name = hostile
        record.nodes[0].lastEvents = [hostile]
        record.bands = [RunRecord.Band(start: 0, end: 5_000_000, nodes: [0], title: hostile)]
        record.checks[0].findings = [Finding(.agreement, time: 5, nodes: [0], hostile)]
        record.expectations = [(hostile, false)]
        record.figures = [.init(hostile, hostile)]
        let page = ReportPage.html(record)
        #expect(!page.contains("<script>alert"))
        #expect(!page.contains("<b>"))
        #expect(isBalanced(page))
    }

    @Test("A run in which nothing happened has a page")
    func empty() {
        var record = record(0)
        record.checks = []
        record.duration = 0
        #expect(isBalanced(ReportPage.html(record)))
    }

    @Test("A hundred nodes with thousands of samples stay below two megabytes")
    func large() {
        var record = record(100)
        for node in 0..<100 {
            for step in 0..<1500 {
                record.samples.append(
                    RunRecord.Sample(
                        time: UInt64(step) * 6_000_000, node: node, height: UInt64(step),
                        window: UInt64(step / 16), leader: (step / 16) % 100))
            }
        }
        record.finality = (1..<20_000).map {
            RunRecord.Finality(
                height: UInt64($0), opened: UInt64($0) * 400_000, first: UInt64($0) * 400_000 + 9,
                quorum: UInt64($0) * 400_000 + 90_000_000, transactions: 3)
        }
        let page = ReportPage.html(record)
        #expect(isBalanced(page))
        #expect(page.utf8.count < 2_000_000)
    }

    @Test("The index names every run and links to its page")
    func index() {
        let page = ReportPage.index([(record(), "a.html"), (record(7), "b.html")])
        #expect(isBalanced(page))
        #expect(page.contains("a.html") && page.contains("b.html"))
    }
}

extension String {
    fileprivate func components(of separator: String) -> [String] {
        var parts: [String] = []
        var rest = Substring(self)
        while let found = rest.range(of: separator) {
            parts.append(String(rest[..<found.lowerBound]))
            rest = rest[found.upperBound...]
        }
        return parts + [String(rest)]
    }
}

extension Substring {
    /// The first place of a text in this one; naive, as a test may be.
    fileprivate func range(of text: String) -> Range<String.Index>? {
        let wanted = Array(text.utf8)
        let bytes = Array(utf8)
        guard !wanted.isEmpty, bytes.count >= wanted.count else { return nil }
        var position = 0
        while position + wanted.count <= bytes.count {
            if bytes[position] == wanted[0],
                bytes[position..<(position + wanted.count)].elementsEqual(wanted)
            {
                let start = utf8.index(startIndex, offsetBy: position)
                return start..<utf8.index(start, offsetBy: wanted.count)
            }
            position += 1
        }
        return nil
    }
}
