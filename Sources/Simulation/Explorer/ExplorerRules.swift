import Consensus
import Primitives

/// Which slot a SkipFrom names: rule 4's, or another, to show that no other will do (T1).
package enum SkipChoice: String, CaseIterable, Sendable {
    /// The first slot that I have not Certified (``VoteRules/skipVote(_:reason:_:)``).
    case firstNotCertified = "first-not-certified"
    /// The slot that the reason names, in flight or not: any that I have not Certified.
    case reasonNamed = "reason-named"
    /// The window's first slot, unless a Final of mine forbids it.
    case windowFirst = "window-first"
    /// The first slot at which I have not voted Notar, above what is Certified and Final.
    case firstNotNotarised = "first-not-notarised"
    /// The last slot of the window, if it is not Certified.
    case windowLast = "window-last"
    /// The slot after my last Final of the window: no wrong choice, a control. Whoever votes Final
    /// for all that it has Certified, as a node does that sent no SkipFrom, names rule 4's slot.
    case firstAboveFinal = "first-above-final"
}

/// Every step that an honest node may take, by the shipped rules unless a mutation replaces one.
/// A node may take any of them at any time, or never: that is the asynchronous network and all
/// orders of timers. Its window entry and its reasons to skip are not modelled; both only hold back
/// votes that the rules would grant.
struct ExplorerRules: Sendable {
    typealias Bend = BentView<NodeView>.Bend

    let tree: ProposalTree
    let pipelineDepth: UInt64
    let mutation: RuleMutation?
    let choice: SkipChoice

    func view(_ node: PackedNode, _ certificates: KnownCertificates) -> NodeView {
        NodeView(
            node: node, certificates: certificates, tree: tree, pipelineDepth: pipelineDepth)
    }

    /// Appends what the node can be after one step more. No result is `node` itself, and each adds
    /// exactly one statement or one Certified.
    func appendSuccessors(
        of node: PackedNode, _ certificates: KnownCertificates, to result: inout [PackedNode]
    ) {
        let view = view(node, certificates)
        for (index, block) in tree.blocks.enumerated() {
            let name = UInt8(index)
            if node.notar >> UInt32(index) & 1 == 0, mayNotarise(block, view) {
                var next = node
                next.notar |= 1 << UInt32(index)
                result.append(next)
            }
            if mayCertify(name, block, view) {
                var next = node
                next.certified |= 1 << UInt32(index)
                result.append(next)
            }
        }
        for place in 0..<tree.slotCount {
            guard let name = finalVote(tree.slot(at: place), view) else { continue }
            var next = node
            next.final |= 1 << UInt32(name)
            result.append(next)
        }
        for window in tree.windows {
            for slot in skipVotes(window, view) {
                // One for a slot beyond those searched changes nothing in them.
                let covered = tree.slotBits(skippedFrom: slot)
                guard covered != 0 else { continue }
                var next = node
                next.skipped |= covered
                result.append(next)
            }
        }
    }

    private func mayNotarise(_ block: ProposalTree.Block, _ view: NodeView) -> Bool {
        let bend: Bend
        switch mutation {
        case .twoNotarisations: bend = .noOwnNotars
        case .missingSkipProof: bend = .everySlotSkipped
        default:
            return VoteRules.mayNotarise(
                block.slot, onParent: block.parentSlot, block.parent, view)
        }
        return VoteRules.mayNotarise(
            block.slot, onParent: block.parentSlot, block.parent,
            BentView(base: view, bend: bend))
    }

    func mayCertify(_ name: UInt8, _ block: ProposalTree.Block, _ view: NodeView) -> Bool {
        VoteRules.mayCertify(
            block.slot, name, onParent: block.parentSlot, block.parent, view)
    }

    private func finalVote(_ slot: Slot, _ view: NodeView) -> UInt8? {
        mutation == .finalAfterSkip
            ? VoteRules.finalVote(at: slot, BentView(base: view, bend: .noOwnSkips))
            : VoteRules.finalVote(at: slot, view)
    }

    /// The slots that a SkipFrom of this window may name now: at most one by the rule.
    func skipVotes(_ window: Window, _ view: NodeView) -> [Slot] {
        let first = window.firstSlot(length: tree.windowLength)
        if mutation == .skipAfterFinal {
            let bent = BentView(base: view, bend: .noCertifiedAndNoFinals)
            return VoteRules.skipVote(window, reason: first, bent).map { [$0] } ?? []
        }
        // The timer's reason: no other lets a node skip when this one does not.
        let rule = VoteRules.skipVote(window, reason: first, view)
        if choice == .firstNotCertified { return rule.map { [$0] } ?? [] }
        guard view.ownSkip(of: window) == nil else { return [] }
        let slots = window.slots(length: tree.windowLength).map { Slot($0) }.filter {
            $0 > view.topFinalSlot
        }
        let open = slots.filter {
            VoteRules.mayStillCertify($0, view) && $0 > view.lastOwnFinalSlot
        }
        let chosen: [Slot]
        switch choice {
        case .firstNotCertified: chosen = []
        case .reasonNamed: chosen = open
        case .windowFirst: chosen = Array(slots.prefix(1)).filter { $0 > view.lastOwnFinalSlot }
        case .firstNotNotarised:
            chosen = Array(open.filter { !view.hasNotarised($0) }.prefix(1))
        case .windowLast: chosen = Array(open.suffix(1)).filter { $0 == slots.last }
        case .firstAboveFinal: chosen = Array(slots.filter { $0 > view.lastOwnFinalSlot }.prefix(1))
        }
        return chosen
    }
}

/// Who is honest, and whose votes together make a quorum.
struct Electorate: Sendable {
    /// More do not fit a packed state.
    static let maximumNodes = 4

    let powers: [UInt64]
    let byzantine: [Int]
    /// The validator of each honest node. A forgetful one comes a second time, at the end: what it
    /// is after it lost its log. Both lives' statements count.
    let nodes: [Int]
    let isForgetful: Bool
    /// Minimal sets of nodes that make a quorum with all Byzantine power, one bit each.
    let coalitions: [UInt8]
    /// Minimal sets that make one without it.
    let honestCoalitions: [UInt8]
    /// Comparisons that sort nodes of equal power by their states.
    let sortingSteps: [(Int, Int)]

    init(_ settings: ExplorationSettings) throws(ExplorationError) {
        let powers = settings.powers
        self.powers = powers
        for index in settings.byzantine where !powers.indices.contains(index) {
            throw .unknownValidator(index)
        }
        byzantine = powers.indices.filter { settings.byzantine.contains($0) }
        guard powers.allSatisfy({ $0 > 0 && $0 < 1 << 32 }) else { throw .powerlessOrTooMuchPower }
        let honest = powers.indices.filter { !settings.byzantine.contains($0) }
        isForgetful = settings.mutation == .lostLog
        let count = honest.count + (isForgetful ? 1 : 0)
        guard !honest.isEmpty, count <= Electorate.maximumNodes else {
            throw .honestValidators(got: honest.count, maximum: Electorate.maximumNodes)
        }
        nodes = honest + (isForgetful ? [honest[0]] : [])
        let missing: UInt64 = settings.mutation == .quorumMinusOne ? 1 : 0
        let helpers = byzantine.reduce(missing) { $0 + powers[$1] }
        coalitions = Electorate.minimalQuorums(honest, powers, helpers: helpers)
        honestCoalitions = Electorate.minimalQuorums(honest, powers, helpers: missing)
        var steps: [(Int, Int)] = []
        if settings.usesSymmetry {
            // The forgetful validator is not like others. Bubble sort over each class.
            let first = isForgetful ? 1 : 0
            for _ in honest.indices {
                for left in first..<max(first, honest.count) {
                    let power = powers[honest[left]]
                    if let right = honest.indices.first(where: {
                        $0 > left && powers[honest[$0]] == power
                    }) {
                        steps.append((left, right))
                    }
                }
            }
        }
        sortingSteps = steps
    }

    private static func minimalQuorums(
        _ honest: [Int], _ powers: [UInt64], helpers: UInt64
    ) -> [UInt8] {
        var total = PowerSum()
        for power in powers { total.add(Power(power)) }
        var found: [UInt8] = []
        let subsets = (0..<UInt8(1 << honest.count)).sorted {
            ($0.nonzeroBitCount, $0) < ($1.nonzeroBitCount, $1)
        }
        for subset in subsets where !found.contains(where: { $0 & subset == $0 }) {
            var power = PowerSum()
            power.add(Power(helpers))
            for (index, validator) in honest.enumerated() where subset >> UInt8(index) & 1 == 1 {
                power.add(Power(powers[validator]))
            }
            if VoteRules.isQuorum(power, of: total) { found.append(subset) }
        }
        return found
    }

    var honestCount: Int { isForgetful ? nodes.count - 1 : nodes.count }

    /// What quorums say: the statements that all members of some coalition share.
    @inline(__always)
    func quorum(
        _ coalitions: [UInt8], of count: Int, _ node: (Int) -> SIMD4<UInt32>
    ) -> SIMD4<UInt32> {
        var result = SIMD4<UInt32>()
        for coalition in coalitions {
            var common = SIMD4<UInt32>(repeating: .max)
            for index in 0..<count where coalition >> UInt8(index) & 1 == 1 {
                var said = node(index)
                if index == 0, isForgetful { said |= node(count) }
                common &= said
            }
            result |= common
        }
        return result
    }
}
