import CairoVM
import JSONText
import StarkField
import StarkHash
import TestSupport
import Testing

@testable import Execution

/// Classes and calls that want to take too much, or to break what runs them.
@Suite(.serialized)
struct HostileClassTests {
    static let gas: UInt64 = 3_000_000
    static let steps: UInt64 = 100_000

    static func run(
        _ name: String, _ calldata: [Felt], gas: UInt64 = 100_000_000,
        resource: TrackedResource = .cairoSteps, steps: UInt64 = 1_000_000
    ) throws -> CallOutcome {
        let hostile = try FeatureClass.example("hostile")
        var world = SmallWorld([hostile])
        world.contracts[0xabc] = hostile.hash
        return try world.run(
            EntryPointCall(0xabc, StarkHash.selector(name), calldata, gas: gas),
            VersionedConstants.standard.counting(resource), steps: steps)
    }

    @Test("Endless loops and recursions end with the steps or the gas that they have")
    func endless() throws {
        for name in ["loop_forever", "loop_forever_writing"] {
            let stepped = try Self.run(name, [])
            #expect(stepped.abort?.contains("no remaining steps") == true)
            #expect(stepped.context.stepsLeft == 0)
            let gassed = try Self.run(name, [], resource: .sierraGas)
            #expect(gassed.returned.first == HashTerms.shortString("Out of gas"))
        }
        let deep = try Self.run("recurse", [-Felt.one])
        #expect(deep.abort != nil)
        // The callee's loop takes the caller's steps with it. Of gas the caller has paid for what
        // follows before it calls, and only what the callee did is undone.
        #expect(try Self.run("call_until_out_of_gas", []).abort != nil)
        let caught = try Self.run("call_until_out_of_gas", [], resource: .sierraGas)
        #expect(caught.returned == [0])
        #expect(caught.storage.map { $0[2] } == [1, 1])
        var program = CasmProgram()
        program.jumpSelf()
        for version in [SierraVersion(1, 7, 0), SierraVersion(1, 0, 0)] {
            #expect(try program.run(steps: 5000, version: version).abort != nil)
        }
        var recursion = CasmProgram()
        recursion.callSelf()
        for version in [SierraVersion(1, 7, 0), SierraVersion(1, 0, 0)] {
            #expect(try recursion.run(version: version).abort != nil)
        }
    }

    @Test("Long calldata and long results go through, as far as the steps reach")
    func long() throws {
        let many = [Felt](repeating: 7, count: 20_000)
        let counted = try Self.run("count_calldata", [Felt(UInt64(many.count))] + many)
        #expect(counted.returned == [Felt(UInt64(many.count))])
        #expect(try Self.run("count_calldata", [Felt(UInt64.max)] + many).info?.failed == true)
        #expect(try Self.run("return_felts", [2000]).returned.count == 2001)
        #expect(try Self.run("return_felts", [-Felt.one]).info?.failed == true)
        #expect(try Self.run("return_felts", [0xffff_ffff]).abort != nil)
        #expect(try Self.run("panic_felts", [1000]).returned.count == 1000)
        #expect(try Self.run("use_dictionaries", [1000]).info?.failed == false)
    }

    @Test("A system call somewhere else than at its place is an error of the class")
    func forged() throws {
        // A request at the calldata, which is no place for one: what counts is the next free place.
        var elsewhere = CasmProgram()
        elsewhere.push(1)
        elsewhere.hint(
            #"{"SystemCall":{"system":{"Deref":{"register":"FP","offset":-4}}}}"#)
        elsewhere.push(2)
        elsewhere.ret()
        #expect(try elsewhere.run([1, 2, 3, 4]).abort != nil)
        // Nothing was requested.
        var nothing = CasmProgram()
        nothing.systemCall()
        nothing.push(2)
        nothing.ret()
        #expect(try nothing.run().abort != nil)
        // An unknown selector.
        var unknown = CasmProgram()
        unknown.push(HashTerms.shortString("NoSuchCall"))
        unknown.assertLast(at: -5, 0)
        unknown.systemCall()
        unknown.push(2)
        unknown.ret()
        #expect(try unknown.run().abort?.contains("Invalid syscall selector") == true)
        // Cairo 0's calls are none of Cairo 1.
        var old = CasmProgram()
        old.push(HashTerms.shortString("GetCallerAddress"))
        old.assertLast(at: -5, 0)
        old.assert(fp: -6, at: -5, 1)
        old.systemCall()
        old.push(2)
        old.ret()
        #expect(try old.run().abort?.contains("Unsupported syscall selector") == true)
        // Hints that read what is not there, or write where something is.
        for hint in [
            #"{"AllocSegment":{"dst":{"register":"FP","offset":-3}}}"#,
            #"{"TestLessThan":{"lhs":{"Deref":{"register":"AP","offset":30000}},"rhs":{"Immediate":"0x1"},"dst":{"register":"AP","offset":0}}}"#,
            #"{"DivMod":{"lhs":{"Immediate":"0x1"},"rhs":{"Immediate":"0x0"},"quotient":{"register":"AP","offset":0},"remainder":{"register":"AP","offset":1}}}"#,
            #"{"GetNextDictKey":{"next_key":{"register":"AP","offset":0}}}"#,
            #"{"AllocConstantSize":{"size":{"Immediate":"0x800000000000011000000000000000000000000000000000000000000000000"},"dst":{"register":"AP","offset":0}}}"#,
        ] {
            var program = CasmProgram()
            program.hint(hint)
            program.push(1)
            program.ret()
            #expect(try program.run().info == nil, "\(hint)")
        }
    }

    @Test("What an entry point returns has to be what entry points return")
    func returns() throws {
        // Too little on the stack, a flag of 2, more gas than was given, integers for addresses.
        for values: [Felt] in [
            [], [0, 0, 2, 0, 0], [-Felt.one, 0, 0, 0, 0], [0, 0, 0, 5, 6],
        ] {
            var program = CasmProgram()
            for value in values { program.push(value) }
            program.ret()
            let outcome = try program.run()
            #expect(outcome.info == nil, "\(values.map(\.hexString))")
        }
        // A span that ends before it begins.
        var reversed = CasmProgram()
        reversed.push(0)
        reversed.push(fp: -5)
        reversed.push(0)
        reversed.push(fp: -3)
        reversed.push(fp: -4)
        reversed.ret()
        #expect(try reversed.run([1, 2]).abort?.contains("Malformed return data") == true)
        // As it should be: the calldata comes back.
        var echo = CasmProgram()
        echo.push(fp: -6)
        echo.push(fp: -5)
        echo.push(0)
        echo.push(fp: -4)
        echo.push(fp: -3)
        echo.ret()
        #expect(try echo.run([1, 2]).returned == [1, 2])
    }

    @Test("Builtins out of order, unknown or twice are refused with the class")
    func builtins() throws {
        for names in [
            ["poseidon", "pedersen"], ["range_check", "range_check"], ["keccak"], ["output"],
            ["nonsense"], ["ecdsa"],
        ] {
            var program = CasmProgram()
            program.ret()
            program.builtins = names
            #expect(throws: ClassError.self, "\(names)") { try program.compiled() }
        }
        // A forged cell of a builtin that checks: not below 2^128.
        var forged = CasmProgram()
        forged.builtins = ["range_check"]
        forged.push(-Felt.one)
        forged.assertLast(at: -7, 0)
        forged.ret()
        #expect(try forged.run().abort?.contains("Range-check") == true)
        // An output cell of a hash that is not the hash.
        var hash = CasmProgram()
        hash.builtins = ["pedersen"]
        for index in 0..<3 {
            hash.push(Felt(UInt64(index) + 1))
            hash.assertLast(at: -7, index)
        }
        hash.push(fp: -6)
        hash.push(fp: -5)
        hash.push(0)
        hash.push(fp: -4)
        hash.push(fp: -3)
        hash.ret()
        #expect(try hash.run().info == nil)
    }

    // MARK: Damage

    /// A copy of a compiled class with something changed.
    static func damaged(_ json: JSONValue, _ words: inout SeededWords) -> JSONValue {
        guard case .object(var members) = json else { return json }
        func pick(_ count: Int) -> Int { Int(words.next() % UInt64(max(count, 1))) }
        for _ in 0...pick(3) {
            switch words.next() % 5 {
            case 0, 1:
                // One word of the bytecode: a bit, or anything.
                guard let place = members.firstIndex(where: { $0.name == "bytecode" }),
                    case .array(var code) = members[place].value, !code.isEmpty
                else { continue }
                let index = pick(code.count)
                let old = code[index].text.flatMap { Felt(hex: $0) } ?? .zero
                var new = Felt(words.next())
                if words.next() & 1 == 0, let small = old.asUInt64 {
                    new = Felt(small ^ 1 << (words.next() % 63))
                }
                code[index] = .string(new.hexString)
                members[place].value = .array(code)
            case 2, 3:
                // Hints at another place, or those of another place.
                guard let place = members.firstIndex(where: { $0.name == "hints" }),
                    case .array(var hints) = members[place].value, hints.count > 1
                else { continue }
                let (from, to) = (pick(hints.count), pick(hints.count))
                if case .array(var a) = hints[from], case .array(let b) = hints[to], a.count == 2,
                    b.count == 2
                {
                    a[1] = b[1]
                    hints[from] = .array(a)
                }
                if words.next() & 3 == 0 { hints.remove(at: pick(hints.count)) }
                members[place].value = .array(hints)
            default:
                guard let place = members.firstIndex(where: { $0.name == "entry_points_by_type" }),
                    case .object(var kinds) = members[place].value
                else { continue }
                for kind in kinds.indices {
                    guard case .array(var points) = kinds[kind].value, !points.isEmpty else {
                        continue
                    }
                    let index = pick(points.count)
                    guard case .object(var point) = points[index] else { continue }
                    for field in point.indices where point[field].name == "offset" {
                        point[field].value = .number(String(words.next() % 2000))
                    }
                    points[index] = .object(point)
                    kinds[kind].value = .array(points)
                }
                members[place].value = .object(kinds)
            }
        }
        return .object(members)
    }

    @Test(
        "Thousands of damaged classes are refused, or end within their steps and their gas",
        arguments: ["counter", "caller", "erc20"])
    func damage(name: String) throws {
        let original = try FeatureClass.example(name)
        let json = try JSONParser.parse(original.casmBytes(), limits: .classes)
        var refused = 0
        var ended: [String: Int] = [:]
        for seed in 1...700 as ClosedRange<UInt64> {
            var words = SeededWords(seed: seed)
            let casm: CasmClass
            do throws(ClassError) {
                casm = try CasmClass(Self.damaged(json, &words))
            } catch {
                refused += 1
                continue
            }
            var world = SmallWorld([])
            world.classes[0x77] = CompiledClass(casm, sierraVersion: SierraVersion(1, 7, 0))
            world.contracts[0xabc] = 0x77
            for function in original.abi.functions.shuffled(using: &words).prefix(3) {
                var maker = ArgumentMaker(
                    abi: original.abi, address: 0xabc, classHash: 0x77,
                    selectors: original.selectors(.external), words: words)
                let call = EntryPointCall(
                    0xabc, function.selector, maker.arguments(for: function, .small),
                    kind: function.kind, gas: Self.gas)
                for resource in [TrackedResource.sierraGas, .cairoSteps] {
                    let outcome = try world.run(
                        call, VersionedConstants.standard.machineAlone.counting(resource),
                        steps: Self.steps)
                    if let info = outcome.info {
                        #expect(info.gasConsumed <= Self.gas, "\(name), seed \(seed)")
                        #expect(info.resources.steps <= Self.steps, "\(name), seed \(seed)")
                    }
                    ended[
                        outcome.info.map { $0.failed ? "panicked" : "returned" } ?? "aborted",
                        default: 0] += 1
                }
            }
        }
        // The damage does something, and not always the same.
        #expect((ended["aborted"] ?? 0) > 100, "\(ended), \(refused) refused")
        #expect((ended["returned"] ?? 0) > 100, "\(ended), \(refused) refused")
    }
}
