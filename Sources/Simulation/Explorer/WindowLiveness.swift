import Consensus
import Primitives

/// What becomes of a window whose leader equivocates, says no more, and whose Byzantine helpers say
/// no more either.
package struct LivenessResult: Hashable, Sendable {
    package let choice: SkipChoice
    /// States of the honest nodes that some run leads to, SkipFroms sent or not.
    package var states = 0
    /// Those from which the window never clears by honest power alone.
    package var stuckStates = 0
    /// States without a SkipFrom: who notarised, Certified and voted Final for what.
    package var progressVectors = 0
    /// Those from which the window does not clear when every timer runs out before anything more
    /// arrives, and each node names the highest slot that the choice lets it name.
    package var stuckVectors = 0
    /// Cleared states in which the next window's honest leader finds no parent that all accept.
    package var leaderlessStates = 0
    /// The first stuck state, fewest steps first: what the nodes have said.
    package var example: [String] = []
}

/// Takes one window through every state that its honest nodes can get into, with an equivocating
/// leader and Byzantine votes shown to whomever they help, and asks of each: once all that honest
/// nodes hold has reached all of them, and their timers have run out, is every slot of the window
/// Certified or skipped, on honest power alone (rule 4, T1)?
///
/// What then arrives are the certificates that an honest node rests on (who Certified has relayed
/// them) and honest votes. No block arrives any more, and so no new Notar is cast: a leader may
/// have shown each block to one node. A node's timer takes the lowest slot that the choice allows;
/// higher ones have been tried on the way.
package func windowLiveness(
    _ choice: SkipChoice, _ settings: ExplorationSettings = .window()
) throws(ExplorationError) -> LivenessResult {
    var settings = settings
    settings.mutation = nil
    settings.rootSlot = settings.windowLength - 1
    settings.slots = settings.windowLength
    var explorer = try Explorer.make(settings, choice: choice)
    let closing = WindowClosing(explorer)
    var result = LivenessResult(choice: choice)
    _ = try explorer.run(limit: settings.stateLimit, showsNodes: true, progress: { _ in }) {
        visit in
        result.states += 1
        if visit.nodes.allSatisfy({ $0.skipped == 0 }) {
            result.progressVectors += 1
            let nodes = closing.afterTimeout(visit.nodes, names: \.last)
            if !closing.isCleared(closing.delivered(nodes)) { result.stuckVectors += 1 }
        }
        let nodes = closing.end(of: visit.nodes)
        if closing.isCleared(nodes) {
            if !closing.nextLeaderIsFollowed(nodes) { result.leaderlessStates += 1 }
        } else {
            result.stuckStates += 1
            if result.example.isEmpty { result.example = closing.text(visit.nodes) }
        }
        return true
    }
    return result
}

extension ExplorationSettings {
    /// One window of three slots among four equal validators.
    package static func window() -> ExplorationSettings {
        var settings = ExplorationSettings()
        settings.windowLength = 3
        return settings
    }
}

/// The good end of a window: everything honest arrives, every timer runs out.
private struct WindowClosing {
    let tree: ProposalTree
    let electorate: Electorate
    let rules: ExplorerRules
    let window: Window

    init(_ explorer: borrowing Explorer) {
        tree = explorer.tree
        electorate = explorer.electorate
        rules = explorer.rules
        window = explorer.tree.windows[0]
    }

    /// KnownCertificates that honest nodes can show each other.
    private func certificates(_ nodes: [PackedNode]) -> KnownCertificates {
        let said = electorate.quorum(electorate.honestCoalitions, of: nodes.count) {
            nodes[$0].bits
        }
        return KnownCertificates(
            notar: nodes.reduce(said.x) { $0 | $1.certified }, skipped: said.z)
    }

    /// Everybody has Certified what honest nodes can show.
    func delivered(_ nodes: [PackedNode]) -> [PackedNode] {
        var result = nodes
        let certificates = certificates(nodes)
        for index in result.indices {
            // Blocks are in order of slots, so that a parent comes first.
            for (name, block) in tree.blocks.enumerated() {
                let view = rules.view(result[index], certificates)
                guard rules.mayCertify(UInt8(name), block, view) else { continue }
                result[index].certified |= 1 << UInt32(name)
            }
        }
        return result
    }

    /// Who has not skipped yet does, from one of the slots that it may name.
    func afterTimeout(
        _ nodes: [PackedNode], names pick: (([Slot]) -> Slot?)
    ) -> [PackedNode] {
        let certificates = certificates(nodes)
        return nodes.map { node in
            var node = node
            let slots = rules.skipVotes(window, rules.view(node, certificates))
            if let slot = pick(slots) { node.skipped |= tree.slotBits(skippedFrom: slot) }
            return node
        }
    }

    func end(of nodes: [PackedNode]) -> [PackedNode] {
        afterTimeout(delivered(nodes), names: \.first)
    }

    /// Every node passes every slot.
    func isCleared(_ nodes: [PackedNode]) -> Bool {
        let skipped = certificates(nodes).skipped
        return nodes.allSatisfy { node in
            (0..<tree.slotCount).allSatisfy {
                skipped >> UInt32($0) & 1 == 1 || node.certified & tree.slotMasks[$0] != 0
            }
        }
    }

    /// Whoever leads the next window and follows the rule, all others may vote for its first block.
    func nextLeaderIsFollowed(_ nodes: [PackedNode]) -> Bool {
        let certificates = certificates(nodes)
        let slot = window.next.firstSlot(length: tree.windowLength)
        let views = nodes.map { rules.view($0, certificates) }
        return views.allSatisfy { leader in
            var candidates: [(slot: Slot, name: UInt8)] = [(tree.rootSlot, ProposalTree.root)]
            candidates += leader.node.certified.setBits.map {
                (tree.slot(of: UInt8($0)), UInt8($0))
            }
            candidates.reverse()
            guard
                let place = VoteRules.highestParent(
                    for: slot, among: candidates.map(\.slot), leader)
            else { return false }
            let parent = candidates[place]
            return views.allSatisfy {
                VoteRules.mayNotarise(slot, onParent: parent.slot, parent.name, $0)
            }
        }
    }

    func text(_ nodes: [PackedNode]) -> [String] {
        nodes.indices.map { index in
            let node = nodes[index]
            func list(_ blocks: UInt32) -> String {
                let names = blocks.setBits.map { tree.text(UInt8($0)) }
                return names.isEmpty ? "-" : names.joined(separator: " ")
            }
            let skip =
                node.skipped == 0
                ? "no SkipFrom" : "SkipFrom \(tree.slot(at: node.skipped.trailingZeroBitCount))"
            return "validator \(electorate.nodes[index]): Notar \(list(node.notar)), "
                + "Certified \(list(node.certified)), Final \(list(node.final)), \(skip)"
        }
    }
}
