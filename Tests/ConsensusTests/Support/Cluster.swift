import Consensus
import Primitives

/// Validators in one process: virtual time, a seeded network, disks that keep what was persisted.
/// The same seed gives the same run, of which `trace` is the witness.
struct Faults {
    /// Until then messages are delayed up to `chaosDelay` and lost by `lossPercent`.
    var synchronousFrom: UInt64 = 0
    var chaosDelay: UInt64 = 0
    var lossPercent: UInt64 = 0
    var duplicatePercent: UInt64 = 5
    /// At these times the validator of that index dies, to come back after `downtime`.
    var crashes: [(at: UInt64, node: Int)] = []
    var downtime: UInt64 = 300 * millisecond
}

enum Role: Equatable {
    case honest
    /// Says nothing at all.
    case silent
    /// Leads with two blocks a slot, each shown to half of the others, and votes for both.
    case twoBlocks
    /// Tells half of the others that it skips from a window's first slot.
    case twoFacedSkip
    /// Shows its blocks' headers, but to one validator alone its Notars and Finals.
    case whisperer
}

let millisecond: UInt64 = 1_000_000

enum Message {
    case statement(SignedStatement)
    case certificate(Certificate)
    case opening(Slot, proof: [Certificate])
    case header(BlockSummary, proof: [Certificate])
    case beat(Window)
    case status(Status)
    case blockRequest(BlockReference)
    case finalRequest(from: Height)
    case finalRange([BlockSummary], Certificate)
}

enum Happening {
    case deliver(Message, from: Int, to: Int, life: Int)
    case wake(Int, life: Int)
    case judge(Int, BlockReference, life: Int)
    case built(Int, BlockSummary, proof: [Certificate], life: Int, permission: Int)
    case beat(Int, Window, life: Int)
    case crash(Int)
    case restart(Int)
    /// Blocks from the log are executed again.
    case replay(Int, [BlockSummary], life: Int)
}

struct Cluster {
    let configuration: ConsensusConfiguration
    let committee: Committee
    let schedule: LeaderSchedule
    let faults: Faults
    let roles: [Role]
    var nodes: [ClusterNode]
    var random: SeededGenerator
    var now: UInt64 = 0
    var queue = EventQueue()
    /// What went wrong, in words.
    var violations: [String] = []
    var evidence: [Evidence] = []
    var trace: UInt64 = 0xCBF2_9CE4_8422_2325
    /// The final block of each height, by whoever finalised it first.
    var finalAt: [UInt64: BlockReference] = [:]
    var skipReasons: [SkipReason: Int] = [:]
    var invalidSlots: Set<UInt64> = []
    var blockTime: UInt64 = 3 * millisecond
    var steps = 0

    init(
        seed: UInt64, powers: [Power], roles: [Role] = [], faults: Faults = Faults(),
        windowLength: UInt64 = 4
    ) {
        var configuration = ConsensusConfiguration()
        configuration.windowLength = windowLength
        configuration.deltaNanoseconds = 20 * millisecond
        configuration.slotNanoseconds = 100 * millisecond
        configuration.beatNanoseconds = 20 * millisecond
        configuration.standstillNanoseconds = 200 * millisecond
        self.configuration = configuration
        committee = Committee(chain: Digest(number: 7), epoch: 0, powers: powers)
        schedule = LeaderSchedule(seed: Digest(number: seed), powers: powers)
        self.faults = faults
        self.roles = powers.indices.map { $0 < roles.count ? roles[$0] : .honest }
        random = SeededGenerator(seed: seed)
        nodes = []
        for index in powers.indices {
            nodes.append(
                ClusterNode(
                    index: index,
                    machine: ConsensusMachine(
                        configuration: configuration, committee: committee, schedule: schedule,
                        own: ValidatorIndex(UInt16(index)), root: root, rootHeight: 0, now: 0)))
        }
        for crash in faults.crashes { queue.add(at: crash.at, .crash(crash.node)) }
        for index in nodes.indices where self.roles[index] != .silent { feed(index, .start) }
    }

    var honest: [Int] { roles.indices.filter { roles[$0] == .honest } }
    var lowestHonestHeight: UInt64 {
        honest.map { nodes[$0].machine.topFinalHeight.rawValue }.min() ?? 0
    }

    mutating func run(until end: UInt64, stopping condition: (Cluster) -> Bool = { _ in false }) {
        while let (time, happening) = queue.next(before: end) {
            now = time
            handle(happening)
            steps += 1
            if !violations.isEmpty || condition(self) { return }
        }
        now = end
    }

    private mutating func handle(_ happening: Happening) {
        switch happening {
        case .deliver(let message, let from, let to, let life):
            if nodes[to].life == life { receive(message, from: from, at: to) }
        case .wake(let index, let life):
            guard nodes[index].life == life else { return }
            nodes[index].wakeAt = nil
            feed(index, .clockTick)
        case .judge(let index, let reference, let life):
            if nodes[index].life == life { judged(reference, at: index) }
        case .built(let index, let summary, let proof, let life, let permission):
            if nodes[index].life == life, nodes[index].permission == permission {
                built(summary, proof: proof, by: index)
            }
        case .beat(let index, let window, let life):
            guard nodes[index].life == life, nodes[index].machine.currentWindow == window
            else { return }
            broadcast(.beat(window), from: index)
            let beat = configuration.beatNanoseconds * 9 / 10
            queue.add(at: now + beat, .beat(index, window, life: life))
        case .crash(let index): crash(index)
        case .restart(let index): restart(index)
        case .replay(let index, let bodies, let life):
            guard nodes[index].life == life else { return }
            for body in bodies { beginExecution(of: body, at: index) }
        }
    }

    // MARK: - Network

    mutating func broadcast(_ message: Message, from: Int) {
        for to in nodes.indices where to != from { send(message, from: from, to: to) }
    }

    mutating func send(_ message: Message, from: Int, to: Int) {
        let calm = now >= faults.synchronousFrom
        if !calm, random.uniform(below: 100) < faults.lossPercent { return }
        let bound = calm ? configuration.deltaNanoseconds : faults.chaosDelay
        let copies = random.uniform(below: 100) < faults.duplicatePercent ? 2 : 1
        for _ in 0..<copies {
            let delay = random.uniform(below: bound) + 1
            queue.add(at: now + delay, .deliver(message, from: from, to: to, life: nodes[to].life))
        }
    }

    private mutating func receive(_ message: Message, from: Int, at index: Int) {
        guard roles[index] != .silent, nodes[index].isUp else { return }
        let sender = ValidatorIndex(UInt16(from))
        switch message {
        case .statement(let signed):
            // Who shows two faces would meet its other one, and stop.
            if roles[index] != .honest, Int(signed.signer.rawValue) == index { return }
            if nodes[index].machine.isUseful(signed) { feed(index, .receivedStatement(signed)) }
        case .certificate(let certificate): receive(certificate, from: from, at: index)
        case .opening(let slot, let proof):
            for certificate in proof { receive(certificate, from: from, at: index) }
            feed(
                index,
                .heardFromLeader(
                    slot.window(length: configuration.windowLength), .chunk(slot)))
        case .header(let summary, let proof):
            for certificate in proof { receive(certificate, from: from, at: index) }
            let slot = summary.reference.slot
            feed(
                index,
                .heardFromLeader(
                    slot.window(length: configuration.windowLength), .header(slot)))
            hold(summary, at: index)
        case .beat(let window):
            if schedule.leader(of: window) == sender {
                feed(index, .heardFromLeader(window, .beat))
            }
        case .status(let status):
            feed(index, .receivedStatus(status, from: sender))
            let height = nodes[index].machine.topFinalHeight
            if status.topFinalHeight > height {
                send(.finalRequest(from: height.next), from: index, to: from)
            }
        case .blockRequest(let reference):
            if let summary = nodes[index].blocks[reference] {
                send(.header(summary, proof: []), from: index, to: from)
            }
        case .finalRequest(let height):
            if let (blocks, certificate) = nodes[index].finalRange(from: height) {
                send(.finalRange(blocks, certificate), from: index, to: from)
            }
        case .finalRange(let blocks, let certificate):
            guard
                case .success = certificate.judge(
                    committee, windowLength: configuration.windowLength)
            else { return }
            guard blocks.first?.height == nodes[index].machine.topFinalHeight.next else { return }
            feed(index, .caughtUpRange(blocks, certificate))
            for block in blocks { hold(block, at: index) }
        }
    }

    private mutating func receive(_ certificate: Certificate, from: Int, at index: Int) {
        guard nodes[index].machine.isUseful(certificate) else { return }
        switch certificate.judge(committee, windowLength: configuration.windowLength) {
        case .failure(let fault):
            if roles[from] == .honest { violations.append("a certificate is none: \(fault)") }
        case .success where roles[index] == .honest:
            feed(index, .receivedCertificate(certificate))
        case .success:
            let others = certificate.signers.filter { Int($0.index.rawValue) != index }
            feed(index, .receivedCertificate(Certificate(kind: certificate.kind, signers: others)))
        }
    }

    // MARK: - Blocks

    /// Takes a block, body and all; execution begins when its parent is executed.
    private mutating func hold(_ summary: BlockSummary, at index: Int) {
        nodes[index].blocks[summary.reference] = summary
        feed(index, .receivedHeader(summary))
        beginExecution(of: summary, at: index)
    }

    private mutating func beginExecution(of summary: BlockSummary, at index: Int) {
        guard nodes[index].isExecuted(summary.parent), !nodes[index].isExecuted(summary.reference)
        else { return }
        let time = millisecond + random.uniform(below: 3 * millisecond)
        queue.add(at: now + time, .judge(index, summary.reference, life: nodes[index].life))
    }

    private mutating func judged(_ reference: BlockReference, at index: Int) {
        guard !nodes[index].isExecuted(reference) else { return }
        if invalidSlots.contains(reference.slot.rawValue) {
            feed(index, .judgedBlock(reference, .invalid))
            return
        }
        nodes[index].executed.insert(reference)
        // Now and then this node's own view holds the Notar for a while.
        if random.uniform(below: 50) == 0 { feed(index, .judgedBlock(reference, .hold)) }
        feed(index, .judgedBlock(reference, .valid))
        let waiting = nodes[index].blocks.values.filter { $0.parent == reference }
        for child in waiting.sorted(by: { $0.reference.hash < $1.reference.hash }) {
            beginExecution(of: child, at: index)
        }
    }

    private mutating func built(_ summary: BlockSummary, proof: [Certificate], by index: Int) {
        nodes[index].blocks[summary.reference] = summary
        nodes[index].executed.insert(summary.reference)
        nodes[index].log.append(.ownHeader(summary))
        if roles[index] == .twoBlocks {
            let other = block(
                at: summary.reference.slot, on: summary.parent, height: summary.height, variant: 1)
            let vote = sign(.notar(other.reference), by: index)
            for to in nodes.indices where to != index {
                if to % 2 == 0 {
                    send(.header(summary, proof: proof), from: index, to: to)
                } else {
                    send(.header(other, proof: proof), from: index, to: to)
                    send(.statement(vote), from: index, to: to)
                }
            }
        } else {
            broadcast(.header(summary, proof: proof), from: index)
        }
        feed(index, .receivedHeader(summary))
        feed(index, .judgedBlock(summary.reference, .valid))
        feed(index, .proposed(summary))
    }

    // MARK: - Machines

    mutating func feed(_ index: Int, _ input: ConsensusInput) {
        var inputs = [input]
        var position = 0
        while position < inputs.count {
            var effects: [ConsensusEffect] = []
            nodes[index].machine.step(inputs[position], now: Tick(now), into: &effects)
            position += 1
            for effect in effects { carryOut(effect, at: index, &inputs) }
        }
        guard let due = nodes[index].machine.nextDeadline else { return }
        if nodes[index].wakeAt.map({ due.rawValue < $0 }) ?? true {
            // A deadline that stays in the past would spin.
            let at = max(due.rawValue, now + 1)
            nodes[index].wakeAt = at
            queue.add(at: at, .wake(index, life: nodes[index].life))
        }
    }

    private mutating func note(_ index: Int, _ kind: UInt64, _ number: UInt64) {
        for word in [now, UInt64(index), kind, number] {
            trace = (trace ^ word) &* 0x0000_0100_0000_01B3
        }
    }

    private mutating func carryOut(
        _ effect: ConsensusEffect, at index: Int, _ inputs: inout [ConsensusInput]
    ) {
        switch effect {
        case .cast(let statement, let restsOn):
            note(index, 1, statement.slot.rawValue)
            inputs.append(.castDone(cast(statement, restsOn: restsOn, by: index)))
        case .broadcastCertificate(let certificate):
            note(index, 2, certificate.slot.rawValue)
            broadcast(.certificate(certificate), from: index)
        case .sendCertificates(let certificates, let statements, let peer):
            for certificate in certificates {
                send(.certificate(certificate), from: index, to: Int(peer.rawValue))
            }
            for signed in statements {
                send(.statement(signed), from: index, to: Int(peer.rawValue))
            }
        case .propose(let slot, let parent, let certificate, let skips):
            note(index, 3, slot.rawValue)
            propose(slot, on: parent, proof: [certificate].compactMap { $0 } + skips, by: index)
        case .abandonProposal: nodes[index].permission += 1
        case .certified(let reference): note(index, 4, reference.slot.rawValue)
        case .finalised(let references, let certificate):
            note(index, 5, references.last?.slot.rawValue ?? 0)
            finalised(references, certificate, at: index)
        case .enteredWindow(let window, let leader):
            note(index, 6, window.rawValue)
            if Int(leader.rawValue) == index {
                queue.add(at: now, .beat(index, window, life: nodes[index].life))
            }
        case .skipped(let window, _, let reason):
            note(index, 7, window.rawValue)
            skipReasons[reason, default: 0] += 1
        case .evidence(let found):
            evidence.append(found)
            if roles[Int(found.guilty.rawValue)] == .honest {
                violations.append("evidence against an honest validator: \(found)")
            }
        case .wantBlock(let reference, let hints):
            for peer in hints {
                send(.blockRequest(reference), from: index, to: Int(peer.rawValue))
            }
        case .broadcastStatus(let status): broadcast(.status(status), from: index)
        case .rebroadcastOwn(let statements):
            for signed in statements { broadcast(.statement(signed), from: index) }
        case .lostLog: violations.append("validator \(index) believes that its log is lost")
        case .contradiction(let reference):
            violations.append("validator \(index) met a contradiction at \(reference)")
        }
    }

    private mutating func propose(
        _ slot: Slot, on parent: BlockReference, proof: [Certificate], by index: Int
    ) {
        let window = slot.window(length: configuration.windowLength)
        if let closed = nodes[index].closedWindow, window <= closed { return }
        let parentHeight = nodes[index].height(of: parent)
        guard let parentHeight else {
            violations.append("validator \(index) proposes on \(parent), which it lacks")
            return
        }
        nodes[index].log.append(.opening(slot))
        broadcast(.opening(slot, proof: proof), from: index)
        let summary = block(at: slot, on: parent, height: parentHeight.next, variant: 0)
        queue.add(
            at: now + blockTime,
            .built(
                index, summary, proof: proof, life: nodes[index].life,
                permission: nodes[index].permission))
    }

    private mutating func cast(
        _ statement: Statement, restsOn: [Certificate], by index: Int
    ) -> SignedStatement {
        if let earlier = nodes[index].contradicted(
            by: statement, length: configuration.windowLength), roles[index] == .honest
        {
            violations.append("validator \(index) casts \(statement) after \(earlier)")
        }
        let signed = sign(statement, by: index)
        nodes[index].allCasts.append(statement)
        if case .notar(let reference) = statement, let block = nodes[index].blocks[reference] {
            nodes[index].log.append(.body(block))
        }
        for certificate in restsOn { nodes[index].log.append(.certificate(certificate)) }
        nodes[index].log.append(.statement(signed))
        if roles[index] == .twoFacedSkip, case .skipFrom(let window, let slot) = statement {
            let first = window.firstSlot(length: configuration.windowLength)
            let other = sign(.skipFrom(window, max(first, slot > first ? first : slot)), by: index)
            for to in nodes.indices where to != index {
                send(.statement(to % 2 == 0 ? signed : other), from: index, to: to)
            }
        } else if roles[index] == .whisperer {
            send(.statement(signed), from: index, to: index == 0 ? 1 : 0)
        } else {
            broadcast(.statement(signed), from: index)
        }
        return signed
    }

    private mutating func finalised(
        _ references: [BlockReference], _ certificate: Certificate, at index: Int
    ) {
        if case .success = certificate.judge(committee, windowLength: configuration.windowLength) {
        } else if roles[index] == .honest {
            violations.append("validator \(index) finalises without a certificate")
        }
        for reference in references {
            guard let block = nodes[index].blocks[reference],
                nodes[index].executed.contains(reference)
            else {
                violations.append("validator \(index) finalises \(reference) without its body")
                return
            }
            if block.parent != nodes[index].tip {
                violations.append("validator \(index) finalises \(block) on \(nodes[index].tip)")
            }
            if let known = finalAt[block.height.rawValue], known != reference {
                violations.append(
                    "two final blocks at height \(block.height): \(known) and \(reference)")
            }
            finalAt[block.height.rawValue] = reference
            nodes[index].final.append(block)
        }
        nodes[index].finalCertificates.append((nodes[index].final.count, certificate))
    }

    // MARK: - Crashes

    private mutating func crash(_ index: Int) {
        guard nodes[index].isUp else { return }
        nodes[index].isUp = false
        nodes[index].life += 1
        queue.add(at: now + faults.downtime, .restart(index))
    }

    private mutating func restart(_ index: Int) {
        let height = Height(UInt64(nodes[index].final.count))
        nodes[index].machine = ConsensusMachine(
            configuration: configuration, committee: committee, schedule: schedule,
            own: ValidatorIndex(UInt16(index)), root: nodes[index].tip, rootHeight: height,
            now: Tick(now))
        let bodies = nodes[index].reload(
            length: configuration.windowLength, now: Tick(now), violations: &violations)
        nodes[index].isUp = true
        feed(index, .start)
        // Timers run while the log's blocks wait for execution, at times for long.
        let slow = random.uniform(below: 2) == 0
        let pause = slow ? random.uniform(below: 500 * millisecond) : 0
        queue.add(at: now + pause, .replay(index, bodies, life: nodes[index].life))
        broadcast(.status(nodes[index].machine.status), from: index)
        for other in nodes.indices
        where other != index && nodes[other].isUp && roles[other] != .silent {
            feed(index, .peerConnected(ValidatorIndex(UInt16(other))))
            feed(other, .peerConnected(ValidatorIndex(UInt16(index))))
            send(.status(nodes[other].machine.status), from: other, to: index)
        }
    }
}
