import Consensus
import Primitives
import Replication

/// What peers send: cheap checks first, then the signature check as an effect, then the machines.
extension Replica {
    mutating func receive(
        _ message: PeerMessage, from peer: ValidatorIndex, _ now: Moment,
        _ effects: inout [ReplicaEffect]
    ) {
        guard Int(peer.rawValue) < committee.powers.count else { return }
        switch message {
        case .statement(let signed): receive(signed, from: peer, &effects)
        case .certificate(let certificate): receive(certificate, from: peer, &effects)
        case .beat(let beat): receive(beat, from: peer, now, &effects)
        case .status(let status):
            catchUp.claimed(status.topFinalHeight, by: peer)
            drive(.receivedStatus(status, from: peer), now, &effects)
            // A peer that is behind learns how far, and asks for the blocks.
            if CatchUp.isBehind(status.topFinalHeight, tip.height, configuration.catchUp) {
                effects.append(.send(.status(consensus.status), to: peer))
            }
        case .opening(let opening, let parent, let skips):
            if let parent { receive(parent, from: peer, &effects) }
            for skip in skips { receive(skip, from: peer, &effects) }
            receive(opening, from: peer, &effects)
        case .chunk(let chunk): receive(chunk, from: peer, &effects)
        case .header(let header): receive(header, from: peer, &effects)
        case .transactions(let transactions):
            effects.append(.admit(transactions, from: peer))
        case .blockRequest(let reference):
            if let body = tree.node(named: reference.hash)?.body {
                effects.append(.send(.block(body), to: peer))
            } else {
                effects.append(.serveBlock(reference, to: peer))
            }
        case .block(let body): receive(body, from: peer, &effects)
        case .finalRequest(let from):
            if from <= tip.height { effects.append(.serveFinal(from: from, to: peer)) }
        case .finalReply(let range): receive(range, from: peer, now, &effects)
        }
    }

    /// Queues checks under the peer's bound; over it the message is dropped (its sender repeats
    /// what matters on a standstill).
    mutating func check(
        _ checks: [ObjectCheck], then item: PendingItem, from peer: ValidatorIndex,
        _ effects: inout [ReplicaEffect]
    ) {
        guard pendingCount[Int(peer.rawValue)] < Self.unverifiedPerPeer else { return }
        if item.isBody {
            guard pendingBodies[Int(peer.rawValue)] < Self.unverifiedBodiesPerPeer else { return }
            pendingBodies[Int(peer.rawValue)] += 1
        }
        pendingCount[Int(peer.rawValue)] += 1
        let task = nextTask
        nextTask += 1
        pending[task] = Pending(item: item, from: peer)
        effects.append(.verify(task: task, checks))
    }

    private func check(of signed: SignedStatement) -> ObjectCheck {
        ObjectCheck(
            input: signed.statement.hashInput(committee), signer: signed.signer,
            signature: signed.signature)
    }

    private mutating func receive(
        _ signed: SignedStatement, from peer: ValidatorIndex, _ effects: inout [ReplicaEffect]
    ) {
        guard Int(signed.signer.rawValue) < committee.powers.count else {
            effects.append(
                .dropPeer(peer, .outOfProtocol("a statement by validator \(signed.signer)")))
            return
        }
        guard consensus.isUseful(signed) else { return }
        check([check(of: signed)], then: .statement(signed), from: peer, &effects)
    }

    private mutating func receive(
        _ certificate: Certificate, from peer: ValidatorIndex, _ effects: inout [ReplicaEffect]
    ) {
        guard consensus.isUseful(certificate) else { return }
        switch certificate.judge(
            committee, windowLength: configuration.consensus.windowLength)
        {
        case .failure(let reason):
            effects.append(.dropPeer(peer, .outOfProtocol("a certificate: \(reason)")))
        case .success(let statements):
            let unknown = statements.filter { !consensus.knows($0) }
            check(
                unknown.map { check(of: $0) }, then: .certificate(certificate), from: peer,
                &effects)
        }
    }

    private mutating func receive(
        _ beat: Beat, from peer: ValidatorIndex, _ now: Moment, _ effects: inout [ReplicaEffect]
    ) {
        guard schedule.leader(of: beat.window) == peer else { return }
        drive(.heardFromLeader(beat.window, .beat), now, &effects)
    }

    /// Whether `slot` is near enough to be worth memory, and whose it is.
    private func leaderOfAcceptable(_ slot: Slot) -> ValidatorIndex? {
        guard slot > tip.reference.slot, consensus.accepts(slot: slot) else { return nil }
        return schedule.leader(of: slot.window(length: configuration.consensus.windowLength))
    }

    private mutating func receive(
        _ opening: SignedOpening, from peer: ValidatorIndex, _ effects: inout [ReplicaEffect]
    ) {
        let value = opening.value
        guard value.chain == committee.chain, value.epoch == committee.epoch else {
            effects.append(.dropPeer(peer, .outOfProtocol("an opening of another chain or epoch")))
            return
        }
        guard let leader = leaderOfAcceptable(value.slot) else { return }
        check(
            [
                ObjectCheck(
                    input: value.hashInput, signer: leader, signature: opening.signature)
            ], then: .opening(opening), from: peer, &effects)
    }

    private mutating func receive(
        _ chunk: Chunk, from peer: ValidatorIndex, _ effects: inout [ReplicaEffect]
    ) {
        let value = chunk.header.value
        guard value.chain == committee.chain, value.epoch == committee.epoch,
            Int(value.count) == chunk.transactions.count
        else {
            effects.append(.dropPeer(peer, .outOfProtocol("a chunk of another chain or count")))
            return
        }
        guard let leader = leaderOfAcceptable(value.slot) else { return }
        guard ChunkRoot.fits(chunk) else {
            effects.append(.dropPeer(peer, .outOfProtocol("a chunk of other transactions")))
            return
        }
        check(
            [
                ObjectCheck(
                    input: value.hashInput, signer: leader, signature: chunk.header.signature)
            ], then: .chunk(chunk), from: peer, &effects)
    }

    private mutating func receive(
        _ header: SignedHeader, from peer: ValidatorIndex, _ effects: inout [ReplicaEffect]
    ) {
        let opening = header.value.opening
        guard opening.chain == committee.chain, opening.epoch == committee.epoch else {
            effects.append(.dropPeer(peer, .outOfProtocol("a header of another chain or epoch")))
            return
        }
        guard let leader = leaderOfAcceptable(opening.slot) else { return }
        check(
            [
                ObjectCheck(
                    input: header.value.hashInput, signer: leader, signature: header.signature)
            ], then: .header(header), from: peer, &effects)
    }

    private mutating func receive(
        _ body: BlockBody, from peer: ValidatorIndex, _ effects: inout [ReplicaEffect]
    ) {
        let opening = body.header.value.opening
        guard opening == body.opening.value, opening.chain == committee.chain,
            opening.epoch == committee.epoch
        else {
            effects.append(.dropPeer(peer, .outOfProtocol("a block whose parts do not fit")))
            return
        }
        guard let leader = leaderOfAcceptable(opening.slot) else { return }
        guard body.chunks.allSatisfy(ChunkRoot.fits) else {
            effects.append(.dropPeer(peer, .outOfProtocol("a block of other transactions")))
            return
        }
        check(checks(of: body, by: leader), then: .block(body), from: peer, &effects)
    }

    /// Opening, chunks in order, header: every signature of the leader in a block.
    func checks(of body: BlockBody, by leader: ValidatorIndex) -> [ObjectCheck] {
        var checks = [
            ObjectCheck(
                input: body.opening.value.hashInput, signer: leader,
                signature: body.opening.signature)
        ]
        for chunk in body.chunks {
            checks.append(
                ObjectCheck(
                    input: chunk.header.value.hashInput, signer: leader,
                    signature: chunk.header.signature))
        }
        checks.append(
            ObjectCheck(
                input: body.header.value.hashInput, signer: leader,
                signature: body.header.signature))
        return checks
    }

    // MARK: - Verdicts

    mutating func verified(
        _ task: UInt64, _ digests: [Digest?], _ now: Moment, _ effects: inout [ReplicaEffect]
    ) {
        guard let done = pending.removeValue(forKey: task) else { return }
        let peer = done.from
        if pendingCount[Int(peer.rawValue)] > 0 { pendingCount[Int(peer.rawValue)] -= 1 }
        if done.item.isBody, pendingBodies[Int(peer.rawValue)] > 0 {
            pendingBodies[Int(peer.rawValue)] -= 1
        }
        let good = digests.compactMap { $0 }
        guard good.count == digests.count else {
            if case .range = done.item { catchUp.failed(peer, now: now.tick) }
            effects.append(.dropPeer(peer, .badSignature(done.item.name)))
            return
        }
        switch done.item {
        case .statement(let signed): drive(.receivedStatement(signed), now, &effects)
        case .certificate(let certificate):
            drive(.receivedCertificate(certificate), now, &effects)
        case .opening(let opening):
            accept(opening, key: good[0], isOwn: false, now, &effects)
        case .chunk(let chunk): accept(chunk, digest: good[0], now, &effects)
        case .header(let header): accept(header, digest: good[0], now, &effects)
        case .block(let body): accept(body, digests: good, now, &effects)
        case .range(let range): accept(range, digests: good, from: peer, now, &effects)
        }
    }
}

extension Replica.PendingItem {
    /// Whether it holds whole blocks, and so much memory.
    var isBody: Bool {
        switch self {
        case .block, .range: true
        case .statement, .certificate, .opening, .chunk, .header: false
        }
    }

    var name: String {
        switch self {
        case .statement: "statement"
        case .certificate: "certificate"
        case .opening: "opening"
        case .chunk: "chunk"
        case .header: "header"
        case .block: "block"
        case .range: "catch-up range"
        }
    }
}
