import CairoVM
import Primitives
import StarkField

@testable import Execution

/// A state in memory that tests fill in: classes, contracts, nonces and storage.
struct SmallWorld: StateReader {
    var classes: [ClassHash: CompiledClass] = [:]
    var contracts: [ContractAddress: ClassHash] = [:]
    var nonces: [ContractAddress: Nonce] = [:]
    var cells: [ContractAddress: [StorageKey: Felt]] = [:]

    init(_ classes: [FeatureClass]) {
        for feature in classes { self.classes[feature.hash] = feature.compiled }
    }

    func storage(
        of contract: ContractAddress, at key: StorageKey
    ) throws(StateReadError) -> Felt { cells[contract]?[key] ?? .zero }

    func nonce(of contract: ContractAddress) throws(StateReadError) -> Nonce {
        nonces[contract] ?? .zero
    }

    func classHash(of contract: ContractAddress) throws(StateReadError) -> ClassHash {
        contracts[contract] ?? .zero
    }

    func compiledClass(_ hash: ClassHash) throws(StateReadError) -> CompiledClass? {
        classes[hash]
    }
}

/// What running one entry point came to.
struct CallOutcome {
    var info: CallInfo?
    /// Why nothing could catch how it ended.
    var abort: String?
    var diff: StateDiff
    var context: CallContext

    var failed: Bool { info?.failed ?? true }
    var returned: [Felt] { info?.returnData ?? [] }

    /// Storage that is not zero afterwards, by contract and key.
    var storage: [[Felt]] {
        diff.storageDiffs.flatMap { contract in
            contract.entries.map { [contract.address, $0.key, $0.value] }
        }
    }
}

extension SmallWorld {
    static let block = BlockInfo(
        number: Height(1800), timestamp: 1_700_000_000, sequencerAddress: 0x1000,
        gasPrices: GasPrices(
            l1Gas: GasPrice(wei: 1, fri: 1), l1DataGas: GasPrice(wei: 1, fri: 1),
            l2Gas: GasPrice(wei: 1, fri: 1)),
        l1DataAvailabilityMode: .blob, starknetVersion: StarknetVersion(0, 14, 0))

    static let chainID = HashTerms.shortString("SN_GOERLI")

    /// A transaction of version 1 without account, as old tools make calls.
    static let plainTransaction = TransactionInfo(
        hash: .zero, version: 1, sender: .zero, signature: [], nonce: .zero)

    func context(
        _ constants: VersionedConstants, block: BlockInfo = SmallWorld.block,
        transaction: TransactionInfo = SmallWorld.plainTransaction
    ) -> CallContext {
        var context = CallContext(
            state: BlockState(base: self), constants: constants, block: block,
            chainID: SmallWorld.chainID, fastPath: .off, addresses: StorageAddressCache())
        context.transaction = transaction
        context.state.beginTransaction()
        return context
    }

    /// Runs an entry point as a transaction's outermost call; a panic stands in the result.
    func run(
        _ call: EntryPointCall, _ constants: VersionedConstants,
        block: BlockInfo = SmallWorld.block,
        transaction: TransactionInfo = SmallWorld.plainTransaction,
        mode: ExecutionMode = .execute, steps: UInt64? = nil
    ) throws -> CallOutcome {
        var context = context(constants, block: block, transaction: transaction)
        context.begin(mode, steps: steps ?? constants.invokeSteps, gas: call.initialGas)
        var gas = call.initialGas
        do throws(CallAbort) {
            let info = try context.run(call, gas: &gas)
            return CallOutcome(info: info, diff: context.state.diff(), context: context)
        } catch {
            switch error {
            case .failed(let trace):
                return CallOutcome(
                    abort: trace.text(.none), diff: context.state.diff(), context: context)
            case .state(let failure): throw failure
            case .needsCairo: throw SmallWorldError.noNatives
            }
        }
    }
}

enum SmallWorldError: Error { case noNatives }

extension EntryPointCall {
    /// A call of a deployed contract's function.
    init(
        _ address: ContractAddress, _ selector: Felt, _ calldata: [Felt],
        kind: CasmClass.EntryPointKind = .external, caller: ContractAddress = 0x99,
        gas: UInt64 = 100_000_000
    ) {
        self.init(
            kind: kind, selector: selector, calldata: calldata, storageAddress: address,
            callerAddress: caller, codeAddress: nil, classHash: nil, initialGas: gas)
    }
}

extension VersionedConstants {
    /// As they are, but that the operating system needs nothing: what is left is the machine.
    var machineAlone: VersionedConstants {
        var constants = self
        constants.syscallResources = syscallResources.map { _ in
            ResourceRule(constant: ExecutionResources())
        }
        return constants
    }

    /// All Cairo 1 classes count gas, or none.
    func counting(_ resource: TrackedResource) -> VersionedConstants {
        var constants = self
        constants.gasVersion =
            resource == .sierraGas ? SierraVersion(0, 0, 0) : SierraVersion(.max, 0, 0)
        return constants
    }
}
