import Foundation
import Testing

/// cairo-lang's machine, in a process of its own: `cairo_lang_runs.py` in the environment `cairo`
/// under `PRYTANY_ORACLES`.
enum CairoLang {
    static let python: String? = ProcessInfo.processInfo.environment["PRYTANY_ORACLES"].map {
        $0 + "/cairo/bin/python"
    }.flatMap { FileManager.default.isExecutableFile(atPath: $0) ? $0 : nil }
    static let absence: Comment =
        "no cairo/bin/python with cairo-lang 0.14.0.1 under PRYTANY_ORACLES"

    static let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent()

    struct Failure: Error, CustomStringConvertible {
        let description: String
    }

    /// Runs the script with a file as its input; returns what it prints.
    static func run(_ arguments: [String], input: Data) throws -> Data {
        guard let python else { throw Failure(description: "no Python") }
        let work = FileManager.default.temporaryDirectory
            .appendingPathComponent("cairo-lang-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: work, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: work) }
        // Files, because a pipe that nobody empties would stop both.
        let (inputFile, outputFile, errorFile) = (
            work.appendingPathComponent("input"), work.appendingPathComponent("output"),
            work.appendingPathComponent("errors")
        )
        try input.write(to: inputFile)
        try Data().write(to: outputFile)
        try Data().write(to: errorFile)
        let process = Process()
        process.executableURL = URL(fileURLWithPath: python)
        process.arguments = [folder.appendingPathComponent("cairo_lang_runs.py").path] + arguments
        process.standardInput = try FileHandle(forReadingFrom: inputFile)
        process.standardOutput = try FileHandle(forWritingTo: outputFile)
        process.standardError = try FileHandle(forWritingTo: errorFile)
        try process.run()
        process.waitUntilExit()
        guard process.terminationStatus == 0 else {
            let text = String(decoding: try Data(contentsOf: errorFile), as: UTF8.self)
            throw Failure(description: "status \(process.terminationStatus): \(text.suffix(2000))")
        }
        return try Data(contentsOf: outputFile)
    }
}
