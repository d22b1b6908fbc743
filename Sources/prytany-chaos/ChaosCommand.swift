import Adversary
import ArgumentParser
import Foundation
import Glibc
import Logging
import SequencerNode

/// The node of `prytany`, with what only tests of other nodes want: a Byzantine role, an observer, a
/// wall clock that is off. No program that is shipped holds any of it.
@main
struct ChaosCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "prytany-chaos", abstract: "Nodes that lie, and nodes that are watched.",
        subcommands: [NodeCommand.self])
}

/// A failure that ends a command: what went wrong and what to do, on one line.
struct CommandFailure: Error, CustomStringConvertible {
    let description: String
    init(_ description: String) { self.description = description }
}

struct NodeCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "node", abstract: "Run one node.", subcommands: [Run.self])

    struct Run: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Run a node until it is told to stop (SIGINT or SIGTERM).")
        @Option(help: "The node's configuration file.") var config: String
        @Flag(help: "Log as JSON lines instead of text.") var jsonLogs = false
        @Option(help: "trace, debug, info, notice, warning, error or critical.")
        var logLevel = "info"
        @Flag(help: "Follow the chain and sign nothing.") var follow = false
        @Flag(help: .hidden) var supervised = false
        @Option(help: .hidden) var payloadRate: Int = 0
        @Option(help: .hidden) var payloadBytes: Int = 256
        @Flag(help: .hidden) var unpaced = false
        @Option(
            help: """
                Break the rules as one of: \
                \(ByzantineRole.allCases.map(\.rawValue).joined(separator: ", ")).
                """) var byzantine: String?
        @Option(help: "The parity of the peers that a twin talks to, 0 or 1.") var twinSide = 0
        @Option(help: "Append what is seen of the node to this file, one JSON object a line.")
        var observe: String?
        @Option(
            help: """
                The node's number in what it observes, where that is not its validator's index: \
                two twins are two nodes.
                """) var node: Int?
        @Option(help: "Seconds by which the node's wall clock is off; may be negative.")
        var clockOffset: Int64 = 0
        @Option(help: "Seeds everything that a Byzantine role draws.") var seed: UInt64 = 1

        func validate() throws {
            guard twinSide == 0 || twinSide == 1 else {
                throw ValidationError("--twin-side is 0 or 1")
            }
            if let node, node < 0 { throw ValidationError("--node is not below 0") }
            if follow, byzantine != nil {
                throw ValidationError("a follower signs nothing, so it has no --byzantine role")
            }
        }

        func run() async throws {
            guard let level = Logger.Level(rawValue: logLevel) else {
                throw CommandFailure("--log-level \(logLevel) is none of the known levels")
            }
            var role: ByzantineRole?
            if let byzantine {
                role = ByzantineRole(rawValue: byzantine)
                if role == nil {
                    let known = ByzantineRole.allCases.map(\.rawValue).joined(separator: ", ")
                    throw CommandFailure("--byzantine \(byzantine) is none of \(known)")
                }
            }
            if supervised { stopWithSupervisor() }
            signal(SIGPIPE, SIG_IGN)
            NodeLogging.bootstrap(json: jsonLogs, level: level)
            var options = NodeOptions(
                payloadRate: payloadRate, payloadBytes: payloadBytes, unpaced: unpaced,
                follows: follow)
            options.clockOffsetSeconds = clockOffset
            options.logFileSystem = SlowFileSystem.ofEnvironment ?? options.logFileSystem
            let journal = try observe.map { try ObservationJournal(path: $0, node: node) }
            if role != nil || journal != nil {
                options.interposer = ChaosInterposer(
                    role: role, twinSide: twinSide, seed: seed, journal: journal)
            }
            do {
                try await Node(configurationPath: config, options: options).run()
            } catch {
                journal?.refused("\(error)")
                throw error
            }
        }

        /// The supervisor holds the other end of standard input: when it is gone, however it ended,
        /// the read returns and the node stops as if told to.
        private func stopWithSupervisor() {
            Thread.detachNewThread {
                var byte: UInt8 = 0
                while read(STDIN_FILENO, &byte, 1) > 0 {}
                kill(getpid(), SIGTERM)
            }
        }
    }
}
