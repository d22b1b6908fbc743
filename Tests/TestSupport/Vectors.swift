import Foundation

/// Objects found in the JSON files of fixture groups by what they look like: a file's name decides
/// nothing, so that other files of the same kind can be added.
package enum Vectors {
    /// One file's value under a key of its top-level object.
    package struct Section: Sendable {
        package let file: Fixtures.File
        package let list: [[String: any Sendable]]
    }

    /// The JSON files of the groups, but for those below the excluded folders.
    package static func files(
        in groups: [String], except excluded: [String] = []
    ) -> [Fixtures.File] {
        groups.flatMap { Fixtures.files(under: $0, suffix: ".json") }.filter { file in
            !excluded.contains { file.path.hasPrefix($0 + "/") }
        }
    }

    /// Every list of objects with the given keys that stands under `name` in a file's top-level
    /// object.
    package static func sections(
        _ name: String, keys: [String], in files: [Fixtures.File]
    ) throws -> [Section] {
        try files.compactMap { file in
            guard let table = try Fixtures.json(file) as? [String: Any],
                let list = table[name] as? [[String: Any]],
                list.allSatisfy({ entry in keys.allSatisfy { entry[$0] != nil } })
            else { return nil }
            return Section(file: file, list: list.map { $0.compactMapValues(sendable) })
        }
    }

    private static func sendable(_ value: Any) -> (any Sendable)? {
        if let text = value as? String { return text }
        if let list = value as? [String] { return list }
        if let number = value as? Int { return number }
        return nil
    }
}
