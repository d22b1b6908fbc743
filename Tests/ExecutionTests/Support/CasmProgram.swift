import CairoVM
import StarkField

@testable import Execution

/// Writes classes by hand, instruction by instruction, with one external entry point.
struct CasmProgram {
    /// What an entry point without builtins has on its stack, from fp on downwards.
    enum Argument: Int {
        case calldataEnd = -3
        case calldata = -4
        case syscall = -5
        case gas = -6
    }

    static let selector = Felt(0x123 as UInt64)
    private static let prime =
        "0x800000000000011000000000000000000000000000000000000000000000001"
    private(set) var code: [String] = []
    private var hints: [(Int, String)] = []
    var builtins: [String] = []

    private enum Flag {
        static let opFP = 1 << 1
        static let immediate = 1 << 2
        static let fromFP = 1 << 3
        static let fromAP = 1 << 4
        static let sum = 1 << 5
        static let product = 1 << 6
        static let nextAP = 1 << 11
        static let call = 1 << 12
        static let ret = 1 << 13
        static let equal = 1 << 14
    }

    private mutating func instruction(
        _ destination: Int, _ first: Int, _ second: Int, _ flags: Int, destinationFP: Bool = false
    ) {
        let biased = [destination, first, second].map { UInt64($0 + 0x8000) }
        let word =
            biased[0] | biased[1] << 16 | biased[2] << 32
            | UInt64(flags | (destinationFP ? 1 : 0)) << 48
        code.append("0x" + String(word, radix: 16))
    }

    /// `[ap] = value; ap++`
    mutating func push(_ value: Felt) {
        instruction(0, -1, 1, Flag.opFP | Flag.immediate | Flag.nextAP | Flag.equal)
        code.append(value.hexString)
    }

    /// `[ap] = [fp + place]; ap++`
    mutating func push(fp place: Int) {
        instruction(0, -1, place, Flag.opFP | Flag.fromFP | Flag.nextAP | Flag.equal)
    }

    /// `[ap] = [[fp + place] + offset]; ap++`
    mutating func push(at place: Int, _ offset: Int) {
        instruction(0, place, offset, Flag.opFP | Flag.nextAP | Flag.equal)
    }

    /// `[ap] = [fp + place] + value; ap++`
    mutating func push(fp place: Int, plus value: Felt) {
        instruction(
            0, place, 1, Flag.opFP | Flag.immediate | Flag.sum | Flag.nextAP | Flag.equal)
        code.append(value.hexString)
    }

    /// `[ap] = [ap - 1] + value; ap++`
    mutating func push(lastPlus value: Felt) {
        instruction(0, -1, 1, Flag.immediate | Flag.sum | Flag.nextAP | Flag.equal)
        code.append(value.hexString)
    }

    /// `[ap - 1] = [[fp + place] + offset]`
    mutating func assertLast(at place: Int, _ offset: Int) {
        instruction(-1, place, offset, Flag.opFP | Flag.equal)
    }

    /// `[fp + source] = [[fp + place] + offset]`
    mutating func assert(fp source: Int, at place: Int, _ offset: Int) {
        instruction(source, place, offset, Flag.opFP | Flag.equal, destinationFP: true)
    }

    /// `call rel 0`: calls itself for ever, deeper and deeper.
    mutating func callSelf() {
        instruction(0, 1, 1, Flag.immediate | Flag.call | 1 << 8)
        code.append("0x0")
    }

    /// `jmp rel 0`: for ever.
    mutating func jumpSelf() {
        instruction(-1, -1, 1, Flag.opFP | Flag.immediate | 1 << 8, destinationFP: true)
        code.append("0x0")
    }

    mutating func ret() {
        instruction(-2, -1, -1, Flag.opFP | Flag.fromFP | 1 << 7 | Flag.ret, destinationFP: true)
    }

    /// A hint before the next instruction, as JSON.
    mutating func hint(_ json: String) { hints.append((code.count, json)) }

    /// The system call whose request is at [fp - 5].
    mutating func systemCall() {
        hint(#"{"SystemCall":{"system":{"Deref":{"register":"FP","offset":-5}}}}"#)
    }

    /// The class as compilers write it.
    var json: String {
        let felts = code.map { "\"\($0)\"" }.joined(separator: ",")
        let hints = hints.map { "[\($0.0),[\($0.1)]]" }.joined(separator: ",")
        let names = builtins.map { "\"\($0)\"" }.joined(separator: ",")
        let point =
            #"{"selector":"\#(Self.selector.hexString)","offset":0,"builtins":[\#(names)]}"#
        return #"{"prime":"\#(Self.prime)","compiler_version":"2.0.0","bytecode":[\#(felts)],"#
            + #""hints":[\#(hints)],"entry_points_by_type":{"EXTERNAL":[\#(point)],"#
            + #""L1_HANDLER":[],"CONSTRUCTOR":[]}}"#
    }

    func compiled(_ version: SierraVersion = SierraVersion(1, 7, 0)) throws -> CompiledClass {
        CompiledClass(try CasmClass(json: Array(json.utf8)), sierraVersion: version)
    }

    /// Runs the program as the class of a contract of its own.
    func run(
        _ calldata: [Felt] = [], gas: UInt64 = 100_000_000, steps: UInt64 = 1_000_000,
        version: SierraVersion = SierraVersion(1, 7, 0)
    ) throws -> CallOutcome {
        var world = SmallWorld([])
        world.classes[0x77] = try compiled(version)
        world.contracts[0xabc] = 0x77
        return try world.run(
            EntryPointCall(0xabc, Self.selector, calldata, gas: gas), .standard, steps: steps)
    }

    /// A call of one of the hash functions' system calls over calldata: a state of eight words, and
    /// a block of sixteen.
    static func hashCall(_ name: String) -> CasmProgram {
        var program = CasmProgram()
        let (syscall, gas, calldata) = (-5, -6, -4)
        program.push(HashTerms.shortString(name))
        program.assertLast(at: syscall, 0)
        program.assert(fp: gas, at: syscall, 1)
        program.assert(fp: calldata, at: syscall, 2)
        program.push(fp: calldata, plus: 8)
        program.assertLast(at: syscall, 3)
        program.systemCall()
        program.push(at: syscall, 4)
        program.push(fp: syscall, plus: 7)
        program.push(at: syscall, 5)
        program.push(at: syscall, 6)
        program.push(lastPlus: 8)
        program.ret()
        return program
    }
}
