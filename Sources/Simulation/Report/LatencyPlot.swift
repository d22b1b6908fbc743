/// How long blocks took to become final: a dot for each, the moving median, and the percentiles of
/// the whole run. Logarithmic where a linear scale would press most dots onto its floor.
struct LatencyPlot {
    /// Blocks drawn at most; the percentiles are of all.
    static let dots = 2400
    static let percents = [50, 90, 99]
    private static let height = 250

    let record: RunRecord
    let axis: TimeAxis
    let blocks: [RunRecord.Finality]
    /// Of the quorum latency, in nanoseconds.
    let percentiles: [UInt64]
    let scale: ValueScale
    /// Stretches of time that the moving median is taken over: some blocks in each.
    private let bins: Int

    init?(_ record: RunRecord, _ axis: TimeAxis) {
        guard !record.finality.isEmpty else { return nil }
        self.record = record
        self.axis = axis
        blocks = LatencyPlot.thinned(record.finality.sorted { $0.opened < $1.opened })
        bins = min(120, max(6, record.finality.count / 4))
        let sorted = record.sortedLatencies
        percentiles = Self.percents.compactMap { Percentile.of(sorted, $0) }
        let high = Double(max(sorted.last ?? 0, 1)) / 1e6
        let low = Double(max(record.finality.map(\.firstLatency).min() ?? 0, 1000)) / 1e6
        let median = Double(max(percentiles.first ?? 0, 1000)) / 1e6
        // Half of the dots in the lowest eighth: the spread demands it.
        let isLogarithmic = high > 8 * median
        scale = ValueScale(
            top: Double(TimePanel.axisHeight + 6),
            bottom: Double(Self.height - TimePanel.axisHeight - 2),
            low: isLogarithmic ? low * 0.8 : 0, high: high * (isLogarithmic ? 1.2 : 1.08),
            isLogarithmic: isLogarithmic)
    }

    /// Of many blocks in time's order: the slowest of each of so many stretches, which a reader looks
    /// for, and evenly chosen ones.
    static func thinned(_ blocks: [RunRecord.Finality]) -> [RunRecord.Finality] {
        guard blocks.count > dots else { return blocks }
        let stretches = dots / 2
        var kept: [RunRecord.Finality] = []
        for stretch in 0..<stretches {
            let from = stretch * blocks.count / stretches
            let to = (stretch + 1) * blocks.count / stretches
            guard
                let slowest = (from..<to).max(by: {
                    (blocks[$0].quorumLatency, $1) < (blocks[$1].quorumLatency, $0)
                })
            else { continue }
            let other = slowest == from ? to - 1 : from
            for index in Set([slowest, other]).sorted() { kept.append(blocks[index]) }
        }
        return kept
    }

    func write(_ out: inout Markup) {
        let panel = TimePanel(
            axis: axis, kind: "latency", height: Self.height,
            summary: "Latency of finality over time, in milliseconds")
        let values = blocks.map {
            "\(axis.unit($0.opened)),\($0.height),\($0.firstLatency / 1000),"
                + "\($0.quorumLatency / 1000),\($0.transactions)"
        }
        let bands = BandGroup.all(record)
        panel.write(
            &out, attributes: values.joined(separator: ";"), labels: { labels(&$0) },
            behind: { out in
                let room = Self.height - 2 * TimePanel.axisHeight
                for band in bands {
                    band.draw(&out, axis, y: TimePanel.axisHeight, height: room)
                }
            },
            shapes: { shapes(&$0) }, marks: { _ in })
        legend(&out)
    }

    private func labels(_ out: inout Markup) {
        let right = TimePanel.labelWidth - 8
        for tick in scale.ticks {
            out.element(
                "text",
                [
                    "class": "tick end", "x": "\(right)",
                    "y": Wording.fixed(scale.y(tick) + 4, 1),
                ], text: Wording.span(UInt64(tick * 1e6)))
        }
        // From the lowest line up, each label at least a line's height above the last.
        var last = Double(Self.height) + 20
        for (percent, value) in zip(Self.percents, percentiles) {
            let wanted = scale.y(Double(value) / 1e6) + 4
            let y = min(wanted, last - 14)
            last = y
            out.element(
                "text", ["class": "row strong", "x": "2", "y": Wording.fixed(max(12, y), 1)],
                text: "p\(percent) \(Wording.span(value))")
        }
    }

    private func shapes(_ out: inout Markup) {
        var rules = ""
        for tick in scale.ticks {
            rules += "M0 \(Wording.fixed(scale.y(tick), 1))H\(TimeAxis.units)"
        }
        out.leaf("path", ["class": "grid", "d": rules])
        var first = ""
        var quorum = ""
        for block in blocks {
            let x = axis.unit(block.opened)
            first += dot(x, block.firstLatency)
            quorum += dot(x, block.quorumLatency)
        }
        let size = blocks.count > 600 ? "dots many" : "dots"
        out.leaf("path", ["class": "\(size) first", "d": first])
        out.leaf("path", ["class": "\(size) quorum", "d": quorum])
        for (percent, value) in zip(Self.percents, percentiles) {
            let y = Wording.fixed(scale.y(Double(value) / 1e6), 1)
            out.leaf(
                "path",
                ["class": "percentile p\(percent)", "d": "M0 \(y)H\(TimeAxis.units)"])
        }
        out.leaf("path", ["class": "halo", "d": moving])
        out.leaf("path", ["class": "moving", "d": moving])
    }

    /// A line of no length, whose round or square end is a dot that does not stretch.
    private func dot(_ x: Int, _ latency: UInt64) -> String {
        "M\(x) \(Wording.fixed(scale.y(Double(latency) / 1e6), 1))h0"
    }

    /// The median of all blocks opened within one and a half bins of a bin's middle; a gap where no
    /// block was opened.
    private var moving: String {
        var latencies = Array(repeating: [UInt64](), count: bins)
        for block in record.finality {
            let bin = Int(axis.fraction(block.opened) * Double(bins))
            latencies[min(bins - 1, bin)].append(block.quorumLatency)
        }
        var path = ""
        var isOpen = false
        for bin in 0..<bins {
            guard !latencies[bin].isEmpty else {
                isOpen = false
                continue
            }
            let near = latencies[max(0, bin - 1)...min(bins - 1, bin + 1)]
            let median = Percentile.of(near.flatMap { $0 }.sorted(), 50) ?? 0
            let x = (2 * bin + 1) * TimeAxis.units / (2 * bins)
            let y = Wording.fixed(scale.y(Double(median) / 1e6), 1)
            path += isOpen ? "L\(x) \(y)" : "M\(x) \(y)"
            isOpen = true
        }
        return path
    }

    private func legend(_ out: inout Markup) {
        out.element("ul", ["class": "legend"]) { out in
            for (style, text) in [
                ("round", "final on a quorum"), ("square", "final on the first node"),
                ("sample-moving", "moving median (p50) of quorum"),
                ("sample-percentile", "p50, p90, p99 of the run, of quorum"),
            ] {
                out.element("li") {
                    $0.element("span", ["class": "swatch \(style)"]) { _ in }
                    $0.text(text)
                }
            }
            if scale.isLogarithmic { out.element("li", text: "(logarithmic scale)") }
            let (shown, all) = (blocks.count, record.finality.count)
            if shown < all {
                out.element(
                    "li",
                    text: "(\(shown) of \(all) blocks drawn, the slowest among them;"
                        + " percentiles are of all)")
            }
        }
    }
}
