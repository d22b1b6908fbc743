import CairoVM
import Primitives
import StarkCurve
import StarkField
import StarkHash
import SystemContracts
import TestSupport
import Testing

@testable import Execution

/// The native twins against the classes that they stand in for: the same calls on the same state.
@Suite("Native twins", .serialized)
struct TwinTests {
    private static let cases = 10_000

    /// A state, a call in it, and what it is called.
    private struct Setting {
        var cells: [(contract: ContractAddress, key: StorageKey, value: Felt)] = []
        var call: EntryPointCall
        var mode = ExecutionMode.execute
        var transaction = TransactionInfo.none
        var steps: UInt64 = 1_000_000
    }

    private struct Outcome: Equatable {
        var info: CallInfo?
        var trace: String?
        var diff: StateDiff
        var stepsLeft: UInt64
        var counts: [Int]
    }

    /// How far a run came on twins alone.
    private struct Tally {
        var native = 0
        var left = 0
    }

    private static func run(
        _ setting: Setting, _ executor: BlockExecutor, usesNatives: Bool
    ) throws -> Outcome? {
        var context = executor.context
        context.usesNatives = usesNatives
        for cell in setting.cells {
            let contract = try context.state.contract(cell.contract)
            let index = try context.state.cell(of: contract, at: cell.key)
            context.state.set(index, to: cell.value)
        }
        context.state.beginTransaction()
        context.transaction = setting.transaction
        context.begin(setting.mode, steps: setting.steps, gas: setting.call.initialGas)
        var gas = setting.call.initialGas
        var outcome = Outcome(
            info: nil, trace: nil, diff: StateDiff(), stepsLeft: 0, counts: [])
        do throws(CallAbort) {
            outcome.info = try context.run(setting.call, gas: &gas)
        } catch {
            switch error {
            case .failed(let trace): outcome.trace = trace.text(.execution)
            case .needsCairo: return nil
            case .state(let failure): throw failure
            }
        }
        if outcome.trace == nil {
            outcome.diff = context.state.transactionDiff()
            outcome.stepsLeft = context.stepsLeft
            outcome.counts = [context.eventCount, context.messageCount]
        }
        return outcome
    }

    /// Whether a call is answered by twins alone, without any class on the machine.
    private static func isNative(_ setting: Setting, _ executor: BlockExecutor) throws -> Bool {
        var context = executor.context
        for cell in setting.cells {
            let contract = try context.state.contract(cell.contract)
            let index = try context.state.cell(of: contract, at: cell.key)
            context.state.set(index, to: cell.value)
        }
        context.state.beginTransaction()
        context.transaction = setting.transaction
        context.begin(setting.mode, steps: setting.steps, gas: setting.call.initialGas)
        guard let twin = context.fastPath[setting.call.classHash ?? .zero] else { return false }
        let contract = try context.state.contract(setting.call.storageAddress)
        let info: CallInfo?
        do throws(CallAbort) {
            info = try context.runNative(twin, setting.call, .cairoSteps, contract)
        } catch {
            guard case .needsCairo = error else { throw error }
            info = nil
        }
        return info != nil
    }

    private static func compare(
        _ name: String, _ make: (inout SeededWords) -> Setting
    ) throws -> Tally {
        let world = try TransitionWorld()
        let executor = try world.executor()
        var words = SeededWords(seed: 0x7_3149)
        var tally = Tally()
        for index in 0..<cases {
            let setting = make(&words)
            let cairo = try #require(try run(setting, executor, usesNatives: false))
            let fast = try run(setting, executor, usesNatives: true)
            if let fast, fast != cairo {
                Issue.record(
                    "\(name), case \(index): \(setting)\nfast  \(fast)\ncairo \(cairo)")
                return tally
            }
            if try isNative(setting, executor) { tally.native += 1 } else { tally.left += 1 }
        }
        return tally
    }

    // MARK: Random values

    private static func pick<T>(_ values: [T], _ words: inout SeededWords) -> T {
        values[Int(words.next() % UInt64(values.count))]
    }

    private static func half(_ words: inout SeededWords) -> UInt128 {
        pick(
            [0, 1, 2, 1000, .max, .max - 1, UInt128(words.next()), UInt128(words.next()) << 64],
            &words)
    }

    private static func amount(_ words: inout SeededWords) -> U256 {
        U256(
            low: half(&words),
            high: pick([0, 0, 0, 0, 1, 2, .max, UInt128(words.next())], &words))
    }

    private static func felts(_ amount: U256) -> [Felt] { [Felt(amount.low), Felt(amount.high)] }

    /// Mostly what belongs there, now and then something that does not.
    private static func spoiled(_ calldata: [Felt], _ words: inout SeededWords) -> [Felt] {
        guard words.next() % 10 == 0 else { return calldata }
        var result = calldata
        switch words.next() % 4 {
        case 0: result.append(Felt(words.next()))
        case 1: _ = result.popLast()
        case 2:
            if !result.isEmpty { result[Int(words.next() % UInt64(result.count))] = -.one }
        default:
            if !result.isEmpty {
                result[Int(words.next() % UInt64(result.count))] = Felt(words.next())
            }
        }
        return result
    }

    private static func entry(
        _ target: ContractAddress, _ classHash: ClassHash, _ name: String, _ calldata: [Felt],
        caller: ContractAddress
    ) -> EntryPointCall {
        EntryPointCall(
            kind: .external, selector: selector(name), calldata: calldata,
            storageAddress: target, callerAddress: caller, codeAddress: target,
            classHash: classHash, initialGas: VersionedConstants.standard.initialGasOfSteps)
    }

    // MARK: The token

    private static let people: [Felt] = [0, 1, 2, 3, 0xa11ce]

    private static func tokenCall(_ words: inout SeededWords) -> Setting {
        let caller = pick(people, &words)
        func person(_ words: inout SeededWords) -> Felt { pick(people, &words) }
        let sum = amount(&words)
        let calls: [(String, [Felt])] = [
            ("transfer", [person(&words)] + felts(sum)),
            ("transfer", [person(&words)] + felts(sum)),
            ("transfer_from", [person(&words), person(&words)] + felts(sum)),
            ("transferFrom", [person(&words), person(&words)] + felts(sum)),
            ("approve", [person(&words)] + felts(sum)),
            ("increase_allowance", [person(&words)] + felts(sum)),
            ("increaseAllowance", [person(&words)] + felts(sum)),
            ("decrease_allowance", [person(&words)] + felts(sum)),
            ("decreaseAllowance", [person(&words)] + felts(sum)),
            ("balance_of", [person(&words)]), ("balanceOf", [person(&words)]),
            ("allowance", [person(&words), person(&words)]), ("name", []), ("symbol", []),
            ("decimals", []), ("total_supply", []), ("totalSupply", []), ("nothing", []),
        ]
        let (name, calldata) = pick(calls, &words)
        var setting = Setting(
            call: entry(
                WellKnownContracts.strk, TransitionWorld.classes.token.classHash, name,
                spoiled(calldata, &words), caller: caller))
        func set(_ key: StorageKey, _ value: U256) {
            for (offset, felt) in felts(value).enumerated() {
                setting.cells.append(
                    (WellKnownContracts.strk, key + Felt(UInt64(offset)), felt))
            }
        }
        for person in people {
            set(StorageAddresses.entry(of: TokenStorage.balances, person), amount(&words))
            set(
                StorageAddresses.entry(of: TokenStorage.allowances, caller, person),
                amount(&words))
            set(
                StorageAddresses.entry(of: TokenStorage.allowances, person, caller),
                amount(&words))
        }
        if words.next() % 20 == 0 {
            let key = StorageAddresses.entry(of: TokenStorage.balances, caller)
            setting.cells.append((WellKnownContracts.strk, key, -.one))
        }
        if words.next() % 20 == 0 { setting.steps = words.next() % 2500 }
        return setting
    }

    @Test("The token's twin does what its class does in 10 000 random calls")
    func token() throws {
        let tally = try TwinTests.compare("token", TwinTests.tokenCall)
        #expect(tally.native > 2000 && tally.left > 1000, "\(tally)")
    }

    // MARK: The account

    private static let secret = SecretKey(7919)

    private static func accountCall(_ words: inout SeededWords) -> Setting {
        guard let secret, let other = SecretKey(4242) else {
            preconditionFailure("secret key out of range")
        }
        let address = TransitionWorld.address(of: secret.publicKey)
        let hash = Felt(words.next())
        var signature = TransitionWorld.sign(
            hash, words.next() % 8 == 0 ? other : secret)
        if words.next() % 16 == 0 { signature.append(1) }
        if words.next() % 16 == 0 { signature[0] = .zero }
        var calls: [TransitionWorld.Call] = []
        for _ in 0..<(words.next() % 4) {
            switch words.next() % 7 {
            case 0:
                calls.append(
                    TransitionWorld.Call(to: address, name: "get_public_key", calldata: []))
            case 1:
                calls.append(
                    TransitionWorld.Call(
                        to: WellKnownContracts.strk, name: "allowance",
                        calldata: [pick(people, &words), address]))
            case 2:
                calls.append(
                    TransitionWorld.Call(
                        to: WellKnownContracts.strk, name: "balance_of",
                        calldata: spoiled([address], &words)))
            case 3:
                calls.append(
                    TransitionWorld.Call(
                        to: WellKnownContracts.universalDeployer, name: "deployContract",
                        calldata: [
                            TransitionWorld.classes.account.classHash, Felt(words.next()), 1, 1,
                            77,
                        ]))
            default:
                calls.append(.transfer(pick(people, &words), U256(low: half(&words))))
            }
        }
        let calldata = spoiled(TransitionWorld.calldata(calls), &words)
        let signed = [Felt(UInt64(signature.count))] + signature
        let choices: [(String, [Felt])] = [
            ("__validate__", calldata), ("__execute__", calldata), ("__execute__", calldata),
            ("__validate_declare__", spoiled([hash], &words)),
            ("__validate_deploy__", spoiled([hash, 5, secret.publicKey], &words)),
            ("is_valid_signature", [hash] + signed), ("isValidSignature", [hash] + signed),
            ("get_public_key", []), ("getPublicKey", []),
            (
                "supports_interface",
                [
                    pick(
                        [
                            AccountBinding.Interface.introspection,
                            AccountBinding.Interface.account,
                            AccountBinding.Interface.outsideExecution, 5,
                        ], &words)
                ]
            ), ("set_public_key", [5] + signed),
        ]
        let (name, arguments) = pick(choices, &words)
        var setting = Setting(
            call: entry(
                address, TransitionWorld.classes.account.classHash, name, arguments,
                caller: words.next() % 10 == 0 ? 5 : .zero))
        if name.hasPrefix("__validate") { setting.mode = .validate }
        setting.transaction = TransactionInfo(
            hash: hash, version: 3, isQuery: words.next() % 10 == 0, sender: address,
            signature: signature, nonce: .zero, current: TransactionInfo.none.current)
        if words.next() % 20 == 0 { setting.steps = words.next() % 9000 }
        return setting
    }

    @Test("The account's twin does what its class does in 10 000 random calls")
    func account() throws {
        let tally = try TwinTests.compare("account", TwinTests.accountCall)
        #expect(tally.native > 2000 && tally.left > 1000, "\(tally)")
    }

    // MARK: The deployer

    private static func deployerCall(_ words: inout SeededWords) -> Setting {
        let classes = TransitionWorld.classes
        let (classHash, arguments): (ClassHash, [Felt]) = pick(
            [
                (classes.account.classHash, [Felt(words.next())]),
                (classes.deployer.classHash, []), (classes.deployer.classHash, [1]),
                (classes.token.classHash, [1, 2, 18, Felt(words.next()), 0, 9]),
                (classes.token.classHash, [1, 2, 18, 5, 0, 0]), (0x99, []),
            ], &words)
        let calldata =
            [classHash, Felt(words.next() % 4), Felt(words.next() % 2)]
            + [Felt(UInt64(arguments.count))] + arguments
        var setting = Setting(
            call: entry(
                WellKnownContracts.universalDeployer, classes.deployer.classHash,
                pick(["deploy_contract", "deployContract"], &words), spoiled(calldata, &words),
                caller: pick(people, &words)))
        if words.next() % 20 == 0 { setting.steps = words.next() % 6000 }
        if words.next() % 20 == 0 { setting.mode = .validate }
        return setting
    }

    @Test("The deployer's twin does what its class does in 10 000 random calls")
    func deployer() throws {
        let tally = try TwinTests.compare("deployer", TwinTests.deployerCall)
        #expect(tally.native > 1000 && tally.left > 1000, "\(tally)")
    }
}
