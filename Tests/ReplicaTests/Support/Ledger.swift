import Consensus
import Primitives
import Replica
import Replication
import WireCodec

/// What every validator has said in the whole run, over all its restarts, and what became final:
/// the properties that no schedule may break.
struct Ledger {
    private struct Place: Hashable {
        let validator: Int
        let kind: String
        let number: UInt64
        var sequence: UInt32 = 0
    }

    private var said: [Place: Digest] = [:]
    private var finals: [Int: Set<UInt64>] = [:]
    private var skips: [Int: [UInt64: UInt64]] = [:]
    private(set) var chain: [UInt64: BlockReference] = [:]
    private(set) var faults: [String] = []
    let windowLength: UInt64

    init(windowLength: UInt64) { self.windowLength = windowLength }

    private mutating func claim(_ place: Place, _ content: Digest) {
        if let known = said[place], known != content {
            faults.append("validator \(place.validator) made two of \(place)")
        }
        said[place] = content
    }

    mutating func heard(_ statement: Statement, of validator: Int) {
        switch statement {
        case .notar(let reference):
            claim(
                Place(validator: validator, kind: "notar", number: reference.slot.rawValue),
                reference.hash)
        case .final(let reference):
            let slot = reference.slot.rawValue
            claim(Place(validator: validator, kind: "final", number: slot), reference.hash)
            finals[validator, default: []].insert(slot)
            if let skip = skips[validator]?[slot / windowLength], skip <= slot {
                faults.append("validator \(validator): Final \(slot) after SkipFrom \(skip)")
            }
        case .skipFrom(let window, let slot):
            claim(
                Place(validator: validator, kind: "skip", number: window.rawValue),
                Digest(number: slot.rawValue))
            skips[validator, default: [:]][window.rawValue] = slot.rawValue
            let later = finals[validator, default: []].filter {
                $0 >= slot.rawValue && $0 / windowLength == window.rawValue
            }
            if !later.isEmpty {
                faults.append("validator \(validator): SkipFrom \(slot) after Final \(later)")
            }
        }
    }

    mutating func heard(_ message: PeerMessage, from validator: Int) {
        switch message {
        case .statement(let signed) where Int(signed.signer.rawValue) == validator:
            heard(signed.statement, of: validator)
        case .opening(let opening, _, _):
            claim(
                Place(
                    validator: validator, kind: "opening", number: opening.value.slot.rawValue),
                ObjectHash.digest(of: opening.value.hashInput))
        case .chunk(let chunk):
            claim(
                Place(
                    validator: validator, kind: "chunk",
                    number: chunk.header.value.slot.rawValue,
                    sequence: chunk.header.value.sequence),
                ObjectHash.digest(of: chunk.header.value.hashInput))
        case .header(let header):
            claim(
                Place(
                    validator: validator, kind: "header",
                    number: header.value.opening.slot.rawValue),
                ObjectHash.digest(of: header.value.hashInput))
        default: break
        }
    }

    mutating func finalised(_ block: FinalBlock, at node: Int) {
        let height = block.body.height.rawValue
        if let known = chain[height], known != block.reference {
            faults.append(
                "node \(node): height \(height) is \(block.reference), elsewhere \(known)")
        }
        chain[height] = block.reference
    }
}

/// Checks the order of one effect list: what is said was persisted before, in this list or an
/// earlier one, or comes from the log.
struct PersistenceCheck {
    private var durable: Set<[UInt8]> = []
    private(set) var faults: [String] = []

    /// A start: what is durable now is all there is.
    mutating func restarted(with records: [ReplicaRecord]) {
        durable = Set(records.map { $0.encoded() })
    }

    mutating func persisted(_ record: ReplicaRecord) { durable.insert(record.encoded()) }

    mutating func sent(_ message: PeerMessage, by own: Int) {
        let record: ReplicaRecord
        switch message {
        case .statement(let signed) where Int(signed.signer.rawValue) == own:
            record = .statement(signed)
        case .opening(let opening, _, _): record = .opening(opening)
        case .chunk(let chunk): record = .chunk(chunk)
        case .header(let header): record = .header(header)
        default: return
        }
        if !durable.contains(record.encoded()) {
            faults.append("node \(own) sent \(record) before it was persisted")
        }
    }
}
