/// The timeline: one lane for each node under rows that sum up the cluster. Up to sixteen nodes a
/// lane holds the final height as a line, on one scale for all; with more, it holds shades of how
/// far the node is behind the highest one.
struct Timeline {
    /// The title of a band, as it is laid out.
    private struct Caption {
        let group: BandGroup
        let text: String
        let row: Int
        let isRight: Bool
    }

    static let paletteSize = 8
    /// Rows of titles of bands, at most.
    static let captionRows = 6
    static let captionHeight = 15
    private static let overviewHeight = 54
    private static let leaderRowHeight = 18

    let record: RunRecord
    let axis: TimeAxis
    let bins: Int
    let tracks: [Track]
    /// The highest final height of any node, by bin.
    let highest: [UInt64?]
    let lowest: [UInt64?]
    let top: UInt64
    let bands: [BandGroup]
    /// Who leads as most nodes see it, by bin.
    let common: [Int?]
    /// The same as runs of bins.
    let leaders: [(from: Int, to: Int, value: Int)]
    /// Leaders in the order in which they first led: their place gives their colour.
    let leaderOrder: [Int]
    let isThin: Bool
    let laneHeight: Int
    private let captions: [Caption]
    let captionsLeftOut: Int

    init(_ record: RunRecord, _ axis: TimeAxis) {
        self.record = record
        self.axis = axis
        let count = record.nodes.count
        isThin = count > 16
        bins = count <= 16 ? 4000 : count <= 32 ? 800 : 400
        laneHeight =
            count <= 4
            ? 64
            : count <= 8
                ? 56
                : count <= 16
                    ? 44
                    : count <= 32
                        ? 26
                        : count <= 64 ? 16 : 13
        let tracks = Track.all(record, axis, bins: bins)
        self.tracks = tracks
        highest = (0..<bins).map { bin in tracks.compactMap { $0.states[bin]?.height }.max() }
        lowest = (0..<bins).map { bin in tracks.compactMap { $0.states[bin]?.height }.min() }
        top = max(1, highest.compactMap { $0 }.max() ?? 0)
        bands = BandGroup.all(record)
        let common = (0..<bins).map { Timeline.commonLeader(tracks, $0) }
        self.common = common
        leaders = Track.runs(0..<bins) { common[$0] }
        var order: [Int] = []
        var seen: Set<Int> = []
        for run in leaders where seen.insert(run.value).inserted { order.append(run.value) }
        for track in tracks {
            for run in Track.runs(0..<track.states.count, { track.states[$0]?.leader })
            where seen.insert(run.value).inserted { order.append(run.value) }
        }
        leaderOrder = order
        let laidOut = Timeline.layOut(bands, record, axis)
        (captions, captionsLeftOut) =
            laidOut.leftOut == 0
            ? laidOut : Timeline.layOut(BandGroup.merged(bands), record, axis)
    }

    private static func commonLeader(_ tracks: [Track], _ bin: Int) -> Int? {
        var votes: [Int: Int] = [:]
        for track in tracks {
            if let leader = track.states[bin]?.leader { votes[leader, default: 0] += 1 }
        }
        return votes.max { ($0.value, -$0.key) < ($1.value, -$1.key) }?.key
    }

    /// Gives each title of a band the first row where it covers no other one.
    /// It begins at its band's start, or ends at its band's end where the plot's edge is near.
    private static func layOut(
        _ bands: [BandGroup], _ record: RunRecord, _ axis: TimeAxis
    ) -> (captions: [Caption], leftOut: Int) {
        var ends = Array(repeating: -1, count: captionRows)
        var placed: [Caption] = []
        for band in bands {
            let (start, end) = (
                axis.unit(band.start), max(axis.unit(band.end), axis.unit(band.start))
            )
            let rooms = (right: TimeAxis.units - start, left: end)
            let full = band.caption(record)
            let width = TimePanel.units(characters: full.count)
            let isRight = width > rooms.right && rooms.left > rooms.right
            let room = isRight ? rooms.left : rooms.right
            let text = Wording.shortened(full, to: max(2, TimePanel.characters(units: room)))
            let used = min(width, room)
            let from = isRight ? min(start, end - used) : start
            let to = isRight ? end : max(end, start + used)
            guard let row = ends.firstIndex(where: { $0 < from }) else { continue }
            ends[row] = to
            placed.append(Caption(group: band, text: text, row: row, isRight: isRight))
        }
        return (placed, bands.count - placed.count)
    }

    // MARK: rows, from the top

    var overviewTop: Int { TimePanel.axisHeight }
    private var leaderRowTop: Int { overviewTop + Self.overviewHeight + 6 }
    private var captionTop: Int { leaderRowTop + Self.leaderRowHeight + 4 }
    private var captionCount: Int { (captions.map(\.row).max() ?? -1) + 1 }
    private var lanesTop: Int { captionTop + captionCount * Self.captionHeight + 4 }
    func laneTop(_ node: Int) -> Int { lanesTop + node * laneHeight }
    private var lanesBottom: Int { laneTop(record.nodes.count) }
    private var height: Int { lanesBottom + TimePanel.axisHeight }

    func unit(_ bin: Int) -> Int { bin * TimeAxis.units / bins }

    func colour(_ leader: Int) -> String {
        "c\(palettePlace(leader))"
    }

    func palettePlace(_ leader: Int) -> Int {
        (leaderOrder.firstIndex(of: leader) ?? 0) % Self.paletteSize
    }

    func write(_ out: inout Markup) {
        let panel = TimePanel(
            axis: axis, kind: "timeline", height: height,
            summary: "Final height, leader and faults of \(record.nodes.count) nodes over time")
        panel.write(
            &out, labels: { labels(&$0) },
            behind: { out in
                drawLaneGrounds(&out)
                if !isThin { drawBands(&out) }
            },
            shapes: { out in
                drawOverview(&out)
                drawLeaderRow(&out)
                for node in record.nodes.indices { drawLane(&out, node) }
            },
            marks: { out in
                if isThin { drawBands(&out) }
                writeLeaders(&out)
                writeCaptions(&out)
                writeLaneTitles(&out)
                writeFindings(&out)
            })
    }

    private func labels(_ out: inout Markup) {
        let right = "\(TimePanel.labelWidth - 8)"
        func row(_ text: String, _ y: Int, _ style: String = "row") {
            out.element("text", ["class": style, "x": "2", "y": "\(y)"], text: text)
        }
        row("Final height", overviewTop + 14, "row strong")
        row("fastest to slowest node", overviewTop + 28)
        out.element(
            "text", ["class": "tick end", "x": right, "y": "\(overviewTop + 10)"],
            text: Wording.grouped(top))
        out.element(
            "text",
            ["class": "tick end", "x": right, "y": "\(overviewTop + Self.overviewHeight)"],
            text: "0")
        row("Leader", leaderRowTop + 13, "row strong")
        out.element(
            "text", ["class": "row end", "x": right, "y": "\(leaderRowTop + 13)"],
            text: "as most nodes see it")
        if captionCount > 0 { row("Faults and outages", captionTop + 11, "row strong") }
        for node in record.nodes.indices { labelLane(&out, node) }
    }

    // MARK: what is behind

    private func drawLaneGrounds(_ out: inout Markup) {
        for node in record.nodes.indices {
            out.leaf(
                "rect",
                [
                    "class": node.isMultiple(of: 2) ? "lane" : "lane odd", "x": "0",
                    "y": "\(laneTop(node))", "width": "100%", "height": "\(laneHeight)",
                ])
        }
    }

    /// Lanes that follow one another are covered by one rectangle. Over shades, which would hide the
    /// bands, and under lines.
    private func drawBands(_ out: inout Markup) {
        for band in bands {
            if band.nodes.isEmpty {
                band.draw(&out, axis, y: overviewTop, height: Self.overviewHeight)
                band.draw(&out, axis, y: lanesTop, height: max(0, lanesBottom - lanesTop))
                continue
            }
            let hit = Set(band.nodes)
            let lanes = Track.runs(record.nodes.indices) { hit.contains($0) ? true : nil }
            for lane in lanes {
                band.draw(
                    &out, axis, y: laneTop(lane.from),
                    height: (lane.to - lane.from) * laneHeight - 1)
            }
        }
    }

    /// The area between the slowest and the fastest node.
    private func drawOverview(_ out: inout Markup) {
        func y(_ height: UInt64) -> String {
            let part = Double(height) / Double(top)
            return Wording.fixed(
                Double(overviewTop + Self.overviewHeight) - part * Double(Self.overviewHeight - 4),
                1)
        }
        let stride = max(1, bins / 1000)
        let shown = Swift.stride(from: 0, to: bins, by: stride).filter { highest[$0] != nil }
        guard let first = shown.first else { return }
        var upper = "M\(unit(first)) \(y(highest[first] ?? 0))"
        var last = highest[first]
        for bin in shown where highest[bin] != last {
            upper += "H\(unit(bin))V\(y(highest[bin] ?? 0))"
            last = highest[bin]
        }
        upper += "H\(TimeAxis.units)"
        var lower = ""
        var below: UInt64?
        for bin in shown.reversed() where lowest[bin] != below {
            lower += "H\(unit(bin + stride))V\(y(lowest[bin] ?? 0))"
            below = lowest[bin]
        }
        out.leaf("path", ["class": "spread", "d": "\(upper)\(lower)H\(unit(first))Z"])
        out.leaf("path", ["class": "line", "d": upper])
    }

    private func drawLeaderRow(_ out: inout Markup) {
        for run in leaders {
            out.leaf(
                "rect",
                [
                    "class": colour(run.value), "x": "\(unit(run.from))", "y": "\(leaderRowTop)",
                    "width": "\(unit(run.to) - unit(run.from))",
                    "height": "\(Self.leaderRowHeight)",
                ])
        }
    }

    // MARK: what is written on top

    /// The leader's name where it fits, else its number, else nothing: the read-out tells.
    private func writeLeaders(_ out: inout Markup) {
        for run in leaders {
            let width = unit(run.to) - unit(run.from)
            let fitting = [record.name(run.value), "\(run.value)"].first {
                ($0.count * 7 + 3) * TimeAxis.units / TimePanel.narrowest <= width
            }
            guard let text = fitting else { continue }
            let middle = Double(unit(run.from) + width / 2) * 100 / Double(TimeAxis.units)
            out.element(
                "text",
                [
                    "class": "onleader \(colour(run.value))",
                    "x": Wording.fixed(middle, 2) + "%", "y": "\(leaderRowTop + 13)",
                ], text: text)
        }
    }

    private func writeCaptions(_ out: inout Markup) {
        for caption in captions {
            let band = caption.group
            let y = captionTop + caption.row * Self.captionHeight
            band.draw(&out, axis, y: y, height: Self.captionHeight - 2, style: band.style + " key")
            out.element(
                "text",
                [
                    "class": caption.isRight ? "caption end" : "caption",
                    "x": axis.percent(caption.isRight ? band.end : band.start),
                    "dx": caption.isRight ? "-4" : "4", "y": "\(y + 10)",
                ], text: caption.text)
        }
    }

    /// Diamonds on the lanes of the nodes that a finding names. Findings near each other share a tag
    /// in the top row: the number of the first, and how many more.
    private func writeFindings(_ out: inout Markup) {
        let numbered = record.findings.enumerated().sorted {
            ($0.element.time, $0.offset) < ($1.element.time, $1.offset)
        }
        var tags: [(number: Int, time: UInt64, more: Int)] = []
        for (offset, finding) in numbered {
            let isNear = tags.last.map {
                axis.unit(finding.time) - axis.unit($0.time) < TimePanel.units(characters: 6)
            }
            mark(&out, finding, "F\(offset + 1)", isTagged: isNear != true)
            if isNear == true {
                tags[tags.count - 1].more += 1
            } else {
                tags.append((offset + 1, finding.time, 0))
            }
        }
        for tag in tags {
            let isRight = axis.fraction(tag.time) > 0.9
            out.element(
                "text",
                [
                    "class": isRight ? "tag end" : "tag", "x": axis.percent(tag.time),
                    "dx": isRight ? "-10" : "10", "y": "\(overviewTop + 13)",
                ], text: "F\(tag.number)" + (tag.more > 0 ? " +\(tag.more)" : ""))
        }
    }

    private func mark(_ out: inout Markup, _ finding: Finding, _ number: String, isTagged: Bool) {
        let x = axis.percent(finding.time)
        out.leaf(
            "line",
            [
                "class": "finding", "x1": x, "x2": x, "y1": "\(overviewTop)",
                "y2": "\(lanesBottom)",
            ])
        let lanes = finding.nodes.filter { record.nodes.indices.contains($0) }
        let tag = isTagged ? [overviewTop + 9] : []
        let places = tag + lanes.map { laneTop($0) + laneHeight / 2 }
        for y in places {
            let size = y > lanesTop && laneHeight < 20 ? 5 : 7
            out.element("svg", ["class": "mark", "x": x, "y": "\(y)"]) {
                let title = "\(number), \(finding.property.rawValue): \(finding.text)"
                $0.element("title", text: title)
                $0.leaf("path", ["d": "M0-\(size)L\(size) 0 0 \(size)-\(size) 0z"])
            }
        }
    }
}
