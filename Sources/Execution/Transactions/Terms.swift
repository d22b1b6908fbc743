package import Primitives
package import StarkField
package import WireCodec

/// A contract's place in the state, below 2^251 - 256.
package typealias ContractAddress = Felt
/// The hash of a contract class; 0 means that no contract is there.
package typealias ClassHash = Felt
/// A place in a contract's storage, below 2^251 - 256.
package typealias StorageKey = Felt
/// How many transactions an account has had included.
package typealias Nonce = Felt
/// `starknet_keccak` of an entry point's name.
package typealias Selector = Felt
/// A chain's name as a Cairo short string, such as `SN_MAIN`.
package typealias ChainID = Felt

/// The named maxima of everything that the codecs of this target accept. Calldata and signature
/// follow Starknet's gateway; the rest bounds what a block of this chain can hold.
package enum Limits {
    /// Felts of an invoke's calldata, or of a constructor's.
    package static let calldata = 5000
    /// Felts of a signature.
    package static let signature = 4000
    /// Felts of paymaster data. The fields below are reserved by SNIP-8 and refused at admission
    /// when they are not empty; they can still be decoded, to be hashed and shown.
    package static let paymasterData = 64
    /// Felts of account deployment data.
    package static let accountDeploymentData = 64
    /// Felts of proof facts.
    package static let proofFacts = 1000
    /// Bytes of one form of a declared class, packed.
    package static let classBytes = 1 << 20
    /// Bytes of a transaction's encoding: what the lists' maxima and a declared class's two forms
    /// add up to, and some room.
    package static let transactionBytes = 2 * classBytes + 320 * 1024
    /// Events of one transaction: what its validation, its execution and its fee may emit.
    package static let events = 2002
    /// Keys of one event.
    package static let eventKeys = 50
    /// Data felts of one event.
    package static let eventData = 300
    /// Messages to L1 of one transaction.
    package static let messages = 1000
    /// Payload felts of one message to L1.
    package static let messagePayload = 5000
    /// Bytes of a revert reason.
    package static let revertReasonBytes = 64 * 1024
    /// Entries of any one list of a state diff.
    package static let stateDiffEntries = 1 << 20
    /// Transactions, events or state-diff length of a block.
    package static let blockCount: UInt64 = 1 << 32
    /// Bytes of a Starknet version string.
    package static let versionBytes = 31
}

extension Felt: WireCodable {
    /// 32 big-endian bytes; only values below the prime decode.
    package func encode(into writer: inout WireWriter) { writer.write(Digest(self)) }

    package init(from reader: inout WireReader) throws(WireError) {
        guard let value = Felt(try reader.readDigest()) else {
            throw .invalid(what: "field element")
        }
        self = value
    }

    /// The field element with these words; nil at or above the prime.
    package init?(_ digest: Digest) {
        self.init(bigEndianWords: (digest.word0, digest.word1, digest.word2, digest.word3))
    }
}

extension Digest {
    /// The canonical words of a field element.
    package init(_ felt: Felt) {
        let words = felt.bigEndianWords
        self.init(words.0, words.1, words.2, words.3)
    }
}

extension WireWriter {
    /// A count and the elements: `write(_:)` of an array without its generic detours.
    mutating func write(felts: [Felt]) {
        write(UInt32(felts.count))
        for felt in felts { felt.encode(into: &self) }
    }
}

extension WireReader {
    mutating func readFelts(_ what: String, maximum: Int) throws(WireError) -> [Felt] {
        let count = try readCount(what, maximum: maximum)
        guard count * 32 <= left else { throw .truncated(needed: count * 32, left: left) }
        var felts: [Felt] = []
        felts.reserveCapacity(count)
        for _ in 0..<count { felts.append(try Felt(from: &self)) }
        return felts
    }
}
