import StarkField

/// A leaf to set.
struct LeafChange {
    /// As many bits as the trie is high.
    let path: TriePath
    /// A literal zero deletes the leaf.
    let value: HashPlan.Operand
}

/// Changes leaves of one trie. It finds the new shape of the changed region top down, enters the
/// hashes of that region in a `HashPlan`, and notes what has to be written. Every inner node of the
/// region is read once and entered once (I2, I3).
struct TrieUpdater<Store: NodeStore> {
    typealias Operand = HashPlan.Operand

    /// A node to write whose hashes may not be known yet.
    private enum Pending {
        case delete
        case binary(Operand, Operand)
        case edge(TriePath, Operand)
    }

    /// What the store has at a position.
    private enum Old {
        case empty
        case leaf(Felt)
        case binary(hash: Felt, left: Felt, right: Felt)
        /// An edge, or the lower part of one, to a binary node or a leaf strictly below.
        case edge(bottom: TriePath, hash: Felt)
    }

    /// What will be below a position: nothing, or a binary node or leaf at or below it, to which
    /// the position's owner adds the edge.
    private struct New {
        var bottom: (path: TriePath, hash: Operand)?
        /// False where everything below the position is as it was.
        var changed: Bool

        static func unchanged(_ path: TriePath, _ hash: Felt) -> New {
            New(bottom: (path, .literal(hash)), changed: false)
        }
    }

    let store: Store
    let trie: TrieIdentifier
    let height: Int
    let plan: HashPlan
    private var changes: [LeafChange] = []
    private var pending: [(path: TriePath, node: Pending)] = []

    init(store: Store, trie: TrieIdentifier, height: Int, plan: HashPlan) {
        self.store = store
        self.trie = trie
        self.height = height
        self.plan = plan
    }

    /// Plans the change of leaves, which are sorted by path without repetition. Nil where no leaf
    /// differs from what the store has; else the new root hash.
    mutating func update(_ sorted: [LeafChange]) throws(TrieError) -> Operand? {
        if sorted.isEmpty { return nil }
        changes = sorted
        let old: Old = try storeHasRoot() ? load(.root, hash: .zero) : .empty
        let new = try grow(.root, old, sorted.indices)
        if !new.changed { return nil }
        guard new.bottom != nil else {
            remove(.root)
            return .literal(.zero)
        }
        return seal(.root, new, known: nil)
    }

    /// The written nodes, after the plan was run.
    func nodeChanges() -> [NodeChange] {
        pending.map { path, node in
            let key = NodeKey(trie: trie, path: path)
            switch node {
            case .delete: return NodeChange(key: key, node: nil)
            case .binary(let left, let right):
                let node = TrieNode.binary(left: plan.value(left), right: plan.value(right))
                return NodeChange(key: key, node: node)
            case .edge(let bits, let child):
                let node = TrieNode.edge(path: bits, child: plan.value(child))
                return NodeChange(key: key, node: node)
            }
        }
    }

    // MARK: - Reading

    private func storeHasRoot() throws(TrieError) -> Bool {
        try store.node(at: NodeKey(trie: trie, path: .root)) != nil
    }

    /// The node at a position that is known to have one, with the hash that its parent names.
    private func load(_ position: TriePath, hash: Felt) throws(TrieError) -> Old {
        if position.length == height { return .leaf(hash) }
        let key = NodeKey(trie: trie, path: position)
        switch try store.node(at: key) {
        case nil: throw .missingNode(key)
        case .binary(let left, let right): return .binary(hash: hash, left: left, right: right)
        case .edge(let bits, let child):
            guard position.length + bits.length <= height else { throw .misplacedNode(key) }
            return .edge(bottom: position.appending(bits), hash: child)
        }
    }

    /// The node at the lower end of an edge.
    private func loadBottom(_ position: TriePath, hash: Felt) throws(TrieError) -> Old {
        let old = try load(position, hash: hash)
        if case .edge = old { throw .misplacedNode(NodeKey(trie: trie, path: position)) }
        return old
    }

    // MARK: - The new shape

    /// The first change in `range` whose bit at `depth` is set.
    private func middle(_ range: Range<Int>, depth: Int) -> Int {
        var low = range.lowerBound
        var high = range.upperBound
        while low < high {
            let probe = (low + high) / 2
            if changes[probe].path.bit(at: depth) { high = probe } else { low = probe + 1 }
        }
        return low
    }

    /// Applies the changes of a non-empty range, all of which are below `position`.
    private mutating func grow(_ position: TriePath, _ old: Old, _ range: Range<Int>)
        throws(TrieError) -> New
    {
        switch old {
        case .empty: return build(range)
        case .leaf(let value):
            let value = Operand.literal(value)
            let wanted = changes[range.lowerBound].value
            if wanted.entry < 0, wanted.value == value.value {
                return New(bottom: (position, value), changed: false)
            }
            return New(bottom: wanted.isZero ? nil : (position, wanted), changed: true)
        case .binary(let hash, let left, let right):
            return try growBinary(position, hash: hash, left, right, range)
        case .edge(let bottom, let hash):
            let shared = min(
                bottom.commonPrefix(with: changes[range.lowerBound].path),
                bottom.commonPrefix(with: changes[range.upperBound - 1].path))
            if shared == bottom.length {
                let new = try grow(bottom, loadBottom(bottom, hash: hash), range)
                vacate(bottom, for: new)
                return new
            }
            return try split(bottom.prefix(shared), bottom, hash, range)
        }
    }

    /// The subtree of the changes alone.
    private mutating func build(_ range: Range<Int>) -> New {
        guard let first = range.first(where: { !changes[$0].value.isZero }),
            let last = range.last(where: { !changes[$0].value.isZero })
        else { return New(bottom: nil, changed: false) }
        let path = changes[first].path
        if first == last { return New(bottom: (path, changes[first].value), changed: true) }
        let branch = path.prefix(path.commonPrefix(with: changes[last].path))
        let middle = middle(first..<(last + 1), depth: branch.length)
        return join(
            branch, left: build(first..<middle), right: build(middle..<(last + 1)))
    }

    /// A new binary node above two subtrees that are not empty.
    private mutating func join(_ branch: TriePath, left: New, right: New) -> New {
        let leftHash = seal(branch.appending(false), left, known: nil)
        let rightHash = seal(branch.appending(true), right, known: nil)
        pending.append((branch, .binary(leftHash, rightHash)))
        return New(bottom: (branch, plan.add(leftHash, rightHash)), changed: true)
    }

    /// A change leaves the edge to `bottom` at `branch`, above its end.
    private mutating func split(
        _ branch: TriePath, _ bottom: TriePath, _ hash: Felt, _ range: Range<Int>
    ) throws(TrieError) -> New {
        let depth = branch.length
        let side = bottom.bit(at: depth)
        let middle = middle(range, depth: depth)
        let mine = side ? middle..<range.upperBound : range.lowerBound..<middle
        let others = side ? range.lowerBound..<middle : middle..<range.upperBound
        let child = branch.appending(side)
        let isAtBottom = child.length == bottom.length
        var same = New.unchanged(bottom, hash)
        if !mine.isEmpty {
            let old: Old =
                isAtBottom
                ? try loadBottom(bottom, hash: hash) : .edge(bottom: bottom, hash: hash)
            same = try grow(child, old, mine)
        }
        let other = build(others)
        if same.bottom != nil, other.bottom != nil {
            return join(branch, left: side ? other : same, right: side ? same : other)
        }
        if isAtBottom { vacate(child, for: same) }
        if other.bottom != nil { return other }
        return same
    }

    private mutating func growBinary(
        _ position: TriePath, hash: Felt, _ left: Felt, _ right: Felt, _ range: Range<Int>
    ) throws(TrieError) -> New {
        let middle = middle(range, depth: position.length)
        let leftPath = position.appending(false)
        let rightPath = position.appending(true)
        let newLeft = try growChild(leftPath, left, range.lowerBound..<middle)
        let newRight = try growChild(rightPath, right, middle..<range.upperBound)
        let leftIsGone = newLeft.map { $0.bottom == nil } ?? false
        let rightIsGone = newRight.map { $0.bottom == nil } ?? false
        if !leftIsGone, !rightIsGone {
            if !(newLeft?.changed ?? false), !(newRight?.changed ?? false) {
                return .unchanged(position, hash)
            }
            let leftHash = newLeft.map { seal(leftPath, $0, known: left) } ?? .literal(left)
            let rightHash = newRight.map { seal(rightPath, $0, known: right) } ?? .literal(right)
            pending.append((position, .binary(leftHash, rightHash)))
            return New(bottom: (position, plan.add(leftHash, rightHash)), changed: true)
        }
        if leftIsGone { vacate(leftPath, for: New(bottom: nil, changed: true)) }
        if rightIsGone { vacate(rightPath, for: New(bottom: nil, changed: true)) }
        if leftIsGone, rightIsGone { return New(bottom: nil, changed: true) }
        return leftIsGone
            ? try lift(rightPath, right, newRight) : try lift(leftPath, left, newLeft)
    }

    /// Nil where no change is below the child.
    private mutating func growChild(_ child: TriePath, _ hash: Felt, _ range: Range<Int>)
        throws(TrieError) -> New?
    {
        if range.isEmpty { return nil }
        return try grow(child, load(child, hash: hash), range)
    }

    /// What is left of a binary node that lost its other child: the edge to this one grows upwards.
    private mutating func lift(_ child: TriePath, _ hash: Felt, _ grown: New?)
        throws(TrieError) -> New
    {
        var new: New
        if let grown {
            new = grown
        } else {
            switch try load(child, hash: hash) {
            case .edge(let bottom, let hash): new = .unchanged(bottom, hash)
            case .empty, .leaf, .binary: new = .unchanged(child, hash)
            }
        }
        vacate(child, for: new)
        new.changed = true
        return new
    }

    // MARK: - Writing

    /// Makes `position` the upper end of what is below it: adds the edge if one is needed. `known`
    /// is the hash that the position has already.
    private mutating func seal(_ position: TriePath, _ new: New, known: Felt?) -> Operand {
        if let known, !new.changed { return .literal(known) }
        guard let bottom = new.bottom else { return .literal(.zero) }
        if bottom.path.length == position.length { return bottom.hash }
        let bits = bottom.path.suffix(from: position.length)
        pending.append((position, .edge(bits, bottom.hash)))
        return plan.add(bottom.hash, .literal(bits.value), addend: bits.length)
    }

    /// Deletes the record at a position that has one, unless the new bottom is there. Nothing will
    /// be sealed at this position.
    private mutating func vacate(_ position: TriePath, for new: New) {
        if new.bottom?.path != position { remove(position) }
    }

    private mutating func remove(_ position: TriePath) {
        if position.length < height { pending.append((position, .delete)) }
    }
}
