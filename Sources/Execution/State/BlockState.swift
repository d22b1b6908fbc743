import StarkField

/// The state while one block executes: every cell that was touched, loaded once, and a journal of
/// writes that any suffix can be undone from.
///
/// Contracts and cells get small indices at first touch, which stay valid for the block; the hot
/// path looks a cell up once and then works on its index. Nothing is copied per transaction or
/// per call: a transaction begins by taking a mark.
///
/// I1: after `revert(to: mark)` every cell, nonce and class reads as it did at that mark.
/// I2: `diff()` lists a value if and only if it differs from the one at the block's start.
struct BlockState: Sendable {
    typealias ContractIndex = Int
    typealias CellIndex = Int
    /// A position in the journal.
    struct Mark: Hashable, Sendable { fileprivate let position: Int }

    private struct Contract: Sendable {
        let address: ContractAddress
        var initialNonce: Nonce
        var nonce: Nonce
        var initialClass: ClassHash
        var classHash: ClassHash
        /// The counting pass that last saw this contract.
        var countedIn: UInt32 = 0
    }

    private struct Cell: Sendable {
        let contract: ContractIndex
        let key: StorageKey
        let initial: Felt
        var value: Felt
        /// The value when the current transaction first wrote here, and which one that was.
        var beforeTransaction: Felt
        var writtenIn: UInt32 = 0
        var countedIn: UInt32 = 0
    }

    private struct CellKey: Hashable, Sendable {
        let contract: ContractIndex
        let key: StorageKey
    }

    private enum Written: UInt8, Sendable { case storage, nonce, classHash }

    private struct JournalEntry: Sendable {
        let written: Written
        let index: Int
        let old: Felt
    }

    let base: StateView
    private var contractIndices: [ContractAddress: ContractIndex] = [:]
    private var contracts: ContiguousArray<Contract> = []
    private var cellIndices: [CellKey: CellIndex] = [:]
    private var cells: ContiguousArray<Cell> = []
    private var journal: ContiguousArray<JournalEntry> = []
    /// Numbers transactions and counting passes, so that stamps need no clearing.
    private var transactionStamp: UInt32 = 0
    private var countStamp: UInt32 = 0

    init(base: StateView) { self.base = base }

    // MARK: Contracts

    mutating func contract(_ address: ContractAddress) throws(StateReadError) -> ContractIndex {
        if let index = contractIndices[address] { return index }
        let nonce = try base.nonce(of: address)
        let classHash = try base.classHash(of: address)
        let index = contracts.count
        contracts.append(
            Contract(
                address: address, initialNonce: nonce, nonce: nonce, initialClass: classHash,
                classHash: classHash))
        contractIndices[address] = index
        return index
    }

    func address(of contract: ContractIndex) -> ContractAddress { contracts[contract].address }
    func nonce(of contract: ContractIndex) -> Nonce { contracts[contract].nonce }
    func classHash(of contract: ContractIndex) -> ClassHash { contracts[contract].classHash }

    mutating func setNonce(of contract: ContractIndex, to nonce: Nonce) {
        journal.append(
            JournalEntry(written: .nonce, index: contract, old: contracts[contract].nonce))
        contracts[contract].nonce = nonce
    }

    mutating func setClassHash(of contract: ContractIndex, to classHash: ClassHash) {
        journal.append(
            JournalEntry(written: .classHash, index: contract, old: contracts[contract].classHash))
        contracts[contract].classHash = classHash
    }

    // MARK: Storage

    mutating func cell(
        of contract: ContractIndex, at key: StorageKey
    ) throws(StateReadError) -> CellIndex {
        let cellKey = CellKey(contract: contract, key: key)
        if let index = cellIndices[cellKey] { return index }
        let value = try base.storage(of: contracts[contract].address, at: key)
        let index = cells.count
        cells.append(
            Cell(
                contract: contract, key: key, initial: value, value: value,
                beforeTransaction: value))
        cellIndices[cellKey] = index
        return index
    }

    func value(_ cell: CellIndex) -> Felt { cells[cell].value }

    mutating func set(_ cell: CellIndex, to value: Felt) {
        let old = cells[cell].value
        if old == value { return }
        if cells[cell].writtenIn != transactionStamp {
            cells[cell].writtenIn = transactionStamp
            cells[cell].beforeTransaction = old
        }
        journal.append(JournalEntry(written: .storage, index: cell, old: old))
        cells[cell].value = value
    }

    // MARK: Marks

    var mark: Mark { Mark(position: journal.count) }

    /// Starts a transaction: what came before can't be undone any more.
    mutating func beginTransaction() {
        journal.removeAll(keepingCapacity: true)
        transactionStamp += 1
    }

    /// Undoes all writes since the mark, which must be of the current transaction.
    mutating func revert(to mark: Mark) {
        precondition(mark.position <= journal.count, "mark of another transaction")
        while journal.count > mark.position {
            let entry = journal.removeLast()
            switch entry.written {
            case .storage: cells[entry.index].value = entry.old
            case .nonce: contracts[entry.index].nonce = entry.old
            case .classHash: contracts[entry.index].classHash = entry.old
            }
        }
    }

    /// Undoes the whole current transaction.
    mutating func revertTransaction() { revert(to: Mark(position: 0)) }

    // MARK: Counting

    /// What the current transaction has changed so far, against its own start.
    struct Changes: Hashable, Sendable {
        var storageUpdates = 0
        /// Cells that went from 0 to another value.
        var allocatedCells = 0
        /// Contracts with a changed cell, nonce or class, without the excluded one.
        var modifiedContracts = 0
        var classUpdates = 0
        var changedCounted = false
    }

    /// - Parameter counted: `changedCounted` tells whether this cell is among the changed ones.
    mutating func changes(excluding excluded: ContractIndex, counted: CellIndex) -> Changes {
        countStamp += 1
        var result = Changes()
        for entry in journal {
            switch entry.written {
            case .storage:
                let cell = cells[entry.index]
                if cell.countedIn == countStamp { continue }
                cells[entry.index].countedIn = countStamp
                if cell.value == cell.beforeTransaction { continue }
                result.storageUpdates += 1
                if cell.beforeTransaction.isZero { result.allocatedCells += 1 }
                if entry.index == counted { result.changedCounted = true }
                count(cell.contract, excluding: excluded, in: &result)
            case .nonce:
                count(entry.index, excluding: excluded, in: &result)
            case .classHash:
                // Each transaction of this target sets a class at most once per contract.
                result.classUpdates += 1
                count(entry.index, excluding: excluded, in: &result)
            }
        }
        return result
    }

    private mutating func count(
        _ contract: ContractIndex, excluding excluded: ContractIndex, in changes: inout Changes
    ) {
        if contract == excluded || contracts[contract].countedIn == countStamp { return }
        contracts[contract].countedIn = countStamp
        changes.modifiedContracts += 1
    }

    // MARK: The block's result

    /// All real changes since the block's start, canonical.
    func diff() -> StateDiff {
        var diff = StateDiff()
        var byContract = [[StorageEntry]](repeating: [], count: contracts.count)
        for cell in cells where cell.value != cell.initial {
            byContract[cell.contract].append(StorageEntry(key: cell.key, value: cell.value))
        }
        for (index, contract) in contracts.enumerated() {
            if !byContract[index].isEmpty {
                diff.storageDiffs.append(
                    ContractStorageDiff(address: contract.address, entries: byContract[index]))
            }
            if contract.nonce != contract.initialNonce {
                diff.nonces.append(NonceUpdate(address: contract.address, nonce: contract.nonce))
            }
            if contract.classHash != contract.initialClass {
                let update = ContractClassUpdate(
                    address: contract.address, classHash: contract.classHash)
                if contract.initialClass.isZero {
                    diff.deployedContracts.append(update)
                } else {
                    diff.replacedClasses.append(update)
                }
            }
        }
        return diff.sorted()
    }
}
