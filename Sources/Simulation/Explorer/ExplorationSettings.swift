/// What the explorer searches through, and what it reports. Plain data on both sides.

/// One rule changed, to show that the search would notice. The shipped rules know nothing of these:
/// each bends what a rule sees of a node (``BentView``), or what counts as a quorum.
package enum RuleMutation: String, CaseIterable, Sendable {
    /// SkipFrom takes no notice of what is Certified or Final here.
    case skipAfterFinal = "skip-after-final"
    /// Final takes no notice of an own SkipFrom.
    case finalAfterSkip = "final-after-skip"
    /// Any number of Notars at a slot.
    case twoNotarisations = "two-notarisations"
    /// A window's first block needs no skips between it and its parent.
    case missingSkipProof = "missing-skip-proof"
    /// One unit of power less than the smallest quorum counts as one.
    case quorumMinusOne = "quorum-minus-one"
    /// One honest validator may forget everything once, and go on.
    case lostLog = "lost-log"
}

package struct ExplorationSettings: Hashable, Sendable {
    /// Power by validator.
    package var powers: [UInt64] = [1, 1, 1, 1]
    /// Their power counts on every statement, for every block, at any time.
    package var byzantine: [Int] = [3]
    /// Slots above the root.
    package var slots = 3
    /// L.
    package var windowLength = 2
    /// P.
    package var pipelineDepth = 8
    /// The root's slot. nil: the last of window 0, so that the first window searched is whole.
    package var rootSlot: Int?
    /// Blocks of one slot on one parent. The slot after the root has at least two.
    package var siblings = 1
    package var mutation: RuleMutation?
    /// Whether states that differ by a renaming of equal validators or of sibling blocks count as
    /// one.
    package var usesSymmetry = true
    /// The breaches that end the search.
    package var breaches = SafetyBreach.allCases
    /// The search stops, incomplete, when it has visited so many states.
    package var stateLimit = Int.max

    package init() {}
}

/// Why settings describe nothing that can be searched.
package enum ExplorationError: Error, Hashable, Sendable {
    /// Between 1 and `maximum` honest validators, counting a forgetful one twice.
    case honestValidators(got: Int, maximum: Int)
    case unknownValidator(Int)
    case powerlessOrTooMuchPower
    case slotsOrWindow(slots: Int, windowLength: Int)
    case tooManyBlocks(maximum: Int)
    /// A single node has more states than a packed state has room for.
    case tooManyNodeStates(maximum: Int)
}

/// What must never come true (PROTOCOL section 2, rule 5).
package enum SafetyBreach: String, CaseIterable, Sendable {
    /// Two blocks have Final quorums and neither is an ancestor of the other.
    case conflictingFinals = "conflicting-finals"
    /// An honest node Certified a block at or above a final one's slot that does not descend from it.
    case finalBlockBypassed = "final-block-bypassed"
    /// A quorum skips the slot of a final block.
    case finalBlockSkipped = "final-block-skipped"
}

/// The shortest way to a breach, in readable lines.
package struct Counterexample: Hashable, Sendable {
    package let breach: SafetyBreach
    /// Votes and local steps from the start; no shorter run breaks anything.
    package let steps: Int
    package let lines: [String]
}

package struct ExplorationProgress: Sendable {
    /// Steps from the start.
    package let depth: Int
    package let statesAtDepth: Int
    package let states: Int
}

package struct ExplorationResult: Sendable {
    package var states = 0
    /// Steps out of all states visited, before what they lead to is found to be known.
    package var transitions = 0
    package var depth = 0
    package var widestLevel = 0
    /// Different states of a single node.
    package var nodeStates = 0
    package var blocks = 0
    /// Of the tables of states, at the most.
    package var peakBytes = 0
    /// False when the limit of states ended the search.
    package var isComplete = true
    package var counterexample: Counterexample?
}
