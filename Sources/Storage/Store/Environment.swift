import CLMDB
import Glibc

package struct EnvironmentLimits: Sendable {
    /// Address space reserved at first; the file itself only grows as it is used.
    package var initialMapBytes = 64 << 30
    /// The map is doubled up to this.
    package var maximumMapBytes = 4 << 40
    /// Read transactions at once.
    package var maximumReaders = 1024
    /// How long growing waits for open read transactions to end.
    package var growthPatienceMilliseconds = 10_000
    package init() {}
}

/// One named table of an `Environment`.
package struct Table: Hashable, Sendable {
    package let name: String
    let handle: MDB_dbi
}

/// An LMDB database: ordered tables of bytes, snapshots for readers, one writer, commits that are
/// durable when they return (neither MDB_NOSYNC nor MDB_NOMETASYNC is ever set).
///
/// Threads: any thread may read (MDB_NOTLS: a read transaction belongs to its object, not to a
/// thread). `write` may be called from any thread, one at a time; the node calls it from one
/// `WriterThread` only. A thread must not call `write` from inside `read`.
///
/// Size: LMDB maps the whole file. The map is doubled when it is three quarters full, between
/// write transactions, while no read transaction is open: long-lived read transactions must be
/// renewed or ended now and then, also because they keep old pages from being used again.
package final class Environment: @unchecked Sendable {
    // `pointer` is LMDB's own thread-safe handle; everything else mutable is guarded by `writer`.
    private let pointer: OpaquePointer
    private let fileLock: LogFile
    private let tables: [String: Table]
    private let writer = Monitor()
    let gate = ReaderGate()
    private var mapBytes: Int
    /// The commit that failed; LMDB's pages may not be on disk as it believes.
    private var failure: StoreError?
    package let directory: String
    package let limits: EnvironmentLimits

    /// Opens or makes the database in `directory` with exactly these tables.
    package static func open(
        directory: String, tables names: [String], limits: EnvironmentLimits = EnvironmentLimits()
    ) throws(StoreError) -> Environment {
        let disk = PosixFileSystem()
        let fileLock: LogFile
        do throws(FileSystemError) {
            try disk.createDirectory(directory)
            fileLock = try disk.lock("\(directory)/LOCK")
        } catch {
            if case .locked = error { throw .locked(directory: directory) }
            throw .file(error)
        }
        var pointer: OpaquePointer?
        do throws(StoreError) {
            try Self.check(mdb_env_create(&pointer), "mdb_env_create", directory)
            guard let pointer else { throw .failed(operation: "mdb_env_create", code: ENOMEM) }
            try Self.configure(pointer, directory: directory, tables: names.count, limits: limits)
            let opened = try Self.openTables(pointer, names: names, directory: directory)
            // LMDB syncs its file; the directory that names it is ours to sync.
            do throws(FileSystemError) {
                try disk.syncDirectory(directory)
            } catch {
                throw .file(error)
            }
            return Environment(
                pointer: pointer, directory: directory, limits: limits, tables: opened,
                fileLock: fileLock)
        } catch {
            if let pointer { mdb_env_close(pointer) }
            disk.close(fileLock)
            throw error
        }
    }

    private static func configure(
        _ pointer: OpaquePointer, directory: String, tables: Int, limits: EnvironmentLimits
    ) throws(StoreError) {
        let page = Int(getpagesize())
        let size = max(limits.initialMapBytes, 1 << 20) / page * page
        try check(mdb_env_set_mapsize(pointer, size), "mdb_env_set_mapsize", directory)
        try check(
            mdb_env_set_maxreaders(pointer, UInt32(clamping: limits.maximumReaders)),
            "mdb_env_set_maxreaders", directory)
        try check(
            mdb_env_set_maxdbs(pointer, MDB_dbi(clamping: tables)), "mdb_env_set_maxdbs", directory)
        let flags = UInt32(MDB_NOTLS | MDB_NORDAHEAD)
        try check(mdb_env_open(pointer, directory, flags, 0o600), "mdb_env_open", directory)
        try check(mdb_reader_check(pointer, nil), "mdb_reader_check", directory)
    }

    private static func openTables(
        _ pointer: OpaquePointer, names: [String], directory: String
    ) throws(StoreError) -> [String: Table] {
        var transaction: OpaquePointer?
        try check(mdb_txn_begin(pointer, nil, 0, &transaction), "mdb_txn_begin", directory)
        var opened: [String: Table] = [:]
        do throws(StoreError) {
            for name in names {
                var handle: MDB_dbi = 0
                try check(
                    mdb_dbi_open(transaction, name, UInt32(MDB_CREATE), &handle), "mdb_dbi_open",
                    directory)
                opened[name] = Table(name: name, handle: handle)
            }
        } catch {
            mdb_txn_abort(transaction)
            throw error
        }
        try check(mdb_txn_commit(transaction), "mdb_txn_commit", directory)
        return opened
    }

    private init(
        pointer: OpaquePointer, directory: String, limits: EnvironmentLimits,
        tables: [String: Table], fileLock: LogFile
    ) {
        self.pointer = pointer
        self.directory = directory
        self.limits = limits
        self.tables = tables
        self.fileLock = fileLock
        var info = MDB_envinfo()
        mdb_env_info(pointer, &info)
        mapBytes = info.me_mapsize
    }

    /// Every transaction holds its environment, so none is open now.
    deinit {
        mdb_env_close(pointer)
        PosixFileSystem().close(fileLock)
    }

    /// A table that `open` was given.
    package func table(_ name: String) -> Table {
        guard let table = tables[name] else { preconditionFailure("no table \(name)") }
        return table
    }

    /// Runs `body` on a snapshot of the last commit, which ends with it.
    package func read<R>(_ body: (ReadTransaction) throws -> R) throws -> R {
        let transaction = try beginRead()
        defer { transaction.end() }
        return try body(transaction)
    }

    /// A snapshot of the last commit that lives until `end` or the object's own end.
    package func beginRead() throws(StoreError) -> ReadTransaction {
        try ReadTransaction(environment: self, pointer: pointer)
    }

    /// Runs `body` and commits durably what it wrote, or, when anything throws, nothing. When the
    /// map was full it is grown and `body` runs again from the start, so `body` must not have
    /// effects besides its writes. After a commit that failed for another reason than a full map,
    /// every further write throws the same error: what of it is on disk is unknown.
    package func write<R>(
        _ body: (WriteTransaction) throws(StoreError) -> R
    ) throws(StoreError) -> R {
        try writer.locked { () throws(StoreError) -> R in
            if let failure { throw failure }
            if usedBytes > mapBytes / 4 * 3 { _ = grow() }
            while true {
                do throws(StoreError) {
                    return try writeOnce(body)
                } catch {
                    guard case .mapFull = error, grow() else { throw error }
                }
            }
        }
    }

    private func writeOnce<R>(
        _ body: (WriteTransaction) throws(StoreError) -> R
    ) throws(StoreError) -> R {
        var handle: OpaquePointer?
        try check(mdb_txn_begin(pointer, nil, 0, &handle), "mdb_txn_begin")
        guard let handle else { throw .failed(operation: "mdb_txn_begin", code: ENOMEM) }
        let transaction = WriteTransaction(environment: self, handle: handle)
        let result: R
        do throws(StoreError) {
            result = try body(transaction)
        } catch {
            transaction.close()
            mdb_txn_abort(handle)
            throw error
        }
        transaction.close()
        do throws(StoreError) {
            try check(mdb_txn_commit(handle), "mdb_txn_commit")
        } catch {
            if case .mapFull = error { throw error }
            failure = error
            throw error
        }
        return result
    }

    /// Bytes of the file that are, or once were, in use.
    package var usedBytes: Int {
        var info = MDB_envinfo()
        mdb_env_info(pointer, &info)
        return (info.me_last_pgno + 1) * Int(getpagesize())
    }

    /// Doubles the map; false when it is at its maximum or a reader did not end.
    private func grow() -> Bool {
        let wanted = min(mapBytes * 2, limits.maximumMapBytes)
        guard wanted > mapBytes else { return false }
        var code: Int32 = 0
        let waited = gate.alone(withinMilliseconds: limits.growthPatienceMilliseconds) {
            code = mdb_env_set_mapsize(pointer, wanted)
        }
        guard waited, code == MDB_SUCCESS else { return false }
        mapBytes = wanted
        return true
    }

    func check(_ code: Int32, _ operation: String) throws(StoreError) {
        guard code != MDB_SUCCESS else { return }
        switch code {
        case MDB_MAP_FULL: throw .mapFull(bytes: mapBytes, maximum: limits.maximumMapBytes)
        case MDB_READERS_FULL: throw .tooManyReaders(maximum: limits.maximumReaders)
        default: try Self.check(code, operation, directory)
        }
    }

    private static func check(
        _ code: Int32, _ operation: String, _ directory: String
    ) throws(StoreError) {
        switch code {
        case MDB_SUCCESS: return
        case ENOSPC, EDQUOT: throw .diskFull(directory: directory)
        case MDB_VERSION_MISMATCH, MDB_INVALID: throw .libraryMismatch(directory: directory)
        case MDB_CORRUPTED, MDB_PAGE_NOTFOUND: throw .corrupted(what: operation)
        case EAGAIN, EBUSY: throw .locked(directory: directory)
        default: throw .failed(operation: operation, code: code)
        }
    }
}
