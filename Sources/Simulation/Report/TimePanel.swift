/// One plot over the run's time: fixed labels at its left, and what scrolls sideways once the reader
/// zooms in. Heights are pixels; widths are parts of the plot, so that text keeps its size on every
/// screen: shapes stand in an inner drawing that is stretched, text and marks in the outer one at
/// places given in per cent.
struct TimePanel {
    /// Room for the tick labels above and below the rows.
    static let axisHeight = 20
    static let labelWidth = 188
    /// The narrowest plot that labels are laid out for.
    static let narrowest = 560

    let axis: TimeAxis
    let kind: String
    let height: Int
    /// Of the whole, for a reader who can't see it.
    let summary: String

    /// Horizontal units that a text of so many characters covers at most.
    static func units(characters: Int) -> Int {
        (characters * 6 + 10) * TimeAxis.units / narrowest
    }

    /// Characters that fit into so many units at least.
    static func characters(units: Int) -> Int {
        max(0, (units * narrowest / TimeAxis.units - 10) / 6)
    }

    func write(
        _ out: inout Markup, attributes: String = "", labels: (inout Markup) -> Void,
        behind: (inout Markup) -> Void = { _ in }, shapes: (inout Markup) -> Void,
        marks: (inout Markup) -> Void
    ) {
        out.element("div", ["class": "panel"]) { out in
            out.element(
                "svg",
                [
                    "class": "labels", "width": "\(Self.labelWidth)", "height": "\(height)",
                    "aria-hidden": "true",
                ], labels)
            out.element("div", ["class": "scroll", "tabindex": "0"]) { out in
                out.element(
                    "svg",
                    [
                        "class": "plot", "width": "100%", "height": "\(height)", "role": "img",
                        "aria-label": summary, "data-kind": kind, "data-end": "\(axis.end)",
                        "data-values": attributes,
                    ]
                ) { out in
                    behind(&out)
                    grid(&out)
                    stretched(&out, shapes)
                    ticks(&out)
                    marks(&out)
                    out.leaf(
                        "line",
                        ["class": "cursor", "x1": "0", "x2": "0", "y1": "0", "y2": "\(height)"])
                }
            }
        }
    }

    private func stretched(_ out: inout Markup, _ shapes: (inout Markup) -> Void) {
        out.element(
            "svg",
            [
                "width": "100%", "height": "\(height)",
                "viewBox": "0 0 \(TimeAxis.units) \(height)", "preserveAspectRatio": "none",
            ], shapes)
    }

    private func grid(_ out: inout Markup) {
        let bottom = height - Self.axisHeight
        var coarse = ""
        var fine = ""
        for tick in axis.ticks {
            let line = "M\(axis.unit(tick.time)) \(Self.axisHeight)V\(bottom)"
            if tick.isFine { fine += line } else { coarse += line }
        }
        stretched(&out) { out in
            out.leaf("path", ["class": "grid", "d": coarse])
            if !fine.isEmpty { out.leaf("path", ["class": "grid fine", "d": fine]) }
        }
    }

    private func ticks(_ out: inout Markup) {
        for tick in axis.ticks {
            let part = axis.fraction(tick.time)
            let anchor = part < 0.02 ? "start" : part > 0.97 ? "end" : "middle"
            let side = "tick \(anchor)" + (tick.isFine ? " fine" : "")
            for y in [12, height - 6] where y == 12 || height > 80 {
                out.element(
                    "text", ["class": side, "x": axis.percent(tick.time), "y": "\(y)"],
                    text: tick.label)
            }
        }
    }
}

/// Bands of the record that differ in their nodes alone, as one.
struct BandGroup {
    let start: UInt64
    let end: UInt64
    let title: String
    /// In rising order; all of them: an empty list.
    var nodes: [Int]

    /// Whether the nodes did not run, rather than run under a hardship.
    var isOutage: Bool {
        ["down", "killed", "stopped", "paused"].contains { title.hasPrefix($0) }
    }

    var style: String { isOutage ? "band outage" : "band hardship" }

    static func all(_ record: RunRecord) -> [BandGroup] {
        let sorted = record.bands.enumerated().sorted { one, other in
            let (left, right) = (one.element, other.element)
            if left.start != right.start { return left.start < right.start }
            if left.end != right.end { return left.end < right.end }
            if left.title != right.title { return left.title < right.title }
            return one.offset < other.offset
        }
        var groups: [BandGroup] = []
        for (_, band) in sorted {
            if let last = groups.last, last.start == band.start, last.end == band.end,
                last.title == band.title
            {
                let isAll = last.nodes.isEmpty || band.nodes.isEmpty
                groups[groups.count - 1].nodes = isAll ? [] : last.nodes + band.nodes
            } else {
                groups.append(
                    BandGroup(
                        start: band.start, end: band.end, title: band.title, nodes: band.nodes))
            }
        }
        for index in groups.indices { groups[index].nodes = Set(groups[index].nodes).sorted() }
        return groups
    }

    /// Bands of one title that overlap, as one: so many of them would only hide each other's titles.
    static func merged(_ groups: [BandGroup]) -> [BandGroup] {
        var merged: [BandGroup] = []
        for group in groups {
            let same = merged.lastIndex { $0.title == group.title && $0.end >= group.start }
            guard let same else {
                merged.append(group)
                continue
            }
            let isAll = merged[same].nodes.isEmpty || group.nodes.isEmpty
            let nodes = isAll ? [] : Set(merged[same].nodes + group.nodes).sorted()
            merged[same] = BandGroup(
                start: merged[same].start, end: max(merged[same].end, group.end),
                title: group.title, nodes: nodes)
        }
        return merged
    }

    /// The title with whom it hit.
    func caption(_ record: RunRecord) -> String {
        guard !nodes.isEmpty else { return title }
        let whom = nodes.count > 3 ? "\(nodes.count) nodes" : record.names(nodes)
        return "\(title): \(whom)"
    }

    /// The stretch of time as a rectangle; never thinner than can be seen.
    func draw(_ out: inout Markup, _ axis: TimeAxis, y: Int, height: Int, style: String? = nil) {
        let from = axis.fraction(start) * 100
        let to = max(axis.fraction(end) * 100, from)
        out.element(
            "rect",
            [
                "class": style ?? self.style, "x": Wording.fixed(from, 2) + "%", "y": "\(y)",
                "width": Wording.fixed(max(to - from, 0.15), 2) + "%", "height": "\(height)",
            ]
        ) {
            $0.element(
                "title",
                text: "\(title), \(Wording.time(start)) to \(Wording.time(min(end, axis.end)))")
        }
    }
}
