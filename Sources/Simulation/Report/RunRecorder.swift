import Consensus
import Primitives

/// Turns a run's observations into what a report shows. Bounded: samples are thinned when a node has
/// many, and of events the last are kept.
package struct RunRecorder: Sendable {
    static let eventsKept = 60
    static let samplesPerNode = 1500
    static let finalityKept = 20_000

    private struct NodeState: Sendable {
        var samples: [RunRecord.Sample] = []
        /// Every n-th change is kept.
        var stride = 1
        var skipped = 0
        var window: UInt64 = 0
        var leader = 0
        var height: UInt64 = 0
        var events: [String] = []
        var isRunning = false
        var downSince: UInt64?
    }

    private struct Progress: Sendable {
        var first: UInt64
        var finals = 1
        var power: UInt64
        var opened: UInt64
        var isDone = false
    }

    private var nodes: [NodeState]
    private let powers: [UInt64]
    private let honest: [Bool]
    private let honestPower: UInt64
    /// When the first opening of a slot left its leader.
    private var opened: [Slot: UInt64] = [:]
    private var progress: [Height: Progress] = [:]
    private var transactions: [Height: Int] = [:]
    private(set) var finality: [RunRecord.Finality] = []
    private(set) var bands: [RunRecord.Band] = []
    package private(set) var highestFinal: UInt64 = 0
    package private(set) var finalTransactions: UInt64 = 0

    /// `powers` and `honest` by node.
    package init(powers: [UInt64], honest: [Bool]) {
        nodes = Array(repeating: NodeState(), count: powers.count)
        self.powers = powers
        self.honest = honest
        honestPower = zip(powers, honest).reduce(0) { $0 + ($1.1 ? $1.0 : 0) }
    }

    package mutating func band(_ band: RunRecord.Band) { bands.append(band) }

    package mutating func observe(_ seen: Observed) {
        switch seen.what {
        case .enteredWindow(let window, let leader):
            nodes[seen.node].window = window.rawValue
            nodes[seen.node].leader = Int(leader.rawValue)
            sample(seen)
        case .led(.opening, let slot, _, _):
            if opened[slot] == nil { opened[slot] = seen.time }
        case .finalised(let height, let reference, _, let ids):
            finalised(seen, height, reference.slot, ids.count)
        case .started(let stored):
            nodes[seen.node].isRunning = true
            if let since = nodes[seen.node].downSince {
                bands.append(
                    RunRecord.Band(
                        start: since, end: seen.time, nodes: [seen.node], title: "down"))
                nodes[seen.node].downSince = nil
            }
            note(seen, "started, stored height \(stored)")
        case .stopped(let how):
            nodes[seen.node].isRunning = false
            nodes[seen.node].downSince = seen.time
            note(seen, "stopped: \(how)")
        case .refusedToStart(let why): note(seen, "refused to start: \(why)")
        case .skipped(let window, let slot, let reason):
            note(seen, "skips window \(window) from slot \(slot): \(reason)")
        case .evidence(let guilty, let text): note(seen, "evidence against \(guilty): \(text)")
        case .invalidBlock(let reference, let why): note(seen, "invalid \(reference): \(why)")
        case .lostLog: note(seen, "its log is lost; it signs no more")
        case .halted(let why): note(seen, "halted: \(why)")
        case .caughtUp(let height): note(seen, "caught up with height \(height)")
        case .said, .led, .stored, .hashed, .supply, .canProve, .acknowledged, .sizes: return
        }
    }

    private mutating func note(_ seen: Observed, _ text: String) {
        if nodes[seen.node].events.count >= 2 * Self.eventsKept {
            nodes[seen.node].events.removeFirst(Self.eventsKept)
        }
        let milliseconds = seen.time / 1_000_000
        nodes[seen.node].events.append("\(milliseconds) ms  \(text)")
    }

    private mutating func sample(_ seen: Observed) {
        let node = seen.node
        nodes[node].skipped += 1
        guard nodes[node].skipped >= nodes[node].stride else { return }
        nodes[node].skipped = 0
        nodes[node].samples.append(
            RunRecord.Sample(
                time: seen.time, node: node, height: nodes[node].height,
                window: nodes[node].window, leader: nodes[node].leader))
        guard nodes[node].samples.count >= Self.samplesPerNode else { return }
        var kept: [RunRecord.Sample] = []
        for index in stride(from: 0, to: nodes[node].samples.count, by: 2) {
            kept.append(nodes[node].samples[index])
        }
        nodes[node].samples = kept
        nodes[node].stride *= 2
    }

    private mutating func finalised(
        _ seen: Observed, _ height: Height, _ slot: Slot, _ count: Int
    ) {
        nodes[seen.node].height = height.rawValue
        sample(seen)
        guard honest[seen.node] else { return }
        if progress[height] == nil {
            if height.rawValue > highestFinal {
                highestFinal = height.rawValue
                finalTransactions += UInt64(count)
            }
            progress[height] = Progress(
                first: seen.time, finals: 0, power: 0, opened: opened[slot] ?? seen.time)
            transactions[height] = count
        }
        progress[height]?.finals += 1
        progress[height]?.power += powers[seen.node]
        guard let state = progress[height], !state.isDone, 3 * state.power > 2 * honestPower
        else { return }
        progress[height]?.isDone = true
        if finality.count < Self.finalityKept {
            finality.append(
                RunRecord.Finality(
                    height: height.rawValue, opened: state.opened, first: state.first,
                    quorum: seen.time, transactions: transactions[height] ?? 0))
        }
        if height.rawValue.isMultiple(of: 256) { forget(below: height.rawValue) }
    }

    /// What is far below the newest final block changes no more.
    private mutating func forget(below height: UInt64) {
        guard height > 4096 else { return }
        progress = progress.filter { $0.key.rawValue + 4096 > height }
        transactions = transactions.filter { $0.key.rawValue + 4096 > height }
    }

    /// Puts what was recorded into the record; the time is the run's end.
    package func complete(_ record: inout RunRecord, at end: UInt64) {
        for index in nodes.indices where record.nodes.indices.contains(index) {
            record.nodes[index].lastEvents = Array(nodes[index].events.suffix(Self.eventsKept))
        }
        record.samples = nodes.flatMap(\.samples)
        record.finality = finality
        record.bands = bands
        for (index, node) in nodes.enumerated() {
            guard let since = node.downSince else { continue }
            record.bands.append(
                RunRecord.Band(start: since, end: end, nodes: [index], title: "down"))
        }
        record.duration = end
    }

    /// Nanoseconds from opening to finality on a quorum, for these per cents of the blocks.
    package func latency(percents: [Int]) -> [UInt64] {
        let sorted = finality.map { $0.quorum >= $0.opened ? $0.quorum - $0.opened : 0 }.sorted()
        guard !sorted.isEmpty else { return percents.map { _ in 0 } }
        return percents.map { sorted[min(sorted.count - 1, sorted.count * $0 / 100)] }
    }
}
