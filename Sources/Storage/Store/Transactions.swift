import CLMDB
import Glibc
import Synchronization

package enum ScanDirection: Sendable {
    case forwards, backwards
}

/// LMDB calls that reading and writing share. `handle` is an open transaction, `cursors` its own.
struct RawTransaction {
    let environment: Environment
    let handle: OpaquePointer
    /// One cursor for each table used so far, by table handle.
    var cursors: [OpaquePointer?] = []

    func get<R>(
        _ table: Table, _ key: some StoreKey, _ body: (UnsafeRawBufferPointer) -> R
    ) throws(StoreError) -> R? {
        var value = MDB_val()
        let code = key.withKeyBytes { bytes in
            var name = MDB_val(bytes)
            return mdb_get(handle, table.handle, &name, &value)
        }
        if code == MDB_NOTFOUND { return nil }
        try environment.check(code, "mdb_get")
        return body(value.bytes)
    }

    private mutating func cursor(_ table: Table) throws(StoreError) -> OpaquePointer {
        let index = Int(table.handle)
        while cursors.count <= index { cursors.append(nil) }
        if let cursor = cursors[index] { return cursor }
        var cursor: OpaquePointer?
        try environment.check(mdb_cursor_open(handle, table.handle, &cursor), "mdb_cursor_open")
        guard let cursor else { throw .failed(operation: "mdb_cursor_open", code: ENOMEM) }
        cursors[index] = cursor
        return cursor
    }

    mutating func closeCursors() {
        for cursor in cursors { if let cursor { mdb_cursor_close(cursor) } }
        cursors = []
    }

    /// Cursors of a renewed read transaction.
    mutating func renewCursors() throws(StoreError) {
        for cursor in cursors {
            guard let cursor else { continue }
            try environment.check(mdb_cursor_renew(handle, cursor), "mdb_cursor_renew")
        }
    }

    /// The first entry at or above `key`, or (`backwards`) the last one at or below it.
    mutating func seek<R>(
        _ table: Table, _ key: some StoreKey, _ direction: ScanDirection,
        _ body: (_ key: UnsafeRawBufferPointer, _ value: UnsafeRawBufferPointer) -> R
    ) throws(StoreError) -> R? {
        var found: R?
        try scan(table, from: key, direction) { key, value in
            found = body(key, value)
            return false
        }
        return found
    }

    /// Visits entries from `key` on, in order of their keys, until `visit` says false.
    mutating func scan(
        _ table: Table, from key: some StoreKey, _ direction: ScanDirection,
        _ visit: (_ key: UnsafeRawBufferPointer, _ value: UnsafeRawBufferPointer) -> Bool
    ) throws(StoreError) {
        let cursor = try cursor(table)
        var name = MDB_val()
        var value = MDB_val()
        var code = key.withKeyBytes { bytes in
            name = MDB_val(bytes)
            let code = mdb_cursor_get(cursor, &name, &value, MDB_SET_RANGE)
            if direction == .forwards { return code }
            if code == MDB_NOTFOUND { return mdb_cursor_get(cursor, &name, &value, MDB_LAST) }
            let isExact = code == MDB_SUCCESS && name.bytes.elementsEqual(bytes)
            return code != MDB_SUCCESS || isExact
                ? code : mdb_cursor_get(cursor, &name, &value, MDB_PREV)
        }
        while code == MDB_SUCCESS {
            guard visit(name.bytes, value.bytes) else { return }
            code = mdb_cursor_get(
                cursor, &name, &value, direction == .forwards ? MDB_NEXT : MDB_PREV)
        }
        if code != MDB_NOTFOUND { try environment.check(code, "mdb_cursor_get") }
    }
}

extension MDB_val {
    /// LMDB does not write through a key or a value that it is given.
    fileprivate init(_ bytes: UnsafeRawBufferPointer) {
        self.init(
            mv_size: bytes.count, mv_data: UnsafeMutableRawPointer(mutating: bytes.baseAddress))
    }

    fileprivate var bytes: UnsafeRawBufferPointer {
        UnsafeRawBufferPointer(start: mv_data, count: mv_size)
    }
}

/// A snapshot. Reads from several threads take turns. Bytes that a closure is shown are in the
/// map itself and end with the closure, which must not use the transaction.
package final class ReadTransaction: Sendable {
    private let environment: Environment
    private let state: Mutex<Reading>

    private struct Reading: @unchecked Sendable {
        // The mutex around it serialises all use of the handles.
        var raw: RawTransaction
        var isActive: Bool
        var isFreed = false
    }

    init(environment: Environment, pointer: OpaquePointer) throws(StoreError) {
        environment.gate.enter()
        var handle: OpaquePointer?
        let code = mdb_txn_begin(pointer, nil, UInt32(MDB_RDONLY), &handle)
        do throws(StoreError) {
            try environment.check(code, "mdb_txn_begin")
            guard let handle else { throw .failed(operation: "mdb_txn_begin", code: ENOMEM) }
            self.environment = environment
            state = Mutex(
                Reading(
                    raw: RawTransaction(environment: environment, handle: handle), isActive: true))
        } catch {
            environment.gate.leave()
            throw error
        }
    }

    deinit { end() }

    /// Moves to the last commit; cheaper than a new transaction. Also opens again what `pause`
    /// closed.
    package func renew() throws(StoreError) {
        pause()
        environment.gate.enter()
        do throws(StoreError) {
            try state.withLock { state throws(StoreError) in
                precondition(!state.isFreed, "renewed a read transaction that has ended")
                try environment.check(mdb_txn_renew(state.raw.handle), "mdb_txn_renew")
                do throws(StoreError) {
                    try state.raw.renewCursors()
                } catch {
                    mdb_txn_reset(state.raw.handle)
                    throw error
                }
                state.isActive = true
            }
        } catch {
            environment.gate.leave()
            throw error
        }
    }

    /// Lets the snapshot go, and keeps its reader slot for `renew`.
    package func pause() {
        let wasActive = state.withLock { state in
            defer { state.isActive = false }
            if state.isActive { mdb_txn_reset(state.raw.handle) }
            return state.isActive
        }
        if wasActive { environment.gate.leave() }
    }

    /// Ends the transaction for good; a second call does nothing.
    package func end() {
        let wasActive = state.withLock { state in
            guard !state.isFreed else { return false }
            defer {
                state.isActive = false
                state.isFreed = true
            }
            state.raw.closeCursors()
            mdb_txn_abort(state.raw.handle)
            return state.isActive
        }
        if wasActive { environment.gate.leave() }
    }

    private func use<R>(
        _ body: (inout RawTransaction) throws(StoreError) -> R
    ) throws(StoreError) -> R {
        var result: Result<R, StoreError>?
        state.withLock { state in
            precondition(state.isActive, "read in a transaction that is not active")
            do throws(StoreError) {
                result = .success(try body(&state.raw))
            } catch {
                result = .failure(error)
            }
        }
        guard let result else { preconditionFailure("withLock did not call its body") }
        return try result.get()
    }

    package func get(_ table: Table, _ key: some StoreKey) throws(StoreError) -> [UInt8]? {
        try withValue(table, key) { [UInt8]($0) }
    }

    package func withValue<R>(
        _ table: Table, _ key: some StoreKey, _ body: (UnsafeRawBufferPointer) -> R
    ) throws(StoreError) -> R? {
        try use { raw throws(StoreError) in try raw.get(table, key, body) }
    }

    /// The first entry at or above `key`, or (`.backwards`) the last one at or below it.
    package func seek<R>(
        _ table: Table, _ key: some StoreKey, _ direction: ScanDirection,
        _ body: (_ key: UnsafeRawBufferPointer, _ value: UnsafeRawBufferPointer) -> R
    ) throws(StoreError) -> R? {
        try use { raw throws(StoreError) in try raw.seek(table, key, direction, body) }
    }

    /// Visits entries from `key` on, in order of their keys, until `visit` says false.
    package func scan(
        _ table: Table, from key: some StoreKey, _ direction: ScanDirection,
        _ visit: (_ key: UnsafeRawBufferPointer, _ value: UnsafeRawBufferPointer) -> Bool
    ) throws(StoreError) {
        try use { raw throws(StoreError) in try raw.scan(table, from: key, direction, visit) }
    }
}

/// The one write transaction of an `Environment.write`; dead when its closure returns.
package final class WriteTransaction {
    private var raw: RawTransaction
    private var isOpen = true

    init(environment: Environment, handle: OpaquePointer) {
        raw = RawTransaction(environment: environment, handle: handle)
    }

    fileprivate func checkOpen() {
        precondition(isOpen, "used a write transaction after its end")
    }

    func close() {
        raw.closeCursors()
        isOpen = false
    }

    package func get(_ table: Table, _ key: some StoreKey) throws(StoreError) -> [UInt8]? {
        checkOpen()
        return try raw.get(table, key) { [UInt8]($0) }
    }

    package func seek<R>(
        _ table: Table, _ key: some StoreKey, _ direction: ScanDirection,
        _ body: (_ key: UnsafeRawBufferPointer, _ value: UnsafeRawBufferPointer) -> R
    ) throws(StoreError) -> R? {
        checkOpen()
        return try raw.seek(table, key, direction, body)
    }

    /// Sets the value of a key, whether or not it had one.
    package func put(
        _ table: Table, _ key: some StoreKey, _ value: [UInt8]
    ) throws(StoreError) {
        checkOpen()
        let code = value.withUnsafeBytes { bytes in put(table, key, bytes) }
        try raw.environment.check(code, "mdb_put")
    }

    func put(
        _ table: Table, _ key: some StoreKey, words value: WordKey
    ) throws(StoreError) {
        checkOpen()
        let code = value.withKeyBytes { bytes in put(table, key, bytes) }
        try raw.environment.check(code, "mdb_put")
    }

    private func put(
        _ table: Table, _ key: some StoreKey, _ value: UnsafeRawBufferPointer
    ) -> Int32 {
        key.withKeyBytes { bytes in
            precondition((1...511).contains(bytes.count), "key of \(bytes.count) bytes")
            var name = MDB_val(bytes)
            var data = MDB_val(value)
            return mdb_put(raw.handle, table.handle, &name, &data, 0)
        }
    }

    /// Removes a key; one that is not there is fine.
    package func delete(_ table: Table, _ key: some StoreKey) throws(StoreError) {
        checkOpen()
        let code = key.withKeyBytes { bytes in
            var name = MDB_val(bytes)
            return mdb_del(raw.handle, table.handle, &name, nil)
        }
        if code != MDB_NOTFOUND { try raw.environment.check(code, "mdb_del") }
    }
}
