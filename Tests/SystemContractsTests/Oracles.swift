import Foundation
import StarkField
import Testing

/// Programs that nobody here wrote: the Cairo compilers and cairo-lang's state machine, under the
/// folder that PRYTANY_ORACLES names (by default `.build/oracles`). `Sources/SystemContracts/build`
/// installs them.
enum Oracles {
    static let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
        .deletingLastPathComponent().deletingLastPathComponent()

    static let folder: URL = {
        if let named = ProcessInfo.processInfo.environment["PRYTANY_ORACLES"] {
            return URL(fileURLWithPath: named, isDirectory: true)
        }
        return root.appendingPathComponent(".build/oracles")
    }()

    static func have(_ names: String...) -> Bool {
        names.allSatisfy {
            FileManager.default.fileExists(
                atPath: folder.appendingPathComponent("\($0)/.ready").path)
        }
    }

    /// What the tests below need, but for the message hashes.
    static let haveCairo = have("cairo", "cairo1", "client")
    static let absence = Comment(
        rawValue: "no oracles 'cairo', 'cairo1' and 'client' under \(folder.path): set "
            + "PRYTANY_ORACLES, or run Sources/SystemContracts/build once")

    static let build = root.appendingPathComponent("Sources/SystemContracts/build")

    static func python(_ environment: String) -> URL {
        folder.appendingPathComponent("\(environment)/bin/python")
    }

    /// A file beside this one.
    static func script(_ name: String) -> String {
        URL(fileURLWithPath: #filePath).deletingLastPathComponent().appendingPathComponent(name)
            .path
    }

    struct Failure: Error, CustomStringConvertible {
        let description: String
    }

    /// Runs a program to its end and gives what it printed; throws what it printed where it fails.
    /// Files stand at both ends, so that neither side waits for the other.
    static func run(_ program: URL, _ arguments: [String], input: Data = Data()) throws -> Data {
        let manager = FileManager.default
        let work = manager.temporaryDirectory.appendingPathComponent(UUID().uuidString)
        try manager.createDirectory(at: work, withIntermediateDirectories: true)
        defer { try? manager.removeItem(at: work) }
        let names = ["input", "output", "errors"].map { work.appendingPathComponent($0) }
        try input.write(to: names[0])
        try Data().write(to: names[1])
        try Data().write(to: names[2])
        let process = Process()
        process.executableURL = program
        process.arguments = arguments
        process.environment = ProcessInfo.processInfo.environment.merging(
            ["PRYTANY_ORACLES": folder.path]
        ) { $1 }
        process.standardInput = try FileHandle(forReadingFrom: names[0])
        process.standardOutput = try FileHandle(forWritingTo: names[1])
        process.standardError = try FileHandle(forWritingTo: names[2])
        try process.run()
        process.waitUntilExit()
        let output = try Data(contentsOf: names[1])
        guard process.terminationStatus == 0 else {
            let errors = try Data(contentsOf: names[2])
            throw Failure(
                description: "\(program.lastPathComponent) \(arguments.first ?? ""): exit status "
                    + "\(process.terminationStatus)\n"
                    + String(decoding: output + errors, as: UTF8.self))
        }
        return output
    }

    /// The folder of all classes with hints that cairo-lang's machine can run, made once a run.
    static let hintedClasses = Result<URL, any Error> {
        let folder = root.appendingPathComponent(".build/classes-with-python-hints")
        _ = try run(build, ["--pythonic", folder.path])
        return folder
    }
}
