package import StarkField

/// What one executed block changed in the tries, indexed for reading. Immutable, so that threads
/// can share it.
package final class TrieLayer: Sendable {
    package let changes: StateChanges
    private let nodes: [NodeKey: Int32]
    private let contracts: [Felt: Int32]

    package init(_ changes: StateChanges) {
        self.changes = changes
        var nodes = [NodeKey: Int32](minimumCapacity: changes.nodes.count)
        for (index, change) in changes.nodes.enumerated() { nodes[change.key] = Int32(index) }
        self.nodes = nodes
        var contracts = [Felt: Int32](minimumCapacity: changes.contracts.count)
        for (index, change) in changes.contracts.enumerated() {
            contracts[change.address] = Int32(index)
        }
        self.contracts = contracts
    }

    func change(at key: NodeKey) -> NodeChange? {
        nodes[key].map { changes.nodes[Int($0)] }
    }

    func change(ofContractAt address: Felt) -> ContractChange? {
        contracts[address].map { changes.contracts[Int($0)] }
    }
}

/// A store as it will be once some layers are committed to it (I5).
package struct OverlayStore<Base: NodeStore>: NodeStore {
    package let base: Base
    /// The oldest first.
    package let layers: [TrieLayer]

    package init(base: Base, layers: [TrieLayer]) {
        self.base = base
        self.layers = layers
    }

    package func node(at key: NodeKey) throws(TrieError) -> TrieNode? {
        for layer in layers.reversed() {
            if let change = layer.change(at: key) { return change.node }
        }
        return try base.node(at: key)
    }

    package func contract(at address: Felt) throws(TrieError) -> ContractRecord? {
        for layer in layers.reversed() {
            if let change = layer.change(ofContractAt: address) { return change.record }
        }
        return try base.contract(at: address)
    }
}

extension OverlayStore: Sendable where Base: Sendable {}

/// Why a tree of layers refused an operation. All leave it as it was.
package enum TrieOverlayError: Error, Hashable, Sendable {
    /// The layer that is meant to be the parent, or to be committed, is not there.
    case unknownLayer
    case layerExists
    /// A layer is committed before its parent.
    case parentNotCommitted
    case tooManyLayers(maximum: Int)
}

/// The layers of blocks that are executed and not yet final: a tree with forks above the committed
/// state. `ID` is what names a block.
package struct TrieOverlay<ID: Hashable & Sendable>: Sendable {
    private struct Node: Sendable {
        let parent: ID?
        var children: [ID]
        let layer: TrieLayer
    }

    private var nodes: [ID: Node] = [:]
    /// Layers directly above the committed state.
    private var lowest: [ID] = []

    package init() {}

    package var count: Int { nodes.count }

    package func contains(_ id: ID) -> Bool { nodes[id] != nil }

    /// Puts a block's changes above those of its parent; nil is the committed state.
    package mutating func insert(_ id: ID, parent: ID?, changes: StateChanges)
        throws(TrieOverlayError)
    {
        if nodes[id] != nil { throw .layerExists }
        guard nodes.count < TrieLimits.layers else {
            throw .tooManyLayers(maximum: TrieLimits.layers)
        }
        if let parent {
            guard nodes[parent] != nil else { throw .unknownLayer }
            nodes[parent]?.children.append(id)
        } else {
            lowest.append(id)
        }
        nodes[id] = Node(parent: parent, children: [], layer: TrieLayer(changes))
    }

    /// The layers from the committed state up to `id`, the oldest first; none for nil.
    package func layers(upTo id: ID?) throws(TrieOverlayError) -> [TrieLayer] {
        var result: [TrieLayer] = []
        var current = id
        while let id = current {
            guard let node = nodes[id] else { throw .unknownLayer }
            result.append(node.layer)
            current = node.parent
        }
        result.reverse()
        return result
    }

    /// The state after block `id`.
    package func store<Base: NodeStore>(upTo id: ID?, over base: Base) throws(TrieOverlayError)
        -> OverlayStore<Base>
    {
        OverlayStore(base: base, layers: try layers(upTo: id))
    }

    /// The block `id` is final, and so is its parent: returns what to write in one batch, and drops
    /// its layer with all forks beside it. The caller writes before it reads again.
    package mutating func commit(_ id: ID) throws(TrieOverlayError) -> StateChanges {
        guard let node = nodes[id] else { throw .unknownLayer }
        guard node.parent == nil else { throw .parentNotCommitted }
        for other in lowest where other != id { removeSubtree(other) }
        nodes[id] = nil
        lowest = node.children
        for child in node.children {
            guard let old = nodes[child] else { continue }
            nodes[child] = Node(parent: nil, children: old.children, layer: old.layer)
        }
        return node.layer.changes
    }

    /// Drops a block and all that were built on it; nothing for an unknown one.
    package mutating func drop(_ id: ID) {
        guard let node = nodes[id] else { return }
        if let parent = node.parent {
            nodes[parent]?.children.removeAll { $0 == id }
        } else {
            lowest.removeAll { $0 == id }
        }
        removeSubtree(id)
    }

    private mutating func removeSubtree(_ id: ID) {
        var waiting = [id]
        while let next = waiting.popLast() {
            if let node = nodes.removeValue(forKey: next) { waiting += node.children }
        }
    }
}
