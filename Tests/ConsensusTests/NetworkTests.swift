import Consensus
import Foundation
import Primitives
import Testing

/// Whole committees over a bad network. A failure names the seed: the same seed is the same run.
struct NetworkTests {
    /// `PRYTANY_SEEDS` multiplies the number of seeds, for long runs.
    private static let factor =
        ProcessInfo.processInfo.environment["PRYTANY_SEEDS"].flatMap(UInt64.init) ?? 1

    private static func seeds(_ count: UInt64) -> ClosedRange<UInt64> { 1...(count * factor) }

    static let second: UInt64 = 1_000 * millisecond

    private func expectProgress(
        _ cluster: Cluster, to height: UInt64, seed: UInt64, _ scenario: String
    ) {
        let at = cluster.honest.map {
            let machine = cluster.nodes[$0].machine
            return "\($0): height \(machine.topFinalHeight) window \(machine.currentWindow)"
        }
        #expect(cluster.violations == [], "\(scenario), seed \(seed)")
        #expect(
            cluster.lowestHonestHeight >= height,
            "\(scenario), seed \(seed), \(cluster.now / millisecond) ms: \(at)")
    }

    @Test("Four honest validators agree, skip nothing and finalise every block")
    func happyPath() {
        for seed in Self.seeds(20) {
            var cluster = Cluster(seed: seed, powers: [1, 1, 1, 1])
            cluster.run(until: 10 * Self.second) { $0.lowestHonestHeight >= 60 }
            expectProgress(cluster, to: 60, seed: seed, "happy path")
            #expect(cluster.skipReasons.isEmpty, "seed \(seed): \(cluster.skipReasons)")
            #expect(cluster.evidence.isEmpty)
        }
    }

    @Test("The same seed is the same run, to the last event")
    func replay() {
        for seed in [3, 77] as [UInt64] {
            var traces: Set<UInt64> = []
            for _ in 0..<2 {
                var cluster = Self.chaos(seed: seed, role: .twoBlocks)
                cluster.run(until: 4 * Self.second)
                traces.insert(cluster.trace)
            }
            #expect(traces.count == 1, "seed \(seed)")
        }
    }

    /// Loss and long delays for two seconds, then synchrony, with one faulty validator of four.
    private static func chaos(seed: UInt64, role: Role) -> Cluster {
        var faults = Faults()
        faults.synchronousFrom = 2 * second
        faults.chaosDelay = 150 * millisecond
        faults.lossPercent = 20
        return Cluster(seed: seed, powers: [1, 1, 1, 1], roles: [role], faults: faults)
    }

    @Test(
        "After loss and delay all honest validators agree and go on, whatever one of four does",
        arguments: [Role.honest, .silent, .twoBlocks, .twoFacedSkip, .whisperer])
    func oneFaulty(role: Role) {
        for seed in Self.seeds(40) {
            var cluster = Self.chaos(seed: seed, role: role)
            cluster.run(until: 2 * Self.second)
            let before = cluster.lowestHonestHeight
            cluster.run(until: 22 * Self.second) { $0.lowestHonestHeight >= before + 20 }
            expectProgress(cluster, to: before + 20, seed: seed, "one \(role)")
        }
    }

    @Test("Seven validators of unequal power, two of them faulty")
    func sevenValidators() {
        for seed in Self.seeds(20) {
            var faults = Faults()
            faults.synchronousFrom = Self.second
            faults.chaosDelay = 120 * millisecond
            faults.lossPercent = 10
            var cluster = Cluster(
                seed: seed, powers: [3, 2, 5, 4, 3, 2, 4], roles: [.twoBlocks, .silent],
                faults: faults)
            cluster.run(until: Self.second)
            let before = cluster.lowestHonestHeight
            cluster.run(until: 16 * Self.second) { $0.lowestHonestHeight >= before + 12 }
            expectProgress(cluster, to: before + 12, seed: seed, "seven validators")
        }
    }

    @Test("Validators die and come back from their logs, and nobody contradicts himself")
    func crashes() {
        for seed in Self.seeds(60) {
            var random = SeededGenerator(seed: seed ^ 0xC0FFEE)
            var faults = Faults()
            faults.downtime = (50 + random.uniform(below: 600)) * millisecond
            for _ in 0..<8 {
                faults.crashes.append(
                    (random.uniform(below: 4000) * millisecond, Int(random.uniform(below: 4))))
            }
            var cluster = Cluster(seed: seed, powers: [1, 1, 1, 1], faults: faults)
            cluster.run(until: 5 * Self.second)
            let before = cluster.lowestHonestHeight
            cluster.run(until: 15 * Self.second) { $0.lowestHonestHeight >= before + 20 }
            expectProgress(cluster, to: before + 20, seed: seed, "crashes")
        }
    }

    @Test("Loss, delay, a two-faced validator and crashes of the others, all at once")
    func everything() {
        for seed in Self.seeds(40) {
            var random = SeededGenerator(seed: seed ^ 0xA11)
            var faults = Faults()
            faults.synchronousFrom = 4 * Self.second
            faults.chaosDelay = (20 + random.uniform(below: 150)) * millisecond
            faults.lossPercent = random.uniform(below: 30)
            faults.downtime = (50 + random.uniform(below: 600)) * millisecond
            for _ in 0..<6 {
                faults.crashes.append(
                    (random.uniform(below: 4000) * millisecond, 1 + Int(random.uniform(below: 3))))
            }
            let role: Role = [.twoBlocks, .twoFacedSkip, .whisperer][Int(seed % 3)]
            var cluster = Cluster(
                seed: seed, powers: [1, 1, 1, 1], roles: [role], faults: faults)
            cluster.run(until: 5 * Self.second)
            let before = cluster.lowestHonestHeight
            cluster.run(until: 35 * Self.second) { $0.lowestHonestHeight >= before + 20 }
            expectProgress(cluster, to: before + 20, seed: seed, "everything, \(role)")
        }
    }

    @Test("All validators die at once, again and again, and go on from their logs")
    func powerCuts() {
        for seed in Self.seeds(40) {
            var random = SeededGenerator(seed: seed ^ 0xDEAD)
            var faults = Faults()
            faults.downtime = 100 * millisecond
            for cut in 1...5 as ClosedRange<UInt64> {
                let at = cut * 700 * millisecond + random.uniform(below: 50 * millisecond)
                for node in 0..<4 { faults.crashes.append((at, node)) }
            }
            var cluster = Cluster(seed: seed, powers: [1, 1, 1, 1], faults: faults)
            cluster.run(until: 4 * Self.second)
            let before = cluster.lowestHonestHeight
            cluster.run(until: 14 * Self.second) { $0.lowestHonestHeight >= before + 20 }
            expectProgress(cluster, to: before + 20, seed: seed, "power cuts")
        }
    }

    @Test("An invalid block costs its window and nothing else")
    func invalidBlock() {
        for seed in Self.seeds(10) {
            var cluster = Cluster(seed: seed, powers: [1, 1, 1, 1], roles: [.twoBlocks])
            // Slots of the faulty leader's second window.
            let windows = (1...40).map { Window(UInt64($0)) }.filter {
                cluster.schedule.leader(of: $0) == 0
            }
            if let window = windows.first { cluster.invalidSlots = [window.rawValue * 4 + 1] }
            cluster.run(until: 12 * Self.second) { $0.lowestHonestHeight >= 40 }
            expectProgress(cluster, to: 40, seed: seed, "invalid block")
        }
    }

    @Test("A dead leader costs one timeout for its whole window")
    func deadLeader() {
        var cluster = Cluster(seed: 5, powers: [1, 1, 1, 1], roles: [.silent])
        cluster.run(until: 20 * Self.second) { $0.lowestHonestHeight >= 60 }
        expectProgress(cluster, to: 60, seed: 5, "dead leader")
        // Each of the three skips each dead window once; the delays before are no reason to.
        let dead = (0...60).filter { cluster.schedule.leader(of: Window($0)) == 0 }.count
        let skips = cluster.skipReasons.values.reduce(0, +)
        #expect(skips <= 3 * dead, "\(cluster.skipReasons)")
        #expect(Set(cluster.skipReasons.keys).isSubset(of: [.noFirstChunk, .inactiveLeader]))
    }

    @Test("A validator that was cut off for long catches up and votes again")
    func longAbsence() {
        var faults = Faults()
        faults.crashes = [(200 * millisecond, 2)]
        faults.downtime = 6 * Self.second
        var cluster = Cluster(seed: 11, powers: [1, 1, 1, 1], faults: faults)
        cluster.run(until: 6 * Self.second)
        let away = cluster.nodes[2].final.count
        let casts = cluster.nodes[2].allCasts.count
        cluster.run(until: 14 * Self.second)
        expectProgress(cluster, to: UInt64(away) + 60, seed: 11, "long absence")
        #expect(cluster.nodes[2].allCasts.count > casts + 40)
    }

    @Test("A window machine never asks to be woken in the past for ever")
    func deadlinesMove() {
        var cluster = Cluster(seed: 9, powers: [1, 1, 1, 1], roles: [.silent, .silent])
        // Half of the power is missing: nothing can become final, and nothing may spin.
        cluster.run(until: 20 * Self.second)
        #expect(cluster.violations == [])
        #expect(cluster.lowestHonestHeight == 0)
        #expect(cluster.steps < 20_000, "\(cluster.steps) steps")
    }
}
