package import StarkField
package import WireCodec

/// One storage slot's new value.
package struct StorageEntry: Hashable, Sendable {
    package var key: StorageKey
    package var value: Felt
    package init(key: StorageKey, value: Felt) {
        self.key = key
        self.value = value
    }
}

/// The changed slots of one contract, by key.
package struct ContractStorageDiff: Hashable, Sendable {
    package var address: ContractAddress
    package var entries: [StorageEntry]
    package init(address: ContractAddress, entries: [StorageEntry]) {
        self.address = address
        self.entries = entries
    }
}

/// An account's nonce after the block.
package struct NonceUpdate: Hashable, Sendable {
    package var address: ContractAddress
    package var nonce: Nonce
    package init(address: ContractAddress, nonce: Nonce) {
        self.address = address
        self.nonce = nonce
    }
}

/// A contract's class after the block.
package struct ContractClassUpdate: Hashable, Sendable {
    package var address: ContractAddress
    package var classHash: ClassHash
    package init(address: ContractAddress, classHash: ClassHash) {
        self.address = address
        self.classHash = classHash
    }
}

/// A class and the hash of its compiled form.
package struct DeclaredClass: Hashable, Sendable {
    package var classHash: ClassHash
    package var compiledClassHash: Felt
    package init(classHash: ClassHash, compiledClassHash: Felt) {
        self.classHash = classHash
        self.compiledClassHash = compiledClassHash
    }
}

/// What a block changed in the state.
///
/// Canonical: every list ascends strictly by its address, key or class hash, and no contract is
/// listed without a changed slot. The commitment and the codec need canonical diffs; `sorted()`
/// makes one.
package struct StateDiff: Hashable, Sendable {
    package var storageDiffs: [ContractStorageDiff]
    package var nonces: [NonceUpdate]
    package var deployedContracts: [ContractClassUpdate]
    package var replacedClasses: [ContractClassUpdate]
    package var declaredClasses: [DeclaredClass]
    /// Cairo 0 classes.
    package var deprecatedDeclaredClasses: [ClassHash]
    /// Classes that got a new compiled class hash without being declared (Starknet 0.14.1).
    package var migratedCompiledClasses: [DeclaredClass]

    package init(
        storageDiffs: [ContractStorageDiff] = [], nonces: [NonceUpdate] = [],
        deployedContracts: [ContractClassUpdate] = [], replacedClasses: [ContractClassUpdate] = [],
        declaredClasses: [DeclaredClass] = [], deprecatedDeclaredClasses: [ClassHash] = [],
        migratedCompiledClasses: [DeclaredClass] = []
    ) {
        self.storageDiffs = storageDiffs
        self.nonces = nonces
        self.deployedContracts = deployedContracts
        self.replacedClasses = replacedClasses
        self.declaredClasses = declaredClasses
        self.deprecatedDeclaredClasses = deprecatedDeclaredClasses
        self.migratedCompiledClasses = migratedCompiledClasses
    }

    /// The number that the block hash packs: one per changed slot, nonce, class of a contract and
    /// class.
    package var length: UInt64 {
        var total =
            nonces.count + deployedContracts.count + replacedClasses.count
            + declaredClasses.count + deprecatedDeclaredClasses.count
            + migratedCompiledClasses.count
        for contract in storageDiffs { total += contract.entries.count }
        return UInt64(total)
    }

    package var isEmpty: Bool { length == 0 }

    /// The same changes in canonical order. Contracts without a changed slot are dropped. Lists
    /// with an address, key or class twice stay that way, and so not canonical.
    package func sorted() -> StateDiff {
        var result = self
        result.storageDiffs.removeAll { $0.entries.isEmpty }
        for index in result.storageDiffs.indices {
            result.storageDiffs[index].entries.sort { $0.key < $1.key }
        }
        result.storageDiffs.sort { $0.address < $1.address }
        result.nonces.sort { $0.address < $1.address }
        result.deployedContracts.sort { $0.address < $1.address }
        result.replacedClasses.sort { $0.address < $1.address }
        result.declaredClasses.sort { $0.classHash < $1.classHash }
        result.deprecatedDeclaredClasses.sort()
        result.migratedCompiledClasses.sort { $0.classHash < $1.classHash }
        return result
    }

    package var isCanonical: Bool {
        storageDiffs.allSatisfy {
            !$0.entries.isEmpty && StateDiff.ascends($0.entries) { $0.key }
        }
            && StateDiff.ascends(storageDiffs) { $0.address }
            && StateDiff.ascends(nonces) { $0.address }
            && StateDiff.ascends(deployedContracts) { $0.address }
            && StateDiff.ascends(replacedClasses) { $0.address }
            && StateDiff.ascends(declaredClasses) { $0.classHash }
            && StateDiff.ascends(deprecatedDeclaredClasses) { $0 }
            && StateDiff.ascends(migratedCompiledClasses) { $0.classHash }
    }

    private static func ascends<T>(_ list: [T], by key: (T) -> Felt) -> Bool {
        guard var previous = list.first.map(key) else { return true }
        for element in list.dropFirst() {
            let next = key(element)
            guard previous < next else { return false }
            previous = next
        }
        return true
    }
}

extension StorageEntry: WireCodable {
    package func encode(into writer: inout WireWriter) {
        key.encode(into: &writer)
        value.encode(into: &writer)
    }
    package init(from reader: inout WireReader) throws(WireError) {
        key = try reader.read()
        value = try reader.read()
    }
}

extension ContractStorageDiff: WireCodable {
    package func encode(into writer: inout WireWriter) {
        address.encode(into: &writer)
        writer.write(entries)
    }
    package init(from reader: inout WireReader) throws(WireError) {
        address = try reader.read()
        entries = try reader.readArray("storage entries", maximum: Limits.stateDiffEntries)
    }
}

extension NonceUpdate: WireCodable {
    package func encode(into writer: inout WireWriter) {
        address.encode(into: &writer)
        nonce.encode(into: &writer)
    }
    package init(from reader: inout WireReader) throws(WireError) {
        address = try reader.read()
        nonce = try reader.read()
    }
}

extension ContractClassUpdate: WireCodable {
    package func encode(into writer: inout WireWriter) {
        address.encode(into: &writer)
        classHash.encode(into: &writer)
    }
    package init(from reader: inout WireReader) throws(WireError) {
        address = try reader.read()
        classHash = try reader.read()
    }
}

extension DeclaredClass: WireCodable {
    package func encode(into writer: inout WireWriter) {
        classHash.encode(into: &writer)
        compiledClassHash.encode(into: &writer)
    }
    package init(from reader: inout WireReader) throws(WireError) {
        classHash = try reader.read()
        compiledClassHash = try reader.read()
    }
}

extension StateDiff: WireCodable {
    /// The diff must be canonical: a diff that is not would not decode.
    package func encode(into writer: inout WireWriter) {
        precondition(isCanonical, "encoding a state diff that is not canonical")
        writer.write(storageDiffs)
        writer.write(nonces)
        writer.write(deployedContracts)
        writer.write(replacedClasses)
        writer.write(declaredClasses)
        writer.write(felts: deprecatedDeclaredClasses)
        writer.write(migratedCompiledClasses)
    }

    package init(from reader: inout WireReader) throws(WireError) {
        let maximum = Limits.stateDiffEntries
        storageDiffs = try reader.readArray("storage diffs", maximum: maximum)
        nonces = try reader.readArray("nonces", maximum: maximum)
        deployedContracts = try reader.readArray("deployed contracts", maximum: maximum)
        replacedClasses = try reader.readArray("replaced classes", maximum: maximum)
        declaredClasses = try reader.readArray("declared classes", maximum: maximum)
        deprecatedDeclaredClasses = try reader.readFelts(
            "deprecated declared classes", maximum: maximum)
        migratedCompiledClasses = try reader.readArray(
            "migrated compiled classes", maximum: maximum)
        guard isCanonical else { throw .invalid(what: "order of a state diff") }
    }
}
