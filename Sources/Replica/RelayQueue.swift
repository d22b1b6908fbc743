package import Consensus
package import Primitives

/// Notar and Final certificates that were formed or first received here and are about to be
/// relayed.
///
/// Everybody forms the same certificate from the same votes at about the same time, so sent at once
/// it would nearly always come to a peer that has it. It waits a moment instead, and by then a Final
/// certificate of a later block has mostly made it needless: whoever lacks the votes gets that one,
/// which covers all below it. Skip certificates never wait.
package struct RelayQueue: Sendable {
    package static let maximumNanoseconds: UInt64 = 10_000_000
    /// Notar certificates that wait; the lowest go first beyond it (a peer asks for what it lacks).
    package static let maximumNotars = 64

    private var notars: [Certificate] = []
    private var final: Certificate?
    /// When to send what waits; nil when nothing does.
    package private(set) var due: Tick?

    package init() {}

    package mutating func add(_ certificate: Certificate, now: Tick, delay: UInt64) {
        if due == nil { due = now.after(nanoseconds: delay) }
        switch certificate.kind {
        case .notar:
            if notars.count >= Self.maximumNotars { notars.removeFirst() }
            notars.append(certificate)
        case .final:
            if let final, final.slot >= certificate.slot { return }
            final = certificate
        case .skip: preconditionFailure("a skip certificate does not wait")
        }
    }

    /// What is to be sent now: the highest Final certificate, and Notar certificates above it and
    /// above the last final block.
    package mutating func take(now: Tick, topFinal: Slot) -> [Certificate] {
        guard let time = due, now >= time else { return [] }
        due = nil
        let covered = max(topFinal, final?.slot ?? topFinal)
        let result = (final.map { [$0] } ?? []) + notars.filter { $0.slot > covered }
        notars.removeAll(keepingCapacity: true)
        final = nil
        return result
    }
}
