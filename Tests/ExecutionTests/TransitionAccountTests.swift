import Primitives
import StarkCurve
import StarkField
import StarkHash
import SystemContracts
import Testing

@testable import Execution

@Suite("Accounts: deployment, signatures, admission", .serialized)
struct TransitionAccountTests {
    private static func secret(_ number: UInt64) throws -> SecretKey {
        try #require(SecretKey(Felt(number)))
    }

    @Test("A funded address deploys its account, which can then transact")
    func deployAccount() throws {
        var world = try TransitionWorld()
        let secret = try TransitionAccountTests.secret(424_242)
        let deployment = TransitionWorld.deployment(secret)
        let address = deployment.contractAddress()
        #expect(address == TransitionWorld.address(of: secret.publicKey))
        let prepared = PreparedTransaction(
            .deployAccount(deployment), chainID: TransitionWorld.chainID)
        var executor = try world.executor()
        // Not before it has the money.
        if case .balanceTooLow? = try executor.execute(prepared).invalidity {
        } else {
            Issue.record("an unfunded deployment was accepted")
        }
        let funding = TransitionWorld.Call.transfer(
            address, U256(low: 100 * TransitionWorld.strk))
        #expect(try executor.execute(world.prepared(0, nonce: 0, [funding])).receipt != nil)
        let receipt = try #require(try executor.execute(prepared).receipt)
        #expect(
            receipt.events == [
                Event(
                    fromAddress: address, keys: [selector("OwnerAdded"), secret.publicKey],
                    data: []),
                TransitionTests.transferEvent(
                    address, TransitionWorld.sequencer, U256(low: receipt.actualFee)),
            ])
        // Contract, class, balance, key and two interfaces: 2 + 1 + 2 * 4 felts, three new cells.
        #expect(receipt.gasConsumed.l1DataGas == 32 * 11 + 32 * 3)
        var invoke = InvokeTransactionV3(
            senderAddress: address,
            calldata: TransitionWorld.calldata([.transfer(world.accounts[1], U256(low: 5))]),
            signature: [], nonce: 1, resourceBounds: TransitionWorld.bounds)
        invoke.signature = TransitionWorld.sign(
            invoke.hash(chainID: TransitionWorld.chainID), secret)
        let follower = PreparedTransaction(.invoke(invoke), chainID: TransitionWorld.chainID)
        #expect(try executor.execute(follower).receipt?.executionStatus == .succeeded)
        let diff = try world.advance(executor)
        #expect(
            diff.deployedContracts == [
                ContractClassUpdate(
                    address: address, classHash: TransitionWorld.classes.account.classHash)
            ])
        // A second deployment is out: the nonce is used.
        var next = try world.executor()
        #expect(
            try next.execute(prepared).invalidity
                == .wrongNonce(account: address, expected: 2, got: 0))
    }

    @Test("Deployments of unknown classes, with wrong arguments or signatures are refused")
    func badDeployments() throws {
        let world = try TransitionWorld()
        var executor = try world.executor(TransitionWorld.context(l1: 0, data: 0, l2: 0))
        let secret = try TransitionAccountTests.secret(99)
        let bounds = ResourceBoundsMapping(
            l1Gas: .zero, l2Gas: ResourceBounds(maxAmount: 100_000_000, maxPricePerUnit: 0),
            l1DataGas: ResourceBounds(maxAmount: 10_000, maxPricePerUnit: 0))
        var deployment = TransitionWorld.deployment(secret, bounds: bounds)
        func refusal() throws -> String {
            let outcome = try executor.execute(
                PreparedTransaction(
                    .deployAccount(deployment), chainID: TransitionWorld.chainID))
            return try #require(outcome.invalidity, "\(outcome)").description
        }
        deployment.classHash = 0x123
        #expect(try refusal().contains("is not declared"))
        deployment = TransitionWorld.deployment(secret, bounds: bounds)
        deployment.constructorCalldata = [1, 2]
        #expect(try refusal().contains("Input too long for arguments"))
        deployment.constructorCalldata = []
        #expect(try refusal().contains("Input too short for arguments"))
        deployment = TransitionWorld.deployment(secret, bounds: bounds)
        deployment.signature[0] += 1
        #expect(try refusal().contains("Account: invalid signature"))
        deployment = TransitionWorld.deployment(secret, bounds: bounds)
        deployment.resourceBounds.l1DataGas.maxAmount = 200
        deployment.signature = TransitionWorld.sign(
            deployment.hash(chainID: TransitionWorld.chainID), secret)
        #expect(try refusal().contains("Insufficient max L1DataGas"))
        #expect(try executor.finish().diff.deployedContracts.isEmpty)
    }

    @Test("Without a checked signature execution verifies; a check under another key is not used")
    func signatures() throws {
        let world = try TransitionWorld()
        var executor = try world.executor()
        let fastPath = TransitionWorld.classes.fastPath
        var invoke = world.invoke(
            0, nonce: 0, [.transfer(world.accounts[1], U256(low: 1))])
        invoke.signature = TransitionWorld.sign(
            invoke.hash(chainID: TransitionWorld.chainID), world.secrets[0])
        let good = PreparedTransaction(.invoke(invoke), chainID: TransitionWorld.chainID)
        let check = try #require(try good.signatureCheck(in: world.view, fastPath: fastPath))
        #expect(check.publicKey == world.publicKeys[0])
        #expect(check.checked() == CheckedSignature(publicKey: check.publicKey, isValid: true))

        invoke.signature = TransitionWorld.sign(good.hash, world.secrets[1])
        var bad = PreparedTransaction(.invoke(invoke), chainID: TransitionWorld.chainID)
        #expect(try bad.signatureCheck(in: world.view, fastPath: fastPath)?.verify() == false)
        #expect(try executor.execute(bad).invalidity != nil)
        bad.signature = CheckedSignature(publicKey: world.publicKeys[1], isValid: true)
        #expect(try executor.execute(bad).invalidity != nil)
        for count in [0, 1, 3] {
            invoke.signature = Array(repeating: 1, count: count)
            let odd = PreparedTransaction(.invoke(invoke), chainID: TransitionWorld.chainID)
            #expect(try odd.signatureCheck(in: world.view, fastPath: fastPath) == nil)
            #expect(try executor.execute(odd).invalidity != nil)
        }
        #expect(try executor.execute(good).receipt?.executionStatus == .succeeded)
    }

    @Test("An account changes its key only with the new key's consent")
    func setPublicKey() throws {
        var world = try TransitionWorld()
        var executor = try world.executor()
        let new = try TransitionAccountTests.secret(31_337)
        let account = world.accounts[0]
        let message = Poseidon.hashMany([
            HashTerms.shortString("StarkNet Message"), HashTerms.shortString("accept_ownership"),
            account, world.publicKeys[0],
        ])
        func change(_ signature: [Felt]) -> TransitionWorld.Call {
            TransitionWorld.Call(
                to: account, name: "set_public_key",
                calldata: [new.publicKey, Felt(UInt64(signature.count))] + signature)
        }
        let refused = try executor.execute(
            world.prepared(
                0, nonce: 0, [change(TransitionWorld.sign(message, world.secrets[0]))]))
        #expect(refused.revertReason?.contains("Account: invalid signature") == true)
        let changed = try executor.execute(
            world.prepared(0, nonce: 1, [change(TransitionWorld.sign(message, new))]))
        #expect(changed.receipt?.executionStatus == .succeeded)
        #expect(
            changed.receipt?.events.prefix(2).map(\.keys) == [
                [selector("OwnerRemoved"), world.publicKeys[0]],
                [selector("OwnerAdded"), new.publicKey],
            ])
        // The verdict under the old key no longer counts.
        let old = try executor.execute(
            world.prepared(0, nonce: 2, [.transfer(world.accounts[1], U256(low: 1))]))
        #expect(old.invalidity != nil)
        _ = try world.advance(executor)
        var query = try world.executor()
        #expect(try query.call(account, selector("getPublicKey"), []) == [new.publicKey])
    }

    @Test("The account's and the token's views answer calls, and calls change nothing")
    func calls() throws {
        let world = try TransitionWorld()
        var executor = try world.executor()
        let account = world.accounts[0]
        let hash: Felt = 0xabcdef
        let signature = TransitionWorld.sign(hash, world.secrets[0])
        func call(_ to: Felt, _ name: String, _ calldata: [Felt]) throws -> [Felt] {
            try executor.call(to, selector(name), calldata)
        }
        #expect(
            try call(account, "is_valid_signature", [hash, 2] + signature)
                == [HashTerms.shortString("VALID")])
        #expect(try call(account, "isValidSignature", [hash, 1, 1]) == [0])
        #expect(
            try call(account, "supports_interface", [AccountBinding.Interface.account]) == [1])
        #expect(
            try call(account, "supports_interface", [AccountBinding.Interface.introspection])
                == [1])
        #expect(try call(account, "supports_interface", [0x1234]) == [0])
        let strk = WellKnownContracts.strk
        #expect(try call(strk, "name", []) == [HashTerms.shortString("Starknet Token")])
        #expect(try call(strk, "symbol", []) == [HashTerms.shortString("STRK")])
        #expect(try call(strk, "decimals", []) == [18])
        let supply = Felt(3000 * TransitionWorld.strk)
        #expect(try call(strk, "totalSupply", []) == [supply, 0])
        #expect(try call(strk, "total_supply", []) == [supply, 0])
        #expect(
            try call(strk, "balanceOf", [account]) == [Felt(1000 * TransitionWorld.strk), 0])
        #expect(throws: CallFailure.contractNotFound) { try call(0x55, "name", []) }
        #expect(throws: CallFailure.entryPointNotFound) { try call(strk, "owner", []) }
        #expect {
            try call(strk, "transfer", [account, 1, 0])
        } throws: { error in
            if case CallFailure.reverted(let reason, let data) = error {
                return data == [HashTerms.shortString("ERC20: transfer from 0")]
                    && reason.contains("ERC20: transfer from 0")
            }
            return false
        }
        #expect(throws: CallFailure.self) { try call(account, "__execute__", []) }
        // __execute__ itself may be called: by nobody, for nothing.
        #expect(try call(account, "__execute__", [0]) == [0])
        let block = try executor.finish()
        #expect(block.diff.storageDiffs.map(\.address) == [KeyAliases.contract])
    }

    @Test("The universal deployer deploys accounts where its arguments and its caller say")
    func universalDeployer() throws {
        var world = try TransitionWorld()
        var executor = try world.executor()
        let classHash = TransitionWorld.classes.account.classHash
        let udc = WellKnownContracts.universalDeployer
        func deploy(_ name: String, unique: Felt) -> TransitionWorld.Call {
            TransitionWorld.Call(
                to: udc, name: name, calldata: [classHash, 77, unique, 1, 0x5150])
        }
        let outcome = try executor.execute(
            world.prepared(
                0, nonce: 0,
                [deploy("deployContract", unique: 0), deploy("deploy_contract", unique: 1)]))
        let receipt = try #require(outcome.receipt)
        #expect(receipt.executionStatus == .succeeded)
        let plain = ContractAddresses.address(
            deployer: .zero, salt: 77, classHash: classHash, constructorCalldata: [0x5150])
        let unique = ContractAddresses.address(
            deployer: udc, salt: Pedersen.hash(world.accounts[0], 77), classHash: classHash,
            constructorCalldata: [0x5150])
        #expect(
            receipt.events[1].data == [
                plain, world.accounts[0], 0, classHash, 1, 0x5150, 77,
            ])
        #expect(receipt.events[3].data.first == unique)
        let again = try executor.execute(
            world.prepared(0, nonce: 1, [deploy("deployContract", unique: 0)]))
        #expect(again.revertReason?.contains("contract already deployed at address") == true)
        let diff = try world.advance(executor)
        #expect(Set(diff.deployedContracts.map(\.address)) == [plain, unique])
    }

    @Test("Estimates equal what execution then consumes, whatever bounds were signed")
    func estimates() throws {
        let world = try TransitionWorld()
        var executor = try world.executor()
        let calls = [TransitionWorld.Call.transfer(0x777, U256(low: 5))]
        func query(_ transaction: Transaction, _ isQuery: Bool) -> PreparedTransaction {
            PreparedTransaction(
                transaction, chainID: TransitionWorld.chainID, isQuery: isQuery)
        }
        var unbounded = world.invoke(0, nonce: 0, calls, bounds: .zero)
        unbounded.signature = TransitionWorld.sign(
            unbounded.hash(chainID: TransitionWorld.chainID, query: true), world.secrets[0])
        let estimates = try executor.estimateFee(
            [query(.invoke(unbounded), true)], skipsValidate: false)
        let outcome = try executor.execute(world.prepared(0, nonce: 0, calls))
        let receipt = try #require(outcome.receipt)
        #expect(estimates.map(\.gas) == [receipt.gasConsumed])
        #expect(estimates.map(\.overallFee) == [receipt.actualFee])
        // With validation skipped its gas is missing, and so is the check.
        unbounded.signature = [1, 1]
        unbounded.nonce = 3
        let skipped = try executor.estimateFee(
            [query(.invoke(unbounded), true)], skipsValidate: true)
        #expect(try #require(skipped.first).gas.l2Gas < receipt.gasConsumed.l2Gas)
        #expect(throws: EstimateFailure.self) {
            try executor.estimateFee([query(.invoke(unbounded), true)], skipsValidate: false)
        }
        let failing = world.invoke(
            0, nonce: 5, [.transfer(0, U256(low: 5))], bounds: .zero)
        #expect {
            try executor.estimateFee([query(.invoke(failing), false)], skipsValidate: true)
        } throws: { error in
            if case EstimateFailure.reverted(index: 0, let reason) = error {
                return reason.contains("ERC20: transfer to 0")
            }
            return false
        }
    }

    @Test("Admission takes future nonces and followers of a pending deployment, and nothing stale")
    func admission() throws {
        let world = try TransitionWorld()
        var executor = try world.executor()
        let calls = [TransitionWorld.Call.transfer(world.accounts[1], U256(low: 5))]
        #expect(try executor.admit(world.prepared(0, nonce: 0, calls)) == .success(0))
        #expect(try executor.admit(world.prepared(0, nonce: 9, calls)) == .success(0))
        #expect(try executor.execute(world.prepared(0, nonce: 0, calls)).receipt != nil)
        #expect(
            try executor.admit(world.prepared(0, nonce: 0, calls))
                == .failure(.wrongNonce(account: world.accounts[0], expected: 1, got: 0)))
        var bad = world.invoke(0, nonce: 1, calls)
        bad.signature = [3, 4]
        let unsigned = PreparedTransaction(.invoke(bad), chainID: TransitionWorld.chainID)
        if case .failure(.validationFailed) = try executor.admit(unsigned) {
        } else {
            Issue.record("a wrong signature was admitted")
        }

        // A deployment whose address has money, and what follows it.
        let secret = try TransitionAccountTests.secret(5_551)
        let deployment = TransitionWorld.deployment(secret)
        let address = deployment.contractAddress()
        let funding = TransitionWorld.Call.transfer(
            address, U256(low: 100 * TransitionWorld.strk))
        #expect(try executor.execute(world.prepared(0, nonce: 1, [funding])).receipt != nil)
        let prepared = PreparedTransaction(
            .deployAccount(deployment), chainID: TransitionWorld.chainID)
        #expect(try executor.admit(prepared) == .success(0))
        var invoke = InvokeTransactionV3(
            senderAddress: address, calldata: TransitionWorld.calldata(calls), signature: [],
            nonce: 1, resourceBounds: TransitionWorld.bounds)
        invoke.signature = TransitionWorld.sign(
            invoke.hash(chainID: TransitionWorld.chainID), secret)
        let follower = PreparedTransaction(.invoke(invoke), chainID: TransitionWorld.chainID)
        #expect(try executor.admit(follower) == .failure(.accountNotDeployed(address)))
        #expect(
            try executor.admit(follower, pendingDeployment: deployment) == .success(0))
        invoke.signature = TransitionWorld.sign(follower.hash, world.secrets[0])
        let forged = PreparedTransaction(.invoke(invoke), chainID: TransitionWorld.chainID)
        if case .failure(.validationFailed) = try executor.admit(
            forged, pendingDeployment: deployment)
        {
        } else {
            Issue.record("a forged follower was admitted")
        }
        // Nothing of this is left.
        #expect(try executor.finish().diff.deployedContracts.isEmpty)
    }
}
