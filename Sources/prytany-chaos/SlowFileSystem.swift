import Foundation
import Glibc
import Storage

/// The real disk, each of whose syncs takes as long as a file says: nanoseconds as a decimal number,
/// read anew each time. No such file, or none in it: no longer than the disk itself takes.
struct SlowFileSystem: LogFileSystem {
    static let variable = "PRYTANY_CHAOS_SYNC_DELAY_FILE"
    private let disk = PosixFileSystem()
    private let delayFile: String

    static var ofEnvironment: SlowFileSystem? {
        ProcessInfo.processInfo.environment[variable].map { SlowFileSystem(delayFile: $0) }
    }

    private func wait() {
        guard let content = FileManager.default.contents(atPath: delayFile),
            let nanoseconds = Int(
                String(decoding: content, as: UTF8.self).trimmingCharacters(in: .whitespaces))
        else { return }
        var rest = timespec(
            tv_sec: nanoseconds / 1_000_000_000, tv_nsec: nanoseconds % 1_000_000_000)
        var left = timespec()
        while nanosleep(&rest, &left) != 0, errno == EINTR { rest = left }
    }

    func sync(_ file: LogFile) throws(FileSystemError) {
        wait()
        try disk.sync(file)
    }

    func syncDirectory(_ path: String) throws(FileSystemError) {
        wait()
        try disk.syncDirectory(path)
    }

    func createDirectory(_ path: String) throws(FileSystemError) {
        try disk.createDirectory(path)
    }
    func list(_ directory: String) throws(FileSystemError) -> [String] {
        try disk.list(directory)
    }
    func open(_ path: String, create: Bool) throws(FileSystemError) -> LogFile {
        try disk.open(path, create: create)
    }
    func size(_ file: LogFile) throws(FileSystemError) -> Int { try disk.size(file) }
    func read(
        _ file: LogFile, at offset: Int, count: Int
    ) throws(FileSystemError) -> [UInt8] {
        try disk.read(file, at: offset, count: count)
    }
    func write(
        _ file: LogFile, at offset: Int, _ bytes: [UInt8]
    ) throws(FileSystemError) {
        try disk.write(file, at: offset, bytes)
    }
    func truncate(_ file: LogFile, to size: Int) throws(FileSystemError) {
        try disk.truncate(file, to: size)
    }
    func rename(_ old: String, to new: String) throws(FileSystemError) {
        try disk.rename(old, to: new)
    }
    func remove(_ path: String) throws(FileSystemError) { try disk.remove(path) }
    func lock(_ path: String) throws(FileSystemError) -> LogFile { try disk.lock(path) }
    func close(_ file: LogFile) { disk.close(file) }
}
