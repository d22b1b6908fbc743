import Primitives

/// What the checkers must know of a run beforehand.
package struct CheckerSettings: Sendable {
    /// Power of each validator.
    package var powers: [UInt64]
    /// The validator that each node is; a twin is a further node of the same validator.
    package var validatorOfNode: [Int]
    /// Validators with a Byzantine role.
    package var byzantine: Set<Int>
    package var windowLength: UInt64
    /// Nodes whose log or data the scenario destroys or turns back: they may have to fall silent, may
    /// start from less than they had, and may be caught contradicting what they forgot.
    package var bereft: Set<Int> = []
    /// Nodes that need not run at the end.
    package var mayBeDown: Set<Int> = []
    /// All accounts together; nil: this run has no money.
    package var supply: UInt128?
    package var bounds = Observation.Sizes(
        mailbox: 1 << 16, unverified: 0, pool: 65_536, poolBytes: 64 << 20, blocksAboveFinal: 0)
    /// Whether the run shows what reaches each node, and so what it could prove.
    package var seesMessages = false
    /// How soon after the last fault every node must have a new final block, in nanoseconds.
    package var recovery: UInt64

    package init(
        powers: [UInt64], validatorOfNode: [Int], byzantine: Set<Int>, windowLength: UInt64,
        recovery: UInt64
    ) {
        self.powers = powers
        self.validatorOfNode = validatorOfNode
        self.byzantine = byzantine
        self.windowLength = windowLength
        self.recovery = recovery
    }

    func isHonest(_ node: Int) -> Bool { !byzantine.contains(validatorOfNode[node]) }
}

/// One observer of a run, which knows nothing of the others.
protocol Checker: Sendable {
    var property: Property { get }
    /// Facts compared so far.
    var examined: UInt64 { get }
    var findings: [Finding] { get }
    var note: String? { get }
    mutating func observe(_ seen: Observed, _ settings: CheckerSettings)
    mutating func finish(_ end: RunEnd, _ settings: CheckerSettings)
}

extension Checker {
    var note: String? { nil }
    mutating func finish(_ end: RunEnd, _ settings: CheckerSettings) {}
}

/// When a run ended, and since when nothing was done to it any more; nanoseconds since its start.
package struct RunEnd: Sendable {
    package var time: UInt64
    /// The end of the last fault; nil: faults went on to the end, so that nothing is owed.
    package var healed: UInt64?
    package init(time: UInt64, healed: UInt64?) {
        self.time = time
        self.healed = healed
    }
}

/// All checkers over one stream of observations.
package struct CheckerSuite: Sendable {
    /// Findings kept of each checker: after the first few, more of the same say nothing new.
    static let findingsKept = 20

    package private(set) var settings: CheckerSettings
    private var checkers: [any Checker]
    private var named: Set<Int> = []

    /// Validators that evidence of honest nodes names.
    package var guilty: [Int] { named.sorted() }

    package init(_ settings: CheckerSettings) {
        self.settings = settings
        checkers = [
            AgreementChecker(), ValidityChecker(), StatementChecker(), StateRootChecker(),
            DurabilityChecker(), TransactionChecker(), SupplyChecker(), EvidenceChecker(),
            BoundsChecker(), LivenessChecker(),
        ]
    }

    package mutating func observe(_ seen: Observed) {
        if case .evidence(let guilty, _) = seen.what, settings.isHonest(seen.node) {
            named.insert(Int(guilty.rawValue))
        }
        for index in checkers.indices { checkers[index].observe(seen, settings) }
    }

    /// A scenario has destroyed what this node knew.
    package mutating func bereave(_ node: Int) { settings.bereft.insert(node) }

    package mutating func finish(_ end: RunEnd) {
        for index in checkers.indices { checkers[index].finish(end, settings) }
    }

    /// Whether anything but liveness is broken so far.
    package var isViolated: Bool {
        checkers.contains { $0.property != .liveness && !$0.findings.isEmpty }
    }

    package var checked: [RunRecord.Checked] {
        checkers.map {
            RunRecord.Checked(
                property: $0.property, examined: $0.examined,
                findings: Array($0.findings.prefix(Self.findingsKept)), note: $0.note)
        }
    }

    /// The exit code of the worst finding: a violation before a stall; 0 for none.
    package var exitCode: Int32 {
        checkers.filter { !$0.findings.isEmpty }.map(\.property.exitCode).min() ?? 0
    }
}
