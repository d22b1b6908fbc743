package import StarkField
import StarkHash

extension StateDiff {
    private static let prefix = HashTerms.shortString("STARKNET_STATE_DIFF0")

    /// The state-diff commitment (Starknet documentation, "Block structure"; from 0.14.1 migrated
    /// classes count as declared ones). The diff must be canonical. One permutation for each
    /// changed slot, nonce, contract and class.
    package func commitment() -> Felt {
        precondition(isCanonical, "commitment to a state diff that is not canonical")
        var hasher = PoseidonHasher()
        hasher.update(StateDiff.prefix)
        updateContracts(&hasher)
        updateClasses(&hasher)
        hasher.update(Felt(UInt64(1)))
        hasher.update(.zero)
        hasher.update(Felt(UInt64(storageDiffs.count)))
        for contract in storageDiffs {
            hasher.update(contract.address)
            hasher.update(Felt(UInt64(contract.entries.count)))
            for entry in contract.entries {
                hasher.update(entry.key)
                hasher.update(entry.value)
            }
        }
        hasher.update(Felt(UInt64(nonces.count)))
        for update in nonces {
            hasher.update(update.address)
            hasher.update(update.nonce)
        }
        return hasher.finalize()
    }

    /// Deployed contracts and replaced classes together, by address.
    private func updateContracts(_ hasher: inout PoseidonHasher) {
        let all = StateDiff.merged(deployedContracts, replacedClasses) { $0.address }
        hasher.update(Felt(UInt64(all.count)))
        for update in all {
            hasher.update(update.address)
            hasher.update(update.classHash)
        }
    }

    private func updateClasses(_ hasher: inout PoseidonHasher) {
        let all = StateDiff.merged(declaredClasses, migratedCompiledClasses) { $0.classHash }
        hasher.update(Felt(UInt64(all.count)))
        for declared in all {
            hasher.update(declared.classHash)
            hasher.update(declared.compiledClassHash)
        }
        hasher.update(Felt(UInt64(deprecatedDeclaredClasses.count)))
        for classHash in deprecatedDeclaredClasses { hasher.update(classHash) }
    }

    /// Two ascending lists as one. Of equal keys the first list's element comes first.
    private static func merged<T>(_ left: [T], _ right: [T], by key: (T) -> Felt) -> [T] {
        if right.isEmpty { return left }
        var result: [T] = []
        result.reserveCapacity(left.count + right.count)
        var next = right.startIndex
        for element in left {
            while next < right.endIndex, key(right[next]) < key(element) {
                result.append(right[next])
                next += 1
            }
            result.append(element)
        }
        result.append(contentsOf: right[next...])
        return result
    }
}
