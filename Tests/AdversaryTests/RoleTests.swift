import Adversary
import Consensus
import Mempool
import Primitives
import Replica
import Replication
import Testing
import WireCodec

@Suite("Byzantine roles")
struct RoleTests {
    private let stage = Stage()
    private let root = BlockReference(slot: Slot(1), hash: Digest(number: 77))

    private func slot(ledByLiar: Bool) -> Slot {
        stage.window(ledByLiar: ledByLiar).firstSlot(length: Stage.length)
    }

    private func lead(
        _ role: ByzantineRole, seed: UInt64 = 1
    ) -> [AdversaryDeparture] {
        var adversary = role.adversary(stage.environment(seed: seed))
        let body = stage.block(slot: slot(ledByLiar: true), parent: root, height: 2)
        return carryOut(stage.messages(of: body).map { .broadcast($0) }, &adversary, stage)
    }

    @Test("An equivocator shows two blocks, each whole, signed, well linked and different")
    func twoBlocks() throws {
        let departures = lead(.equivocator)
        var references: Set<BlockReference> = []
        for peer in [1, 2, 3] {
            var tail: Digest?
            var opening: Opening?
            for message in departures.filter({ $0.to == ValidatorIndex(UInt16(peer)) })
                .compactMap(\.message)
            {
                switch message {
                case .opening(let signed, _, _):
                    #expect(stage.isSigned(signed.value.hashInput, signed.signature, by: 0))
                    #expect(signed.value.timestamp <= stage.now.unixSeconds + 1)
                    opening = signed.value
                    tail = ObjectHash.digest(of: signed.value.hashInput)
                case .chunk(let chunk):
                    let header = chunk.header
                    #expect(stage.isSigned(header.value.hashInput, header.signature, by: 0))
                    #expect(header.value.previous == tail)
                    tail = ObjectHash.digest(of: header.value.hashInput)
                case .header(let header):
                    #expect(stage.isSigned(header.value.hashInput, header.signature, by: 0))
                    #expect(header.value.opening == opening)
                    #expect(header.value.lastChunk == tail)
                    references.insert(
                        BlockReference(
                            slot: header.value.opening.slot,
                            hash: ObjectHash.digest(of: header.value.hashInput)))
                case .certificate: break
                default: Issue.record("unexpected \(message)")
                }
            }
        }
        #expect(references.count == 2)
        // The claims of finality that go with the second block count one key many times over.
        let certificates = departures.compactMap { departure -> Certificate? in
            guard case .certificate(let certificate)? = departure.message else { return nil }
            return certificate
        }
        for certificate in certificates {
            #expect(certificate.signers.allSatisfy { $0.index == ValidatorIndex(0) })
            #expect(certificate.signers.count == stage.environment().committee.powers.count)
        }
    }

    @Test("An equivocator agrees with everyone, and so proves its own guilt")
    func twoVotes() throws {
        var adversary = ByzantineRole.equivocator.adversary(stage.environment())
        let slot = slot(ledByLiar: false)
        var shown: [Statement] = []
        for (peer, number) in [(1, UInt64(11)), (2, 12)] {
            let block = BlockReference(slot: slot, hash: Digest(number: number))
            let answer = adversary.heard(
                .statement(stage.statement(.notar(block), by: peer)),
                from: ValidatorIndex(UInt16(peer)), now: stage.now)
            #expect(answer.passes)
            let statements = answer.departures.compactMap(\.statement)
            #expect(statements.allSatisfy(stage.isSigned))
            #expect(answer.departures.allSatisfy { $0.to == ValidatorIndex(UInt16(peer)) })
            #expect(statements.map(\.statement).contains(.notar(block)))
            #expect(statements.map(\.statement).contains(.final(block)))
            shown += statements.map(\.statement)
        }
        let window = slot.window(length: Stage.length)
        #expect(shown.contains(.skipFrom(window, slot)))
        // Each peer counts it for its own block: with one more vote each has a quorum.
        for (number, voters) in [(UInt64(11), [0, 1, 3]), (12, [0, 2, 3])] {
            let block = BlockReference(slot: slot, hash: Digest(number: number))
            let certificate = stage.certificate(.final(block), by: voters)
            #expect(
                (try? certificate.judge(stage.committee, windowLength: Stage.length).get()) != nil)
        }
    }

    @Test("What an equivocator said behind its replica's back does not reach the replica")
    func filter() {
        var adversary = ByzantineRole.equivocator.adversary(stage.environment())
        let block = BlockReference(slot: slot(ledByLiar: false), hash: Digest(number: 1))
        let certificate = PeerMessage.certificate(stage.certificate(.notar(block), by: [0, 1, 2]))
        let peer = ValidatorIndex(1)
        #expect(!adversary.heard(certificate, from: peer, now: stage.now).passes)
        _ = carryOut(
            [.broadcast(.statement(stage.statement(.notar(block), by: 0)))], &adversary, stage)
        #expect(adversary.heard(certificate, from: peer, now: stage.now).passes)
    }

    @Test("A stale voter contradicts each kind of statement that it made")
    func staleVoter() throws {
        var adversary = ByzantineRole.staleVoter.adversary(stage.environment())
        let first = slot(ledByLiar: false)
        let window = first.window(length: Stage.length)
        let blocks = (0..<2).map {
            BlockReference(slot: Slot(first.rawValue + $0), hash: Digest(number: 20 + $0))
        }
        let own = blocks.flatMap { [Statement.notar($0), .final($0)] }
        let departures = carryOut(
            own.map { .broadcast(.statement(stage.statement($0, by: 0))) }, &adversary, stage)
        let said = departures.compactMap(\.statement)
        #expect(said.allSatisfy(stage.isSigned))
        #expect(said.map(\.statement).contains(.skipFrom(window, first)))
        // Another Notar where there is another block.
        let other = BlockReference(slot: first, hash: Digest(number: 99))
        let second = adversary.heard(
            .statement(stage.statement(.notar(other), by: 2)), from: ValidatorIndex(2),
            now: stage.now)
        #expect(
            second.departures.compactMap(\.statement?.statement) == [
                .notar(other), .notar(other), .notar(other),
            ])
        // A Final after a SkipFrom.
        let next = window.next
        let skipped = next.firstSlot(length: Stage.length)
        _ = carryOut(
            [.broadcast(.statement(stage.statement(.skipFrom(next, skipped), by: 0)))],
            &adversary, stage)
        let block = BlockReference(slot: skipped, hash: Digest(number: 5))
        let final = adversary.heard(
            .statement(stage.statement(.final(block), by: 3)), from: ValidatorIndex(3),
            now: stage.now)
        #expect(final.departures.count == 3)
        #expect(final.departures.compactMap(\.statement).allSatisfy(stage.isSigned))
        #expect(final.departures.first?.statement?.statement == .final(block))
    }

    @Test("A withholder keeps each block from some peers and shows it to others")
    func withholder() {
        var shares: Set<Int> = []
        for seed in UInt64(1)...16 {
            let departures = lead(.withholder, seed: seed)
            let peers = Set(departures.map(\.to))
            // Whoever gets one part gets all.
            #expect(departures.count == peers.count * 3)
            shares.insert(peers.count)
        }
        #expect(shares.contains { $0 > 0 && $0 < 3 })
    }

    @Test("A censor builds from nothing, or from what some senders sent")
    func censor() {
        let candidates = (UInt64(0)..<4).map {
            MempoolTransaction(
                hash: Digest(number: $0), sender: Digest(number: $0), nonce: 0, tip: 0, bytes: [1])
        }
        for (victims, left) in [(Censor.Victims.everyone, [UInt64]()), (.oddSenders, [0, 2])] {
            var censor = Censor(stage.environment(), victims: victims)
            var effects: [ReplicaEffect] = [
                .execute(.build(Digest(number: 9), sequence: 3, candidates: candidates))
            ]
            censor.rewrite(&effects, now: stage.now)
            guard case .execute(.build(let key, 3, let kept))? = effects.first else {
                Issue.record("the command is gone")
                return
            }
            #expect(key == Digest(number: 9))
            #expect(kept.map(\.sender.word3) == left)
        }
        var censor = Censor(stage.environment())
        let gossip = PeerMessage.transactions([TransactionBytes([1])])
        #expect(censor.departures(of: gossip, to: ValidatorIndex(1), now: stage.now).isEmpty)
    }

    @Test("A delayer is late, and under every timer")
    func delayer() {
        let departures = lead(.delayer)
        #expect(departures.count == 9)
        let consensus = stage.configuration.consensus
        for departure in departures {
            #expect(departure.delayNanoseconds >= 3 * consensus.deltaNanoseconds)
            #expect(departure.delayNanoseconds < 4 * consensus.deltaNanoseconds)
        }
        // The header of the next slot waits for most of T_slot after the first.
        var adversary = ByzantineRole.delayer.adversary(stage.environment())
        let first = slot(ledByLiar: true)
        let delays = (UInt64(0)..<2).map { step in
            carryOut(
                [
                    .broadcast(
                        .header(
                            stage.block(
                                slot: Slot(first.rawValue + step), parent: root, height: 2 + step
                            ).header))
                ], &adversary, stage
            ).map(\.delayNanoseconds).max() ?? 0
        }
        #expect(delays[1] - delays[0] > consensus.slotNanoseconds / 2)
        #expect(delays[1] - delays[0] < consensus.slotNanoseconds)
    }

    @Test("A twin speaks to its side and hears nothing else")
    func twin() {
        let beat = PeerMessage.beat(Beat(window: Window(1), sequence: 1))
        for side in 0...1 {
            var twin = ByzantineRole.twin.adversary(stage.environment(), twinSide: side)
            let reached = carryOut([.broadcast(beat)], &twin, stage).map(\.to.rawValue)
            #expect(reached == [1, 2, 3].filter { Int($0) % 2 == side })
            for peer in 1...3 {
                let answer = twin.heard(
                    beat, from: ValidatorIndex(UInt16(peer)), now: stage.now)
                #expect(answer.passes == (peer % 2 == side))
            }
        }
    }

    @Test("A flooder sends much, bounded, well formed and well signed")
    func flooder() {
        var adversary = ByzantineRole.flooder.adversary(stage.environment())
        #expect(adversary.tickNanoseconds != nil)
        let block = BlockReference(slot: Slot(9), hash: Digest(number: 1))
        _ = adversary.heard(
            .statement(stage.statement(.notar(block), by: 1)), from: ValidatorIndex(1),
            now: stage.now)
        for _ in 0..<20 { _ = adversary.tick(now: stage.now) }
        let departures = adversary.tick(now: stage.now)
        let perPeer = departures.filter { $0.to == ValidatorIndex(1) }
        #expect(perPeer.count > 40 && perPeer.count < 100)
        for departure in perPeer {
            #expect((try? departure.message.map { try PeerMessage(decoding: $0.encoded()) }) != nil)
            if let signed = departure.statement { #expect(stage.isSigned(signed)) }
        }
    }

    @Test("A liar in sync claims absurd heights, and its ranges prove nothing")
    func liarInSync() throws {
        var adversary = ByzantineRole.liarInSync.adversary(stage.environment())
        let peer = ValidatorIndex(2)
        let status = Status(
            topFinal: root, topFinalHeight: Height(5), firstUnclearedSlot: Slot(2))
        guard
            case .status(let claimed)? = adversary.departures(
                of: .status(status), to: peer, now: stage.now
            ).first?.message
        else {
            Issue.record("no status")
            return
        }
        #expect(claimed.topFinalHeight.rawValue > 1 << 40)
        var blocks: [BlockBody] = []
        var parent = root
        for step in UInt64(0)..<4 {
            let body = stage.block(slot: Slot(4 + step), parent: parent, height: 2 + step)
            blocks.append(body)
            parent = stage.reference(body)
        }
        let range = FinalRange(
            blocks: blocks, certificate: stage.certificate(.final(parent), by: [0, 1, 2]))
        var lies = 0
        for _ in 0..<60 {
            guard
                case .finalReply(let reply)? = adversary.departures(
                    of: .finalReply(range), to: peer, now: stage.now
                ).first?.message
            else { continue }
            if reply != range {
                lies += 1
                #expect(!isProof(reply))
            }
        }
        #expect((20...58).contains(lies))
    }

    /// Whether a receiver could take this range for final: quorum, links and bodies.
    private func isProof(_ range: FinalRange) -> Bool {
        guard
            case .success = range.certificate.judge(stage.committee, windowLength: Stage.length),
            case .final(let covered) = range.certificate.kind
        else { return false }
        var parent = root
        for body in range.blocks {
            let roots = body.chunks.allSatisfy {
                $0.header.value.transactionRoot
                    == ChunkRoot.root(of: $0.transactions.map { ChunkRoot.leaf($0.bytes) })
            }
            guard body.opening.value.parent == parent, roots else { return false }
            parent = stage.reference(body)
        }
        return parent == covered
    }

    @Test("A garbler damages some messages in each way, and passes the others on")
    func garbler() {
        var adversary = ByzantineRole.garbler.adversary(stage.environment())
        let message = PeerMessage.statement(stage.statement(.notar(root), by: 0))
        let bytes = message.encoded()
        var (whole, sameLength, shorter, displaced) = (0, 0, 0, 0)
        for _ in 0..<800 {
            for departure in adversary.departures(
                of: message, to: ValidatorIndex(1), now: stage.now)
            {
                switch departure.content {
                case .message(let sent):
                    #expect(sent == message)
                    whole += 1
                case .bytes(let sent, let messageClass):
                    if messageClass != message.messageClass {
                        displaced += 1
                    } else if sent.count == bytes.count {
                        #expect(sent != bytes)
                        sameLength += 1
                    } else if sent.count < bytes.count {
                        shorter += 1
                    }
                }
            }
        }
        #expect(whole > 600 && sameLength > 0 && shorter > 0 && displaced > 0)
    }

    @Test("Every role does the same from the same seed", arguments: ByzantineRole.allCases)
    func determinism(_ role: ByzantineRole) {
        func run(_ seed: UInt64) -> [String] {
            var adversary = role.adversary(stage.environment(seed: seed))
            var departures: [AdversaryDeparture] = []
            let body = stage.block(slot: slot(ledByLiar: true), parent: root, height: 2)
            departures += carryOut(
                stage.messages(of: body).map { .broadcast($0) }, &adversary, stage)
            for peer in 1...3 {
                let signed = stage.statement(.final(stage.reference(body)), by: peer)
                departures +=
                    adversary.heard(
                        .statement(signed), from: ValidatorIndex(UInt16(peer)), now: stage.now
                    ).departures
                departures += adversary.tick(now: stage.now)
            }
            return departures.map { "\($0)" }
        }
        #expect(run(7) == run(7))
    }
}
