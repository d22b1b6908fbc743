import CLMDB
import Glibc
package import Primitives

/// Why the database cannot be opened, read or written. The description tells the operator what to
/// do.
package enum StoreError: Error, Hashable, Sendable, CustomStringConvertible {
    /// The map is at its maximum, or a reader that never ended kept it from growing.
    case mapFull(bytes: Int, maximum: Int)
    case diskFull(directory: String)
    /// Another process has the store open.
    case locked(directory: String)
    /// More read transactions at once than `EnvironmentLimits.maximumReaders`.
    case tooManyReaders(maximum: Int)
    /// LMDB found its own file to be of another version, or not its own.
    case libraryMismatch(directory: String)
    /// LMDB met a page that cannot be, or a value cannot be what its table holds.
    case corrupted(what: String)
    /// The tables were laid out by another version of this program.
    case schemaMismatch(found: UInt32, supported: UInt32)
    case wrongChain(expected: Digest, found: Digest)
    case wrongGenesis(expected: Digest, found: Digest)
    /// A batch that does not continue the stored chain; nil before the first block.
    case outOfOrder(tip: Height?, got: Height)
    /// Anything else that the system or LMDB refused, with its code.
    case failed(operation: String, code: Int32)
    /// The lock file, or the directory itself, failed.
    case file(FileSystemError)

    package var description: String {
        switch self {
        case .mapFull(let bytes, let maximum):
            """
            the database map of \(bytes) bytes is full and cannot grow (maximum \(maximum)): \
            raise the maximum map size in the configuration and restart
            """
        case .diskFull(let directory):
            "the disk under \(directory) is full: free space and restart; nothing was lost"
        case .locked(let directory):
            "the database in \(directory) is in use by another process: stop it first"
        case .tooManyReaders(let maximum):
            "more than \(maximum) reads of the database at once: lower the RPC's concurrency"
        case .libraryMismatch(let directory):
            """
            the database in \(directory) is not readable by this version of LMDB: use the \
            program that wrote it, or move the directory away and sync anew
            """
        case .corrupted(let what):
            """
            the database is damaged (\(what)): check the disk, move the directory away and sync \
            anew; keep the consensus log
            """
        case .schemaMismatch(let found, let supported):
            """
            the database has schema \(found), this program reads \(supported): use the program \
            that wrote it, or move the directory away and sync anew
            """
        case .wrongChain(let expected, let found):
            """
            the database is of chain \(found), the configuration of chain \(expected): check the \
            data directory
            """
        case .wrongGenesis(let expected, let found):
            """
            the database starts from genesis \(found), the configuration from \(expected): check \
            the data directory and the genesis file
            """
        case .outOfOrder(let tip, let got):
            "block \(got) does not follow \(tip.map { "block \($0)" } ?? "an empty database")"
        case .failed(let operation, let code):
            "\(operation) failed: \(String(cString: mdb_strerror(code))) (code \(code))"
        case .file(let error): "\(error)"
        }
    }
}
