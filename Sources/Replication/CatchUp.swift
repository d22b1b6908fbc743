package import Primitives

/// # Replication: what a node that is behind asks, and of whom
///
/// Rules: (C1) one catch-up request is in flight at a time; (C2) a peer that does not answer within
/// the time limit, or answers with something false, is asked last for a while; (C3) a request names
/// the first height that is missing, so an answer is never applied twice; (C4) a node is *behind*
/// when a peer's proven or claimed final height is above its own by more than `slack`; a claim only
/// causes a question, never a belief, and what the node says of itself follows only claims that
/// more than a third of the power agrees on.
package struct CatchUp: Sendable {
    package struct Configuration: Hashable, Sendable {
        /// Nanoseconds to wait for an answer.
        package var answerNanoseconds: UInt64 = 1_000_000_000
        /// Nanoseconds during which a peer that failed is asked only when there is no other.
        package var distrustNanoseconds: UInt64 = 5_000_000_000
        /// Heights that the ordinary flow of proposals is left to close by itself.
        package var slack: UInt64 = 2
        package init() {}
    }

    private struct Peer {
        var height: Height
        var distrustedUntil: Tick
    }

    private struct Request {
        let peer: ValidatorIndex
        let deadline: Tick
    }

    private let configuration: Configuration
    private var peers: [Peer?]
    private var request: Request?
    private var turn = 0

    package init(configuration: Configuration = .init(), peerCount: Int) {
        self.configuration = configuration
        peers = Array(repeating: nil, count: peerCount)
    }

    /// The highest final height that any peer has claimed.
    package var claimedHeight: Height {
        peers.reduce(Height(0)) { max($0, $1?.height ?? Height(0)) }
    }

    /// The greatest final height that peers with more than a third of all power claim together, so
    /// that one of them is honest. What a node says of its own sync rests on this: a single peer can
    /// make it ask, and cannot make it look unready.
    package func credibleHeight(_ powers: [Power], of total: PowerSum) -> Height {
        var claims: [(height: Height, power: Power)] = []
        for (peer, power) in zip(peers, powers) {
            if let peer { claims.append((peer.height, power)) }
        }
        claims.sort { $0.height > $1.height }
        var sum = PowerSum()
        for claim in claims {
            sum.add(claim.power)
            if sum.exceedsThird(of: total) { return claim.height }
        }
        return Height(0)
    }

    /// When an unanswered request is given up.
    package var nextDeadline: Tick? { request?.deadline }

    package func isBehind(own: Height) -> Bool {
        CatchUp.isBehind(own, claimedHeight, configuration)
    }

    /// Whether `height` is further below `other` than the flow of proposals closes by itself.
    package static func isBehind(
        _ height: Height, _ other: Height, _ configuration: Configuration
    ) -> Bool {
        other > height && other.rawValue - height.rawValue > configuration.slack
    }

    package mutating func claimed(_ height: Height, by peer: ValidatorIndex) {
        let index = Int(peer.rawValue)
        guard index < peers.count else { return }
        peers[index] = Peer(
            height: height, distrustedUntil: peers[index]?.distrustedUntil ?? Tick(0))
    }

    package mutating func disconnected(_ peer: ValidatorIndex) {
        let index = Int(peer.rawValue)
        guard index < peers.count else { return }
        // Its failures are remembered: a new connection buys back no trust.
        peers[index]?.height = Height(0)
        if request?.peer == peer { request = nil }
    }

    /// The peer's answer was used, or was empty.
    package mutating func answered(by peer: ValidatorIndex) {
        if request?.peer == peer { request = nil }
    }

    /// The peer's answer was false.
    package mutating func failed(_ peer: ValidatorIndex, now: Tick) {
        let index = Int(peer.rawValue)
        guard index < peers.count else { return }
        peers[index]?.distrustedUntil = now.after(nanoseconds: configuration.distrustNanoseconds)
        if request?.peer == peer { request = nil }
    }

    /// Whom to ask now, if anyone. `force` asks even within the slack: used when something that
    /// is missing blocks progress.
    package mutating func nextRequest(own: Height, force: Bool, now: Tick) -> ValidatorIndex? {
        if let pending = request {
            guard now >= pending.deadline else { return nil }
            failed(pending.peer, now: now)
        }
        guard isBehind(own: own) || (force && claimedHeight > own) else { return nil }
        var fallback: Int?
        for step in 0..<peers.count {
            let index = (turn + step) % peers.count
            guard let peer = peers[index], peer.height > own else { continue }
            if peer.distrustedUntil <= now {
                return ask(index, now: now)
            }
            fallback = fallback ?? index
        }
        return fallback.map { ask($0, now: now) }
    }

    private mutating func ask(_ index: Int, now: Tick) -> ValidatorIndex {
        let peer = ValidatorIndex(UInt16(index))
        turn = index + 1
        request = Request(
            peer: peer, deadline: now.after(nanoseconds: configuration.answerNanoseconds))
        return peer
    }
}
