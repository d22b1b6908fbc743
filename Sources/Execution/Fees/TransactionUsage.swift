import CairoVM

/// Everything that a transaction has used and pays for, before it is gas.
///
/// Source: the published behaviour of Starknet's sequencer (starkware-libs/sequencer, `blockifier`,
/// fee); prices are in `VersionedConstants`, those of Ethereum here.
struct TransactionUsage: Sendable {
    let kind: VersionedConstants.TransactionKind
    /// Felts; with the facts that a client-side proof establishes.
    let calldataCount: Int
    let signatureCount: Int
    /// Bytes of a declared class: 32 for each felt of its bytecode and its Sierra, and its ABI.
    var codeSize = 0
    /// Felts of an L1 handler's calldata, without the sender.
    var l1Payload: Int?
    var proves = false

    // What running it has used.
    var resources = ExecutionResources()
    var gas: UInt64 = 0
    var revertedSteps: UInt64 = 0
    var revertedGas: UInt64 = 0
    var eventKeys = 0
    var eventData = 0
    /// Lengths of the payloads of messages to L1.
    var messages: [Int] = []
    var changes = BlockState.Changes()

    init(
        kind: VersionedConstants.TransactionKind, calldataCount: Int, signatureCount: Int
    ) {
        self.kind = kind
        self.calldataCount = calldataCount
        self.signatureCount = signatureCount
    }

    /// Adds what a phase of the transaction did.
    mutating func add(_ info: CallInfo, _ constants: borrowing VersionedConstants) {
        resources += info.resources
        gas += info.gasConsumed
        let countsInner = !constants.ignoresInnerEvents
        var keys = 0
        var data = 0
        var lengths: [Int] = []
        info.visit { call in
            lengths += call.messages.map(\.payload.count)
            guard countsInner else { return }
            for event in call.events {
                keys += event.keys.count
                data += event.data.count
            }
        }
        if !countsInner {
            for event in info.events {
                keys += event.keys.count
                data += event.data.count
            }
        }
        eventKeys += keys
        eventData += data
        messages += lengths
    }

    /// All gas, and the part of it that pays for data on L1.
    func gas(
        _ constants: borrowing VersionedConstants, usesBlobs: Bool
    ) -> (total: GasVector, dataAvailability: GasVector) {
        let data = DataGas.availability(changes, usesBlobs: usesBlobs)
        var total = data
        let allocation =
            usesBlobs ? constants.allocationInBlob : constants.allocationInCalldata
        let cells = UInt64(changes.allocatedCells)
        total.l1Gas += allocation.l1Gas * cells + messageGas
        total.l1DataGas += allocation.l1DataGas * cells
        total.l2Gas += allocation.l2Gas * cells
        total.l2Gas += archivalGas(constants)
        total.l2Gas += gas + revertedGas
        total.l2Gas += machineGas(constants, usesBlobs: usesBlobs)
        return (total, data)
    }

    /// What calls cost by themselves: running them, their events and their messages to L1.
    fileprivate func callGas(_ constants: borrowing VersionedConstants) -> GasVector {
        GasVector(
            l1Gas: messageGas,
            l2Gas: gas + archivalGas(constants) + Self.machineGas(resources, constants))
    }

    /// L2 gas of what is kept for good.
    private func archivalGas(_ constants: borrowing VersionedConstants) -> UInt64 {
        let costs = constants.archivalCosts
        var gas = costs.dataFelt.times(UInt64(calldataCount + signatureCount), roundingUp: false)
        gas += costs.codeByte.times(UInt64(codeSize), roundingUp: false)
        if proves { gas += costs.proof.times(1, roundingUp: false) }
        // Keys are felts times a factor; the product is rounded once.
        let key = costs.eventKey
        let felts = Ratio(
            key.numerator * UInt64(eventKeys) + UInt64(eventData) * key.denominator,
            key.denominator)
        gas += (costs.dataFelt * felts).times(1, roundingUp: false)
        return gas
    }

    /// L2 gas of the machine's work, the operating system's included: the most expensive of steps
    /// and each builtin decides.
    private func machineGas(
        _ constants: borrowing VersionedConstants, usesBlobs: Bool
    ) -> UInt64 {
        var all = resources + constants.resources(of: kind, calldata: calldataCount)
        if usesBlobs {
            all += constants.resources(ofBlobFelts: DataGas.segmentLength(changes))
        }
        return TransactionUsage.machineGas(all, revertedSteps: revertedSteps, constants)
    }

    /// An instance of the segment arena takes about ten steps of the operating system.
    private static let stepsPerArena: UInt64 = 10

    static func machineGas(
        _ resources: ExecutionResources, revertedSteps: UInt64 = 0,
        _ constants: borrowing VersionedConstants
    ) -> UInt64 {
        let steps =
            resources.steps + stepsPerArena * resources[.segmentArena] + resources.memoryHoles
            + revertedSteps
        var largest = constants.stepFee.times(steps, roundingUp: true)
        for builtin in Builtin.allCases where builtin != .segmentArena {
            guard let fee = constants.builtinFees[builtin] else { continue }
            largest = max(largest, fee.times(resources[builtin], roundingUp: true))
        }
        // Blake2s instructions have a price in L2 gas alone.
        let compression = constants.l1Gas(fromL2: constants.blakeGas)
        largest = max(largest, Ratio(compression).times(resources.compressions, roundingUp: true))
        return constants.l2Gas(fromL1: largest)
    }

    /// L1 gas of the messages in both directions.
    private var messageGas: UInt64 {
        var segment = messages.reduce(0) { $0 + 3 + $1 }
        if let l1Payload { segment += 5 + l1Payload }
        var gas = UInt64(segment) * (DataGas.memoryWord + DataGas.provedWord)
        gas += UInt64(messages.count) * 20_000
        // The logs of the core contract, without indexed topics as data.
        for length in messages { gas += DataGas.log(topics: 2, words: 2 + length) }
        if let l1Payload {
            gas += 5_000
            gas += DataGas.log(topics: 3, words: 3 + l1Payload)
        }
        return gas
    }
}

extension CallInfo {
    /// Gas of a call and those inside it, as traces state it: without calldata, state changes and
    /// what the operating system adds, which count once for a transaction (starkware-libs/sequencer,
    /// `blockifier`, `ExecutionSummary::to_partial_gas_vector`).
    package func partialGas(_ constants: borrowing VersionedConstants) -> GasVector {
        var usage = TransactionUsage(kind: .invoke, calldataCount: 0, signatureCount: 0)
        usage.add(self, constants)
        return usage.callGas(constants)
    }
}

/// What Ethereum charges for data.
enum DataGas {
    static let memoryWord: UInt64 = 512
    /// With what StarkWare's prover adds for a word of output.
    static let provedWord: UInt64 = 612
    private static let availabilityWord: UInt64 = 551
    private static let blobFelt: UInt64 = 32

    /// Felts that the changes add to the state diff on L1: two per contract, two per cell, one per
    /// class of a contract, two per declared class.
    static func segmentLength(_ changes: BlockState.Changes) -> UInt64 {
        UInt64(
            2 * changes.modifiedContracts + 2 * changes.storageUpdates + changes.classUpdates
                + 2 * changes.compiledClassUpdates)
    }

    static func availability(_ changes: BlockState.Changes, usesBlobs: Bool) -> GasVector {
        let length = segmentLength(changes)
        if usesBlobs { return GasVector(l1DataGas: blobFelt * length) }
        // A contract's second felt and the fee's balance are mostly zero bytes.
        let naive = availabilityWord * length
        let discount =
            (memoryWord - word(nonZeroBytes: 6)) * UInt64(changes.modifiedContracts)
            + (memoryWord - word(nonZeroBytes: 12))
        return GasVector(l1Gas: naive > discount ? naive - discount : 0)
    }

    private static func word(nonZeroBytes: UInt64) -> UInt64 {
        16 * nonZeroBytes + 4 * (32 - nonZeroBytes)
    }

    /// A log with an indexed signature.
    static func log(topics: UInt64, words: Int) -> UInt64 {
        375 + (topics + 1) * 375 + 256 * UInt64(words)
    }
}
