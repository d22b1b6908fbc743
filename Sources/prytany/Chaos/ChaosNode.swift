import Foundation
import Glibc
import Simulation

/// The programs that a place can run.
struct ChaosPrograms: Sendable {
    /// `prytany-chaos`, which is watched and may lie.
    let watched: String
    /// `prytany`, as it is shipped.
    let shipped: String

    /// Beside the running program, or what PRYTANY_CHAOS_BINARY names.
    static func find() throws -> ChaosPrograms {
        let own = try FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")
        let beside =
            URL(fileURLWithPath: own).deletingLastPathComponent().path + "/prytany-chaos"
        let named = ProcessInfo.processInfo.environment["PRYTANY_CHAOS_BINARY"]
        let path = named ?? beside
        guard FileManager.default.isExecutableFile(atPath: path) else {
            throw CommandFailure(
                "no program prytany-chaos at \(path), whose nodes can be watched: build it with "
                    + "'swift build -c release --product prytany-chaos', or set "
                    + "PRYTANY_CHAOS_BINARY to where it is")
        }
        return ChaosPrograms(watched: path, shipped: own)
    }
}

/// A place's process, and what is to run there next. Of the runner's thread.
final class ChaosNode {
    enum Program {
        case watched
        case shipped
        /// With another genesis; on data of its own, or on what the node has.
        case foreign(freshData: Bool)
    }

    let place: ChaosPlace
    /// If it has one that can be pulled.
    let cable: Cable?
    private let programs: ChaosPrograms
    private let seed: UInt64
    private(set) var process: ChildProcess?
    private(set) var program = Program.watched
    var clockOffset: Int64 = 0
    /// Starts as soon as the present process has ended.
    private var next: Program?
    /// What the runner does to it, as the report says when it ends of that.
    private var doom: String?
    private(set) var isPaused = false

    init(_ place: ChaosPlace, _ programs: ChaosPrograms, cable: Cable?, seed: UInt64) {
        self.place = place
        self.cable = cable
        self.programs = programs
        self.seed = seed
    }

    var isRunning: Bool { process != nil }
    /// Whether the runner reaches its JSON-RPC.
    var isReachable: Bool { !isPaused && cable?.isPulled != true }
    /// Whether its observations are of the run.
    var isWatched: Bool { if case .watched = program { true } else { false } }

    func start(_ program: Program = .watched) throws {
        guard process == nil else {
            next = program
            return
        }
        self.program = program
        next = nil
        doom = nil
        isPaused = false
        var path = place.configurationPath
        var executable = programs.watched
        var further: [String] = []
        switch program {
        case .watched:
            further = ["--observe", place.observations, "--node", "\(place.index)"]
            if let role = place.role { further += ["--byzantine", role] }
            if let side = place.twinSide { further += ["--twin-side", "\(side)"] }
            if clockOffset != 0 { further += ["--clock-offset=\(clockOffset)"] }
            further += ["--seed", "\(seed &+ UInt64(place.index))"]
        case .shipped: executable = programs.shipped
        case .foreign(let freshData):
            path = place.foreignConfigurationPath
            if freshData { try useFreshData(path) }
        }
        func spawn() throws -> ChildProcess {
            try ChildProcess(
                name: place.name, executable: executable,
                arguments: ["node", "run", "--config", path, "--supervised"] + further,
                logPath: place.logPath,
                environment: ["PRYTANY_CHAOS_SYNC_DELAY_FILE": place.syncDelayPath])
        }
        process = try cable?.attach(spawn) ?? spawn()
    }

    private func useFreshData(_ path: String) throws {
        let text = try String(contentsOfFile: path, encoding: .utf8)
        try text.replacing("data: data\n", with: "data: foreign-data\n")
            .write(toFile: path, atomically: true, encoding: .utf8)
    }

    /// Ends it at once, and waits until it has ended.
    func kill(_ how: String) {
        guard let process else { return }
        doom = how
        process.signal(SIGKILL)
        process.wait()
    }

    /// Tells it to stop; `reap` sees it end.
    func stop() {
        guard let process else { return }
        doom = "told to stop"
        if isPaused { resume() }
        process.signal(SIGTERM)
    }

    func pause() {
        process?.signal(SIGSTOP)
        isPaused = process != nil
    }

    func resume() {
        process?.signal(SIGCONT)
        isPaused = false
    }

    struct Ending {
        let status: Int32
        /// What the runner did to it; nil: it ended by itself.
        let doom: String?
        let program: Program

        var isClean: Bool { status == 0 }
        var text: String {
            let signal = status & 0x7f
            return signal != 0 ? "signal \(signal)" : "status \((status >> 8) & 0xff)"
        }
    }

    /// If its process has ended: how; and starts what is to follow.
    func reap() throws -> Ending? {
        guard let process, !process.isRunning else { return nil }
        let ending = Ending(status: process.exitStatus ?? -1, doom: doom, program: program)
        self.process = nil
        isPaused = false
        if let next { try start(next) }
        return ending
    }

    func forgetNext() { next = nil }
}
