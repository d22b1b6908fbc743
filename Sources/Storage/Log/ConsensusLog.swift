package import Primitives

/// What `ConsensusLog.open` found, besides the records that it delivered.
package struct LogReplay: Hashable, Sendable {
    /// There was no log. In an epoch that is running, this means that the log is lost.
    package var created: Bool
    /// How many records were delivered.
    package var records: UInt64
    /// The position of the first record still held (earlier ones were discarded).
    package var firstPosition: LogPosition
    /// Bytes of a torn last group that were cut off: their `sync` had not returned.
    package var tornTail: TornTail?

    package struct TornTail: Hashable, Sendable {
        package var file: String
        package var offset: Int
        package var bytes: Int
    }
}

package enum LogOpenMode: Sendable {
    case createIfMissing
    /// Throws `LogError.missing` rather than make a new log.
    case mustExist
}

/// The write-ahead log of one epoch's own statements: what this node must never forget having
/// signed. Records come back in order, whole, and without gaps, or opening throws.
///
/// Not thread-safe: one thread, usually a `WriterThread`'s, uses it at a time.
package final class ConsensusLog {
    private let fileSystem: any LogFileSystem
    private let directory: String
    private let lock: LogFile
    private let limits: LogLimits
    /// Every segment held, the last one open in `file`.
    private var segments: [SegmentHeader]
    private var file: LogFile
    private var codec: FrameCodec
    /// Where the next frame goes, the file's size (zeros between), and the end of what is synced.
    private var end: Int
    private var fileBytes: Int
    private var synced: Int
    private var buffer: [UInt8] = []
    private var state = State.open

    private enum State {
        case open
        case poisoned(FileSystemError)
        case closed
    }

    /// The position that the next appended record gets.
    package private(set) var nextPosition: LogPosition

    /// The position of the oldest record that is still held.
    package var firstPosition: LogPosition { current(0).firstPosition }

    /// How many segment files there are, at least 1.
    package var segmentCount: Int { segments.count }

    /// Opens or creates the log in `directory`, and delivers every whole record in order. When
    /// this throws, what was delivered before is void. `salt` seeds the secret that keeps payloads
    /// from posing as frames; pass one only for a repeatable run.
    package static func open(
        directory: String, chain: Digest, epoch: Epoch, limits: LogLimits = LogLimits(),
        mode: LogOpenMode = .createIfMissing, fileSystem: any LogFileSystem = PosixFileSystem(),
        salt: UInt64 = .random(in: .min ... .max),
        deliver: (LogPosition, LogRecord) -> Void
    ) throws(LogError) -> (log: ConsensusLog, replay: LogReplay) {
        precondition(
            limits.maximumFileBytes < 1 << 31 && limits.maximumRecordBytes >= 0
                && limits.growthBytes >= 0, "log limits \(limits) do not fit 31-bit offsets")
        var opening = LogOpening(
            directory: directory, chain: chain, epoch: epoch, limits: limits, mode: mode,
            fileSystem: fileSystem, salt: salt)
        return try opening.run(deliver: deliver)
    }

    init(opening: LogOpening, last: LogOpening.LastSegment, lock: LogFile) {
        fileSystem = opening.fileSystem
        directory = opening.directory
        limits = opening.limits
        self.lock = lock
        segments = opening.segments
        file = last.file
        codec = FrameCodec(
            salt: last.header.salt, maximumRecordBytes: opening.limits.maximumRecordBytes)
        end = last.end
        fileBytes = last.fileBytes
        synced = last.end
        nextPosition = opening.nextPosition
    }

    deinit {
        if case .closed = state { return }
        fileSystem.close(file)
        fileSystem.close(lock)
    }

    private func current(_ index: Int) -> SegmentHeader { segments[index] }

    /// Runs disk work in an open log; a failure poisons it.
    private func onDisk<R>(_ work: () throws(FileSystemError) -> R) throws(LogError) -> R {
        try checkOpen()
        do throws(FileSystemError) {
            return try work()
        } catch {
            state = .poisoned(error)
            throw .failed(error)
        }
    }

    private func checkOpen() throws(LogError) {
        switch state {
        case .open: return
        case .poisoned(let cause): throw .poisoned(by: cause)
        case .closed: throw .closed
        }
    }

    /// Writes records in order, all in one write unless the segment is full; they are durable once
    /// `sync` returned. Returns the first one's position; the others follow without gaps. Kind 255
    /// is reserved.
    @discardableResult
    package func append(_ records: [LogRecord]) throws(LogError) -> LogPosition {
        try checkOpen()
        for record in records {
            precondition(record.kind != LogFormat.markKind, "log record of the reserved kind")
            guard record.payload.count <= limits.maximumRecordBytes else {
                throw .recordTooLong(
                    bytes: record.payload.count, maximum: limits.maximumRecordBytes)
            }
        }
        return try onDisk { () throws(FileSystemError) in
            let first = nextPosition
            for record in records {
                let bytes = LogFormat.frameBytes(payload: record.payload.count)
                let frames = end + buffer.count
                if frames + bytes > limits.maximumSegmentBytes, frames > LogFormat.headerBytes {
                    try flush()
                    try rotate()
                }
                codec.encode(record, at: end + buffer.count, vouched: synced, into: &buffer)
                nextPosition = nextPosition.next
            }
            try flush()
            return first
        }
    }

    /// Everything appended before is on disk when this returns. After a throw nothing is known,
    /// and nothing more can be done with this log.
    package func sync() throws(LogError) {
        try onDisk { () throws(FileSystemError) in try syncFile() }
    }

    private func syncFile() throws(FileSystemError) {
        guard synced < end else { return }
        try fileSystem.sync(file)
        synced = end
    }

    private func flush() throws(FileSystemError) {
        guard !buffer.isEmpty else { return }
        let newEnd = end + buffer.count
        if newEnd > fileBytes {
            let step = limits.growthBytes
            let grown = step == 0 ? newEnd : (newEnd + step - 1) / step * step
            buffer.append(contentsOf: repeatElement(0, count: grown - newEnd))
            fileBytes = grown
        }
        try fileSystem.write(file, at: end, buffer)
        end = newEnd
        buffer.removeAll(keepingCapacity: buffer.capacity <= 4 << 20)
    }

    /// Starts a new segment. All records before it are durable first, so that unreadable bytes in
    /// any segment but the last are always damage.
    private func rotate() throws(FileSystemError) {
        try syncFile()
        let last = current(segments.count - 1)
        var generator = SeededGenerator(seed: last.salt)
        let header = SegmentHeader(
            chain: last.chain, epoch: last.epoch, number: last.number + 1,
            firstPosition: nextPosition, salt: generator.next())
        let next = try LogFiles.createSegment(header, in: directory, fileSystem)
        do throws(FileSystemError) {
            try writeManifest(lowest: current(0).number, highest: header.number)
        } catch {
            fileSystem.close(next)
            throw error
        }
        fileSystem.close(file)
        file = next
        segments.append(header)
        codec = FrameCodec(salt: header.salt, maximumRecordBytes: limits.maximumRecordBytes)
        end = LogFormat.headerBytes
        fileBytes = end
        synced = end
    }

    private func writeManifest(lowest: UInt64, highest: UInt64) throws(FileSystemError) {
        let identity = current(0)
        let manifest = LogManifest(
            chain: identity.chain, epoch: identity.epoch, lowest: lowest, highest: highest)
        try LogFiles.writeManifest(manifest, in: directory, fileSystem)
    }

    /// Gives up records below `position`: deletes the segments that hold no other, never the last.
    /// Records that share a segment with a kept one stay. Durable when it returns.
    package func discard(below position: LogPosition) throws(LogError) {
        try onDisk { () throws(FileSystemError) in
            var gone = 0
            while gone + 1 < segments.count, current(gone + 1).firstPosition <= position {
                gone += 1
            }
            guard gone > 0 else { return }
            // What makes them superfluous may be among the newest records.
            try syncFile()
            // The manifest goes first: after a crash between, `open` finishes the deletion.
            try writeManifest(
                lowest: current(gone).number, highest: current(segments.count - 1).number)
            for header in segments.prefix(gone) {
                try fileSystem.remove(
                    LogFiles.path(LogFormat.segmentName(header.number), directory))
            }
            try fileSystem.syncDirectory(directory)
            segments.removeFirst(gone)
        }
    }

    /// Syncs what was appended, vouches for it, and gives up the lock. A second call does nothing.
    package func close() throws(LogError) {
        if case .closed = state { return }
        defer {
            fileSystem.close(file)
            fileSystem.close(lock)
            state = .closed
        }
        try onDisk { () throws(FileSystemError) in
            try syncFile()
            try vouch()
        }
    }

    /// Writes and syncs a frame that vouches for all before it, so that damage to the last group
    /// cannot pass for a torn tail. Only after a sync.
    func vouchAfterReplay() throws(LogError) {
        try onDisk { () throws(FileSystemError) in try vouch() }
    }

    private func vouch() throws(FileSystemError) {
        let mark = LogRecord(kind: LogFormat.markKind, payload: [])
        codec.encode(mark, at: end, vouched: synced, into: &buffer)
        try flush()
        try syncFile()
    }
}

/// The steps on files that opening and running share. Each is durable when it returns.
enum LogFiles {
    static let manifest = "MANIFEST"
    static let lock = "LOCK"
    static let temporarySuffix = ".new"

    static func path(_ name: String, _ directory: String) -> String { "\(directory)/\(name)" }

    /// Makes a file with its content appear under its name in one step.
    private static func install(
        _ bytes: [UInt8], as name: String, in directory: String, _ fileSystem: any LogFileSystem
    ) throws(FileSystemError) -> LogFile {
        let path = path(name, directory)
        let file = try fileSystem.open(path + temporarySuffix, create: true)
        do throws(FileSystemError) {
            try fileSystem.write(file, at: 0, bytes)
            try fileSystem.sync(file)
            try fileSystem.rename(path + temporarySuffix, to: path)
            try fileSystem.syncDirectory(directory)
        } catch {
            fileSystem.close(file)
            throw error
        }
        return file
    }

    static func createSegment(
        _ header: SegmentHeader, in directory: String, _ fileSystem: any LogFileSystem
    ) throws(FileSystemError) -> LogFile {
        try install(
            header.encoded(), as: LogFormat.segmentName(header.number), in: directory, fileSystem)
    }

    static func writeManifest(
        _ manifest: LogManifest, in directory: String, _ fileSystem: any LogFileSystem
    ) throws(FileSystemError) {
        let file = try install(manifest.encoded(), as: Self.manifest, in: directory, fileSystem)
        fileSystem.close(file)
    }
}
