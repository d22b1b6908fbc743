import Foundation
import Glibc
import Primitives

/// What befalls the files of a node that does not run.
enum DiskFaults {
    private struct Segment {
        let path: String
        var bytes: [UInt8]
        /// Where its records end: the file grows ahead of them with zeros.
        let end: Int
    }

    private static func segments(_ place: ChaosPlace) throws -> [String] {
        let folder = place.dataPath + "/log"
        return try FileManager.default.contentsOfDirectory(atPath: folder)
            .filter { $0.hasPrefix("segment-") }.sorted().map { folder + "/" + $0 }
    }

    private static func read(_ path: String) throws -> Segment {
        let bytes = [UInt8](try Data(contentsOf: URL(fileURLWithPath: path)))
        return Segment(path: path, bytes: bytes, end: (bytes.lastIndex { $0 != 0 } ?? -1) + 1)
    }

    /// Cuts the log in the middle of its last record.
    static func tear(_ place: ChaosPlace, _ draw: inout SeededGenerator) throws {
        guard let path = try segments(place).last else { return }
        let segment = try read(path)
        let kept = max(0, segment.end - 1 - Int(draw.uniform(below: 40)))
        guard truncate(path, off_t(kept)) == 0 else {
            throw CommandFailure("cannot cut \(path): \(String(cString: strerror(errno)))")
        }
    }

    /// Flips a bit in the first half of what the log holds, well behind a header.
    static func rot(_ place: ChaosPlace, _ draw: inout SeededGenerator) throws {
        guard let path = try segments(place).first else { return }
        var segment = try read(path)
        guard segment.end > 300 else {
            throw CommandFailure("\(path) holds too little to rot: \(segment.end) bytes")
        }
        let spot = 100 + Int(draw.uniform(below: UInt64(segment.end / 2 - 50)))
        segment.bytes[spot] ^= 1 << UInt8(draw.uniform(below: 8))
        try Data(segment.bytes).write(to: URL(fileURLWithPath: path))
    }

    static func loseLog(_ place: ChaosPlace) throws {
        try FileManager.default.removeItem(atPath: place.dataPath + "/log")
    }

    /// A copy of all data, taken while the node is paused, so that it is one moment's.
    static func backUp(_ place: ChaosPlace, to path: String) throws {
        try? FileManager.default.removeItem(atPath: path)
        try copyTree(from: place.dataPath, to: path)
    }

    static func restore(_ place: ChaosPlace, from path: String) throws {
        try removeContents(place.dataPath)
        try copyTree(from: path, to: place.dataPath)
    }

    /// The folder itself stays: it may be where a file system is mounted.
    static func removeContents(_ path: String) throws {
        for name in try FileManager.default.contentsOfDirectory(atPath: path) {
            try FileManager.default.removeItem(atPath: path + "/" + name)
        }
    }

    /// Copies files without the holes in them: a database's file is mostly one.
    private static func copyTree(from: String, to: String) throws {
        try FileManager.default.createDirectory(atPath: to, withIntermediateDirectories: true)
        for name in try FileManager.default.contentsOfDirectory(atPath: from) {
            let (source, target) = (from + "/" + name, to + "/" + name)
            var isFolder: ObjCBool = false
            guard FileManager.default.fileExists(atPath: source, isDirectory: &isFolder) else {
                continue
            }
            if isFolder.boolValue {
                try copyTree(from: source, to: target)
            } else {
                try copyFile(from: source, to: target)
            }
        }
    }

    private static func copyFile(from: String, to: String) throws {
        func fail() -> CommandFailure {
            CommandFailure("cannot copy \(from) to \(to): \(String(cString: strerror(errno)))")
        }
        let source = open(from, O_RDONLY | O_CLOEXEC)
        guard source >= 0 else { throw fail() }
        defer { close(source) }
        let target = open(to, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0o600)
        guard target >= 0 else { throw fail() }
        defer { close(target) }
        let size = lseek(source, 0, SEEK_END)
        guard ftruncate(target, size) == 0 else { throw fail() }
        var buffer = [UInt8](repeating: 0, count: 1 << 20)
        var place: off_t = 0
        while place < size {
            let count = pread(source, &buffer, buffer.count, place)
            guard count > 0 else { throw fail() }
            let isHole = buffer[0..<count].allSatisfy { $0 == 0 }
            if !isHole, pwrite(target, buffer, count, place) != count { throw fail() }
            place += off_t(count)
        }
    }
}
