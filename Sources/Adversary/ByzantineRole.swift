/// The ways in which a validator breaks the rules on purpose. Each has a file of its own.
package enum ByzantineRole: String, Hashable, Sendable, CaseIterable {
    case equivocator, withholder, twin, censor, delayer, flooder, garbler
    case staleVoter = "stale-voter"
    case liarInSync = "liar-in-sync"
}
