import CairoVM
import Primitives
import StarkField
import StarkHash
import TestSupport
import Testing

@testable import Execution

/// What contracts can learn of their transaction, and calls between both generations of Cairo, with
/// the feature contracts that check it from inside.
@Suite(
    .serialized,
    .enabled(if: Fixtures.has("feature-contracts"), "\(Fixtures.absence(of: "feature-contracts"))"))
struct FeatureSyscallTests {
    static let at: ContractAddress = 0xabc
    static let account: ContractAddress = 0xfedc_ba00_00
    static let hash: Felt = 0xabcdef

    static func transaction(
        query: Bool = false, tip: UInt64 = 9, signature: [Felt] = [FeatureSyscallTests.hash]
    ) -> TransactionInfo {
        TransactionInfo(
            hash: hash, version: 3, isQuery: query, sender: account, signature: signature,
            nonce: 13,
            current: TransactionInfo.Current(
                bounds: AccountTransactionTests.bounds(), tip: tip, paymasterData: [4, 5],
                nonceMode: .l1, feeMode: .l1, accountDeploymentData: [6], proofFacts: [7, 8]))
    }

    /// The first class of the fixtures with such a function, deployed.
    static func deployed(
        _ name: String, cairo1: Bool = true
    ) throws -> (world: SmallWorld, feature: FeatureClass) {
        let features = try FeatureClass.fixtures(under: "feature-contracts")
        let feature = try #require(
            features.first { feature in
                feature.isCairo1 == cairo1
                    && feature.abi.functions.contains { $0.name == name }
            }, "no class with \(name)")
        var world = SmallWorld([feature])
        world.contracts[at] = feature.hash
        return (world, feature)
    }

    static func call(_ name: String, _ calldata: [Felt]) -> EntryPointCall {
        EntryPointCall(at, StarkHash.selector(name), calldata, gas: 1_000_000_000)
    }

    static let queryBase = Felt(UInt128(1) << 64) * Felt(UInt128(1) << 64)

    // MARK: Execution info

    /// The transaction as `TxInfo` of a version is written.
    static func fields(_ version: Int, _ transaction: TransactionInfo) throws -> [Felt] {
        func array(_ felts: [Felt]) -> [Felt] { [Felt(UInt64(felts.count))] + felts }
        var felts: [Felt] = [
            transaction.isQuery ? queryBase + 3 : 3, transaction.sender, 0,
        ]
        felts += array(transaction.signature)
        felts += [transaction.hash, SmallWorld.chainID, transaction.nonce]
        guard version > 1 else { return felts }
        let current = try #require(transaction.current)
        felts.append(3)
        for (name, bounds) in [
            ("L1_GAS", current.bounds.l1Gas), ("L2_GAS", current.bounds.l2Gas),
            ("L1_DATA", current.bounds.l1DataGas),
        ] {
            felts += [
                HashTerms.shortString(name), Felt(bounds.maxAmount), Felt(bounds.maxPricePerUnit),
            ]
        }
        felts.append(Felt(current.tip))
        felts += array(current.paymasterData) + [0, 0] + array(current.accountDeploymentData)
        if version > 2 { felts += array(current.proofFacts) }
        return felts
    }

    @Test("A contract sees its transaction in the form of each version", arguments: [1, 2, 3])
    func executionInfo(version: Int) throws {
        let name = version == 1 ? "test_get_execution_info" : "test_get_execution_info_v\(version)"
        let features = try FeatureClass.fixtures(under: "feature-contracts")
        // The oldest form has the block's numbers as arguments of their own: seven in all.
        let feature = try #require(
            features.first { feature in
                feature.abi.functions.contains {
                    $0.name == name && (version > 1 || $0.inputs.count == 7)
                }
            })
        var world = SmallWorld([feature])
        world.contracts[Self.at] = feature.hash
        let block = SmallWorld.block
        for query in [false, true] {
            let transaction = Self.transaction(query: query)
            let calldata =
                try [Felt(block.number.rawValue), Felt(block.timestamp), block.sequencerAddress]
                + [0x99, Self.at, StarkHash.selector(name)] + Self.fields(version, transaction)
            let seen = try world.run(
                Self.call(name, calldata), .standard, transaction: transaction)
            #expect(seen.info?.failed == false, "\(PanicText.describe(seen.returned))")
            // Any other value is noticed.
            for index in calldata.indices where index != 9 {
                var wrong = calldata
                wrong[index] += .one
                let other = try world.run(
                    Self.call(name, wrong), .standard, transaction: transaction)
                // Signature and hash are compared with each other in the newer forms.
                if version > 1, index == 10 || index == 11 { continue }
                #expect(other.info?.failed == true, "version \(version), felt \(index)")
            }
            // While validating, the block is rounded and has no sequencer.
            var rounded = calldata
            let constants = VersionedConstants.standard
            let every = constants.blockNumberRounding
            rounded[0] = Felt(block.number.rawValue / every * every)
            rounded[1] = Felt(
                block.timestamp / constants.timestampRounding * constants.timestampRounding)
            rounded[2] = .zero
            let validated = try world.run(
                Self.call(name, rounded), .standard, transaction: transaction, mode: .validate)
            #expect(validated.info?.failed == false)
        }
    }

    @Test("Some old accounts are shown version 1, or no data gas, as long as the tip is small")
    func boundAccounts() throws {
        let constants = VersionedConstants.standard
        let features = try FeatureClass.fixtures(under: "feature-contracts")
        let world = SmallWorld([])
        var found = 0
        for (accounts, cairo1) in [
            (constants.version1AccountsCairo0, false), (constants.version1AccountsCairo1, true),
        ] {
            for tip in [0, constants.version1MaximumTip, constants.version1MaximumTip + 1] {
                let context = world.context(constants, transaction: Self.transaction(tip: tip))
                let account = try #require(accounts.first)
                #expect(
                    context.shownVersion(to: account, accounts)
                        == (tip <= constants.version1MaximumTip ? 1 : 3))
                #expect(context.shownVersion(to: 0x123, accounts) == 3)
            }
            found += features.filter { $0.isCairo1 == cairo1 && accounts.contains($0.hash) }.count
        }
        // The accounts that were compiled for this are among them.
        #expect(found + features.filter { constants.dataGasAccounts.contains($0.hash) }.count > 0)
    }

    // MARK: meta_tx_v0

    @Test(
        "A transaction of version 0 runs inside another, with its own hash and signature",
        arguments: [false, true])
    func metaTransaction(query: Bool) throws {
        let (world, _) = try Self.deployed("execute_meta_tx_v0")
        let execute = StarkHash.selector("__execute__")
        let transaction = Self.transaction(query: query, signature: [])
        let call = Self.call(
            "execute_meta_tx_v0", [Self.at, execute, 1, 1234, 2, 1000, 17, 0])
        let outcome = try world.run(call, .standard, transaction: transaction)
        #expect(outcome.info?.failed == false)
        let cells = Dictionary(
            uniqueKeysWithValues: outcome.storage.map { ($0[1], $0[2]) })
        let list = StarkHash.selector("call_data")
        #expect(cells[list] == 2)
        let expectedHash = HistoricTransactionHash.invokeV0(
            version: query ? Self.queryBase : .zero, contractAddress: Self.at, selector: execute,
            calldata: [1234], maxFee: .zero, chainID: SmallWorld.chainID)
        func item(_ index: UInt64) -> [Felt] {
            let start = ContractAddresses.reduced(Pedersen.hash(list, Felt(index)))
            return (0..<9).map { cells[start + Felt(UInt64($0))] ?? .zero }
        }
        #expect(
            item(0) == [
                0, Self.at, query ? Self.queryBase : 0, 1234, expectedHash, 1000, 0, 0, 0,
            ])
        #expect(
            item(1) == [
                0x99, Self.account, query ? Self.queryBase + 3 : 3,
                HashTerms.shortString("NO_ARGUMENT"), Self.hash,
                HashTerms.shortString("NO_SIGNATURE"), 0, 3, 13,
            ])
        // Another entry point than `__execute__`: the caller is told.
        let other = try world.run(
            Self.call(
                "execute_meta_tx_v0",
                [Self.at, StarkHash.selector("__validate__"), 1, 1234, 0, 1]), .standard,
            transaction: transaction)
        #expect(other.info?.failed == false)
        // Not while validating.
        let validating = try world.run(
            call, .standard, transaction: transaction, mode: .validate)
        #expect(validating.abort?.contains("Unauthorized syscall meta_tx_v0") == true)
        // The outer transaction is back after a failure inside, too.
        #expect(outcome.context.transaction.hash == Self.hash)
    }

    // MARK: Classes of contracts

    @Test("A contract learns the class at an address, zero where nothing is, and not in validation")
    func classHashAt() throws {
        let (world, feature) = try Self.deployed("test_get_class_hash_at")
        let call = Self.call("test_get_class_hash_at", [Self.at, feature.hash, 0x404])
        #expect(try world.run(call, .standard).info?.failed == false)
        let wrong = Self.call("test_get_class_hash_at", [Self.at, feature.hash + .one, 0x404])
        #expect(try world.run(wrong, .standard).info?.failed == true)
        let validating = try world.run(call, .standard, mode: .validate)
        #expect(validating.abort?.contains("Unauthorized syscall get_class_hash_at") == true)
    }

    // MARK: Both generations

    @Test("Cairo 0 and Cairo 1 call each other; only Cairo 1 can go on after a failure")
    func generations() throws {
        var (world, _) = try Self.deployed("test_library_call_syntactic_sugar", cairo1: false)
        let caller = try FeatureClass.example("caller")
        let oldAt = Self.at
        let newAt: ContractAddress = 0xca11
        world.classes[caller.hash] = caller.compiled
        world.contracts[newAt] = caller.hash
        func old(_ name: String, _ calldata: [Felt]) throws -> CallOutcome {
            try world.run(EntryPointCall(oldAt, StarkHash.selector(name), calldata), .standard)
        }
        func new(_ name: String, _ calldata: [Felt]) throws -> CallOutcome {
            try world.run(EntryPointCall(newAt, StarkHash.selector(name), calldata), .standard)
        }
        let set = StarkHash.selector("set")
        let down = try old("test_call_contract", [newAt, set, 1, 55])
        #expect(down.info?.failed == false)
        #expect(down.storage.map { [$0[0], $0[2]] } == [[newAt, 55]])
        #expect(down.info?.innerCalls.first?.tracked == .cairoSteps)
        // A panic below Cairo 0 fails the transaction.
        let failing = try old(
            "test_call_contract", [newAt, StarkHash.selector("set_and_fail"), 3, 1, 1, 0x4142])
        #expect(failing.abort?.contains("0x4142 ('AB')") == true)
        // A library call of Cairo 1's code on Cairo 0's storage.
        let borrowed = try old("test_library_call", [caller.hash, set, 1, 66])
        #expect(borrowed.storage.map { [$0[0], $0[2]] } == [[oldAt, 66]])
        // Upwards.
        let echo = try new("try_call", [oldAt, StarkHash.selector("return_result"), 1, 42])
        #expect(echo.returned == [1, 1, 42])
        let missing = try new("try_call", [oldAt, 0x1234, 0])
        #expect(
            missing.returned == [0, 2, SyscallRuleTests.notFound, SyscallRuleTests.callFailed])
        // Cairo 0's assertions can't be caught.
        #expect(try new("try_call", [oldAt, StarkHash.selector("fail"), 0]).info == nil)
    }

    @Test("A default entry point takes the calls that no other does")
    func defaultEntryPoint() throws {
        let features = try FeatureClass.fixtures(under: "feature-contracts")
        let proxy = try #require(
            features.first { !$0.isCairo1 && $0.selectors(.external).first == .zero })
        let caller = try FeatureClass.example("caller")
        var world = SmallWorld([proxy, caller])
        world.contracts = [Self.at: proxy.hash, 0xca11: caller.hash]
        // Without an implementation, there is no class to call.
        let set = StarkHash.selector("set")
        let nowhere = try world.run(EntryPointCall(Self.at, set, [5]), .standard)
        #expect(nowhere.info == nil)
        // With one, it runs on the proxy's own storage.
        world.cells[Self.at] = [
            StorageAddresses.variable("implementation_hash"): caller.hash
        ]
        let delegated = try world.run(EntryPointCall(Self.at, set, [5]), .standard)
        #expect(delegated.info?.failed == false, "\(delegated.abort ?? "")")
        #expect(
            delegated.diff.storageDiffs.map(\.address) == [Self.at]
                && delegated.storage.contains { $0[2] == 5 })
        let inner = try #require(delegated.info?.innerCalls.first)
        #expect(inner.call.type == .delegate && inner.call.classHash == caller.hash)
    }
}
