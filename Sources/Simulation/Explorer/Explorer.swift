import Consensus
import Primitives

/// An exhaustive search over the vote rules of `Consensus` (PROTOCOL section 2, rules 1 to 5).
///
/// A state is what every honest node has voted and Certified. Byzantine power stands behind every
/// statement at every time. A step is one statement, or one Certified, of one honest node, allowed
/// by ``VoteRules`` as shipped; any certificate that exists may have reached it or not. Leaders
/// propose all blocks of a ``ProposalTree``.
///
/// *Packing.* A node is 128 bits (``PackedNode``), but few such states are ever reached: they are
/// numbered as they come, and a state is the nodes' numbers in one word.
///
/// *Levels.* Every step adds exactly one mark and nothing ever takes one away, so that a state has
/// one depth, its marks: states of a level need comparing with each other alone, two levels are all
/// that is kept, and the first breach found is a shortest one.
///
/// *Symmetry.* Exchanging two honest validators of equal power, or two sibling blocks with all that
/// stands on them, maps steps to steps and breaches to breaches. A state is replaced by the least of
/// some that such exchanges give: not always the least of its orbit, which costs states and never
/// loses one.
struct Explorer: ~Copyable {
    let tree: ProposalTree
    let electorate: Electorate
    let rules: ExplorerRules
    private let exchanges: [[UInt8]]

    /// By number. None has the number 0, so that no packed state is 0.
    private var nodeStates = [PackedNode(), PackedNode()]
    private var numbers = [PackedNode(): Explorer.blank]
    /// The number of each node's image under each exchange, 0 when it is not known yet.
    private var images: [UInt32]
    private var certificateNumbers = StateMap()
    private var certificateCount: UInt64 = 0
    /// Node and certificates to a run in `successors`: its start and its length.
    private var runs = StateMap()
    private var successors: [UInt32] = []
    private var scratch: [PackedNode] = []

    private let width: UInt64
    /// The nodes of the state at hand, and of one that a step leads to.
    private let current: UnsafeMutablePointer<UInt32>
    private let changed: UnsafeMutablePointer<UInt32>
    private let image: UnsafeMutablePointer<UInt32>

    /// The number of a node that has done nothing.
    private static let blank: UInt32 = 1

    static func make(
        _ settings: ExplorationSettings, choice: SkipChoice = .firstNotCertified
    ) throws(ExplorationError) -> Explorer {
        let tree = try ProposalTree(settings)
        return Explorer(settings, choice, tree, try Electorate(settings))
    }

    private init(
        _ settings: ExplorationSettings, _ choice: SkipChoice, _ tree: ProposalTree,
        _ electorate: Electorate
    ) {
        self.tree = tree
        self.electorate = electorate
        rules = ExplorerRules(
            tree: tree, pipelineDepth: UInt64(settings.pipelineDepth),
            mutation: settings.mutation, choice: choice)
        exchanges = settings.usesSymmetry ? tree.exchanges : []
        images = Array(repeating: 0, count: nodeStates.count * exchanges.count)
        width = UInt64(min(32, 64 / electorate.nodes.count))
        current = .allocate(capacity: 3 * Electorate.maximumNodes)
        current.initialize(repeating: 0, count: 3 * Electorate.maximumNodes)
        changed = current + Electorate.maximumNodes
        image = changed + Electorate.maximumNodes
    }

    deinit { current.deallocate() }

    // MARK: - The search

    /// What is said in a state.
    struct Visit {
        /// What quorums say, with all Byzantine power.
        let quorums: PackedNode
        /// All that some node has Certified.
        let certified: UInt32
        /// The nodes, if they were asked for.
        let nodes: [PackedNode]
    }

    /// Visits every state in order of depth, until `visit` returns false: then the nodes of the
    /// state at which it did come with the result.
    mutating func run(
        limit: Int, showsNodes: Bool, progress: (ExplorationProgress) -> Void,
        visit: (Visit) -> Bool
    ) throws(ExplorationError) -> (result: ExplorationResult, stoppedAt: [PackedNode]?) {
        var result = ExplorationResult()
        result.blocks = tree.blocks.count
        var stoppedAt: [PackedNode]?
        var level = StateSet()
        for node in electorate.nodes.indices { current[node] = Explorer.blank }
        level.insert(pack(current))
        search: while level.count > 0 {
            result.widestLevel = max(result.widestLevel, level.count)
            var next = StateSet()
            for place in 0..<level.capacity {
                let word = level[place]
                if word == 0 { continue }
                guard result.states < limit else {
                    result.isComplete = false
                    break search
                }
                result.states += 1
                unpack(word)
                let said = quorums()
                let visited = Visit(
                    quorums: said, certified: certifiedSomewhere(),
                    nodes: showsNodes ? currentNodes : [])
                guard visit(visited) else {
                    stoppedAt = currentNodes
                    break search
                }
                result.transitions += try step(said, into: &next)
            }
            result.peakBytes = max(result.peakBytes, level.bytes + next.bytes + ownBytes)
            progress(
                ExplorationProgress(
                    depth: result.depth, statesAtDepth: level.count, states: result.states))
            level = next
            if level.count > 0 { result.depth += 1 }
        }
        result.nodeStates = nodeStates.count - 1
        return (result, stoppedAt)
    }

    /// Every step out of the state at hand.
    @inline(__always)
    private mutating func step(
        _ said: PackedNode, into next: inout StateSet
    ) throws(ExplorationError) -> Int {
        let certificates = KnownCertificates(notar: said.notar, skipped: said.skipped)
        let number = certificateNumber(certificates)
        let count = electorate.nodes.count
        var steps = 0
        for node in 0..<count {
            // A node that has begun its second life does nothing more in its first.
            if node == 0, electorate.isForgetful, current[count - 1] != Explorer.blank { continue }
            let run = try successorRun(of: current[node], certificates, number)
            for place in run {
                for index in 0..<count { changed[index] = current[index] }
                changed[node] = successors[place]
                next.insert(try leastImage())
            }
            steps += run.count
        }
        return steps
    }

    /// Where `successors` holds the numbers of what this node can be one step later.
    @inline(__always)
    private mutating func successorRun(
        of node: UInt32, _ certificates: KnownCertificates, _ certificateNumber: UInt64
    ) throws(ExplorationError) -> Range<Int> {
        let key = UInt64(node) << 32 | certificateNumber
        if let run = runs.value(of: key) {
            let start = Int(run >> 16)
            return start..<start + Int(run & 0xFFFF)
        }
        scratch.removeAll(keepingCapacity: true)
        rules.appendSuccessors(of: nodeStates[Int(node)], certificates, to: &scratch)
        let start = successors.count
        for state in scratch { successors.append(try self.number(of: state)) }
        runs.set(key, UInt64(start) << 16 | UInt64(scratch.count))
        return start..<successors.count
    }

    private mutating func certificateNumber(_ certificates: KnownCertificates) -> UInt64 {
        let key = UInt64(certificates.notar) | UInt64(certificates.skipped) << 32 | 1 << 63
        if let known = certificateNumbers.value(of: key) { return known }
        certificateCount += 1
        certificateNumbers.set(key, certificateCount)
        return certificateCount
    }

    // MARK: - Quorums of the state at hand

    @inline(__always)
    private func quorums() -> PackedNode {
        let count = electorate.honestCount
        return PackedNode(
            bits: electorate.quorum(electorate.coalitions, of: count) {
                nodeStates[Int(current[$0])].bits
            })
    }

    @inline(__always)
    private func certifiedSomewhere() -> UInt32 {
        var result: UInt32 = 0
        for node in electorate.nodes.indices {
            result |= nodeStates[Int(current[node])].certified
        }
        return result
    }

    private var currentNodes: [PackedNode] {
        electorate.nodes.indices.map { nodeStates[Int(current[$0])] }
    }

    // MARK: - Packing

    private var ownBytes: Int {
        runs.bytes + certificateNumbers.bytes + successors.count * 4 + nodeStates.count * 40
            + images.count * 4
    }

    private mutating func number(of state: PackedNode) throws(ExplorationError) -> UInt32 {
        if let known = numbers[state] { return known }
        let number = UInt64(nodeStates.count)
        guard number >> width == 0 else { throw .tooManyNodeStates(maximum: 1 << Int(width) - 1) }
        nodeStates.append(state)
        numbers[state] = UInt32(number)
        for _ in exchanges { images.append(0) }
        return UInt32(number)
    }

    @inline(__always)
    private mutating func imageNumber(
        of node: UInt32, _ exchange: Int
    ) throws(ExplorationError) -> UInt32 {
        let place = Int(node) * exchanges.count + exchange
        if images[place] != 0 { return images[place] }
        let found = try number(of: nodeStates[Int(node)].renamed(exchanges[exchange]))
        images[place] = found
        images[Int(found) * exchanges.count + exchange] = node
        return found
    }

    @inline(__always)
    private func pack(_ nodes: UnsafeMutablePointer<UInt32>) -> UInt64 {
        var word: UInt64 = 0
        for index in electorate.nodes.indices {
            word |= UInt64(nodes[index]) << (UInt64(index) * width)
        }
        return word
    }

    @inline(__always)
    private func unpack(_ word: UInt64) {
        let mask: UInt64 = 1 << width - 1
        for index in electorate.nodes.indices {
            current[index] = UInt32(word >> (UInt64(index) * width) & mask)
        }
    }

    @inline(__always)
    private func sort(_ nodes: UnsafeMutablePointer<UInt32>) {
        for (left, right) in electorate.sortingSteps where nodes[left] > nodes[right] {
            (nodes[left], nodes[right]) = (nodes[right], nodes[left])
        }
    }

    /// The packed state that stands for `changed`.
    @inline(__always)
    private mutating func leastImage() throws(ExplorationError) -> UInt64 {
        sort(changed)
        var best = pack(changed)
        for exchange in exchanges.indices {
            for index in electorate.nodes.indices {
                image[index] = try imageNumber(of: changed[index], exchange)
            }
            sort(image)
            let word = pack(image)
            if word < best {
                best = word
                for index in electorate.nodes.indices { changed[index] = image[index] }
            }
        }
        return best
    }
}
