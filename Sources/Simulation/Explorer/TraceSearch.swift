import Primitives

/// Finds a way from the start to a given state, backwards: each step added one mark to one node, so
/// that a state's predecessors are what it is without one. Nothing needs to be kept of the search
/// forwards, and every way is as long as the state is deep.
struct TraceSearch {
    let tree: ProposalTree
    let electorate: Electorate
    let rules: ExplorerRules

    struct Step {
        let node: Int
        let before: PackedNode
        let after: PackedNode
    }

    func counterexample(
        _ breach: SafetyBreach, _ final: UInt32, _ other: UInt32, at nodes: [PackedNode]
    ) -> Counterexample {
        var deadEnds: Set<[PackedNode]> = []
        guard let steps = steps(to: nodes, &deadEnds) else {
            preconditionFailure("a state that was reached has no way to it: \(nodes)")
        }
        var lines: [String] = []
        for step in steps {
            let isSecondLife = electorate.isForgetful && step.node == electorate.nodes.count - 1
            if isSecondLife, step.before == PackedNode() {
                lines.append("validator \(electorate.nodes[step.node]) loses its log")
            }
            lines.append(text(step))
        }
        lines.append(conclusion(breach, final, other, nodes))
        return Counterexample(breach: breach, steps: steps.count, lines: lines)
    }

    /// The steps from the start to this state, nil when there is no way.
    private func steps(to nodes: [PackedNode], _ deadEnds: inout Set<[PackedNode]>) -> [Step]? {
        if nodes.allSatisfy({ $0 == PackedNode() }) { return [] }
        if deadEnds.contains(nodes) { return nil }
        for node in nodes.indices.reversed() {
            for before in lessOneMark(nodes[node]) {
                var earlier = nodes
                earlier[node] = before
                guard isStep(from: earlier, node, to: nodes[node]),
                    let start = steps(to: earlier, &deadEnds)
                else { continue }
                return start + [Step(node: node, before: before, after: nodes[node])]
            }
        }
        deadEnds.insert(nodes)
        return nil
    }

    private func isStep(from nodes: [PackedNode], _ node: Int, to after: PackedNode) -> Bool {
        if node == 0, electorate.isForgetful, nodes[nodes.count - 1] != PackedNode() {
            return false
        }
        let said = electorate.quorum(electorate.coalitions, of: electorate.honestCount) {
            nodes[$0].bits
        }
        var found: [PackedNode] = []
        rules.appendSuccessors(
            of: nodes[node], KnownCertificates(notar: said.x, skipped: said.z), to: &found)
        return found.contains(after)
    }

    /// Everything that the node can have been a step before, last kinds of vote first.
    private func lessOneMark(_ node: PackedNode) -> [PackedNode] {
        var result: [PackedNode] = []
        for block in node.final.setBits.reversed() {
            var before = node
            before.final &= ~(1 << UInt32(block))
            result.append(before)
        }
        for window in tree.windows.reversed() {
            let bits = tree.slotBits(of: window)
            guard node.skipped & bits != 0 else { continue }
            var before = node
            before.skipped &= ~bits
            result.append(before)
        }
        for block in node.certified.setBits.reversed() {
            var before = node
            before.certified &= ~(1 << UInt32(block))
            result.append(before)
        }
        for block in node.notar.setBits.reversed() {
            var before = node
            before.notar &= ~(1 << UInt32(block))
            result.append(before)
        }
        return result
    }

    // MARK: - Text

    private func text(_ step: Step) -> String {
        let validator = "validator \(electorate.nodes[step.node])"
        if let block = (step.after.notar & ~step.before.notar).setBits.first {
            let parent = tree.text(tree.blocks[block].parent)
            return "\(validator): Notar \(tree.text(UInt8(block))) on \(parent)"
        }
        if let block = (step.after.certified & ~step.before.certified).setBits.first {
            return "\(validator): Certified \(tree.text(UInt8(block)))"
        }
        if let block = (step.after.final & ~step.before.final).setBits.first {
            return "\(validator): Final \(tree.text(UInt8(block)))"
        }
        let slot = tree.slot(at: (step.after.skipped & ~step.before.skipped).trailingZeroBitCount)
        let window = slot.window(length: tree.windowLength)
        return "\(validator): SkipFrom window \(window), slot \(slot)"
    }

    private func conclusion(
        _ breach: SafetyBreach, _ final: UInt32, _ other: UInt32, _ nodes: [PackedNode]
    ) -> String {
        let block = tree.text(UInt8(final.trailingZeroBitCount))
        let decided = "\(block) is final by \(voters(nodes) { $0.final & final != 0 })"
        let rival = other & (~other + 1)
        let name = UInt8(rival.trailingZeroBitCount)
        switch breach {
        case .conflictingFinals:
            return "\(decided); so is \(tree.text(name)) by "
                + "\(voters(nodes) { $0.final & rival != 0 }), and neither stands on the other"
        case .finalBlockBypassed:
            let validators = electorate.nodes.indices.filter { nodes[$0].certified & rival != 0 }
            let validator = validators.first.map { "\(electorate.nodes[$0])" } ?? "nobody"
            return "\(decided); validator \(validator) has Certified \(tree.text(name)), "
                + "which does not stand on it"
        case .finalBlockSkipped:
            return "\(decided); its slot is skipped by \(voters(nodes) { $0.skipped & rival != 0 })"
        }
    }

    private func voters(_ nodes: [PackedNode], _ said: (PackedNode) -> Bool) -> String {
        var honest: [Int] = []
        for (index, validator) in electorate.nodes.enumerated()
        where said(nodes[index]) && !honest.contains(validator) {
            honest.append(validator)
        }
        let all = honest.map { "\($0)" } + electorate.byzantine.map { "Byzantine \($0)" }
        return all.joined(separator: ", ")
    }
}
