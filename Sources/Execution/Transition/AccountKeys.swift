import StarkCurve
import StarkField

/// Public keys of accounts that sign often, with their multiples in tables: such a signature costs
/// about a third of one under a key seen for the first time.
///
/// A key gets its table at its `usesBeforeTable`-th signature, when making it (about five general
/// checks' worth) is likely to pay. Two generations bound the memory: at most 2 * `generationSize`
/// tables of 32 KB, and as many counters of keys without one. The answers are those of
/// `SignatureCheck.verify`.
package struct AccountKeys: Sendable {
    package static let generationSize = 512
    package static let countedKeys = 1 << 14
    package static let usesBeforeTable = 4
    private static let windowBits = 4

    private var uses: [Felt: Int] = [:]
    private var young: [Felt: PreparedPublicKey] = [:]
    private var old: [Felt: PreparedPublicKey] = [:]

    package init() {}

    /// Keys that have a table.
    package var tableCount: Int { young.count + old.count }

    @discardableResult
    package mutating func verify(_ check: SignatureCheck) -> Bool {
        guard let key = prepared(check.publicKey) else { return check.verify() }
        return key.verify(
            messageHash: check.messageHash, signature: StarkSignature(r: check.r, s: check.s))
    }

    /// The verdicts on many signatures, in order: those under keys with tables together.
    package mutating func verify(_ checks: [SignatureCheck]) -> [Bool] {
        var results = [Bool](repeating: false, count: checks.count)
        var batch: [PreparedPublicKey.Check] = []
        var places: [Int] = []
        for (index, check) in checks.enumerated() {
            guard let key = prepared(check.publicKey) else {
                results[index] = check.verify()
                continue
            }
            batch.append(
                PreparedPublicKey.Check(
                    key: key, messageHash: check.messageHash,
                    signature: StarkSignature(r: check.r, s: check.s)))
            places.append(index)
        }
        for (index, isValid) in zip(places, PreparedPublicKey.verify(batch)) {
            results[index] = isValid
        }
        return results
    }

    private mutating func prepared(_ key: Felt) -> PreparedPublicKey? {
        if let known = young[key] { return known }
        if let known = old.removeValue(forKey: key) {
            keep(known)
            return known
        }
        let count = (uses[key] ?? 0) + 1
        guard count >= Self.usesBeforeTable else {
            if uses.count >= Self.countedKeys { uses.removeAll(keepingCapacity: true) }
            uses[key] = count
            return nil
        }
        // A key that is no point's stays without a table, and is refused by the general check.
        guard let made = PreparedPublicKey(key, windowBits: Self.windowBits) else { return nil }
        uses[key] = nil
        keep(made)
        return made
    }

    private mutating func keep(_ key: PreparedPublicKey) {
        if young.count >= Self.generationSize {
            old = young
            young.removeAll(keepingCapacity: true)
        }
        young[key.x] = key
    }
}
