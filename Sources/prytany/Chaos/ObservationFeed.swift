import Foundation
import Glibc
import Simulation

/// The observation files of all places as they grow, read to their ends again and again.
final class ObservationFeed {
    private struct File {
        let descriptor: Int32
        let path: String
        var rest: [UInt8] = []
    }

    /// Read at once from a file.
    private static let readBytes = 1 << 20
    /// A line above it is no observation.
    private static let lineBytes = 64 << 20

    private var files: [File] = []
    /// Readable when any of the files has grown.
    let changes: Int32
    /// When the run began, by CLOCK_MONOTONIC. What was before is given the time zero.
    var start = UInt64.max

    init(_ places: [ChaosPlace], directory: String) throws {
        changes = inotify_init1(Int32(IN_CLOEXEC) | Int32(IN_NONBLOCK))
        guard changes >= 0, inotify_add_watch(changes, directory, UInt32(IN_MODIFY)) >= 0 else {
            throw CommandFailure("cannot watch \(directory): \(String(cString: strerror(errno)))")
        }
        for place in places {
            let descriptor = open(place.observations, O_RDONLY | O_CLOEXEC)
            guard descriptor >= 0 else {
                throw CommandFailure(
                    "cannot read \(place.observations): \(String(cString: strerror(errno)))")
            }
            files.append(File(descriptor: descriptor, path: place.observations))
        }
    }

    deinit {
        for file in files { close(file.descriptor) }
        close(changes)
    }

    static var now: UInt64 {
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC, &time)
        return UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec)
    }

    /// Nanoseconds since the run began.
    var elapsed: UInt64 {
        let now = Self.now
        return now > start ? now - start : 0
    }

    /// What has come in since the last call, in the order of its times.
    func drain() throws -> [Observed] {
        var buffer = [UInt8](repeating: 0, count: Self.readBytes)
        while read(changes, &buffer, 65_536) > 0 {}
        var found: [Observed] = []
        for index in files.indices {
            while true {
                let count = read(files[index].descriptor, &buffer, buffer.count)
                guard count >= 0 else {
                    throw CommandFailure(
                        "cannot read \(files[index].path): \(String(cString: strerror(errno)))")
                }
                if count == 0 { break }
                files[index].rest += buffer[0..<count]
                try take(index, into: &found)
            }
        }
        return found.sorted { $0.time < $1.time }
    }

    private func take(_ index: Int, into found: inout [Observed]) throws {
        let bytes = files[index].rest
        var begin = 0
        while let end = bytes[begin...].firstIndex(of: UInt8(ascii: "\n")) {
            let line = String(decoding: bytes[begin..<end], as: UTF8.self)
            begin = end + 1
            do throws(ObservationCodingError) {
                var seen = try Observed(jsonLine: line)
                seen.node = index
                seen.time = seen.time > start ? seen.time - start : 0
                found.append(seen)
            } catch {
                throw CommandFailure("\(files[index].path) holds a line that is none: \(error)")
            }
        }
        files[index].rest = Array(bytes[begin...])
        guard files[index].rest.count < Self.lineBytes else {
            throw CommandFailure("\(files[index].path) holds a line without an end")
        }
    }
}
