import Adversary
import Consensus
import Mempool
import Primitives
import Replica
import Replication
import Storage
import WireCodec

/// What leaves a node, in order, once the records before it are durable.
enum Departure {
    case send(PeerMessage, to: ValidatorIndex)
    case broadcast(PeerMessage)
    case commit([FinalBlock], Certificate)
    case verdict(ticket: UInt64, MempoolVerdict)
}

/// One turn of a node: what must be durable, and what may leave only after it.
struct LogTurn {
    var records: [ReplicaRecord] = []
    var departures: [Departure] = []
    var discardBelow: Slot?
    var isEmpty: Bool { records.isEmpty && departures.isEmpty && discardBelow == nil }
}

/// Work for the threads behind the replica, in order.
enum ThreadWork {
    case command(ExecutionCommand)
    case commit([FinalBlock], Certificate)
}

/// A replica in its place: an optional value would be copied whole wherever a part of it is read.
final class ReplicaBox {
    var value: Replica
    init(_ value: Replica) { self.value = value }

    /// Read where it lies, for the same reason.
    var nextDeadline: Tick? {
        withUnsafeMutablePointer(to: &value) { $0.pointee.nextDeadline }
    }
}

/// A node: the shipped replica, the shipped log on a disk in memory, and models of the threads that
/// execute, hash and store. Everything that a crash takes away is reset by `lose`.
final class SimulatedNode {
    let index: Int
    let validator: Int
    let role: ByzantineRole?

    // What survives a crash.
    var disk = SimulatedNode.newDisk()
    private(set) var stored: [FinalBlock] = []
    private var storedPlaces: [Digest: Int] = [:]
    var certificates: [Height: Certificate] = [:]
    var hashes: [Height: Digest] = [:]
    var ledger: SimulatedEngine.Ledger

    // What does not.
    var replica: ReplicaBox?
    var log: ConsensusLog?
    /// The highest slot in each written group, and where it starts.
    var groups: [(slot: Slot, position: LogPosition)] = []
    var engine: SimulatedEngine
    var adversary: (any Adversary)?
    var incarnation: Int32 = 0
    var mailbox: [ReplicaInput] = []
    var isTurnPosted = false
    var busyUntil: UInt64 = 0
    var wakeAt = UInt64.max
    var logWaiting: [LogTurn] = []
    var logRunning: [LogTurn] = []
    var verifierFree: UInt64 = 0
    var engineWaiting: [ThreadWork] = []
    var engineRunning: [ThreadWork] = []
    var chainWaiting: [ThreadWork] = []
    var chainRunning: [ThreadWork] = []
    var storeWaiting: [([FinalBlock], Certificate)] = []
    var storeRunning: [([FinalBlock], Certificate)] = []
    var lastStore: UInt64 = 0
    var tickets: [UInt64: Digest] = [:]
    var nextTicket: UInt64 = 1
    var checked: [UInt64: PeerMessage] = [:]
    var proofs = ProofTable()

    // What faults do to it.
    var clockOffset: Int64 = 0
    var syncDelay: UInt64 = 0
    var isPaused = false
    var deferred: [Simulator.Event] = []
    /// Whether a crash comes right after the next sync that returns.
    var diesAfterSync = false
    var isWanted = true

    init(
        index: Int, validator: Int, role: ByzantineRole?, ledger: SimulatedEngine.Ledger,
        engine: SimulatedEngine
    ) {
        self.index = index
        self.validator = validator
        self.role = role
        self.ledger = ledger
        self.engine = engine
    }

    var isRunning: Bool { replica != nil }
    var isHonest: Bool { role == nil }

    /// The process is gone.
    func lose() {
        replica = nil
        log = nil
        groups = []
        adversary = nil
        incarnation += 1
        mailbox = []
        isTurnPosted = false
        wakeAt = .max
        logWaiting = []
        logRunning = []
        engineWaiting = []
        engineRunning = []
        chainWaiting = []
        chainRunning = []
        storeWaiting = []
        storeRunning = []
        tickets = [:]
        checked = [:]
        proofs = ProofTable()
        deferred = []
        isPaused = false
        diesAfterSync = false
    }

    private static func newDisk() -> MemoryFileSystem {
        #if MUTANTS
            if Mutant.noFileSync.isActive { return MemoryFileSystem(lies: [.fileSync]) }
            if Mutant.noDirectorySync.isActive { return MemoryFileSystem(lies: [.directorySync]) }
        #endif
        return MemoryFileSystem()
    }

    func store(_ block: FinalBlock) {
        storedPlaces[block.reference.hash] = stored.count
        stored.append(block)
    }

    /// Back to what a copy holds.
    func restore(stored blocks: [FinalBlock]) {
        stored = blocks
        storedPlaces = [:]
        for (place, block) in blocks.enumerated() { storedPlaces[block.reference.hash] = place }
    }

    func storedBlock(_ reference: BlockReference) -> FinalBlock? {
        storedPlaces[reference.hash].map { stored[$0] }
    }

    /// The longest run of stored blocks from a height on that ends where a certificate is stored, in
    /// the bounds of one answer.
    func finalRange(from: Height, blocks limit: Int) -> FinalRange? {
        guard from.rawValue >= 1, from.rawValue <= UInt64(stored.count) else { return nil }
        var run: [BlockBody] = []
        var range: FinalRange?
        var bytes = 0
        for block in stored[Int(from.rawValue - 1)...].prefix(limit) {
            bytes += block.body.chunks.reduce(600) { sum, chunk in
                sum + chunk.transactions.reduce(300) { $0 + $1.bytes.count }
            }
            if bytes > WireLimits.replyBytes, range != nil { break }
            run.append(block.body)
            if let certificate = certificates[block.body.height] {
                range = FinalRange(blocks: run, certificate: certificate)
            }
        }
        return range
    }
}

/// What this node has verified of each validator, in time to count: two that exclude each other are
/// proof. A second pair of eyes on what the node itself should report.
struct ProofTable {
    private struct Place: Hashable {
        let validator: ValidatorIndex
        let kind: UInt8
        let number: UInt64
        var sequence: UInt32 = 0
    }

    private var seen: [Place: Digest] = [:]
    /// Of each validator and window: slots of its Finals.
    private var finals: [Place: [Slot]] = [:]
    private var skips: [Place: Slot] = [:]

    /// The contradiction that this statement completes.
    mutating func add(
        _ statement: Statement, of validator: ValidatorIndex, windowLength: UInt64, topFinal: Slot
    ) -> String? {
        switch statement {
        case .notar(let reference):
            return claim(validator, 1, reference.slot.rawValue, 0, reference.hash, "Notars")
        case .final(let reference):
            let window = reference.slot.window(length: windowLength)
            let place = Place(validator: validator, kind: 3, number: window.rawValue)
            finals[place, default: []].append(reference.slot)
            if let skip = skips[place], skip <= reference.slot {
                return "Final at slot \(reference.slot) and SkipFrom \(skip)"
            }
            return claim(validator, 2, reference.slot.rawValue, 0, reference.hash, "Finals")
        case .skipFrom(let window, let slot):
            let place = Place(validator: validator, kind: 3, number: window.rawValue)
            if skips[place] == nil { skips[place] = slot }
            // Of slots below the last final block nothing is kept any more.
            if let final = finals[place]?.first(where: { $0 >= slot && $0 > topFinal }),
                skips[place] == slot
            {
                return "SkipFrom \(slot) and Final at slot \(final)"
            }
            return claim(
                validator, 3, window.rawValue, 0, Digest(number: slot.rawValue), "SkipFroms")
        }
    }

    mutating func add(
        _ kind: Observation.LeaderObject, _ slot: Slot, sequence: UInt32, _ digest: Digest,
        of leader: ValidatorIndex
    ) -> String? {
        let number: UInt8 =
            switch kind {
            case .opening: 4
            case .chunk: 5
            case .header: 6
            }
        return claim(leader, number, slot.rawValue, sequence, digest, "\(kind.rawValue)s")
    }

    private mutating func claim(
        _ validator: ValidatorIndex, _ kind: UInt8, _ number: UInt64, _ sequence: UInt32,
        _ content: Digest, _ name: String
    ) -> String? {
        let place = Place(validator: validator, kind: kind, number: number, sequence: sequence)
        guard let known = seen[place] else {
            seen[place] = content
            return nil
        }
        return known == content ? nil : "two \(name) at \(number)/\(sequence)"
    }
}
