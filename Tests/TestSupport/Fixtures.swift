package import Foundation

/// Conformance data that Prytany's authors did not write, found through the index of the fixtures
/// folder (`MANIFEST.json`), never by names in the code. A group that the index has no file of (a
/// folder with a README of its own) is its own index: all its files count. The folder is `PRYTANY_FIXTURES`, by
/// default `../shared/fixtures` beside the checkout. Each file that a test reads is noted in the
/// file that `PRYTANY_FIXTURES_READ` names, so that a run can tell which vectors nothing reads.
package enum Fixtures {
    package struct File: Hashable, Sendable, CustomStringConvertible {
        /// Path below the fixtures folder, such as `trie/patricia.json`.
        package let path: String
        package var description: String { path }
        package var name: String { String(path.split(separator: "/").last ?? "") }
    }

    package static let root: URL = {
        if let named = ProcessInfo.processInfo.environment["PRYTANY_FIXTURES"] {
            return URL(fileURLWithPath: named, isDirectory: true)
        }
        return URL(fileURLWithPath: FileManager.default.currentDirectoryPath, isDirectory: true)
            .appendingPathComponent("../shared/fixtures").standardizedFileURL
    }()

    private struct Entry: Decodable { let file: String }

    /// Every file of the index, in path order; empty where the folder or its index is absent.
    package static let all: [File] = {
        let index = root.appendingPathComponent("MANIFEST.json")
        guard let data = try? Data(contentsOf: index) else { return [] }
        guard let object = try? JSONSerialization.jsonObject(with: data) else { return [] }
        let indexed = paths(in: object)
        let groups = Set(indexed.compactMap { $0.split(separator: "/").first.map(String.init) })
        return (indexed + unindexed(except: groups)).sorted().map(File.init(path:))
    }()

    /// The files of folders outside `groups`, in no particular order.
    private static func unindexed(except groups: Set<String>) -> [String] {
        let manager = FileManager.default
        let folders = (try? manager.contentsOfDirectory(atPath: root.path)) ?? []
        return folders.filter { !groups.contains($0) && $0 != "LICENSES" }.flatMap { folder in
            let path = root.appendingPathComponent(folder).path
            return ((try? manager.subpathsOfDirectory(atPath: path)) ?? []).filter { file in
                var isFolder: ObjCBool = false
                return manager.fileExists(atPath: "\(path)/\(file)", isDirectory: &isFolder)
                    && !isFolder.boolValue
            }.map { "\(folder)/\($0)" }
        }
    }

    /// The index is a list of objects or an object with such a list; a file's path is under
    /// `file` or `path`.
    private static func paths(in object: Any) -> [String] {
        if let list = object as? [[String: Any]] {
            return list.compactMap { ($0["file"] ?? $0["path"]) as? String }
        }
        if let table = object as? [String: Any] {
            for value in table.values {
                let found = paths(in: value)
                if !found.isEmpty { return found }
            }
        }
        return []
    }

    /// The files below a folder of the index, such as `trie` or `blocks/feeder`.
    package static func files(under folder: String, suffix: String = "") -> [File] {
        all.filter { $0.path.hasPrefix(folder + "/") && $0.path.hasSuffix(suffix) }
    }

    /// Whether the folder holds any file of this group; pass it to `.enabled(if:)` together with
    /// `absence(of:)`, so that a skip is counted and says why.
    package static func has(_ folder: String) -> Bool { !files(under: folder).isEmpty }

    package static func absence(of folder: String) -> String {
        "no fixtures group '\(folder)' under \(root.path): set PRYTANY_FIXTURES to the folder"
    }

    private static let noteLock = NSLock()

    package static func read(_ file: File) throws -> Data {
        if let note = ProcessInfo.processInfo.environment["PRYTANY_FIXTURES_READ"] {
            noteLock.lock()
            defer { noteLock.unlock() }
            if let handle = FileHandle(forWritingAtPath: note) {
                handle.seekToEndOfFile()
                handle.write(Data((file.path + "\n").utf8))
                try handle.close()
            } else {
                try Data((file.path + "\n").utf8).write(to: URL(fileURLWithPath: note))
            }
        }
        return try Data(contentsOf: root.appendingPathComponent(file.path))
    }

    package static func json(_ file: File) throws -> Any {
        try JSONSerialization.jsonObject(with: read(file), options: [.fragmentsAllowed])
    }
}
