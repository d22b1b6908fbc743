import CairoVM
import Primitives
import StarkField
import StarkHash
import TestSupport
import Testing

@testable import Execution

/// What system calls allow, refuse, undo and count, with contracts that do it.
@Suite(.serialized)
struct SyscallRuleTests {
    static let at: ContractAddress = 0xabc
    static let other: ContractAddress = 0xdef

    /// The example contracts: the caller at one address, the hostile one at the other.
    static func world() throws -> (world: SmallWorld, classes: [String: FeatureClass]) {
        var classes: [String: FeatureClass] = [:]
        for name in FeatureClass.examples { classes[name] = try FeatureClass.example(name) }
        var world = SmallWorld(Array(classes.values))
        world.contracts[at] = classes["caller"]?.hash
        world.contracts[other] = classes["hostile"]?.hash
        return (world, classes)
    }

    static func run(
        _ world: SmallWorld, _ address: ContractAddress, _ name: String, _ calldata: [Felt],
        mode: ExecutionMode = .execute, constants: VersionedConstants = .standard,
        gas: UInt64 = 1_000_000_000
    ) throws -> CallOutcome {
        try world.run(
            EntryPointCall(address, StarkHash.selector(name), calldata, gas: gas), constants,
            mode: mode)
    }

    static let notFound = HashTerms.shortString("ENTRYPOINT_NOT_FOUND")
    static let callFailed = HashTerms.shortString("ENTRYPOINT_FAILED")

    // MARK: Reverts inside

    /// What `nest` of the example contract is documented to do, without machine and journal.
    struct Nest {
        var cells: [UInt64: UInt64] = [:]
        var events: [(level: UInt64, caught: Bool)] = []
        var messages: [UInt64] = []

        /// Nil where the level fails.
        mutating func run(_ level: UInt64, _ failing: UInt64) -> UInt64? {
            cells[level, default: 0] += 1
            events.append((level, false))
            messages.append(level)
            var below: UInt64 = 0
            if level > 0 {
                var inner = self
                if let result = inner.run(level - 1, failing) {
                    self = inner
                    below = result
                } else {
                    // Everything below is as if it had not been, its numbers too.
                    events.append((level, true))
                }
            }
            return failing >> level & 1 == 1 ? nil : below + 1
        }
    }

    @Test("A caught failure undoes storage, events and messages, and their numbers")
    func nests() throws {
        let (world, _) = try Self.world()
        for level in 0...5 as ClosedRange<UInt64> {
            for failing in 0..<(1 << (level + 1)) as Range<UInt64> {
                for resource in [TrackedResource.sierraGas, .cairoSteps] {
                    let outcome = try Self.run(
                        world, Self.at, "nest", [Felt(level), Felt(failing)],
                        constants: VersionedConstants.standard.counting(resource))
                    let info = try #require(outcome.info)
                    var model = Nest()
                    let expected = model.run(level, failing)
                    #expect(info.failed == (expected == nil), "nest \(level), \(failing)")
                    guard let expected else { continue }
                    #expect(info.returnData == [Felt(expected)])
                    // An event's level is its second key or its first felt.
                    let events = info.sortedEvents()
                    #expect(
                        events.map { $0.keys.count == 2 ? $0.keys[1] : $0.data[0] }
                            == model.events.map { Felt($0.level) })
                    #expect(events.map { $0.keys.count == 1 } == model.events.map(\.caught))
                    #expect(
                        info.sortedMessages().map(\.payload) == model.messages.map { [Felt($0)] })
                    var orders: [Int] = []
                    info.visit { orders += $0.events.map(\.order) }
                    #expect(orders.sorted() == Array(0..<model.events.count))
                    #expect(outcome.context.eventCount == model.events.count)
                    #expect(outcome.context.messageCount == model.messages.count)
                    #expect(
                        outcome.storage.map { $0[2] }.reduce(.zero, +)
                            == Felt(model.cells.values.reduce(0, +)))
                    #expect(outcome.storage.count == model.cells.count)
                }
            }
        }
    }

    @Test("A failure comes out with what the callee said, and that an entry point failed")
    func failureData() throws {
        let (world, _) = try Self.world()
        let fail = StarkHash.selector("set_and_fail")
        let caught = try Self.run(world, Self.at, "try_call", [Self.at, fail, 3, 7, 1, 99])
        #expect(caught.returned == [0, 2, 99, Self.callFailed])
        #expect(caught.storage.isEmpty)
        let passed = try Self.run(world, Self.at, "call", [Self.at, fail, 3, 7, 1, 99])
        #expect(passed.info?.failed == true)
        #expect(passed.returned == [99, Self.callFailed])
        let missing = try Self.run(world, Self.at, "try_call", [Self.at, 0x1234, 0])
        #expect(missing.returned == [0, 2, Self.notFound, Self.callFailed])
        // No contract there: nothing can catch that.
        let nowhere = try Self.run(world, Self.at, "try_call", [0x777, fail, 0])
        #expect(nowhere.info == nil)
        #expect(nowhere.abort?.contains("is not deployed") == true)
    }

    // MARK: Deployment and classes

    @Test("A deployment has the address of its inputs, and comes once")
    func deploy() throws {
        let (world, classes) = try Self.world()
        let counter = try #require(classes["counter"]).hash
        for fromZero in [false, true] {
            let calldata: [Felt] = [5, 0]
            let outcome = try Self.run(
                world, Self.at, "try_deploy",
                [counter, 42, 2] + calldata + [fromZero ? 1 : 0])
            let address = ContractAddresses.address(
                deployer: fromZero ? .zero : Self.at, salt: 42, classHash: counter,
                constructorCalldata: calldata)
            #expect(outcome.returned == [1, 1, address], "\(outcome.abort ?? "")")
            #expect(
                outcome.diff.deployedContracts == [
                    ContractClassUpdate(address: address, classHash: counter)
                ])
            #expect(outcome.info?.innerCalls.first?.call.callerAddress == Self.at)
            var taken = world
            taken.contracts[address] = counter
            let again = try Self.run(
                taken, Self.at, "try_deploy", [counter, 42, 2] + calldata + [fromZero ? 1 : 0])
            #expect(again.abort?.contains("already deployed") == true)
        }
        let unknown = try Self.run(world, Self.at, "try_deploy", [0x1234567, 42, 0, 0])
        #expect(unknown.abort?.contains("is not declared") == true)
        // A constructor's failure can't be caught.
        let refused = try Self.run(world, Self.at, "try_deploy", [counter, 42, 0, 0])
        #expect(refused.info == nil && refused.abort != nil)
        var validating = VersionedConstants.standard
        validating.disablesDeployInValidate = true
        let early = try Self.run(
            world, Self.at, "try_deploy", [counter, 42, 2, 5, 0, 0], mode: .validate,
            constants: validating)
        #expect(early.abort?.contains("Unauthorized syscall deploy") == true)
    }

    @Test(
        "A contract replaces its class by a declared class of Cairo 1, from the next call on",
        .enabled(
            if: Fixtures.has("feature-contracts"),
            "\(Fixtures.absence(of: "feature-contracts"))"))
    func replace() throws {
        var (world, classes) = try Self.world()
        let counter = try #require(classes["counter"]).hash
        let outcome = try Self.run(world, Self.other, "replace_class", [counter])
        #expect(
            outcome.diff.replacedClasses == [
                ContractClassUpdate(address: Self.other, classHash: counter)
            ])
        let unknown = try Self.run(world, Self.other, "replace_class", [0x1234])
        #expect(unknown.abort?.contains("is not declared") == true)
        let old = try #require(
            try FeatureClass.fixtures(under: "feature-contracts").first { !$0.isCairo1 })
        world.classes[old.hash] = old.compiled
        let back = try Self.run(world, Self.other, "replace_class", [old.hash])
        #expect(back.abort?.contains("Cannot replace V1 class hash with V0") == true)
    }

    // MARK: The chain

    @Test("Block hashes are known ten blocks back, and not sooner")
    func blockHashes() throws {
        var (world, _) = try Self.world()
        world.cells[WellKnownContracts.blockHashes] = [1790: 0x1790, 3: 0x3]
        let current = SmallWorld.block.number.rawValue
        #expect(try Self.run(world, Self.other, "block_hash", [1790]).returned == [0x1790])
        #expect(try Self.run(world, Self.other, "block_hash", [3]).returned == [3])
        #expect(try Self.run(world, Self.other, "block_hash", [4]).returned == [0])
        for number in [current - 9, current, current + 1, .max] {
            let early = try Self.run(world, Self.other, "block_hash", [Felt(number)])
            #expect(early.info?.failed == true)
            #expect(
                early.returned.first == HashTerms.shortString("Block number out of range"))
            // While validating the transaction is refused: the answer would depend on when.
            let validating = try Self.run(
                world, Self.other, "block_hash", [Felt(number)], mode: .validate)
            #expect(validating.abort?.contains("Unauthorized syscall get_block_hash") == true)
        }
        #expect(
            try Self.run(world, Self.other, "block_hash", [1790], mode: .validate).returned
                == [0x1790])
    }

    @Test("While validating a contract calls nobody but itself")
    func validation() throws {
        let (world, classes) = try Self.world()
        let hostile = try #require(classes["hostile"]).hash
        let read = StarkHash.selector("return_felts")
        let away = try Self.run(world, Self.at, "call", [Self.other, read, 1, 1], mode: .validate)
        #expect(away.abort?.contains("Unauthorized syscall call_contract") == true)
        let home = try Self.run(
            world, Self.at, "call", [Self.at, StarkHash.selector("get"), 0], mode: .validate)
        #expect(home.info?.failed == false)
        let library = try Self.run(
            world, Self.at, "library_call", [hostile, read, 1, 2], mode: .validate)
        #expect(library.returned == [3, 2, 0, 1])
    }

    @Test("A library call has the caller's storage, address and caller")
    func libraryCall() throws {
        let (world, classes) = try Self.world()
        let caller = try #require(classes["caller"]).hash
        let outcome = try Self.run(
            world, Self.at, "library_call", [caller, StarkHash.selector("set"), 1, 77])
        #expect(outcome.storage.map { [$0[0], $0[2]] } == [[Self.at, 77]])
        let direct = try Self.run(world, Self.at, "identity", [])
        let borrowed = try Self.run(
            world, Self.at, "library_call", [caller, StarkHash.selector("identity"), 0])
        // The selector differs, which is the last felt.
        #expect(borrowed.returned.dropFirst() == direct.returned[...])
    }

    // MARK: Limits

    @Test("Calls are fifty deep, and no deeper")
    func depth() throws {
        let (world, classes) = try Self.world()
        let hostile = try #require(classes["hostile"]).hash
        #expect(try Self.run(world, Self.other, "recurse_by_call", [49]).returned == [49])
        let deep = try Self.run(world, Self.other, "recurse_by_call", [50])
        #expect(deep.abort?.contains("recursion depth exceeded") == true)
        #expect(
            try Self.run(world, Self.other, "recurse_by_library_call", [hostile, 49]).returned
                == [49])
        #expect(
            try Self.run(world, Self.other, "recurse_by_library_call", [hostile, 50]).info == nil)
    }

    @Test("Events are limited in number, keys and data")
    func events() throws {
        let (world, _) = try Self.world()
        let limits = VersionedConstants.standard.eventLimits
        func emit(_ count: Int, _ keys: Int, _ data: Int) throws -> CallOutcome {
            try Self.run(
                world, Self.other, "emit_events", [count, keys, data].map { Felt(UInt64($0)) })
        }
        let full = try emit(limits.count, 2, 3)
        #expect(full.info?.events.count == limits.count)
        #expect(full.info?.events.last?.order == limits.count - 1)
        #expect(
            try emit(limits.count + 1, 1, 1).abort?.contains(
                "Exceeded the maximum number of events, number events: \(limits.count + 1), max "
                    + "number events: \(limits.count).") == true)
        #expect(try emit(1, limits.keysLength, limits.dataLength).info?.failed == false)
        #expect(try emit(1, limits.keysLength + 1, 0).abort?.contains("keys length") == true)
        #expect(try emit(1, 1, limits.dataLength + 1).abort?.contains("data length") == true)
    }

    @Test("Messages go to addresses of 160 bits")
    func messages() throws {
        let (world, _) = try Self.world()
        let last = Felt(UInt128(1) << 80) * Felt(UInt128(1) << 80) - .one
        let sent = try Self.run(world, Self.other, "send_messages", [3, last, 2])
        #expect(
            sent.info?.sortedMessages()
                == [MessageToL1](
                    repeating: MessageToL1(
                        fromAddress: Self.other, toAddress: last, payload: [0, 1]),
                    count: 3))
        #expect(try Self.run(world, Self.other, "send_messages", [1, last + .one, 0]).info == nil)
    }

    // MARK: What is counted

    @Test(
        "Old classes count steps, new ones gas, and what steps call counts steps",
        .enabled(
            if: Fixtures.has("feature-contracts"),
            "\(Fixtures.absence(of: "feature-contracts"))"))
    func tracking() throws {
        var (world, classes) = try Self.world()
        let caller = try #require(classes["caller"])
        let version = VersionedConstants.standard.gasVersion
        #expect(try #require(caller.compiled.sierraVersion) < version)
        // A new class that passes calls on.
        let new = try #require(
            try FeatureClass.fixtures(under: "feature-contracts").first { feature in
                feature.abi.functions.contains {
                    $0.inputs.map(\.type) == [
                        "core::starknet::contract_address::ContractAddress", "core::felt252",
                        "core::array::Array::<core::felt252>",
                    ] && $0.name.hasSuffix("call_contract")
                } && feature.compiled.sierraVersion.map { $0 >= version } ?? false
            })
        let pass = try #require(
            new.abi.functions.first { $0.name.hasSuffix("call_contract") })
        world.classes[new.hash] = new.compiled
        world.contracts[0x9e1] = new.hash
        // New calls old: gas outside, steps inside, and the steps are the whole call's.
        let outer = try #require(
            try world.run(
                EntryPointCall(
                    0x9e1, pass.selector, [Self.at, StarkHash.selector("set"), 1, 5]), .standard
            ).info)
        let inner = try #require(outer.innerCalls.first)
        #expect(outer.tracked == .sierraGas && inner.tracked == .cairoSteps)
        #expect(inner.gasConsumed == 0 && inner.resources.steps > 0)
        #expect(inner.call.initialGas == VersionedConstants.standard.initialGasOfSteps)
        #expect(outer.gasConsumed > 0 && outer.resources == inner.resources)
        // Old calls new: steps all the way down.
        let below = try #require(
            try world.run(
                EntryPointCall(
                    Self.at, StarkHash.selector("call"),
                    [0x9e1, pass.selector, 4, Self.at, StarkHash.selector("set"), 1, 5]),
                .standard
            ).info)
        #expect(!below.failed)
        let middle = try #require(below.innerCalls.first)
        #expect(middle.tracked == .cairoSteps && middle.gasConsumed == 0)
        #expect(below.gasConsumed == 0)
        let last = try #require(middle.innerCalls.first)
        #expect(
            below.resources == below.ownResources + middle.ownResources + last.ownResources)
    }
}
