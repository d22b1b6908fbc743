import StarkField
import StarkHash

/// Constants and packings that several hash formulas share.
enum HashTerms {
    /// A Cairo short string that the code spells out.
    static func shortString(_ text: String) -> Felt {
        guard let value = Felt(shortString: text) else {
            preconditionFailure("'\(text)' is not a short string")
        }
        return value
    }

    /// Four 64-bit words, the highest first. The caller keeps the highest below 2^59, so that the
    /// value is below the prime.
    static func packed(_ word0: UInt64, _ word1: UInt64, _ word2: UInt64, _ word3: UInt64) -> Felt {
        guard let value = Felt(bigEndianWords: (word0, word1, word2, word3)) else {
            preconditionFailure("packed value with highest word \(word0) is not a field element")
        }
        return value
    }

    static func low(_ value: UInt128) -> UInt64 { UInt64(truncatingIfNeeded: value) }
    static func high(_ value: UInt128) -> UInt64 { UInt64(truncatingIfNeeded: value >> 64) }

    /// The Poseidon hash of nothing.
    static let emptyHash = Poseidon.hashMany([Felt]())
    /// The Poseidon hash of no messages: of the single count 0.
    static let noMessagesHash = Poseidon.hashMany([Felt.zero])

    static func hashMany(_ values: [Felt]) -> Felt {
        values.isEmpty ? emptyHash : Poseidon.hashMany(values)
    }
}
