/// What computation costs, in L2 gas. One table, so that it can be equalled with the Cairo twins
/// of the native classes.
///
/// The costs of system calls follow Starknet 0.13.5: the steps and builtins of its versioned
/// constants (`os_resources.execute_syscalls`), priced with `step_gas_cost` and
/// `builtin_gas_costs` of the same file. The costs of the native bodies (`account...`,
/// `token...`, `deployer...`) are this project's own: an estimate of the Sierra gas that the
/// OpenZeppelin contracts use without their system calls.
package enum GasSchedule {
    // MARK: Units
    private static let step: UInt64 = 100
    private static let rangeCheck: UInt64 = 70
    private static let pedersen: UInt64 = 4050
    private static let ecOp: UInt64 = 4085
    private static let poseidon: UInt64 = 491

    // MARK: System calls
    static let callContract = 866 * step + 15 * rangeCheck
    static let deploy = 1132 * step + 18 * rangeCheck + 7 * pedersen
    static let deployPerFelt = 8 * step + pedersen
    static let emitEvent = 61 * step + rangeCheck
    static let getExecutionInfo = 64 * step + rangeCheck
    static let storageRead = 87 * step + rangeCheck
    static let storageWrite = 93 * step + rangeCheck

    // MARK: Native bodies
    /// Entering any entry point, and decoding one felt of its arguments.
    static let entry = 60 * step + 3 * rangeCheck
    static let perArgumentFelt = 12 * step
    /// An ECDSA check: three EC operations and the code around them.
    static let signature = 3 * ecOp + 420 * step + 12 * rangeCheck
    /// Per call of `__execute__`, without the system call itself.
    static let accountPerCall = 90 * step
    static let accountOwnershipHash = 4 * poseidon + 60 * step
    /// The address of a slot in a map with one key, and in one with two.
    static let mapAddress = pedersen + 40 * step + 3 * rangeCheck
    static let nestedMapAddress = 2 * pedersen + 50 * step + 3 * rangeCheck
    static let tokenArithmetic = 40 * step + 4 * rangeCheck
    static let deployerBody = pedersen + 60 * step

    // MARK: Limits (0.13.5: os_constants)
    static let validateMaximum: UInt64 = 100_000_000
    static let executeMaximum: UInt64 = 1_000_000_000
    /// Calls inside calls.
    static let maximumCallDepth = 50
}
