import Replica
import Adversary
import Mempool
import Primitives
import Replication

/// Connections between nodes, and messages on them.
extension Simulator {
    // MARK: - Connections

    /// Which half of the peers a node belongs to: each copy of a twin speaks to one half.
    func side(_ node: SimulatedNode) -> Int {
        node.role == .twin && node.index != node.validator ? 1 : 0
    }

    /// Whether these two nodes may speak at all: two copies of one validator do not, and a copy only
    /// with its half of the others.
    func mayMeet(_ one: SimulatedNode, _ other: SimulatedNode) -> Bool {
        guard one.validator != other.validator else { return false }
        for (twin, peer) in [(one, other), (other, one)] where twin.role == .twin {
            if peer.validator % 2 != side(twin) { return false }
        }
        return true
    }

    func reconnect(_ one: Int, _ other: Int, within nanoseconds: UInt64) {
        let wait = links.latency(from: one, to: other) * 3 + network.uniform(below: nanoseconds + 1)
        after(wait) { $0.connect(one, other) }
    }

    func connect(_ one: Int, _ other: Int) {
        let first = nodes[one]
        let second = nodes[other]
        guard !isConnected[one * nodes.count + other], first.isRunning, second.isRunning,
            mayMeet(first, second), !links.isCut(from: one, to: other),
            !links.isCut(from: other, to: one)
        else { return }
        let ready = max(
            refusedUntil[one * nodes.count + other], refusedUntil[other * nodes.count + one])
        guard ready <= now else {
            after(ready - now) { $0.connect(one, other) }
            return
        }
        for (from, to) in [(one, other), (other, one)] {
            isConnected[from * nodes.count + to] = true
            connections[from * nodes.count + to] += 1
            let peer = ValidatorIndex(UInt16(nodes[to].validator))
            post(
                .inputs(Int32(from), nodes[from].incarnation, [.peerConnected(peer)]), at: now)
        }
    }

    func disconnect(_ one: Int, _ other: Int) {
        guard isConnected[one * nodes.count + other] else { return }
        for (from, to) in [(one, other), (other, one)] {
            isConnected[from * nodes.count + to] = false
            let peer = ValidatorIndex(UInt16(nodes[to].validator))
            post(
                .inputs(Int32(from), nodes[from].incarnation, [.peerDisconnected(peer)]),
                at: now + 1_000_000)
        }
    }

    /// A node gives up a peer, and takes it back a second later.
    func drop(_ node: SimulatedNode, _ peer: Int) {
        refusedUntil[node.index * nodes.count + peer] = now + 1_000_000_000
        disconnect(node.index, peer)
        reconnect(node.index, peer, within: 1_000_000)
    }

    /// The node that stands for a validator as seen from another node.
    func node(of validator: ValidatorIndex, from: SimulatedNode) -> SimulatedNode? {
        let first = nodes[Int(validator.rawValue)]
        if first.role != .twin { return first }
        return nodes.first { $0.validator == first.validator && mayMeet($0, from) }
    }

    // MARK: - Messages

    func transmit(_ parcel: Parcel, from: SimulatedNode, to: SimulatedNode, delay: UInt64) {
        let pair = from.index * nodes.count + to.index
        guard isConnected[pair] else { return }
        if delay > 0 {
            let connection = connections[pair]
            after(delay) { simulator in
                guard simulator.connections[pair] == connection else { return }
                simulator.transmit(parcel, from: from, to: to, delay: 0)
            }
            return
        }
        let arrivals = links.arrivals(
            from: from.index, to: to.index, bytes: parcel.bytes.count,
            channel: Int(parcel.messageClass.rawValue), now: now, &network)
        for arrival in [arrivals.first, arrivals.second] {
            guard let arrival else { continue }
            post(
                .deliver(
                    parcel, from: Int32(from.index), to: Int32(to.index),
                    connection: connections[pair]), at: arrival)
        }
    }

    func carry(_ departure: AdversaryDeparture, of node: SimulatedNode) {
        guard let target = self.node(of: departure.to, from: node) else { return }
        let parcel: Parcel
        switch departure.content {
        case .message(let message): parcel = Parcel(message)
        case .bytes(let bytes, let messageClass):
            parcel = Parcel(bytes: bytes, messageClass: messageClass)
        }
        transmit(parcel, from: node, to: target, delay: departure.delayNanoseconds)
    }

    func deliver(
        _ parcel: Parcel, from: Int, to: Int, connection: Int32, _ event: Event
    ) {
        let node = nodes[to]
        guard live(Int32(to), node.incarnation, event) != nil,
            isConnected[from * nodes.count + to],
            connections[from * nodes.count + to] == connection
        else { return }
        trace.add(now)
        trace.add(UInt64(from) << 32 | UInt64(to))
        trace.add(parcel.hash)
        guard let message = parcel.message else {
            drop(node, from)
            return
        }
        let peer = ValidatorIndex(UInt16(nodes[from].validator))
        if let answer = node.adversary?.heard(message, from: peer, now: moment(node)) {
            for departure in answer.departures { carry(departure, of: node) }
            if !answer.passes { return }
        }
        // As the node's shell: what peers send may be dropped, results of our own threads never.
        guard node.mailbox.count < 1 << 16 else { return }
        give(node, [.received(message, from: peer)])
    }
}
