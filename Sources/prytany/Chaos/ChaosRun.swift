import Foundation
import Glibc
import Primitives
import Simulation

/// One scenario on real processes: a fresh cluster behind the link proxy, users, faults, and the
/// checkers over all that the nodes are seen to do. One thread; it waits for signals, for what nodes
/// write, and for the next thing on its agenda.
final class ChaosRun {
    typealias Act = (ChaosRun) throws -> Void

    /// How long all nodes may take to start, and each to stop.
    static let startSeconds: UInt64 = 40
    static let stopSeconds: UInt64 = 20

    let scenario: Scenario
    let seed: UInt64
    let folder: ChaosFolder
    private let cabling: Cabling?
    let network: ChaosNetwork
    let users: ChaosUsers
    let feed: ObservationFeed
    private(set) var nodes: [ChaosNode] = []
    /// Data folders that can be filled, by place.
    private(set) var rooms: [Int: DiskRoom] = [:]
    var hostilePeers: [HostilePeers] = []
    var memoryBounds: [MemoryBound] = []
    var suite: CheckerSuite
    var recorder: RunRecorder
    var faults: FaultSchedule
    /// Of whom a `leader` target is one, as the furthest node sees it.
    private(set) var leader = 0
    private var furthestWindow: UInt64 = 0
    /// What came into blocks, by height, as the first honest node had it.
    private(set) var finals: [UInt64: [Digest]] = [:]
    var draw: SeededGenerator
    var notes: [String] = []
    /// Lines of the engine's own among the expectations.
    private(set) var expectations: [(String, Bool)] = []
    private var agenda: [(time: UInt64, number: Int, act: Act)] = []
    private var posted = 0
    private let progressLine: (String) -> Void

    init(
        _ scenario: Scenario, seed: UInt64, directory: String, programs: ChaosPrograms,
        progress: @escaping (String) -> Void
    ) throws {
        try SignalPipe.install()
        self.scenario = scenario
        self.seed = seed
        progressLine = progress
        var folder = try ChaosFolder(scenario, seed: seed, directory: directory)
        let (cabling, note) = Self.layCables(scenario, folder)
        if let cabling { folder.attach(cabling) }
        if let note { notes.append(note) }
        self.cabling = cabling
        self.folder = folder
        let places = folder.places
        var settings = CheckerSettings(scenario, validatorOfNode: places.map(\.validator))
        settings.supply = folder.supply
        suite = CheckerSuite(settings)
        recorder = RunRecorder(
            powers: places.map { scenario.stakes[$0.validator] },
            honest: places.map { $0.role == nil })
        faults = FaultSchedule(scenario.faults)
        draw = SeededGenerator(seed: seed ^ 0x6661_7465)
        feed = try ObservationFeed(places, directory: folder.observationsDirectory)
        users = try ChaosUsers(folder, scenario.workload, seed: seed)
        network = try ChaosNetwork(scenario, folder, seed: seed)
        nodes = places.map {
            ChaosNode($0, programs, cable: cabling?.cables[$0.index], seed: seed)
        }
        do {
            try makeRooms()
        } catch {
            for room in rooms.values { room.unmount() }
            try network.close()
            throw error
        }
    }

    /// Small disks for the nodes whose disk a fault may fill.
    private func makeRooms() throws {
        for fault in scenario.faults {
            guard case .fullDisk(let targets) = fault.action else { continue }
            for node in nodes
            where rooms[node.place.index] == nil && Self.mayHit(targets, node.place) {
                rooms[node.place.index] = try DiskRoom(node.place)
            }
        }
        if rooms.values.contains(where: { !$0.isMounted }) {
            notes.append("no file system can be mounted here: a full disk is a bound on files")
        }
    }

    /// Cables for the nodes that a fault may unplug; else why there are none, for the report.
    private static func layCables(
        _ scenario: Scenario, _ folder: ChaosFolder
    ) -> (cabling: Cabling?, note: String?) {
        let places = folder.places.filter { place in
            scenario.faults.contains { fault in
                guard case .unplug(let targets) = fault.action else { return false }
                return mayHit(targets, place)
            }
        }
        guard !places.isEmpty else { return (nil, nil) }
        do {
            let cabling = try Cabling(
                places.map(\.index), logPath: folder.directory + "/ip.log")
            return (cabling, "a node that is unplugged loses its link in a network namespace")
        } catch {
            return (nil, "a node that is unplugged is cut off in the proxy: \(error)")
        }
    }

    private static func mayHit(_ targets: [FaultTarget], _ place: ChaosPlace) -> Bool {
        targets.contains { target in
            if case .node(let index) = target { index == place.index } else { true }
        }
    }

    // MARK: - Time

    /// Nanoseconds since the run began.
    var now: UInt64 { feed.elapsed }

    func at(_ time: UInt64, _ act: @escaping Act) {
        posted += 1
        let entry = (time: time, number: posted, act: act)
        let place =
            agenda.firstIndex { ($0.time, $0.number) > (time, posted) } ?? agenda.endIndex
        agenda.insert(entry, at: place)
    }

    func progress(_ line: String) { progressLine(line) }
    func expect(_ text: String, _ holds: Bool) { expectations.append((text, holds)) }

    /// Starts everything, plays the scenario to its end or its first violation, and tells whether it
    /// came to the end.
    func play() throws -> Bool {
        for node in nodes { try node.start() }
        try awaitStart()
        feed.start = ObservationFeed.now
        users.start()
        defer { users.stop() }
        beginFaults()
        let end = scenario.duration.unsigned
        while now < end {
            try step(until: end)
            if suite.isViolated, scenario.expect.verdict == .holds { return false }
        }
        return true
    }

    /// Waits for the next thing, and sees to all that is due.
    private func step(until end: UInt64) throws {
        let next = min(agenda.first?.time ?? .max, end)
        let now = self.now
        if next > now {
            // What may trigger a fault is looked at when it is written; else now and then.
            let isUrgent = faults.waitsForEvents
            let longest = isUrgent ? 200 : 20
            let wait = min(longest, Int((next - now + 999_999) / 1_000_000))
            try awaitEvent(milliseconds: wait, orObservation: isUrgent)
        }
        try look()
        try reap()
        while let first = agenda.first, first.time <= self.now {
            agenda.removeFirst()
            try first.act(self)
        }
    }

    private func awaitEvent(milliseconds: Int, orObservation: Bool = false) throws {
        let number = SignalPipe.next(
            milliseconds: milliseconds, orReadable: orObservation ? feed.changes : -1)
        if let number, number != SIGCHLD { throw ChaosInterruption() }
    }

    private func awaitStart() throws {
        let deadline = ObservationFeed.now + Self.startSeconds * 1_000_000_000
        while true {
            try look()
            try reap()
            if nodes.allSatisfy({ isReady($0) }) { return }
            for node in nodes where !node.isRunning {
                throw CommandFailure("\(node.place.name) did not start: \(tail(node))")
            }
            guard ObservationFeed.now < deadline else {
                throw CommandFailure(
                    "the nodes of \(scenario.name) did not all start within "
                        + "\(Self.startSeconds) s: see \(folder.directory)")
            }
            try awaitEvent(milliseconds: 50)
        }
    }

    /// An honest node votes and has the honest peers that it talks to.
    private func isReady(_ node: ChaosNode) -> Bool {
        guard
            let answer = LocalHTTP.get(
                host: node.place.host, port: node.place.rpcPort, path: "/status",
                milliseconds: 500)
        else { return false }
        guard node.place.role == nil else { return true }
        let honest = folder.peers(of: node.place).count { $0.role == nil }
        guard let report = try? JSONDecoder().decode(NodeReport.self, from: answer.body) else {
            return false
        }
        return report.phase == "voting" && report.connectedPeers >= honest
    }

    // MARK: - What is seen

    private func look() throws {
        for seen in try feed.drain() { try take(seen) }
    }

    func take(_ seen: Observed) throws {
        guard seen.time <= scenario.duration.unsigned else { return }
        suite.observe(seen)
        recorder.observe(seen)
        let place = nodes[seen.node].place
        let isHonest = place.role == nil
        switch seen.what {
        case .enteredWindow(let window, let leader) where window.rawValue >= furthestWindow:
            furthestWindow = window.rawValue
            self.leader = Int(leader.rawValue)
        case .finalised(let height, _, _, let transactions) where isHonest:
            if finals[height.rawValue] == nil {
                finals[height.rawValue] = transactions
                users.included(transactions)
            }
        default: break
        }
        for entry in faults.due(seen, validator: place.validator, isHonest: isHonest) {
            try apply(entry.fault, entry.index, by: entry.actor(seen.node))
        }
    }

    /// Notes what has ended, and starts what follows it.
    func reap() throws {
        for node in nodes {
            guard let process = node.process, !process.isRunning else { continue }
            // What it wrote before its end comes first.
            try look()
            guard let ending = try node.reap() else { continue }
            try note(ending, of: node)
        }
    }

    private func note(_ ending: ChaosNode.Ending, of node: ChaosNode) throws {
        let time = min(now, scenario.duration.unsigned)
        func see(_ what: Observation) throws {
            try take(Observed(time: time, node: node.place.index, what: what))
        }
        switch ending.program {
        case .watched:
            if ending.isClean { return }  // It has said so itself.
            guard let doom = ending.doom else {
                try see(.stopped("ended by itself, \(ending.text): \(tail(node))"))
                return
            }
            try see(.stopped(doom))
            if doom == "told to stop" {
                expect("\(node.place.name) stops in good order: \(ending.text)", false)
            }
        case .shipped:
            if ending.doom == nil {
                expect("the shipped program goes on as \(node.place.name)", false)
                try see(.stopped("ended by itself, \(ending.text): \(tail(node))"))
            }
        case .foreign(let freshData):
            guard ending.doom == nil else { return }
            try see(.refusedToStart(tail(node)))
            // An operator's next attempt; now the others have to tell it apart.
            if !freshData { try node.start(.foreign(freshData: true)) }
        }
    }

    private func tail(_ node: ChaosNode) -> String {
        let text = try? String(contentsOfFile: node.place.logPath, encoding: .utf8)
        let lines = (text ?? "").split(separator: "\n").filter { !$0.hasPrefix("    ") }
        return lines.last.map { String($0.suffix(300)) } ?? "it wrote nothing"
    }

    // MARK: - The end

    /// Stops all processes, also after a failure, and takes down what was put up. Once.
    func tearDown() throws {
        for hostile in hostilePeers { hostile.stop() }
        for node in nodes {
            node.forgetNext()
            node.stop()
        }
        let deadline = ObservationFeed.now + Self.stopSeconds * 1_000_000_000
        while nodes.contains(where: \.isRunning), ObservationFeed.now < deadline {
            _ = SignalPipe.next(milliseconds: 50)
            for node in nodes { _ = try node.reap() }
        }
        for node in nodes where node.isRunning {
            expect("\(node.place.name) stops within \(Self.stopSeconds) s when told to", false)
            node.kill("killed")
            _ = try node.reap()
        }
        for room in rooms.values { room.unmount() }
        for bound in memoryBounds { try bound.lift(nil) }
        try network.close()
        try cabling?.remove()
    }
}

/// Somebody wants the whole command to end.
struct ChaosInterruption: Error, CustomStringConvertible {
    var description: String { "interrupted" }
}
