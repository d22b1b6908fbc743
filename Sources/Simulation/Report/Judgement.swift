import Consensus
import Mempool
import Replica

/// What a run must be measured by, whichever engine plays the scenario.
extension CheckerSettings {
    /// `validatorOfNode` lists the nodes: the validators in order, then the second copies of twins.
    package init(_ scenario: Scenario, validatorOfNode: [Int]) {
        self.init(
            powers: scenario.stakes, validatorOfNode: validatorOfNode,
            byzantine: Set(scenario.byzantine.keys), windowLength: scenario.timing.windowLength,
            recovery: (scenario.expect.recovery ?? .seconds(20)).unsigned)
        mayBeDown = Set(scenario.expect.down).union(scenario.expect.refuses.keys)
        let mempool = MempoolConfiguration()
        bounds.unverified = Replica.unverifiedPerPeer * scenario.stakes.count
        bounds.pool = mempool.maximumCount
        bounds.poolBytes = mempool.maximumBytes
        // A slot keeps at most three openings; the window machine looks so far ahead.
        bounds.blocksAboveFinal =
            Int(
                scenario.timing.windowLength
                    * (ConsensusConfiguration().lookaheadWindows + 2)) * 3
    }
}

/// Whether what a scenario expects came true.
package struct Judgement: Sendable {
    /// 0 when it did, else the code of what broke first; 1 when nothing broke and yet it did not.
    package let exitCode: Int32
    /// The first violation, or else the first stall.
    package let firstBreach: Finding?

    /// Of a record that has its checks, its nodes' last events and its guilty. Writes into it what was
    /// expected, line for line, and whether the run passed. `stoppedEarly` excuses what needed the
    /// whole run; `further` are lines of the engine's own.
    package init(
        of record: inout RunRecord, _ scenario: Scenario, height: UInt64, neverDue: [Int],
        stoppedEarly: Bool, further: [(String, Bool)] = []
    ) {
        let findings = record.findings
        let violation = findings.filter { $0.property != .liveness }.min { $0.time < $1.time }
        let stall = findings.first { $0.property == .liveness }
        let stalled = Set(findings.filter { $0.property == .liveness }.flatMap(\.nodes))
        let honest = record.nodes.indices.filter { record.nodes[$0].role == nil }
        let isStill = stalled.isSuperset(of: honest)
        var lines = [Self.verdict(scenario.expect.verdict, violation, stall, isStill)]
        if !stoppedEarly {
            lines += Self.ofWholeRun(record, scenario, height, neverDue)
        }
        record.expectations = lines + further
        let unmet = record.expectationsMet.contains(false)
        record.passed = !unmet
        firstBreach = violation ?? stall
        exitCode = unmet ? firstBreach?.property.exitCode ?? 1 : 0
    }

    private static func verdict(
        _ expected: Scenario.Expectation.Verdict, _ violation: Finding?, _ stall: Finding?,
        _ isStill: Bool
    ) -> (String, Bool) {
        switch expected {
        case .holds: ("every property holds", violation == nil && stall == nil)
        case .violation: ("agreement breaks", violation?.property == .agreement)
        case .stall: ("nothing becomes final", isStill && violation == nil)
        case .broken:
            ("agreement breaks or nothing becomes final", violation != nil || stall != nil)
        }
    }

    private static func ofWholeRun(
        _ record: RunRecord, _ scenario: Scenario, _ height: UInt64, _ neverDue: [Int]
    ) -> [(String, Bool)] {
        let expect = scenario.expect
        var lines = [("height \(expect.height) or more is final", height >= expect.height)]
        for validator in expect.guilty {
            lines.append(
                ("evidence names validator \(validator)", record.guilty.contains(validator)))
        }
        for index in neverDue {
            lines.append(
                ("fault \(index) came due: " + scenario.faults[index].action.title, false))
        }
        for (node, text) in expect.refuses.sorted(by: { $0.key < $1.key }) {
            let refused = record.nodes[node].lastEvents.contains {
                $0.contains("refused to start") && $0.contains(text)
            }
            lines.append(("node \(node) refuses to start: \(text)", refused))
        }
        return lines
    }
}
