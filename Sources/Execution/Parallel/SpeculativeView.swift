import StarkField

/// A block's state between two rounds: what all threads of a round read, and none changes.
///
/// Its methods read the state in place: a copy, however short, would have all threads count
/// references to the same tables.
final class FrozenBlock: Sendable {
    private let state: BlockState
    let base: any StateReader
    let addresses: StorageAddressCache

    init(state: BlockState, addresses: StorageAddressCache) {
        self.state = state
        base = state.base
        self.addresses = addresses
    }

    func contract(_ address: ContractAddress) -> BlockState.ContractIndex? {
        state.knownContract(address)
    }
    func cell(
        of contract: BlockState.ContractIndex, at key: StorageKey
    ) -> BlockState.CellIndex? { state.knownCell(of: contract, at: key) }
    func nonce(of contract: BlockState.ContractIndex) -> Nonce { state.nonce(of: contract) }
    func classHash(of contract: BlockState.ContractIndex) -> ClassHash {
        state.classHash(of: contract)
    }
    func value(_ cell: BlockState.CellIndex) -> Felt { state.value(cell) }
    func compiledClass(_ hash: ClassHash) -> CompiledClass? { state.knownClass(hash) }
}

/// Where a transaction that ran ahead of its turn had a value from.
enum ValueOrigin: Hashable, Sendable {
    /// The block's state: a contract or a cell, by its index there.
    case block(Int)
    /// Below the block, where nothing changes.
    case base
    /// A transaction before it in the same job, which had not had its turn either.
    case job
}

/// A class that was asked for below the block's state.
struct ClassRead: Sendable {
    let hash: ClassHash
    /// Nil where there was none.
    let compiled: CompiledClass?
    let origin: ValueOrigin
}

/// What transactions of one job see that run before their turn: what those before them in the job
/// left behind, under it the block as it was when the round began, and under that its base. It
/// takes down where each answer came from.
///
/// One thread uses it at a time. The base is read by many at once: a `StateReader` is `Sendable`,
/// and guards what it must.
final class SpeculativeView: StateReader, @unchecked Sendable {
    private struct JobContract {
        var nonce: Nonce
        var classHash: ClassHash
    }

    private var frozen: FrozenBlock?
    private var jobContracts: [ContractAddress: JobContract] = [:]
    private var jobCells: [StorageCell: Felt] = [:]
    private var jobClasses: [ClassHash: CompiledClass] = [:]
    /// The contract that was looked up last, and its index in the block's state.
    private var lastContract: (address: ContractAddress, index: Int?)?

    /// In the order of the questions.
    private(set) var contractOrigins: [ValueOrigin] = []
    private(set) var cellOrigins: [ValueOrigin] = []
    private(set) var classReads: [ClassRead] = []

    func beginRound(_ frozen: FrozenBlock) {
        self.frozen = frozen
        lastContract = nil
        jobContracts.removeAll(keepingCapacity: true)
        jobCells.removeAll(keepingCapacity: true)
        jobClasses.removeAll(keepingCapacity: true)
    }

    /// Lets go of the block, which is about to change.
    func endRound() { frozen = nil }

    func beginTransaction() {
        contractOrigins.removeAll(keepingCapacity: true)
        cellOrigins.removeAll(keepingCapacity: true)
        classReads.removeAll(keepingCapacity: true)
    }

    /// Shows those that follow in the job what a transaction left behind.
    ///
    /// - Parameter skipped: cells whose new value is not shown.
    func append(_ effects: BlockState.Effects, without skipped: [BlockState.CellIndex]) {
        for contract in effects.contracts
        where contract.newNonce != nil || contract.newClass != nil {
            jobContracts[contract.address] = JobContract(
                nonce: contract.newNonce ?? contract.nonce,
                classHash: contract.newClass ?? contract.classHash)
        }
        for (index, cell) in effects.cells.enumerated() {
            guard let value = cell.newValue, !skipped.contains(index) else { continue }
            let address = effects.contracts[cell.contract].address
            jobCells[StorageCell(contract: address, key: cell.key)] = value
        }
        for declaration in effects.declarations {
            jobClasses[declaration.classHash] = declaration.compiled
        }
    }

    private var block: FrozenBlock {
        guard let frozen else { preconditionFailure("a view is read between two rounds") }
        return frozen
    }

    private func blockContract(_ address: ContractAddress) -> Int? {
        if let lastContract, lastContract.address == address { return lastContract.index }
        let index = block.contract(address)
        lastContract = (address, index)
        return index
    }

    func nonce(of contract: ContractAddress) throws(StateReadError) -> Nonce {
        if let known = jobContracts[contract] {
            contractOrigins.append(.job)
            return known.nonce
        }
        if let index = blockContract(contract) {
            contractOrigins.append(.block(index))
            return block.nonce(of: index)
        }
        contractOrigins.append(.base)
        return try block.base.nonce(of: contract)
    }

    /// Always asked right after the nonce, whose origin is that of both.
    func classHash(of contract: ContractAddress) throws(StateReadError) -> ClassHash {
        if let known = jobContracts[contract] { return known.classHash }
        if let index = blockContract(contract) { return block.classHash(of: index) }
        return try block.base.classHash(of: contract)
    }

    func storage(
        of contract: ContractAddress, at key: StorageKey
    ) throws(StateReadError) -> Felt {
        if !jobCells.isEmpty,
            let known = jobCells[StorageCell(contract: contract, key: key)]
        {
            cellOrigins.append(.job)
            return known
        }
        if let index = blockContract(contract),
            let cell = block.cell(of: index, at: key)
        {
            cellOrigins.append(.block(cell))
            return block.value(cell)
        }
        cellOrigins.append(.base)
        return try block.base.storage(of: contract, at: key)
    }

    func compiledClass(_ hash: ClassHash) throws(StateReadError) -> CompiledClass? {
        // What the block has declared or found stays.
        if let known = block.compiledClass(hash) { return known }
        if let known = jobClasses[hash] {
            classReads.append(ClassRead(hash: hash, compiled: known, origin: .job))
            return known
        }
        let found = try block.base.compiledClass(hash)
        classReads.append(ClassRead(hash: hash, compiled: found, origin: .base))
        return found
    }
}
