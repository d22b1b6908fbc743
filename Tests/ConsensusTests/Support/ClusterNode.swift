import Consensus
import Primitives

/// What a validator of the test network has on disk and in memory.
struct ClusterNode {
    enum Record {
        case statement(SignedStatement)
        case certificate(Certificate)
        case body(BlockSummary)
        case opening(Slot)
        case ownHeader(BlockSummary)
    }

    let index: Int
    var machine: ConsensusMachine
    var isUp = true
    /// Counts restarts, so that what was meant for an earlier life is lost.
    var life = 0
    var wakeAt: UInt64?
    /// Changes when a proposal is abandoned.
    var permission = 0
    var closedWindow: Window?

    // On disk.
    var log: [Record] = []
    var final: [BlockSummary] = []
    /// Certificates, each for the block of that height.
    var finalCertificates: [(height: Int, certificate: Certificate)] = []

    // In memory.
    var blocks: [BlockReference: BlockSummary] = [:]
    var executed: Set<BlockReference> = []

    /// Everything that this validator ever said: the test's memory, not its own.
    var allCasts: [Statement] = []

    init(index: Int, machine: ConsensusMachine) {
        self.index = index
        self.machine = machine
    }

    var tip: BlockReference { final.last?.reference ?? root }

    func isExecuted(_ reference: BlockReference) -> Bool {
        reference == root || executed.contains(reference)
    }

    func height(of reference: BlockReference) -> Height? {
        reference == root ? 0 : blocks[reference]?.height
    }

    func finalRange(from height: Height) -> ([BlockSummary], Certificate)? {
        let start = Int(height.rawValue)
        guard start >= 1,
            let last = finalCertificates.last(where: { $0.height < start + 32 })
                ?? finalCertificates.first(where: { $0.height >= start }),
            last.height >= start
        else { return nil }
        return (Array(final[(start - 1)..<last.height]), last.certificate)
    }

    /// An earlier statement that an honest validator can't make beside this one.
    func contradicted(by statement: Statement, length: UInt64) -> Statement? {
        allCasts.first { earlier in
            switch (earlier, statement) {
            case (.notar(let one), .notar(let other)), (.final(let one), .final(let other)):
                one.slot == other.slot
            case (.skipFrom(let one, _), .skipFrom(let other, _)): one == other
            case (.final(let block), .skipFrom(let window, let slot)),
                (.skipFrom(let window, let slot), .final(let block)):
                block.slot.window(length: length) == window && slot <= block.slot
            default: false
            }
        }
    }

    /// Memory from disk, and the machine's from the log; gives the bodies to execute again.
    mutating func reload(
        length: UInt64, now: Tick, violations: inout [String]
    ) -> [BlockSummary] {
        blocks = [:]
        executed = []
        closedWindow = nil
        wakeAt = nil
        permission += 1
        for block in final {
            blocks[block.reference] = block
            executed.insert(block.reference)
        }
        var effects: [ConsensusEffect] = []
        var bodies: [BlockSummary] = []
        for record in log {
            switch record {
            case .statement(let signed): machine.step(.restoreOwn(signed), now: now, into: &effects)
            case .certificate(let certificate):
                machine.step(.restoreCertificate(certificate), now: now, into: &effects)
            case .body(let block), .ownHeader(let block):
                guard block.reference.slot > tip.slot, blocks[block.reference] == nil else { break }
                blocks[block.reference] = block
                bodies.append(block)
                machine.step(.restoreHeader(block), now: now, into: &effects)
            case .opening: break
            }
            switch record {
            case .opening(let slot): close(slot.window(length: length))
            case .ownHeader(let block): close(block.reference.slot.window(length: length))
            default: break
            }
        }
        let spoken = effects.contains {
            switch $0 {
            case .cast, .lostLog, .evidence, .finalised, .propose: true
            default: false
            }
        }
        if spoken { violations.append("validator \(index) acts before it started: \(effects)") }
        return bodies.sorted { $0.reference.slot < $1.reference.slot }
    }

    private mutating func close(_ window: Window) {
        closedWindow = max(closedWindow ?? window, window)
    }
}

let root = BlockReference(slot: 0, hash: Digest(number: 0x6765_6E65_7369_73))

/// A block whose hash says where it stands.
func block(
    at slot: Slot, on parent: BlockReference, height: Height, variant: UInt64 = 0
) -> BlockSummary {
    let hash = Digest(
        0, variant, slot.rawValue, parent.hash.word3 &* 0x9E37_79B9_7F4A_7C15 &+ slot.rawValue)
    return BlockSummary(
        reference: BlockReference(slot: slot, hash: hash), parent: parent, height: height)
}

/// A signature that is a function of signer and statement, as RFC 6979 makes real ones.
func sign(_ statement: Statement, by index: Int) -> SignedStatement {
    let signer = ValidatorIndex(UInt16(index))
    let kind: UInt64 =
        switch statement {
        case .notar: 1
        case .final: 2
        case .skipFrom: 3
        }
    var hash = Digest.zero
    switch statement {
    case .notar(let block), .final(let block): hash = block.hash
    case .skipFrom(let window, _): hash = Digest(number: window.rawValue)
    }
    return SignedStatement(
        statement: statement, signer: signer,
        signature: SignatureBytes(
            r: Digest(kind, UInt64(index), statement.slot.rawValue, hash.word3), s: hash))
}

func certificate(_ kind: Certificate.Kind, by signers: [(index: Int, slot: Slot)]) -> Certificate {
    Certificate(
        kind: kind,
        signers: signers.map { index, slot in
            let statement: Statement =
                switch kind {
                case .notar(let block): .notar(block)
                case .final(let block): .final(block)
                case .skip(let window, _): .skipFrom(window, slot)
                }
            return Certificate.Signer(
                index: ValidatorIndex(UInt16(index)), slot: slot,
                signature: sign(statement, by: index).signature)
        })
}

func notarCertificate(_ block: BlockReference, by signers: [Int]) -> Certificate {
    certificate(.notar(block), by: signers.map { ($0, block.slot) })
}

func finalCertificate(_ block: BlockReference, by signers: [Int]) -> Certificate {
    certificate(.final(block), by: signers.map { ($0, block.slot) })
}

/// What happens when, the earliest first; what was added first goes first among equals.
struct EventQueue {
    private struct Entry {
        let time: UInt64
        let order: UInt64
        let happening: Happening
        func isBefore(_ other: Entry) -> Bool {
            time != other.time ? time < other.time : order < other.order
        }
    }

    private var heap: [Entry] = []
    private var added: UInt64 = 0

    mutating func add(at time: UInt64, _ happening: Happening) {
        heap.append(Entry(time: time, order: added, happening: happening))
        added += 1
        var child = heap.count - 1
        while child > 0, heap[child].isBefore(heap[(child - 1) / 2]) {
            heap.swapAt(child, (child - 1) / 2)
            child = (child - 1) / 2
        }
    }

    mutating func next(before end: UInt64) -> (UInt64, Happening)? {
        guard let first = heap.first, first.time < end else { return nil }
        let last = heap.removeLast()
        if !heap.isEmpty {
            heap[0] = last
            var parent = 0
            while true {
                var least = parent
                for child in [2 * parent + 1, 2 * parent + 2]
                where child < heap.count && heap[child].isBefore(heap[least]) {
                    least = child
                }
                if least == parent { break }
                heap.swapAt(parent, least)
                parent = least
            }
        }
        return (first.time, first.happening)
    }
}
