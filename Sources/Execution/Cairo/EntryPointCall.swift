package import CairoVM
package import StarkField

/// What a class counts while it runs, decided by its Sierra version: gas in its own code, or the
/// steps that it takes. What is called from step-counting code counts steps too.
package enum TrackedResource: UInt8, Hashable, Sendable { case cairoSteps, sierraGas }

package enum CallType: UInt8, Hashable, Sendable {
    case call
    /// With the caller's storage and its caller's address.
    case delegate
}

/// A call of an entry point, before its class is known or after.
package struct EntryPointCall: Hashable, Sendable {
    package var kind: CasmClass.EntryPointKind
    package var selector: Selector
    package var calldata: [Felt]
    package var storageAddress: ContractAddress
    package var callerAddress: ContractAddress
    /// Where the code lives, for calls by address.
    package var codeAddress: ContractAddress?
    /// Nil: that of the storage address.
    package var classHash: ClassHash?
    package var type = CallType.call
    /// L2 gas.
    package var initialGas: UInt64

    package init(
        kind: CasmClass.EntryPointKind, selector: Selector, calldata: [Felt],
        storageAddress: ContractAddress, callerAddress: ContractAddress,
        codeAddress: ContractAddress? = nil, classHash: ClassHash? = nil,
        type: CallType = .call, initialGas: UInt64
    ) {
        self.kind = kind
        self.selector = selector
        self.calldata = calldata
        self.storageAddress = storageAddress
        self.callerAddress = callerAddress
        self.codeAddress = codeAddress
        self.classHash = classHash
        self.type = type
        self.initialGas = initialGas
    }
}

/// What an event of one call was, and its place among all events of the transaction.
package struct OrderedEvent: Hashable, Sendable {
    package var order: Int
    package var keys: [Felt]
    package var data: [Felt]
}

package struct OrderedMessage: Hashable, Sendable {
    package var order: Int
    package var toAddress: Felt
    package var payload: [Felt]
}

/// A call of an entry point that has ended, with all that it did, and the calls inside it.
package struct CallInfo: Hashable, Sendable {
    package var call: EntryPointCall
    package var returnData: [Felt] = []
    /// Whether it panicked; then the return data says why.
    package var failed = false
    /// L2 gas, in gas-counting calls; with that of inner calls.
    package var gasConsumed: UInt64 = 0
    package var events: [OrderedEvent] = []
    package var messages: [OrderedMessage] = []
    package var innerCalls: [CallInfo] = []
    /// Of step-counting calls, with those of inner calls.
    package var resources = ExecutionResources()
    /// What the machine and the operating system used for this call alone, whatever it counts.
    package var ownResources = ExecutionResources()
    package var tracked: TrackedResource

    /// A transaction's events, in the order in which they were emitted.
    package func sortedEvents() -> [Event] {
        var all: [(Int, Event)] = []
        visit { info in
            for event in info.events {
                all.append(
                    (
                        event.order,
                        Event(
                            fromAddress: info.call.storageAddress, keys: event.keys,
                            data: event.data)
                    ))
            }
        }
        return all.sorted { $0.0 < $1.0 }.map { $0.1 }
    }

    package func sortedMessages() -> [MessageToL1] {
        var all: [(Int, MessageToL1)] = []
        visit { info in
            for message in info.messages {
                all.append(
                    (
                        message.order,
                        MessageToL1(
                            fromAddress: info.call.storageAddress, toAddress: message.toAddress,
                            payload: message.payload)
                    ))
            }
        }
        return all.sorted { $0.0 < $1.0 }.map { $0.1 }
    }

    /// This call and those inside it, each before what it called. Calls are at most as deep as the
    /// constants allow.
    func visit(_ body: (CallInfo) -> Void) {
        body(self)
        for inner in innerCalls { inner.visit(body) }
    }

    /// What a caught failure leaves of a call: no events and no messages.
    mutating func forgetOutput() {
        events = []
        messages = []
        for index in innerCalls.indices { innerCalls[index].forgetOutput() }
    }
}

/// The class of a contract in the form that runs.
package struct CompiledClass: Sendable {
    package enum Code: Sendable {
        case casm(CasmClass)
        case deprecated(DeprecatedClass, HintTexts)
    }

    package let code: Code
    /// Nil for Cairo 0.
    package let sierraVersion: SierraVersion?

    package init(_ casm: CasmClass, sierraVersion: SierraVersion) {
        code = .casm(casm)
        self.sierraVersion = sierraVersion
    }

    package init(_ deprecated: DeprecatedClass) {
        code = .deprecated(deprecated, HintTexts(deprecated.program, onlyWhitelisted: true))
        sierraVersion = nil
    }

    var isCairo1: Bool {
        if case .casm = code { return true }
        return false
    }

    func tracked(
        _ constants: borrowing VersionedConstants, inside outer: TrackedResource?
    ) -> TrackedResource {
        guard outer != .cairoSteps, let sierraVersion, sierraVersion >= constants.gasVersion else {
            return .cairoSteps
        }
        return .sierraGas
    }

    /// The selector of its constructor; nil where it has none.
    var constructor: Selector? {
        switch code {
        case .casm(let casm): casm.entryPoints[.constructor]?.first?.selector
        case .deprecated(let deprecated, _): deprecated.entryPoints[.constructor]?.first?.selector
        }
    }
}
