import Foundation
import Primitives
import Storage

/// A directory of its own, gone with the value's owner.
final class TemporaryDirectory {
    let path: String

    init() throws {
        let url = FileManager.default.temporaryDirectory
            .appendingPathComponent("prytany-storage-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true)
        path = url.path
    }

    deinit { try? FileManager.default.removeItem(atPath: path) }
}

let testChain = Digest(1, 2, 3, 4)
let testEpoch: Epoch = 7

/// Small segments, so that a few records rotate them.
func smallLimits(growth: Int = 96) -> LogLimits {
    var limits = LogLimits()
    limits.maximumRecordBytes = 256
    limits.maximumSegmentBytes = 700
    limits.growthBytes = growth
    return limits
}

/// The record number `index` of a test: its content is its number, so that a lost, doubled,
/// invented or misplaced record shows.
func numbered(_ index: UInt64, padding: Int) -> LogRecord {
    var payload: [UInt8] = []
    for shift in stride(from: 0, to: 64, by: 8) {
        payload.append(UInt8(truncatingIfNeeded: index >> UInt64(shift)))
    }
    for place in 0..<padding { payload.append(UInt8(truncatingIfNeeded: place &* 37 &+ 11)) }
    return LogRecord(kind: UInt8(index % 200), payload: payload)
}

struct Recovered {
    var log: ConsensusLog
    var replay: LogReplay
    var records: [LogRecord] = []
    var positions: [UInt64] = []
}

func recover(
    _ fileSystem: any LogFileSystem, directory: String = "log", chain: Digest = testChain,
    epoch: Epoch = testEpoch, limits: LogLimits = smallLimits(),
    mode: LogOpenMode = .createIfMissing, salt: UInt64 = 99
) throws(LogError) -> Recovered {
    var records: [LogRecord] = []
    var positions: [UInt64] = []
    let (log, replay) = try ConsensusLog.open(
        directory: directory, chain: chain, epoch: epoch, limits: limits, mode: mode,
        fileSystem: fileSystem, salt: salt
    ) { position, record in
        positions.append(position.rawValue)
        records.append(record)
    }
    return Recovered(log: log, replay: replay, records: records, positions: positions)
}

/// What a log must give back: everything that was synced, perhaps more of what was appended,
/// nothing else. Survives many crashes of one file system.
struct LogModel {
    var appended: [LogRecord] = []
    var synced = 0
    var discardedBelow = 0

    /// Nil, or what is wrong with what was recovered.
    func violation(_ found: Recovered) -> String? {
        let first = Int(found.replay.firstPosition.rawValue)
        let end = first + found.records.count
        if found.replay.records != UInt64(found.records.count) { return "miscounted" }
        if found.positions != (first..<end).map(UInt64.init) { return "positions have gaps" }
        if first > discardedBelow { return "starts at \(first), discarded below \(discardedBelow)" }
        if end < synced { return "ends at \(end), synced were \(synced)" }
        if end > appended.count { return "ends at \(end), appended were \(appended.count)" }
        if found.records != Array(appended[first..<end]) { return "records differ" }
        if found.log.nextPosition != LogPosition(UInt64(end)) { return "wrong next position" }
        return nil
    }

    /// What was recovered is durable from now on, the rest never happened.
    mutating func accept(_ found: Recovered) {
        synced = Int(found.log.nextPosition.rawValue)
        appended.removeLast(appended.count - synced)
    }
}

/// Runs a random life of a log with power failures from `seed`; nil, or the broken promise.
func crashRun(seed: UInt64, rounds: Int, lies: Set<MemoryFileSystem.Lie> = []) -> String? {
    let disk = MemoryFileSystem(lies: lies)
    var generator = SeededGenerator(seed: seed)
    var model = LogModel()
    var started = false
    for round in 0..<rounds {
        do throws(LogError) {
            if generator.uniform(below: 3) == 0 {
                disk.failPower(
                    atOperation: Int(generator.uniform(below: 8)),
                    afterBytes: Int(generator.uniform(below: 200)))
            }
            let found = try recover(
                disk, limits: smallLimits(growth: seed % 2 == 0 ? 0 : 96),
                mode: started ? .mustExist : .createIfMissing, salt: seed)
            started = true
            if let violation = model.violation(found) { return "round \(round): \(violation)" }
            model.accept(found)
            disk.failPower(
                atOperation: disk.operations + Int(generator.uniform(below: 40)),
                afterBytes: Int(generator.uniform(below: 300)))
            for _ in 0..<200 {
                switch generator.uniform(below: 8) {
                case 0:
                    let below = generator.uniform(below: UInt64(model.synced) + 1)
                    model.discardedBelow = max(model.discardedBelow, Int(below))
                    try found.log.discard(below: LogPosition(below))
                case 1...3:
                    try found.log.sync()
                    model.synced = model.appended.count
                default:
                    var group: [LogRecord] = []
                    for _ in 0..<generator.uniform(below: 5) {
                        group.append(
                            numbered(
                                UInt64(model.appended.count + group.count),
                                padding: Int(generator.uniform(below: 120))))
                    }
                    model.appended += group
                    try found.log.append(group)
                }
            }
        } catch {
            guard error == .failed(.powerLost) else { return "round \(round): \(error)" }
            switch generator.uniform(below: 4) {
            case 0: disk.crash(.everything)
            case 1: disk.crash(.nothing)
            default: disk.crash(.random(seed: generator.next()))
            }
        }
    }
    return nil
}
