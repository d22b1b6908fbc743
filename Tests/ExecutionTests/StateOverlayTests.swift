import Primitives
import StarkField
import TestSupport
import Testing

@testable import Execution

/// The obvious twin: all state in dictionaries that are copied for every mark and every block.
private struct NaiveState {
    var storage: [StorageCell: Felt] = [:]
    var nonces: [Felt: Felt] = [:]
    var classes: [Felt: Felt] = [:]

    func difference(from old: NaiveState) -> StateDiff {
        var diff = StateDiff()
        var byContract: [Felt: [StorageEntry]] = [:]
        for (cell, value) in storage where old.storage[cell, default: .zero] != value {
            byContract[cell.contract, default: []].append(
                StorageEntry(key: cell.key, value: value))
        }
        diff.storageDiffs = byContract.map { ContractStorageDiff(address: $0, entries: $1) }
        for (address, nonce) in nonces where old.nonces[address, default: .zero] != nonce {
            diff.nonces.append(NonceUpdate(address: address, nonce: nonce))
        }
        for (address, classHash) in classes {
            let before = old.classes[address, default: .zero]
            let update = ContractClassUpdate(address: address, classHash: classHash)
            if before == classHash { continue }
            if before.isZero {
                diff.deployedContracts.append(update)
            } else {
                diff.replacedClasses.append(update)
            }
        }
        return diff.sorted()
    }
}

/// Committed state for tests.
private struct FixedState: StateReader {
    var state: NaiveState
    func storage(
        of contract: ContractAddress, at key: StorageKey
    ) throws(StateReadError) -> Felt {
        state.storage[StorageCell(contract: contract, key: key), default: .zero]
    }
    func nonce(of contract: ContractAddress) throws(StateReadError) -> Nonce {
        state.nonces[contract, default: .zero]
    }
    func classHash(of contract: ContractAddress) throws(StateReadError) -> ClassHash {
        state.classes[contract, default: .zero]
    }
}

/// A store that fails.
struct BrokenState: StateReader {
    func storage(
        of contract: ContractAddress, at key: StorageKey
    ) throws(StateReadError) -> Felt { throw .corrupt }
    func nonce(of contract: ContractAddress) throws(StateReadError) -> Nonce { throw .corrupt }
    func classHash(
        of contract: ContractAddress
    ) throws(StateReadError) -> ClassHash { throw .unavailable(code: 5) }
}

@Suite("State overlays", .serialized)
struct StateOverlayTests {
    /// One block of random writes, marks, reverts and transaction starts, done in both worlds.
    private static func randomBlock(
        on view: StateView, _ naive: inout NaiveState, _ random: inout SeededGenerator
    ) throws -> StateDiff {
        var state = BlockState(base: view)
        let start = naive
        var marks: [(BlockState.Mark, NaiveState)] = []
        for _ in 0..<300 {
            let address = Felt(random.uniform(below: 6))
            let key = Felt(random.uniform(below: 8))
            let value = Felt(random.uniform(below: 4))
            let contract = try state.contract(address)
            switch random.uniform(below: 10) {
            case 0...4:
                state.set(try state.cell(of: contract, at: key), to: value)
                naive.storage[StorageCell(contract: address, key: key)] = value
            case 5:
                state.setNonce(of: contract, to: value)
                naive.nonces[address] = value
            case 6:
                state.setClassHash(of: contract, to: value)
                naive.classes[address] = value
            case 7: marks.append((state.mark, naive))
            case 8:
                guard !marks.isEmpty else { continue }
                let index = Int(random.uniform(below: UInt64(marks.count)))
                let (mark, old) = marks[index]
                marks.removeSubrange((index + 1)...)
                state.revert(to: mark)
                naive = old
            default:
                if random.uniform(below: 5) == 0 {
                    state.beginTransaction()
                    marks = []
                }
            }
            let cell = try state.cell(of: contract, at: key)
            #expect(
                state.value(cell)
                    == naive.storage[StorageCell(contract: address, key: key), default: .zero])
            #expect(state.nonce(of: contract) == naive.nonces[address, default: .zero])
            #expect(state.classHash(of: contract) == naive.classes[address, default: .zero])
        }
        let diff = state.diff()
        #expect(diff == naive.difference(from: start))
        #expect(diff.isCanonical)
        return diff
    }

    @Test("Random blocks on random forks read and change the same as copied dictionaries")
    func forksEqualDictionaries() throws {
        for seed in 0..<20 as Range<UInt64> {
            var random = SeededGenerator(seed: seed)
            var tips: [(view: StateView, naive: NaiveState, height: UInt64)] = [
                (StateView(committed: EmptyState()), NaiveState(), 0)
            ]
            for _ in 0..<12 {
                let parent = tips[Int(random.uniform(below: UInt64(tips.count)))]
                var naive = parent.naive
                let diff = try StateOverlayTests.randomBlock(
                    on: parent.view, &naive, &random)
                let layer = StateLayer(height: Height(parent.height), diff: diff)
                tips.append((parent.view.extended(by: layer), naive, parent.height + 1))
            }
            // Every tip still reads as its own history says, whatever its siblings did.
            for tip in tips {
                for address in 0..<6 as Range<UInt64> {
                    let address = Felt(address)
                    #expect(
                        try tip.view.nonce(of: address)
                            == tip.naive.nonces[address, default: .zero])
                    #expect(
                        try tip.view.classHash(of: address)
                            == tip.naive.classes[address, default: .zero])
                    for key in 0..<8 as Range<UInt64> {
                        let cell = StorageCell(contract: address, key: Felt(key))
                        #expect(
                            try tip.view.storage(of: address, at: Felt(key))
                                == tip.naive.storage[cell, default: .zero])
                    }
                }
            }
        }
    }

    @Test("A view whose lower layers were committed reads the same with and without them")
    func committedLayersCanGo() throws {
        var random = SeededGenerator(seed: 77)
        var view = StateView(committed: EmptyState())
        var naive = NaiveState()
        var atHeight: [NaiveState] = []
        for height in 0..<6 as Range<UInt64> {
            let diff = try StateOverlayTests.randomBlock(on: view, &naive, &random)
            view = view.extended(by: StateLayer(height: Height(height), diff: diff))
            atHeight.append(naive)
        }
        for height in 0..<6 {
            let rebased = view.committed(
                through: Height(UInt64(height)), reader: FixedState(state: atHeight[height]))
            #expect(rebased.layerCount == 5 - height)
            for address in 0..<6 as Range<UInt64> {
                for key in 0..<8 as Range<UInt64> {
                    #expect(
                        try rebased.storage(of: Felt(address), at: Felt(key))
                            == view.storage(of: Felt(address), at: Felt(key)))
                }
            }
        }
    }

    @Test("Changes are counted against the transaction's start, each cell and contract once")
    func changesOfATransaction() throws {
        var state = BlockState(base: StateView(committed: EmptyState()))
        let first = try state.contract(1)
        let second = try state.contract(2)
        let token = try state.contract(3)
        let kept = try state.cell(of: first, at: 10)
        state.set(kept, to: 5)
        state.beginTransaction()
        state.set(kept, to: 6)
        state.set(kept, to: 7)
        let restored = try state.cell(of: second, at: 10)
        state.set(restored, to: 1)
        state.set(restored, to: 0)
        let new = try state.cell(of: token, at: 10)
        state.set(new, to: 9)
        state.setNonce(of: first, to: 1)
        var changes = state.changes(excluding: token, counted: new)
        #expect(changes.storageUpdates == 2)
        #expect(changes.allocatedCells == 1)
        #expect(changes.modifiedContracts == 1)
        #expect(changes.classUpdates == 0)
        #expect(changes.changedCounted)
        let mark = state.mark
        state.setClassHash(of: second, to: 4)
        changes = state.changes(excluding: token, counted: restored)
        #expect(changes.modifiedContracts == 2)
        #expect(changes.classUpdates == 1)
        #expect(!changes.changedCounted)
        state.revert(to: mark)
        #expect(state.changes(excluding: token, counted: restored).classUpdates == 0)
    }

    @Test("A store's failure reaches whoever executes, as an error and not as a verdict")
    func storeFailures() throws {
        #expect(throws: StateReadError.corrupt) {
            _ = try BlockExecutor(
                TransitionWorld.context(), on: StateView(committed: BrokenState()),
                oldBlockHash: nil)
        }
        let view = StateView(committed: BrokenState())
        #expect(throws: StateReadError.unavailable(code: 5)) { try view.classHash(of: 1) }
    }
}
