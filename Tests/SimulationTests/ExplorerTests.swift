import Simulation
import Testing

@Suite("Explorer")
struct ExplorerTests {
    private func settings(
        _ change: (inout ExplorationSettings) -> Void
    ) -> ExplorationSettings {
        var settings = ExplorationSettings()
        change(&settings)
        return settings
    }

    // MARK: - Safety

    @Test(
        "Three slots in two windows, four equal validators, one Byzantine: no breach in any state")
    func equalPowers() throws {
        let result = try explore(settings { $0.rootSlot = 0 })
        #expect(result.counterexample == nil)
        #expect(result.isComplete)
        #expect(result.states == 5_723_887)
    }

    @Test(
        "Unequal powers and several blocks on one parent: no breach in any state",
        arguments: [
            ([4, 3, 1, 3], [3], 0), ([4, 3, 1, 3], [3], 1), ([1, 1, 1, 1], [3], 0),
            ([1, 1, 1, 1], [3], 1), ([2, 2, 2, 1, 2], [3, 4], 1), ([3, 3, 3, 2, 1], [3, 4], 0),
        ] as [([UInt64], [Int], Int)])
    func unequalPowers(_ powers: [UInt64], _ byzantine: [Int], _ root: Int) throws {
        let result = try explore(
            settings {
                $0.powers = powers
                $0.byzantine = byzantine
                $0.rootSlot = root
                $0.slots = 2
                $0.siblings = 2
            })
        #expect(result.counterexample == nil)
        #expect(result.isComplete)
        #expect(result.states > 1000)
    }

    @Test("The same search gives the same figures, and renaming loses no breach")
    func symmetry() throws {
        let small = settings { $0.slots = 2 }
        let one = try explore(small)
        #expect(try explore(small).states == one.states)
        let every = try explore(
            settings {
                $0.slots = 2
                $0.usesSymmetry = false
            })
        // Three honest validators and two blocks on the root: at most 12 states are one.
        #expect(every.states == 180_518 && one.states == 15_877)
        #expect(every.depth == one.depth)
        #expect(every.states <= 12 * one.states)
    }

    // MARK: - Mutants

    /// The shortest run to any breach, and the shortest to two conflicting final blocks. Several
    /// Notars a slot make none: a node Certifies one block a slot, and any two Final quorums have an
    /// honest node in common.
    static let lengths: [(String, Int, Int?)] = [
        ("skip-after-final", 8, 14), ("final-after-skip", 8, 14), ("two-notarisations", 9, nil),
        ("missing-skip-proof", 9, 12), ("quorum-minus-one", 4, 6), ("lost-log", 8, 12),
        ("byzantine-third", 8, 12),
    ]

    @Test("Each mutant is noticed, with a shortest run", arguments: ExplorerTests.lengths)
    func mutants(_ name: String, _ steps: Int, _ forkSteps: Int?) throws {
        let mutant = try #require(ExplorerMutant.all.first { $0.name == name })
        let found = try #require(try explore(mutant.settings).counterexample)
        #expect(found.steps == steps, "\(found.lines)")
        #expect(found.lines.count == steps + (name == "lost-log" ? 2 : 1))
        var forks = mutant.settings
        forks.breaches = [.conflictingFinals]
        #expect(try explore(forks).counterexample?.steps == forkSteps)
    }

    @Test("Every mutant has a length here, and without its mutation breaks nothing")
    func controls() throws {
        #expect(ExplorerMutant.all.map(\.name) == ExplorerTests.lengths.map(\.0))
        for mutant in ExplorerMutant.all where mutant.settings.mutation != nil {
            var settings = mutant.settings
            settings.mutation = nil
            #expect(try explore(settings).counterexample == nil)
        }
    }

    @Test("A counterexample reads as a run")
    func trace() throws {
        let mutant = try #require(ExplorerMutant.all.first { $0.name == "quorum-minus-one" })
        let found = try #require(try explore(mutant.settings).counterexample)
        #expect(found.breach == .finalBlockSkipped)
        #expect(
            found.lines == [
                "validator 0: Notar 1a on the root",
                "validator 1: SkipFrom window 0, slot 1",
                "validator 2: Certified 1a",
                "validator 2: Final 1a",
                "1a is final by 2, Byzantine 3; its slot is skipped by 1, Byzantine 3",
            ])
    }

    // MARK: - Liveness

    @Test("T1: a window of three slots clears from every state, and its next leader is followed")
    func clears() throws {
        let result = try windowLiveness(.firstNotCertified)
        #expect(result.states == 773_083 && result.progressVectors == 69_655)
        #expect(result.stuckStates == 0 && result.stuckVectors == 0)
        #expect(result.leaderlessStates == 0 && result.example.isEmpty)
    }

    @Test(
        "T1: any slot that rule 4 would not name can leave a window that never clears",
        arguments: [
            (.reasonNamed, 19_437, 202), (.windowFirst, 5_736, 614),
            (.firstNotNotarised, 19_172, 2_269), (.windowLast, 9_960, 96),
        ] as [(SkipChoice, Int, Int)])
    func wrongChoices(_ choice: SkipChoice, _ states: Int, _ stuck: Int) throws {
        var window = ExplorationSettings.window()
        window.windowLength = 2
        let result = try windowLiveness(choice, window)
        #expect(result.states == states && result.stuckStates == stuck)
        #expect(result.stuckVectors > 0 && !result.example.isEmpty)
    }

    @Test("A slot between the last own Final and rule 4's is late for nobody: the window clears")
    func control() throws {
        var window = ExplorationSettings.window()
        window.windowLength = 2
        #expect(try windowLiveness(.firstAboveFinal, window).stuckStates == 0)
    }

    // MARK: - The slow twin

    @Test(
        "The packed search finds exactly the states and steps of a slow one, its rules written again",
        arguments: [([1, 1, 1], 2, 0), ([1, 1, 1], 2, 1), ([2, 2, 1], 2, 0), ([2, 2, 1], 3, 1)]
            as [([UInt64], Int, Int)])
    func twin(_ powers: [UInt64], _ slots: Int, _ root: Int) throws {
        let result = try explore(
            settings {
                $0.powers = powers
                $0.byzantine = powers.count == 3 && powers[0] == 2 ? [2] : []
                $0.slots = slots
                $0.rootSlot = root
                $0.usesSymmetry = false
            })
        let honest = powers[0] == 2 ? [2, 2] : powers
        let slow = SlowExplorer(
            powers: honest, byzantine: powers.reduce(0, +) - honest.reduce(0, +), slots: slots,
            root: root)
        let (states, transitions) = slow.run()
        #expect(result.states == states)
        #expect(result.transitions == transitions)
    }
}

/// The search in plain words: windows of two slots, nodes as dictionaries, all states in one set.
private struct SlowExplorer {
    struct Node: Hashable {
        var notar: [Int: Int] = [:]
        var certified: [Int: Int] = [:]
        var final: Set<Int> = []
        var skip: [Int: Int] = [:]
    }
    let powers: [UInt64]
    let byzantine: UInt64
    let slots: Range<Int>
    /// The root is block 0.
    var blocks: [(slot: Int, parent: Int)]

    init(powers: [UInt64], byzantine: UInt64, slots: Int, root: Int) {
        self.powers = powers
        self.byzantine = byzantine
        self.slots = root + 1..<root + 1 + slots
        blocks = [(root, -1)]
        for slot in self.slots {
            for (parent, block) in blocks.enumerated()
            where block.slot < slot && (slot % 2 == 0 || block.slot == slot - 1) {
                blocks.append((slot, parent))
                if slot == root + 1 { blocks.append((slot, parent)) }
            }
        }
    }

    func isQuorum(_ nodes: [Node], _ said: (Node) -> Bool) -> Bool {
        var power = byzantine
        for (node, own) in zip(nodes, powers) where said(node) { power += own }
        return 3 * power > 2 * (powers.reduce(0, +) + byzantine)
    }

    func isCertified(_ block: Int, _ node: Node) -> Bool {
        block == 0 || node.certified[blocks[block].slot] == block
    }

    func isSkipped(_ slot: Int, _ nodes: [Node]) -> Bool {
        isQuorum(nodes) { node in node.skip[slot / 2].map { $0 <= slot } ?? false }
    }

    func successors(_ nodes: [Node], _ index: Int) -> [Node] {
        let node = nodes[index]
        var result: [Node] = []
        for block in 1..<blocks.count {
            let (slot, parent) = blocks[block]
            let parentSlot = blocks[parent].slot
            let isSupported =
                slot % 2 == 0
                ? isCertified(parent, node)
                    && (parentSlot + 1..<slot).allSatisfy { isSkipped($0, nodes) }
                : isCertified(parent, node) || node.notar[parentSlot] == parent
            if node.notar[slot] == nil, isSupported {
                var next = node
                next.notar[slot] = block
                result.append(next)
            }
            if node.certified[slot] == nil, isCertified(parent, node),
                isQuorum(nodes, { $0.notar[slot] == block })
            {
                var next = node
                next.certified[slot] = block
                result.append(next)
            }
        }
        for slot in slots
        where node.certified[slot] != nil && !node.final.contains(slot)
            && node.skip[slot / 2].map({ $0 > slot }) ?? true
        {
            var next = node
            next.final.insert(slot)
            result.append(next)
        }
        for window in slots.lowerBound / 2...(slots.upperBound - 1) / 2
        where node.skip[window] == nil {
            let open = (2 * window...2 * window + 1).first {
                $0 >= slots.lowerBound && node.certified[$0] == nil
            }
            guard let open, slots.contains(open), open > node.final.max() ?? 0 else { continue }
            var next = node
            next.skip[window] = open
            result.append(next)
        }
        return result
    }

    func run() -> (states: Int, transitions: Int) {
        var seen: Set<[Node]> = [powers.map { _ in Node() }]
        var queue = Array(seen)
        var transitions = 0
        while let nodes = queue.popLast() {
            for index in nodes.indices {
                for node in successors(nodes, index) {
                    transitions += 1
                    var next = nodes
                    next[index] = node
                    if seen.insert(next).inserted { queue.append(next) }
                }
            }
        }
        return (seen.count, transitions)
    }
}
