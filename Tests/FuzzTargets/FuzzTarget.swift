import CairoVM
import Consensus
import Execution
import JSONText
import Primitives
import Replica
import Replication
import StarkField
import WireCodec

@testable import RPC
@testable import Storage
@testable import Transport

/// Everything that reads bytes from outside, as functions from bytes to nothing: each must return,
/// whatever the bytes are, in time and memory that follow their count, and a value that it accepts
/// must be the only one with that encoding.
///
/// `FuzzTests` runs each on its seeds and on mutations of them; `deploy/fuzz` runs one under
/// libFuzzer for as long as wanted. What libFuzzer finds becomes a seed here.
package enum FuzzTarget: String, CaseIterable, Sendable {
    /// Messages of verified peers.
    case wire
    /// What an unverified peer can send inside TLS, and the framing of messages.
    case greeting
    /// The consensus log's records, and whole logs on a disk that changed them.
    case log
    /// JSON-RPC request bodies and the parameters of its methods.
    case rpc
    /// Transactions as they are stored and sent.
    case transaction
    /// Compiled classes, programs, and the text of hints.
    case program
    /// Programs as the machine runs them, by the run loop and by its plain twin.
    case machine
    /// Classes as contracts run them, with system calls.
    case execution
    /// Sierra classes in the forms of RPC and of compilers.
    case sierra
    /// Classes of Cairo 0.
    case cairo0
    /// The packed form of JSON values.
    case packedJSON

    /// - Returns: whether the bytes were accepted.
    @discardableResult
    package func run(_ bytes: [UInt8]) -> Bool {
        switch self {
        case .wire: Self.canonical(PeerMessage.self, bytes)
        case .greeting: Self.greeting(bytes)
        case .log:
            bytes.first == 0 ? LogDamage.run(bytes) : Self.canonical(ReplicaRecord.self, bytes)
        case .rpc: Self.body(bytes)
        case .transaction: Self.transaction(bytes)
        case .program: Self.program(bytes)
        case .machine: MachineRun.run(bytes)
        case .execution: ExecutionRun.run(bytes)
        case .sierra:
            Self.packed(bytes, SierraClass.Limits().json) { value throws(ClassError) in
                try SierraClass(value).hash
            }
        case .cairo0:
            Self.packed(bytes, CairoProgram.Limits().json) { value throws(ClassError) in
                try DeprecatedClass(value).hash
            }
        case .packedJSON: Self.packedJSON(bytes)
        }
    }

    private static func canonical<T: WireCodable & Equatable>(
        _ type: T.Type, _ bytes: [UInt8]
    ) -> Bool {
        do throws(WireError) {
            let value = try T(decoding: bytes)
            precondition(value.encoded() == bytes, "two encodings of \(value)")
            return true
        } catch { return false }
    }

    private static func greeting(_ bytes: [UInt8]) -> Bool {
        var assembler = MessageAssembler(maximum: 1024)
        var messages: [[UInt8]] = []
        bytes.withUnsafeBytes { _ = assembler.feed($0, into: &messages) }
        precondition(assembler.pendingBytes <= bytes.count, "more kept than received")
        return canonical(Greeting.self, bytes)
    }

    private static func body(_ bytes: [UInt8]) -> Bool {
        switch RPCMessage.parse(bytes, limits: RPCLimits()) {
        case .refused: return false
        case .single(let call): return parameters(call)
        case .batch(let calls):
            var accepted = true
            for call in calls where !parameters(call) { accepted = false }
            return accepted
        }
    }

    /// Every decoder of a parameter sees every parameter, whatever the method.
    private static func parameters(_ call: RPCCall) -> Bool {
        guard case .success(let content) = call.content else { return false }
        let values: [JSONValue] =
            switch content.parameters {
            case .positional(let values): values
            case .named(let members): members.map(\.value)
            }
        for value in values {
            _ = try? Decode.invoke(value)
            _ = try? Decode.deployAccount(value)
            _ = try? Decode.declare(value)
            _ = try? Decode.estimated(value)
            _ = try? Decode.messageFromL1(value)
            _ = try? Decode.l1TransactionHash(value)
            _ = try? Decode.simulationFlags(value)
            _ = try? Decode.storageProofRequest(
                classes: value, contracts: nil, slots: value, limits: RPCLimits())
            _ = RenderedCasm(value)
            _ = try? Decode.blockID(value)
            _ = try? Decode.felt(value, "felt")
            _ = try? Decode.unsigned(value, "number")
        }
        return true
    }

    private static func transaction(_ bytes: [UInt8]) -> Bool {
        guard canonical(Transaction.self, bytes) else { return false }
        do throws(WireError) {
            let transaction = try Transaction(decoding: bytes)
            var hasher = TransactionHasher(chainID: Felt(7))
            precondition(
                hasher.digest(of: transaction).hash == transaction.hash(chainID: Felt(7)),
                "two hashes of one transaction")
            return true
        } catch { preconditionFailure("decoded once and not twice: \(error)") }
    }
}

extension FuzzTarget {
    fileprivate static func program(_ bytes: [UInt8]) -> Bool {
        do throws(ClassError) {
            _ = try CasmClass(json: bytes)
            return true
        } catch { _ = error }
        do throws(ClassError) {
            _ = try CairoProgram(json: bytes)
            return true
        } catch { _ = error }
        do throws(HintTextError) {
            try ProgramHints.check(String(decoding: bytes, as: UTF8.self))
            return true
        } catch { return false }
    }
}

extension FuzzTarget {
    /// A class has the same hash before it is packed and after.
    fileprivate static func packed(
        _ bytes: [UInt8], _ limits: JSONLimits, hash: (JSONValue) throws(ClassError) -> Felt
    ) -> Bool {
        do {
            let value = try JSONParser.parse(bytes, limits: limits)
            let unpacked = try PackedJSON.decode(PackedJSON.encode(value), limits: limits)
            let first = try hash(value)
            let second = try hash(unpacked)
            precondition(first == second, "packing changed a class")
            return true
        } catch let error as PackedJSONError {
            preconditionFailure("what was packed is not unpacked: \(error)")
        } catch { return false }
    }

    fileprivate static func packedJSON(_ bytes: [UInt8]) -> Bool {
        do throws(PackedJSONError) {
            let value = try PackedJSON.decode(bytes)
            precondition(PackedJSON.encode(value) == bytes, "two encodings of \(value)")
            return true
        } catch { return false }
    }
}

/// A program of at most 64 cells, nine bytes each: eight of a number, and one that says whether it
/// is negated or multiplied beyond 64 bits.
enum MachineRun {
    private static func cells(_ bytes: [UInt8]) -> [Cell] {
        stride(from: 0, to: min(bytes.count, 64 * 9), by: 9).map { start in
            let part = bytes[start..<min(start + 9, bytes.count)]
            let word = part.prefix(8).reversed().reduce(0 as UInt64) { $0 << 8 | UInt64($1) }
            switch part.count == 9 ? bytes[start + 8] % 3 : 0 {
            case 1: return Cell(-Int(word >> 1))
            case 2: return Cell(UInt128(word) << 64 | UInt128(word))
            default: return Cell(word)
            }
        }
    }

    private static func prepare(_ machine: inout VirtualMachine) throws(MemoryError) {
        _ = try machine.memory.addSegment()
        var stack: [Cell] = []
        for builtin in [Builtin.rangeCheck, .bitwise, .pedersen, .poseidon] {
            let segment = try machine.memory.addSegment(rule: builtin)
            stack.append(Cell(segment))
        }
        machine.end = try machine.memory.addSegment()
        stack += [Cell(0 as UInt64), Cell(machine.end)]
        try machine.memory.load(stack, at: Relocatable(segment: 1, offset: 0))
        machine.ap = stack.count
        machine.fp = stack.count
    }

    /// Both ways of running end alike, and a run ends.
    static func run(_ bytes: [UInt8]) -> Bool {
        let limits = MemoryLimits(cells: 1 << 12, segments: 64)
        let code = Code(cells(bytes), hinted: [])
        var fast = VirtualMachine(code, limits: limits, steps: 200, recording: .trace)
        var slow = VirtualMachine(code, limits: limits, steps: 200, recording: .trace)
        do throws(MemoryError) {
            try prepare(&fast)
            try prepare(&slow)
        } catch { preconditionFailure("an empty machine has no room: \(error)") }
        var errors: (MachineError?, MachineError?) = (nil, nil)
        do throws(MachineError) { _ = try fast.run(skipsHint: false) } catch { errors.0 = error }
        do throws(MachineError) {
            while slow.pc != slow.end { try slow.step() }
        } catch { errors.1 = error }
        precondition(errors.0 == errors.1, "\(errors)")
        precondition(fast.trace == slow.trace && fast.ap == slow.ap, "two traces")
        return errors.0 == nil
    }
}

/// A log of a few groups, the bytes of which are changed as the input says: triples of a place (16
/// bits) and a byte to xor, after a first byte that names the target's mode and a second one that
/// cuts the end off.
enum LogDamage {
    private static let path = "log/" + LogFormat.segmentName(0)
    private static let chain = Digest(1, 2, 3, 4)

    private static func record(_ number: Int) -> LogRecord {
        LogRecord(
            kind: UInt8(number), payload: (0..<40).map { UInt8(truncatingIfNeeded: $0 * number) })
    }

    private static func open(_ disk: MemoryFileSystem, _ deliver: (LogRecord) -> Void)
        throws(LogError) -> ConsensusLog
    {
        try ConsensusLog.open(
            directory: "log", chain: chain, epoch: 7, fileSystem: disk, salt: 99
        ) { _, record in deliver(record) }.log
    }

    private static let written: [String: [UInt8]] = {
        let disk = MemoryFileSystem()
        do {
            let log = try open(disk) { _ in }
            for group in 0..<4 {
                try log.append([record(3 * group), record(3 * group + 1), record(3 * group + 2)])
                try log.sync()
            }
            var files: [String: [UInt8]] = [:]
            for name in try disk.list("log") where name != "LOCK" {
                files["log/\(name)"] = disk.content("log/\(name)")
            }
            return files
        } catch { preconditionFailure("a log in memory failed: \(error)") }
    }()

    /// A log opens with a prefix of what was written, or does not open.
    static func run(_ bytes: [UInt8]) -> Bool {
        let disk = MemoryFileSystem()
        do {
            try disk.createDirectory("log")
            for name in written.keys.sorted() {
                guard var content = written[name] else { continue }
                if name == path || written.count == 1 { damage(&content, bytes) }
                disk.close(try disk.open(name, create: true))
                disk.tamper(name, content)
            }
        } catch { preconditionFailure("a disk in memory failed: \(error)") }
        var count = 0
        do throws(LogError) {
            _ = try open(disk) { found in
                precondition(found == record(count), "record \(count) came back as another")
                count += 1
            }
            return true
        } catch { return false }
    }

    private static func damage(_ content: inout [UInt8], _ bytes: [UInt8]) {
        var index = 2
        while index + 3 <= bytes.count, !content.isEmpty {
            let place = Int(bytes[index]) << 8 | Int(bytes[index + 1])
            content[place % content.count] ^= bytes[index + 2]
            index += 3
        }
        if bytes.count > 1 { content.removeLast(min(content.count, Int(bytes[1]))) }
    }
}
