/// The few file operations that the consensus log needs, as a protocol: the real one below, and
/// `MemoryFileSystem`, which models what a power cut may take away.

/// An open file of a `LogFileSystem`. Meaningless to another file system.
package struct LogFile: Hashable, Sendable {
    package let token: Int32
    package init(token: Int32) { self.token = token }
}

package enum FileOperation: String, Hashable, Sendable {
    case createDirectory, list, open, size, read, write, truncate, sync, syncDirectory, rename
    case remove, lock
}

package enum FileSystemError: Error, Hashable, Sendable, CustomStringConvertible {
    /// The system refused; `code` is its `errno`.
    case failed(FileOperation, path: String, code: Int32)
    /// Another process, or another user of this file system, holds the lock.
    case locked(path: String)
    /// Simulated file systems only: the machine is off until the next `crash`.
    case powerLost

    package var description: String {
        switch self {
        case .failed(let operation, let path, let code):
            "\(operation.rawValue) of \(path) failed: \(systemErrorText(code)) (errno \(code))"
        case .locked(let path): "\(path) is locked by another process"
        case .powerLost: "power lost"
        }
    }
}

/// What the log asks of a disk. A name or content is sure to outlive a crash only after the
/// matching sync returned. All calls block; none is made from more than one thread at a time.
package protocol LogFileSystem: Sendable {
    /// Makes a directory durably; one that is there already is fine.
    func createDirectory(_ path: String) throws(FileSystemError)
    /// Names of the entries, in no particular order.
    func list(_ directory: String) throws(FileSystemError) -> [String]
    /// Opens for reading and writing; `create` makes the file, and empties one that is there.
    func open(_ path: String, create: Bool) throws(FileSystemError) -> LogFile
    func size(_ file: LogFile) throws(FileSystemError) -> Int
    /// `count` bytes from `offset`, fewer only at the end of the file.
    func read(_ file: LogFile, at offset: Int, count: Int) throws(FileSystemError) -> [UInt8]
    /// Writes all of `bytes` at `offset`, which is at most the file's size.
    func write(_ file: LogFile, at offset: Int, _ bytes: [UInt8]) throws(FileSystemError)
    func truncate(_ file: LogFile, to size: Int) throws(FileSystemError)
    /// Content and size outlive a crash; the name does so only after `syncDirectory`.
    func sync(_ file: LogFile) throws(FileSystemError)
    func syncDirectory(_ path: String) throws(FileSystemError)
    /// Replaces `new` in one step, within one directory.
    func rename(_ old: String, to new: String) throws(FileSystemError)
    func remove(_ path: String) throws(FileSystemError)
    /// An exclusive lock until `close` or the end of the process; `.locked` when it is held.
    func lock(_ path: String) throws(FileSystemError) -> LogFile
    func close(_ file: LogFile)
}
