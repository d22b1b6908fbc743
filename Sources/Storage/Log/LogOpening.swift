import Primitives

/// One run of `ConsensusLog.open`: checks the files against the manifest and each other, delivers
/// the records, cuts a torn tail, and only then lets the log be used.
///
/// Files: `LOCK`; `MANIFEST` (which segments there are); `segment-<16 hex digits>`; a name with
/// `.new` behind it was being made when the node stopped, and is removed.
struct LogOpening {
    let directory: String
    let chain: Digest
    let epoch: Epoch
    let limits: LogLimits
    let mode: LogOpenMode
    let fileSystem: any LogFileSystem
    let salt: UInt64

    /// Filled as segments pass the checks.
    var segments: [SegmentHeader] = []
    var nextPosition = LogPosition(0)

    struct LastSegment {
        var header: SegmentHeader
        var file: LogFile
        var end: Int
        var fileBytes: Int
    }

    init(
        directory: String, chain: Digest, epoch: Epoch, limits: LogLimits, mode: LogOpenMode,
        fileSystem: any LogFileSystem, salt: UInt64
    ) {
        self.directory = directory
        self.chain = chain
        self.epoch = epoch
        self.limits = limits
        self.mode = mode
        self.fileSystem = fileSystem
        self.salt = salt
    }

    private func onDisk<R>(_ work: () throws(FileSystemError) -> R) throws(LogError) -> R {
        do throws(FileSystemError) {
            return try work()
        } catch {
            throw .failed(error)
        }
    }

    mutating func run(
        deliver: (LogPosition, LogRecord) -> Void
    ) throws(LogError) -> (log: ConsensusLog, replay: LogReplay) {
        try onDisk { () throws(FileSystemError) in try fileSystem.createDirectory(directory) }
        let lock: LogFile
        do throws(FileSystemError) {
            lock = try fileSystem.lock(LogFiles.path(LogFiles.lock, directory))
        } catch {
            if case .locked = error { throw .locked(directory: directory) }
            throw .failed(error)
        }
        do throws(LogError) {
            return try runLocked(lock, deliver: deliver)
        } catch {
            fileSystem.close(lock)
            throw error
        }
    }

    private mutating func runLocked(
        _ lock: LogFile, deliver: (LogPosition, LogRecord) -> Void
    ) throws(LogError) -> (log: ConsensusLog, replay: LogReplay) {
        let names = try onDisk { () throws(FileSystemError) in try fileSystem.list(directory) }
        let numbers = names.compactMap(LogFormat.segmentNumber).sorted()
        let manifest = names.contains(LogFiles.manifest) ? try readManifest() : nil
        let expected = try expectedSegments(manifest, found: numbers)
        for name in names where name.hasSuffix(LogFiles.temporarySuffix) {
            try remove(name)
        }
        for number in numbers where number < expected.lowerBound {
            try remove(LogFormat.segmentName(number))
        }

        var replay = LogReplay(created: false, records: 0, firstPosition: LogPosition(0))
        var last: LastSegment
        if expected.isEmpty {
            if mode == .mustExist { throw .missing(directory: directory) }
            replay.created = true
            last = try create()
        } else {
            last = try readAll(expected, replay: &replay, deliver: deliver)
        }
        do throws(LogError) {
            let highest = last.header.number
            if manifest?.highest != highest {
                // A new log, or a crash between the last segment and its manifest.
                if last.end > LogFormat.headerBytes {
                    let reason: LogDamage =
                        manifest == nil ? .missingManifest : .unexpectedSegment(highest)
                    throw .damaged(
                        file: path(LogFormat.segmentName(highest)), offset: 0, reason: reason)
                }
                replay.created = manifest == nil
                if mode == .mustExist, replay.created { throw .missing(directory: directory) }
                let renewed = LogManifest(
                    chain: chain, epoch: epoch, lowest: expected.isEmpty ? 0 : expected.lowerBound,
                    highest: highest)
                try onDisk { () throws(FileSystemError) in
                    try LogFiles.writeManifest(renewed, in: directory, fileSystem)
                }
            }
            try onDisk { () throws(FileSystemError) in
                try fileSystem.syncDirectory(directory)
            }
        } catch {
            fileSystem.close(last.file)
            throw error
        }
        let log = ConsensusLog(opening: self, last: last, lock: lock)
        if replay.records > 0 { try log.vouchAfterReplay() }
        return (log, replay)
    }

    private func path(_ name: String) -> String { LogFiles.path(name, directory) }

    private func remove(_ name: String) throws(LogError) {
        try onDisk { () throws(FileSystemError) in try fileSystem.remove(path(name)) }
    }

    private func damaged(_ name: String, _ found: DamageFound) -> LogError {
        .damaged(file: path(name), offset: found.offset, reason: found.reason)
    }

    private func readWhole(_ name: String, maximum: Int) throws(LogError) -> (LogFile, [UInt8]) {
        let file = try onDisk { () throws(FileSystemError) in
            try fileSystem.open(path(name), create: false)
        }
        do throws(LogError) {
            let size = try onDisk { () throws(FileSystemError) in try fileSystem.size(file) }
            guard size <= maximum else {
                throw damaged(name, DamageFound(.oversize(bytes: size, maximum: maximum)))
            }
            let bytes = try onDisk { () throws(FileSystemError) in
                try fileSystem.read(file, at: 0, count: size)
            }
            return (file, bytes)
        } catch {
            fileSystem.close(file)
            throw error
        }
    }

    private func readManifest() throws(LogError) -> LogManifest {
        let (file, bytes) = try readWhole(LogFiles.manifest, maximum: LogFormat.manifestBytes)
        fileSystem.close(file)
        switch LogManifest.decode(bytes) {
        case .failure(let found): throw damaged(LogFiles.manifest, found)
        case .success(let manifest):
            guard manifest.chain == chain else {
                throw damaged(
                    LogFiles.manifest,
                    DamageFound(.wrongChain(expected: chain, found: manifest.chain)))
            }
            guard manifest.epoch == epoch else {
                throw damaged(
                    LogFiles.manifest,
                    DamageFound(.wrongEpoch(expected: epoch, found: manifest.epoch)))
            }
            return manifest
        }
    }

    /// The segments to read; empty for a new log. One beyond the manifest's highest is a rotation
    /// that a crash cut short, and holds no record yet.
    private func expectedSegments(
        _ manifest: LogManifest?, found numbers: [UInt64]
    ) throws(LogError) -> Range<UInt64> {
        guard let manifest else {
            if numbers.isEmpty { return 0..<0 }
            guard numbers == [0] else {
                throw damaged(LogFiles.manifest, DamageFound(.missingManifest))
            }
            return 0..<1
        }
        let beyond = manifest.highest + 1
        if let stray = numbers.last, stray > beyond {
            throw damaged(LogFormat.segmentName(stray), DamageFound(.unexpectedSegment(stray)))
        }
        let held = Set(numbers)
        // The manifest's range is not trusted to be small: the first gap ends the loop.
        for number in manifest.lowest...manifest.highest where !held.contains(number) {
            throw damaged(LogFormat.segmentName(number), DamageFound(.missingSegment(number)))
        }
        return manifest.lowest..<(held.contains(beyond) ? beyond + 1 : beyond)
    }

    private mutating func create() throws(LogError) -> LastSegment {
        var generator = SeededGenerator(seed: salt)
        let header = SegmentHeader(
            chain: chain, epoch: epoch, number: 0, firstPosition: LogPosition(0),
            salt: generator.next())
        let file = try onDisk { () throws(FileSystemError) in
            try LogFiles.createSegment(header, in: directory, fileSystem)
        }
        segments = [header]
        return LastSegment(
            header: header, file: file, end: LogFormat.headerBytes,
            fileBytes: LogFormat.headerBytes)
    }

    /// Reads `numbers` (not empty) in order; the last one stays open.
    private mutating func readAll(
        _ numbers: Range<UInt64>, replay: inout LogReplay,
        deliver: (LogPosition, LogRecord) -> Void
    ) throws(LogError) -> LastSegment {
        for number in numbers.dropLast() {
            let segment = try read(number, isLast: false, replay: &replay, deliver: deliver)
            fileSystem.close(segment.file)
        }
        return try read(numbers.upperBound - 1, isLast: true, replay: &replay, deliver: deliver)
    }

    private mutating func read(
        _ number: UInt64, isLast: Bool, replay: inout LogReplay,
        deliver: (LogPosition, LogRecord) -> Void
    ) throws(LogError) -> LastSegment {
        let name = LogFormat.segmentName(number)
        let (file, bytes) = try readWhole(name, maximum: limits.maximumFileBytes)
        do throws(LogError) {
            let header = try checkedHeader(bytes, number: number, replay: &replay)
            let codec = FrameCodec(
                salt: header.salt, maximumRecordBytes: limits.maximumRecordBytes)
            var position = nextPosition
            let scan = bytes.withUnsafeBytes { raw in
                codec.scan(raw) { kind, payload in
                    deliver(position, LogRecord(kind: kind, payload: [UInt8](payload)))
                    position = position.next
                }
            }
            if let evidence = scan.damageEvidence {
                throw damaged(
                    name, DamageFound(.badFrame(vouchedAt: evidence), at: scan.end))
            }
            if scan.hasTornTail, !isLast {
                throw damaged(name, DamageFound(.badFrame(vouchedAt: nil), at: scan.end))
            }
            nextPosition = position
            replay.records += scan.records
            segments.append(header)
            if isLast {
                try settleTail(file, name: name, bytes: bytes, scan: scan, replay: &replay)
            }
            return LastSegment(
                header: header, file: file, end: scan.end,
                fileBytes: scan.hasTornTail ? scan.end : bytes.count)
        } catch {
            fileSystem.close(file)
            throw error
        }
    }

    private mutating func checkedHeader(
        _ bytes: [UInt8], number: UInt64, replay: inout LogReplay
    ) throws(LogError) -> SegmentHeader {
        let name = LogFormat.segmentName(number)
        let header: SegmentHeader
        switch SegmentHeader.decode(bytes) {
        case .failure(let found): throw damaged(name, found)
        case .success(let decoded): header = decoded
        }
        let reason: LogDamage? =
            if header.chain != chain {
                .wrongChain(expected: chain, found: header.chain)
            } else if header.epoch != epoch {
                .wrongEpoch(expected: epoch, found: header.epoch)
            } else if header.number != number {
                .wrongSegmentNumber(expected: number, found: header.number)
            } else if !segments.isEmpty, header.firstPosition != nextPosition {
                .wrongFirstPosition(expected: nextPosition, found: header.firstPosition)
            } else {
                nil
            }
        if let reason { throw damaged(name, DamageFound(reason)) }
        if segments.isEmpty {
            nextPosition = header.firstPosition
            replay.firstPosition = header.firstPosition
        }
        return header
    }

    /// Cuts a torn tail, and makes sure that every record just delivered is on disk: the last
    /// group is written again before the sync, since its first sync may have failed and left
    /// pages that only look clean.
    private func settleTail(
        _ file: LogFile, name: String, bytes: [UInt8], scan: FrameCodec.Scan,
        replay: inout LogReplay
    ) throws(LogError) {
        if scan.hasTornTail {
            replay.tornTail = LogReplay.TornTail(
                file: path(name), offset: scan.end, bytes: bytes.count - scan.end)
        }
        let lastGroup = [UInt8](bytes[scan.vouched..<scan.end])
        try onDisk { () throws(FileSystemError) in
            if scan.hasTornTail { try fileSystem.truncate(file, to: scan.end) }
            if !lastGroup.isEmpty { try fileSystem.write(file, at: scan.vouched, lastGroup) }
            try fileSystem.sync(file)
        }
    }
}
