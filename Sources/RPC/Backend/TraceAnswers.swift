package import CairoVM
package import Execution
package import StarkField

/// A call of an entry point with all that it did, and the calls inside it (`FUNCTION_INVOCATION`).
package struct RPCInvocation: Hashable, Sendable {
    package enum CallKind: String, Hashable, Sendable {
        case call = "CALL"
        /// Another class's code in the caller's place.
        case libraryCall = "LIBRARY_CALL"
        /// The code of another contract in the caller's place: Cairo 0 alone has that.
        case delegate = "DELEGATE"
    }

    package var contractAddress: ContractAddress
    package var selector: Selector
    package var calldata: [Felt]
    package var callerAddress: ContractAddress
    package var classHash: ClassHash
    package var entryPointKind: CasmClass.EntryPointKind
    package var callKind: CallKind
    package var result: [Felt]
    package var calls: [RPCInvocation]
    package var events: [OrderedEvent]
    package var messages: [OrderedMessage]
    /// Of the call and those inside it.
    package var l1Gas: UInt64
    package var l2Gas: UInt64
    /// Whether it panicked.
    package var isReverted: Bool

    package init(
        contractAddress: ContractAddress, selector: Selector, calldata: [Felt],
        callerAddress: ContractAddress, classHash: ClassHash,
        entryPointKind: CasmClass.EntryPointKind, callKind: CallKind, result: [Felt],
        calls: [RPCInvocation], events: [OrderedEvent], messages: [OrderedMessage],
        l1Gas: UInt64, l2Gas: UInt64, isReverted: Bool
    ) {
        self.contractAddress = contractAddress
        self.selector = selector
        self.calldata = calldata
        self.callerAddress = callerAddress
        self.classHash = classHash
        self.entryPointKind = entryPointKind
        self.callKind = callKind
        self.result = result
        self.calls = calls
        self.events = events
        self.messages = messages
        self.l1Gas = l1Gas
        self.l2Gas = l2Gas
        self.isReverted = isReverted
    }
}

/// What a transaction did (`TRANSACTION_TRACE`).
package struct RPCTransactionTrace: Hashable, Sendable {
    /// `REVERTIBLE_FUNCTION_INVOCATION`.
    package enum Outcome: Hashable, Sendable {
        case invocation(RPCInvocation)
        case reverted(reason: String)
    }

    package enum Content: Hashable, Sendable {
        /// The call of `__execute__`.
        case invoke(Outcome)
        case declare
        case deployAccount(constructor: RPCInvocation)
        case l1Handler(Outcome)
    }

    package var content: Content
    /// nil where none was made: of L1 handlers, and where it was skipped.
    package var validation: RPCInvocation?
    package var feeTransfer: RPCInvocation?
    /// nil where it is not known.
    package var stateDiff: StateDiff?
    /// All that was paid for.
    package var gas: GasVector

    package init(
        content: Content, validation: RPCInvocation?, feeTransfer: RPCInvocation?,
        stateDiff: StateDiff?, gas: GasVector
    ) {
        self.content = content
        self.validation = validation
        self.feeTransfer = feeTransfer
        self.stateDiff = stateDiff
        self.gas = gas
    }
}

package enum RPCTraceLookup: Hashable, Sendable {
    case executed(RPCTransactionTrace)
    /// In the pool.
    case received
    /// Refused, and in no block.
    case rejected
}

/// `SIMULATION_FLAG`.
package struct RPCSimulationFlags: OptionSet, Hashable, Sendable {
    package let rawValue: UInt8
    package init(rawValue: UInt8) { self.rawValue = rawValue }

    /// Accounts are not asked.
    package static let skipValidate = RPCSimulationFlags(rawValue: 1)
    /// Bounds and balances don't count, and no fee is moved.
    package static let skipFeeCharge = RPCSimulationFlags(rawValue: 2)
    /// What the transactions read of the block's state is wanted, too.
    package static let returnInitialReads = RPCSimulationFlags(rawValue: 4)
}

package struct RPCSimulation: Hashable, Sendable {
    package struct Result: Hashable, Sendable {
        package var trace: RPCTransactionTrace
        package var fee: RPCFeeEstimate
        package init(trace: RPCTransactionTrace, fee: RPCFeeEstimate) {
            self.trace = trace
            self.fee = fee
        }
    }

    /// One for each transaction, in their order.
    package var results: [Result]
    /// Not looked at unless they were asked for; nil where the node does not know them.
    package var initialReads: RPCInitialReads?

    package init(results: [Result], initialReads: RPCInitialReads? = nil) {
        self.results = results
        self.initialReads = initialReads
    }
}

package struct RPCBlockTraces: Hashable, Sendable {
    package struct Entry: Hashable, Sendable {
        package var transactionHash: Felt
        package var trace: RPCTransactionTrace
        package init(transactionHash: Felt, trace: RPCTransactionTrace) {
            self.transactionHash = transactionHash
            self.trace = trace
        }
    }

    /// In block order.
    package var traces: [Entry]
    /// Not looked at unless they were asked for; nil where running the block again did not give
    /// what the block says.
    package var initialReads: RPCInitialReads?

    package init(traces: [Entry], initialReads: RPCInitialReads? = nil) {
        self.traces = traces
        self.initialReads = initialReads
    }
}

/// What an execution read of the state that it started from (`INITIAL_READS`): each value once.
package struct RPCInitialReads: Hashable, Sendable {
    package struct ClassRead: Hashable, Sendable {
        package var classHash: ClassHash
        package var isDeclared: Bool
        package init(classHash: ClassHash, isDeclared: Bool) {
            self.classHash = classHash
            self.isDeclared = isDeclared
        }
    }

    package var storage: [ContractStorageDiff]
    package var nonces: [NonceUpdate]
    package var classHashes: [ContractClassUpdate]
    package var declaredClasses: [ClassRead]

    package init(
        storage: [ContractStorageDiff] = [], nonces: [NonceUpdate] = [],
        classHashes: [ContractClassUpdate] = [], declaredClasses: [ClassRead] = []
    ) {
        self.storage = storage
        self.nonces = nonces
        self.classHashes = classHashes
        self.declaredClasses = declaredClasses
    }
}
