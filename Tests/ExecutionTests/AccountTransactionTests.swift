import CairoVM
import Foundation
import Primitives
import StarkField
import StarkHash
import TestSupport
import Testing

@testable import Execution

/// Whole transactions of accounts that others compiled, paid in a token that others compiled: nonce,
/// balances and gas are computed here again.
@Suite(
    .serialized,
    .enabled(if: Fixtures.has("feature-contracts"), "\(Fixtures.absence(of: "feature-contracts"))"),
    .enabled(if: Fixtures.has("devnet-contracts"), "\(Fixtures.absence(of: "devnet-contracts"))"),
    .enabled(
        if: Fixtures.has("versioned-constants"), "\(Fixtures.absence(of: "versioned-constants"))"))
struct AccountTransactionTests {
    static let account: ContractAddress = 0xacc
    static let faulty: ContractAddress = 0xfa0
    static let contract: ContractAddress = 0xabc
    static let counter: ContractAddress = 0xc0
    static let sequencer: ContractAddress = 0x5e9
    static let wealth: UInt128 = 1_000_000_000_000_000_000_000
    static let prices = GasPrices(
        l1Gas: GasPrice(wei: 1, fri: 1_000_000), l1DataGas: GasPrice(wei: 1, fri: 2_000),
        l2Gas: GasPrice(wei: 1, fri: 3_000))

    /// What all tests start from.
    struct Setting {
        var world: SmallWorld
        /// Cairo 1, counts gas; `__execute__` makes one call.
        let account: FeatureClass
        /// Cairo 0; what its validation does is in the signature.
        let faulty: FeatureClass
        let caller: FeatureClass
        let counter: FeatureClass
        let table: VersionedConstantsTests.Table
        let context: BlockContext

        init(blobs: Bool = true) throws {
            let features = try FeatureClass.fixtures(under: "feature-contracts")
            func account(_ isCairo1: Bool, _ inputs: Int) throws -> FeatureClass {
                try #require(
                    features.first { feature in
                        func has(_ name: String, _ count: Int?) -> Bool {
                            feature.abi.functions.contains {
                                $0.name == name && (count == nil || $0.inputs.count == count)
                            }
                        }
                        return feature.isCairo1 == isCairo1 && has("__validate__", nil)
                            && has("__validate_declare__", nil)
                            && has("__validate_deploy__", inputs)
                            && feature.abi.functions.contains { $0.name == "constructor" }
                                == !isCairo1
                            && has("__execute__", isCairo1 ? 3 : 4)
                            && (!isCairo1 || has("deploy_contract", nil))
                    })
            }
            self.account = try account(true, 2)
            faulty = try account(false, 3)
            caller = try FeatureClass.example("caller")
            counter = try FeatureClass.example("counter")
            let token = try #require(
                try FeatureClass.fixtures(under: "devnet-contracts").first { feature in
                    feature.isCairo1
                        && ["transfer", "balanceOf"].allSatisfy { name in
                            feature.abi.functions.contains { $0.name == name }
                        }
                })
            world = SmallWorld([self.account, faulty, caller, counter, token])
            world.contracts = [
                AccountTransactionTests.account: self.account.hash,
                AccountTransactionTests.faulty: faulty.hash,
                contract: caller.hash, AccountTransactionTests.counter: counter.hash,
                WellKnownContracts.strk: token.hash,
            ]
            for owner in [AccountTransactionTests.account, AccountTransactionTests.faulty] {
                world.cells[WellKnownContracts.strk, default: [:]][Self.key(owner)] = Felt(wealth)
            }
            table = try #require(
                try VersionedConstantsTests.tables().first {
                    $0.version == StarknetVersion(0, 14, 0)
                })
            context = BlockContext(
                info: BlockInfo(
                    number: Height(7), timestamp: 1_700_000_000,
                    sequencerAddress: AccountTransactionTests.sequencer,
                    gasPrices: AccountTransactionTests.prices,
                    l1DataAvailabilityMode: blobs ? .blob : .calldata,
                    starknetVersion: table.version), chainID: SmallWorld.chainID)
        }

        static func key(_ owner: ContractAddress) -> StorageKey {
            StorageAddresses.entry(of: StorageAddresses.variable("ERC20_balances"), owner)
        }

        func executor() throws -> BlockExecutor {
            try BlockExecutor(context, on: world, oldBlockHash: nil)
        }
    }

    static func bounds(
        l1: UInt64 = 100_000, data: UInt64 = 100_000, l2: UInt64 = 400_000_000,
        price: UInt128 = 10_000_000
    ) -> ResourceBoundsMapping {
        func some(_ amount: UInt64) -> ResourceBounds {
            ResourceBounds(maxAmount: amount, maxPricePerUnit: price)
        }
        return ResourceBoundsMapping(l1Gas: some(l1), l2Gas: some(l2), l1DataGas: some(data))
    }

    static func invoke(
        _ sender: ContractAddress, nonce: UInt64 = 0, _ to: ContractAddress, _ name: String,
        _ calldata: [Felt], signature: [Felt] = [0, 0, 0],
        bounds: ResourceBoundsMapping = AccountTransactionTests.bounds(), tip: UInt64 = 0
    ) -> PreparedTransaction {
        PreparedTransaction(
            .invoke(
                InvokeTransactionV3(
                    senderAddress: sender,
                    calldata: [to, StarkHash.selector(name), Felt(UInt64(calldata.count))]
                        + calldata, signature: signature, nonce: Felt(nonce),
                    resourceBounds: bounds, tip: tip)), chainID: SmallWorld.chainID)
    }

    static func included(_ outcome: TransactionOutcome) throws -> ExecutedTransaction {
        switch outcome {
        case .included(let executed): return executed
        case .invalid(let reason):
            Issue.record("invalid: \(reason)")
            throw reason
        }
    }

    static func refusal(_ outcome: TransactionOutcome) -> InvalidTransaction? {
        if case .invalid(let reason) = outcome { return reason }
        return nil
    }

    /// What an invoke used, out of its calls: the formulas' input.
    static func usage(
        _ executed: ExecutedTransaction, calldata: Int, signature: Int, writes: Int,
        allocations: Int, contracts: Int
    ) -> VersionedConstantsTests.Usage {
        var usage = VersionedConstantsTests.Usage(kind: .invoke)
        usage.calldata = calldata
        usage.signature = signature
        for case .some(let info) in [executed.validation, executed.execution] {
            usage.gas += Int(info.gasConsumed)
            usage.steps += Int(info.resources.steps)
            usage.holes += Int(info.resources.memoryHoles)
            for builtin in Builtin.allCases {
                usage.builtins[builtin, default: 0] += Int(info.resources[builtin])
            }
            for event in info.sortedEvents() {
                usage.eventKeys += event.keys.count
                usage.eventData += event.data.count
            }
            usage.messages += info.sortedMessages().map(\.payload.count)
        }
        // The sender's balance changes with the fee.
        usage.storage = writes + 1
        usage.allocated = allocations
        usage.contracts = contracts
        return usage
    }

    static func fee(_ gas: GasVector, tip: UInt64 = 0) -> UInt128 {
        UInt128(gas.l1Gas) * prices.l1Gas.fri + UInt128(gas.l1DataGas) * prices.l1DataGas.fri
            + UInt128(gas.l2Gas) * (prices.l2Gas.fri + UInt128(tip))
    }

    /// Balances of an account and of the sequencer, and the account's nonce, after a block.
    static func end(
        _ executor: consuming BlockExecutor, _ account: ContractAddress
    ) throws -> (account: UInt128?, sequencer: UInt128?, nonce: Nonce?) {
        let diff = try executor.finish().diff
        func balance(_ owner: ContractAddress) -> UInt128? {
            diff.storageDiffs.first { $0.address == WellKnownContracts.strk }?.entries
                .first { $0.key == Setting.key(owner) }?.value.asUInt128
        }
        return (
            balance(account), balance(sequencer),
            diff.nonces.first { $0.address == account }?.nonce
        )
    }

    // MARK: Invokes

    @Test(
        "An invoke pays for what it did, moves the fee and uses its nonce up",
        arguments: [true, false])
    func invokes(blobs: Bool) throws {
        let setting = try Setting(blobs: blobs)
        var executor = try setting.executor()
        let tip: UInt64 = 17
        let executed = try Self.included(
            try executor.trace(
                Self.invoke(Self.account, Self.contract, "set", [77], tip: tip)))
        #expect(executed.receipt.executionStatus == .succeeded)
        // One cell that was zero, in another contract than the account, whose nonce counts.
        let usage = Self.usage(
            executed, calldata: 4, signature: 3, writes: 1, allocations: 1, contracts: 2)
        let gas = try VersionedConstantsTests().expected(usage, blobs: blobs, setting.table)
        #expect(executed.receipt.gasConsumed == gas)
        #expect(executed.receipt.actualFee == Self.fee(gas, tip: tip))
        #expect(executed.validation?.tracked == .sierraGas)
        #expect(executed.execution?.innerCalls.first?.tracked == .cairoSteps)
        let transfer = try #require(executed.feeTransfer)
        #expect(transfer.call.callerAddress == Self.account)
        #expect(
            transfer.call.calldata == [Self.sequencer, Felt(executed.receipt.actualFee), .zero])
        let end = try Self.end(executor, Self.account)
        #expect(end.account == Self.wealth - executed.receipt.actualFee)
        #expect(end.sequencer == executed.receipt.actualFee)
        #expect(end.nonce == .one)
    }

    @Test("A panic is reverted: the fee covers what ran, and only fee and nonce stay")
    func reverts() throws {
        let setting = try Setting()
        var executor = try setting.executor()
        let executed = try Self.included(
            try executor.trace(
                Self.invoke(
                    Self.account, Self.contract, "set_and_fail", [77, 1, 0x4142])))
        guard case .reverted(let reason) = executed.receipt.executionStatus else {
            Issue.record("not reverted")
            return
        }
        #expect(executed.execution == nil)
        #expect(reason.hasPrefix("Transaction execution has failed:\n0: Error in the called "))
        #expect(reason.contains("0x4142 ('AB')"))
        // The same call by itself says what it used: gas in the account, steps below it.
        let alone = try setting.world.run(
            EntryPointCall(
                Self.account, StarkHash.selector("__execute__"),
                [Self.contract, StarkHash.selector("set_and_fail"), 3, 77, 1, 0x4142],
                caller: .zero, gas: 390_000_000), setting.table.constants)
        let info = try #require(alone.info)
        var usage = Self.usage(
            executed, calldata: 6, signature: 3, writes: 0, allocations: 0, contracts: 1)
        usage.revertedGas = Int(info.gasConsumed)
        // Steps that the machine took below; what the operating system adds is not charged.
        let machine = try setting.world.run(
            info.call, setting.table.constants.machineAlone)
        usage.revertedSteps = Int(try #require(machine.info).resources.steps)
        let gas = try VersionedConstantsTests().expected(usage, blobs: true, setting.table)
        #expect(executed.receipt.gasConsumed == gas)
        #expect(executed.receipt.actualFee == Self.fee(gas))
        let diff = executor.transactionDiff()
        #expect(!diff.storageDiffs.contains { $0.address == Self.contract })
        let end = try Self.end(executor, Self.account)
        #expect(end.account == Self.wealth - executed.receipt.actualFee)
        #expect(end.nonce == .one)
    }

    @Test("Nonces, bounds and balances are checked before anything runs")
    func preconditions() throws {
        let setting = try Setting()
        var executor = try setting.executor()
        func refusal(_ transaction: PreparedTransaction) throws -> InvalidTransaction? {
            Self.refusal(try executor.trace(transaction))
        }
        #expect(
            try refusal(Self.invoke(Self.account, nonce: 1, Self.contract, "set", [1]))
                == .wrongNonce(account: Self.account, expected: .zero, got: .one))
        #expect(
            try refusal(Self.invoke(0x999, Self.contract, "set", [1]))
                == .accountNotDeployed(0x999))
        let minimum = FeeRules.minimum(
            .invoke, calldataCount: 4, usesBlobs: true, setting.table.constants)
        #expect(
            try refusal(
                Self.invoke(
                    Self.account, Self.contract, "set", [1],
                    bounds: Self.bounds(l2: minimum.l2Gas - 1)))
                == .maximumGasTooLow(
                    .l2Gas, maximum: minimum.l2Gas - 1, minimal: minimum.l2Gas))
        #expect(
            try refusal(
                Self.invoke(
                    Self.account, Self.contract, "set", [1], bounds: Self.bounds(price: 999_999)))
                == .maximumGasPriceTooLow(.l1Gas, maximum: 999_999, actual: 1_000_000))
        let poor = try refusal(
            Self.invoke(
                Self.account, Self.contract, "set", [1],
                bounds: Self.bounds(l2: .max / 2, price: 1_000_000_000_000)))
        guard case .balanceTooLow(_, let balance) = poor else {
            Issue.record("\(String(describing: poor))")
            return
        }
        #expect(balance == U256(low: Self.wealth))
        // Nothing of all that left a trace.
        let end = try Self.end(executor, Self.account)
        #expect(end.nonce == nil && end.account == nil)
    }

    @Test("More gas than the bounds allow reverts, and costs the bounds")
    func exceeded() throws {
        let setting = try Setting()
        var executor = try setting.executor()
        let free = try Self.included(
            try executor.trace(Self.invoke(Self.account, Self.contract, "set", [77])))
        let used = free.receipt.gasConsumed
        // Data gas is known only at the end.
        let short = Self.bounds(data: used.l1DataGas - 1)
        var second = try setting.executor()
        let executed = try Self.included(
            try second.trace(
                Self.invoke(Self.account, Self.contract, "set", [77], bounds: short)))
        #expect(
            executed.receipt.executionStatus
                == .reverted(
                    reason: "Insufficient max L1DataGas: max amount: \(used.l1DataGas - 1), actual "
                        + "used: \(used.l1DataGas)."))
        #expect(
            executed.receipt.actualFee
                == Self.fee(
                    GasVector(
                        l1Gas: used.l1Gas, l1DataGas: used.l1DataGas - 1, l2Gas: used.l2Gas)))
        let end = try Self.end(second, Self.account)
        #expect(end.account == Self.wealth - executed.receipt.actualFee)
    }

    // MARK: Validation

    @Test(
        "A validation that fails, calls out or asks what it may not makes the transaction invalid")
    func validation() throws {
        let setting = try Setting()
        func outcome(_ signature: [Felt]) throws -> TransactionOutcome {
            var executor = try setting.executor()
            return try executor.trace(
                Self.invoke(Self.faulty, Self.contract, "set", [77], signature: signature))
        }
        let valid = try Self.included(try outcome([0]))
        #expect(valid.receipt.executionStatus == .succeeded)
        #expect(valid.validation?.tracked == .cairoSteps)
        // It sends a message in both phases.
        #expect(valid.receipt.messagesSent.map(\.payload) == [[77], [77]])
        let usage = Self.usage(
            valid, calldata: 4, signature: 1, writes: 0, allocations: 0, contracts: 1)
        let gas = try VersionedConstantsTests().expected(usage, blobs: true, setting.table)
        #expect(valid.receipt.gasConsumed == gas)
        for (signature, part) in [
            ([1], "An ASSERT_EQ instruction failed"),
            ([2, Self.contract], "Unauthorized syscall call_contract"),
            ([7, 0], "Unauthorized syscall get_sequencer_address"),
        ] as [([Felt], String)] {
            let refusal = Self.refusal(try outcome(signature))
            guard case .validationFailed(let reason) = refusal else {
                Issue.record("\(signature): \(String(describing: refusal))")
                continue
            }
            #expect(reason.contains(part), "\(reason)")
            #expect(reason.hasPrefix("Transaction validation has failed:\n"))
        }
    }

    // MARK: Other kinds

    @Test("An account is deployed, validates itself and pays; a second deployment is refused")
    func deployAccount() throws {
        let setting = try Setting()
        let deployment = DeployAccountTransactionV3(
            contractAddressSalt: 5, classHash: setting.account.hash, constructorCalldata: [],
            signature: [], nonce: .zero, resourceBounds: Self.bounds())
        let prepared = PreparedTransaction(
            .deployAccount(deployment), chainID: SmallWorld.chainID)
        let address = ContractAddresses.address(
            deployer: .zero, salt: 5, classHash: setting.account.hash, constructorCalldata: [])
        #expect(prepared.senderAddress == address)
        var poor = try setting.executor()
        guard case .balanceTooLow = Self.refusal(try poor.trace(prepared)) else {
            Issue.record("deployed without a balance")
            return
        }
        var world = setting.world
        world.cells[WellKnownContracts.strk, default: [:]][Setting.key(address)] =
            Felt(Self.wealth)
        var executor = try BlockExecutor(setting.context, on: world, oldBlockHash: nil)
        let executed = try Self.included(try executor.trace(prepared))
        var usage = Self.usage(
            executed, calldata: 0, signature: 0, writes: 0, allocations: 0, contracts: 1)
        usage.kind = .deployAccount
        usage.classes = 1
        let gas = try VersionedConstantsTests().expected(usage, blobs: true, setting.table)
        #expect(executed.receipt.gasConsumed == gas)
        #expect(executed.receipt.actualFee == Self.fee(gas))
        let diff = executor.transactionDiff()
        #expect(
            diff.deployedContracts == [
                ContractClassUpdate(address: address, classHash: setting.account.hash)
            ])
        // Its nonce is used up now, and the address taken.
        guard case .wrongNonce = Self.refusal(try executor.trace(prepared)) else {
            Issue.record("deployed twice")
            return
        }
        world.contracts[address] = setting.account.hash
        var taken = try BlockExecutor(setting.context, on: world, oldBlockHash: nil)
        guard case .deploymentFailed(let reason) = Self.refusal(try taken.trace(prepared)) else {
            Issue.record("deployed where something is")
            return
        }
        #expect(reason.contains("already deployed"))
    }

    @Test("A declaration pays for its code, declares once, and must be what was signed")
    func declare() throws {
        let setting = try Setting()
        let example = try FeatureClass.example("bench")
        let casm = try #require(example.casm)
        let sierra = try SierraClass(json: example.sierraBytes())
        let declared = DeclaredContract(sierra: sierra, casm: casm)
        func prepared(
            _ compiledClassHash: Felt, _ classHash: ClassHash, nonce: UInt64 = 0
        ) -> PreparedTransaction {
            PreparedTransaction(
                .declare(
                    Declaration(
                        transaction: DeclareTransactionV3(
                            senderAddress: Self.account, classHash: classHash,
                            compiledClassHash: compiledClassHash, signature: [1, 2],
                            nonce: Felt(nonce), resourceBounds: Self.bounds(l2: 4_000_000_000)),
                        sierra: [], casm: [])), chainID: SmallWorld.chainID, declared: declared)
        }
        let right =
            setting.table.constants.wantsBlakeClassHash
            ? declared.blakeHash : declared.poseidonHash
        var executor = try setting.executor()
        guard
            case .classHashMismatch = Self.refusal(
                try executor.trace(prepared(right, sierra.hash + .one))),
            case .compiledClassHashMismatch = Self.refusal(
                try executor.trace(prepared(right + .one, sierra.hash)))
        else {
            Issue.record("declared what was not signed")
            return
        }
        let executed = try Self.included(try executor.trace(prepared(right, sierra.hash)))
        var usage = Self.usage(
            executed, calldata: 0, signature: 2, writes: 0, allocations: 0, contracts: 1)
        usage.kind = .declare
        usage.declared = 1
        usage.code =
            32 * (casm.bytecode.count + sierra.program.count) + sierra.abi.utf8.count
        let gas = try VersionedConstantsTests().expected(usage, blobs: true, setting.table)
        #expect(executed.receipt.gasConsumed == gas)
        #expect(executed.receipt.actualFee == Self.fee(gas))
        #expect(executed.execution == nil)
        #expect(
            Self.refusal(try executor.trace(prepared(right, sierra.hash, nonce: 1)))
                == .alreadyDeclared(sierra.hash))
        let block = try executor.finish()
        #expect(
            block.diff.declaredClasses == [
                DeclaredClass(classHash: sierra.hash, compiledClassHash: right)
            ])
        #expect(block.declaredClasses.keys.contains(sierra.hash))
    }

    @Test("A message from L1 runs its handler without fee, and is consumed even where it fails")
    func l1Handler() throws {
        let setting = try Setting()
        let handlers = setting.counter.abi.functions.filter { $0.kind == .l1Handler }
        try #require(!handlers.isEmpty)
        for handler in handlers {
            var maker = ArgumentMaker(
                abi: setting.counter.abi, address: Self.counter,
                classHash: setting.counter.hash, selectors: [], words: SeededWords(seed: 4))
            let calldata = maker.arguments(for: handler, .small)
            var executor = try setting.executor()
            let executed = try Self.included(
                try executor.trace(
                    PreparedTransaction(
                        .l1Handler(
                            L1HandlerTransaction(
                                contractAddress: Self.counter,
                                entryPointSelector: handler.selector, calldata: calldata,
                                nonce: 9)), chainID: SmallWorld.chainID)))
            #expect(executed.receipt.actualFee == 0 && executed.feeTransfer == nil)
            var usage = Self.usage(
                executed, calldata: calldata.count - 1, signature: 0, writes: 0, allocations: 0,
                contracts: 0)
            usage.kind = .l1Handler
            usage.l1Payload = calldata.count - 1
            let diff = executor.transactionDiff()
            let writes = diff.storageDiffs.flatMap(\.entries)
            usage.storage = writes.count
            usage.allocated = writes.count
            usage.contracts = diff.storageDiffs.count
            if case .reverted(let reason) = executed.receipt.executionStatus {
                #expect(!reason.isEmpty)
                #expect(diff == StateDiff())
            }
            let gas = try VersionedConstantsTests().expected(usage, blobs: true, setting.table)
            #expect(executed.receipt.gasConsumed == gas, "\(handler.name)")
        }
        // No contract, no handler: consumed as well.
        var executor = try setting.executor()
        let lost = try Self.included(
            try executor.trace(
                PreparedTransaction(
                    .l1Handler(
                        L1HandlerTransaction(
                            contractAddress: 0x404, entryPointSelector: 5, calldata: [1],
                            nonce: 0)), chainID: SmallWorld.chainID)))
        guard case .reverted = lost.receipt.executionStatus else {
            Issue.record("a message to nobody succeeded")
            return
        }
    }
}
