import Adversary
import Consensus
import Mempool
import Primitives
import Replica

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
    var isConnected: [Bool]
    var connections: [Int32]
    /// Until when a node refuses another, after it was dropped.
    var refusedUntil: [UInt64]
    var network: SeededGenerator
    var fate: SeededGenerator
    var trace = TraceHash()
    private(set) var suite: CheckerSuite
    private(set) var isViolated = false
    private(set) var recorder: RunRecorder
    var faults: FaultSchedule
    /// Titles of faults that were asked for and cannot be simulated.
    var notSimulated: [String] = []
    var users: Users
    let tracesProofs: Bool
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
        faults = FaultSchedule(scenario.faults, without: options.without)
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
        consensus.pipelineDepth = scenario.timing.pipelineDepth
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
        beginFaults()
        users.begin(self)
    }

    func live(_ index: Int32, _ incarnation: Int32, _ event: Event) -> SimulatedNode? {
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
        isViolated = suite.isViolated
        recorder.observe(seen)
        if case .finalised(_, let reference, _, let transactions) = what {
            trace.add(reference.hash.word3)
            if node.isHonest { users.included(transactions) }
        }
        lookForFaults(seen, node)
    }

    func band(_ band: RunRecord.Band) { recorder.band(band) }
    func bereave(_ node: Int) { suite.bereave(node) }
    func finishChecks(_ end: RunEnd) { suite.finish(end) }
}
