import Foundation
import StarkCurve
import StarkField
import StarkHash
import SystemContracts
import Testing

@Suite(
    "The account, run by cairo-lang", .serialized, .enabled(if: Oracles.haveCairo, Oracles.absence))
struct AccountReferenceTests {
    typealias Select = AccountBinding.Selector

    static let account: Felt = 0xacc0
    static let token = TokenReferenceTests.token
    static let hash: Felt = 0x7e57
    static let relayer: Felt = 0x4e1a

    let key: SecretKey
    let otherKey: SecretKey
    let public1: Felt
    let public2: Felt

    init() throws {
        key = try #require(SecretKey(0x1234_5678))
        otherKey = try #require(SecretKey(0x8765_4321))
        public1 = key.publicKey
        public2 = otherKey.publicKey
    }

    private func deployed() -> Reference {
        var script = Reference()
        script.deploy(
            SystemContracts.account.classHash, at: Self.account,
            AccountBinding.constructorCalldata(publicKey: public1))
        return script
    }

    private func signature(_ hash: Felt, _ key: SecretKey) -> [Felt] {
        let signature = ECDSA.sign(messageHash: hash, secretKey: key)
        return [signature.r, signature.s]
    }

    @Test("The constructor keeps the key and names the interfaces")
    func constructor() throws {
        var script = deployed()
        let interfaces = [
            AccountBinding.Interface.introspection, AccountBinding.Interface.account,
            AccountBinding.Interface.outsideExecution, 0x1234,
        ]
        for interface in interfaces {
            script.call(Self.account, Select.supportsInterface, [interface])
        }
        script.call(Self.account, Select.getPublicKey)
        script.call(Self.account, Select.getPublicKeyCamel)
        let outcomes = try script.outcomes()
        let made = outcomes[0]
        #expect(made.data == [])
        #expect(
            made.events == [
                Reference.Event(
                    from: Self.account, keys: [AccountBinding.Event.ownerAdded, public1], data: [])
            ])
        #expect(made.cells.count == 3)
        #expect(made.cell(AccountBinding.Storage.publicKey, of: Self.account) == public1)
        for interface in interfaces[1...2] {
            let key = AccountBinding.Storage.interface(interface)
            #expect(made.cell(key, of: Self.account) == 1)
        }
        #expect(
            outcomes[1...].map(\.felts) == [[1], [1], [1], [0], [public1], [public1]])
    }

    @Test("A transaction is valid with the key's signature of its hash, and with no other")
    func validation() throws {
        let good = signature(Self.hash, key)
        let signatures: [([Felt], Bool)] = [
            (good, true), (signature(Self.hash, otherKey), false),
            (signature(Self.hash + 1, key), false), ([], false), ([good[0]], false),
            (good + [0], false), ([good[1], good[0]], false), ([good[0], 0], false),
            ([0, good[1]], false),
        ]
        let entries: [(Felt, [Felt])] = [
            (Select.validate, AccountBinding.executeCalldata([])),
            (Select.validateDeclare, [0xc1a55]), (Select.validateDeploy, [0xc1a55, 1, public1]),
        ]
        var script = deployed()
        for (signature, _) in signatures {
            for (selector, calldata) in entries {
                script.call(Self.account, selector, calldata) {
                    $0.hash = Hex(Self.hash)
                    $0.signature = signature.map(Hex.init)
                }
            }
            for selector in [Select.isValidSignature, Select.isValidSignatureCamel] {
                script.call(
                    Self.account, selector,
                    [Self.hash, Felt(UInt64(signature.count))] + signature)
            }
        }
        let outcomes = Array(try script.outcomes()[1...])
        try #require(outcomes.count == 5 * signatures.count)
        for (index, (signature, isValid)) in signatures.enumerated() {
            let transactions = outcomes[5 * index..<5 * index + 3]
            for outcome in transactions {
                #expect(
                    outcome.reasons == (isValid ? nil : ["Account: invalid signature"]),
                    "\(signature)")
            }
            if isValid { #expect(transactions.allSatisfy { $0.felts == [AccountBinding.valid] }) }
            for outcome in outcomes[5 * index + 3..<5 * index + 5] {
                #expect(outcome.felts == [isValid ? AccountBinding.valid : 0], "\(signature)")
            }
        }
    }

    private func transfer(_ amount: UInt128, to recipient: Felt = TokenReferenceTests.bob)
        -> AccountBinding.Call
    {
        AccountBinding.Call(
            contract: Self.token, selector: TokenBinding.Selector.transfer,
            calldata: TokenBinding.transferCalldata(to: recipient, low: amount))
    }

    /// An account that holds 1000.
    private func funded() -> Reference {
        var script = deployed()
        script.steps += TokenReferenceTests.deployed().steps
        script.call(
            Self.token, TokenBinding.Selector.transfer,
            TokenBinding.transferCalldata(to: Self.account, low: 1000),
            caller: TokenReferenceTests.alice)
        return script
    }

    @Test("Calls run in order and their results come back; one that fails ends them all")
    func execution() throws {
        var script = funded()
        let balance = AccountBinding.Call(
            contract: Self.token, selector: TokenBinding.Selector.balanceOf,
            calldata: [Self.account])
        let good = AccountBinding.executeCalldata([transfer(300), balance])
        script.call(Self.account, Select.execute, good)
        script.call(Self.account, Select.execute, AccountBinding.executeCalldata([]))
        script.call(
            Self.account, Select.execute,
            AccountBinding.executeCalldata([transfer(300), transfer(701)]))
        script.call(Self.account, Select.execute, good, caller: Self.relayer)
        script.call(Self.token, TokenBinding.Selector.balanceOf, [Self.account])
        script.call(Self.account, Select.execute, [2, Self.token, 1, 0])
        let outcomes = Array(try script.outcomes()[3...])
        // Two results: one felt, and two.
        #expect(outcomes[0].felts == [2, 1, 1, 2, 700, 0])
        #expect(outcomes[0].events.map(\.from) == [Hex(Self.token)])
        #expect(outcomes[1].felts == [0])
        #expect(outcomes[2].reasons?.first == "u256_sub Overflow")
        #expect(outcomes[3].reasons == ["Account: invalid caller"])
        #expect(outcomes[4].felts == [700, 0])
        #expect(outcomes[5].reasons == ["Input too short for arguments"])
    }

    @Test("Only transactions of version 1 and later execute, simulated ones as well")
    func versions() throws {
        let query = Felt(UInt128.max) + 1
        let versions: [(Felt, Bool)] = [
            (0, false), (1, true), (3, true), (query, false), (query + 1, true), (query + 3, true),
        ]
        var script = deployed()
        for (version, _) in versions {
            script.call(Self.account, Select.execute, AccountBinding.executeCalldata([])) {
                $0.version = Hex(version)
            }
        }
        let outcomes = try script.outcomes()[1...]
        #expect(
            outcomes.map(\.reasons)
                == versions.map { $0.1 ? nil : ["Account: invalid tx version"] })
    }

    @Test("The key changes when the account itself asks and the new key agrees")
    func ownership() throws {
        let message = AccountBinding.ownershipHash(account: Self.account, currentKey: public1)
        let accepted = signature(message, otherKey)
        let calldata = AccountBinding.setPublicKeyCalldata(
            public2, r: accepted[0], s: accepted[1])
        let refused = signature(message, key)
        for selector in [Select.setPublicKey, Select.setPublicKeyCamel] {
            var script = deployed()
            script.call(Self.account, selector, calldata, caller: Self.relayer)
            script.call(
                Self.account, selector,
                AccountBinding.setPublicKeyCalldata(public2, r: refused[0], s: refused[1]),
                caller: Self.account)
            script.call(Self.account, selector, [public2, 1, 7], caller: Self.account)
            script.call(Self.account, selector, calldata, caller: Self.account)
            script.call(
                Self.account, Select.isValidSignature,
                [Self.hash, 2] + signature(Self.hash, otherKey))
            // The same acceptance again: it was for the key before.
            script.call(Self.account, selector, calldata, caller: Self.account)
            let outcomes = Array(try script.outcomes()[1...])
            #expect(outcomes[0].reasons == ["Account: unauthorized"])
            #expect(outcomes[1].reasons == ["Account: invalid signature"])
            #expect(outcomes[2].reasons == ["Account: invalid signature"])
            #expect(outcomes[3].felts == [])
            let keys = [
                [AccountBinding.Event.ownerRemoved, public1],
                [AccountBinding.Event.ownerAdded, public2],
            ]
            #expect(
                outcomes[3].events
                    == keys.map { Reference.Event(from: Self.account, keys: $0, data: []) })
            #expect(outcomes[3].cells.count == 1)
            #expect(outcomes[4].felts == [AccountBinding.valid])
            #expect(outcomes[5].reasons == ["Account: invalid signature"])
        }
    }

    // MARK: Outside execution

    private func execution(
        caller: Felt = OutsideExecution.anyCaller, nonce: Felt = 0x9051,
        calls: [AccountBinding.Call]
    ) -> OutsideExecution {
        OutsideExecution(
            caller: caller, nonce: nonce, executeAfterSeconds: 100, executeBeforeSeconds: 200,
            calls: calls)
    }

    private func submitted(_ execution: OutsideExecution, signer: SecretKey) -> [Felt] {
        let hash = execution.messageHash(account: Self.account, chainID: Reference.chainID)
        let signature = ECDSA.sign(messageHash: hash, secretKey: signer)
        return execution.calldata(r: signature.r, s: signature.s)
    }

    @Test("Signed calls run once, for whom and when they were signed")
    func outside() throws {
        let open = execution(calls: [transfer(300), transfer(1)])
        let bound = execution(caller: Self.relayer, nonce: 0x9052, calls: [])
        let failing = execution(nonce: 0x9053, calls: [transfer(5000)])
        var script = funded()
        func submit(
            _ execution: OutsideExecution, seconds: UInt64 = 150, caller: Felt = Self.relayer,
            signer: SecretKey? = nil
        ) {
            script.call(
                Self.account, Select.executeFromOutside,
                submitted(execution, signer: signer ?? key), caller: caller
            ) { $0.seconds = seconds }
        }
        func isUnused(_ nonce: Felt) {
            script.call(Self.account, Select.isValidOutsideExecutionNonce, [nonce])
        }
        submit(open, seconds: 100)
        submit(open, seconds: 200)
        submit(open, signer: otherKey)
        submit(bound, caller: TokenReferenceTests.bob)
        isUnused(open.nonce)
        submit(open, seconds: 101)
        isUnused(open.nonce)
        submit(open, seconds: 199)
        submit(bound, seconds: 199)
        submit(failing)
        isUnused(failing.nonce)
        // The order of the checks: caller, time, nonce, signature.
        submit(bound, seconds: 300, caller: TokenReferenceTests.bob, signer: otherKey)
        submit(open, seconds: 300, signer: otherKey)
        submit(open, signer: otherKey)
        let outcomes = Array(try script.outcomes()[3...])
        #expect(outcomes[0].reasons == ["SRC9: now <= execute_after"])
        #expect(outcomes[1].reasons == ["SRC9: now >= execute_before"])
        #expect(outcomes[2].reasons == ["SRC9: invalid signature"])
        #expect(outcomes[3].reasons == ["SRC9: invalid caller"])
        #expect(outcomes[4].felts == [1])
        #expect(outcomes[5].felts == [2, 1, 1, 1, 1])
        #expect(
            outcomes[5].cell(AccountBinding.Storage.nonce(open.nonce), of: Self.account) == 1)
        #expect(outcomes[5].events.map { $0.data[2] } == [Hex(300), Hex(1)])
        #expect(outcomes[6].felts == [0])
        #expect(outcomes[7].reasons == ["SRC9: duplicated nonce"])
        #expect(outcomes[8].felts == [0])
        #expect(outcomes[9].reasons?.first == "u256_sub Overflow")
        #expect(outcomes[10].felts == [1])
        #expect(outcomes[11].reasons == ["SRC9: invalid caller"])
        #expect(outcomes[12].reasons == ["SRC9: now >= execute_before"])
        #expect(outcomes[13].reasons == ["SRC9: duplicated nonce"])
    }

    @Test("A signature is for one account, one chain, and each member of the message")
    func otherMessages() throws {
        let signed = execution(calls: [transfer(300)])
        let hash = signed.messageHash(account: Self.account, chainID: Reference.chainID)
        let signature = ECDSA.sign(messageHash: hash, secretKey: key)
        var changed: [OutsideExecution] = []
        func change(_ step: (inout OutsideExecution) -> Void) {
            var execution = signed
            step(&execution)
            changed.append(execution)
        }
        change { $0.caller = Self.relayer }
        change { $0.nonce += 1 }
        change { $0.executeAfterSeconds -= 1 }
        change { $0.executeBeforeSeconds += 1 }
        change { $0.calls[0].contract += 1 }
        change { $0.calls[0].selector += 1 }
        change { $0.calls[0].calldata[1] += 1 }
        change { $0.calls[0].calldata.append(0) }
        change { $0.calls.append($0.calls[0]) }
        change { $0.calls = [] }
        var script = funded()
        for execution in changed {
            script.call(
                Self.account, Select.executeFromOutside,
                execution.calldata(r: signature.r, s: signature.s), caller: Self.relayer
            ) { $0.seconds = 150 }
        }
        for hash in [
            signed.messageHash(account: Self.account + 1, chainID: Reference.chainID),
            signed.messageHash(account: Self.account, chainID: Reference.chainID + 1),
        ] {
            let other = ECDSA.sign(messageHash: hash, secretKey: key)
            script.call(
                Self.account, Select.executeFromOutside,
                signed.calldata(r: other.r, s: other.s), caller: Self.relayer
            ) { $0.seconds = 150 }
        }
        let outcomes = try script.outcomes()[3...]
        #expect(outcomes.count == changed.count + 2)
        for outcome in outcomes { #expect(outcome.reasons == ["SRC9: invalid signature"]) }
    }

    @Test("starknet-py hashes the same message", arguments: [0, 1, 3])
    func messageHash(calls: Int) throws {
        let made = (0..<calls).map { index in
            AccountBinding.Call(
                contract: Felt(UInt64(index + 1)), selector: selector("transfer"),
                calldata: (0..<UInt64(index * 2)).map { Felt($0) })
        }
        let execution = execution(calls: made)
        let message: [String: Any] = [
            "account": Self.account.hexString, "chain": Reference.chainID.hexString,
            "caller": execution.caller.hexString, "nonce": execution.nonce.hexString,
            "after": Felt(execution.executeAfterSeconds).hexString,
            "before": Felt(execution.executeBeforeSeconds).hexString,
            "calls": made.map {
                [
                    "to": $0.contract.hexString, "selector": $0.selector.hexString,
                    "calldata": $0.calldata.map(\.hexString),
                ] as [String: Any]
            },
        ]
        let said = try Oracles.run(
            Oracles.python("client"), [Oracles.script("typed_data.py")],
            input: JSONSerialization.data(withJSONObject: message))
        let text = String(decoding: said, as: UTF8.self).split(separator: "\n").last
        #expect(
            text.map(String.init)
                == execution.messageHash(account: Self.account, chainID: Reference.chainID)
                .hexString)
    }
}
