import Primitives

/// The network between nodes: what each pair's messages go through, and what faults make of it.
struct Links {
    /// A retransmission's wait, as TCP's least (RFC 6298 section 2.4 says a second, Linux 200 ms).
    static let retransmission: UInt64 = 200_000_000

    private struct Line {
        var latency: UInt64 = 0
        var jitter: UInt64 = 0
        var loss: UInt64 = 0
        var drop: UInt64 = 0
        var duplicate: UInt64 = 0
        var reorder = false
        var bandwidth: UInt64 = 0
        /// How many faults cut it.
        var cuts = 0
        var free: UInt64 = 0
        var lastArrival: (UInt64, UInt64, UInt64, UInt64) = (0, 0, 0, 0)
    }

    private let count: Int
    private var lines: [Line]
    private let regular: [LinkQuality]
    private let uplink: UInt64
    private var uplinkFree: [UInt64]
    private(set) var bytesSent: [UInt64]
    private(set) var messagesSent: UInt64 = 0
    private(set) var messagesLost: UInt64 = 0

    init(count: Int, quality: LinkQuality, regions: [Region]) {
        self.count = count
        uplink = quality.uplink
        uplinkFree = Array(repeating: 0, count: count)
        bytesSent = Array(repeating: 0, count: count)
        var qualities: [LinkQuality] = []
        for from in 0..<count {
            for to in 0..<count {
                var line = quality
                if !regions.isEmpty {
                    let latency = regions[from % regions.count].latency(
                        to: regions[to % regions.count])
                    line.latency = Span(nanoseconds: Int64(latency))
                }
                qualities.append(line)
            }
        }
        regular = qualities
        lines = qualities.map { _ in Line() }
        for index in lines.indices { set(index, qualities[index]) }
    }

    private mutating func set(_ index: Int, _ quality: LinkQuality) {
        lines[index].latency = quality.latency.unsigned
        lines[index].jitter = quality.jitter.unsigned
        lines[index].loss = quality.loss
        lines[index].drop = quality.drop
        lines[index].duplicate = quality.duplicate
        lines[index].reorder = quality.reorder
        lines[index].bandwidth = quality.bandwidth
    }

    mutating func change(from: Int, to: Int, _ quality: LinkQuality) {
        set(from * count + to, quality)
    }

    mutating func restore(from: Int, to: Int) {
        set(from * count + to, regular[from * count + to])
    }

    mutating func cut(from: Int, to: Int) { lines[from * count + to].cuts += 1 }
    mutating func mend(from: Int, to: Int) {
        lines[from * count + to].cuts = max(0, lines[from * count + to].cuts - 1)
    }

    func isCut(from: Int, to: Int) -> Bool { lines[from * count + to].cuts > 0 }
    func latency(from: Int, to: Int) -> UInt64 { lines[from * count + to].latency }

    /// When a message of so many bytes arrives, once or twice; never, when it is lost.
    mutating func arrivals(
        from: Int, to: Int, bytes: Int, channel: Int, now: UInt64,
        _ generator: inout SeededGenerator
    ) -> (first: UInt64?, second: UInt64?) {
        let index = from * count + to
        messagesSent += 1
        bytesSent[from] += UInt64(bytes)
        guard lines[index].cuts == 0 else {
            messagesLost += 1
            return (nil, nil)
        }
        var departure = now
        if uplink > 0 {
            uplinkFree[from] =
                max(uplinkFree[from], now) + UInt64(bytes) * 1_000_000_000 / uplink
            departure = uplinkFree[from]
        }
        if lines[index].bandwidth > 0 {
            lines[index].free =
                max(lines[index].free, departure)
                + UInt64(bytes) * 1_000_000_000 / lines[index].bandwidth
            departure = lines[index].free
        }
        if lines[index].drop > 0, generator.uniform(below: 10_000) < lines[index].drop {
            messagesLost += 1
            return (nil, nil)
        }
        let first = arrival(index, channel, departure, &generator)
        guard lines[index].duplicate > 0,
            generator.uniform(below: 10_000) < lines[index].duplicate
        else { return (first, nil) }
        return (first, arrival(index, channel, departure, &generator))
    }

    private mutating func arrival(
        _ index: Int, _ channel: Int, _ departure: UInt64, _ generator: inout SeededGenerator
    ) -> UInt64 {
        var time = departure + lines[index].latency
        if lines[index].jitter > 0 { time += generator.uniform(below: lines[index].jitter + 1) }
        if lines[index].loss > 0 {
            var wait = Self.retransmission
            while wait < 16 * Self.retransmission,
                generator.uniform(below: 10_000) < lines[index].loss
            {
                time += wait
                wait *= 2
            }
        }
        if !lines[index].reorder {
            withUnsafeMutableBytes(of: &lines[index].lastArrival) { raw in
                let last = raw.load(fromByteOffset: channel * 8, as: UInt64.self)
                time = max(time, last)
                raw.storeBytes(of: time, toByteOffset: channel * 8, as: UInt64.self)
            }
        }
        return time
    }
}
