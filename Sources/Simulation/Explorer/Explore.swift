/// Searches all states that the settings allow, in order of depth, up to the first breach of safety.
/// `progress` hears of every level. Deterministic: the same settings give the same result.
package func explore(
    _ settings: ExplorationSettings, progress: (ExplorationProgress) -> Void = { _ in }
) throws(ExplorationError) -> ExplorationResult {
    var explorer = try Explorer.make(settings)
    let tree = explorer.tree
    var breach: (SafetyBreach, UInt32, UInt32)?
    var (result, stoppedAt) = try explorer.run(
        limit: settings.stateLimit, showsNodes: false, progress: progress
    ) { visit in
        guard visit.quorums.final != 0 else { return true }
        breach = safetyBreach(visit, tree, among: settings.breaches)
        return breach == nil
    }
    if let (kind, final, other) = breach, let stoppedAt {
        result.isComplete = false
        let search = TraceSearch(
            tree: tree, electorate: explorer.electorate, rules: explorer.rules)
        result.counterexample = search.counterexample(kind, final, other, at: stoppedAt)
    }
    return result
}

/// A breach in a state, the final block's bit, and what breaks it: the bits of other blocks or of
/// a slot.
private func safetyBreach(
    _ visit: Explorer.Visit, _ tree: ProposalTree, among breaches: [SafetyBreach]
) -> (SafetyBreach, UInt32, UInt32)? {
    var rest = visit.quorums.final
    while rest != 0 {
        let block = rest.trailingZeroBitCount
        let bit: UInt32 = 1 << UInt32(block)
        rest &= rest - 1
        for breach in breaches {
            let broken =
                switch breach {
                case .conflictingFinals: visit.quorums.final & tree.conflicts[block]
                case .finalBlockBypassed: visit.certified & tree.bypasses[block]
                case .finalBlockSkipped: visit.quorums.skipped & tree.slotBit(of: UInt8(block))
                }
            if broken != 0 { return (breach, bit, broken) }
        }
    }
    return nil
}
