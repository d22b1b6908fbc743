import Adversary
import Consensus
import Mempool
import Primitives
import Replica
import Replication
import Storage
import WireCodec

/// How long the parts of a simulated node take, in nanoseconds: what they were measured to take on
/// one shared core (README), rounded.
struct SimulatedCosts {
    var turn: UInt64 = 20_000
    var input: UInt64 = 3_000
    var verification: UInt64 = 12_000
    var transaction: UInt64 = 30_000
    var hash: UInt64 = 400_000
    var commit: UInt64 = 1_000_000
    var commitInterval: UInt64 = 20_000_000
    var admission: UInt64 = 100_000
}

/// Many nodes in virtual time: the shipped replica and log of each, and one seed from which all that
/// happens is drawn. Single-threaded; nothing in it reads a clock.
final class Simulator {
    enum Event {
        case deliver(Parcel, from: Int32, to: Int32, connection: Int32)
        case turn(Int32, Int32)
        case wake(Int32, Int32)
        case synced(Int32, Int32)
        case executed(Int32, Int32)
        case chained(Int32, Int32)
        case stored(Int32, Int32)
        case inputs(Int32, Int32, [ReplicaInput])
        case act((Simulator) -> Void)
    }

    static let genesisReference = BlockReference(slot: Slot(0), hash: Digest(number: 77))
    static let genesisHash = Digest(number: 99)
    static let startBalance: UInt64 = 1_000_000_000_000
    static let unixStart: Int64 = 1_700_000_000

    let scenario: Scenario
    let seed: UInt64
    let costs = SimulatedCosts()
    let committee: Committee
    let schedule: LeaderSchedule
    let keys: SimulatedKeys
    let cache = PaymentCache()
    let configuration: ReplicaConfiguration
    private(set) var now: UInt64 = 0
    private var queue = EventQueue<Event>()
    private(set) var events: UInt64 = 0
    private(set) var nodes: [SimulatedNode] = []
    var links: Links
    /// Whether two nodes hold a connection, and how many they have had.
    private var isConnected: [Bool]
    private var connections: [Int32]
    /// Until when a node refuses another, after it was dropped.
    private var refusedUntil: [UInt64]
    var network: SeededGenerator
    var fate: SeededGenerator
    private(set) var trace = TraceHash()
    private(set) var suite: CheckerSuite
    private(set) var recorder: RunRecorder
    var faults: FaultDriver
    var users: Users
    private let tracesProofs: Bool
    /// How to put a copy of a node's data back, by fault and node.
    var backups: [Int: (SimulatedNode) -> Void] = [:]

    init(scenario: Scenario, seed: UInt64, options: SimulationOptions) {
        self.scenario = scenario
        self.seed = seed
        let powers = scenario.stakes.map { Power($0) }
        let count = powers.count
        committee = Committee(chain: Digest(number: 5), epoch: Epoch(0), powers: powers)
        schedule = LeaderSchedule(seed: Digest(seed, 1, 2, 3), powers: powers)
        keys = SimulatedKeys(count: count, kind: options.signatures, seed: seed)
        configuration = Simulator.configuration(scenario, options)
        network = SeededGenerator(seed: seed ^ 0x6e65_7477)
        fate = SeededGenerator(seed: seed ^ 0x6661_7465)

        var ledger = SimulatedEngine.Ledger()
        for account in 0..<scenario.workload.accounts {
            ledger.set(
                Payment.account(UInt32(account)),
                SimulatedEngine.Account(nonce: 0, balance: Simulator.startBalance))
        }
        for validator in 0..<count {
            ledger.set(Payment.feeAccount(validator), SimulatedEngine.Account())
        }
        let roles = scenario.byzantine.compactMapValues { ByzantineRole(rawValue: $0) }
        var validators = Array(0..<count)
        // A twin is a second node of its validator.
        for validator in roles.keys.sorted() where roles[validator] == .twin {
            validators.append(validator)
        }
        let total = validators.count
        links = Links(
            count: total, quality: scenario.links,
            regions: scenario.regions.isEmpty
                ? [] : validators.map { scenario.regions[$0 % scenario.regions.count] })
        isConnected = Array(repeating: false, count: total * total)
        connections = Array(repeating: 0, count: total * total)
        refusedUntil = Array(repeating: 0, count: total * total)
        var settings = CheckerSettings(scenario, validatorOfNode: validators)
        settings.byzantine = Set(roles.keys)
        settings.supply = ledger.supply
        settings.seesMessages = true
        suite = CheckerSuite(settings)
        recorder = RunRecorder(
            powers: validators.map { scenario.stakes[$0] },
            honest: validators.map { roles[$0] == nil })
        faults = FaultDriver(scenario.faults, without: options.without)
        users = Users(scenario.workload, seed: seed)
        tracesProofs = !roles.isEmpty
        let schedule = schedule
        let length = scenario.timing.windowLength
        for (index, validator) in validators.enumerated() {
            nodes.append(
                SimulatedNode(
                    index: index, validator: validator, role: roles[validator], ledger: ledger,
                    engine: SimulatedEngine(
                        ledger: ledger, root: Simulator.genesisReference.hash,
                        hash: Simulator.genesisHash, cache: cache,
                        leaderAccount: { slot in
                            Payment.feeAccount(
                                Int(schedule.leader(of: slot.window(length: length)).rawValue))
                        })))
        }
    }

    private static func configuration(
        _ scenario: Scenario, _ options: SimulationOptions
    ) -> ReplicaConfiguration {
        var consensus = ConsensusConfiguration()
        consensus.windowLength = scenario.timing.windowLength
        consensus.deltaNanoseconds = scenario.timing.delta.unsigned
        consensus.slotNanoseconds = scenario.timing.slot.unsigned
        consensus.beatNanoseconds = scenario.timing.beat.unsigned
        consensus.standstillNanoseconds = scenario.timing.standstill.unsigned
        var result = ReplicaConfiguration(
            consensus: consensus, mempool: MempoolConfiguration(),
            gasPrices: BlockPrices(
                l1GasWei: 1, l1GasFri: 2, l1DataGasWei: 3, l1DataGasFri: 4, l2GasWei: 5,
                l2GasFri: 6))
        result.emptyBlockNanoseconds = scenario.timing.emptyBlock.unsigned
        result.unpaced = options.unpaced
        return result
    }

    // MARK: - Time

    func post(_ event: Event, at time: UInt64) { queue.post(event, at: max(time, now)) }

    func after(_ nanoseconds: UInt64, _ act: @escaping (Simulator) -> Void) {
        post(.act(act), at: now + nanoseconds)
    }

    /// Starts everything, and runs to the given time, or until the condition holds.
    func run(to end: UInt64, until condition: (Simulator) -> Bool = { _ in false }) {
        if events == 0, queue.count == 0 { begin() }
        while let time = queue.nextTime, time <= end {
            guard let entry = queue.pop() else { return }
            now = max(now, time)
            events += 1
            handle(entry.payload)
            if condition(self) { return }
        }
        now = max(now, end)
    }

    private func begin() {
        for node in nodes {
            boot(node)
        }
        faults.begin(self)
        users.begin(self)
    }

    private func live(_ index: Int32, _ incarnation: Int32, _ event: Event) -> SimulatedNode? {
        let node = nodes[Int(index)]
        guard node.incarnation == incarnation, node.isRunning else { return nil }
        if node.isPaused {
            if node.deferred.count < 1 << 16 { node.deferred.append(event) }
            return nil
        }
        return node
    }

    private func handle(_ event: Event) {
        switch event {
        case .deliver(let parcel, let from, let to, let connection):
            deliver(parcel, from: Int(from), to: Int(to), connection: connection, event)
        case .turn(let index, let incarnation):
            if let node = live(index, incarnation, event) { turn(node) }
        case .wake(let index, let incarnation):
            // One that an earlier deadline has overtaken says nothing.
            guard let node = live(index, incarnation, event), node.wakeAt <= now else { return }
            node.wakeAt = .max
            turn(node)
        case .synced(let index, let incarnation):
            if let node = live(index, incarnation, event) { synced(node) }
        case .executed(let index, let incarnation):
            if let node = live(index, incarnation, event) { executed(node) }
        case .chained(let index, let incarnation):
            if let node = live(index, incarnation, event) { chained(node) }
        case .stored(let index, let incarnation):
            if let node = live(index, incarnation, event) { stored(node) }
        case .inputs(let index, let incarnation, let inputs):
            if let node = live(index, incarnation, event) { give(node, inputs) }
        case .act(let act): act(self)
        }
    }

    func emit(_ node: SimulatedNode, _ what: Observation) {
        let seen = Observed(time: now, node: node.index, what: what)
        suite.observe(seen)
        recorder.observe(seen)
        if case .finalised(_, let reference, _, let transactions) = what {
            trace.add(reference.hash.word3)
            if node.isHonest { users.included(transactions) }
        }
        faults.saw(seen, node, self)
    }

    func band(_ band: RunRecord.Band) { recorder.band(band) }
    func bereave(_ node: Int) { suite.bereave(node) }
    func finishChecks(_ end: RunEnd) { suite.finish(end) }

    // MARK: - Life and death

    /// Opens the log, replays it whole, and joins the network; a log that is damaged or missing
    /// keeps the node down, as it does the real one.
    func boot(_ node: SimulatedNode) {
        guard !node.isRunning else { return }
        node.lose()
        var records: [ReplicaRecord] = []
        var groups: [(slot: Slot, position: LogPosition)] = []
        var malformed: WireError?
        var limits = LogLimits()
        limits.growthBytes = 0
        limits.maximumSegmentBytes = 256 * 1024
        do throws(LogError) {
            let opened = try ConsensusLog.open(
                directory: "log", chain: committee.chain, epoch: committee.epoch, limits: limits,
                mode: node.stored.isEmpty ? .createIfMissing : .mustExist, fileSystem: node.disk,
                salt: seed &+ UInt64(node.index)
            ) { position, record in
                do throws(WireError) {
                    let decoded = try ReplicaRecord(decoding: record.payload)
                    records.append(decoded)
                    groups.append((decoded.slot, position))
                } catch { malformed = malformed ?? error }
            }
            node.log = opened.log
        } catch {
            emit(node, .refusedToStart("\(error)"))
            return
        }
        if let malformed {
            emit(node, .refusedToStart("a log record: \(malformed)"))
            return
        }
        node.groups = groups
        let tip = tip(of: node)
        var hashes: [Height: Digest] = [Height(0): Simulator.genesisHash]
        for block in node.stored.suffix(64) {
            hashes[block.body.height] = node.hashes[block.body.height]
        }
        let signer = keys.signer(of: node.validator)
        let own = ValidatorIndex(UInt16(node.validator))
        let schedule = schedule
        let length = scenario.timing.windowLength
        node.engine = SimulatedEngine(
            ledger: node.ledger, root: tip.key,
            hash: node.stored.last.flatMap { node.hashes[$0.body.height] }
                ?? Simulator.genesisHash, cache: cache,
            leaderAccount: { slot in
                Payment.feeAccount(
                    Int(schedule.leader(of: slot.window(length: length)).rawValue))
            })
        node.replica = Replica(
            configuration: configuration, committee: committee, schedule: schedule, own: own,
            signer: signer, tip: tip, finalHashes: hashes, genesisHash: Simulator.genesisHash,
            records: records, now: moment(node))
        node.verifierFree = now
        node.busyUntil = now
        node.lastStore = now
        if let role = node.role {
            node.adversary = role.adversary(
                AdversaryEnvironment(
                    configuration: configuration, committee: committee, schedule: schedule,
                    own: own, signer: signer, seed: seed &+ UInt64(node.index)),
                twinSide: side(node))
            tickAdversary(node)
        }
        emit(node, .started(stored: tip.height))
        give(node, [.start])
        for peer in nodes where peer.index != node.index {
            reconnect(node.index, peer.index, within: 3_000_000)
        }
    }

    private func tip(of node: SimulatedNode) -> FinalTip {
        guard let last = node.stored.last else {
            return FinalTip(
                reference: Simulator.genesisReference, height: Height(0),
                key: Simulator.genesisReference.hash, timestamp: UInt64(Simulator.unixStart),
                anchorNumber: 0, anchorHash: .zero, inboxCursor: 0)
        }
        return FinalTip(
            reference: last.reference,
            key: ObjectHash.digest(of: last.body.opening.value.hashInput),
            opening: last.body.opening.value)
    }

    /// The process ends at once; of what is unsynced the disk keeps what `survival` says.
    func kill(_ node: SimulatedNode, _ survival: MemoryFileSystem.Survival, _ how: String) {
        guard node.isRunning else { return }
        node.lose()
        node.disk.crash(survival)
        emit(node, .stopped(how))
        for peer in nodes where peer.index != node.index { disconnect(node.index, peer.index) }
    }

    /// A clean stop: what waits for the log is written, and the log is closed.
    func stop(_ node: SimulatedNode) {
        guard node.isRunning else { return }
        do throws(LogError) {
            let turns = node.logRunning + node.logWaiting
            node.logRunning = []
            node.logWaiting = []
            if let log = node.log {
                for turn in turns where !turn.records.isEmpty {
                    try log.append(turn.records.map { LogRecord(kind: 1, payload: $0.encoded()) })
                }
                try log.close()
            }
        } catch {
            kill(node, .random(seed: fate.next()), "its log failed while it stopped: \(error)")
            return
        }
        kill(node, .everything, "stopped cleanly")
    }

    func pause(_ node: SimulatedNode) { node.isPaused = node.isRunning }

    func resume(_ node: SimulatedNode) {
        guard node.isPaused else { return }
        node.isPaused = false
        let waiting = node.deferred
        node.deferred = []
        for event in waiting { post(event, at: now) }
    }

    private func tickAdversary(_ node: SimulatedNode) {
        guard let interval = node.adversary?.tickNanoseconds else { return }
        let incarnation = node.incarnation
        after(interval) { simulator in
            guard node.incarnation == incarnation, node.isRunning else { return }
            if !node.isPaused, let sent = node.adversary?.tick(now: simulator.moment(node)) {
                for departure in sent { simulator.carry(departure, of: node) }
            }
            simulator.tickAdversary(node)
        }
    }

    func moment(_ node: SimulatedNode) -> Moment {
        let seconds = Simulator.unixStart + Int64(now / 1_000_000_000) + node.clockOffset
        return Moment(tick: Tick(now + 1_000_000_000), unixSeconds: UInt64(max(0, seconds)))
    }

    // MARK: - Connections

    /// Which half of the peers a node belongs to: each copy of a twin speaks to one half.
    private func side(_ node: SimulatedNode) -> Int {
        node.role == .twin && node.index != node.validator ? 1 : 0
    }

    /// Whether these two nodes may speak at all: two copies of one validator do not, and a copy only
    /// with its half of the others.
    private func mayMeet(_ one: SimulatedNode, _ other: SimulatedNode) -> Bool {
        guard one.validator != other.validator else { return false }
        for (twin, peer) in [(one, other), (other, one)] where twin.role == .twin {
            if peer.validator % 2 != side(twin) { return false }
        }
        return true
    }

    func reconnect(_ one: Int, _ other: Int, within nanoseconds: UInt64) {
        let wait = links.latency(from: one, to: other) * 3 + network.uniform(below: nanoseconds + 1)
        after(wait) { $0.connect(one, other) }
    }

    private func connect(_ one: Int, _ other: Int) {
        let first = nodes[one]
        let second = nodes[other]
        guard !isConnected[one * nodes.count + other], first.isRunning, second.isRunning,
            mayMeet(first, second), !links.isCut(from: one, to: other),
            !links.isCut(from: other, to: one)
        else { return }
        let ready = max(
            refusedUntil[one * nodes.count + other], refusedUntil[other * nodes.count + one])
        guard ready <= now else {
            after(ready - now) { $0.connect(one, other) }
            return
        }
        for (from, to) in [(one, other), (other, one)] {
            isConnected[from * nodes.count + to] = true
            connections[from * nodes.count + to] += 1
            let peer = ValidatorIndex(UInt16(nodes[to].validator))
            post(
                .inputs(Int32(from), nodes[from].incarnation, [.peerConnected(peer)]), at: now)
        }
    }

    func disconnect(_ one: Int, _ other: Int) {
        guard isConnected[one * nodes.count + other] else { return }
        for (from, to) in [(one, other), (other, one)] {
            isConnected[from * nodes.count + to] = false
            let peer = ValidatorIndex(UInt16(nodes[to].validator))
            post(
                .inputs(Int32(from), nodes[from].incarnation, [.peerDisconnected(peer)]),
                at: now + 1_000_000)
        }
    }

    /// A node gives up a peer, and takes it back a second later.
    private func drop(_ node: SimulatedNode, _ peer: Int) {
        refusedUntil[node.index * nodes.count + peer] = now + 1_000_000_000
        disconnect(node.index, peer)
        reconnect(node.index, peer, within: 1_000_000)
    }

    /// The node that stands for a validator as seen from another node.
    private func node(of validator: ValidatorIndex, from: SimulatedNode) -> SimulatedNode? {
        let first = nodes[Int(validator.rawValue)]
        if first.role != .twin { return first }
        return nodes.first { $0.validator == first.validator && mayMeet($0, from) }
    }

    // MARK: - Messages

    private func transmit(_ parcel: Parcel, from: SimulatedNode, to: SimulatedNode, delay: UInt64) {
        let pair = from.index * nodes.count + to.index
        guard isConnected[pair] else { return }
        if delay > 0 {
            let connection = connections[pair]
            after(delay) { simulator in
                guard simulator.connections[pair] == connection else { return }
                simulator.transmit(parcel, from: from, to: to, delay: 0)
            }
            return
        }
        let arrivals = links.arrivals(
            from: from.index, to: to.index, bytes: parcel.bytes.count,
            channel: Int(parcel.messageClass.rawValue), now: now, &network)
        for arrival in [arrivals.first, arrivals.second] {
            guard let arrival else { continue }
            post(
                .deliver(
                    parcel, from: Int32(from.index), to: Int32(to.index),
                    connection: connections[pair]), at: arrival)
        }
    }

    private func carry(_ departure: AdversaryDeparture, of node: SimulatedNode) {
        guard let target = self.node(of: departure.to, from: node) else { return }
        let parcel: Parcel
        switch departure.content {
        case .message(let message): parcel = Parcel(message)
        case .bytes(let bytes, let messageClass):
            parcel = Parcel(bytes: bytes, messageClass: messageClass)
        }
        transmit(parcel, from: node, to: target, delay: departure.delayNanoseconds)
    }

    private func deliver(
        _ parcel: Parcel, from: Int, to: Int, connection: Int32, _ event: Event
    ) {
        let node = nodes[to]
        guard live(Int32(to), node.incarnation, event) != nil,
            isConnected[from * nodes.count + to],
            connections[from * nodes.count + to] == connection
        else { return }
        trace.add(now)
        trace.add(UInt64(from) << 32 | UInt64(to))
        trace.add(parcel.hash)
        guard let message = parcel.message else {
            drop(node, from)
            return
        }
        let peer = ValidatorIndex(UInt16(nodes[from].validator))
        if let answer = node.adversary?.heard(message, from: peer, now: moment(node)) {
            for departure in answer.departures { carry(departure, of: node) }
            if !answer.passes { return }
        }
        // As the node's shell: what peers send may be dropped, results of our own threads never.
        guard node.mailbox.count < 1 << 16 else { return }
        give(node, [.received(message, from: peer)])
    }

    // MARK: - Turns

    private func give(_ node: SimulatedNode, _ inputs: [ReplicaInput]) {
        node.mailbox.append(contentsOf: inputs)
        guard !node.isTurnPosted else { return }
        node.isTurnPosted = true
        post(
            .turn(Int32(node.index), node.incarnation),
            at: max(now, node.busyUntil) + costs.turn)
    }

    private func turn(_ node: SimulatedNode) {
        guard node.replica?.halted == nil else { return }
        node.isTurnPosted = false
        let inputs = node.mailbox
        node.mailbox.removeAll(keepingCapacity: true)
        let moment = moment(node)
        var effects: [ReplicaEffect] = []
        for input in inputs {
            if tracesProofs, node.isHonest { lookForProof(input, node) }
            let before = effects.count
            node.replica?.step(input, now: moment, into: &effects)
            if tracesProofs, node.isHonest, case .received(let message, _) = input {
                for case .verify(let task, let checks) in effects[before...] {
                    node.checked[task] = Simulator.part(of: message, under: checks)
                }
            }
        }
        if let due = node.replica?.nextDeadline, due <= moment.tick {
            node.replica?.step(.clock, now: moment, into: &effects)
        }
        node.replica?.step(.turnEnded, now: moment, into: &effects)
        node.adversary?.rewrite(&effects, now: moment)
        node.busyUntil = now + UInt64(inputs.count) * costs.input
        carryOut(effects, node)
        armWake(node)
    }

    private func armWake(_ node: SimulatedNode) {
        guard let replica = node.replica, replica.halted == nil, let due = replica.nextDeadline
        else { return }
        let time = max(due.rawValue >= 1_000_000_000 ? due.rawValue - 1_000_000_000 : 0, now + 1000)
        guard time < node.wakeAt else { return }
        node.wakeAt = time
        post(.wake(Int32(node.index), node.incarnation), at: time)
    }

    private func carryOut(_ effects: [ReplicaEffect], _ node: SimulatedNode) {
        var turn = LogTurn()
        var verdicts: [ReplicaInput] = []
        var checks = 0
        for effect in effects {
            switch effect {
            case .persist(let record): turn.records.append(record)
            case .send(let message, let peer): turn.departures.append(.send(message, to: peer))
            case .broadcast(let message): turn.departures.append(.broadcast(message))
            case .commit(let blocks, let certificate):
                turn.departures.append(.commit(blocks, certificate))
            case .admissionVerdict(let ticket, let verdict):
                turn.departures.append(.verdict(ticket: ticket, verdict))
            case .verify(let task, let asked):
                checks += asked.count
                verdicts.append(.verified(task: task, asked.map(keys.verify)))
            case .execute(let command): node.engineWaiting.append(.command(command))
            case .discardLog(let slot): turn.discardBelow = slot
            case .admit(let transactions, let peer):
                admit(transactions.map(\.bytes), from: peer, node)
            case .serveFinal(let height, let peer):
                let range = node.finalRange(from: height, blocks: WireLimits.blocksPerReply)
                later(node, 1_000_000, [.servedFinal(range, to: peer)])
            case .serveBlock(let reference, let peer):
                if let block = node.stored.last(where: { $0.reference == reference }) {
                    later(node, 500_000, [.servedBlock(block.body, to: peer)])
                }
            case .dropPeer(let peer, _):
                if let other = self.node(of: peer, from: node) { drop(node, other.index) }
            case .note(let note): report(note, node)
            case .halt(let reason):
                emit(node, .halted("\(reason)"))
            }
        }
        if !verdicts.isEmpty {
            node.verifierFree =
                max(node.verifierFree, now) + UInt64(checks) * costs.verification
            later(node, node.verifierFree - now, verdicts)
        }
        runEngine(node)
        if node.logRunning.isEmpty, node.logWaiting.isEmpty, turn.records.isEmpty,
            turn.discardBelow == nil
        {
            depart(turn, node)
        } else if !turn.isEmpty {
            node.logWaiting.append(turn)
            writeLog(node)
        }
    }

    func later(_ node: SimulatedNode, _ nanoseconds: UInt64, _ inputs: [ReplicaInput]) {
        post(.inputs(Int32(node.index), node.incarnation, inputs), at: now + nanoseconds)
    }

    private func report(_ note: ReplicaNote, _ node: SimulatedNode) {
        switch note {
        case .enteredWindow(let window, let leader):
            emit(node, .enteredWindow(window, leader: leader))
            if let replica = node.replica {
                emit(
                    node,
                    .sizes(
                        Observation.Sizes(
                            mailbox: node.mailbox.count, unverified: replica.unverifiedCount,
                            pool: replica.mempool.count, poolBytes: replica.mempool.byteCount,
                            blocksAboveFinal: replica.blocksAboveFinal)))
            }
        case .skipped(let window, let slot, let reason):
            emit(node, .skipped(window, from: slot, reason: reason))
        case .evidence(let text, let guilty): emit(node, .evidence(guilty: guilty, text))
        case .invalidBlock(let reference, let reason):
            emit(node, .invalidBlock(reference, reason))
        case .lostLog: emit(node, .lostLog)
        case .catchingUp: break
        case .caughtUp(let height): emit(node, .caughtUp(height))
        }
    }

    // MARK: - The log's thread

    /// Everything that waits goes into one write and one sync.
    private func writeLog(_ node: SimulatedNode) {
        guard node.logRunning.isEmpty, !node.logWaiting.isEmpty, let log = node.log else { return }
        node.logRunning = node.logWaiting
        node.logWaiting = []
        var wrote = false
        do throws(LogError) {
            for turn in node.logRunning where !turn.records.isEmpty {
                let position = try log.append(
                    turn.records.map { LogRecord(kind: 1, payload: $0.encoded()) })
                node.groups.append((turn.records.map(\.slot).max() ?? Slot(0), position))
                wrote = true
            }
        } catch {
            fail(node, error)
            return
        }
        post(
            .synced(Int32(node.index), node.incarnation),
            at: now + (wrote ? scenario.disk.sync.unsigned + node.syncDelay : 0))
    }

    private func synced(_ node: SimulatedNode) {
        let turns = node.logRunning
        do throws(LogError) {
            if turns.contains(where: { !$0.records.isEmpty }) { try node.log?.sync() }
        } catch {
            fail(node, error)
            return
        }
        if node.diesAfterSync {
            kill(node, .random(seed: fate.next()), "power cut after a sync")
            return
        }
        node.logRunning = []
        for turn in turns { depart(turn, node) }
        guard node.isRunning else { return }
        if let slot = turns.compactMap(\.discardBelow).max() {
            do throws(LogError) {
                try discard(node, below: slot)
            } catch {
                fail(node, error)
                return
            }
        }
        writeLog(node)
    }

    private func discard(_ node: SimulatedNode, below slot: Slot) throws(LogError) {
        var kept = 0
        while kept < node.groups.count, node.groups[kept].slot < slot { kept += 1 }
        guard kept > 0, let log = node.log else { return }
        let position = kept < node.groups.count ? node.groups[kept].position : log.nextPosition
        node.groups.removeFirst(kept)
        try log.discard(below: position)
    }

    /// A failed durable write stops the node.
    private func fail(_ node: SimulatedNode, _ error: LogError) {
        kill(node, .random(seed: fate.next()), "its log failed: \(error)")
    }

    private func depart(_ turn: LogTurn, _ node: SimulatedNode) {
        for departure in turn.departures {
            switch departure {
            case .send(let message, let peer):
                observe(message, node)
                guard let target = self.node(of: peer, from: node), target.index != node.index
                else { continue }
                send(message, nil, from: node, to: target)
            case .broadcast(let message):
                observe(message, node)
                let parcel = node.adversary == nil ? Parcel(message) : nil
                for target in nodes where target.index != node.index {
                    send(message, parcel, from: node, to: target)
                }
            case .commit(let blocks, let certificate):
                for block in blocks {
                    emit(
                        node,
                        .finalised(
                            block.body.height, block.reference,
                            parent: block.body.opening.value.parent,
                            transactions: node.engine.identities(of: block.key)))
                }
                node.engineWaiting.append(.commit(blocks, certificate))
                runEngine(node)
            case .verdict(let ticket, let verdict):
                guard let hash = node.tickets.removeValue(forKey: ticket) else { continue }
                switch verdict {
                case .accepted, .replaced: emit(node, .acknowledged(hash))
                default: break
                }
            }
        }
    }

    private func send(
        _ message: PeerMessage, _ parcel: Parcel?, from node: SimulatedNode,
        to target: SimulatedNode
    ) {
        guard isConnected[node.index * nodes.count + target.index] else { return }
        guard node.adversary != nil else {
            transmit(parcel ?? Parcel(message), from: node, to: target, delay: 0)
            return
        }
        let peer = ValidatorIndex(UInt16(target.validator))
        let departures = node.adversary?.departures(of: message, to: peer, now: moment(node)) ?? []
        for departure in departures { carry(departure, of: node) }
    }

    private func observe(_ message: PeerMessage, _ node: SimulatedNode) {
        switch message {
        case .statement(let signed) where Int(signed.signer.rawValue) == node.validator:
            emit(node, .said(signed.statement))
        case .opening(let opening, _, _):
            emit(
                node,
                .led(
                    .opening, opening.value.slot, sequence: 0,
                    ObjectHash.digest(of: opening.value.hashInput)))
        case .chunk(let chunk):
            emit(
                node,
                .led(
                    .chunk, chunk.header.value.slot, sequence: chunk.header.value.sequence,
                    ObjectHash.digest(of: chunk.header.value.hashInput)))
        case .header(let header):
            emit(
                node,
                .led(
                    .header, header.value.opening.slot, sequence: 0,
                    ObjectHash.digest(of: header.value.hashInput)))
        default: break
        }
    }

    // MARK: - The threads behind

    private func cost(_ work: ThreadWork) -> UInt64 {
        switch work {
        case .command(.build(_, _, let candidates)):
            5_000 + UInt64(candidates.count) * costs.transaction
        case .command(.chunk(_, _, let transactions)):
            5_000 + UInt64(transactions.count) * costs.transaction
        case .command: 5_000
        case .commit: 2_000
        }
    }

    private func runEngine(_ node: SimulatedNode) {
        guard node.engineRunning.isEmpty, !node.engineWaiting.isEmpty else { return }
        node.engineRunning = node.engineWaiting
        node.engineWaiting = []
        let time = node.engineRunning.reduce(0) { $0 + cost($1) }
        post(.executed(Int32(node.index), node.incarnation), at: now + time)
    }

    private func executed(_ node: SimulatedNode) {
        var results: [ReplicaInput] = []
        for work in node.engineRunning {
            switch work {
            case .command(let command):
                if case .hash = command {
                    node.chainWaiting.append(work)
                } else if let result = node.engine.carryOut(command) {
                    results.append(.execution(result))
                }
            case .commit: node.chainWaiting.append(work)
            }
        }
        node.engineRunning = []
        if !results.isEmpty { give(node, results) }
        runChain(node)
        runEngine(node)
    }

    private func runChain(_ node: SimulatedNode) {
        guard node.chainRunning.isEmpty, !node.chainWaiting.isEmpty else { return }
        // One by one: a header waits for each hash.
        node.chainRunning = [node.chainWaiting.removeFirst()]
        var time: UInt64 = 2_000
        if case .command = node.chainRunning[0] { time = costs.hash }
        post(.chained(Int32(node.index), node.incarnation), at: now + time)
    }

    private func chained(_ node: SimulatedNode) {
        for work in node.chainRunning {
            switch work {
            case .command(let command):
                if let result = node.engine.carryOut(command) {
                    give(node, [.execution(result)])
                }
            case .commit(let blocks, let certificate):
                node.storeWaiting.append((blocks, certificate))
                runStore(node)
            }
        }
        node.chainRunning = []
        runChain(node)
    }

    private func runStore(_ node: SimulatedNode) {
        guard node.storeRunning.isEmpty, !node.storeWaiting.isEmpty else { return }
        node.storeRunning = node.storeWaiting
        node.storeWaiting = []
        let start = max(now, node.lastStore + costs.commitInterval)
        node.lastStore = start
        post(
            .stored(Int32(node.index), node.incarnation),
            at: start + costs.commit + node.syncDelay)
    }

    /// A commit of the store is whole or it is not: what `ledger` and `stored` hold is durable.
    private func stored(_ node: SimulatedNode) {
        var nonces: [AccountNonce] = []
        var last: Height?
        for (blocks, certificate) in node.storeRunning {
            for block in blocks {
                guard let result = node.engine.store(block.key) else {
                    emit(
                        node,
                        .halted("block \(block.reference) is final and was never hashed here"))
                    kill(node, .everything, "final block without its hash")
                    return
                }
                node.stored.append(block)
                node.hashes[block.body.height] = result.hash
                nonces += result.nonces
                last = block.body.height
                emit(node, .hashed(block.body.height, result.hash))
            }
            if let last { node.certificates[last] = certificate }
        }
        node.storeRunning = []
        node.ledger = node.engine.ledger
        guard let last else { return }
        emit(node, .stored(last))
        emit(node, .supply(last, node.ledger.supply))
        var inputs: [ReplicaInput] = []
        if !nonces.isEmpty { inputs.append(.nonces(nonces)) }
        give(node, inputs + [.committed(through: last)])
        runStore(node)
    }

    // MARK: - Users

    private func admit(_ all: [[UInt8]], from peer: ValidatorIndex?, _ node: SimulatedNode) {
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
    private func lookForProof(_ input: ReplicaInput, _ node: SimulatedNode) {
        guard case .verified(let task, let digests) = input,
            let message = node.checked.removeValue(forKey: task),
            digests.allSatisfy({ $0 != nil }), let consensus = node.replica?.consensus
        else { return }
        switch message {
        case .statement(let signed): note(signed, consensus, node)
        case .certificate(let certificate):
            guard consensus.isUseful(certificate) else { return }
            for signed in certificate.statements where !consensus.knows(signed) {
                note(signed, consensus, node)
            }
        case .opening(let opening, _, _):
            noteLed(.opening, opening.value.slot, 0, digests.last ?? nil, consensus, node)
        case .chunk(let chunk):
            noteLed(
                .chunk, chunk.header.value.slot, chunk.header.value.sequence, digests[0],
                consensus, node)
        case .header(let header):
            noteLed(.header, header.value.opening.slot, 0, digests[0], consensus, node)
        default: return
        }
    }

    /// An opening comes with certificates, each of which is checked on its own.
    private static func part(of message: PeerMessage, under checks: [ObjectCheck]) -> PeerMessage? {
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

    private func note(
        _ signed: SignedStatement, _ consensus: ConsensusMachine, _ node: SimulatedNode
    ) {
        switch signed.statement {
        case .notar, .final: guard consensus.accepts(slot: signed.statement.slot) else { return }
        case .skipFrom(let window, _):
            guard
                window >= consensus.topFinal.slot.window(length: scenario.timing.windowLength),
                window.rawValue
                    <= consensus.currentWindow.rawValue + configuration.consensus.lookaheadWindows
            else { return }
        }
        if let text = node.proofs.add(
            signed.statement, of: signed.signer, windowLength: scenario.timing.windowLength,
            topFinal: consensus.topFinal.slot)
        {
            emit(node, .canProve(guilty: signed.signer, text))
        }
    }

    private func noteLed(
        _ kind: Observation.LeaderObject, _ slot: Slot, _ sequence: UInt32, _ digest: Digest?,
        _ consensus: ConsensusMachine, _ node: SimulatedNode
    ) {
        guard let digest, consensus.accepts(slot: slot) else { return }
        let leader = schedule.leader(of: slot.window(length: scenario.timing.windowLength))
        if let text = node.proofs.add(kind, slot, sequence: sequence, digest, of: leader) {
            emit(node, .canProve(guilty: leader, text))
        }
    }
}

extension ReplicaRecord {
    /// The slot that a record speaks of.
    var slot: Slot {
        switch self {
        case .statement(let signed): signed.statement.slot
        case .certificate(let certificate): certificate.slot
        case .opening(let opening): opening.value.slot
        case .chunk(let chunk): chunk.header.value.slot
        case .header(let header): header.value.opening.slot
        case .body(let body): body.slot
        }
    }
}
