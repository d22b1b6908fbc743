import Primitives

/// Scenarios that a seed draws: 4 to 7 validators of unequal power, bad links, every fault, and
/// Byzantine roles with less than a third of the power.
package enum DefaultMix {
    /// Faults happen in the first part of the run; then all is whole, and the chain must go on.
    static let faultyUntil: UInt64 = 18_000

    package static func scenario(
        seed: UInt64, validators: Int? = nil, roles: [String]
    ) -> Scenario {
        var draw = SeededGenerator(seed: seed ^ 0x6d69_7865)
        var scenario = Scenario(
            name: "default-mix", story: "Faults and Byzantine roles that the seed draws.")
        let count = validators ?? Int(4 + draw.uniform(below: 4))
        scenario.stakes = (0..<count).map { _ in 1 + draw.uniform(below: 4) }
        if draw.uniform(below: 2) == 0 { scenario.stakes = Array(repeating: 1, count: count) }
        scenario.duration = .seconds(50)
        scenario.timing.slot = .milliseconds(1000)
        scenario.timing.windowLength = [4, 8, 16][Int(draw.uniform(below: 3))]
        scenario.timing.emptyBlock = .milliseconds(200 + Int64(draw.uniform(below: 400)))
        scenario.workload.rate = 2 + draw.uniform(below: 10)
        scenario.disk.sync = Span(nanoseconds: Int64(100_000 + draw.uniform(below: 3_000_000)))
        scenario.links.latency = Span(nanoseconds: Int64(200_000 + draw.uniform(below: 12_000_000)))
        scenario.links.jitter = Span(nanoseconds: Int64(draw.uniform(below: 8_000_000)))
        scenario.links.duplicate = draw.uniform(below: 3) == 0 ? draw.uniform(below: 300) : 0
        scenario.links.reorder = draw.uniform(below: 3) == 0
        scenario.links.drop = draw.uniform(below: 3) == 0 ? draw.uniform(below: 100) : 0
        scenario.byzantine = byzantine(scenario.stakes, roles, &draw)
        scenario.expect.recovery = .seconds(25)
        scenario.faults = (0..<draw.uniform(below: 9)).map { _ in fault(scenario, &draw) }
        return scenario
    }

    /// Roles for some validators, in the fault bound: 3F < W.
    private static func byzantine(
        _ stakes: [UInt64], _ roles: [String], _ draw: inout SeededGenerator
    ) -> [Int: String] {
        guard !roles.isEmpty, draw.uniform(below: 4) > 0 else { return [:] }
        let total = stakes.reduce(0, +)
        var power: UInt64 = 0
        var chosen: [Int: String] = [:]
        for _ in 0..<4 {
            let index = Int(draw.uniform(below: UInt64(stakes.count)))
            let role = roles[Int(draw.uniform(below: UInt64(roles.count)))]
            guard chosen[index] == nil, 3 * (power + stakes[index]) < total else { continue }
            power += stakes[index]
            chosen[index] = role
        }
        return chosen
    }

    private static func fault(_ scenario: Scenario, _ draw: inout SeededGenerator) -> Fault {
        let count = UInt64(scenario.stakes.count)
        let start = 1000 + draw.uniform(below: faultyUntil - 6000)
        let lasting = Span.milliseconds(Int64(50 + draw.uniform(below: 4500)))
        func node() -> Int { Int(draw.uniform(below: count)) }
        func some() -> [FaultTarget] {
            switch draw.uniform(below: 6) {
            case 0: [.everyone]
            case 1: [.leader]
            case 2: [.node(node()), .node(node())]
            default: [.node(node())]
            }
        }
        let action: Fault.Action
        switch draw.uniform(below: 12) {
        case 0, 1: action = .kill(some())
        case 2: action = .stop(some())
        case 3, 4: action = .powerCut(some(), operation: draw.uniform(below: 60))
        case 5: action = .pause(some())
        case 6:
            let all = Array(scenario.stakes.indices)
            let left = all.filter { _ in draw.uniform(below: 2) == 0 }
            action = .partition([left, all.filter { !left.contains($0) }])
        case 7:
            var quality = LinkQuality()
            quality.cut = true
            action = .link(
                from: [node()], to: [node()], quality, bothWays: draw.uniform(below: 2) == 0)
        case 8:
            var quality = LinkQuality()
            quality.latency = .milliseconds(Int64(draw.uniform(below: 200)))
            quality.loss = draw.uniform(below: 3000)
            quality.drop = draw.uniform(below: 2000)
            action = .link(
                from: [node()], to: Array(scenario.stakes.indices), quality,
                bothWays: draw.uniform(below: 2) == 0)
        case 9: action = .slowDisk(some(), .milliseconds(Int64(draw.uniform(below: 200))))
        case 10: action = .fullDisk([.node(node())])
        default:
            action = .clock(
                [.node(node())], .seconds(Int64(draw.uniform(below: 14_400)) - 7200))
        }
        if draw.uniform(below: 5) == 0 {
            let event: Fault.Event =
                [.leads, .sentChunk, .sentHeader][Int(draw.uniform(below: 3))]
            return Fault(
                .when(.leader, event, after: .milliseconds(Int64(start))), action, lasting: lasting)
        }
        return Fault(.at(.milliseconds(Int64(start))), action, lasting: lasting)
    }
}
