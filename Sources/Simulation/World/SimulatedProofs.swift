import Consensus
import Mempool
import Primitives
import Replica
import Replication

/// What users submit, and what a node could prove.
extension Simulator {
    // MARK: - Users

    func admit(_ all: [[UInt8]], from peer: ValidatorIndex?, _ node: SimulatedNode) {
        var admissions: [Admission] = []
        for bytes in all {
            guard let transaction = cache.transaction(bytes) else { continue }
            var ticket: UInt64?
            if peer == nil {
                ticket = node.nextTicket
                node.tickets[node.nextTicket] = transaction.hash
                node.nextTicket += 1
            }
            admissions.append(
                Admission(
                    transaction: transaction,
                    accountNonce: node.engine.nonce(of: transaction.sender), from: peer,
                    ticket: ticket))
        }
        if !admissions.isEmpty { later(node, costs.admission, [.admitted(admissions)]) }
    }

    /// A user's transactions reach a node's JSON-RPC.
    func submit(_ all: [[UInt8]], to index: Int) {
        let node = nodes[index]
        guard node.isRunning, !node.isPaused else { return }
        admit(all, from: nil, node)
    }

    // MARK: - Proofs

    /// Before the replica hears that signatures are good: whether what they sign contradicts what it
    /// has counted before.
    func lookForProof(_ input: ReplicaInput, _ node: SimulatedNode) {
        guard case .verified(let task, let digests) = input,
            let message = node.checked.removeValue(forKey: task),
            digests.allSatisfy({ $0 != nil }), node.isRunning
        else { return }
        switch message {
        case .statement(let signed): note(signed, node)
        case .certificate(let certificate):
            guard node.replica?.value.consensus.isUseful(certificate) == true else { return }
            for signed in certificate.statements
            where node.replica?.value.consensus.knows(signed) == false {
                note(signed, node)
            }
        case .opening(let opening, _, _):
            noteLed(.opening, opening.value.slot, 0, digests.last ?? nil, node)
        case .chunk(let chunk):
            noteLed(
                .chunk, chunk.header.value.slot, chunk.header.value.sequence, digests[0],
                node)
        case .header(let header):
            noteLed(.header, header.value.opening.slot, 0, digests[0], node)
        default: return
        }
    }

    /// An opening comes with certificates, each of which is checked on its own.
    static func part(of message: PeerMessage, under checks: [ObjectCheck]) -> PeerMessage? {
        guard case .opening(let opening, let parent, let skips) = message else { return message }
        if checks.count == 1, checks[0].input == opening.value.hashInput {
            return .opening(opening, parent: nil, skips: [])
        }
        // Of a certificate some statements may be known already, so that fewer are checked.
        let certificate = ([parent].compactMap { $0 } + skips).first { certificate in
            checks.allSatisfy { check in
                certificate.signers.contains {
                    $0.index == check.signer && $0.signature == check.signature
                }
            }
        }
        return certificate.map { .certificate($0) }
    }

    func note(_ signed: SignedStatement, _ node: SimulatedNode) {
        guard let topFinal = node.replica?.value.consensus.topFinal.slot,
            let current = node.replica?.value.consensus.currentWindow
        else { return }
        switch signed.statement {
        case .notar, .final:
            guard node.replica?.value.consensus.accepts(slot: signed.statement.slot) == true else {
                return
            }
        case .skipFrom(let window, _):
            guard window >= topFinal.window(length: scenario.timing.windowLength),
                window.rawValue
                    <= current.rawValue + configuration.consensus.lookaheadWindows
            else { return }
        }
        if let text = node.proofs.add(
            signed.statement, of: signed.signer, windowLength: scenario.timing.windowLength,
            topFinal: topFinal)
        {
            emit(node, .canProve(guilty: signed.signer, text))
        }
    }

    func noteLed(
        _ kind: Observation.LeaderObject, _ slot: Slot, _ sequence: UInt32, _ digest: Digest?,
        _ node: SimulatedNode
    ) {
        guard let digest, node.replica?.value.consensus.accepts(slot: slot) == true else { return }
        let leader = schedule.leader(of: slot.window(length: scenario.timing.windowLength))
        if let text = node.proofs.add(kind, slot, sequence: sequence, digest, of: leader) {
            emit(node, .canProve(guilty: leader, text))
        }
    }
}
