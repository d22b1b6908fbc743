package import Foundation

/// The contracts of `Tests/ExecutionTests/Contracts`, which `Sources/SystemContracts/build`
/// compiles: the Cairo source, the Sierra class (as JSON-RPC serves it) and the CASM class of each.
package enum ExampleContracts {
    package static let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
        .deletingLastPathComponent().appendingPathComponent("ExecutionTests/Contracts")

    /// In alphabetical order.
    package static let names: [String] = {
        let files = (try? FileManager.default.contentsOfDirectory(atPath: folder.path)) ?? []
        return files.filter { $0.hasSuffix(".cairo") }.map { String($0.dropLast(6)) }.sorted()
    }()

    package static func sierra(_ name: String) throws -> [UInt8] {
        [UInt8](try Data(contentsOf: folder.appendingPathComponent("\(name).sierra.json")))
    }

    package static func casm(_ name: String) throws -> [UInt8] {
        [UInt8](try Data(contentsOf: folder.appendingPathComponent("\(name).casm.json")))
    }
}
