import Primitives
import Storage
import Testing

@Suite("The consensus log and power cuts")
struct LogCrashTests {
    @Test("Every record whose sync returned is there after any crash, in order, none invented")
    func syncedRecordsSurvive() {
        for seed in UInt64(0)..<400 {
            let violation = crashRun(seed: seed, rounds: 25)
            #expect(violation == nil, "crashRun(seed: \(seed), rounds: 25)")
        }
    }

    @Test("The same property notices a disk that does not sync files")
    func unsyncedFilesAreNoticed() {
        #expect((0..<50).contains { crashRun(seed: $0, rounds: 25, lies: [.fileSync]) != nil })
    }

    @Test("The same property notices a disk that does not sync directories")
    func unsyncedDirectoriesAreNoticed() {
        #expect((0..<50).contains { crashRun(seed: $0, rounds: 25, lies: [.directorySync]) != nil })
    }

    /// Creates a log, fills more than two segments in groups, discards one. Returns the operations
    /// that it took, or nil when the power failed.
    private func script(_ disk: MemoryFileSystem, _ model: inout LogModel) throws(LogError) -> Int?
    {
        do throws(LogError) {
            let found = try recover(disk)
            for group in 0..<6 {
                let first = model.appended.count
                let records = (first..<(first + 3)).map {
                    numbered(UInt64($0), padding: 40 + group)
                }
                model.appended += records
                try found.log.append(records)
                try found.log.sync()
                model.synced = model.appended.count
            }
            model.discardedBelow = 9
            try found.log.discard(below: 9)
            return disk.operations
        } catch {
            guard error == .failed(.powerLost) else { throw error }
            return nil
        }
    }

    @Test(
        "The power fails at each operation and each byte of each write, and nothing synced is lost")
    func everyCut() throws {
        var whole = LogModel()
        let operations = try #require(try script(MemoryFileSystem(), &whole))
        #expect(operations > 25)
        for operation in 0..<operations {
            for bytes in stride(from: 0, through: 340, by: operation >= operations - 12 ? 1 : 17) {
                for survival in [
                    MemoryFileSystem.Survival.everything, .nothing,
                    .random(seed: UInt64(operation * 1000 + bytes)),
                ] {
                    let disk = MemoryFileSystem()
                    disk.failPower(atOperation: operation, afterBytes: bytes)
                    var model = LogModel()
                    try #require(try script(disk, &model) == nil)
                    disk.crash(survival)
                    let found = try recover(disk)
                    let place = "operation \(operation), byte \(bytes), \(survival)"
                    #expect(model.violation(found) == nil, Comment(rawValue: place))
                    // The log goes on from there, and what it takes now is kept too.
                    model.accept(found)
                    model.appended.append(numbered(found.log.nextPosition.rawValue, padding: 3))
                    try found.log.append([model.appended[model.synced]])
                    try found.log.sync()
                    model.synced += 1
                    disk.crash(.nothing)
                    #expect(model.violation(try recover(disk)) == nil, Comment(rawValue: place))
                }
            }
        }
    }

    @Test("A crash during recovery itself loses nothing")
    func crashWhileRecovering() throws {
        for cut in 0..<6 {
            let disk = MemoryFileSystem()
            var model = LogModel()
            let first = try recover(disk)
            model.appended = (0..<4).map { numbered($0, padding: 20) }
            try first.log.append(model.appended)
            try first.log.sync()
            model.synced = 4
            disk.failPower(atOperation: disk.operations, afterBytes: 30)
            #expect(throws: LogError.failed(.powerLost)) {
                try first.log.append([numbered(4, padding: 60)])
            }
            model.appended.append(numbered(4, padding: 60))
            disk.crash(.everything)
            disk.failPower(atOperation: cut, afterBytes: 7)
            let second = try? recover(disk)
            #expect(second == nil || cut >= 4)
            disk.crash(.random(seed: UInt64(cut)))
            #expect(model.violation(try recover(disk)) == nil)
        }
    }
}
