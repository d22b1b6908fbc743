package import Primitives
package import StarkField

/// Why committed state could not be read. Never a property of a transaction: the block that was
/// being executed has to be abandoned.
package enum StateReadError: Error, Hashable, Sendable {
    /// The store answered with an error of its own; the code is the store's.
    case unavailable(code: Int)
    /// The store holds bytes that are not a value of the expected kind.
    case corrupt
}

/// Committed Starknet state: whatever is absent reads as 0, as in Starknet.
package protocol StateReader: Sendable {
    func storage(of contract: ContractAddress, at key: StorageKey) throws(StateReadError) -> Felt
    func nonce(of contract: ContractAddress) throws(StateReadError) -> Nonce
    /// 0 where no contract is deployed.
    func classHash(of contract: ContractAddress) throws(StateReadError) -> ClassHash
    /// A declared class in the form that runs; nil where there is none with this hash.
    func compiledClass(_ hash: ClassHash) throws(StateReadError) -> CompiledClass?
}

extension StateReader {
    package func compiledClass(_ hash: ClassHash) throws(StateReadError) -> CompiledClass? { nil }
}

/// The state before genesis.
package struct EmptyState: StateReader {
    package init() {}
    package func storage(
        of contract: ContractAddress, at key: StorageKey
    ) throws(StateReadError) -> Felt { .zero }
    package func nonce(of contract: ContractAddress) throws(StateReadError) -> Nonce { .zero }
    package func classHash(
        of contract: ContractAddress
    ) throws(StateReadError) -> ClassHash { .zero }
}

/// One slot of one contract's storage.
struct StorageCell: Hashable, Sendable {
    var contract: ContractAddress
    var key: StorageKey
}

/// What one executed block changed, immutable and shared. It names no parent: a `StateView` says
/// what lies below it, so dropping a fork is dropping its layers.
package final class StateLayer: Sendable {
    package let height: Height
    package let diff: StateDiff
    private let cells: [StorageCell: Felt]
    private let nonces: [ContractAddress: Nonce]
    private let classes: [ContractAddress: ClassHash]
    private let compiled: [ClassHash: CompiledClass]

    /// - Parameter compiled: the classes that the block declared.
    package init(
        height: Height, diff: StateDiff, compiled: [ClassHash: CompiledClass] = [:]
    ) {
        self.height = height
        self.diff = diff
        self.compiled = compiled
        var cells: [StorageCell: Felt] = [:]
        cells.reserveCapacity(diff.storageDiffs.reduce(0) { $0 + $1.entries.count })
        for contract in diff.storageDiffs {
            for entry in contract.entries {
                cells[StorageCell(contract: contract.address, key: entry.key)] = entry.value
            }
        }
        var nonces: [ContractAddress: Nonce] = [:]
        nonces.reserveCapacity(diff.nonces.count)
        for update in diff.nonces { nonces[update.address] = update.nonce }
        var classes: [ContractAddress: ClassHash] = [:]
        for update in diff.deployedContracts { classes[update.address] = update.classHash }
        for update in diff.replacedClasses { classes[update.address] = update.classHash }
        self.cells = cells
        self.nonces = nonces
        self.classes = classes
    }

    func storage(_ cell: StorageCell) -> Felt? { cells[cell] }
    func nonce(of contract: ContractAddress) -> Nonce? { nonces[contract] }
    func classHash(of contract: ContractAddress) -> ClassHash? { classes[contract] }
    func compiledClass(_ hash: ClassHash) -> CompiledClass? { compiled[hash] }
}

/// A state to execute on: committed state under a chain of layers that are not committed yet.
///
/// A value: extending it for one block leaves the view of a competing block as it was. A layer
/// that has become part of the committed state may stay in a view or leave it (`committed`); the
/// values read are the same, as long as only ancestors of the view's top are committed.
package struct StateView: StateReader {
    /// The deepest chain of layers. A pipeline holds few; a node that reaches this has stopped
    /// committing, and must not go on executing.
    package static let maximumLayers = 256

    private var reader: any StateReader
    /// The oldest first.
    private var layers: [StateLayer]

    package init(committed reader: any StateReader) {
        self.reader = reader
        layers = []
    }

    package var layerCount: Int { layers.count }

    /// Whether another layer fits.
    package var canExtend: Bool { layers.count < StateView.maximumLayers }

    /// The state after one more block. Traps when the view is full (`canExtend`) or the heights
    /// don't ascend.
    package func extended(by layer: StateLayer) -> StateView {
        precondition(canExtend, "state view already has \(layers.count) layers")
        if let top = layers.last {
            precondition(
                top.height < layer.height, "layer \(layer.height) on top of \(top.height)")
        }
        var result = self
        result.layers.append(layer)
        return result
    }

    /// The same state, read from committed state that now includes all blocks up to `height`.
    package func committed(through height: Height, reader: any StateReader) -> StateView {
        var result = StateView(committed: reader)
        result.layers = layers.filter { $0.height > height }
        return result
    }

    package func storage(
        of contract: ContractAddress, at key: StorageKey
    ) throws(StateReadError) -> Felt {
        let cell = StorageCell(contract: contract, key: key)
        for layer in layers.reversed() {
            if let value = layer.storage(cell) { return value }
        }
        return try reader.storage(of: contract, at: key)
    }

    package func nonce(of contract: ContractAddress) throws(StateReadError) -> Nonce {
        for layer in layers.reversed() {
            if let nonce = layer.nonce(of: contract) { return nonce }
        }
        return try reader.nonce(of: contract)
    }

    package func classHash(of contract: ContractAddress) throws(StateReadError) -> ClassHash {
        for layer in layers.reversed() {
            if let classHash = layer.classHash(of: contract) { return classHash }
        }
        return try reader.classHash(of: contract)
    }

    package func compiledClass(_ hash: ClassHash) throws(StateReadError) -> CompiledClass? {
        for layer in layers.reversed() {
            if let compiled = layer.compiledClass(hash) { return compiled }
        }
        return try reader.compiledClass(hash)
    }
}
