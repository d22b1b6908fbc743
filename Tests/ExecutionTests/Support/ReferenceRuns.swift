import CairoVM
import Foundation
import JSONText
import Primitives
import StarkField

@testable import Execution

/// cairo-lang's own state machine, run by `reference.py` in a process.
enum ReferenceRuns {
    /// The Python with cairo-lang 0.14.0.1.
    static let python: String? = ProcessInfo.processInfo.environment["PRYTANY_ORACLES"].map {
        $0 + "/cairo/bin/python"
    }.flatMap { FileManager.default.isExecutableFile(atPath: $0) ? $0 : nil }

    static let absence = "no cairo/bin/python with cairo-lang 0.14.0.1 under PRYTANY_ORACLES"

    struct Job {
        var id: Int
        var contracts: [(ContractAddress, ClassHash)]
        var call: EntryPointCall
    }

    struct Outcome {
        /// An error that is no panic, or that the reference could not run the call.
        var error: String?
        var failed = false
        var innerFailed = false
        var returned: [Felt] = []
        var gas: UInt64 = 0
        var steps: UInt64 = 0
        var holes: UInt64 = 0
        var calls: UInt64 = 0
        var builtins: [String: UInt64] = [:]
        var events: [Event] = []
        var messages: [MessageToL1] = []
        /// Contract, key and value of what is not zero.
        var storage: Set<[Felt]> = []
    }

    struct Failure: Error { let what: String }

    /// What one call may use there.
    static let steps: UInt64 = 10_000
    static let gas: UInt64 = 100_000_000

    /// Runs the jobs, in order of their numbers.
    ///
    /// - Returns: the outcomes by number, and why classes could not be loaded.
    static func run(
        _ jobs: [Job], classes: [FeatureClass], donors: [String]
    ) throws -> (outcomes: [Int: Outcome], unloaded: [ClassHash: String]) {
        guard let python else { throw Failure(what: absence) }
        let request: [String: Any] = [
            "block": [
                "number": SmallWorld.block.number.rawValue,
                "timestamp": SmallWorld.block.timestamp,
                "sequencer": SmallWorld.block.sequencerAddress.hexString,
            ],
            "steps": steps, "gas": gas,
            "classes": classes.map { feature -> [String: String] in
                guard let sierra = feature.sierraPath else {
                    return ["hash": feature.hash.hexString, "deprecated": feature.casmPath]
                }
                return [
                    "hash": feature.hash.hexString, "casm": feature.casmPath, "sierra": sierra,
                ]
            },
            "donors": donors,
            "jobs": jobs.map { job -> [String: Any] in
                [
                    "id": job.id,
                    "contracts": job.contracts.map { [$0.0.hexString, $0.1.hexString] },
                    "calls": [
                        [
                            "address": job.call.storageAddress.hexString,
                            "kind": job.call.kind.rawValue,
                            "selector": job.call.selector.hexString,
                            "calldata": job.call.calldata.map(\.hexString),
                            "caller": job.call.callerAddress.hexString,
                        ] as [String: Any]
                    ],
                ]
            },
        ]
        let lines = try output(
            of: python, input: JSONSerialization.data(withJSONObject: request, options: .sortedKeys)
        )
        var outcomes: [Int: Outcome] = [:]
        var unloaded: [ClassHash: String] = [:]
        for line in lines {
            let json = try JSONParser.parse(Array(line.utf8), limits: .classes)
            if let hash = json["class"]?.text.flatMap({ Felt(hex: $0) }) {
                unloaded[hash] = json["error"]?.text ?? "?"
            }
            guard let id = json["id"]?.unsigned, let first = json["outcomes"]?.elements?.first
            else { continue }
            var outcome = Outcome(first)
            for entry in json["storage"]?.elements ?? [] { outcome.storage.insert(felts(entry)) }
            outcomes[Int(id)] = outcome
        }
        return (outcomes, unloaded)
    }

    private static func output(of python: String, input: Data) throws -> [Substring] {
        let script = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
            .deletingLastPathComponent().appendingPathComponent("reference.py")
        let folder = FileManager.default.temporaryDirectory
            .appendingPathComponent("reference-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer {
            do { try FileManager.default.removeItem(at: folder) } catch { print(error) }
        }
        let inputFile = folder.appendingPathComponent("jobs.json")
        let outputFile = folder.appendingPathComponent("outcomes.json")
        try input.write(to: inputFile)
        try Data().write(to: outputFile)
        let process = Process()
        process.executableURL = URL(fileURLWithPath: python)
        process.arguments = [script.path]
        process.standardInput = try FileHandle(forReadingFrom: inputFile)
        process.standardOutput = try FileHandle(forWritingTo: outputFile)
        try process.run()
        process.waitUntilExit()
        guard process.terminationStatus == 0 else {
            throw Failure(what: "reference.py ended with \(process.terminationStatus)")
        }
        return String(decoding: try Data(contentsOf: outputFile), as: UTF8.self)
            .split(separator: "\n")
    }

    fileprivate static func felts(_ json: JSONValue?) -> [Felt] {
        (json?.elements ?? []).compactMap { $0.text.flatMap { Felt(hex: $0) } }
    }

    fileprivate static func felt(_ json: JSONValue?) -> Felt {
        json?.text.flatMap { Felt(hex: $0) } ?? .zero
    }
}

extension ReferenceRuns.Outcome {
    fileprivate init(_ json: JSONValue) {
        error = json["error"]?.text
        failed = json["failed"] == .bool(true)
        innerFailed = json["innerFailed"] == .bool(true)
        returned = ReferenceRuns.felts(json["returned"])
        gas = json["gas"]?.unsigned ?? 0
        steps = json["steps"]?.unsigned ?? 0
        holes = json["holes"]?.unsigned ?? 0
        calls = json["calls"]?.unsigned ?? 0
        for member in json["builtins"]?.members ?? [] {
            builtins[member.name] = member.value.unsigned ?? 0
        }
        events = (json["events"]?.elements ?? []).compactMap(\.elements).map {
            Event(
                fromAddress: ReferenceRuns.felt($0[0]), keys: ReferenceRuns.felts($0[1]),
                data: ReferenceRuns.felts($0[2]))
        }
        messages = (json["messages"]?.elements ?? []).compactMap(\.elements).map {
            MessageToL1(
                fromAddress: ReferenceRuns.felt($0[0]), toAddress: ReferenceRuns.felt($0[1]),
                payload: ReferenceRuns.felts($0[2]))
        }
    }
}
