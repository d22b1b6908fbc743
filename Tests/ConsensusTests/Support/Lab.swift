import Consensus
import Primitives

/// One machine under a test's hands. Own statements are signed and fed back at once.
struct Lab {
    var machine: ConsensusMachine
    let committee: Committee
    let schedule: LeaderSchedule
    let length: UInt64
    let own: Int?
    var now: UInt64 = 0
    /// Everything since the last `take`.
    var effects: [ConsensusEffect] = []
    /// The chain of first variants, by slot.
    var blocks: [Slot: BlockSummary] = [:]

    /// A committee of four equal validators in which `leaders` lead the first windows.
    init(
        own: Int?, leaders: [Int] = [3], length: UInt64 = 4, powers: [Power] = [1, 1, 1, 1],
        configure: (inout ConsensusConfiguration) -> Void = { _ in }
    ) {
        var configuration = ConsensusConfiguration()
        configuration.windowLength = length
        configuration.deltaNanoseconds = 10 * millisecond
        configuration.slotNanoseconds = 60 * millisecond
        configuration.beatNanoseconds = 10 * millisecond
        configuration.standstillNanoseconds = 5_000 * millisecond
        configure(&configuration)
        self.length = length
        self.own = own
        committee = Committee(chain: Digest(number: 1), epoch: 0, powers: powers)
        var seed: UInt64 = 0
        var found = LeaderSchedule(seed: Digest(number: seed), powers: powers)
        while leaders.indices.contains(where: {
            Int(found.leader(of: Window(UInt64($0))).rawValue) != leaders[$0]
        }) {
            seed += 1
            found = LeaderSchedule(seed: Digest(number: seed), powers: powers)
        }
        schedule = found
        machine = ConsensusMachine(
            configuration: configuration, committee: committee, schedule: schedule,
            own: own.map { ValidatorIndex(UInt16($0)) }, root: root, rootHeight: 0, now: 0)
    }

    mutating func feed(_ input: ConsensusInput) {
        var inputs = [input]
        var position = 0
        while position < inputs.count {
            let start = effects.count
            machine.step(inputs[position], now: Tick(now), into: &effects)
            position += 1
            for effect in effects[start...] {
                if case .cast(let statement, _) = effect, let own {
                    inputs.append(.castDone(sign(statement, by: own)))
                }
            }
        }
    }

    /// The block of `slot` on that of `parent`, in this test's one chain.
    mutating func block(_ slot: Slot, on parent: Slot? = nil) -> BlockSummary {
        if let known = blocks[slot] { return known }
        let below = parent ?? Slot(slot.rawValue - 1)
        let base = below == 0 ? root : block(below).reference
        let height = below == 0 ? Height(1) : block(below).height.next
        let made = ConsensusTests.block(at: slot, on: base, height: height)
        blocks[slot] = made
        return made
    }

    mutating func header(_ slot: Slot, on parent: Slot? = nil, _ verdict: BlockVerdict? = .valid) {
        let made = block(slot, on: parent)
        feed(.receivedHeader(made))
        if let verdict { feed(.judgedBlock(made.reference, verdict)) }
    }

    mutating func vote(_ statement: Statement, by voters: [Int]) {
        for voter in voters { feed(.receivedStatement(sign(statement, by: voter))) }
    }

    mutating func notar(_ slot: Slot, by voters: [Int]) {
        vote(.notar(block(slot).reference), by: voters)
    }

    mutating func final(_ slot: Slot, by voters: [Int]) {
        vote(.final(block(slot).reference), by: voters)
    }

    mutating func tick(_ milliseconds: UInt64) {
        now += milliseconds * millisecond
        feed(.clockTick)
    }

    /// The effects since the last call.
    mutating func take() -> [ConsensusEffect] {
        defer { effects = [] }
        return effects
    }

    /// The statements cast since the last call.
    mutating func casts() -> [Statement] {
        take().compactMap { if case .cast(let statement, _) = $0 { statement } else { nil } }
    }
}
