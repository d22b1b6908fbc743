import Consensus
import Primitives

/// No two final blocks at a height.
struct AgreementChecker: Checker {
    let property = Property.agreement
    private(set) var examined: UInt64 = 0
    private(set) var findings: [Finding] = []
    private var chain: [Height: (reference: BlockReference, node: Int)] = [:]

    mutating func observe(_ seen: Observed, _ settings: CheckerSettings) {
        guard case .finalised(let height, let reference, _, _) = seen.what,
            settings.isHonest(seen.node)
        else { return }
        guard let known = chain[height] else {
            chain[height] = (reference, seen.node)
            return
        }
        examined += 1
        if known.reference != reference {
            findings.append(
                Finding(
                    property, time: seen.time, nodes: [known.node, seen.node],
                    "height \(height) is \(known.reference) on node \(known.node) and "
                        + "\(reference) on node \(seen.node)"))
        }
    }
}

/// A final block stands on the one below it, and no honest node has called it invalid or halted.
struct ValidityChecker: Checker {
    let property = Property.validity
    private(set) var examined: UInt64 = 0
    private(set) var findings: [Finding] = []
    private var last: [Int: (height: Height, reference: BlockReference)] = [:]
    private var final: Set<Digest> = []
    private var refuted: [Digest: (node: Int, reason: String)] = [:]

    mutating func observe(_ seen: Observed, _ settings: CheckerSettings) {
        guard settings.isHonest(seen.node) else { return }
        switch seen.what {
        case .finalised(let height, let reference, let parent, _):
            examined += 1
            if let below = last[seen.node], height == below.height.next, parent != below.reference {
                findings.append(
                    Finding(
                        property, time: seen.time, nodes: [seen.node],
                        "block \(reference) of height \(height) stands on \(parent), but "
                            + "\(below.reference) is final below it"))
            }
            if let below = last[seen.node], height > below.height.next {
                findings.append(
                    Finding(
                        property, time: seen.time, nodes: [seen.node],
                        "height \(height) became final after \(below.height)"))
            }
            last[seen.node] = (height, reference)
            final.insert(reference.hash)
            if let refutal = refuted[reference.hash] {
                report(seen, reference.hash, refutal.node, refutal.reason)
            }
        case .invalidBlock(let reference, let reason):
            refuted[reference.hash] = (seen.node, reason)
            if final.contains(reference.hash) { report(seen, reference.hash, seen.node, reason) }
        case .halted(let reason):
            findings.append(
                Finding(
                    property, time: seen.time, nodes: [seen.node],
                    "node \(seen.node) halted: \(reason)"))
        case .started, .stopped: last[seen.node] = nil
        default: return
        }
    }

    private mutating func report(_ seen: Observed, _ hash: Digest, _ node: Int, _ reason: String) {
        findings.append(
            Finding(
                property, time: seen.time, nodes: [seen.node, node],
                "block \(hash) is final on node \(seen.node) or another, and invalid on node "
                    + "\(node): \(reason)"))
    }
}

/// All nodes compute the same hash for a height, and so the same state root.
struct StateRootChecker: Checker {
    let property = Property.stateRoots
    private(set) var examined: UInt64 = 0
    private(set) var findings: [Finding] = []
    private var hashes: [Height: (hash: Digest, node: Int)] = [:]

    mutating func observe(_ seen: Observed, _ settings: CheckerSettings) {
        guard case .hashed(let height, let hash) = seen.what, settings.isHonest(seen.node) else {
            return
        }
        guard let known = hashes[height] else {
            hashes[height] = (hash, seen.node)
            return
        }
        examined += 1
        if known.hash != hash {
            findings.append(
                Finding(
                    property, time: seen.time, nodes: [known.node, seen.node],
                    "the hash of height \(height) is \(known.hash) on node \(known.node) and "
                        + "\(hash) on node \(seen.node)"))
        }
    }
}

/// What storage held is there after a restart, and what was final anywhere is final at the end.
struct DurabilityChecker: Checker {
    let property = Property.durability
    private(set) var examined: UInt64 = 0
    private(set) var findings: [Finding] = []
    private var stored: [Int: Height] = [:]
    private var highestFinal = (height: Height(0), node: 0, time: UInt64(0))
    private var running: Set<Int> = []

    mutating func observe(_ seen: Observed, _ settings: CheckerSettings) {
        guard settings.isHonest(seen.node) else { return }
        switch seen.what {
        case .started(let height):
            running.insert(seen.node)
            examined += 1
            if let before = stored[seen.node], height < before,
                !settings.bereft.contains(seen.node)
            {
                findings.append(
                    Finding(
                        property, time: seen.time, nodes: [seen.node],
                        "node \(seen.node) had stored height \(before) and starts from \(height)"
                    ))
            }
            stored[seen.node] = height
        case .stopped: running.remove(seen.node)
        case .stored(let height):
            stored[seen.node] = max(stored[seen.node] ?? Height(0), height)
        case .finalised(let height, _, _, _):
            if height > highestFinal.height { highestFinal = (height, seen.node, seen.time) }
        default: return
        }
    }

    /// What has been final for the recovery time at least must be stored by someone that runs.
    mutating func finish(_ end: RunEnd, _ settings: CheckerSettings) {
        guard let healed = end.healed, highestFinal.time < healed, !running.isEmpty,
            healed + settings.recovery <= end.time
        else { return }
        examined += 1
        let best = running.sorted().compactMap { stored[$0] }.max() ?? Height(0)
        if best < highestFinal.height {
            findings.append(
                Finding(
                    property, time: end.time, nodes: [highestFinal.node],
                    "height \(highestFinal.height) was final on node \(highestFinal.node), and "
                        + "no node that runs holds more than \(best)"))
        }
    }
}

/// No transaction is in the chain twice, and what was acknowledged is in it at the end. Users send
/// again what they do not see included, so that only what the cluster forgets for good is lost. A
/// Byzantine leader may leave out what it likes for as long as it leads: what counts is the newest
/// final block of an honest one.
struct TransactionChecker: Checker {
    let property = Property.transactions
    private(set) var examined: UInt64 = 0
    private(set) var findings: [Finding] = []
    private var included: [Digest: Height] = [:]
    private var seenHeights: Set<Height> = []
    private var acknowledged: [Digest: (time: UInt64, node: Int)] = [:]
    private var leaders: [UInt64: Int] = [:]
    private var lastHonestFinal: UInt64 = 0

    mutating func observe(_ seen: Observed, _ settings: CheckerSettings) {
        guard settings.isHonest(seen.node) else { return }
        switch seen.what {
        case .enteredWindow(let window, let leader):
            leaders[window.rawValue] = Int(leader.rawValue)
        case .acknowledged(let transaction):
            if acknowledged[transaction] == nil {
                acknowledged[transaction] = (seen.time, seen.node)
            }
        case .finalised(let height, let reference, _, let transactions):
            guard seenHeights.insert(height).inserted else { return }
            let window = reference.slot.rawValue / settings.windowLength
            if let leader = leaders[window], !settings.byzantine.contains(leader) {
                lastHonestFinal = seen.time
            }
            for transaction in transactions {
                examined += 1
                if let before = included.updateValue(height, forKey: transaction) {
                    findings.append(
                        Finding(
                            property, time: seen.time, nodes: [seen.node],
                            "transaction \(transaction) is in heights \(before) and \(height)"))
                }
            }
        default: return
        }
    }

    mutating func finish(_ end: RunEnd, _ settings: CheckerSettings) {
        guard let healed = end.healed, healed + settings.recovery <= end.time else { return }
        // While nothing becomes final nothing is lost either: that is a stall.
        let missing = acknowledged.filter {
            $0.value.time + settings.recovery <= lastHonestFinal && included[$0.key] == nil
        }.sorted { ($0.value.time, $0.key) < ($1.value.time, $1.key) }
        examined += UInt64(acknowledged.count)
        for (transaction, place) in missing {
            findings.append(
                Finding(
                    property, time: end.time, nodes: [place.node],
                    "transaction \(transaction), acknowledged by node \(place.node) at "
                        + "\(place.time / 1_000_000) ms, is in no final block"))
        }
    }
}

/// All accounts together hold the same after every height.
struct SupplyChecker: Checker {
    let property = Property.supply
    private(set) var examined: UInt64 = 0
    private(set) var findings: [Finding] = []

    mutating func observe(_ seen: Observed, _ settings: CheckerSettings) {
        guard case .supply(let height, let sum) = seen.what, let supply = settings.supply,
            settings.isHonest(seen.node)
        else { return }
        examined += 1
        if sum != supply {
            findings.append(
                Finding(
                    property, time: seen.time, nodes: [seen.node],
                    "all accounts hold \(sum) after height \(height), not \(supply)"))
        }
    }
}
