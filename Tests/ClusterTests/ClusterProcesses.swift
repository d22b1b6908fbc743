// Tests of whole clusters: real processes, real TCP on loopback, real files. Nothing is assumed
// about speed: every wait is for an event and has a deadline that only a hang reaches. Processes
// are stopped by their own id and folders removed, also when a test fails.

import Dispatch
import Foundation
import Glibc
import TestSupport
import Testing

enum Binary {
    /// The program under test: `PRYTANY_BINARY`, by default `prytany` of the release build.
    static let path: String = {
        if let named = ProcessInfo.processInfo.environment["PRYTANY_BINARY"] { return named }
        return FileManager.default.currentDirectoryPath + "/.build/release/prytany"
    }()
    static let isPresent = FileManager.default.isExecutableFile(atPath: path)
    static let absence = Comment(
        rawValue: "no program at \(path): build it, or set PRYTANY_BINARY")
    /// Python with starknet-py and jsonschema.
    static let python: String? = ProcessInfo.processInfo.environment["PRYTANY_ORACLES"].map {
        $0 + "/client/bin/python"
    }.flatMap { FileManager.default.isExecutableFile(atPath: $0) ? $0 : nil }
    static let pythonAbsence: Comment =
        "no client/bin/python with starknet-py 0.30.0 under PRYTANY_ORACLES"
    /// A script of this folder.
    static func script(_ name: String) -> String {
        URL(fileURLWithPath: #filePath).deletingLastPathComponent()
            .appendingPathComponent(name).path
    }
    /// StarkWare's starknet-sierra-compile.
    static let compiler: String? = ProcessInfo.processInfo.environment["PRYTANY_SIERRA_COMPILER"]
        .flatMap { FileManager.default.isExecutableFile(atPath: $0) ? $0 : nil }
    static let compilerAbsence: Comment =
        "no starknet-sierra-compile: PRYTANY_SIERRA_COMPILER names none"
}

struct ClusterFailure: Error, CustomStringConvertible {
    let description: String
    init(_ description: String) { self.description = description }
}

/// Waits at most so long on nothing but the clock: the pause between two looks.
func pause(milliseconds: Int32) { _ = poll(nil, 0, milliseconds) }

/// Looks again and again until `look` gives a value; fails after `seconds`.
func eventually<Value>(
    _ what: String, seconds: Double = 90, every milliseconds: Int32 = 20,
    _ look: () throws -> Value?
) throws -> Value {
    let clock = ContinuousClock()
    let deadline = clock.now + .seconds(seconds)
    while true {
        if let value = try look() { return value }
        guard clock.now < deadline else {
            throw ClusterFailure("waited \(seconds) s in vain for: \(what)")
        }
        pause(milliseconds: milliseconds)
    }
}

/// Runs blocking work on a thread of its own, so that it takes none of the tests' shared ones; what
/// it records still belongs to the test.
func onThread(_ body: @escaping @Sendable () throws -> Void) async throws {
    try await withTaskExecutorPreference(BlockingThread()) { try body() }
}

private final class BlockingThread: TaskExecutor {
    private let queue = DispatchQueue(label: "cluster-test")

    func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        queue.async { job.runSynchronously(on: self.asUnownedTaskExecutor()) }
    }
}

/// A started program, with its output in a file and, where asked for, a pipe to its input.
final class Program {
    let logPath: String
    private let id: pid_t
    private var input: Int32 = -1
    private var status: Int32?

    init(_ executable: String, _ arguments: [String], log: String, input wanted: Bool = false)
        throws
    {
        logPath = log
        var ends: [Int32] = [-1, -1]
        if wanted {
            guard pipe(&ends) == 0 else { throw ClusterFailure("no pipe") }
            // No program started later may hold the writing end open.
            for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
        }
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        if wanted {
            posix_spawn_file_actions_adddup2(&actions, ends[0], 0)
        } else {
            posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)
        }
        posix_spawn_file_actions_addopen(&actions, 1, log, O_WRONLY | O_CREAT | O_APPEND, 0o644)
        posix_spawn_file_actions_adddup2(&actions, 1, 2)
        var attributes = posix_spawnattr_t()
        posix_spawnattr_init(&attributes)
        defer { posix_spawnattr_destroy(&attributes) }
        var empty = sigset_t()
        sigemptyset(&empty)
        posix_spawnattr_setsigmask(&attributes, &empty)
        // A shell's background job ignores SIGINT, and its children would inherit that.
        var defaults = sigset_t()
        sigemptyset(&defaults)
        for number in [SIGINT, SIGTERM] { sigaddset(&defaults, number) }
        posix_spawnattr_setsigdefault(&attributes, &defaults)
        posix_spawnattr_setpgroup(&attributes, 0)
        posix_spawnattr_setflags(
            &attributes,
            Int16(POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETPGROUP))
        var pointers: [UnsafeMutablePointer<CChar>?] = ([executable] + arguments).map { strdup($0) }
        pointers.append(nil)
        defer { for pointer in pointers { free(pointer) } }
        var started = pid_t()
        let result = posix_spawn(&started, executable, &actions, &attributes, pointers, environ)
        if wanted {
            Glibc.close(ends[0])
            input = ends[1]
        }
        id = started
        guard result == 0 else {
            status = -1
            throw ClusterFailure("cannot start \(executable): \(String(cString: strerror(result)))")
        }
    }

    deinit {
        closeInput()
        signal(SIGKILL)
        while status == nil {
            var found: Int32 = 0
            if waitpid(id, &found, 0) == id || errno != EINTR { status = found }
        }
    }

    func closeInput() {
        if input >= 0 { Glibc.close(input) }
        input = -1
    }

    var isRunning: Bool {
        var found: Int32 = 0
        if status == nil, waitpid(id, &found, WNOHANG) == id { status = found }
        return status == nil
    }

    func signal(_ number: Int32) {
        if isRunning { kill(id, number) }
    }

    /// The exit status, or 128 plus the signal that ended it.
    func waitForExit(seconds: Double = 90) throws -> Int32 {
        try eventually("the end of process \(id) (\(logPath))", seconds: seconds) {
            isRunning ? nil : status.map { $0 & 0x7f == 0 ? ($0 >> 8) & 0xff : 128 + $0 & 0x7f }
        }
    }

    func killNow() throws {
        signal(SIGKILL)
        _ = try waitForExit()
    }

    var log: String {
        (FileManager.default.contents(atPath: logPath)).map { String(decoding: $0, as: UTF8.self) }
            ?? ""
    }

    /// Kilobytes of anonymous resident memory.
    var residentKilobytes: Int? {
        guard let text = try? String(contentsOfFile: "/proc/\(id)/status", encoding: .utf8) else {
            return nil
        }
        let line = text.split(separator: "\n").first { $0.hasPrefix("RssAnon:") }
        return line.flatMap { Int($0.split(whereSeparator: { !$0.isNumber }).first ?? "") }
    }
}

/// What a node says of itself at `/status`.
struct Report: Decodable, Sendable {
    var phase: String
    var finalHeight: UInt64
    var targetHeight: UInt64
    var finalHash: String
    var finalTransactions: UInt64
    var leaderIndex: Int
    var window: UInt64
    var connectedPeers: Int
}

/// A cluster in a temporary folder, its nodes started one by one by the test.
final class TestCluster {
    static let size = 4
    let directory: String
    let rpcPort: Int
    let peerPort: Int
    private(set) var nodes: [Program?] = Array(repeating: nil, count: TestCluster.size)
    let payloadRate: Int

    /// `payloadRate` above nought makes a chain of opaque payloads, so many a second and node.
    /// `genesisClasses` are files of classes that the genesis declares.
    init(payloadRate: Int = 0, genesisClasses: [String] = []) throws {
        self.payloadRate = payloadRate
        directory = NSTemporaryDirectory() + "prytany-cluster-" + UUID().uuidString
        let ports = try Self.freePorts(2 * Self.size)
        rpcPort = ports
        peerPort = ports + Self.size
        try FileManager.default.createDirectory(
            atPath: directory, withIntermediateDirectories: true)
        let setUp = try up("0", genesisClasses.flatMap { ["--genesis-class", $0] })
        guard try setUp.waitForExit() == 0 else { throw ClusterFailure(setUp.log) }
        if payloadRate > 0 {
            let path = directory + "/c/genesis.yaml"
            let text = try String(contentsOfFile: path, encoding: .utf8)
            try text.replacing("payload: transactions", with: "payload: opaque")
                .write(toFile: path, atomically: true, encoding: .utf8)
        }
        for index in 0..<Self.size { try FileManager.default.removeItem(atPath: data(index)) }
    }

    deinit {
        nodes = []
        // For looking at a failure afterwards.
        if ProcessInfo.processInfo.environment["PRYTANY_KEEP_CLUSTERS"] != nil { return }
        do {
            try FileManager.default.removeItem(atPath: directory)
        } catch { Issue.record("cannot remove \(directory): \(error)") }
    }

    func data(_ index: Int) -> String { "\(directory)/c/node-\(index)/data" }

    /// `cluster up`, until a height or until it is stopped.
    func up(_ height: String?, _ options: [String] = []) throws -> Program {
        try Program(
            Binary.path,
            [
                "cluster", "up", "--directory", directory + "/c", "--json", "--rpc-port",
                "\(rpcPort)", "--peer-port", "\(peerPort)",
            ] + (height.map { ["--until-height", $0] } ?? [])
                + (Binary.compiler.map { ["--sierra-compiler", $0] } ?? []) + options,
            log: directory + "/up.log")
    }

    /// The first of so many free ports in a row, below the range that outgoing connections use.
    private static func freePorts(_ count: Int) throws -> Int {
        for _ in 0..<200 {
            let first = Int.random(in: 15_000..<32_000)
            let sockets = (0..<count).map { Socket(listeningOn: first + $0) }
            if sockets.allSatisfy({ $0 != nil }) { return first }
        }
        throw ClusterFailure("no \(count) free ports in a row")
    }

    /// Adds a limit to a node's configuration.
    func configure(_ index: Int, _ limit: String) throws {
        let path = "\(directory)/c/node-\(index)/node.yaml"
        let text = try String(contentsOfFile: path, encoding: .utf8)
        try text.replacing("limits:\n", with: "limits:\n  \(limit)\n")
            .write(toFile: path, atomically: true, encoding: .utf8)
    }

    func start(_ index: Int, _ options: String...) throws {
        var arguments = ["node", "run", "--config", "\(directory)/c/node-\(index)/node.yaml"]
        arguments += options
        if payloadRate > 0 { arguments += ["--payload-rate", "\(payloadRate)"] }
        nodes[index] = try Program(
            Binary.path, arguments, log: "\(directory)/node-\(index).log")
    }

    func startAll() throws {
        for index in 0..<Self.size { try start(index) }
        for index in 0..<Self.size { try waitUntilVoting(index) }
    }

    func node(_ index: Int) throws -> Program { try #require(nodes[index], "node not started") }

    func killNow(_ index: Int) throws {
        try node(index).killNow()
        nodes[index] = nil
    }

    func stop(_ index: Int) throws {
        let node = try node(index)
        node.signal(SIGTERM)
        #expect(try node.waitForExit() == 0, "a node that is told to stop ends well")
        nodes[index] = nil
    }

    func report(_ index: Int) -> Report? {
        guard let answer = HTTP.get(port: rpcPort + index, path: "/status") else { return nil }
        return try? JSONDecoder().decode(Report.self, from: answer)
    }

    /// The report of a node that runs; a node that ended by itself is a failure.
    func livingReport(_ index: Int) throws -> Report? {
        let node = try node(index)
        guard node.isRunning else {
            throw ClusterFailure("node-\(index) ended by itself:\n\(node.log.suffix(2000))")
        }
        return report(index)
    }

    @discardableResult
    func waitUntilVoting(_ index: Int) throws -> Report {
        try eventually("node-\(index) votes") {
            try livingReport(index).flatMap { $0.phase == "voting" ? $0 : nil }
        }
    }

    @discardableResult
    func waitForHeight(_ height: UInt64, at index: Int) throws -> Report {
        try eventually("height \(height) at node-\(index)") {
            try livingReport(index).flatMap { $0.finalHeight >= height ? $0 : nil }
        }
    }

    /// The final blocks go on: `count` more at this node.
    func expectProgress(_ count: UInt64, at index: Int) throws {
        let report = try eventually("a report of node-\(index)") { try livingReport(index) }
        try waitForHeight(report.finalHeight + count, at: index)
    }

    /// A gauge of `/metrics`, by its name and a label.
    func metric(_ name: String, _ label: String, at index: Int) -> Double? {
        guard let answer = HTTP.get(port: rpcPort + index, path: "/metrics") else { return nil }
        let line = String(decoding: answer, as: UTF8.self).split(separator: "\n").first {
            $0.hasPrefix("prytany_\(name){") && $0.contains(label)
        }
        return line?.split(separator: " ").last.flatMap { Double($0) }
    }

    /// Writes what client.py and contracts.py read, and starts one of them.
    func client(
        _ task: String, documents: [String] = [], script: String = "client.py",
        more: [String: Any] = [:]
    ) throws -> Program {
        let text = try String(contentsOfFile: directory + "/c/accounts.yaml", encoding: .utf8)
        var accounts: [[String: String]] = []
        for line in text.split(separator: "\n") {
            let words = line.split(whereSeparator: { " -:'".contains($0) }).map(String.init)
            guard words.count == 2 else { continue }
            if words[0] == "address" { accounts.append([:]) }
            if !accounts.isEmpty { accounts[accounts.count - 1][words[0]] = words[1] }
        }
        let chain = "PRYTANY_DEV".utf8.map { String($0, radix: 16) }.joined()
        var setting: [String: Any] = [
            "nodes": (0..<Self.size).map { "http://127.0.0.1:\(rpcPort + $0)" },
            "accounts": accounts, "documents": documents, "chain": "0x" + chain,
        ]
        setting.merge(more) { _, new in new }
        let path = directory + "/client.json"
        try JSONSerialization.data(withJSONObject: setting).write(to: URL(fileURLWithPath: path))
        return try Program(
            #require(Binary.python), [Binary.script(script), path, task],
            log: "\(directory)/client-\(task).log", input: true)
    }
}
