import CairoVM

/// What the code of the system's classes uses, without system calls: steps, memory holes and
/// builtins, by entry point and by what its loops run over.
///
/// Measured on the compiled classes; a class with another hash needs other numbers, and the tests
/// that compare twins with their classes say so.
enum TwinCosts {
    private static func cost(
        _ steps: UInt64, holes: UInt64 = 0, rangeChecks: UInt64 = 0, pedersens: UInt64 = 0,
        ecOps: UInt64 = 0
    ) -> ExecutionResources {
        var result = ExecutionResources(steps: steps, memoryHoles: holes)
        result[.rangeCheck] = rangeChecks
        result[.pedersen] = pedersens
        result[.ecOp] = ecOps
        return result
    }

    enum Account {
        static let validate = cost(557, holes: 4, rangeChecks: 11, ecOps: 3)
        static let validatePerCall = cost(163, holes: 1, rangeChecks: 5)
        static let validateDeclare = cost(523, holes: 4, rangeChecks: 10, ecOps: 3)
        static let validateDeploy = cost(561, holes: 4, rangeChecks: 10, ecOps: 3)
        static let execute = cost(311, holes: 62, rangeChecks: 9)
        static let executePerCall = cost(334, holes: 1, rangeChecks: 8)
        static let perArgument = cost(47, rangeChecks: 1)
        static let perResult = cost(45, rangeChecks: 1)
        static let isValidSignature = cost(655, holes: 2, rangeChecks: 13, ecOps: 3)
        static let publicKey = cost(74, rangeChecks: 2)
        static let supportsInterface = cost(147, rangeChecks: 5, pedersens: 1)
        /// Of a flag that is not set.
        static let falseFlag = cost(2)
        static let constructor = cost(309, rangeChecks: 8, pedersens: 2)
    }

    enum Token {
        static let transfer = cost(857, holes: 55, rangeChecks: 21, pedersens: 2)
        static let transferFrom = cost(1342, holes: 83, rangeChecks: 31, pedersens: 4)
        static let approve = cost(483, holes: 11, rangeChecks: 10, pedersens: 2)
        static let changeAllowance = cost(636, holes: 33, rangeChecks: 14, pedersens: 2)
        static let balance = cost(242, holes: 15, rangeChecks: 10, pedersens: 1)
        static let allowance = cost(297, holes: 16, rangeChecks: 13, pedersens: 2)
        static let text = cost(74, rangeChecks: 2)
        static let decimals = cost(111, holes: 7, rangeChecks: 4)
        static let totalSupply = cost(169, holes: 14, rangeChecks: 4)
        /// A sum or difference of two `u256` whose lower halves carry: so many more steps and range
        /// checks, and so many holes less.
        static let carry = (cost: cost(6, rangeChecks: 1), holes: 4 as UInt64)
    }

    enum Deployer {
        static let deploy = cost(520, holes: 1, rangeChecks: 7)
        static let perArgument = cost(92, rangeChecks: 2)
        /// A unique address takes a step less, and a hash.
        static let unique = (steps: 1 as UInt64, cost: cost(0, pedersens: 1))
    }
}
