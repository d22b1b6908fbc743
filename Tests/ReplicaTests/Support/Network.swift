import Consensus
import Mempool
import Primitives
import Replica
import Replication
import StarkCurve
import StarkField
import WireCodec

/// How messages between two nodes fare. Delays in microseconds; odds in a thousand.
struct Links {
    var minimum: UInt64 = 200
    var maximum: UInt64 = 1500
    var lost: UInt64 = 0
    var twice: UInt64 = 0
    /// Whether messages of one class may overtake each other.
    var reorders = false
}

struct NetworkOptions {
    var seed: UInt64 = 1
    var powers: [UInt64] = [1, 1, 1, 1]
    var links = Links()
    /// Microseconds.
    var sync: UInt64 = 300
    var verification: UInt64 = 100
    var execution: UInt64 = 200
    var hashing: UInt64 = 2_000
    var commit: UInt64 = 1_000
    var emptyBlockMilliseconds: UInt64 = 40
    var windowLength: UInt64 = 4
    var chunkTransactions = 8
    var hashLag: UInt64 = 8
    /// Blocks in one answer to a catch-up request.
    var replyBlocks = 16
}

/// Nodes in virtual time. Everything is drawn from one seed.
final class Network {
    enum Event {
        case input(ReplicaInput)
        case bytes([UInt8], from: Int)
        case wake
        case logDone
        case stored([FinalBlock], Certificate)
        case execution(ExecutionCommand)
        case act((Network) -> Void)
    }

    struct Entry {
        let time: UInt64
        let order: UInt64
        let node: Int
        let incarnation: Int
        let event: Event
    }

    struct LogTurn {
        var records: [ReplicaRecord] = []
        var departures: [(message: PeerMessage, to: Int?)] = []
        var commits: [([FinalBlock], Certificate)] = []
        var discardBelow: Slot?
    }

    struct Node {
        var replica: Replica?
        var incarnation = 0
        var durable: [ReplicaRecord] = []
        var waiting: [LogTurn] = []
        var stored: [FinalBlock] = []
        var certificates: [Height: Certificate] = [:]
        var engine: StubEngine
        var engineFree: UInt64 = 0
        var logFree: UInt64 = 0
        var wakeAt: UInt64 = .max
        var persists = 0
        var check = PersistenceCheck()
        var notes: [String] = []
        var skews: Int64 = 0
        /// Computed block hashes wait while set: the trie thread stands still.
        var hashesStalled = false
        var stalledHashes: [ExecutionResult] = []
        /// Every block begun is in doubt while set: its classes are not compiled yet.
        var doubts = false
        var doubted: [ExecutionKey] = []
        var dropped: [ValidatorIndex] = []
    }

    let options: NetworkOptions
    let committee: Committee
    let schedule: LeaderSchedule
    let keys: [SecretKey]
    private let publicKeys: [Felt]
    private var verdicts: [ObjectCheck: Digest?] = [:]
    var generator: SeededGenerator
    private(set) var now: UInt64 = 1_000_000_000
    private var queue: [Entry] = []
    private var order: UInt64 = 0
    var nodes: [Node] = []
    var ledger: Ledger
    private(set) var trace: UInt64 = 0xcbf2_9ce4_8422_2325
    /// Pairs that can't reach each other: `a * count + b`.
    private var cut: Set<Int> = []
    private var lastArrival: [Int: UInt64] = [:]
    /// What a Byzantine node sends in the place of a message.
    var tamper: [Int: (PeerMessage, Int, Network) -> [PeerMessage]] = [:]
    /// The node whose power fails right after this many of its records are durable.
    var powerCut: (node: Int, after: Int)?
    private(set) var powerFailed = false
    private(set) var faults: [String] = []

    static let genesisReference = BlockReference(slot: Slot(0), hash: Digest(number: 77))
    static let genesisHash = Digest(number: 99)
    static let prices = BlockPrices(
        l1GasWei: 1, l1GasFri: 2, l1DataGasWei: 3, l1DataGasFri: 4, l2GasWei: 5, l2GasFri: 6)

    init(_ options: NetworkOptions = NetworkOptions()) {
        self.options = options
        generator = SeededGenerator(seed: options.seed)
        let powers = options.powers.map { Power($0) }
        committee = Committee(chain: Digest(number: 5), epoch: Epoch(0), powers: powers)
        schedule = LeaderSchedule(
            seed: Digest(options.seed, 1, 2, 3), powers: powers)
        keys = options.powers.indices.compactMap { SecretKey(Felt(UInt64($0) + 1000)) }
        publicKeys = keys.map(\.publicKey)
        ledger = Ledger(windowLength: options.windowLength)
        for _ in options.powers {
            nodes.append(
                Node(
                    engine: StubEngine(
                        root: Network.genesisReference.hash, nonces: [:],
                        hash: Network.genesisHash)))
        }
        for index in nodes.indices { boot(index) }
        for index in nodes.indices { connectAll(index) }
    }

    var count: Int { nodes.count }

    func configuration() -> ReplicaConfiguration {
        var consensus = ConsensusConfiguration()
        consensus.windowLength = options.windowLength
        consensus.deltaNanoseconds = 5_000_000
        consensus.slotNanoseconds = 150_000_000
        consensus.beatNanoseconds = 10_000_000
        consensus.standstillNanoseconds = 100_000_000
        var result = ReplicaConfiguration(
            consensus: consensus, mempool: MempoolConfiguration(), gasPrices: Network.prices)
        result.emptyBlockNanoseconds = options.emptyBlockMilliseconds * 1_000_000
        result.chunkTransactions = options.chunkTransactions
        result.hashLag = options.hashLag
        result.catchUp.answerNanoseconds = 60_000_000
        result.catchUp.distrustNanoseconds = 300_000_000
        return result
    }

    // MARK: - Life and death

    private func boot(_ index: Int) {
        var tip = FinalTip(
            reference: Network.genesisReference, height: Height(0),
            key: Network.genesisReference.hash, timestamp: 1_000, anchorNumber: 0,
            anchorHash: .zero, inboxCursor: 0)
        var hashes: [Height: Digest] = [:]
        var hash = Network.genesisHash
        var nonces: [Digest: UInt64] = [:]
        for block in nodes[index].stored {
            hash = StubEngine.blockHash(block.body.header.value.encoded(), parent: hash)
            hashes[block.body.height] = hash
            for chunk in block.body.chunks {
                for bytes in chunk.transactions {
                    guard let transaction = parsed(bytes.bytes) else { continue }
                    if transaction.sender != transaction.hash {
                        nonces[transaction.sender] = transaction.nonce + 1
                    }
                }
            }
            tip = FinalTip(
                reference: block.reference,
                key: ObjectHash.digest(of: block.body.opening.value.hashInput),
                opening: block.body.opening.value)
        }
        nodes[index].incarnation += 1
        nodes[index].engine = StubEngine(root: tip.key, nonces: nonces, hash: hash)
        nodes[index].engineFree = now
        nodes[index].logFree = now
        nodes[index].wakeAt = .max
        nodes[index].waiting = []
        nodes[index].check.restarted(with: nodes[index].durable)
        nodes[index].stalledHashes = []
        nodes[index].replica = Replica(
            configuration: configuration(), committee: committee, schedule: schedule,
            own: ValidatorIndex(UInt16(index)), signer: ConsensusSigner(key: keys[index]),
            tip: tip, finalHashes: hashes, genesisHash: Network.genesisHash,
            records: nodes[index].durable, now: moment(index))
        post(.input(.start), to: index, after: 0)
    }

    /// The power of one node fails: of the records on their way to disk a prefix has got there.
    func crash(_ index: Int) {
        guard nodes[index].replica != nil else { return }
        let torn = nodes[index].waiting.flatMap(\.records)
        let kept = Int(generator.uniform(below: UInt64(torn.count) + 1))
        nodes[index].durable += torn.prefix(kept)
        die(index)
    }

    private func die(_ index: Int) {
        nodes[index].replica = nil
        nodes[index].incarnation += 1
        nodes[index].waiting = []
        for peer in nodes.indices where peer != index && nodes[peer].replica != nil {
            post(.input(.peerDisconnected(ValidatorIndex(UInt16(index)))), to: peer, after: 1000)
        }
    }

    func restart(_ index: Int) {
        guard nodes[index].replica == nil else { return }
        boot(index)
        connectAll(index)
    }

    private func connectAll(_ index: Int) {
        for peer in nodes.indices where peer != index && nodes[peer].replica != nil {
            guard reaches(index, peer) else { continue }
            post(.input(.peerConnected(ValidatorIndex(UInt16(index)))), to: peer, after: 2000)
            post(.input(.peerConnected(ValidatorIndex(UInt16(peer)))), to: index, after: 2000)
        }
    }

    func reaches(_ one: Int, _ other: Int) -> Bool { !cut.contains(one * count + other) }

    func isolate(_ index: Int) {
        for peer in nodes.indices where peer != index {
            cut.insert(index * count + peer)
            cut.insert(peer * count + index)
            post(.input(.peerDisconnected(ValidatorIndex(UInt16(index)))), to: peer, after: 0)
            post(.input(.peerDisconnected(ValidatorIndex(UInt16(peer)))), to: index, after: 0)
        }
    }

    func rejoin(_ index: Int) {
        for peer in nodes.indices {
            cut.remove(index * count + peer)
            cut.remove(peer * count + index)
        }
        connectAll(index)
    }

    func releaseHashes(_ index: Int) {
        nodes[index].hashesStalled = false
        for result in nodes[index].stalledHashes { post(.input(.execution(result)), to: index) }
        nodes[index].stalledHashes = []
    }

    /// All is compiled.
    func settleDoubts(_ index: Int) {
        nodes[index].doubts = false
        for key in nodes[index].doubted {
            post(.input(.execution(.doubted(key, false))), to: index)
        }
        nodes[index].doubted = []
    }

    // MARK: - Time

    private func moment(_ index: Int) -> Moment {
        let seconds = Int64(1_700_000_000 + now / 1_000_000_000) + nodes[index].skews
        return Moment(tick: Tick(now), unixSeconds: UInt64(seconds))
    }

    private func push(_ entry: Entry) {
        queue.append(entry)
        var child = queue.count - 1
        while child > 0 {
            let parent = (child - 1) / 2
            if precedes(queue[parent], queue[child]) { break }
            queue.swapAt(parent, child)
            child = parent
        }
    }

    private func precedes(_ one: Entry, _ other: Entry) -> Bool {
        (one.time, one.order) < (other.time, other.order)
    }

    private func pop() -> Entry? {
        guard let first = queue.first else { return nil }
        let last = queue.removeLast()
        guard !queue.isEmpty else { return first }
        queue[0] = last
        var parent = 0
        while true {
            var least = parent
            for child in [2 * parent + 1, 2 * parent + 2] where child < queue.count {
                if precedes(queue[child], queue[least]) { least = child }
            }
            if least == parent { return first }
            queue.swapAt(least, parent)
            parent = least
        }
    }

    /// Delay in microseconds.
    func post(_ event: Event, to node: Int, after microseconds: UInt64 = 0) {
        order += 1
        push(
            Entry(
                time: now + microseconds * 1000, order: order, node: node,
                incarnation: nodes[node].incarnation, event: event))
    }

    /// Does something at a later time, whatever became of any node.
    func after(milliseconds: UInt64, _ body: @escaping (Network) -> Void) {
        order += 1
        push(
            Entry(
                time: now + milliseconds * 1_000_000, order: order, node: 0, incarnation: -1,
                event: .act(body)))
    }

    /// Runs until `condition`, at most so long; whether the condition came true.
    @discardableResult
    func run(milliseconds: UInt64, until condition: (Network) -> Bool = { _ in false }) -> Bool {
        let end = now + milliseconds * 1_000_000
        while let entry = queue.first, entry.time <= end {
            _ = pop()
            now = max(now, entry.time)
            handle(entry)
            if condition(self) { return true }
        }
        now = end
        return condition(self)
    }

    private func handle(_ entry: Entry) {
        if case .act(let body) = entry.event { return body(self) }
        guard entry.incarnation == nodes[entry.node].incarnation,
            nodes[entry.node].replica != nil
        else { return }
        let index = entry.node
        switch entry.event {
        case .input(let input): step(index, input)
        case .bytes(let bytes, let from):
            guard reaches(from, index) else { return }
            do throws(WireError) {
                let message = try PeerMessage(decoding: bytes)
                step(index, .received(message, from: ValidatorIndex(UInt16(from))))
            } catch {
                faults.append("node \(from) sent what node \(index) can't decode: \(error)")
            }
        case .wake:
            nodes[index].wakeAt = .max
            step(index, nil)
        case .logDone: logDone(index)
        case .stored(let blocks, let certificate): stored(blocks, certificate, index)
        case .execution(let command):
            if case .begin(let key, _, _, _) = command, nodes[index].doubts {
                nodes[index].doubted.append(key)
                post(.input(.execution(.doubted(key, true))), to: index)
            }
            guard let result = nodes[index].engine.carryOut(command) else { return }
            if case .hashed = result {
                if nodes[index].hashesStalled {
                    nodes[index].stalledHashes.append(result)
                } else {
                    post(.input(.execution(result)), to: index, after: options.hashing)
                }
            } else {
                post(.input(.execution(result)), to: index)
            }
        case .act: break
        }
    }

    // MARK: - One turn

    private func step(_ index: Int, _ input: ReplicaInput?) {
        var effects: [ReplicaEffect] = []
        let moment = moment(index)
        if let input { nodes[index].replica?.step(input, now: moment, into: &effects) }
        if let due = nodes[index].replica?.nextDeadline, due <= moment.tick {
            nodes[index].replica?.step(.clock, now: moment, into: &effects)
        }
        nodes[index].replica?.step(.turnEnded, now: moment, into: &effects)
        carryOut(effects, index)
        guard let replica = nodes[index].replica, replica.halted == nil,
            let due = replica.nextDeadline
        else { return }
        if due <= moment.tick {
            faults.append(
                "node \(index) is due at \(due) after a turn at \(moment.tick): "
                    + "\(replica.timers(now: moment.tick))")
        }
        let wake = max(due.rawValue, now + 1000)
        if wake < nodes[index].wakeAt {
            nodes[index].wakeAt = wake
            post(.wake, to: index, after: (wake - now + 999) / 1000)
        }
    }

    private func fold(_ bytes: some Sequence<UInt8>) {
        for byte in bytes { trace = (trace ^ UInt64(byte)) &* 0x100_0000_01b3 }
    }

    private func carryOut(_ effects: [ReplicaEffect], _ index: Int) {
        var turn = LogTurn()
        for effect in effects {
            switch effect {
            case .persist(let record):
                nodes[index].check.persisted(record)
                turn.records.append(record)
            case .send(let message, let peer):
                nodes[index].check.sent(message, by: index)
                turn.departures.append((message, Int(peer.rawValue)))
            case .broadcast(let message):
                nodes[index].check.sent(message, by: index)
                turn.departures.append((message, nil))
            case .verify(let task, let checks):
                post(
                    .input(.verified(task: task, checks.map(verify))), to: index,
                    after: options.verification
                        + (options.links.reorders ? generator.uniform(below: 400) : 0))
            case .execute(let command): execute(command, index)
            case .commit(let blocks, let certificate):
                for block in blocks { ledger.finalised(block, at: index) }
                turn.commits.append((blocks, certificate))
            case .discardLog(let slot): turn.discardBelow = slot
            case .admit(let transactions, let peer):
                admit(transactions.map(\.bytes), from: peer, at: index)
            case .admissionVerdict: break
            case .serveFinal(let height, let peer): serveFinal(height, peer, index)
            case .serveBlock(let reference, let peer):
                if let block = nodes[index].stored.first(where: { $0.reference == reference }) {
                    post(.input(.servedBlock(block.body, to: peer)), to: index, after: 100)
                }
            case .dropPeer(let peer, let reason):
                nodes[index].dropped.append(peer)
                nodes[index].notes.append("dropPeer \(peer) \(reason)")
            case .note(let note): nodes[index].notes.append("\(now / 1_000_000) \(note)")
            case .halt(let reason): nodes[index].notes.append("halt \(reason)")
            }
        }
        if turn.records.isEmpty, nodes[index].waiting.isEmpty {
            depart(turn, index)
        } else {
            let start = max(nodes[index].logFree, now)
            let done = start + (turn.records.isEmpty ? 0 : options.sync * 1000)
            nodes[index].logFree = done
            nodes[index].waiting.append(turn)
            post(.logDone, to: index, after: (done - now) / 1000)
        }
    }

    private func logDone(_ index: Int) {
        guard !nodes[index].waiting.isEmpty else { return }
        let turn = nodes[index].waiting.removeFirst()
        for record in turn.records {
            fold(record.encoded())
            nodes[index].durable.append(record)
            nodes[index].persists += 1
            if let cut = powerCut, cut.node == index, cut.after == nodes[index].persists {
                powerFailed = true
                die(index)
                return
            }
        }
        depart(turn, index)
    }

    private func depart(_ turn: LogTurn, _ index: Int) {
        for (message, peer) in turn.departures {
            if tamper[index] == nil { ledger.heard(message, from: index) }
            for target in peer.map({ [$0] }) ?? Array(nodes.indices) where target != index {
                for sent in tamper[index]?(message, target, self) ?? [message] {
                    transmit(sent, from: index, to: target)
                }
            }
        }
        for (blocks, certificate) in turn.commits {
            post(.stored(blocks, certificate), to: index, after: options.commit)
        }
        if let slot = turn.discardBelow {
            let kept = nodes[index].durable.firstIndex { $0.slot >= slot }
            nodes[index].durable.removeFirst(kept ?? nodes[index].durable.count)
        }
    }

    func transmit(_ message: PeerMessage, from: Int, to: Int) {
        guard reaches(from, to) else { return }
        let bytes = message.encoded()
        fold([UInt8(from), UInt8(to)])
        fold(withUnsafeBytes(of: now.littleEndian) { Array($0) })
        fold(bytes)
        let links = options.links
        if links.lost > 0, generator.uniform(below: 1000) < links.lost { return }
        let copies = links.twice > 0 && generator.uniform(below: 1000) < links.twice ? 2 : 1
        for _ in 0..<copies {
            var arrival =
                now
                + (links.minimum + generator.uniform(below: links.maximum - links.minimum + 1))
                * 1000
            if !links.reorders {
                let stream =
                    (from * count + to) * 8 + Int(message.messageClass.rawValue)
                arrival = max(arrival, lastArrival[stream] ?? 0)
                lastArrival[stream] = arrival
            }
            post(.bytes(bytes, from: from), to: to, after: (arrival - now) / 1000)
        }
    }

    // MARK: - Parts of a node

    private func verify(_ check: ObjectCheck) -> Digest? {
        if let known = verdicts[check] { return known }
        let digest = ObjectHash.digest(of: check.input)
        func felt(_ value: Digest) -> Felt? {
            Felt(bigEndianWords: (value.word0, value.word1, value.word2, value.word3))
        }
        var verdict: Digest?
        if let r = felt(check.signature.r), let s = felt(check.signature.s),
            let message = felt(digest)
        {
            let signature = StarkSignature(r: r, s: s)
            if ECDSA.isCanonical(signature),
                ECDSA.verify(
                    messageHash: message, signature: signature,
                    publicKey: publicKeys[Int(check.signer.rawValue)])
            {
                verdict = digest
            }
        }
        verdicts[check] = .some(verdict)
        return verdict
    }

    private func execute(_ command: ExecutionCommand, _ index: Int) {
        let start = max(nodes[index].engineFree, now)
        let done = start + (1 + generator.uniform(below: options.execution)) * 1000
        nodes[index].engineFree = done
        post(.execution(command), to: index, after: (done - now) / 1000)
    }

    private func stored(_ blocks: [FinalBlock], _ certificate: Certificate, _ index: Int) {
        nodes[index].stored += blocks
        guard let last = blocks.last else { return }
        nodes[index].certificates[last.body.height] = certificate
        step(index, .committed(through: last.body.height))
    }

    private func serveFinal(_ from: Height, _ peer: ValidatorIndex, _ index: Int) {
        // The longest run that one certificate covers, and its blocks.
        var run: [BlockBody] = []
        var range: FinalRange?
        for block in nodes[index].stored.dropFirst(Int(max(from.rawValue, 1)) - 1)
            .prefix(options.replyBlocks)
        {
            run.append(block.body)
            if let certificate = nodes[index].certificates[block.body.height] {
                range = FinalRange(blocks: run, certificate: certificate)
            }
        }
        post(.input(.servedFinal(range, to: peer)), to: index, after: 200)
    }

    // MARK: - Users

    private func admit(_ transactions: [[UInt8]], from peer: ValidatorIndex?, at index: Int) {
        var nonces: [Digest: UInt64] = [:]
        for block in nodes[index].stored {
            for bytes in block.body.chunks.flatMap(\.transactions) {
                if let known = parsed(bytes.bytes) { nonces[known.sender] = known.nonce + 1 }
            }
        }
        let admissions = transactions.compactMap(parsed).map {
            Admission(
                transaction: $0, accountNonce: nonces[$0.sender] ?? 0, from: peer, ticket: nil)
        }
        post(.input(.admitted(admissions)), to: index, after: 50)
    }

    func submit(_ transactions: [[UInt8]], to index: Int) {
        guard nodes[index].replica != nil else { return }
        admit(transactions, from: nil, at: index)
    }

    // MARK: - What a test asks

    func height(_ index: Int) -> UInt64 {
        nodes[index].replica?.tip.height.rawValue ?? UInt64(nodes[index].stored.count)
    }

    func everyHeight(atLeast height: UInt64) -> Bool {
        nodes.indices.allSatisfy { nodes[$0].replica == nil || self.height($0) >= height }
    }

    func transactions(of index: Int) -> [[UInt8]] {
        nodes[index].stored.flatMap { $0.body.chunks.flatMap { $0.transactions.map(\.bytes) } }
    }

    func noted(_ text: String, at index: Int) -> Bool {
        nodes[index].notes.contains { $0.contains(text) }
    }

    /// Each node's place and its last notes, for a failure's message.
    var picture: String {
        nodes.enumerated().map { index, node in
            guard let replica = node.replica else { return "\(index): off" }
            let timers = replica.timers(now: Tick(now))
            return "\(index): height \(replica.tip.height), \(replica.blocksAboveFinal) above, "
                + "window \(replica.consensus.currentWindow), timers \(timers), "
                + "notes \(node.notes.suffix(4))"
        }.joined(separator: "\n")
    }

    /// Everything that must hold in every run.
    var violations: [String] {
        var all = ledger.faults + faults
        for (index, node) in nodes.enumerated() {
            all += node.check.faults
            if tamper[index] == nil { all += node.engine.faults }
            all += node.notes.filter { $0.hasPrefix("halt") || $0.hasSuffix("lostLog") }
            for (position, block) in node.stored.enumerated()
            where block.body.height.rawValue != UInt64(position + 1) {
                all.append("node \(index) stored height \(block.body.height) at \(position)")
            }
            let mine = transactions(of: index)
            if Set(mine).count != mine.count { all.append("node \(index): a transaction twice") }
        }
        return all
    }
}
