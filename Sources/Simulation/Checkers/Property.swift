/// What must hold in every run. Each has an exit code of its own, so that a script knows what broke;
/// a stall is none of the violations.
package enum Property: String, Hashable, Sendable, Codable, CaseIterable {
    /// No two final blocks at a height.
    case agreement
    /// A final block stands on the final block below it, and no honest node called it invalid.
    case validity
    /// No honest key contradicts an earlier statement of its own, over all restarts.
    case statements
    /// All nodes compute the same block hash, which covers the state root.
    case stateRoots = "state-roots"
    /// What was final on a node is final there after every restart, and on all others.
    case durability
    /// No transaction is executed twice, and none that was acknowledged is lost.
    case transactions
    /// Nothing is created and nothing vanishes.
    case supply
    /// Evidence names only guilty keys, and every provable guilt is named.
    case evidence
    /// No queue or table outgrows its bound.
    case bounds
    /// With a live quorum and whole links, blocks become final within the stated time.
    case liveness

    package var exitCode: Int32 {
        switch self {
        case .agreement: 10
        case .validity: 11
        case .statements: 12
        case .stateRoots: 13
        case .durability: 14
        case .transactions: 15
        case .supply: 16
        case .evidence: 17
        case .bounds: 18
        case .liveness: 20
        }
    }

    package var rule: String {
        switch self {
        case .agreement: "no two final blocks at a height"
        case .validity: "a final block stands on the final block below it, and nobody refutes it"
        case .statements: "no honest key contradicts itself, over all restarts"
        case .stateRoots: "all nodes compute the same block hash and state root"
        case .durability: "no final block is lost"
        case .transactions: "no transaction twice, none lost that was acknowledged"
        case .supply: "nothing is created, nothing vanishes"
        case .evidence: "evidence names the guilty: only them, and all that can be proven"
        case .bounds: "memory and queues stay within their bounds"
        case .liveness: "after the last fault, blocks become final within the stated time"
        }
    }
}

/// A breach of a property.
package struct Finding: Hashable, Sendable, Codable {
    package var property: Property
    /// Nanoseconds since the run began.
    package var time: UInt64
    package var text: String
    package var nodes: [Int]

    package init(_ property: Property, time: UInt64, nodes: [Int], _ text: String) {
        self.property = property
        self.time = time
        self.nodes = nodes
        self.text = text
    }
}
