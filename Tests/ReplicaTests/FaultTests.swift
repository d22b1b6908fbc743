import Consensus
import Mempool
import Primitives
import Replica
import Replication
import Testing

@Suite("Power cuts, liars and Byzantine leaders")
struct FaultTests {
    /// Lanes of one transaction every few milliseconds, through every node.
    private func load(_ network: Network, each: UInt64 = 10, every: UInt64 = 12) -> Set<[UInt8]> {
        var all: Set<[UInt8]> = []
        for lane in 1...UInt8(4) {
            for nonce in 0..<each {
                let bytes = transaction(lane: lane, nonce: nonce)
                all.insert(bytes)
                let home = Int(lane) % network.count
                network.after(milliseconds: 5 + nonce * every) { $0.submit([bytes], to: home) }
            }
        }
        return all
    }

    /// The first window from `from` on that `node` leads.
    private func window(of node: Int, in network: Network, from: UInt64 = 1) -> UInt64 {
        var number = from
        while Int(network.schedule.leader(of: Window(number)).rawValue) != node { number += 1 }
        return number
    }

    @Test(
        "Power fails between each record and what is sent after it, and the node never says otherwise",
        arguments: Array(stride(from: 1, through: 61, by: 1)))
    func powerCutAtEveryRecord(_ after: Int) {
        for node in [0, Int(Network().schedule.leader(of: Window(0)).rawValue)] {
            let network = Network()
            _ = load(network)
            network.powerCut = (node, after)
            network.run(milliseconds: 800) { $0.powerFailed }
            #expect(network.powerFailed, "record \(after) of node \(node)")
            network.run(milliseconds: 8)
            network.restart(node)
            let before = network.ledger.chain.count
            let on = network.run(milliseconds: 2500) {
                $0.ledger.chain.count > before + 8
                    && $0.height(node) + 3 > ($0.ledger.chain.keys.max() ?? 0)
            }
            #expect(on, "record \(after) of node \(node):\n\(network.picture)")
            #expect(network.violations == [], "record \(after) of node \(node)")
        }
    }

    @Test(
        "Nodes crash and return at random, messages get lost: nothing is broken", arguments: 1...10)
    func storms(_ seed: UInt64) {
        var options = NetworkOptions(seed: seed)
        options.links = Links(maximum: 2500, lost: 4, twice: 10, reorders: true)
        options.powers = seed.isMultiple(of: 2) ? [1, 1, 1, 1] : [3, 2, 2, 2, 1]
        let network = Network(options)
        _ = load(network, each: 20, every: 30)
        var draw = SeededGenerator(seed: seed &* 77)
        for step in 0..<12 {
            let node = Int(draw.uniform(below: UInt64(network.count)))
            let at = 40 + UInt64(step) * 60 + draw.uniform(below: 40)
            network.after(milliseconds: at) { $0.crash(node) }
            network.after(milliseconds: at + 5 + draw.uniform(below: 90)) { $0.restart(node) }
        }
        network.run(milliseconds: 1000)
        let before = network.ledger.chain.count
        let on = network.run(milliseconds: 30_000) { $0.ledger.chain.count > before + 10 }
        #expect(on, "seed \(seed):\n\(network.picture)")
        #expect(network.violations == [], "seed \(seed)")
    }

    /// Makes the leader of a window send header variants that are properly signed and wrong.
    private func invalidHeader(
        _ seed: UInt64, _ change: @escaping (inout Header) -> Void, reason: String
    ) {
        let network = Network(NetworkOptions(seed: seed))
        let liar = Int(network.schedule.leader(of: Window(5)).rawValue)
        let signer = ConsensusSigner(key: network.keys[liar])
        network.tamper[liar] = { message, _, network in
            guard case .header(let header) = message,
                header.value.opening.slot.rawValue >= 5 * network.options.windowLength
            else { return [message] }
            var value = header.value
            change(&value)
            return [
                .header(
                    SignedHeader(
                        value: value,
                        signature: signer.sign(ObjectHash.digest(of: value.hashInput))))
            ]
        }
        _ = load(network)
        let others = network.nodes.indices.filter { $0 != liar }
        network.run(milliseconds: 2500)
        #expect(network.violations == [], "seed \(seed)")
        for index in others {
            #expect(network.noted(reason, at: index), "\(reason) at \(index), seed \(seed)")
            let lied = network.nodes[index].stored.filter {
                $0.body.slot.rawValue >= 5 * network.options.windowLength
                    && Int(
                        network.schedule.leader(
                            of: $0.body.slot.window(length: network.options.windowLength)
                        ).rawValue) == liar
            }
            #expect(lied.isEmpty, "nothing of the liar's becomes final")
            #expect(network.height(index) > 40, "\(network.picture)")
        }
    }

    @Test("A block whose commitments differ is skipped with its window", arguments: 1...3)
    func wrongCommitments(_ seed: UInt64) {
        invalidHeader(
            seed, { $0.receiptCommitment = Digest(number: 3) }, reason: "commitments differ")
    }

    @Test("A block that states a wrong lagged hash is skipped with its window", arguments: 1...3)
    func wrongLaggedHash(_ seed: UInt64) {
        invalidHeader(seed, { $0.laggedBlockHash = Digest(number: 3) }, reason: "block hash of")
    }

    /// Makes a leader's openings wrong from window 5 on.
    private func invalidOpening(
        _ change: @escaping (inout Opening) -> Void, reason: String
    ) {
        let network = Network(NetworkOptions(seed: 2))
        let liar = Int(network.schedule.leader(of: Window(5)).rawValue)
        let signer = ConsensusSigner(key: network.keys[liar])
        network.tamper[liar] = { message, _, network in
            guard case .opening(let opening, let parent, let skips) = message,
                opening.value.slot.rawValue >= 5 * network.options.windowLength
            else { return [message] }
            var value = opening.value
            change(&value)
            return [
                .opening(
                    SignedOpening(
                        value: value,
                        signature: signer.sign(ObjectHash.digest(of: value.hashInput))),
                    parent: parent, skips: skips)
            ]
        }
        network.run(milliseconds: 2500)
        #expect(network.violations == [])
        for index in network.nodes.indices where index != liar {
            #expect(network.noted(reason, at: index), "\(reason) at \(index)")
            #expect(network.height(index) > 30, "\(network.picture)")
        }
    }

    @Test("An opening that contradicts its parent is refused by everyone")
    func wrongOpenings() {
        invalidOpening({ $0.timestamp = 1 }, reason: "a timestamp below")
        invalidOpening({ $0.height = $0.height.next }, reason: "after")
        invalidOpening({ $0.prices.l2GasFri += 1 }, reason: "gas prices")
        invalidOpening({ $0.protocolVersion = 9 }, reason: "protocol version")
        invalidOpening({ $0.inboxCursor += 1 }, reason: "inbox cursor")
    }

    @Test("A block from the future is held by everyone and passed over, not called invalid")
    func futureTimestamp() {
        let network = Network(NetworkOptions(seed: 4))
        let early = Int(network.schedule.leader(of: Window(3)).rawValue)
        network.nodes[early].skews = 60
        network.run(milliseconds: 4000)
        #expect(network.violations == [])
        for index in network.nodes.indices where index != early {
            #expect(!network.noted("invalidBlock", at: index))
            #expect(network.height(index) > 20, "\(network.picture)")
            for block in network.nodes[index].stored {
                #expect(block.body.opening.value.timestamp < 1_700_000_000 + 30)
            }
        }
    }

    @Test("One slow clock holds its own Notars and neither Certified nor Final")
    func slowClock() {
        let network = Network(NetworkOptions(seed: 4))
        network.nodes[2].skews = -60
        let top: @Sendable (Network) -> Bool = { $0.height(2) > 40 && $0.height(0) > 40 }
        #expect(network.run(milliseconds: 6000, until: top), "\(network.picture)")
        #expect(network.violations == [])
        let finals = network.nodes[2].durable.filter {
            if case .statement(let signed) = $0, case .final = signed.statement { return true }
            return false
        }
        #expect(!finals.isEmpty, "it casts Final for what it holds")
    }

    @Test("A trie thread that stands still holds Notars alone; the node goes on once it moves")
    func stalledHashes() {
        let network = Network(NetworkOptions(seed: 6))
        network.run(milliseconds: 150)
        network.nodes[1].hashesStalled = true
        let start = network.height(1)
        network.run(milliseconds: 1200)
        #expect(network.violations == [])
        #expect(network.height(1) > start + 20, "\(network.picture)")
        #expect(network.height(1) + 5 > network.height(0), "\(network.picture)")
        network.releaseHashes(1)
        network.run(milliseconds: 1200)
        #expect(network.violations == [])
        #expect(network.height(1) + 5 > network.height(0), "\(network.picture)")
    }

    @Test(
        "Who doubts a block holds its Notar: one is outvoted, three stop the chain until they know")
    func doubts() {
        let network = Network(NetworkOptions(seed: 6))
        network.run(milliseconds: 150)
        network.nodes[1].doubts = true
        let start = network.height(0)
        network.run(milliseconds: 1200)
        #expect(network.height(0) > start + 20, "\(network.picture)")
        #expect(network.height(1) + 5 > network.height(0), "\(network.picture)")
        for index in 2...3 { network.nodes[index].doubts = true }
        // What was judged before becomes final.
        network.run(milliseconds: 200)
        let stopped = network.height(0)
        network.run(milliseconds: 1200)
        #expect(network.height(0) == stopped, "\(network.picture)")
        for index in 1...3 { network.settleDoubts(index) }
        let goesOn = network.run(milliseconds: 30_000) { $0.height(0) > stopped + 20 }
        #expect(goesOn, "\(network.picture)")
        #expect(network.violations == [])
    }

    @Test("A final header with another block hash than this node computed stops the node")
    func contradictedHash() {
        let network = Network(NetworkOptions(seed: 6))
        network.run(milliseconds: 200)
        network.nodes[3].hashesStalled = true
        network.run(milliseconds: 1000)
        let stalled = network.nodes[3].stalledHashes
        #expect(stalled.count > 10)
        if case .hashed(let key, _)? = stalled.first {
            network.post(
                .input(.execution(.hashed(key, blockHash: Digest(number: 1)))), to: 3)
        }
        network.run(milliseconds: 20)
        guard case .blockHashMismatch(_, _, let computed)? = network.nodes[3].replica?.halted else {
            Issue.record("it goes on: \(network.picture)")
            return
        }
        #expect(computed == Digest(number: 1))
    }

    @Test(
        "A leader that shows each peer another block, header and chunk forks nothing",
        arguments: 1...6)
    func equivocation(_ seed: UInt64) {
        let network = Network(NetworkOptions(seed: seed))
        let liar = Int(network.schedule.leader(of: Window(2)).rawValue)
        let signer = ConsensusSigner(key: network.keys[liar])
        network.tamper[liar] = { message, target, _ in
            switch message {
            case .opening(let opening, let parent, let skips) where seed % 3 == 0:
                var value = opening.value
                value.timestamp += UInt64(target % 2)
                return [
                    .opening(
                        SignedOpening(
                            value: value,
                            signature: signer.sign(ObjectHash.digest(of: value.hashInput))),
                        parent: parent, skips: skips), message,
                ]
            case .chunk(let chunk) where seed % 3 == 1 && target % 3 == 0:
                var value = chunk.header.value
                value.receiptsCommitment = Digest(number: 1)
                return [
                    .chunk(
                        Chunk(
                            header: SignedChunkHeader(
                                value: value,
                                signature: signer.sign(ObjectHash.digest(of: value.hashInput))),
                            transactions: chunk.transactions))
                ]
            case .header(let header) where seed % 3 == 2 && target % 3 == 0:
                var value = header.value
                value.eventCount += 1
                return [
                    .header(
                        SignedHeader(
                            value: value,
                            signature: signer.sign(ObjectHash.digest(of: value.hashInput)))),
                    message,
                ]
            default: return [message]
            }
        }
        _ = load(network)
        network.run(milliseconds: 5000)
        #expect(network.violations == [], "seed \(seed)")
        let top = network.ledger.chain.keys.max() ?? 0
        #expect(top > 30, "seed \(seed):\n\(network.picture)")
        for index in network.nodes.indices where index != liar {
            #expect(network.height(index) + 5 > top, "seed \(seed):\n\(network.picture)")
        }
    }

    enum SyncLie: CaseIterable, Sendable {
        case unlinked, otherCertificate, badSignature, noQuorum, otherTransactions, silence
    }

    @Test("A liar in catch-up is dropped and another peer asked", arguments: SyncLie.allCases)
    func syncLiar(_ lie: SyncLie) {
        var options = NetworkOptions(seed: 5)
        options.powers = [3, 3, 3, 1]
        options.emptyBlockMilliseconds = 4
        let network = Network(options)
        _ = load(network, each: 60)
        network.run(milliseconds: 50)
        network.isolate(3)
        network.run(milliseconds: 700)
        /// Properly signed, with bytes that its leader never saw.
        func altered(_ body: BlockBody) -> BlockBody {
            BlockBody(
                opening: body.opening,
                chunks: body.chunks.map { chunk in
                    Chunk(
                        header: chunk.header,
                        transactions: chunk.transactions.map {
                            TransactionBytes($0.bytes.dropLast() + [8])
                        })
                }, header: body.header)
        }
        for liar in [0, 1] {
            network.tamper[liar] = { message, _, network in
                if lie == .otherTransactions, case .block(let body) = message {
                    return [.block(altered(body))]
                }
                guard case .finalReply(let range) = message else { return [message] }
                var blocks = range.blocks
                var certificate = range.certificate
                switch lie {
                case .unlinked: if blocks.count > 2 { blocks.remove(at: 1) }
                case .otherCertificate:
                    let other = network.nodes[liar].certificates.keys.max() ?? Height(0)
                    certificate = network.nodes[liar].certificates[other] ?? certificate
                case .badSignature:
                    let body = blocks[0]
                    blocks[0] = BlockBody(
                        opening: SignedOpening(
                            value: body.opening.value, signature: body.header.signature),
                        chunks: body.chunks, header: body.header)
                case .noQuorum:
                    certificate = Certificate(
                        kind: certificate.kind, signers: Array(certificate.signers.prefix(1)))
                case .otherTransactions: blocks = blocks.map(altered)
                case .silence: return []
                }
                return [.finalReply(FinalRange(blocks: blocks, certificate: certificate))]
            }
        }
        network.rejoin(3)
        let caught = network.run(milliseconds: 4000) { $0.height(3) + 5 > $0.height(2) }
        #expect(caught, "\(lie):\n\(network.picture)")
        #expect(network.violations == [])
        if lie != .silence {
            let dropped = Set(network.nodes[3].dropped.map { Int($0.rawValue) })
            #expect(!dropped.isEmpty && dropped.isSubset(of: [0, 1]), "\(lie): \(dropped)")
        }
    }

    @Test("Transactions of a skipped block come back and are included once", arguments: 1...5)
    func returned(_ seed: UInt64) {
        let network = Network(NetworkOptions(seed: seed))
        let number = 4 + seed
        let liar = Int(network.schedule.leader(of: Window(number)).rawValue)
        let length = network.options.windowLength
        // Streams its chunks in one window and never closes the block.
        network.tamper[liar] = { message, _, _ in
            if case .header(let header) = message,
                header.value.opening.slot.rawValue / length == number
            {
                return []
            }
            return [message]
        }
        let all = load(network, each: 30, every: 25)
        let done = network.run(milliseconds: 12_000) { network in
            network.nodes.indices.allSatisfy { all.isSubset(of: network.transactions(of: $0)) }
        }
        #expect(done, "seed \(seed):\n\(network.picture)")
        #expect(network.violations == [], "seed \(seed)")
        for node in network.nodes {
            #expect(node.replica?.mempool.count == 0, "nothing waits: \(network.picture)")
        }
    }

    @Test("Another copy of a leader's key closes the block that it has open, at every place")
    func twinCloses() throws {
        // What the leader makes of each block, once with nobody in its way.
        let window = Window(3)
        let options = NetworkOptions(seed: 4, emptyBlockMilliseconds: 40)
        let first = Network(options)
        let leader = Int(first.schedule.leader(of: window).rawValue)
        var headers: [Slot: SignedHeader] = [:]
        first.tamper[leader] = { message, _, _ in
            if case .header(let header) = message {
                headers[header.value.opening.slot] = header
            }
            return [message]
        }
        first.run(milliseconds: 1500)
        let slots = (0..<options.windowLength).map {
            Slot(window.rawValue * options.windowLength + $0)
        }
        for slot in slots {
            let made = try #require(headers[slot], "\(first.picture)")
            // The same once more; the twin's header comes to all while the block is open here.
            let network = Network(options)
            var isDone = false
            network.tamper[leader] = { message, _, network in
                if case .opening(let opening, _, _) = message, opening.value == made.value.opening,
                    !isDone
                {
                    isDone = true
                    let peer = ValidatorIndex(UInt16((leader + 1) % network.count))
                    for node in 0..<network.count {
                        network.post(
                            .input(.received(.header(made), from: peer)), to: node, after: 5_000)
                    }
                }
                return [message]
            }
            network.run(milliseconds: 2500)
            #expect(isDone)
            #expect(network.violations == [])
            #expect(network.everyHeight(atLeast: 20), "\(network.picture)")
        }
    }

    @Test("Peers' nonsense costs the peer its connection, and nothing else")
    func nonsense() {
        let network = Network(NetworkOptions(seed: 9))
        network.run(milliseconds: 100)
        let reference = BlockReference(slot: Slot(9), hash: Digest(number: 4))
        let bad = SignatureBytes(r: Digest(number: 1), s: Digest(number: 1))
        let messages: [PeerMessage] = [
            .statement(
                SignedStatement(statement: .final(reference), signer: 200, signature: bad)),
            .statement(
                SignedStatement(
                    statement: .skipFrom(Window(.max), Slot(.max)), signer: 1, signature: bad)),
            .statement(
                SignedStatement(
                    statement: .notar(BlockReference(slot: Slot(.max), hash: .zero)), signer: 1,
                    signature: bad)),
            .certificate(Certificate(kind: .final(reference), signers: [])),
            .certificate(
                Certificate(
                    kind: .skip(Window(.max), Slot(.max)),
                    signers: [.init(index: 1, slot: Slot(.max), signature: bad)])),
            .beat(Beat(window: Window(.max), sequence: .max)),
            .status(
                Status(
                    topFinal: BlockReference(slot: Slot(.max), hash: .zero),
                    topFinalHeight: Height(.max), firstUnclearedSlot: Slot(.max))),
            .status(
                Status(
                    topFinal: reference, topFinalHeight: Height(0),
                    firstUnclearedSlot: Slot(0))),
            .blockRequest(reference), .finalRequest(from: Height(0)),
            .finalRequest(from: Height(.max)),
            .transactions([TransactionBytes([]), TransactionBytes([1, 2])]),
        ]
        for message in messages {
            network.post(.input(.received(message, from: 1)), to: 0)
            network.post(.input(.received(message, from: 900)), to: 0)
        }
        let before = network.height(0)
        network.run(milliseconds: 1500)
        #expect(network.violations == [])
        #expect(network.height(0) > before + 20, "\(network.picture)")
        #expect(network.nodes[0].dropped.contains(1))
    }
}
