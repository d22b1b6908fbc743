package import CairoVM
package import StarkField

/// A non-negative rational number, as the constants state prices.
package struct Ratio: Hashable, Sendable {
    package var numerator: UInt64
    package var denominator: UInt64

    package init(_ numerator: UInt64, _ denominator: UInt64 = 1) {
        precondition(denominator > 0, "a ratio over zero")
        self.numerator = numerator
        self.denominator = denominator
    }

    /// The product with a count; held at the largest number instead of overflowing.
    func times(_ count: UInt64, roundingUp: Bool) -> UInt64 {
        let product = UInt128(numerator) * UInt128(count)
        let divisor = UInt128(denominator)
        return UInt64(clamping: (product + (roundingUp ? divisor - 1 : 0)) / divisor)
    }

    /// Their product; the constants' numbers are small.
    static func * (a: Ratio, b: Ratio) -> Ratio {
        Ratio(a.numerator * b.numerator, a.denominator * b.denominator)
    }
}

/// What the rules of execution fix in numbers: limits, prices of gas, and what Starknet's operating
/// system needs beside a contract's own code. One set for each version of Starknet.
///
/// Source: the versioned constants that StarkWare publishes with its sequencer (Apache-2.0); the
/// same file format is read (`init(json:)`).
package struct VersionedConstants: Hashable, Sendable {
    /// Prices of what a transaction leaves for good: calldata, signatures, events, code.
    package struct ArchivalCosts: Hashable, Sendable {
        /// Gas per felt.
        package var dataFelt: Ratio
        /// Felts that a key of an event counts as.
        package var eventKey: Ratio
        package var codeByte: Ratio
        package var proof: Ratio
    }

    package struct EventLimits: Hashable, Sendable {
        package var dataLength: Int
        package var keysLength: Int
        package var count: Int
    }

    /// What something needs: a constant part, and a part that grows with calldata.
    package struct ResourceRule: Hashable, Sendable {
        package var constant: ExecutionResources
        package var factor = ExecutionResources()
        package var scale: UInt64 = 1

        func resources(calls: UInt64 = 1, linear: UInt64) -> ExecutionResources {
            constant * calls + (factor * linear).dividedRoundingUp(by: scale)
        }
    }

    package struct SyscallCost: Hashable, Sendable {
        /// L2 gas.
        package var base: UInt64
        package var linear: UInt64
    }

    package enum TransactionKind: String, CaseIterable, Hashable, Sendable {
        case declare = "Declare"
        case deployAccount = "DeployAccount"
        case invoke = "InvokeFunction"
        case l1Handler = "L1Handler"
    }

    // Limits.
    package var eventLimits: EventLimits
    package var maximumCalldata: Int
    package var maximumBytecode: Int
    package var invokeSteps: UInt64
    package var validateSteps: UInt64
    package var callDepth: Int
    package var executeGas: UInt64
    package var validateGas: UInt64
    package var l1HandlerBounds: GasVector

    // Switches.
    package var disablesCairo0Redeclaration: Bool
    package var usesStatefulCompression: Bool
    package var blocksDirectExecuteCall: Bool
    package var ignoresInnerEvents: Bool
    package var disablesDeployInValidate: Bool
    package var enablesReverts: Bool
    package var enablesTip: Bool
    package var countsArenaCells: Bool
    package var stripsMachineFrames: Bool
    /// Whether declarations must name the Blake2s form of the compiled class hash.
    package var wantsBlakeClassHash: Bool

    // Prices.
    package var archivalCosts: ArchivalCosts
    package var allocationInBlob: GasVector
    package var allocationInCalldata: GasVector
    /// L1 gas per step, and per instance of a builtin.
    package var stepFee: Ratio
    package var builtinFees: [Builtin: Ratio]
    /// From this version on a class counts gas, and steps before.
    package var gasVersion: SierraVersion
    package var stepGas: UInt64
    package var memoryHoleGas: UInt64
    /// L2 gas of an instance of each builtin, by `Builtin`; zero where none is stated.
    package var builtinGas: [Builtin: UInt64]
    package var blakeGas: UInt64
    package var entryPointInitialBudget: UInt64
    package var syscallBaseGas: UInt64
    /// What classes that count steps are given instead of gas.
    package var initialGasOfSteps: UInt64
    package var syscallCosts: [SyscallCost]

    // The operating system.
    package var syscallResources: [ResourceRule]
    package var transactionResources: [TransactionKind: ResourceRule]
    package var blobResources: ExecutionResources

    // Rounding of what validation sees, and accounts that are shown older versions.
    package var blockNumberRounding: UInt64
    package var timestampRounding: UInt64
    package var version1AccountsCairo0: Set<Felt>
    package var version1AccountsCairo1: Set<Felt>
    package var version1MaximumTip: UInt64
    package var dataGasAccounts: Set<Felt>

    // MARK: What follows from them

    /// L1 gas for one unit of L2 gas.
    private var l1GasPerL2Gas: Ratio { Ratio(1, stepGas) * stepFee }

    func l1Gas(fromL2 amount: UInt64) -> UInt64 {
        l1GasPerL2Gas.times(amount, roundingUp: true)
    }

    func l2Gas(fromL1 amount: UInt64) -> UInt64 {
        let ratio = l1GasPerL2Gas
        return Ratio(ratio.denominator, ratio.numerator).times(amount, roundingUp: true)
    }

    /// What the operating system needs to carry out the system calls of one call.
    func resources(of usage: SyscallUsage) -> ExecutionResources {
        var sum = ExecutionResources()
        for (syscall, (calls, linear)) in usage.used {
            if syscall == .keccak {
                sum += syscallResources[Syscall.keccak.rawValue].constant
                sum +=
                    syscallResources[Syscall.keccakRound.rawValue].constant * UInt64(calls)
            } else {
                sum += syscallResources[syscall.rawValue].resources(
                    calls: UInt64(calls), linear: UInt64(linear))
            }
        }
        return sum
    }

    /// What the operating system needs around a transaction.
    func resources(of kind: TransactionKind, calldata: Int) -> ExecutionResources {
        transactionResources[kind]?.resources(linear: UInt64(calldata)) ?? ExecutionResources()
    }

    /// What committing to so many felts of a state diff in blobs needs.
    func resources(ofBlobFelts length: UInt64) -> ExecutionResources {
        if blobResources.isZero { return ExecutionResources() }
        // Poseidon of many felts, as the operating system computes it.
        var hash = ExecutionResources(
            steps: length / 10 * 55 + length % 10 / 2 * 18 + length % 2 * 3 + 21)
        hash[.poseidon] = length / 2 + 1
        return blobResources * length + hash
    }

    /// L2 gas of resources that gas-counting code pays for.
    func gas(of resources: ExecutionResources) -> UInt64 {
        var sum = resources.steps * stepGas + resources.memoryHoles * memoryHoleGas
        for builtin in Builtin.allCases {
            sum += resources[builtin] * (builtinGas[builtin] ?? 0)
        }
        return sum
    }

    func cost(of syscall: Syscall, linear: Int) -> UInt64 {
        let cost = syscallCosts[syscall.rawValue]
        return cost.base + cost.linear * UInt64(linear)
    }
}
