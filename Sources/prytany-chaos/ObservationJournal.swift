import Consensus
import Glibc
import Primitives
import Replica
import Replication
import SequencerNode
import Simulation
import Synchronization

/// Appends observations to a file, a line each, with one write(2) for all that come together: what has
/// returned from `append` outlives the process, however that ends. A failed write ends the process,
/// loudly: a file with holes would prove what is not so.
final class ObservationJournal: Sendable {
    private let path: String
    private let file: Int32
    private let given: Int?
    private let state: Mutex<(node: Int, own: ValidatorIndex?)>

    /// `node` is the number to write, instead of the validator's index.
    init(path: String, node: Int?) throws {
        given = node
        state = Mutex((node ?? 0, nil))
        self.path = path
        file = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0o644)
        guard file >= 0 else {
            throw CommandFailure("cannot open \(path): \(String(cString: strerror(errno)))")
        }
    }

    func begin(own: ValidatorIndex?) {
        state.withLock { $0 = (given ?? own.map { Int($0.rawValue) } ?? 0, own) }
    }

    /// The node did not start, or stopped with this error.
    func refused(_ reason: String) {
        write([.refusedToStart(reason)])
    }

    func append(_ events: [NodeEvent]) {
        let own = state.withLock { $0.own }
        let observations = events.flatMap { Self.observations(of: $0, own: own) }
        if !observations.isEmpty { write(observations) }
    }

    private func write(_ observations: [Observation]) {
        // Lines of two threads stay whole, and in the order of their times.
        state.withLock { state in write(observations, node: state.node) }
    }

    private func write(_ observations: [Observation], node: Int) {
        let time = SystemClock.tick().rawValue
        var text = ""
        for what in observations {
            text += Observed(time: time, node: node, what: what).jsonLine + "\n"
        }
        let bytes = Array(text.utf8)
        var written = 0
        while written < bytes.count {
            let count = bytes[written...].withUnsafeBytes {
                Glibc.write(file, $0.baseAddress, $0.count)
            }
            if count > 0 {
                written += count
            } else if errno != EINTR {
                let reason = String(cString: strerror(errno))
                let line = "cannot write observations to \(path): \(reason)\n"
                _ = line.withCString { Glibc.write(STDERR_FILENO, $0, strlen($0)) }
                exit(74)
            }
        }
    }

    private static func observations(
        of event: NodeEvent, own: ValidatorIndex?
    ) -> [Observation] {
        switch event {
        case .started(let height): [.started(stored: height)]
        case .stopped: [.stopped("told to stop")]
        case .departing(let message): observation(of: message, own: own).map { [$0] } ?? []
        case .finalised(let block, let transactions):
            [
                .finalised(
                    block.body.height, block.reference, parent: block.body.opening.value.parent,
                    transactions: transactions)
            ]
        case .hashed(let height, let hash): [.hashed(height, hash)]
        case .stored(let height): [.stored(height)]
        case .note(let note): observation(of: note).map { [$0] } ?? []
        case .halted(let reason): [.halted("\(reason)")]
        case .acknowledging(let hash): [.acknowledged(hash)]
        case .sizes(let mailbox, let unverified, let pool, let poolBytes, let blocks):
            [
                .sizes(
                    Observation.Sizes(
                        mailbox: mailbox, unverified: unverified, pool: pool,
                        poolBytes: poolBytes, blocksAboveFinal: blocks))
            ]
        }
    }

    private static func observation(
        of message: PeerMessage, own: ValidatorIndex?
    ) -> Observation? {
        switch message {
        case .statement(let signed) where signed.signer == own: return .said(signed.statement)
        case .opening(let opening, _, _):
            return .led(
                .opening, opening.value.slot, sequence: 0,
                ObjectHash.digest(of: opening.value.hashInput))
        case .chunk(let chunk):
            let value = chunk.header.value
            return .led(
                .chunk, value.slot, sequence: value.sequence,
                ObjectHash.digest(of: value.hashInput))
        case .header(let header):
            return .led(
                .header, header.value.opening.slot, sequence: 0,
                ObjectHash.digest(of: header.value.hashInput))
        default: return nil
        }
    }

    private static func observation(of note: ReplicaNote) -> Observation? {
        switch note {
        case .enteredWindow(let window, let leader): .enteredWindow(window, leader: leader)
        case .skipped(let window, let slot, let reason):
            .skipped(window, from: slot, reason: reason)
        case .evidence(let text, let guilty): .evidence(guilty: guilty, text)
        case .invalidBlock(let reference, let reason): .invalidBlock(reference, reason)
        case .lostLog: .lostLog
        case .catchingUp: nil
        case .caughtUp(let height): .caughtUp(height)
        }
    }
}
