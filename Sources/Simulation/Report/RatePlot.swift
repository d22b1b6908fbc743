/// How much became final in each stretch of time: blocks, or the transactions in them.
struct RatePlot {
    enum Measure: String {
        case blocks, transactions
    }

    private static let height = 124

    let record: RunRecord
    let axis: TimeAxis
    let measure: Measure
    /// Nanoseconds.
    let bin: UInt64
    /// In each bin, a second. The last bin may be cut short by the run's end, and is measured as long
    /// as it is.
    let rates: [Double]
    private let scale: ValueScale

    init?(_ record: RunRecord, _ axis: TimeAxis, _ measure: Measure) {
        let amounts = record.finality.map {
            (time: $0.quorum, amount: measure == .blocks ? 1 : max(0, $0.transactions))
        }
        guard amounts.contains(where: { $0.amount > 0 }) else { return nil }
        self.record = record
        self.axis = axis
        self.measure = measure
        let rates = RatePlot.rates(amounts, axis)
        bin = rates.bin
        self.rates = rates.values
        scale = ValueScale(
            top: Double(TimePanel.axisHeight + 4), bottom: Double(Self.height - 22), low: 0,
            high: max(rates.values.max() ?? 0, 0.01) * 1.08, isLogarithmic: false, parts: 3)
    }

    static func rates(
        _ amounts: [(time: UInt64, amount: Int)], _ axis: TimeAxis, parts: Int = 100
    ) -> (bin: UInt64, values: [Double]) {
        // Some blocks in each bin, or the plot shows how the bins fall and not the rate.
        let wanted = UInt64(min(parts, max(12, amounts.count / 6)))
        let bin = max(TimeAxis.step(axis.end, parts: wanted), 1)
        let count = Int((axis.end - 1) / bin) + 1
        var sums = Array(repeating: 0.0, count: count)
        for (time, amount) in amounts { sums[min(count - 1, Int(time / bin))] += Double(amount) }
        for index in sums.indices {
            let length = min(bin, axis.end - UInt64(index) * bin)
            sums[index] = sums[index] * 1e9 / Double(length)
        }
        // A sliver at the end says nothing: what fell into it would look like a peak.
        if count > 1, axis.end - UInt64(count - 1) * bin < bin / 2 { sums.removeLast() }
        return (bin, sums)
    }

    func write(_ out: inout Markup) {
        let name = measure.rawValue
        let panel = TimePanel(
            axis: axis, kind: "rate", height: Self.height,
            summary: "\(name) a second over time")
        let values = rates.map { Wording.fixed($0, 1) }.joined(separator: ";")
        panel.write(
            &out, attributes: "\(bin)|\(name)/s|\(values)", labels: { labels(&$0) },
            behind: { out in
                for band in BandGroup.all(record) {
                    band.draw(
                        &out, axis, y: TimePanel.axisHeight,
                        height: Self.height - 42)
                }
            },
            shapes: { shapes(&$0) }, marks: { _ in })
    }

    private func labels(_ out: inout Markup) {
        let seconds = axis.fraction(axis.end) * Double(axis.end) / 1e9
        let total = record.finality.reduce(0.0) {
            $0 + (measure == .blocks ? 1 : Double(max(0, $1.transactions)))
        }
        let title = measure == .blocks ? "Blocks a second" : "Transactions a second"
        out.element("text", ["class": "row strong", "x": "2", "y": "36"], text: title)
        out.element(
            "text", ["class": "row", "x": "2", "y": "51"],
            text: "mean \(Wording.fixed(total / seconds, 2))")
        out.element(
            "text", ["class": "row", "x": "2", "y": "66"], text: "in steps of \(Wording.span(bin))"
        )
        for tick in scale.ticks {
            let decimals = scale.high < 1 ? 2 : scale.high < 5 ? 1 : 0
            out.element(
                "text",
                [
                    "class": "tick end", "x": "\(TimePanel.labelWidth - 8)",
                    "y": Wording.fixed(scale.y(tick) + 4, 1),
                ], text: Wording.fixed(tick, decimals))
        }
    }

    private func shapes(_ out: inout Markup) {
        var rules = ""
        for tick in scale.ticks {
            rules += "M0 \(Wording.fixed(scale.y(tick), 1))H\(TimeAxis.units)"
        }
        out.leaf("path", ["class": "grid", "d": rules])
        let floor = Wording.fixed(scale.bottom, 1)
        var line = "M0 \(floor)"
        for (index, rate) in rates.enumerated() {
            line += "V\(Wording.fixed(scale.y(rate), 1))H\(axis.unit(UInt64(index + 1) * bin))"
        }
        out.leaf("path", ["class": "spread", "d": "\(line)V\(floor)z"])
        out.leaf("path", ["class": "line", "d": line])
    }
}
