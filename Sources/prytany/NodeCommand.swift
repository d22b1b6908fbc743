import ArgumentParser
import Foundation
import Glibc
import Logging
import SequencerNode

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
        @Flag(
            help: """
                Follow the chain and sign nothing: for a validator whose consensus log is lost, \
                until the next epoch.
                """) var follow = false
        @Option(
            help: """
                StarkWare's starknet-sierra-compile, which class declarations need; by default what \
                the configuration names, or the one in PATH.
                """) var sierraCompiler: String?
        @Flag(help: "Run the system's classes on the Cairo machine, not as native code.")
        var noNative = false
        @Option(help: .hidden) var byzantine: String?
        @Flag(help: .hidden) var supervised = false
        @Option(help: .hidden) var payloadRate: Int = 0
        @Option(help: .hidden) var payloadBytes: Int = 256
        @Flag(help: .hidden) var unpaced = false

        func run() async throws {
            if let byzantine {
                throw CommandFailure(
                    "--byzantine \(byzantine): this binary is built without the chaos feature; "
                        + "prytany-chaos has it")
            }
            guard let level = Logger.Level(rawValue: logLevel) else {
                throw CommandFailure("--log-level \(logLevel) is none of the known levels")
            }
            if supervised { stopWithSupervisor() }
            signal(SIGPIPE, SIG_IGN)
            NodeLogging.bootstrap(json: jsonLogs, level: level)
            let node = try Node(
                configurationPath: config,
                options: NodeOptions(
                    payloadRate: payloadRate, payloadBytes: payloadBytes, unpaced: unpaced,
                    follows: follow, sierraCompiler: sierraCompiler,
                    withoutNativeClasses: noNative))
            try await node.run()
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
