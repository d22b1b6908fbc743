import Foundation
import JSONText

/// Why a class could not be compiled.
enum CompilationError: Error, Hashable, Sendable, CustomStringConvertible {
    /// This node has no compiler.
    case unavailable(path: String)
    /// The compiler refused the class.
    case refused(message: String)
    case exceeded(limit: String)
    case unreadableOutput(String)
    case failedToStart(String)

    var description: String {
        switch self {
        case .unavailable(let path):
            "this node has no Sierra compiler (looked for \(path)), so it takes no declarations: send "
                + "the declaration to another node, or have the operator name the compiler with "
                + "'sierraCompiler' in node.yaml; deploy/run installs it"
        case .refused(let message): "the compiler refused the class: \(message)"
        case .exceeded(let limit): "compiling the class took more than \(limit)"
        case .unreadableOutput(let reason): "the compiler's output cannot be read: \(reason)"
        case .failedToStart(let reason): "the compiler could not be started: \(reason)"
        }
    }

    /// Whether the class is to blame, and not this node.
    var isVerdict: Bool {
        switch self {
        case .refused, .exceeded: true
        case .unavailable, .unreadableOutput, .failedToStart: false
        }
    }
}

/// Compiles Sierra to CASM with StarkWare's `starknet-sierra-compile`, in a process of its own with
/// limits on time, memory and output.
struct SierraCompiler: Sendable {
    struct Limits: Sendable {
        var cpuSeconds = 20
        var wallSeconds = 60
        var memoryMegabytes = 5120
        var outputMegabytes = 64
        init() {}
    }

    let path: String
    var limits = Limits()

    /// The name under which the compiler is looked for.
    static let program = "starknet-sierra-compile"

    /// - Parameter path: nil for the one in PATH.
    init(configured path: String?) {
        let folders = (ProcessInfo.processInfo.environment["PATH"] ?? "").split(separator: ":")
        self.path =
            path.map { URL(fileURLWithPath: $0).path }
            ?? folders.lazy.map { "\($0)/\(Self.program)" }
            .first { FileManager.default.isExecutableFile(atPath: $0) } ?? Self.program
    }

    var isAvailable: Bool { FileManager.default.isExecutableFile(atPath: path) }

    /// The compiled class in `PackedJSON`.
    ///
    /// - Parameter sierra: the class as users send it: `sierra_program`, entry points and ABI. The
    ///   compiler wants the ABI as an array, and no more of it than that it is one.
    func compile(_ sierra: JSONValue) throws(CompilationError) -> [UInt8] {
        guard isAvailable else { throw .unavailable(path: path) }
        let text = Self.forCompiler(sierra).utf8(.compact)
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent(
            "prytany-sierra-\(UUID().uuidString)")
        defer {
            // Nothing depends on the folder's end.
            try? FileManager.default.removeItem(at: folder)
        }
        let input = folder.appendingPathComponent("class.sierra.json")
        let output = folder.appendingPathComponent("class.casm.json")
        do {
            try FileManager.default.createDirectory(
                at: folder, withIntermediateDirectories: true,
                attributes: [.posixPermissions: 0o700])
            try Data(text).write(to: input)
            try Data(AllowedLibfuncs.file).write(to: folder.appendingPathComponent("libfuncs.json"))
        } catch { throw .failedToStart("\(error)") }
        try run(input.path, output.path, folder)
        guard let data = FileManager.default.contents(atPath: output.path) else {
            throw .unreadableOutput("there is none")
        }
        var limits = JSONLimits()
        limits.values = 4_000_000
        limits.members = 200_000
        limits.depth = 64
        do throws(JSONError) {
            return PackedJSON.encode(try JSONParser.parse([UInt8](data), limits: limits))
        } catch { throw .unreadableOutput("\(error)") }
    }

    private func run(
        _ input: String, _ output: String, _ folder: URL
    ) throws(CompilationError) {
        let messages = folder.appendingPathComponent("messages")
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/bin/sh")
        // The shell sets the limits and then becomes the compiler.
        process.arguments = [
            "-c",
            "ulimit -t \(limits.cpuSeconds) && ulimit -v \(limits.memoryMegabytes * 1024) && "
                + "ulimit -f \(limits.outputMegabytes * 2048) && ulimit -c 0 && "
                + "exec \"$0\" --allowed-libfuncs-list-file libfuncs.json \"$1\" \"$2\" "
                + "2> messages",
            path, input, output,
        ]
        process.currentDirectoryURL = folder
        process.environment = ["PATH": "/usr/bin:/bin", "HOME": folder.path]
        process.standardInput = FileHandle.nullDevice
        process.standardOutput = FileHandle.nullDevice
        process.standardError = FileHandle.nullDevice
        let ended = DispatchSemaphore(value: 0)
        process.terminationHandler = { _ in ended.signal() }
        do {
            try process.run()
        } catch { throw .failedToStart("\(error)") }
        if ended.wait(timeout: .now() + .seconds(limits.wallSeconds)) == .timedOut {
            kill(process.processIdentifier, SIGKILL)
            ended.wait()
            throw .exceeded(limit: "\(limits.wallSeconds) seconds")
        }
        switch (process.terminationReason, process.terminationStatus) {
        case (.exit, 0): return
        case (.uncaughtSignal, SIGXCPU), (.uncaughtSignal, SIGKILL):
            throw .exceeded(limit: "\(limits.cpuSeconds) seconds of processor time")
        case (.uncaughtSignal, SIGXFSZ):
            throw .exceeded(limit: "\(limits.outputMegabytes) MB of output")
        case (.uncaughtSignal, _):
            throw .exceeded(limit: "\(limits.memoryMegabytes) MB of memory")
        default:
            // A compiler that minds no signal meets the limit as a failed write.
            let size = (try? FileManager.default.attributesOfItem(atPath: output))?[.size] as? Int
            if let size, size >= limits.outputMegabytes << 20 {
                throw .exceeded(limit: "\(limits.outputMegabytes) MB of output")
            }
            throw .refused(message: Self.head(of: messages))
        }
    }

    /// The first part of what the compiler said.
    private static func head(of messages: URL) -> String {
        guard let file = FileHandle(forReadingAtPath: messages.path) else { return "(no message)" }
        defer {
            // It was read only.
            try? file.close()
        }
        let data = (try? file.read(upToCount: 2000)) ?? Data()
        let text = String(decoding: data, as: UTF8.self)
        // What follows is of use to those who write the compiler.
        let end = text.range(of: "Stack backtrace:")?.lowerBound ?? text.endIndex
        return text[..<end].trimmingCharacters(in: .whitespacesAndNewlines)
    }

    private static func forCompiler(_ sierra: JSONValue) -> JSONValue {
        guard let members = sierra.members else { return sierra }
        return .object(
            members.map {
                $0.name == "abi" && $0.value.text != nil ? JSONMember("abi", .array([])) : $0
            })
    }
}
