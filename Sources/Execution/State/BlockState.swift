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
        /// Nonce and class when the current transaction first changed them, and which one that
        /// was.
        var nonceBefore = Nonce.zero
        var classBefore = ClassHash.zero
        var changedIn: UInt32 = 0
        /// The counting pass that last saw this contract.
        var countedIn: UInt32 = 0
        var classCountedIn: UInt32 = 0
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
        var classCountedIn: UInt32 = 0
    }

    private struct CellKey: Hashable, Sendable {
        let contract: ContractIndex
        let key: StorageKey
    }

    private enum Written: UInt8, Sendable { case storage, nonce, classHash, declaration }

    private struct JournalEntry: Sendable {
        let written: Written
        let index: Int
        let old: Felt
    }

    struct Declaration: Sendable {
        let classHash: ClassHash
        let compiledClassHash: Felt
        let compiled: CompiledClass
    }

    let base: any StateReader
    private var contractIndices: [ContractAddress: ContractIndex] = [:]
    private var contracts: ContiguousArray<Contract> = []
    private var cellIndices: [CellKey: CellIndex] = [:]
    private var cells: ContiguousArray<Cell> = []
    private var journal: ContiguousArray<JournalEntry> = []
    /// Classes that this block has declared, in order.
    private var declarations: [Declaration] = []
    /// Classes that were asked for.
    private var classes: [ClassHash: CompiledClass] = [:]
    /// Numbers transactions and counting passes, so that stamps need no clearing.
    private var transactionStamp: UInt32 = 0
    private var countStamp: UInt32 = 0

    init(base: any StateReader) { self.base = base }

    // MARK: Contracts

    mutating func contract(_ address: ContractAddress) throws(StateReadError) -> ContractIndex {
        if let index = contractIndices[address] { return index }
        let nonce = try base.nonce(of: address)
        return adopt(address, nonce: nonce, classHash: try base.classHash(of: address))
    }

    /// Takes a contract in that is not known yet, as the base has it.
    mutating func adopt(
        _ address: ContractAddress, nonce: Nonce, classHash: ClassHash
    ) -> ContractIndex {
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
        noteChange(of: contract)
        journal.append(
            JournalEntry(written: .nonce, index: contract, old: contracts[contract].nonce))
        contracts[contract].nonce = nonce
    }

    mutating func setClassHash(of contract: ContractIndex, to classHash: ClassHash) {
        noteChange(of: contract)
        journal.append(
            JournalEntry(written: .classHash, index: contract, old: contracts[contract].classHash))
        contracts[contract].classHash = classHash
    }

    private mutating func noteChange(of contract: ContractIndex) {
        guard contracts[contract].changedIn != transactionStamp else { return }
        contracts[contract].changedIn = transactionStamp
        contracts[contract].nonceBefore = contracts[contract].nonce
        contracts[contract].classBefore = contracts[contract].classHash
    }

    // MARK: Classes

    /// The class with this hash in the form that runs; nil where none is declared.
    mutating func compiledClass(
        _ hash: ClassHash
    ) throws(StateReadError) -> CompiledClass? {
        if let known = classes[hash] { return known }
        if let declared = declarations.last(where: { $0.classHash == hash }) {
            return declared.compiled
        }
        guard let found = try base.compiledClass(hash) else { return nil }
        classes[hash] = found
        return found
    }

    mutating func declare(
        _ classHash: ClassHash, compiledClassHash: Felt, _ compiled: CompiledClass
    ) {
        journal.append(
            JournalEntry(written: .declaration, index: declarations.count, old: .zero))
        declarations.append(
            Declaration(
                classHash: classHash, compiledClassHash: compiledClassHash, compiled: compiled))
    }

    /// A class that was asked for or declared before.
    func knownClass(_ hash: ClassHash) -> CompiledClass? {
        classes[hash] ?? declarations.last { $0.classHash == hash }?.compiled
    }

    func hasDeclared(_ hash: ClassHash) -> Bool {
        declarations.contains { $0.classHash == hash }
    }

    /// Takes a class in as the base has it.
    mutating func adopt(_ hash: ClassHash, _ compiled: CompiledClass) { classes[hash] = compiled }

    /// What this block has declared.
    var declaredClasses: [ClassHash: CompiledClass] {
        Dictionary(declarations.map { ($0.classHash, $0.compiled) }) { first, _ in first }
    }

    // MARK: Storage

    mutating func cell(
        of contract: ContractIndex, at key: StorageKey
    ) throws(StateReadError) -> CellIndex {
        let cellKey = CellKey(contract: contract, key: key)
        if let index = cellIndices[cellKey] { return index }
        return adopt(
            contract, key, value: try base.storage(of: contracts[contract].address, at: key))
    }

    /// Takes a cell in that is not known yet, as the base has it.
    mutating func adopt(
        _ contract: ContractIndex, _ key: StorageKey, value: Felt
    ) -> CellIndex {
        let index = cells.count
        cells.append(
            Cell(
                contract: contract, key: key, initial: value, value: value,
                beforeTransaction: value))
        cellIndices[CellKey(contract: contract, key: key)] = index
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
            case .declaration: declarations.removeLast()
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
        /// Declared classes.
        var compiledClassUpdates = 0
        var changedCounted = false
    }

    /// - Parameter counted: `changedCounted` tells whether this cell is among the changed ones.
    mutating func changes(
        excluding excluded: ContractIndex, counted: CellIndex?
    ) -> Changes {
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
            case .nonce, .classHash:
                let contract = contracts[entry.index]
                let classChanged = contract.classHash != contract.classBefore
                if classChanged, contract.classCountedIn != countStamp {
                    contracts[entry.index].classCountedIn = countStamp
                    result.classUpdates += 1
                }
                if classChanged || contract.nonce != contract.nonceBefore {
                    count(entry.index, excluding: excluded, in: &result)
                }
            case .declaration: result.compiledClassUpdates += 1
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

    /// All real changes since the current transaction's start, canonical.
    func transactionDiff() -> StateDiff {
        var storage: [ContractIndex: [StorageEntry]] = [:]
        var seen: Set<Int> = []
        var touched: Set<ContractIndex> = []
        var diff = StateDiff()
        for entry in journal {
            switch entry.written {
            case .storage:
                guard seen.insert(entry.index).inserted else { continue }
                let cell = cells[entry.index]
                guard cell.value != cell.beforeTransaction else { continue }
                storage[cell.contract, default: []].append(
                    StorageEntry(key: cell.key, value: cell.value))
            case .nonce, .classHash:
                guard touched.insert(entry.index).inserted else { continue }
                let contract = contracts[entry.index]
                if contract.nonce != contract.nonceBefore {
                    diff.nonces.append(
                        NonceUpdate(address: contract.address, nonce: contract.nonce))
                }
                guard contract.classHash != contract.classBefore else { continue }
                let update = ContractClassUpdate(
                    address: contract.address, classHash: contract.classHash)
                if contract.classBefore.isZero {
                    diff.deployedContracts.append(update)
                } else {
                    diff.replacedClasses.append(update)
                }
            case .declaration:
                let declared = declarations[entry.index]
                diff.declaredClasses.append(
                    DeclaredClass(
                        classHash: declared.classHash,
                        compiledClassHash: declared.compiledClassHash))
            }
        }
        for (contract, entries) in storage {
            diff.storageDiffs.append(
                ContractStorageDiff(address: contracts[contract].address, entries: entries))
        }
        return diff.sorted()
    }

    // MARK: One transaction on a state of its own

    /// What a transaction read and left behind on a state that held nothing before it. The indices
    /// are those of this state: the order in which contracts and cells were first touched.
    struct Effects: Sendable {
        struct Contract: Sendable {
            let address: ContractAddress
            let nonce: Nonce
            let classHash: ClassHash
            /// Nil where they stayed.
            let newNonce: Nonce?
            let newClass: ClassHash?
        }

        struct Cell: Sendable {
            let contract: ContractIndex
            let key: StorageKey
            let value: Felt
            /// Nil where it stayed.
            let newValue: Felt?
        }

        var contracts: [Contract] = []
        var cells: [Cell] = []
        var declarations: [Declaration] = []
    }

    func effects() -> Effects {
        Effects(
            contracts: contracts.map { contract in
                Effects.Contract(
                    address: contract.address, nonce: contract.initialNonce,
                    classHash: contract.initialClass,
                    newNonce: contract.nonce == contract.initialNonce ? nil : contract.nonce,
                    newClass: contract.classHash == contract.initialClass
                        ? nil : contract.classHash)
            },
            cells: cells.map { cell in
                Effects.Cell(
                    contract: cell.contract, key: cell.key, value: cell.initial,
                    newValue: cell.value == cell.initial ? nil : cell.value)
            }, declarations: declarations)
    }

    /// The index of a contract that was touched before.
    func knownContract(_ address: ContractAddress) -> ContractIndex? { contractIndices[address] }

    /// The index of a cell that was touched before.
    func knownCell(of contract: ContractIndex, at key: StorageKey) -> CellIndex? {
        cellIndices[CellKey(contract: contract, key: key)]
    }

    /// Tables that grew larger than this are given back when the state is emptied.
    private static let keptCapacity = 256

    /// Forgets everything, to begin again on what the base has now.
    mutating func removeAll() {
        let keeps = cellIndices.capacity <= Self.keptCapacity
        contractIndices.removeAll(keepingCapacity: keeps)
        contracts.removeAll(keepingCapacity: keeps)
        cellIndices.removeAll(keepingCapacity: keeps)
        cells.removeAll(keepingCapacity: keeps)
        journal.removeAll(keepingCapacity: keeps)
        declarations.removeAll()
        classes.removeAll(keepingCapacity: true)
        transactionStamp = 0
        countStamp = 0
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
        diff.declaredClasses = declarations.map {
            DeclaredClass(classHash: $0.classHash, compiledClassHash: $0.compiledClassHash)
        }
        return diff.sorted()
    }
}
