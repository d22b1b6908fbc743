import Metrics
import Transport

/// A node's measurements as gauges and counters of swift-metrics.
final class NodeGauges {
    private func set(_ name: String, _ value: Double, _ labels: [(String, String)] = []) {
        Gauge(label: name, dimensions: labels).record(value)
    }

    func publish(
        board: StatusBoard, depths: [String: Int], syncs: UInt64, transport: TransportStatistics
    ) {
        let picture = board.current
        set("final_height", Double(picture.finalHeight))
        set("stored_height", Double(picture.storedHeight))
        set("final_slot", Double(picture.finalSlot))
        set("window", Double(picture.window))
        set("leader", Double(picture.leader))
        set("mempool_transactions", Double(picture.mempoolCount))
        set("mempool_bytes", Double(picture.mempoolBytes))
        set("blocks_above_final", Double(picture.blocksAboveFinal))
        set("unverified_messages", Double(picture.unverified))
        set("final_transactions", Double(picture.finalTransactions))
        set("dropped_inputs", Double(board.droppedInputs.value))
        set("dropped_peers", Double(board.droppedPeers.value))
        set("evidence", Double(board.evidence.value))
        set("log_syncs", Double(syncs))
        for (name, depth) in depths.sorted(by: { $0.key < $1.key }) {
            set("queue_depth", Double(depth), [("queue", name)])
        }
        for (reason, count) in picture.skips.sorted(by: { $0.key < $1.key }) {
            set("skips", Double(count), [("reason", reason)])
        }
        for (index, votes) in picture.votes.enumerated() {
            set("votes_seen", Double(votes), [("validator", "\(index)")])
        }
        set("certificate_signers", Double(picture.certificateSigners))
        for timer in picture.timers {
            set("timer_remaining_seconds", timer.seconds, [("timer", timer.name)])
        }
        for peer in transport.peers {
            let label = ("peer", String(peer.id.description.prefix(12)))
            set("peer_connected", peer.isConnected ? 1 : 0, [label])
            for channel in PeerChannel.allCases {
                let figures = peer.channels[channel]
                let labels = [label, ("channel", "\(channel)")]
                set("peer_queue_messages", Double(figures.queuedMessages), labels)
                set("peer_queue_bytes", Double(figures.queuedBytes), labels)
                set("peer_sent_bytes", Double(figures.sentBytes), labels)
                set("peer_received_bytes", Double(figures.receivedBytes), labels)
                set("peer_dropped_messages", Double(figures.droppedMessages), labels)
            }
        }
    }
}
