/// How bytes fare in one direction between two places.
package struct LinkConditions: Hashable, Sendable {
    /// One way.
    package var latencyNanoseconds: Int64
    /// Added to each piece, uniform from zero; order is kept.
    package var jitterNanoseconds: Int64
    /// Lost packets among 10 000. As TCP shows it: what was lost comes a retransmission's wait later,
    /// twice that when it is lost again, and all that follows waits too.
    package var lossPerTenThousand: UInt64
    /// Zero: unbounded.
    package var bytesPerSecond: UInt64
    /// Nothing gets through, and nobody connects.
    package var isCut: Bool

    package init(
        latencyNanoseconds: Int64 = 0, jitterNanoseconds: Int64 = 0,
        lossPerTenThousand: UInt64 = 0, bytesPerSecond: UInt64 = 0, isCut: Bool = false
    ) {
        self.latencyNanoseconds = latencyNanoseconds
        self.jitterNanoseconds = jitterNanoseconds
        self.lossPerTenThousand = lossPerTenThousand
        self.bytesPerSecond = bytesPerSecond
        self.isCut = isCut
    }
}

package struct LinkLimits: Sendable {
    /// Bytes under way in one direction of a connection; over it the sender is not read.
    package var bytesUnderWay = 4 << 20
    /// How long a connection outlives a cut of both its directions.
    package var resetAfterMilliseconds: Int64 = 2000
    /// A packet's payload, for counting losses.
    package var packetBytes = 1448
    /// TCP's least wait for a retransmission on Linux, TCP_RTO_MIN.
    package var retransmissionNanoseconds: Int64 = 200_000_000
    /// A packet that is lost so often in a row ends the connection.
    package var losses = 6
    package init() {}
}

/// The arithmetic of one direction: when what is sent now arrives. Times are nanoseconds.
struct LineClock {
    private(set) var conditions = LinkConditions()
    private let limits: LinkLimits
    /// SplitMix64 (Steele, Lea and Flood, 2014).
    private var state: UInt64
    /// When the line has sent all that was given to it.
    private var free: Int64 = 0

    init(seed: UInt64, limits: LinkLimits) {
        state = seed
        self.limits = limits
    }

    mutating func set(_ conditions: LinkConditions) { self.conditions = conditions }

    private mutating func draw(below bound: UInt64) -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var word = state
        word = (word ^ (word >> 30)) &* 0xBF58_476D_1CE4_E5B9
        word = (word ^ (word >> 27)) &* 0x94D0_49BB_1331_11EB
        return (word ^ (word >> 31)).multipliedFullWidth(by: bound).high
    }

    /// When so many bytes arrive; nil when so much of them is lost that TCP gives up.
    mutating func arrival(of bytes: Int, now: Int64) -> Int64? {
        var time = now
        if conditions.bytesPerSecond > 0 {
            let nanoseconds =
                Double(bytes) / Double(conditions.bytesPerSecond) * 1_000_000_000
            free = max(free, now) + Int64(min(nanoseconds, 3.6e12))
            time = free
        }
        time += conditions.latencyNanoseconds
        if conditions.jitterNanoseconds > 0 {
            time += Int64(draw(below: UInt64(conditions.jitterNanoseconds) + 1))
        }
        guard let wait = retransmissions(of: bytes) else { return nil }
        return time + wait
    }

    /// The longest wait of the packets: they are sent again independently of each other.
    private mutating func retransmissions(of bytes: Int) -> Int64? {
        guard conditions.lossPerTenThousand > 0 else { return 0 }
        var longest: Int64 = 0
        for _ in 0..<max(1, (bytes + limits.packetBytes - 1) / limits.packetBytes) {
            var wait: Int64 = 0
            var lost = 0
            while draw(below: 10_000) < conditions.lossPerTenThousand {
                wait += limits.retransmissionNanoseconds << Int64(lost)
                lost += 1
                if lost == limits.losses { return nil }
            }
            longest = max(longest, wait)
        }
        return longest
    }
}
