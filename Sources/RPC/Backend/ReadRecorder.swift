package import Execution
package import StarkField
import Synchronization

/// A state that notes what is read of it, for `RETURN_INITIAL_READS`. What an executor has read it
/// keeps, so each value is asked for once; one that is asked for again is noted once.
package final class ReadRecorder: StateReader {
    private struct Cell: Hashable {
        var contract: ContractAddress
        var key: StorageKey
    }

    private struct Notes {
        var storage: [Cell: Felt] = [:]
        var nonces: [ContractAddress: Nonce] = [:]
        var classHashes: [ContractAddress: ClassHash] = [:]
        var classes: [ClassHash: Bool] = [:]
    }

    private let base: any StateReader
    private let notes = Mutex(Notes())

    package init(_ base: any StateReader) { self.base = base }

    /// All that was read so far, in the order of addresses, keys and class hashes.
    package var reads: RPCInitialReads {
        let notes = notes.withLock { $0 }
        var storage: [ContractStorageDiff] = []
        let cells = notes.storage.sorted {
            ($0.key.contract, $0.key.key) < ($1.key.contract, $1.key.key)
        }
        for (cell, value) in cells {
            if storage.last?.address != cell.contract {
                storage.append(ContractStorageDiff(address: cell.contract, entries: []))
            }
            storage[storage.count - 1].entries.append(StorageEntry(key: cell.key, value: value))
        }
        return RPCInitialReads(
            storage: storage,
            nonces: notes.nonces.sorted { $0.key < $1.key }.map {
                NonceUpdate(address: $0.key, nonce: $0.value)
            },
            classHashes: notes.classHashes.sorted { $0.key < $1.key }.map {
                ContractClassUpdate(address: $0.key, classHash: $0.value)
            },
            declaredClasses: notes.classes.sorted { $0.key < $1.key }.map {
                RPCInitialReads.ClassRead(classHash: $0.key, isDeclared: $0.value)
            })
    }

    package func storage(
        of contract: ContractAddress, at key: StorageKey
    ) throws(StateReadError) -> Felt {
        let value = try base.storage(of: contract, at: key)
        notes.withLock { $0.storage[Cell(contract: contract, key: key)] = value }
        return value
    }

    package func nonce(of contract: ContractAddress) throws(StateReadError) -> Nonce {
        let nonce = try base.nonce(of: contract)
        notes.withLock { $0.nonces[contract] = nonce }
        return nonce
    }

    package func classHash(of contract: ContractAddress) throws(StateReadError) -> ClassHash {
        let hash = try base.classHash(of: contract)
        notes.withLock { $0.classHashes[contract] = hash }
        return hash
    }

    package func compiledClass(_ hash: ClassHash) throws(StateReadError) -> CompiledClass? {
        let compiled = try base.compiledClass(hash)
        notes.withLock { $0.classes[hash] = compiled != nil }
        return compiled
    }
}
