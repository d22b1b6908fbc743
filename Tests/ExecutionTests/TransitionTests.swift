import Primitives
import StarkCurve
import StarkField
import StarkHash
import Testing

@testable import Execution

@Suite("Executing transactions", .serialized)
struct TransitionTests {
    private static let one = U256(low: TransitionWorld.strk)

    /// What a receipt's fee event must be (mainnet's STRK contract: all members are data).
    static func transferEvent(
        _ from: ContractAddress, _ to: ContractAddress, _ amount: U256
    ) -> Event {
        Event(
            fromAddress: WellKnownContracts.strk, keys: [selector("Transfer")],
            data: [from, to, Felt(amount.low), Felt(amount.high)])
    }

    @Test("A transfer moves its amount and the fee, uses the nonce, and says so in its events")
    func transfer() throws {
        var world = try TransitionWorld()
        var executor = try world.executor()
        let outcome = try executor.execute(
            world.prepared(0, nonce: 0, [.transfer(world.accounts[1], TransitionTests.one)]))
        let receipt = try #require(outcome.receipt)
        #expect(receipt.executionStatus == .succeeded)
        let fee = U256(low: receipt.actualFee)
        #expect(
            receipt.events == [
                TransitionTests.transferEvent(
                    world.accounts[0], world.accounts[1], TransitionTests.one),
                TransitionTests.transferEvent(
                    world.accounts[0], TransitionWorld.sequencer, fee),
            ])
        // Two contracts' felts for the account, two cells: its balance and the recipient's.
        #expect(receipt.gasConsumed.l1DataGas == 32 * (2 + 2 * 2))
        #expect(receipt.gasConsumed.l1Gas == 0)
        #expect(
            receipt.actualFee
                == UInt128(receipt.gasConsumed.l2Gas) * 2 + UInt128(
                    receipt.gasConsumed.l1DataGas) * 3)
        let diff = try world.advance(executor)
        #expect(diff.nonces == [NonceUpdate(address: world.accounts[0], nonce: 1)])
        let start = U256(low: 1000 * TransitionWorld.strk)
        #expect(
            try world.balance(of: world.accounts[0])
                == start.subtracting(TransitionTests.one)?.subtracting(fee))
        #expect(
            try world.balance(of: world.accounts[1]) == start.adding(TransitionTests.one))
        #expect(try world.balance(of: TransitionWorld.sequencer) == fee)
    }

    @Test("A new recipient's balance costs the allocation of a cell")
    func allocation() throws {
        let world = try TransitionWorld()
        var executor = try world.executor()
        let outcome = try executor.execute(
            world.prepared(0, nonce: 0, [.transfer(0x777, TransitionTests.one)]))
        #expect(outcome.receipt?.gasConsumed.l1DataGas == 32 * (2 + 2 * 2) + 32)
        // Without blobs the same changes are paid in L1 gas.
        var calldata = try world.executor(TransitionWorld.context(mode: .calldata))
        var bounds = TransitionWorld.bounds
        bounds.l1Gas.maxAmount = 100_000
        let onL1 = try calldata.execute(
            world.prepared(
                0, nonce: 0, [.transfer(0x777, TransitionTests.one)], bounds: bounds))
        #expect(onL1.receipt?.gasConsumed.l1DataGas == 0)
        #expect(onL1.receipt?.gasConsumed.l1Gas == 551 * 6 - 312 - 240 + 551)
    }

    @Test("Many calls run in order, and a later one sees what an earlier one did")
    func manyCalls() throws {
        var world = try TransitionWorld()
        var executor = try world.executor()
        let third = world.accounts[2]
        let outcome = try executor.execute(
            world.prepared(
                0, nonce: 0,
                [
                    .transfer(world.accounts[1], TransitionTests.one),
                    TransitionWorld.Call(
                        to: WellKnownContracts.strk, name: "approve",
                        calldata: [world.accounts[0], 50, 0]),
                    TransitionWorld.Call(
                        to: WellKnownContracts.strk, name: "increaseAllowance",
                        calldata: [world.accounts[0], 10, 0]),
                    TransitionWorld.Call(
                        to: WellKnownContracts.strk, name: "transferFrom",
                        calldata: [world.accounts[0], third, 45, 0]),
                ]))
        let receipt = try #require(outcome.receipt)
        #expect(receipt.executionStatus == .succeeded)
        let names = receipt.events.map { $0.keys.first }
        let transfer = selector("Transfer")
        let approval = selector("Approval")
        #expect(names == [transfer, approval, approval, approval, transfer, transfer])
        #expect(receipt.events[3].data == [world.accounts[0], world.accounts[0], 15, 0])
        _ = try world.advance(executor)
        #expect(
            try world.balance(of: third) == U256(low: 1000 * TransitionWorld.strk + 45))
        var query = try world.executor()
        #expect(
            try query.call(
                WellKnownContracts.strk, selector("allowance"),
                [world.accounts[0], world.accounts[0]]) == [15, 0])
    }

    @Test("A failed call reverts all calls, keeps the nonce and the fee, and says where it failed")
    func revert() throws {
        var world = try TransitionWorld()
        var executor = try world.executor()
        let outcome = try executor.execute(
            world.prepared(
                0, nonce: 0,
                [
                    .transfer(world.accounts[1], TransitionTests.one),
                    .transfer(world.accounts[1], U256(low: 0, high: 1)),
                ]))
        let receipt = try #require(outcome.receipt)
        func hash(_ made: GenesisClass) -> String { PanicText.padded(made.classHash) }
        let account = PanicText.padded(world.accounts[0])
        let execute = PanicText.padded(selector("__execute__"))
        let accountFrame =
            "(contract address: \(account), class hash: "
            + "\(hash(TransitionWorld.classes.account)), selector: \(execute)):\n"
        let tokenFrame =
            "(contract address: \(PanicText.padded(WellKnownContracts.strk)), class hash: "
            + "\(hash(TransitionWorld.classes.token)), selector: "
            + "\(PanicText.padded(selector("transfer")))):\n"
        #expect(
            outcome.revertReason == "Transaction execution has failed:\n"
                + "0: Error in the called contract \(accountFrame)"
                + "Execution failed. Failure reason:\n"
                + "Error in contract \(accountFrame)Error in contract \(tokenFrame)"
                + "0x753235365f737562204f766572666c6f77 ('u256_sub Overflow').\n")
        #expect(
            receipt.events == [
                TransitionTests.transferEvent(
                    world.accounts[0], TransitionWorld.sequencer,
                    U256(low: receipt.actualFee))
            ])
        let diff = try world.advance(executor)
        #expect(diff.nonces.map(\.nonce) == [1])
        #expect(
            try world.balance(of: world.accounts[1])
                == U256(low: 1000 * TransitionWorld.strk))
        #expect(
            try world.balance(of: world.accounts[0])
                == U256(low: 1000 * TransitionWorld.strk - receipt.actualFee))
    }

    @Test("Calls to a missing contract, entry point or function argument revert with their reason")
    func callFailures() throws {
        let world = try TransitionWorld()
        var executor = try world.executor()
        let strk = WellKnownContracts.strk
        let cases: [(TransitionWorld.Call, String)] = [
            (
                TransitionWorld.Call(to: 0x123, name: "transfer", calldata: []),
                "Requested contract address "
                    + "0x0000000000000000000000000000000000000000000000000000000000000123 "
                    + "is not deployed."
            ),
            (
                TransitionWorld.Call(to: strk, name: "nonsense", calldata: []),
                "('ENTRYPOINT_NOT_FOUND')"
            ),
            (
                TransitionWorld.Call(to: strk, name: "constructor", calldata: []),
                "('ENTRYPOINT_NOT_FOUND')"
            ),
            (
                TransitionWorld.Call(to: strk, name: "transfer", calldata: [1, 2]),
                "('Input too short for arguments')"
            ),
            (
                TransitionWorld.Call(to: strk, name: "transfer", calldata: [1, 2, 3, 4]),
                "('Input too long for arguments')"
            ),
            (.transfer(0, .zero), "('ERC20: transfer to 0')"),
            (
                TransitionWorld.Call(
                    to: strk, name: "transfer_from", calldata: [world.accounts[1], 9, 1, 0]),
                "('u256_sub Overflow')"
            ),
            (
                TransitionWorld.Call(
                    to: world.accounts[1], name: "set_public_key", calldata: [5, 2, 1, 1]),
                "('Account: unauthorized')"
            ),
            (
                TransitionWorld.Call(
                    to: world.accounts[1], name: "__execute__", calldata: [0]),
                "('Account: invalid caller')"
            ),
            (
                TransitionWorld.Call(
                    to: WellKnownContracts.universalDeployer, name: "deployContract",
                    calldata: [0x999, 1, 0, 0]),
                "is not declared."
            ),
        ]
        for (index, (call, reason)) in cases.enumerated() {
            let outcome = try executor.execute(
                world.prepared(0, nonce: UInt64(index), [call]))
            let text = try #require(outcome.revertReason, "case \(index): \(outcome)")
            #expect(text.contains(reason), "case \(index): \(text)")
        }
    }

    @Test("A wrong signature, nonce, bound or balance keeps a transaction out, without a trace")
    func invalid() throws {
        let world = try TransitionWorld()
        var executor = try world.executor()
        let calls = [TransitionWorld.Call.transfer(world.accounts[1], TransitionTests.one)]
        func rejected(
            _ invoke: InvokeTransactionV3, valid: Bool = true,
            _ expected: (InvalidTransaction) -> Bool
        ) throws {
            let outcome = try executor.execute(world.prepared(invoke, valid: valid))
            let reason = try #require(outcome.invalidity, "\(outcome)")
            #expect(expected(reason), "\(reason)")
            #expect(!reason.description.isEmpty)
        }
        func bounds(
            _ change: (inout ResourceBoundsMapping) -> Void
        ) -> ResourceBoundsMapping {
            var bounds = TransitionWorld.bounds
            change(&bounds)
            return bounds
        }
        try rejected(world.invoke(0, nonce: 0, calls), valid: false) {
            if case .validationFailed(let reason) = $0 {
                reason.contains("('Account: invalid signature')")
            } else {
                false
            }
        }
        try rejected(world.invoke(0, nonce: 1, calls)) {
            $0 == .wrongNonce(account: world.accounts[0], expected: 0, got: 1)
        }
        try rejected(
            world.invoke(0, nonce: 0, calls, bounds: bounds { $0.l2Gas.maxAmount = 399_999 })
        ) { if case .maximumGasTooLow(.l2Gas, 399_999, _) = $0 { true } else { false } }
        try rejected(
            world.invoke(0, nonce: 0, calls, bounds: bounds { $0.l1DataGas.maxAmount = 127 })
        ) { $0 == .maximumGasTooLow(.l1DataGas, maximum: 127, minimal: 128) }
        try rejected(
            world.invoke(0, nonce: 0, calls, bounds: bounds { $0.l1Gas.maxPricePerUnit = 19 })
        ) { $0 == .maximumGasPriceTooLow(.l1Gas, maximum: 19, actual: 20) }
        try rejected(
            world.invoke(
                0, nonce: 0, calls, bounds: bounds { $0.l2Gas.maxPricePerUnit = .max })
        ) { if case .balanceTooLow(.max, _) = $0 { true } else { false } }
        var reserved = world.invoke(0, nonce: 0, calls)
        reserved.paymasterData = [1]
        try rejected(reserved) { $0 == .reservedFieldInUse }
        reserved = world.invoke(0, nonce: 0, calls)
        reserved.feeDataAvailabilityMode = .l2
        try rejected(reserved) { $0 == .reservedFieldInUse }
        var stranger = world.invoke(0, nonce: 0, calls)
        stranger.senderAddress = 0x4444
        try rejected(stranger) { $0 == .accountNotDeployed(0x4444) }
        var contract = world.invoke(0, nonce: 0, calls)
        contract.senderAddress = TransitionWorld.sequencer
        try rejected(contract) { if case .accountNotDeployed = $0 { true } else { false } }
        var garbled = world.invoke(0, nonce: 0, calls)
        garbled.calldata = [2, 1]
        try rejected(garbled) {
            if case .validationFailed(let reason) = $0 {
                reason.contains("('Input too short for arguments')")
            } else {
                false
            }
        }
        #expect(executor.transactionCount == 0)
        let block = try executor.finish()
        #expect(block.diff.nonces.isEmpty)
        #expect(block.diff.storageDiffs.map(\.address) == [KeyAliases.contract])
    }

    @Test("The same transaction a second time is refused by its nonce")
    func replay() throws {
        let world = try TransitionWorld()
        var executor = try world.executor()
        let transaction = world.prepared(
            0, nonce: 0, [.transfer(world.accounts[1], TransitionTests.one)])
        #expect(try executor.execute(transaction).receipt != nil)
        #expect(
            try executor.execute(transaction).invalidity
                == .wrongNonce(account: world.accounts[0], expected: 1, got: 0))
    }

    @Test("A transfer to oneself costs the fee only")
    func selfTransfer() throws {
        var world = try TransitionWorld()
        var executor = try world.executor()
        let outcome = try executor.execute(
            world.prepared(0, nonce: 0, [.transfer(world.accounts[0], TransitionTests.one)]))
        let receipt = try #require(outcome.receipt)
        #expect(receipt.executionStatus == .succeeded)
        #expect(receipt.gasConsumed.l1DataGas == 32 * 4)
        _ = try world.advance(executor)
        #expect(
            try world.balance(of: world.accounts[0])
                == U256(low: 1000 * TransitionWorld.strk - receipt.actualFee))
    }

    @Test("The tip is paid per unit of L2 gas where the version has tips, and not before")
    func tip() throws {
        let world = try TransitionWorld()
        let calls = [TransitionWorld.Call.transfer(world.accounts[1], TransitionTests.one)]
        var old = try world.executor()
        let free = try #require(
            try old.execute(world.prepared(0, nonce: 0, calls, tip: .max)).receipt)
        #expect(
            free.actualFee
                == FeeRules.fee(
                    free.gasConsumed, prices: TransitionWorld.context().info.gasPrices, tip: 0))
        var context = TransitionWorld.context()
        context.constants.enablesTip = true
        var plain = try world.executor(context)
        var tipped = try world.executor(context)
        if case .balanceTooLow? = try plain.execute(
            world.prepared(0, nonce: 0, calls, tip: .max)
        ).invalidity {
        } else {
            Issue.record("a tip that nobody can pay was accepted")
        }
        let without = try #require(
            try plain.execute(world.prepared(0, nonce: 0, calls)).receipt)
        let with = try #require(
            try tipped.execute(world.prepared(0, nonce: 0, calls, tip: 7)).receipt)
        #expect(with.gasConsumed == without.gasConsumed)
        #expect(
            with.actualFee == without.actualFee + 7 * UInt128(without.gasConsumed.l2Gas))
    }

    @Test("Execution that uses more than its bounds is reverted and charged up to them")
    func overBounds() throws {
        let world = try TransitionWorld()
        let calls = [TransitionWorld.Call.transfer(world.accounts[1], TransitionTests.one)]
        var measured = try world.executor()
        let receipt = try #require(
            try measured.execute(world.prepared(0, nonce: 0, calls)).receipt)
        let used = receipt.gasConsumed.l2Gas
        // Enough to run but not to pay for events and the system's part.
        var bounds = TransitionWorld.bounds
        bounds.l2Gas.maxAmount = used - 1
        var executor = try world.executor()
        var outcome = try executor.execute(world.prepared(0, nonce: 0, calls, bounds: bounds))
        #expect(
            outcome.revertReason
                == "Insufficient max L2Gas: max amount: \(used - 1), actual used: \(used).")
        #expect(
            outcome.receipt?.actualFee
                == UInt128(used - 1) * 2 + UInt128(receipt.gasConsumed.l1DataGas) * 3)
        #expect(outcome.receipt?.events.count == 1)
        // Too little even to run: out of steps inside.
        let many = Array(repeating: calls[0], count: 40)
        bounds.l2Gas.maxAmount = used * 2
        executor = try world.executor()
        outcome = try executor.execute(world.prepared(0, nonce: 0, many, bounds: bounds))
        #expect(outcome.revertReason?.contains("RunResources has no remaining steps") == true)
        #expect(
            try #require(outcome.receipt).actualFee
                <= FeeRules.maximumFee(bounds, tip: 0))
        // Data gas has a bound of its own.
        bounds = TransitionWorld.bounds
        bounds.l1DataGas.maxAmount = 150
        executor = try world.executor()
        outcome = try executor.execute(world.prepared(0, nonce: 0, calls, bounds: bounds))
        #expect(
            outcome.revertReason
                == "Insufficient max L1DataGas: max amount: 150, actual used: 192.")
        // What is charged for reverted execution is its own, smaller diff.
        #expect(outcome.receipt?.gasConsumed.l1DataGas == 128)
    }

    @Test("Who spends what the fee needs is reverted, and pays")
    func spendsTheFee() throws {
        var world = try TransitionWorld()
        var executor = try world.executor()
        let all = U256(low: 1000 * TransitionWorld.strk)
        let outcome = try executor.execute(
            world.prepared(0, nonce: 0, [.transfer(world.accounts[1], all)]))
        #expect(
            outcome.revertReason?.hasPrefix("Insufficient fee token balance. Fee: ") == true)
        let fee = try #require(outcome.receipt).actualFee
        #expect(fee > 0)
        _ = try world.advance(executor)
        #expect(
            try world.balance(of: world.accounts[0]) == U256(low: all.low - fee))
        #expect(try world.balance(of: world.accounts[1]) == all)
    }

    @Test("A transaction emits a thousand events and the fee's, and with one more it reverts")
    func eventLimit() throws {
        var world = try TransitionWorld()
        let approve = TransitionWorld.Call(
            to: WellKnownContracts.strk, name: "approve", calldata: [9, 1, 0])
        var bounds = TransitionWorld.bounds
        bounds.l2Gas.maxAmount = 1_000_000_000
        var executor = try world.executor()
        let full = try executor.execute(
            world.prepared(
                0, nonce: 0, Array(repeating: approve, count: 1000), bounds: bounds))
        #expect(full.receipt?.executionStatus == .succeeded)
        #expect(full.receipt?.events.count == 1001)
        let tooMany = try executor.execute(
            world.prepared(
                0, nonce: 1, Array(repeating: approve, count: 1001), bounds: bounds))
        #expect(
            tooMany.revertReason?.contains(
                "Exceeded the maximum number of events, number events: 1001") == true)
        #expect(tooMany.receipt?.events.count == 1)
        #expect(try world.advance(executor).nonces.map(\.nonce) == [2])
    }

    @Test("Prices of zero charge nothing and emit no fee event")
    func freeBlocks() throws {
        let world = try TransitionWorld()
        var executor = try world.executor(TransitionWorld.context(l1: 0, data: 0, l2: 0))
        let outcome = try executor.execute(
            world.prepared(0, nonce: 0, [.transfer(world.accounts[1], TransitionTests.one)]))
        #expect(outcome.receipt?.actualFee == 0)
        #expect(outcome.receipt?.events.count == 1)
    }

    @Test("From block 10 on, the hash of the block ten below is stored in contract 1")
    func blockHashes() throws {
        var world = try TransitionWorld()
        world.height = 9
        #expect(try !world.advance(world.executor()).storageDiffs.contains { $0.address == 1 })
        let diff = try world.advance(world.executor())
        #expect(
            diff.storageDiffs.first
                == ContractStorageDiff(
                    address: 1, entries: [StorageEntry(key: 0, value: 10)]))
    }
}
