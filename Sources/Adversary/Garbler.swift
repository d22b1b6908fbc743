package import Primitives
package import Replica
package import Replication
import WireCodec

/// One message in eight is damaged: a bit flipped, an end cut off, bytes at random, or the right bytes
/// on a wrong channel. A flipped bit may leave a message that decodes and whose signature is bad.
package struct Garbler: Adversary {
    /// Bytes of a message that is noise from end to end.
    package static let noiseBytes: UInt64 = 512

    private var generator: SeededGenerator

    package init(_ environment: AdversaryEnvironment) {
        generator = SeededGenerator(seed: environment.seed)
    }

    package mutating func departures(
        of message: PeerMessage, to peer: ValidatorIndex, now: Moment
    ) -> [AdversaryDeparture] {
        guard generator.uniform(below: 8) == 0 else {
            return [AdversaryDeparture(.message(message), to: peer)]
        }
        var bytes = message.encoded()
        var channel = message.messageClass
        switch generator.uniform(below: 4) {
        case 0:
            let bit = generator.uniform(below: UInt64(bytes.count) * 8)
            bytes[Int(bit / 8)] ^= 1 << UInt8(bit % 8)
        case 1:
            bytes.removeLast(1 + Int(generator.uniform(below: UInt64(bytes.count))))
        case 2:
            let count = 1 + generator.uniform(below: Self.noiseBytes)
            bytes = (0..<count).map { _ in UInt8(truncatingIfNeeded: generator.next()) }
        default:
            let all = MessageClass.allCases.filter { $0 != message.messageClass }
            channel = all[Int(generator.uniform(below: UInt64(all.count)))]
        }
        return [AdversaryDeparture(.bytes(bytes, channel), to: peer)]
    }
}
