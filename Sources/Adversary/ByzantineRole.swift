/// The ways in which a validator breaks the rules on purpose. Each has a file of its own.
package enum ByzantineRole: String, Hashable, Sendable, CaseIterable {
    case equivocator, withholder, twin, censor, delayer, flooder, garbler
    case staleVoter = "stale-voter"
    case liarInSync = "liar-in-sync"

    /// A validator of this role. `twinSide` is the parity of the peers that a twin talks to, 0 or 1;
    /// no other role reads it.
    package func adversary(
        _ environment: AdversaryEnvironment, twinSide: Int = 0
    ) -> any Adversary {
        switch self {
        case .equivocator: Equivocator(environment)
        case .withholder: Withholder(environment)
        case .twin: Twin(environment, side: twinSide)
        case .censor: Censor(environment)
        case .delayer: Delayer(environment)
        case .flooder: Flooder(environment)
        case .garbler: Garbler(environment)
        case .staleVoter: StaleVoter(environment)
        case .liarInSync: LiarInSync(environment)
        }
    }
}
