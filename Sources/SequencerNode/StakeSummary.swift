package import Primitives

/// What the stakes of a genesis mean: W, the quorum, and what may fail. Printed at start.
package struct StakeSummary: Sendable {
    package let total: PowerSum
    package let quorum: PowerSum
    package let tolerated: PowerSum
    /// Validators whose loss alone leaves no quorum.
    package let critical: [String]

    package init(genesis: CheckedGenesis) {
        var sum = PowerSum()
        for validator in genesis.validators { sum.add(Power(validator.stake)) }
        total = sum
        quorum = sum.smallestQuorum
        tolerated = sum.tolerated
        critical = genesis.validators.filter {
            !PowerSum(sum.value - UInt128($0.stake)).isQuorum(of: sum)
        }.map(\.name)
    }

    package var lines: [String] {
        var lines = [
            "stake: W = \(total), a quorum is \(quorum), up to \(tolerated) may fail"
        ]
        if !critical.isEmpty {
            lines.append(
                "warning: the chain halts when any one of these is lost: "
                    + critical.joined(separator: ", "))
        }
        return lines
    }
}
