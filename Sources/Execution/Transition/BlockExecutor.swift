import CairoVM
import Primitives
package import StarkField
import StarkHash

/// What all transactions of a block share.
package struct BlockContext: Hashable, Sendable {
    package var info: BlockInfo
    package var chainID: ChainID
    /// The constants of the block's Starknet version.
    package var constants: VersionedConstants
    /// Whether the block's diff allocates key aliases (Starknet 0.13.4).
    package var usesStatefulCompression: Bool

    /// - Parameter constants: nil for those of the block's version, which must be 0.13.4 or later.
    package init(
        info: BlockInfo, chainID: ChainID, constants: VersionedConstants? = nil,
        usesStatefulCompression: Bool? = nil
    ) {
        guard let constants = constants ?? VersionedConstants.of(info.starknetVersion) else {
            preconditionFailure("no constants for Starknet \(info.starknetVersion)")
        }
        self.info = info
        self.chainID = chainID
        self.constants = constants
        self.usesStatefulCompression =
            usesStatefulCompression ?? constants.usesStatefulCompression
    }

    var usesBlobs: Bool { info.l1DataAvailabilityMode == .blob }
}

/// The end of a block's execution.
package struct ExecutedBlock: Sendable {
    /// Canonical; only real changes.
    package let diff: StateDiff
    /// The classes that the block declared, by class hash.
    package let declaredClasses: [ClassHash: CompiledClass]
    /// For the next block's executor.
    package let addresses: StorageAddressCache
}

/// Executes the transactions of one block, in order, on a state view.
///
/// The result depends on the context, the view's contents and the transactions alone. How the
/// transactions are grouped into calls makes no difference, and an invalid transaction leaves no
/// trace. A thrown `StateReadError` leaves the executor useless.
///
/// An executor and its copies share memory for the Cairo machine, and belong to one thread at a time.
package struct BlockExecutor: Sendable {
    package let blockContext: BlockContext
    var context: CallContext
    /// The contract that fees are paid in.
    let feeToken: BlockState.ContractIndex
    /// Included transactions and their gas.
    package private(set) var transactionCount = 0
    package private(set) var totalGas = GasVector.zero
    /// How transactions that ran ahead of their turn came out.
    package internal(set) var speculation = SpeculationCounts()
    /// Where the fee of a transaction that runs ahead of its turn parts from the rest of it.
    var feePoint: FeePoint?
    /// The key of the sequencer's balance, where transactions run ahead of their turn.
    var sequencerBalance: StorageKey?
    /// Memory of those that do.
    var pools: [CellPool] = []

    var constants: VersionedConstants { context.constants }

    /// Blocks keep the hash of the block so many before in contract 1.
    package static let storedBlockHashDistance: UInt64 = 10

    /// - Parameter oldBlockHash: the hash of the block ten below; nil if and only if there is none.
    package init(
        _ context: BlockContext, on view: any StateReader, oldBlockHash: Felt?,
        fastPath: FastPath = .off, addresses: StorageAddressCache = StorageAddressCache()
    ) throws(StateReadError) {
        let number = context.info.number.rawValue
        let distance = BlockExecutor.storedBlockHashDistance
        precondition(
            (oldBlockHash != nil) == (number >= distance),
            "block \(number) with old hash \(String(describing: oldBlockHash))")
        try self.init(queries: context, on: view, fastPath: fastPath, addresses: addresses)
        if let oldBlockHash {
            let contract = try self.context.state.contract(WellKnownContracts.blockHashes)
            let cell = try self.context.state.cell(of: contract, at: Felt(number - distance))
            self.context.state.set(cell, to: oldBlockHash)
        }
    }

    /// An executor that never makes a block: for calls, estimates and admission.
    package init(
        queries blockContext: BlockContext, on view: any StateReader, fastPath: FastPath = .off,
        addresses: StorageAddressCache = StorageAddressCache()
    ) throws(StateReadError) {
        self.blockContext = blockContext
        var state = BlockState(base: view)
        feeToken = try state.contract(WellKnownContracts.strk)
        context = CallContext(
            state: state, constants: blockContext.constants, block: blockContext.info,
            chainID: blockContext.chainID, fastPath: fastPath, addresses: addresses)
    }

    /// An executor that runs single transactions on a view of what other executors have done.
    init(ahead other: borrowing BlockExecutor, on view: any StateReader, pool: CellPool) {
        blockContext = other.blockContext
        // The first contract that any executor loads.
        feeToken = 0
        context = CallContext(
            state: BlockState(base: view), constants: other.constants,
            block: other.context.block, chainID: other.context.chainID,
            fastPath: other.context.fastPath, addresses: StorageAddressCache(),
            pool: pool)
    }

    /// The storage addresses computed so far, for the next executor.
    package var addresses: StorageAddressCache { context.addresses }

    /// Runs one transaction. Without a checked signature for the account's key, this verifies it.
    package mutating func execute(
        _ transaction: PreparedTransaction
    ) throws(StateReadError) -> ExecutionOutcome {
        switch try trace(transaction) {
        case .invalid(let reason): .invalid(reason)
        case .included(let executed): .included(executed.receipt, executed.cost)
        }
    }

    /// Runs one transaction, and tells of all its calls.
    package mutating func trace(
        _ transaction: PreparedTransaction
    ) throws(StateReadError) -> TransactionOutcome {
        let outcome = try run(transaction, RunRules())
        if case .included(let executed) = outcome { note(executed.receipt) }
        return outcome
    }

    mutating func note(_ receipt: TransactionReceipt) {
        transactionCount += 1
        totalGas.l1Gas &+= receipt.gasConsumed.l1Gas
        totalGas.l1DataGas &+= receipt.gasConsumed.l1DataGas
        totalGas.l2Gas &+= receipt.gasConsumed.l2Gas
    }

    /// What the last transaction changed.
    package func transactionDiff() -> StateDiff { context.state.transactionDiff() }

    /// Ends the block.
    package consuming func finish() throws(StateReadError) -> ExecutedBlock {
        var diff = context.state.diff()
        if blockContext.usesStatefulCompression {
            context.state.beginTransaction()
            try KeyAliases.allocate(for: diff, in: &context.state)
            diff = context.state.diff()
        }
        return ExecutedBlock(
            diff: diff, declaredClasses: context.state.declaredClasses,
            addresses: context.addresses)
    }

    // MARK: The fee token

    /// An account's balance as the fee rules read it, outside any call and free of gas. A value
    /// that is no `u256` counts as 0.
    mutating func balance(of account: ContractAddress) throws(Rejection) -> FeeBalance {
        let key = context.addresses.balance(of: account)
        let token = feeToken
        return try reading { (context) throws(CallAbort) in
            let low = try context.cell(of: token, at: key)
            let high = try context.cell(of: token, at: StorageAddresses.second(of: key))
            guard let lowValue = context.state.value(low).asUInt128,
                let highValue = context.state.value(high).asUInt128
            else { return FeeBalance(value: .zero, low: low) }
            return FeeBalance(value: U256(low: lowValue, high: highValue), low: low)
        }
    }

    /// Moves the fee as the token's `transfer`, called by the sender, does.
    mutating func moveFee(
        _ fee: UInt128, _ terms: AccountTerms, _ rules: RunRules
    ) throws(Rejection) -> CallInfo {
        if rules.defersFee { feePoint = partFee() }
        return try moveFee(fee, from: terms.senderAddress)
    }

    mutating func moveFee(
        _ fee: UInt128, from sender: ContractAddress
    ) throws(Rejection) -> CallInfo {
        var gas = constants.initialGasOfSteps
        // The token is the chain's own: its run needs no limit of the sender's.
        context.begin(.execute, steps: constants.invokeSteps, gas: gas)
        let call = EntryPointCall(
            kind: .external, selector: EntryPointSelectors.transfer,
            calldata: [blockContext.info.sequencerAddress, Felt(fee), .zero],
            storageAddress: WellKnownContracts.strk, callerAddress: sender,
            codeAddress: nil, classHash: nil, initialGas: gas)
        let info: CallInfo
        do throws(CallAbort) {
            info = try context.run(call, gas: &gas)
        } catch {
            guard case .failed = error else { throw .abort(error) }
            throw .invalid(.feeTransferFailed)
        }
        if info.failed { throw .invalid(.feeTransferFailed) }
        return info
    }
}

/// What an account can pay with: the amount, and the cell of its low half.
struct FeeBalance {
    var value: U256
    let low: BlockState.CellIndex
}
