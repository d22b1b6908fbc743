import Primitives
import Synchronization

/// A disk in memory that forgets at a crash what a real one may forget: any subset of the writes
/// since a file's last sync, each torn at any byte; any subset of the changes to a directory since
/// its last sync. For tests and the simulator.
///
/// A fault can be armed: the power fails at the n-th changing operation, in the middle of it when
/// it is a write. From then on everything throws `.powerLost` until `crash`.
package final class MemoryFileSystem: LogFileSystem {
    /// Ways to betray the caller, to show that the tests notice.
    package enum Lie: Hashable, Sendable {
        /// `sync` returns without having synced.
        case fileSync
        /// `syncDirectory` returns without having synced.
        case directorySync
    }

    private struct Inode {
        /// Content as of the last sync, and as read now.
        var durable: [UInt8] = []
        var live: [UInt8] = []
        var pending: [Change] = []
    }

    private enum Change {
        case write(offset: Int, bytes: [UInt8])
        case truncate(size: Int)

        func apply(to content: inout [UInt8]) {
            switch self {
            case .truncate(let size):
                if size < content.count {
                    content.removeLast(content.count - size)
                } else {
                    content.append(contentsOf: repeatElement(0, count: size - content.count))
                }
            case .write(let offset, let bytes):
                let end = offset + bytes.count
                if content.count < end {
                    content.append(contentsOf: repeatElement(0, count: end - content.count))
                }
                content.replaceSubrange(offset..<end, with: bytes)
            }
        }
    }

    private enum Relink {
        case link(name: String, inode: Int)
        case unlink(name: String)
        case rename(old: String, new: String, inode: Int)

        func apply(to entries: inout [String: Int]) {
            switch self {
            case .link(let name, let inode): entries[name] = inode
            case .unlink(let name): entries[name] = nil
            case .rename(let old, let new, let inode):
                entries[old] = nil
                entries[new] = inode
            }
        }
    }

    private struct Directory {
        var durable: [String: Int] = [:]
        var live: [String: Int] = [:]
        var pending: [Relink] = []
    }

    private struct State {
        var inodes: [Int: Inode] = [:]
        var directories: [String: Directory] = [:]
        var open: [Int32: Int] = [:]
        var locks: [Int32: String] = [:]
        var nextToken: Int32 = 0
        var nextInode = 0
        var operations = 0
        var failAt: Int?
        var tornBytes = 0
        /// The power fails during the operation under way.
        var isCut = false
        var isOff = false
        var refused: [FileOperation: Int32] = [:]

        mutating func relink(_ change: Relink, in directory: String) {
            guard var found = directories.removeValue(forKey: directory) else { return }
            change.apply(to: &found.live)
            found.pending.append(change)
            directories[directory] = found
        }
    }

    private let lies: Set<Lie>
    private let state = Mutex(State())

    package init(lies: Set<Lie> = []) { self.lies = lies }

    /// How many changing operations were asked for since the start or the last `crash`.
    package var operations: Int { state.withLock { $0.operations } }

    /// Arms a power failure at changing operation `number` (counting from 0, `operations` being
    /// the next one); when that is a write, its first `bytes` bytes reach the file's unsynced
    /// content first.
    package func failPower(atOperation number: Int, afterBytes bytes: Int = 0) {
        state.withLock {
            $0.failAt = number
            $0.tornBytes = bytes
        }
    }

    /// From now on this kind of operation fails with `code`; nil mends it.
    package func refuse(_ operation: FileOperation, code: Int32?) {
        state.withLock { $0.refused[operation] = code }
    }

    /// What of the unsynced state a crash leaves.
    package enum Survival: Sendable {
        /// All of it: the process was killed, the machine was not.
        case everything
        /// None of it.
        case nothing
        /// A random subset, writes torn into random pieces, from this seed.
        case random(seed: UInt64)
    }

    /// Ends every open file and lock, applies the survival, and turns the power back on.
    package func crash(_ survival: Survival) {
        state.withLock { state in
            var generator = SeededGenerator(seed: 0)
            if case .random(let seed) = survival { generator = SeededGenerator(seed: seed) }
            func survives() -> Bool {
                switch survival {
                case .everything: true
                case .nothing: false
                case .random: generator.uniform(below: 2) == 0
                }
            }
            for name in state.directories.keys.sorted() {
                guard var directory = state.directories[name] else { continue }
                for change in directory.pending where survives() {
                    change.apply(to: &directory.durable)
                }
                directory.live = directory.durable
                directory.pending = []
                state.directories[name] = directory
            }
            for number in state.inodes.keys.sorted() {
                guard var inode = state.inodes[number] else { continue }
                for change in inode.pending {
                    if case .random = survival, case .write(let offset, let bytes) = change {
                        for piece in Self.pieces(of: bytes, at: offset, &generator) {
                            piece.apply(to: &inode.durable)
                        }
                    } else if survives() {
                        change.apply(to: &inode.durable)
                    }
                }
                inode.live = inode.durable
                inode.pending = []
                state.inodes[number] = inode
            }
            state.open = [:]
            state.locks = [:]
            state.isOff = false
            state.failAt = nil
            state.operations = 0
        }
    }

    /// Cuts a write at up to three places and keeps a random subset of the pieces.
    private static func pieces(
        of bytes: [UInt8], at offset: Int, _ generator: inout SeededGenerator
    ) -> [Change] {
        var cuts = [0, bytes.count]
        for _ in 0..<generator.uniform(below: 4) {
            cuts.append(Int(generator.uniform(below: UInt64(bytes.count) + 1)))
        }
        cuts.sort()
        var kept: [Change] = []
        for (start, end) in zip(cuts, cuts.dropFirst()) where start < end {
            if generator.uniform(below: 3) > 0 {
                kept.append(.write(offset: offset + start, bytes: Array(bytes[start..<end])))
            }
        }
        return kept
    }

    /// The content of a file as a reader would see it now; nil when there is none.
    package func content(_ path: String) -> [UInt8]? {
        state.withLock { state in
            let (directory, name) = Self.split(path)
            return state.directories[directory]?.live[name].flatMap { state.inodes[$0]?.live }
        }
    }

    /// Another disk with what a reader sees on this one now, all of it durable: a backup.
    package func copy() -> MemoryFileSystem {
        let copy = MemoryFileSystem(lies: lies)
        let found = state.withLock { $0 }
        copy.state.withLock { state in
            state.nextInode = found.nextInode
            for name in found.directories.keys.sorted() {
                let live = found.directories[name]?.live ?? [:]
                state.directories[name] = Directory(durable: live, live: live)
                for number in live.values.sorted() {
                    let content = found.inodes[number]?.live ?? []
                    state.inodes[number] = Inode(durable: content, live: content)
                }
            }
        }
        return copy
    }

    /// Replaces a file's content durably, as bit rot or an operator would.
    package func tamper(_ path: String, _ content: [UInt8]?) {
        state.withLock { state in
            let (directory, name) = Self.split(path)
            guard let content else {
                state.directories[directory]?.live[name] = nil
                state.directories[directory]?.durable[name] = nil
                return
            }
            guard let number = state.directories[directory]?.live[name] else { return }
            state.inodes[number] = Inode(durable: content, live: content)
        }
    }

    private static func split(_ path: String) -> (directory: String, name: String) {
        guard let slash = path.lastIndex(of: "/") else { return ("", path) }
        return (String(path[..<slash]), String(path[path.index(after: slash)...]))
    }

    // MARK: LogFileSystem

    private func perform<R: Sendable>(
        _ operation: FileOperation, _ path: String, changes: Bool = true,
        _ body: (inout State) throws(FileSystemError) -> R
    ) throws(FileSystemError) -> R {
        try state.withLock { state throws(FileSystemError) -> R in
            if state.isOff { throw .powerLost }
            if let code = state.refused[operation] {
                throw .failed(operation, path: path, code: code)
            }
            if changes {
                state.isCut = state.operations == state.failAt
                state.operations += 1
                if state.isCut, operation != .write {
                    state.isOff = true
                    throw .powerLost
                }
            }
            return try body(&state)
        }
    }

    private func inode(
        _ file: LogFile, _ state: State, _ operation: FileOperation
    ) throws(FileSystemError) -> Int {
        guard let number = state.open[file.token] else {
            throw .failed(operation, path: "file \(file.token)", code: 9)  // EBADF
        }
        return number
    }

    package func createDirectory(_ path: String) throws(FileSystemError) {
        try perform(.createDirectory, path, changes: false) { state in
            if state.directories[path] == nil { state.directories[path] = Directory() }
        }
    }

    package func list(_ directory: String) throws(FileSystemError) -> [String] {
        try perform(.list, directory, changes: false) { state throws(FileSystemError) in
            guard let found = state.directories[directory] else {
                throw .failed(.list, path: directory, code: 2)  // ENOENT
            }
            return found.live.keys.sorted()
        }
    }

    package func open(_ path: String, create: Bool) throws(FileSystemError) -> LogFile {
        try perform(.open, path, changes: create) { state throws(FileSystemError) in
            let (directory, name) = Self.split(path)
            var number = state.directories[directory]?.live[name]
            if let number, create {
                state.inodes[number]?.live = []
                state.inodes[number]?.pending.append(.truncate(size: 0))
            } else if create, state.directories[directory] != nil {
                number = state.nextInode
                state.inodes[state.nextInode] = Inode()
                let change = Relink.link(name: name, inode: state.nextInode)
                state.nextInode += 1
                state.relink(change, in: directory)
            }
            guard let number else { throw .failed(.open, path: path, code: 2) }  // ENOENT
            state.nextToken += 1
            state.open[state.nextToken] = number
            return LogFile(token: state.nextToken)
        }
    }

    package func size(_ file: LogFile) throws(FileSystemError) -> Int {
        try perform(.size, "", changes: false) { state throws(FileSystemError) in
            state.inodes[try inode(file, state, .size)]?.live.count ?? 0
        }
    }

    package func read(
        _ file: LogFile, at offset: Int, count: Int
    ) throws(FileSystemError) -> [UInt8] {
        try perform(.read, "", changes: false) { state throws(FileSystemError) in
            let live = state.inodes[try inode(file, state, .read)]?.live ?? []
            return Array(live.dropFirst(offset).prefix(count))
        }
    }

    package func write(
        _ file: LogFile, at offset: Int, _ bytes: [UInt8]
    ) throws(FileSystemError) {
        try perform(.write, "") { state throws(FileSystemError) in
            let number = try inode(file, state, .write)
            var bytes = bytes
            if state.isCut { bytes = Array(bytes.prefix(state.tornBytes)) }
            let change = Change.write(offset: offset, bytes: bytes)
            if var inode = state.inodes.removeValue(forKey: number) {
                change.apply(to: &inode.live)
                inode.pending.append(change)
                state.inodes[number] = inode
            }
            if state.isCut {
                state.isOff = true
                throw .powerLost
            }
        }
    }

    package func truncate(_ file: LogFile, to size: Int) throws(FileSystemError) {
        try perform(.truncate, "") { state throws(FileSystemError) in
            let number = try inode(file, state, .truncate)
            if var inode = state.inodes.removeValue(forKey: number) {
                Change.truncate(size: size).apply(to: &inode.live)
                inode.pending.append(.truncate(size: size))
                state.inodes[number] = inode
            }
        }
    }

    package func sync(_ file: LogFile) throws(FileSystemError) {
        try perform(.sync, "") { state throws(FileSystemError) in
            let number = try inode(file, state, .sync)
            guard !lies.contains(.fileSync), var inode = state.inodes.removeValue(forKey: number)
            else { return }
            for change in inode.pending { change.apply(to: &inode.durable) }
            inode.pending = []
            state.inodes[number] = inode
        }
    }

    package func syncDirectory(_ path: String) throws(FileSystemError) {
        try perform(.syncDirectory, path) { state in
            guard !lies.contains(.directorySync), var directory = state.directories[path]
            else { return }
            directory.durable = directory.live
            directory.pending = []
            state.directories[path] = directory
        }
    }

    package func rename(_ old: String, to new: String) throws(FileSystemError) {
        try perform(.rename, old) { state throws(FileSystemError) in
            let (directory, oldName) = Self.split(old)
            guard let number = state.directories[directory]?.live[oldName] else {
                throw .failed(.rename, path: old, code: 2)  // ENOENT
            }
            let newName = Self.split(new).name
            state.relink(.rename(old: oldName, new: newName, inode: number), in: directory)
        }
    }

    package func remove(_ path: String) throws(FileSystemError) {
        try perform(.remove, path) { state throws(FileSystemError) in
            let (directory, name) = Self.split(path)
            guard state.directories[directory]?.live[name] != nil else {
                throw .failed(.remove, path: path, code: 2)  // ENOENT
            }
            state.relink(.unlink(name: name), in: directory)
        }
    }

    package func lock(_ path: String) throws(FileSystemError) -> LogFile {
        try perform(.lock, path, changes: false) { state throws(FileSystemError) in
            guard !state.locks.values.contains(path) else { throw .locked(path: path) }
            state.nextToken += 1
            state.locks[state.nextToken] = path
            return LogFile(token: state.nextToken)
        }
    }

    package func close(_ file: LogFile) {
        state.withLock {
            $0.open[file.token] = nil
            $0.locks[file.token] = nil
        }
    }
}
