import ArgumentParser
import Foundation

@main
struct PrytanyCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "prytany",
        abstract: "A decentralised sequencer for a Starknet rollup.",
        subcommands: [
            SimulateCommand.self, ChaosCommand.self, ExploreCommand.self,
            ClusterCommand.self, NodeCommand.self, KeysCommand.self, GenesisCommand.self,
            BenchCommand.self,
        ])
}

/// A failure that ends a command: what went wrong and what to do, on one line.
struct CommandFailure: Error, CustomStringConvertible {
    let description: String
    init(_ description: String) { self.description = description }
}

/// Writes one line to standard error.
func complain(_ line: String) {
    FileHandle.standardError.write(Data((line + "\n").utf8))
}

/// Writes text to standard output at once.
func say(_ text: String, terminator: String = "\n") {
    FileHandle.standardOutput.write(Data((text + terminator).utf8))
}
