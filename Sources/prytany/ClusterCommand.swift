import ArgumentParser
import Foundation
import Glibc
import SequencerNode

struct ClusterCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "cluster", abstract: "Run and watch a cluster of validators on this machine.",
        subcommands: [Up.self, Status.self])

    struct Up: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Start a cluster, or go on with the stored one, and show its progress.",
            discussion: """
                The first start makes keys, a genesis with funded accounts, and one folder a node. \
                A later start goes on from the stored state. Ctrl-C stops every node cleanly.
                """)
        @Option(help: "Validators of a new cluster.") var validators = 4
        @Option(help: "Where the cluster lives.") var directory = ".prytany/cluster"
        @Option(help: "Stop, with success, when every node has stored this height.")
        var untilHeight: UInt64?
        @Flag(help: "One JSON object a line instead of text.") var json = false
        @Option(help: "The first JSON-RPC port of a new cluster; one a node follows.")
        var rpcPort = 9545
        @Option(help: "The first peer port of a new cluster; one a node follows.")
        var peerPort = 9645
        @Option(
            help: """
                A class that a new cluster's genesis declares: a file in Sierra (which needs the \
                compiler) or in Cairo 0's form. Can be given several times.
                """) var genesisClass: [String] = []
        @Option(
            help: """
                StarkWare's starknet-sierra-compile, which class declarations need; by default the \
                one in PATH.
                """) var sierraCompiler: String?
        @Flag(help: "Run the system's classes on the Cairo machine, not as native code.")
        var noNative = false

        func run() throws {
            let layout = ClusterLayout(directory: directory)
            if !layout.exists {
                try layout.create(
                    .init(
                        validators: validators, peerPort: peerPort, rpcPort: rpcPort,
                        classes: genesisClass, sierraCompiler: sierraCompiler))
            } else if !genesisClass.isEmpty {
                throw CommandFailure(
                    "--genesis-class: the cluster in \(directory) exists already, and its genesis "
                        + "cannot change; give another --directory, or declare the class")
            }
            let cluster = try RunningCluster(
                layout: layout,
                extraArguments: (sierraCompiler.map { ["--sierra-compiler", $0] } ?? [])
                    + (noNative ? ["--no-native"] : []))
            let view = ClusterView(
                json: json, terminal: isatty(STDOUT_FILENO) == 1 && !json, cluster: cluster)
            let ending = try cluster.supervise(untilHeight: untilHeight, view: view)
            if case .nodeEnded(let node) = ending {
                throw CommandFailure(
                    """
                    \(node.name) ended by itself (status \(node.exitStatus ?? -1)); its last lines \
                    in \(node.logPath):
                    \(node.logTail().joined(separator: "\n"))
                    """)
            }
        }
    }

    struct Status: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Ask every node of a cluster how it is.")
        @Option(help: "Where the cluster lives.") var directory = ".prytany/cluster"
        @Flag(help: "The nodes' answers as JSON lines.") var json = false

        func run() throws {
            let layout = ClusterLayout(directory: directory)
            guard layout.exists else {
                throw CommandFailure(
                    "no cluster in \(directory): start one with 'prytany cluster up'")
            }
            for (index, port) in try layout.rpcPorts().enumerated() {
                guard let answer = LocalHTTP.get(port: port, path: "/status") else {
                    say(json ? "{\"node\":\(index),\"reachable\":false}" : "node-\(index)  down")
                    continue
                }
                if json {
                    say(String(decoding: answer.body, as: UTF8.self))
                } else {
                    let status = try JSONDecoder().decode(NodeReport.self, from: answer.body)
                    say(ClusterView.line(index, status))
                }
            }
        }
    }
}

/// The part of a node's `/status` that the command line shows.
struct NodeReport: Decodable {
    var phase: String
    var finalHeight: UInt64
    var targetHeight: UInt64
    var finalHash: String
    var finalTransactions: UInt64
    var window: UInt64
    var leaderIndex: Int
    var connectedPeers: Int
    var knownPeers: Int
    var poolTransactions: Int
    var transactionsPerSecond: Double
    var blocksPerSecond: Double
    var finalityP50Milliseconds: Double?
    var finalityP99Milliseconds: Double?
    var storedP50Milliseconds: Double?
    var storedP99Milliseconds: Double?
}

/// The processes of a cluster, and what they say of themselves.
final class RunningCluster {
    enum Ending {
        case interrupted
        case reachedHeight
        case nodeEnded(ChildProcess)
    }

    let layout: ClusterLayout
    let ports: [Int]
    let extraArguments: [String]
    private(set) var nodes: [ChildProcess] = []

    init(layout: ClusterLayout, extraArguments: [String] = []) throws {
        self.layout = layout
        self.extraArguments = extraArguments
        ports = try layout.rpcPorts()
    }

    func start() throws {
        try SignalPipe.install()
        for index in ports.indices { nodes.append(try launch(index)) }
    }

    private func launch(_ index: Int) throws -> ChildProcess {
        let executable = try FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")
        return try ChildProcess(
            name: "node-\(index)", executable: executable,
            arguments: [
                "node", "run", "--config", layout.configurationPath(index), "--supervised",
            ] + extraArguments, logPath: layout.logPath(index))
    }

    func restart(_ index: Int) throws { nodes[index] = try launch(index) }

    func report(_ index: Int, milliseconds: Int = 400) -> NodeReport? {
        guard
            let answer = LocalHTTP.get(
                port: ports[index], path: "/status", milliseconds: milliseconds)
        else { return nil }
        return try? JSONDecoder().decode(NodeReport.self, from: answer.body)
    }

    /// Waits for a signal at most so long; the number that came.
    func awaitSignal(milliseconds: Int) -> Int32? {
        SignalPipe.next(milliseconds: milliseconds)
    }

    func supervise(untilHeight: UInt64?, view: ClusterView) throws -> Ending {
        try start()
        defer { stop() }
        view.started()
        while true {
            if let number = awaitSignal(milliseconds: 500), number != SIGCHLD {
                view.stopping()
                return .interrupted
            }
            if let ended = nodes.first(where: { !$0.isRunning }) { return .nodeEnded(ended) }
            let reports = ports.indices.map { report($0) }
            view.show(reports)
            if let untilHeight,
                reports.allSatisfy({ ($0?.finalHeight ?? 0) >= untilHeight })
            {
                view.finished(reports)
                return .reachedHeight
            }
        }
    }

    func stop() {
        for node in nodes { node.signal(SIGTERM) }
        for node in nodes { node.wait() }
    }
}

/// What a person sees of a running cluster.
final class ClusterView {
    let json: Bool
    let terminal: Bool
    private let cluster: RunningCluster
    private var shown = 0
    private var lastPlain = Date.distantPast
    private var announced = false

    init(json: Bool, terminal: Bool, cluster: RunningCluster) {
        self.json = json
        self.terminal = terminal
        self.cluster = cluster
    }

    func started() {
        guard !json else { return }
        let count = cluster.ports.count
        say("starting \(count) validator\(count == 1 ? "" : "s") from \(cluster.layout.directory)")
    }

    func stopping() {
        if !json { say("\nstopping every node ...") }
    }

    func finished(_ reports: [NodeReport?]) {
        if json {
            emit(reports, event: "reached")
        } else {
            say("every node has stored height \(reports.compactMap { $0?.finalHeight }.min() ?? 0)")
        }
    }

    func show(_ reports: [NodeReport?]) {
        if !announced, reports.allSatisfy({ $0?.phase == "voting" }) {
            announced = true
            announce()
        }
        if json {
            emit(reports, event: "progress")
        } else if terminal {
            if shown > 0 { say("\u{1B}[\(shown)A", terminator: "") }
            for (index, report) in reports.enumerated() {
                say(
                    "\u{1B}[2K" + (report.map { Self.line(index, $0) } ?? "node-\(index)  starting")
                )
            }
            shown = reports.count
        } else if Date().timeIntervalSince(lastPlain) >= 5 {
            lastPlain = Date()
            for (index, report) in reports.enumerated() {
                say(report.map { Self.line(index, $0) } ?? "node-\(index)  starting")
            }
        }
    }

    private func announce() {
        guard !json else { return }
        shown = 0
        say("")
        for (index, port) in cluster.ports.enumerated() {
            say(
                "node-\(index)  JSON-RPC http://127.0.0.1:\(port)  (/health /ready /metrics /status)"
            )
        }
        if let accounts = try? cluster.layout.accounts() {
            say("funded accounts (secret keys in \(cluster.layout.accountsPath)):")
            for account in accounts {
                say("  \(account.address)  \(account.balance.dropLast(18)) STRK")
            }
        }
        if let genesis = try? cluster.layout.genesis() {
            for line in StakeSummary(genesis: genesis).lines { say(line) }
        }
        say("")
    }

    private func emit(_ reports: [NodeReport?], event: String) {
        let nodes = reports.enumerated().map { index, report -> String in
            guard let report else { return "{\"node\":\(index),\"reachable\":false}" }
            return
                "{\"node\":\(index),\"height\":\(report.finalHeight),\"phase\":\"\(report.phase)\","
                + "\"leader\":\(report.leaderIndex),\"transactions\":\(report.finalTransactions)}"
        }
        say("{\"event\":\"\(event)\",\"nodes\":[\(nodes.joined(separator: ","))]}")
    }

    static func line(_ index: Int, _ report: NodeReport) -> String {
        func milliseconds(_ value: Double?) -> String {
            value.map { String(format: "%.1f ms", $0) } ?? "-"
        }
        let lag =
            report.targetHeight > report.finalHeight ? report.targetHeight - report.finalHeight : 0
        return String(
            format: "node-%d  %@  height %llu (lag %llu)  leader %d  %.1f blocks/s  %.1f tx/s  ",
            index, report.phase, report.finalHeight, lag, report.leaderIndex,
            report.blocksPerSecond, report.transactionsPerSecond)
            + "finality p50 \(milliseconds(report.finalityP50Milliseconds))"
            + " p99 \(milliseconds(report.finalityP99Milliseconds))  pool \(report.poolTransactions)"
            + "  peers \(report.connectedPeers)/\(report.knownPeers)"
    }
}
