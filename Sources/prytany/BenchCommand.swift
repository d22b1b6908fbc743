import ArgumentParser
import Foundation
import KernelBenchmarks
import SequencerNode

struct BenchCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "bench", abstract: "Measure kernels, agreement and whole clusters.",
        subcommands: [
            Kernels.self, Machine.self, Block.self, Consensus.self, Cluster.self, Failover.self,
        ])

    struct Kernels: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Nanoseconds of each cryptographic kernel on one core.")
        @Flag(help: "One JSON object.") var json = false

        func run() throws {
            let figures = KernelBenchmark.run()
            if json {
                let parts = figures.map { "\"\($0.name)\":\($0.nanosecondsPerOperation)" }
                say("{" + parts.joined(separator: ",") + "}")
            } else {
                for figure in figures {
                    say("\(figure.name): \(Int(figure.nanosecondsPerOperation)) ns")
                }
            }
        }
    }

    struct Machine: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Steps a second of the Cairo machine on one core, in small programs.")
        @Flag(help: "One JSON object, with the programs.") var json = false

        func run() throws {
            let figures = MachineBenchmark.run()
            if json {
                say(MachineBenchmark.json(figures))
                return
            }
            for figure in figures {
                let rate = Int(1000 / figure.pooled)
                let ratio = Int(figure.slow / figure.pooled)
                say("\(figure.program): \(rate) million steps/s, \(ratio) times the plain step")
            }
        }
    }

    struct Block: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "A block of transfers, run in order and on several threads.")
        @Option(help: "Threads.") var workers = 2
        @Option(help: "Transfers.") var transactions = 1000
        @Option(
            help: """
                The Sierra class of an account with OpenZeppelin's storage, to be measured, too; its \
                CASM is the file beside it (.sierra.json, .casm.json).
                """) var account: String?
        @Flag(help: "One JSON object.") var json = false

        func validate() throws {
            guard (1...256).contains(workers), (1...100_000).contains(transactions) else {
                throw ValidationError("1 to 256 workers, 1 to 100000 transactions")
            }
        }

        func run() throws {
            let figures = BlockBenchmark.run(
                transactions: transactions, workers: workers,
                account: try account.map {
                    let casm = $0.replacingOccurrences(of: ".sierra.json", with: ".casm.json")
                    return try BlockBenchmark.account(sierra: try bytes($0), casm: try bytes(casm))
                })
            if json {
                say(BlockBenchmark.json(figures))
                return
            }
            for figure in figures {
                let (one, many) = (Int(figure.inOrder / 1000), Int(figure.inParallel / 1000))
                let ratio = (figure.ratio * 100).rounded() / 100
                say(
                    "\(figure.contracts): \(one) µs a transfer in order, \(many) in parallel: "
                        + "\(ratio) times as fast")
            }
        }

        private func bytes(_ path: String) throws -> [UInt8] {
            guard let data = FileManager.default.contents(atPath: path) else {
                throw CommandFailure("cannot read \(path)")
            }
            return [UInt8](data)
        }
    }

    struct Options: ParsableArguments {
        @Option(help: "Validators, each a process of its own.") var validators = 4
        @Option(help: "Offered rates to measure, a second, separated by commas.")
        var rates: String
        @Option(help: "Seconds of each measurement, after a warm-up.") var seconds = 10
        @Flag(help: "One JSON object a line.") var json = false
        @Option(help: "Log level of the nodes.") var logLevel = "warning"
        @Flag(help: "Keep the cluster's folder, with the logs.") var keep = false
        @Option(help: "The first JSON-RPC port.") var rpcPort = 19545
        @Option(help: "The first peer port.") var peerPort = 19645

        /// Options that no command line gave.
        static func fresh(validators: Int, rpcPort: Int, peerPort: Int) -> Options {
            var options = Options()
            options.validators = validators
            options.rates = ""
            options.seconds = 0
            options.json = false
            options.logLevel = "warning"
            options.keep = false
            options.rpcPort = rpcPort
            options.peerPort = peerPort
            return options
        }

        func parsedRates() throws -> [Int] {
            let values = rates.split(separator: ",").map { Int($0) }
            guard !values.isEmpty, values.allSatisfy({ ($0 ?? -1) >= 0 }) else {
                throw CommandFailure("--rates \(rates): it must be whole numbers with commas")
            }
            return values.compactMap { $0 }
        }

        func freshCluster(
            _ payload: Genesis.Payload, accounts: Int, arguments: [String]
        ) throws -> RunningCluster {
            let directory =
                FileManager.default.temporaryDirectory.path + "/prytany-bench-\(getpid())"
            if FileManager.default.fileExists(atPath: directory) {
                try FileManager.default.removeItem(atPath: directory)
            }
            let layout = ClusterLayout(directory: directory)
            try layout.create(
                .init(
                    validators: validators, accounts: accounts, payload: payload,
                    peerPort: peerPort, rpcPort: rpcPort))
            return try RunningCluster(
                layout: layout, extraArguments: ["--log-level", logLevel] + arguments)
        }
    }

    struct Consensus: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Agreement on opaque payloads: real processes, TCP, TLS and fsync.",
            discussion: """
                Each node makes its share of the payloads and gossips them; the latency is from \
                there to the block's being final and stored at the same node. Rate 0 measures empty \
                blocks without pacing.
                """)
        @OptionGroup var options: Options
        @Option(help: "Bytes of a payload.") var payloadBytes = 256

        func run() throws {
            for rate in try options.parsedRates() {
                var arguments = ["--payload-bytes", "\(payloadBytes)"]
                arguments +=
                    rate == 0
                    ? ["--unpaced"]
                    : ["--payload-rate", "\(rate / options.validators)"]
                let cluster = try options.freshCluster(.opaque, accounts: 0, arguments: arguments)
                let figures = try Measurement.take(
                    cluster, offered: rate, seconds: options.seconds, load: nil,
                    keep: options.keep)
                say(options.json ? figures.json : figures.text)
            }
        }
    }

    struct Cluster: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Signed STRK transfers through JSON-RPC: checked, executed, stored by all.",
            discussion: """
                Transfers are signed beforehand and sent in batches to all nodes; the latency is \
                from a node's receiving one to its block's being final and stored there.
                """)
        @OptionGroup var options: Options
        @Option(help: "Accounts that send.") var accounts = 256

        func run() throws {
            for rate in try options.parsedRates() where rate > 0 {
                let cluster = try options.freshCluster(
                    .transactions, accounts: accounts, arguments: [])
                let load = try TransferLoad(
                    layout: cluster.layout, ports: cluster.ports, rate: rate,
                    seconds: max(10, options.seconds) + Measurement.warmUpSeconds + 2)
                let figures = try Measurement.take(
                    cluster, offered: rate, seconds: options.seconds, load: load,
                    keep: options.keep)
                say(options.json ? figures.json : figures.text)
            }
        }
    }
}

/// One run of a cluster under one load, as its nodes report it.
struct Measurement {
    static let warmUpSeconds = 3

    var offered = 0
    var seconds = 0.0
    var transactions: UInt64 = 0
    var blocks: UInt64 = 0
    /// The slowest node's.
    var p50Milliseconds: Double?
    var p99Milliseconds: Double?
    var storedP50Milliseconds: Double?
    var storedP99Milliseconds: Double?
    /// Of all nodes together, in cores.
    var processorCores = 0.0
    var megabytesPerNode = 0.0
    var refused: UInt64 = 0

    static func take(
        _ cluster: RunningCluster, offered: Int, seconds: Int, load: TransferLoad?, keep: Bool
    ) throws -> Measurement {
        try cluster.start()
        defer {
            load?.stop()
            cluster.stop()
            if keep {
                complain("kept \(cluster.layout.directory)")
            } else {
                do {
                    try FileManager.default.removeItem(atPath: cluster.layout.directory)
                } catch {
                    complain("cannot remove \(cluster.layout.directory): \(error)")
                }
            }
        }
        try waitUntilVoting(cluster)
        load?.start()
        // The nodes' percentiles are of the last ten seconds: none of them before this.
        try pause(cluster, seconds: warmUpSeconds + max(0, 10 - seconds))
        let before = try reports(cluster)
        let cpuBefore = cluster.nodes.compactMap(\.usage).reduce(0) { $0 + $1.cpuSeconds }
        let start = Date()
        try pause(cluster, seconds: seconds)
        let after = try reports(cluster)
        var result = Measurement()
        result.offered = offered
        result.seconds = Date().timeIntervalSince(start)
        let usage = cluster.nodes.compactMap(\.usage)
        result.processorCores =
            (usage.reduce(0) { $0 + $1.cpuSeconds } - cpuBefore) / result.seconds
        result.megabytesPerNode =
            usage.reduce(0) { $0 + $1.megabytes } / Double(max(usage.count, 1))
        // The slowest node counts.
        let gains = zip(before, after).map {
            ($1.finalTransactions - $0.finalTransactions, $1.finalHeight - $0.finalHeight)
        }
        result.transactions = gains.map(\.0).min() ?? 0
        result.blocks = gains.map(\.1).min() ?? 0
        result.p50Milliseconds = after.compactMap(\.finalityP50Milliseconds).max()
        result.p99Milliseconds = after.compactMap(\.finalityP99Milliseconds).max()
        result.storedP50Milliseconds = after.compactMap(\.storedP50Milliseconds).max()
        result.storedP99Milliseconds = after.compactMap(\.storedP99Milliseconds).max()
        result.refused = load?.refusedCount ?? 0
        return result
    }

    private static func waitUntilVoting(_ cluster: RunningCluster) throws {
        let deadline = Date().addingTimeInterval(30)
        while !cluster.ports.indices.allSatisfy({ cluster.report($0)?.phase == "voting" }) {
            guard Date() < deadline else {
                throw CommandFailure(
                    "the cluster did not start within 30 s: see \(cluster.layout.logPath(0))")
            }
            try pause(cluster, milliseconds: 100)
        }
    }

    private static func reports(_ cluster: RunningCluster) throws -> [NodeReport] {
        try cluster.ports.indices.map { index in
            guard let report = cluster.report(index, milliseconds: 3000) else {
                throw CommandFailure("node-\(index) does not answer under this load")
            }
            return report
        }
    }

    private static func pause(_ cluster: RunningCluster, seconds: Int) throws {
        try pause(cluster, milliseconds: seconds * 1000)
    }

    private static func pause(_ cluster: RunningCluster, milliseconds: Int) throws {
        let end = Date().addingTimeInterval(Double(milliseconds) / 1000)
        while Date() < end {
            let left = max(1, Int(end.timeIntervalSinceNow * 1000))
            if let number = cluster.awaitSignal(milliseconds: left), number != SIGCHLD {
                throw CommandFailure("interrupted")
            }
        }
    }

    private func number(_ value: Double?) -> String {
        value.map { String(format: "%.2f", $0) } ?? "null"
    }

    var json: String {
        """
        {"offered":\(offered),"seconds":\(number(seconds)),"transactions_per_second":\
        \(number(Double(transactions) / seconds)),"blocks_per_second":\
        \(number(Double(blocks) / seconds)),"finality_p50_ms":\(number(p50Milliseconds)),\
        "finality_p99_ms":\(number(p99Milliseconds)),\
        "stored_p50_ms":\(number(storedP50Milliseconds)),\
        "stored_p99_ms":\(number(storedP99Milliseconds)),"cores":\(number(processorCores)),\
        "mb_per_node":\(number(megabytesPerNode)),"refused":\(refused)}
        """
    }

    var text: String {
        "offered \(offered)/s: final \(Int(Double(transactions) / seconds))/s in "
            + "\(Int(Double(blocks) / seconds)) blocks/s, finality p50 \(number(p50Milliseconds)) ms"
            + " p99 \(number(p99Milliseconds)) ms (stored: \(number(storedP50Milliseconds)),"
            + " \(number(storedP99Milliseconds))), \(number(processorCores)) cores, "
            + "\(number(megabytesPerNode)) MB a node"
            + (refused > 0 ? ", \(refused) refused" : "")
    }
}
