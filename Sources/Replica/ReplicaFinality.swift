import Consensus
import Mempool
import Primitives
import Replication

/// A verified catch-up answer whose blocks are being executed.
struct RangeProgress: Sendable {
    let references: [BlockReference]
    let keys: [ExecutionKey]
    let certificate: Certificate
    let peer: ValidatorIndex
}

/// Finality, and catching up with it.
extension Replica {
    /// Makes blocks final in order, gives them to storage and forgets what lost.
    mutating func finalise(
        _ references: [BlockReference], _ certificate: Certificate, _ now: Moment,
        _ effects: inout [ReplicaEffect]
    ) {
        var blocks: [FinalBlock] = []
        for reference in references {
            guard let node = tree.node(named: reference.hash), let body = node.body else {
                preconditionFailure("final block \(reference) without its body")
            }
            precondition(
                node.parent == tip.reference,
                "final block \(reference) on \(node.parent), tip \(tip.reference)")
            if node.verdict == .held { held -= 1 }
            blocks.append(FinalBlock(reference: reference, key: node.key, body: body))
            mempool.committed(node.identities)
            tree.finalise(node, reference: reference, lag: configuration.hashLag)
        }
        guard !blocks.isEmpty else { return }
        early = early.filter { $0.key > tip.reference.slot }
        effects.append(.commit(blocks, certificate))
        if let mismatch = tree.hashMismatch { return stop(mismatch, &effects) }
        for dead in tree.prune() {
            if dead.verdict == .held { held -= 1 }
            if dead.execution != .invalid {
                if !dead.isReleased, returnsTransactions { mempool.returned(dead.identities) }
                effects.append(.execute(.drop(dead.key)))
            }
            if leader.block?.key == dead.key { leader.block = nil }
        }
        if let permitted = leader.permitted, permitted.slot <= tip.reference.slot {
            leader.permitted = nil
        }
        if let progress = range, let last = progress.references.last,
            last.slot <= tip.reference.slot
        {
            range = nil
            effects.append(.note(.caughtUp(tip.height)))
            // The chain went on meanwhile: the peer answers with how far it is.
            effects.append(.send(.status(consensus.status), to: progress.peer))
        }
    }

    /// A certificate or votes name a block that this node lacks: ask those who must have it.
    mutating func want(
        _ reference: BlockReference, _ hints: [ValidatorIndex], _ now: Moment,
        _ inputs: inout [ConsensusInput], _ effects: inout [ReplicaEffect]
    ) {
        if let node = tree.node(named: reference.hash), let summary = node.summary {
            // It is here; the window machine may have refused it before a certificate named it.
            inputs.append(.receivedHeader(summary))
            switch node.verdict {
            case .valid: inputs.append(.judgedBlock(reference, .valid))
            case .held: inputs.append(.judgedBlock(reference, .hold))
            case .none, .invalid: break
            }
            return
        }
        for peer in hints where peer != own {
            effects.append(.send(.blockRequest(reference), to: peer))
        }
    }

    private var returnsTransactions: Bool {
        #if MUTANTS
            if Mutant.returnedForgotten.isActive { return false }
        #endif
        return true
    }

    // MARK: - Catch-up

    /// When to give up an unanswered request; nothing is asked while an answer is being executed.
    var catchUpDeadline: Tick? { range == nil ? catchUp.nextDeadline : nil }

    mutating func advanceCatchUp(_ now: Moment, _ effects: inout [ReplicaEffect]) {
        guard range == nil else { return }
        guard
            let peer = catchUp.nextRequest(
                own: tip.height, force: consensus.isStalled(now: now.tick), now: now.tick)
        else { return }
        effects.append(.note(.catchingUp(from: tip.height.next, peer: peer)))
        effects.append(.send(.finalRequest(from: tip.height.next), to: peer))
    }

    mutating func receive(
        _ range: FinalRange, from peer: ValidatorIndex, _ now: Moment,
        _ effects: inout [ReplicaEffect]
    ) {
        guard self.range == nil, let first = range.blocks.first, let last = range.blocks.last
        else {
            catchUp.answered(by: peer)
            return
        }
        guard first.height == tip.height.next else {
            catchUp.answered(by: peer)
            return
        }
        guard
            case .success(let statements) = judged(range.certificate),
            case .final(let covered) = range.certificate.kind, covered.slot == last.slot
        else {
            catchUp.failed(peer, now: now.tick)
            effects.append(.dropPeer(peer, .outOfProtocol("a catch-up range without a proof")))
            return
        }
        guard range.blocks.allSatisfy({ $0.chunks.allSatisfy(ChunkRoot.fits) }) else {
            catchUp.failed(peer, now: now.tick)
            effects.append(
                .dropPeer(peer, .outOfProtocol("a catch-up range of other transactions")))
            return
        }
        // One flat list: the certificate's signatures, then each body's objects in order.
        var checks = statements.map {
            ObjectCheck(
                input: $0.statement.hashInput(committee), signer: $0.signer,
                signature: $0.signature)
        }
        for body in range.blocks {
            let leader = schedule.leader(
                of: body.slot.window(length: configuration.consensus.windowLength))
            checks += self.checks(of: body, by: leader)
        }
        check(checks, then: .range(range), from: peer, &effects)
    }

    private func judged(
        _ certificate: Certificate
    ) -> Result<[SignedStatement], CertificateFault> {
        #if MUTANTS
            if Mutant.syncUnchecked.isActive { return .success(certificate.statements) }
        #endif
        return certificate.judge(
            committee, windowLength: configuration.consensus.windowLength)
    }

    /// The certificate is good and every object is signed: the parents must link up to the block
    /// that it covers. Then the blocks are executed in order; the window machine is told of the
    /// certificate and makes them final as they are judged.
    mutating func accept(
        _ range: FinalRange, digests: [Digest], from peer: ValidatorIndex, _ now: Moment,
        _ effects: inout [ReplicaEffect]
    ) {
        catchUp.answered(by: peer)
        guard self.range == nil, range.blocks.first?.height == tip.height.next,
            case .final(let covered) = range.certificate.kind
        else { return }
        var position = range.certificate.signers.count
        var parent = tip.reference
        var references: [BlockReference] = []
        var parts: [[Digest]] = []
        for body in range.blocks {
            let count = body.chunks.count + 2
            guard position + count <= digests.count else { return }
            let part = Array(digests[position..<(position + count)])
            position += count
            let reference = BlockReference(slot: body.slot, hash: part[count - 1])
            guard body.header.value.opening == body.opening.value,
                body.opening.value.parent == parent
            else {
                catchUp.failed(peer, now: now.tick)
                effects.append(
                    .dropPeer(peer, .outOfProtocol("a catch-up range that does not link")))
                return
            }
            references.append(reference)
            parts.append(part)
            parent = reference
        }
        guard parent == covered else {
            catchUp.failed(peer, now: now.tick)
            effects.append(.dropPeer(peer, .outOfProtocol("a certificate for another block")))
            return
        }
        // Only now, when each block is known to be an ancestor of a final one.
        var keys: [ExecutionKey] = []
        for (index, body) in range.blocks.enumerated() {
            let known = tree.node(named: references[index].hash)?.key
            guard let key = known ?? assemble(body, digests: parts[index], isFinal: true) else {
                catchUp.failed(peer, now: now.tick)
                effects.append(.dropPeer(peer, .outOfProtocol("a block whose chunks do not fit")))
                return
            }
            keys.append(key)
        }
        self.range = RangeProgress(
            references: references, keys: keys, certificate: range.certificate, peer: peer)
        drive(
            .caughtUpRange(
                zip(references, range.blocks).map {
                    BlockSummary(reference: $0, parent: $1.opening.value.parent, height: $1.height)
                }, range.certificate), now, &effects)
        for key in keys { continueExecution(of: key, now, &effects) }
    }
}
