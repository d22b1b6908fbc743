import Consensus
import Primitives

/// No honest key contradicts itself: one Notar and one Final a slot, one SkipFrom a window, no Final
/// with a SkipFrom at or below it, one of each leader object; over all restarts.
struct StatementChecker: Checker {
    private struct Place: Hashable {
        let validator: Int
        let kind: UInt8
        let number: UInt64
        var sequence: UInt32 = 0
    }

    let property = Property.statements
    private(set) var examined: UInt64 = 0
    private(set) var findings: [Finding] = []
    private var said: [Place: Digest] = [:]
    /// Of each validator and window: the highest Final and the SkipFrom.
    private var finals: [Place: UInt64] = [:]
    private var skips: [Place: UInt64] = [:]

    mutating func observe(_ seen: Observed, _ settings: CheckerSettings) {
        guard settings.isHonest(seen.node), !settings.bereft.contains(seen.node) else { return }
        let validator = settings.validatorOfNode[seen.node]
        switch seen.what {
        case .said(.notar(let reference)):
            claim(seen, validator, 1, reference.slot.rawValue, 0, reference.hash, "Notar")
        case .said(.final(let reference)):
            let slot = reference.slot.rawValue
            claim(seen, validator, 2, slot, 0, reference.hash, "Final")
            let window = Place(
                validator: validator, kind: 3, number: slot / settings.windowLength)
            finals[window] = max(finals[window] ?? 0, slot)
            if let skip = skips[window], skip <= slot {
                report(seen, "Final at slot \(slot) after SkipFrom \(skip)")
            }
        case .said(.skipFrom(let window, let slot)):
            claim(
                seen, validator, 3, window.rawValue, 0, Digest(number: slot.rawValue), "SkipFrom")
            let place = Place(validator: validator, kind: 3, number: window.rawValue)
            skips[place] = slot.rawValue
            if let final = finals[place], final >= slot.rawValue {
                report(seen, "SkipFrom \(slot) after Final at slot \(final)")
            }
        case .led(let object, let slot, let sequence, let digest):
            let kind: UInt8 =
                switch object {
                case .opening: 4
                case .chunk: 5
                case .header: 6
                }
            claim(seen, validator, kind, slot.rawValue, sequence, digest, object.rawValue)
        case .lostLog:
            report(seen, "the log lacks a statement that a peer holds")
        default: return
        }
    }

    private mutating func claim(
        _ seen: Observed, _ validator: Int, _ kind: UInt8, _ number: UInt64, _ sequence: UInt32,
        _ content: Digest, _ name: String
    ) {
        examined += 1
        let place = Place(validator: validator, kind: kind, number: number, sequence: sequence)
        guard let known = said.updateValue(content, forKey: place), known != content else { return }
        report(seen, "two of \(name) \(number)/\(sequence): \(known) and \(content)")
    }

    private mutating func report(_ seen: Observed, _ text: String) {
        findings.append(
            Finding(property, time: seen.time, nodes: [seen.node], "node \(seen.node): \(text)"))
    }
}

/// Evidence names only guilty validators; and who has it in hand names them.
struct EvidenceChecker: Checker {
    private struct Claim: Hashable {
        let node: Int
        let guilty: Int
    }

    let property = Property.evidence
    private(set) var examined: UInt64 = 0
    private(set) var findings: [Finding] = []
    private var provable: [Claim: (time: UInt64, text: String)] = [:]
    private var named: Set<Claim> = []
    private var seesMessages = false

    var note: String? {
        seesMessages
            ? nil : "only what was named is judged: what could have been proven is not seen here"
    }

    mutating func observe(_ seen: Observed, _ settings: CheckerSettings) {
        seesMessages = settings.seesMessages
        guard settings.isHonest(seen.node) else { return }
        switch seen.what {
        case .evidence(let guilty, let text):
            examined += 1
            let index = Int(guilty.rawValue)
            named.insert(Claim(node: seen.node, guilty: index))
            let forgot = settings.bereft.contains { settings.validatorOfNode[$0] == index }
            if !settings.byzantine.contains(index), !forgot {
                findings.append(
                    Finding(
                        property, time: seen.time, nodes: [seen.node],
                        "validator \(index) is honest, and node \(seen.node) accuses it: \(text)"))
            }
        case .canProve(let guilty, let text):
            let claim = Claim(node: seen.node, guilty: Int(guilty.rawValue))
            if provable[claim] == nil { provable[claim] = (seen.time, text) }
        case .stopped:
            // What was in hand and unsaid went with the process.
            provable = provable.filter { $0.key.node != seen.node || named.contains($0.key) }
        default: return
        }
    }

    mutating func finish(_ end: RunEnd, _ settings: CheckerSettings) {
        // A signature under way at the end is not yet checked.
        let grace: UInt64 = 1_000_000_000
        let unsaid = provable.filter {
            !named.contains($0.key) && $0.value.time + grace <= end.time
        }
        .sorted { ($0.value.time, $0.key.node) < ($1.value.time, $1.key.node) }
        examined += UInt64(provable.count)
        for (claim, fact) in unsaid {
            findings.append(
                Finding(
                    property, time: fact.time, nodes: [claim.node],
                    "node \(claim.node) can prove the guilt of validator \(claim.guilty) and does "
                        + "not: \(fact.text)"))
        }
    }
}

/// No queue or table outgrows its bound.
struct BoundsChecker: Checker {
    let property = Property.bounds
    private(set) var examined: UInt64 = 0
    private(set) var findings: [Finding] = []
    private var reported: Set<String> = []

    mutating func observe(_ seen: Observed, _ settings: CheckerSettings) {
        guard case .sizes(let sizes) = seen.what, settings.isHonest(seen.node) else { return }
        examined += 1
        let bounds = settings.bounds
        for (name, value, bound) in [
            ("mailbox", sizes.mailbox, bounds.mailbox),
            ("unverified messages", sizes.unverified, bounds.unverified),
            ("pool", sizes.pool, bounds.pool), ("pool bytes", sizes.poolBytes, bounds.poolBytes),
            ("blocks above the final one", sizes.blocksAboveFinal, bounds.blocksAboveFinal),
        ] where bound > 0 && value > bound && reported.insert("\(seen.node) \(name)").inserted {
            findings.append(
                Finding(
                    property, time: seen.time, nodes: [seen.node],
                    "node \(seen.node): \(name) \(value), bound \(bound)"))
        }
    }
}

/// After the last fault, every honest node that should run has a new final block within the recovery
/// time, and then again and again.
struct LivenessChecker: Checker {
    let property = Property.liveness
    private(set) var examined: UInt64 = 0
    private(set) var findings: [Finding] = []
    /// Times at which each node's final height rose; only those after the last fault matter, which
    /// is not known before the end.
    private var rises: [Int: [UInt64]] = [:]
    private var heights: [Int: Height] = [:]
    private var running: Set<Int> = []
    private var silenced: Set<Int> = []

    mutating func observe(_ seen: Observed, _ settings: CheckerSettings) {
        guard settings.isHonest(seen.node) else { return }
        switch seen.what {
        case .started: running.insert(seen.node)
        case .stopped, .refusedToStart, .halted: running.remove(seen.node)
        case .finalised(let height, _, _, _):
            examined += 1
            rises[seen.node, default: []].append(seen.time)
            heights[seen.node] = height
        default: return
        }
    }

    mutating func finish(_ end: RunEnd, _ settings: CheckerSettings) {
        guard let healed = end.healed else { return }
        for node in settings.validatorOfNode.indices where settings.isHonest(node) {
            if settings.mayBeDown.contains(node) { continue }
            guard running.contains(node) else {
                findings.append(
                    Finding(
                        property, time: end.time, nodes: [node],
                        "node \(node) does not run at the end"))
                continue
            }
            var last = healed
            for time in rises[node] ?? [] where time > healed {
                check(node, from: last, to: time, settings)
                last = time
            }
            check(node, from: last, to: end.time, settings)
        }
    }

    private mutating func check(
        _ node: Int, from: UInt64, to time: UInt64, _ settings: CheckerSettings
    ) {
        guard time > from, time - from > settings.recovery else { return }
        findings.append(
            Finding(
                property, time: from, nodes: [node],
                "node \(node) has no new final block from \(from / 1_000_000) ms to "
                    + "\(time / 1_000_000) ms; its height is \(heights[node] ?? Height(0)), the bound "
                    + "\(settings.recovery / 1_000_000) ms"))
    }
}
