import Replication
import WireCodec

/// A message on its way, encoded once however many nodes it goes to, and decoded once from its bytes:
/// what arrives is what the wire carries.
final class Parcel {
    let bytes: [UInt8]
    let messageClass: MessageClass
    /// Of the bytes: enters the trace.
    let hash: UInt64
    private var decoded: PeerMessage??

    init(_ message: PeerMessage) {
        bytes = message.encoded()
        messageClass = message.messageClass
        hash = TraceHash.of(bytes)
    }

    init(bytes: [UInt8], messageClass: MessageClass) {
        self.bytes = bytes
        self.messageClass = messageClass
        hash = TraceHash.of(bytes)
    }

    /// Nil when the bytes are no message of this class: the receiver drops such a peer.
    var message: PeerMessage? {
        if let decoded { return decoded }
        var result: PeerMessage?
        do throws(WireError) {
            let message = try PeerMessage(decoding: bytes)
            result = message.messageClass == messageClass ? message : nil
        } catch {
            result = nil
        }
        decoded = .some(result)
        return result
    }
}

/// A 64-bit digest of everything that happened, in order. Not cryptographic: two runs of one seed are
/// to be compared, not an adversary to be kept out.
struct TraceHash {
    private(set) var value: UInt64 = 0x243f_6a88_85a3_08d3

    mutating func add(_ word: UInt64) {
        var mixed = (value ^ word) &* 0x9E37_79B9_7F4A_7C15
        mixed ^= mixed >> 29
        value = mixed &* 0xBF58_476D_1CE4_E5B9
        value ^= value >> 32
    }

    static func of(_ bytes: [UInt8]) -> UInt64 {
        var hash = TraceHash()
        hash.add(UInt64(bytes.count))
        bytes.withUnsafeBytes { raw in
            var position = 0
            while position + 8 <= raw.count {
                hash.add(
                    UInt64(
                        littleEndian: raw.loadUnaligned(fromByteOffset: position, as: UInt64.self)))
                position += 8
            }
            while position < raw.count {
                hash.add(UInt64(raw[position]))
                position += 1
            }
        }
        return hash.value
    }
}
