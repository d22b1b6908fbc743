/// One node's lane: its label, its height or its lag, and whom it takes for the leader.
extension Timeline {
    /// Behind by at least so many blocks, shade by shade.
    static let lagSteps: [UInt64] = [0, 1, 3, 10, 100]
    static let lagTexts = ["none", "1 to 2", "3 to 9", "10 to 99", "100 and more"]

    private var leaderBandHeight: Int { isThin ? (laneHeight < 16 ? 3 : 4) : 6 }

    // MARK: the label

    func labelLane(_ out: inout Markup, _ node: Int) {
        let about = record.nodes[node]
        let total = record.nodes.reduce(0.0) { $0 + Double($1.stake) }
        let share = Wording.fixed(Double(about.stake) * 100 / max(1, total), total < 1 ? 0 : 1)
        let guilty = record.guilty.contains(node) ? "guilty" : nil
        let role = about.role.map { "▲ \($0)" }
        let conduct = [role, guilty].compactMap { $0 }.joined(separator: ", ")
        let place = [about.region].compactMap { $0 }
        let lines: [(text: String, style: String)]
        if laneHeight >= 40 {
            let stake = "stake \(Wording.grouped(about.stake)) (\(share)%)"
            lines = [
                (Wording.shortened(about.name, to: 18), "row strong"),
                (([stake] + place).joined(separator: " · "), "row"),
                (conduct, "row bad"),
            ]
        } else if laneHeight >= 24 {
            lines = [
                (Wording.shortened(about.name, to: 18), "row strong"),
                (
                    ([Wording.grouped(about.stake)] + place + [conduct]).filter { !$0.isEmpty }
                        .joined(separator: " · "), conduct.isEmpty ? "row" : "row bad"
                ),
            ]
        } else {
            let text = [about.name, Wording.grouped(about.stake)] + place + [conduct]
            lines = [
                (
                    text.filter { !$0.isEmpty }.joined(separator: " "),
                    conduct.isEmpty ? "row dense" : "row dense bad"
                )
            ]
        }
        let used = lines.filter { !$0.text.isEmpty }
        let pitch = laneHeight >= 40 ? 13 : 11
        let first = laneTop(node) + (laneHeight - pitch * used.count) / 2 + pitch - 3
        out.element("g") { out in
            out.element(
                "title",
                text: ([about.name, "stake \(about.stake)"] + place + [conduct])
                    .filter { !$0.isEmpty }.joined(separator: ", "))
            for (index, line) in used.enumerated() {
                let limit = index == 0 && laneHeight < 24 ? 24 : 30
                out.element(
                    "text", ["class": line.style, "x": "2", "y": "\(first + index * pitch)"],
                    text: Wording.shortened(line.text, to: limit))
            }
            writeEnd(&out, node, y: first)
        }
    }

    /// The height that the node ended with.
    private func writeEnd(_ out: inout Markup, _ node: Int, y: Int) {
        let last = tracks[node].states.last.flatMap { $0 }?.height
        let lag = (highest.last.flatMap { $0 } ?? 0) - (last ?? 0)
        let prefix = laneHeight >= 40 ? "height " : ""
        let text = prefix + (last.map { Wording.grouped($0) } ?? "–")
        let style = laneHeight < 24 ? "row dense end" : "row end"
        out.element(
            "text", ["class": style, "x": "\(TimePanel.labelWidth - 8)", "y": "\(y)"],
            text: lag > 0 ? "\(text) (−\(Wording.grouped(lag)))" : text)
    }

    // MARK: the lane

    func drawLane(_ out: inout Markup, _ node: Int) {
        out.element(
            "g",
            [
                "data-lane": record.nodes[node].name, "data-y": "\(laneTop(node))",
                "data-h": "\(laneHeight)", "data-bins": "\(bins)", "data-s": readout(node),
            ]
        ) { out in
            if isThin { drawShades(&out, node) } else { drawHeight(&out, node) }
            drawLeaderBand(&out, node)
        }
    }

    /// What the script reads out: a triple of bins, blocks and leader for each change, the first two
    /// as differences.
    private func readout(_ node: Int) -> String {
        let states = tracks[node].states
        var parts: [String] = []
        var (bin, height, leader) = (0, 0, -1)
        for run in Track.runs(0..<bins, { states[$0] }) {
            // A height beyond Int is no height of a run; it shows as the largest.
            let now = Int(clamping: run.value.height)
            var part = "\(run.from - bin),\(now.subtractingReportingOverflow(height).partialValue)"
            if run.value.leader != leader { part += ",\(run.value.leader)" }
            parts.append(part)
            (bin, height, leader) = (run.from, now, run.value.leader)
        }
        return parts.joined(separator: ";")
    }

    private func drawHeight(_ out: inout Markup, _ node: Int) {
        let bottom = laneTop(node) + laneHeight - leaderBandHeight - 5
        let room = laneHeight - leaderBandHeight - 9
        func y(_ height: UInt64) -> Double {
            Double(bottom) - Double(height) / Double(top) * Double(room)
        }
        func text(_ height: UInt64) -> String { Wording.fixed(y(height), 1) }
        let states = tracks[node].states
        // A lag that can be seen, a pixel and more, is filled up to the highest node.
        let lags = Track.runs(0..<bins) { bin -> [UInt64]? in
            guard let own = states[bin]?.height, let high = highest[bin], high > own,
                y(own) - y(high) >= 1
            else { return nil }
            return [own, high]
        }
        var gap = ""
        for lag in lags {
            let (from, to) = (unit(lag.from), unit(lag.to))
            gap += "M\(from) \(text(lag.value[0]))V\(text(lag.value[1]))H\(to)"
            gap += "V\(text(lag.value[0]))z"
        }
        if !gap.isEmpty { out.leaf("path", ["class": "lag", "d": gap]) }
        var line = ""
        for run in Track.runs(0..<bins, { states[$0]?.height }) {
            let start = line.isEmpty ? "M\(unit(run.from)) \(text(run.value))" : ""
            line += start + "V\(text(run.value))H\(unit(run.to))"
        }
        if !line.isEmpty { out.leaf("path", ["class": "line", "d": line]) }
    }

    private func drawShades(_ out: inout Markup, _ node: Int) {
        let states = tracks[node].states
        let y = laneTop(node) + 1
        let height = laneHeight - leaderBandHeight - 3
        let isOut = outages(node)
        let runs = Track.runs(0..<bins) { bin -> Int? in
            guard let own = states[bin]?.height, let high = highest[bin], !isOut[bin] else {
                return nil
            }
            return Self.lagSteps.lastIndex { $0 <= high - own }
        }
        for shade in Self.lagSteps.indices {
            var path = ""
            for run in runs where run.value == shade {
                path += "M\(unit(run.from)) \(y)H\(unit(run.to))v\(height)H\(unit(run.from))z"
            }
            if !path.isEmpty { out.leaf("path", ["class": "shade\(shade)", "d": path]) }
        }
    }

    /// The bins in which the node does not run, as the bands tell.
    private func outages(_ node: Int) -> [Bool] {
        var isOut = Array(repeating: false, count: bins)
        for band in bands where band.isOutage && (band.nodes.isEmpty || band.nodes.contains(node)) {
            let from = Int(axis.fraction(band.start) * Double(bins))
            let to = Int(axis.fraction(band.end) * Double(bins))
            for bin in from..<min(bins, max(from, to)) { isOut[bin] = true }
        }
        return isOut
    }

    /// In thin lanes only what the leaders' row does not tell: where the node leads itself, and where
    /// it takes another one for the leader than most nodes do for longer than news needs to spread.
    private func drawLeaderBand(_ out: inout Markup, _ node: Int) {
        let states = tracks[node].states
        let y = laneTop(node) + laneHeight - leaderBandHeight - 1
        var paths = Array(repeating: "", count: Self.paletteSize)
        let isOut = isThin ? outages(node) : []
        let runs = Track.runs(0..<bins) { bin -> Int? in
            guard let leader = states[bin]?.leader else { return nil }
            let isTold = isThin && (leader == common[bin] || isOut[bin])
            return isTold && leader != node ? nil : leader
        }
        for run in runs where !isThin || run.value == node || run.to - run.from > 2 {
            let place = palettePlace(run.value)
            paths[place] += "M\(unit(run.from)) \(y)H\(unit(run.to))v\(leaderBandHeight)"
            paths[place] += "H\(unit(run.from))z"
        }
        for (place, path) in paths.enumerated() where !path.isEmpty {
            out.leaf("path", ["class": "c\(place)", "d": path])
        }
    }

    /// Titles of the bands that hit this lane alone or with some others, where they fit.
    func writeLaneTitles(_ out: inout Markup) {
        guard laneHeight >= 40 else { return }
        for node in record.nodes.indices {
            var free = 0
            for band in bands where band.nodes.contains(node) {
                let from = axis.unit(band.start)
                let width = TimePanel.units(characters: band.title.count)
                guard from >= free, from + width <= axis.unit(band.end) else { continue }
                free = from + width
                out.element(
                    "text",
                    [
                        "class": "caption", "x": axis.percent(band.start), "dx": "4",
                        "y": "\(laneTop(node) + 12)",
                    ], text: band.title)
            }
        }
    }

    // MARK: the legend

    func writeLegend(_ out: inout Markup) {
        out.element("ul", ["class": "legend"]) { out in
            func entry(_ style: String, _ text: String) {
                out.element("li") {
                    $0.element("span", ["class": "swatch \(style)"]) { _ in }
                    $0.text(text)
                }
            }
            if isThin {
                out.element("li", ["class": "strong"], text: "Blocks behind the highest node")
                for (shade, text) in Self.lagTexts.enumerated() { entry("shade\(shade)", text) }
            } else {
                entry("sample-line", "final height")
                entry("lag", "behind the highest node")
            }
            if bands.contains(where: \.isOutage) { entry("outage", "does not run") }
            if bands.contains(where: { !$0.isOutage }) { entry("hardship", "fault") }
            if !record.findings.isEmpty {
                out.element("li") {
                    $0.element("span", ["class": "diamond"], text: "◆")
                    $0.text("a checker's finding")
                }
            }
        }
        guard !leaderOrder.isEmpty else { return }
        let shown = leaderOrder.prefix(24)
        out.element("ul", ["class": "legend"]) { out in
            let title =
                isThin
                ? "Leader, below a lane that leads or that differs" : "Leader, below each lane"
            out.element("li", ["class": "strong"], text: title)
            for leader in shown {
                out.element("li") {
                    $0.element("span", ["class": "swatch \(colour(leader))"]) { _ in }
                    $0.text(record.name(leader))
                }
            }
            let more = leaderOrder.count - shown.count
            if more > 0 { out.element("li", text: "and \(more) more") }
            if leaderOrder.count > Self.paletteSize {
                out.element("li", text: "(colours repeat after \(Self.paletteSize))")
            }
        }
    }
}
