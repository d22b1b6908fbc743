import Foundation
import Primitives
import Testing

@testable import Storage

@Suite("The consensus log")
struct LogTests {
    @Test("CRC-32C gives the published check value and equals its bit-by-bit twin")
    func checksum() {
        #expect(Checksum.of(Array("123456789".utf8)) == 0xE306_9283)
        #expect(Checksum.of([UInt8](repeating: 0, count: 32)) == 0x8A91_36AA)
        #expect(Checksum.of([UInt8](repeating: 255, count: 32)) == 0x62A8_AB43)
        func slow(_ bytes: [UInt8]) -> UInt32 {
            var crc = UInt32.max
            for byte in bytes {
                crc ^= UInt32(byte)
                for _ in 0..<8 { crc = crc & 1 == 1 ? crc >> 1 ^ 0x82F6_3B78 : crc >> 1 }
            }
            return ~crc
        }
        var generator = SeededGenerator(seed: 5)
        for count in 0..<70 {
            let bytes = (0..<count).map { _ in UInt8(truncatingIfNeeded: generator.next()) }
            #expect(Checksum.of(bytes) == slow(bytes))
        }
    }

    @Test("Records come back from a real disk in order, over segments and openings")
    func reopen() throws {
        let place = try TemporaryDirectory()
        let disk = PosixFileSystem()
        let directory = place.path + "/a/b/log"
        var expected: [LogRecord] = []
        for opening in 0..<4 {
            let found = try recover(disk, directory: directory)
            #expect(found.records == expected)
            #expect(found.replay.created == (opening == 0))
            #expect(found.replay.tornTail == nil)
            for _ in 0..<8 {
                let record = numbered(UInt64(expected.count), padding: 50)
                #expect(try found.log.append([record]).rawValue == UInt64(expected.count))
                expected.append(record)
            }
            try found.log.sync()
            // Every other time the process just ends.
            if opening % 2 == 0 { try found.log.close() }
        }
        let last = try recover(disk, directory: directory)
        #expect(last.records == expected)
        #expect(last.log.segmentCount > 3)
    }

    @Test("Records of no bytes and of the longest length are kept, a longer one is refused")
    func sizes() throws {
        let disk = MemoryFileSystem()
        let log = try recover(disk).log
        let records = [0, 1, 256, 0, 256].map {
            LogRecord(kind: 0, payload: [UInt8](repeating: 0, count: $0))
        }
        try log.append(records)
        let long = LogRecord(kind: 0, payload: [UInt8](repeating: 0, count: 257))
        #expect(throws: LogError.recordTooLong(bytes: 257, maximum: 256)) {
            try log.append([records[0], long])
        }
        try log.close()
        #expect(try recover(disk).records == records)
    }

    @Test("Discarding deletes whole segments below a position and survives reopening")
    func discard() throws {
        let disk = MemoryFileSystem()
        let found = try recover(disk)
        let records = (0..<30).map { numbered($0, padding: 60) }
        for record in records { try found.log.append([record]) }
        let before = found.log.segmentCount
        try found.log.discard(below: 17)
        let first = Int(found.log.firstPosition.rawValue)
        #expect(first > 5 && first <= 17)
        #expect(found.log.segmentCount < before)
        #expect(try disk.list("log").filter { $0.hasPrefix("segment") }.count < before)
        try found.log.close()
        let again = try recover(disk)
        #expect(again.replay.firstPosition.rawValue == UInt64(first))
        #expect(again.records == Array(records[first...]))
        try again.log.discard(below: 1_000_000)
        #expect(again.log.segmentCount == 1)
    }

    @Test("A second process, or a second opening, is refused")
    func locked() throws {
        let place = try TemporaryDirectory()
        let first = try recover(PosixFileSystem(), directory: place.path)
        #expect(throws: LogError.locked(directory: place.path)) {
            try recover(PosixFileSystem(), directory: place.path)
        }
        try first.log.close()
        _ = try recover(PosixFileSystem(), directory: place.path)
    }

    @Test("After a failed sync every later call throws, and reopening finds what was synced")
    func poisoned() throws {
        let disk = MemoryFileSystem()
        let log = try recover(disk).log
        try log.append([numbered(0, padding: 0)])
        try log.sync()
        try log.append([numbered(1, padding: 0)])
        disk.refuse(.sync, code: 5)
        let cause = FileSystemError.failed(.sync, path: "", code: 5)
        #expect(throws: LogError.failed(cause)) { try log.sync() }
        disk.refuse(.sync, code: nil)
        #expect(throws: LogError.poisoned(by: cause)) { try log.sync() }
        #expect(throws: LogError.poisoned(by: cause)) { try log.append([]) }
        #expect(throws: LogError.poisoned(by: cause)) { try log.discard(below: 0) }
        #expect(throws: LogError.poisoned(by: cause)) { try log.close() }
        #expect(throws: LogError.closed) { try log.sync() }
        disk.crash(.nothing)
        #expect(try recover(disk).records == [numbered(0, padding: 0)])
    }

    @Test("A failed write poisons the log")
    func failedWrite() throws {
        let disk = MemoryFileSystem()
        let log = try recover(disk).log
        disk.refuse(.write, code: 28)
        let cause = FileSystemError.failed(.write, path: "", code: 28)
        #expect(throws: LogError.failed(cause)) { try log.append([numbered(0, padding: 0)]) }
        disk.refuse(.write, code: nil)
        #expect(throws: LogError.poisoned(by: cause)) { try log.append([]) }
    }

    /// A log of three groups of three records in one segment, closed or just left, and the
    /// segment's bytes.
    private func threeGroups(
        closed: Bool
    ) throws -> (disk: MemoryFileSystem, records: [LogRecord], bytes: [UInt8]) {
        let disk = MemoryFileSystem()
        let log = try recover(disk).log
        let records = (0..<9).map { numbered($0, padding: 20) }
        for group in 0..<3 {
            try log.append(Array(records[(group * 3)..<(group * 3 + 3)]))
            try log.sync()
        }
        if closed { try log.close() } else { disk.crash(.nothing) }
        return (disk, records, try #require(disk.content(segment0)))
    }

    private let segment0 = "log/segment-0000000000000000"
    private let frame = 17 + 28

    private func failure(_ disk: MemoryFileSystem) -> LogError? {
        do throws(LogError) {
            _ = try recover(disk)
            return nil
        } catch {
            return error
        }
    }

    @Test("Damage before the last group is refused, with its place and what to do")
    func damage() throws {
        let (disk, _, bytes) = try threeGroups(closed: false)
        for offset in stride(from: 80, to: 80 + 6 * frame, by: 5) {
            var bad = bytes
            bad[offset] ^= 0x10
            disk.tamper(segment0, bad)
            let error = try #require(failure(disk))
            guard case .damaged(segment0, let place, .badFrame(.some)) = error else {
                Issue.record("\(error) for a flip at \(offset)")
                continue
            }
            #expect(place == 80 + (offset - 80) / frame * frame)
            #expect(error.description.contains("start the node with --follow"))
        }
        disk.tamper(segment0, bytes)
        #expect(failure(disk) == nil)
    }

    @Test("A torn last group is cut off and reported, whatever part of it is missing")
    func torn() throws {
        let (disk, records, bytes) = try threeGroups(closed: false)
        for place in 6..<9 {
            var bad = bytes
            bad[80 + place * frame + 20] ^= 1
            disk.tamper(segment0, bad)
            let found = try recover(disk)
            #expect(found.records == Array(records[..<place]))
            #expect(found.replay.tornTail?.offset == 80 + place * frame)
            #expect(found.replay.tornTail?.file == segment0)
            disk.crash(.nothing)
            #expect(try recover(disk).replay.tornTail == nil)
            disk.crash(.nothing)
        }
    }

    @Test("After an orderly close, or one reopening, damage to the last group is refused too")
    func vouched() throws {
        let (disk, records, bytes) = try threeGroups(closed: true)
        var bad = bytes
        bad[80 + 8 * frame + 20] ^= 1
        disk.tamper(segment0, bad)
        #expect(failure(disk) != nil)
        let (left, _, _) = try threeGroups(closed: false)
        #expect(try recover(left).records == records)
        left.crash(.nothing)
        var reopened = try #require(left.content(segment0))
        reopened[80 + 8 * frame + 20] ^= 1
        left.tamper(segment0, reopened)
        #expect(failure(left) != nil)
    }

    @Test("Zeros behind the last record are room, not a torn tail")
    func zeros() throws {
        let (disk, records, bytes) = try threeGroups(closed: false)
        for count in [1, 16, 17, 400] {
            disk.tamper(
                segment0, Array(bytes[..<(80 + 9 * frame)]) + [UInt8](repeating: 0, count: count))
            let found = try recover(disk)
            #expect(found.records == records)
            #expect(found.replay.tornTail == nil)
            disk.crash(.nothing)
        }
    }

    @Test("A payload that holds the bytes of real frames is no evidence of damage")
    func framesInPayloads() throws {
        let (disk, records, bytes) = try threeGroups(closed: false)
        let found = try recover(disk)
        let hostile = LogRecord(kind: 1, payload: Array(bytes[(80 + 3 * frame)..<(80 + 6 * frame)]))
        try found.log.append([hostile])
        try found.log.sync()
        disk.crash(.nothing)
        var torn = try #require(disk.content(segment0))
        let copies = torn.ranges(of: hostile.payload)
        #expect(copies.count == 2)
        let place = try #require(copies.last?.lowerBound)
        torn[place + 2] ^= 4
        disk.tamper(segment0, torn)
        let again = try recover(disk)
        #expect(again.records == records)
        #expect(again.replay.tornTail != nil)
    }

    @Test("Another chain, epoch, or version, a missing or foreign file: each is named")
    func identity() throws {
        let (disk, _, bytes) = try threeGroups(closed: true)
        let other = Digest(9, 9, 9, 9)
        #expect(
            throws: LogError.damaged(
                file: "log/MANIFEST", offset: 0,
                reason: .wrongChain(expected: other, found: testChain))
        ) { try recover(disk, chain: other) }
        #expect(
            throws: LogError.damaged(
                file: "log/MANIFEST", offset: 0, reason: .wrongEpoch(expected: 8, found: 7))
        ) { try recover(disk, epoch: 8) }
        let manifest = try #require(disk.content("log/MANIFEST"))
        disk.tamper("log/MANIFEST", nil)
        #expect(
            throws: LogError.damaged(file: segment0, offset: 0, reason: .missingManifest)
        ) { try recover(disk) }
        disk.crash(.nothing)
        for place in manifest.indices {
            let file = try disk.open("log/MANIFEST", create: true)
            try disk.syncDirectory("log")
            disk.close(file)
            var bad = manifest
            bad[place] ^= 0x80
            disk.tamper("log/MANIFEST", bad)
            #expect(
                throws: LogError.damaged(file: "log/MANIFEST", offset: 0, reason: .badManifest)
            ) { try recover(disk) }
        }
        disk.tamper("log/MANIFEST", manifest)
        var versioned = Array(bytes[..<76])
        versioned[8] = 2
        let check = Checksum.of(versioned)
        for shift in [UInt32(0), 8, 16, 24] {
            versioned.append(UInt8(truncatingIfNeeded: check >> shift))
        }
        disk.tamper(segment0, versioned + bytes[80...])
        #expect(
            throws: LogError.damaged(file: segment0, offset: 0, reason: .unknownVersion(2))
        ) { try recover(disk) }
        disk.tamper(segment0, nil)
        #expect(
            throws: LogError.damaged(file: segment0, offset: 0, reason: .missingSegment(0))
        ) { try recover(disk) }
    }

    @Test("A missing segment is refused, be it the first, a middle or the last one")
    func missingSegment() throws {
        for gone in 0..<4 {
            let disk = MemoryFileSystem()
            let log = try recover(disk).log
            for index in 0..<30 { try log.append([numbered(UInt64(index), padding: 60)]) }
            try log.close()
            let names = try disk.list("log").filter { $0.hasPrefix("segment") }.sorted()
            let name = gone == 3 ? names[names.count - 1] : names[gone]
            disk.tamper("log/\(name)", nil)
            guard case .damaged(_, _, .missingSegment) = try #require(failure(disk)) else {
                Issue.record("segment \(name) was not missed")
                continue
            }
        }
    }

    @Test("An epoch that is running without a log is told so")
    func mustExist() throws {
        #expect(throws: LogError.missing(directory: "log")) {
            try recover(MemoryFileSystem(), mode: .mustExist)
        }
    }

    @Test("Random damage gives a refusal or an honest prefix, never a crash or a wrong record")
    func fuzz() throws {
        let disk = MemoryFileSystem()
        let log = try recover(disk).log
        let records = (0..<24).map { numbered($0, padding: 45) }
        for group in 0..<8 {
            try log.append(Array(records[(group * 3)..<(group * 3 + 3)]))
            try log.sync()
        }
        disk.crash(.nothing)
        let names = try disk.list("log").filter { $0 != "LOCK" }
        let contents = try names.map { try #require(disk.content("log/\($0)")) }
        for seed in UInt64(0)..<6000 {
            var generator = SeededGenerator(seed: seed)
            let fresh = MemoryFileSystem()
            try fresh.createDirectory("log")
            for (name, content) in zip(names, contents) {
                fresh.close(try fresh.open("log/\(name)", create: true))
                fresh.tamper("log/\(name)", content)
            }
            let strikes = generator.uniform(below: 3) + 1
            var mayHideGroups = strikes > 1
            for _ in 0..<strikes {
                let name = "log/" + names[Int(generator.uniform(below: UInt64(names.count)))]
                var bytes = fresh.content(name) ?? []
                let place = Int(generator.uniform(below: UInt64(bytes.count) + 1))
                switch generator.uniform(below: 4) {
                case 0:
                    bytes = Array(bytes[..<place])
                    mayHideGroups = true
                case 1:
                    for index in place..<min(bytes.count, place + 40) {
                        bytes[index] = UInt8(truncatingIfNeeded: generator.next())
                    }
                case 2:
                    bytes.insert(contentsOf: [1, 0, 0, 0], at: place)
                    mayHideGroups = true
                default:
                    if place < bytes.count {
                        bytes[place] ^= 1 << UInt8(generator.uniform(below: 8))
                    }
                }
                fresh.tamper(name, bytes)
            }
            do throws(LogError) {
                let found = try recover(fresh)
                #expect(found.records == Array(records[..<found.records.count]), "seed \(seed)")
                // One strike that moves nothing leaves a frame to vouch for the groups before.
                #expect(mayHideGroups || found.records.count >= 21, "seed \(seed)")
            } catch {
                guard case .damaged = error else {
                    Issue.record("seed \(seed): \(error)")
                    continue
                }
            }
        }
    }

    @Test("A header and nothing but noise is a torn tail or damage, whatever the noise")
    func noise() throws {
        var generator = SeededGenerator(seed: 1)
        for _ in 0..<300 {
            let disk = MemoryFileSystem()
            try recover(disk).log.close()
            let bytes = try #require(disk.content(segment0))
            let count = Int(generator.uniform(below: 500))
            disk.tamper(
                segment0,
                Array(bytes[..<80])
                    + (0..<count).map { _ in UInt8(truncatingIfNeeded: generator.next() & 3) })
            #expect(try recover(disk).records.isEmpty)
        }
    }
}
