/// What a node knows of its own condition, as measurements. The verdicts are computed here, so
/// that none of them can be set by hand.
package struct HealthReport: Hashable, Sendable {
    /// The newest final height.
    package var height: UInt64
    /// Since the newest final block that this node saw become final; nil where there was none
    /// since the start.
    package var finalAgeMilliseconds: UInt64?
    /// Since the newest slot agreed without a height (a heartbeat); nil where there was none.
    package var heartbeatAgeMilliseconds: UInt64?
    /// The age that neither of both may pass while the chain runs.
    package var progressBoundMilliseconds: UInt64
    /// Power of this node and the peers with whom it has a session.
    package var connectedPower: UInt64
    /// Power of the whole set, W.
    package var totalPower: UInt64
    /// How far the best certificate seen is above the newest final block held here.
    package var heightsBehind: UInt64
    /// Whether the start-up (log replay, first sync) is over.
    package var isSynced: Bool
    /// Why the node stopped for good (a failed durable write, a contradicted certificate, a lost
    /// log); nil while it runs.
    package var stopReason: String?

    package init(
        height: UInt64, finalAgeMilliseconds: UInt64?, heartbeatAgeMilliseconds: UInt64?,
        progressBoundMilliseconds: UInt64, connectedPower: UInt64, totalPower: UInt64,
        heightsBehind: UInt64, isSynced: Bool, stopReason: String? = nil
    ) {
        self.height = height
        self.finalAgeMilliseconds = finalAgeMilliseconds
        self.heartbeatAgeMilliseconds = heartbeatAgeMilliseconds
        self.progressBoundMilliseconds = progressBoundMilliseconds
        self.connectedPower = connectedPower
        self.totalPower = totalPower
        self.heightsBehind = heightsBehind
        self.isSynced = isSynced
        self.stopReason = stopReason
    }

    /// The age of the newest sign of agreement; nil where there was none yet.
    package var progressAgeMilliseconds: UInt64? {
        switch (finalAgeMilliseconds, heartbeatAgeMilliseconds) {
        case (let final?, let heartbeat?): min(final, heartbeat)
        case (let final?, nil): final
        case (nil, let heartbeat?): heartbeat
        case (nil, nil): nil
        }
    }

    /// Why the process should be replaced; empty while it is sound. A node that waits for peers or
    /// syncs is sound.
    package var faults: [String] {
        stopReason.map { ["the node stopped: \($0)"] } ?? []
    }

    /// Why the node should get no traffic; empty when it is ready.
    package var hindrances: [String] {
        var reasons = faults
        if !isSynced { reasons.append("sync is not done: \(heightsBehind) heights behind") }
        if !hasQuorum {
            reasons.append("power \(connectedPower) of \(totalPower) in reach is no quorum")
        }
        switch progressAgeMilliseconds {
        case nil:
            reasons.append("no block became final and no slot was agreed since the start")
        case let age? where age > progressBoundMilliseconds:
            reasons.append(
                "height \(height) has stood for \(age) ms; the bound is"
                    + " \(progressBoundMilliseconds) ms")
        default: break
        }
        return reasons
    }

    /// 3 * connected > 2 * total, without overflow.
    private var hasQuorum: Bool {
        let connected = connectedPower.multipliedFullWidth(by: 3)
        let needed = totalPower.multipliedFullWidth(by: 2)
        return (connected.high, connected.low) > (needed.high, needed.low)
    }
}

extension HealthReport {
    func render(into writer: inout JSONWriter, verdict: String, reasons: [String]) {
        writer.object { writer in
            writer.member("status", verdict)
            writer.array("reasons") { writer in
                for reason in reasons { writer.string(reason) }
            }
            writer.member("height", number: height)
            writer.name("final_age_ms")
            writer.optional(finalAgeMilliseconds)
            writer.name("heartbeat_age_ms")
            writer.optional(heartbeatAgeMilliseconds)
            writer.member("progress_bound_ms", number: progressBoundMilliseconds)
            writer.member("connected_power", number: connectedPower)
            writer.member("total_power", number: totalPower)
            writer.member("heights_behind", number: heightsBehind)
            writer.member("synced", isSynced)
        }
    }
}

extension JSONWriter {
    fileprivate mutating func optional(_ value: UInt64?) {
        if let value { number(value) } else { null() }
    }
}
