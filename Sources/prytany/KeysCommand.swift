import ArgumentParser
import Foundation
import SequencerNode

struct KeysCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "keys", abstract: "Make or show a validator's or an account's key.",
        subcommands: [New.self, Show.self])

    struct New: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Make a key from the system's random source and write it to a file.")
        @Option(help: "The file to write; it must not exist.") var output: String

        func run() throws {
            guard !FileManager.default.fileExists(atPath: output) else {
                throw CommandFailure(
                    "\(output) exists already; a key is never overwritten. Name another file.")
            }
            let key = KeyFile.generate()
            try ConfigurationFile.write(key, to: output, secret: true)
            say("public key: \(key.publicKey)")
        }
    }

    struct Show: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Print the public key of a key file.")
        @Argument(help: "The key file.") var file: String

        func run() throws {
            let key = try ConfigurationFile.read(KeyFile.self, at: file)
            _ = try key.secret(path: file)
            say("public key: \(key.publicKey)")
        }
    }
}

struct GenesisCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "genesis", abstract: "Check a genesis file and print what it says.")
    @Argument(help: "The genesis file.") var file: String

    func run() throws {
        let genesis = try CheckedGenesis(ConfigurationFile.read(Genesis.self, at: file))
        say("chain:        \(genesis.source.chainID)")
        say("genesis hash: \(genesis.hash)")
        say("validators:   \(genesis.validators.count)")
        for line in StakeSummary(genesis: genesis).lines { say(line) }
    }
}
