package import Primitives
import WireCodec

/// What an object's hash covers (PROTOCOL section 1): a domain tag, then fields below 2^252 each.
/// `Consensus` hashes nothing itself; its users put the fields through Poseidon.
package struct HashInput: Hashable, Sendable {
    /// The kinds of signed objects. The tag, as ASCII, is the first field, so that no object can
    /// pose as one of another kind.
    package enum Domain: String, Sendable {
        case notar = "PRYTANY_NOTAR_V1"
        case final = "PRYTANY_FINAL_V1"
        case skipFrom = "PRYTANY_SKIP_FROM_V1"
        case opening = "PRYTANY_OPENING_V1"
        case chunk = "PRYTANY_CHUNK_V1"
        case header = "PRYTANY_HEADER_V1"
    }

    package let fields: [Digest]

    package init(_ domain: Domain, _ fields: [Digest]) {
        self.fields = [Digest(ascii: domain.rawValue)] + fields
    }
}

extension Digest {
    /// At most 31 ASCII characters as a big-endian integer, as Starknet packs short strings.
    init(ascii text: String) {
        precondition(text.utf8.count <= 31, "\(text) is longer than 31 characters")
        var value = Digest.zero
        for byte in text.utf8 {
            value.word0 = value.word0 << 8 | value.word1 >> 56
            value.word1 = value.word1 << 8 | value.word2 >> 56
            value.word2 = value.word2 << 8 | value.word3 >> 56
            value.word3 = value.word3 << 8 | UInt64(byte)
        }
        self = value
    }

    init(_ high: UInt64, _ low: UInt64) { self.init(0, 0, high, low) }

    init(wide value: UInt128) {
        self.init(UInt64(truncatingIfNeeded: value >> 64), UInt64(truncatingIfNeeded: value))
    }
}

extension Digest {
    /// The STARK field's modulus, 2^251 + 17 * 2^192 + 1.
    package static let fieldModulus = Digest(0x0800_0000_0000_0011, 0, 0, 1)
}

extension WireReader {
    /// A digest that is a field element in canonical form. Hashing reduces by the modulus, so
    /// without this two encodings would share one hash.
    mutating func readFieldElement(_ what: String) throws(WireError) -> Digest {
        let digest = try readDigest()
        guard digest < Digest.fieldModulus else { throw .invalid(what: what) }
        return digest
    }
}
