/// How messages between two nodes fare. Odds are parts of 10 000.
package struct LinkQuality: Hashable, Sendable, Decodable {
    /// One way.
    package var latency = Span(nanoseconds: 500_000)
    /// Added to each message, uniform from zero.
    package var jitter = Span(nanoseconds: 300_000)
    /// As TCP shows it: a lost packet costs a retransmission's wait, and what follows waits too.
    package var loss: UInt64 = 0
    /// Messages that vanish without a trace (the simulator only: harder than TCP).
    package var drop: UInt64 = 0
    package var duplicate: UInt64 = 0
    /// Whether a message may overtake an earlier one of its class (the simulator only: TCP does not).
    package var reorder = false
    /// Bytes a second of this link; zero: unbounded.
    package var bandwidth: UInt64 = 0
    /// Bytes a second that a node sends over all its links (the simulator only); zero: unbounded.
    package var uplink: UInt64 = 0
    /// Nothing gets through.
    package var cut = false

    package init() {}

    package init(from decoder: any Decoder) throws {
        let keys = try StrictKeys(
            decoder,
            known: [
                "latency", "jitter", "loss", "drop", "duplicate", "reorder", "bandwidth", "uplink",
                "cut",
            ])
        latency = try keys.value("latency", or: latency)
        jitter = try keys.value("jitter", or: jitter)
        loss = try Self.odds(keys, "loss")
        drop = try Self.odds(keys, "drop")
        duplicate = try Self.odds(keys, "duplicate")
        reorder = try keys.value("reorder", or: reorder)
        bandwidth = try keys.value("bandwidth", or: bandwidth)
        uplink = try keys.value("uplink", or: uplink)
        cut = try keys.value("cut", or: cut)
        guard latency.nanoseconds >= 0, jitter.nanoseconds >= 0 else {
            throw keys.fail("latency and jitter are not below zero")
        }
    }

    /// `0.5%` or `30%`.
    private static func odds(_ keys: StrictKeys, _ key: String) throws -> UInt64 {
        guard let text: String = try keys.value(key) else { return 0 }
        guard text.hasSuffix("%"), let percent = Double(text.dropLast()), percent >= 0,
            percent <= 100
        else { throw keys.fail("\(key) '\(text)' is no share; write 0.5% or 30%") }
        return UInt64(percent * 100)
    }
}

/// Whom a fault hits.
package enum FaultTarget: Hashable, Sendable, Decodable {
    case node(Int)
    /// Whoever leads at that time.
    case leader
    case everyone
    /// One that the seed draws among the honest ones.
    case random

    package init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        if let number = try? container.decode(Int.self) {
            self = .node(number)
            return
        }
        switch try container.decode(String.self) {
        case "leader": self = .leader
        case "all": self = .everyone
        case "random": self = .random
        case let other:
            throw ScenarioError(
                path: StrictKeys.path(decoder.codingPath),
                problem: "'\(other)' is no target; write a node's number, leader, all or random")
        }
    }
}

/// One target, or a list of them.
private struct FaultTargets: Decodable {
    let all: [FaultTarget]
    init(from decoder: any Decoder) throws {
        if var list = try? decoder.unkeyedContainer() {
            var found: [FaultTarget] = []
            while !list.isAtEnd { found.append(try list.decode(FaultTarget.self)) }
            all = found
        } else {
            all = [try FaultTarget(from: decoder)]
        }
    }
}

/// Something done to the cluster, when, and for how long.
package struct Fault: Hashable, Sendable, Decodable {
    package enum Event: String, Hashable, Sendable, Codable {
        case leads
        case sentChunk = "sent-chunk"
        case sentHeader = "sent-header"
    }

    package enum Trigger: Hashable, Sendable {
        case at(Span)
        /// The first time after `after` that the target does this; `leader` is whoever does.
        case when(FaultTarget, Event, after: Span)
        /// Some node has this height final.
        case height(UInt64)
    }

    package enum Action: Hashable, Sendable {
        /// SIGKILL; the power cut of the simulator loses what was not synced. `for`: restart then.
        case kill([FaultTarget])
        /// The power fails at the n-th operation on the disk from now on that changes it, or right
        /// after the sync that follows it. Processes are killed. `for`: restart then.
        case powerCut([FaultTarget], operation: UInt64)
        /// A clean stop (SIGTERM). `for`: restart then.
        case stop([FaultTarget])
        /// SIGSTOP, and SIGCONT after `for`.
        case pause([FaultTarget])
        /// The network cable is out: all that it sends and gets vanishes, connections stay open.
        case unplug([FaultTarget])
        /// Groups that reach only their own members.
        case partition([[Int]])
        /// Messages from some to others, with this quality; `bothWays` also back.
        case link(from: [Int], to: [Int], LinkQuality, bothWays: Bool)
        /// Each sync takes so much longer.
        case slowDisk([FaultTarget], Span)
        /// Writes fail for want of room.
        case fullDisk([FaultTarget])
        /// Kill, and cut the log in the middle of its last record.
        case tornLog([FaultTarget])
        /// Kill, and flip a byte of what the log has synced.
        case rotLog([FaultTarget])
        /// Kill, and delete the log.
        case loseLog([FaultTarget])
        /// Kill, and put back the copy of the data folder that was taken at this time.
        case oldBackup([FaultTarget], taken: Span)
        /// The wall clock is off by so much.
        case clock([FaultTarget], Span)
        /// Resident memory is bounded to so many bytes.
        case squeezeMemory([FaultTarget], bytes: UInt64)
        /// More transactions a second.
        case flood(rate: UInt64)
        /// Connections from outside that speak nonsense to every node's peer port.
        case hostilePeer([FaultTarget])
        /// Restart with another genesis.
        case wrongGenesis([FaultTarget])
        /// One at a time: a clean stop, the other binary, a start.
        case upgrade([FaultTarget])
    }

    package var trigger: Trigger
    package var action: Action
    /// How long; nil: to the end.
    package var lasting: Span?

    package init(_ trigger: Trigger, _ action: Action, lasting: Span? = nil) {
        self.trigger = trigger
        self.action = action
        self.lasting = lasting
    }

    private static let actions = [
        "kill", "stop", "pause", "unplug", "partition", "link", "slow-disk", "full-disk",
        "torn-log", "rot-log", "lose-log", "power-cut", "old-backup", "clock", "squeeze-memory",
        "flood", "hostile-peer", "wrong-genesis", "upgrade",
    ]

    private struct When: Decodable {
        let target: FaultTarget
        let event: Event
        let after: Span
        init(from decoder: any Decoder) throws {
            let keys = try StrictKeys(decoder, known: ["node", "does", "after"])
            target = try keys.value("node", or: .leader)
            event = try keys.required("does")
            after = try keys.value("after", or: Span(nanoseconds: 0))
        }
    }

    private struct Link: Decodable {
        let from: [Int]
        let to: [Int]
        let quality: LinkQuality
        let bothWays: Bool
        init(from decoder: any Decoder) throws {
            let keys = try StrictKeys(decoder, known: ["from", "to", "both-ways", "quality"])
            from = try keys.required("from")
            to = try keys.required("to")
            bothWays = try keys.value("both-ways", or: true)
            quality = try keys.required("quality")
        }
    }

    /// `{nodes: [..], <key>: value}`.
    private struct Measured<Value: Decodable>: Decodable {
        let nodes: [FaultTarget]
        let value: Value
        init(from decoder: any Decoder) throws {
            let keys = try StrictKeys(decoder, known: ["nodes", Self.key])
            nodes = try keys.required("nodes")
            value = try keys.required(Self.key)
        }
        private static var key: String { Value.self == Span.self ? "by" : "amount" }
    }

    package init(from decoder: any Decoder) throws {
        let keys = try StrictKeys(
            decoder, known: ["at", "when", "height", "for"] + Fault.actions)
        let times = ["at", "when", "height"].filter { keys.has($0) }
        guard times.count <= 1 else {
            throw keys.fail(
                "a fault has one time or condition, not \(times.joined(separator: ", "))")
        }
        if let time: Span = try keys.value("at") {
            trigger = .at(time)
        } else if let when: When = try keys.value("when") {
            trigger = .when(when.target, when.event, after: when.after)
        } else if let height: UInt64 = try keys.value("height") {
            trigger = .height(height)
        } else {
            throw keys.fail("a fault says when: at, when or height")
        }
        let named = Fault.actions.filter { keys.has($0) }
        guard named.count == 1, let name = named.first else {
            throw keys.fail("a fault does one thing, not \(named.count): \(named)")
        }
        lasting = try keys.value("for")
        func targets() throws -> [FaultTarget] {
            (try keys.required(name) as FaultTargets).all
        }
        switch name {
        case "kill": action = .kill(try targets())
        case "stop": action = .stop(try targets())
        case "pause": action = .pause(try targets())
        case "unplug": action = .unplug(try targets())
        case "partition": action = .partition(try keys.required(name))
        case "link":
            let link: Link = try keys.required(name)
            action = .link(
                from: link.from, to: link.to, link.quality, bothWays: link.bothWays)
        case "slow-disk":
            let measured: Measured<Span> = try keys.required(name)
            action = .slowDisk(measured.nodes, measured.value)
        case "power-cut":
            let measured: Measured<UInt64> = try keys.required(name)
            action = .powerCut(measured.nodes, operation: measured.value)
        case "full-disk": action = .fullDisk(try targets())
        case "torn-log": action = .tornLog(try targets())
        case "rot-log": action = .rotLog(try targets())
        case "lose-log": action = .loseLog(try targets())
        case "old-backup":
            let measured: Measured<Span> = try keys.required(name)
            action = .oldBackup(measured.nodes, taken: measured.value)
        case "clock":
            let measured: Measured<Span> = try keys.required(name)
            action = .clock(measured.nodes, measured.value)
        case "squeeze-memory":
            let measured: Measured<UInt64> = try keys.required(name)
            action = .squeezeMemory(measured.nodes, bytes: measured.value)
        case "flood": action = .flood(rate: try keys.required(name))
        case "hostile-peer": action = .hostilePeer(try targets())
        case "wrong-genesis": action = .wrongGenesis(try targets())
        default: action = .upgrade(try targets())
        }
    }

    /// What is wrong with it, if anything.
    var problem: String? {
        if let lasting, lasting.nanoseconds <= 0 { return "for \(lasting) is not above zero" }
        switch trigger {
        case .at(let time) where time.nanoseconds < 0: return "at \(time) is before the start"
        case .when(_, _, let after) where after.nanoseconds < 0:
            return "after \(after) is before the start"
        case .when(.everyone, _, _), .when(.random, _, _):
            return "when: a node's number, or leader for whoever does it"
        default: break
        }
        switch action {
        case .slowDisk(_, let span) where span.nanoseconds <= 0:
            return "slow-disk: by \(span) is not above zero"
        case .clock(_, let span)
        where span.nanoseconds == 0 || span.nanoseconds % 1_000_000_000 != 0:
            return "clock: by \(span) is not a number of whole seconds"
        case .oldBackup(let targets, let taken):
            guard case .at(let time) = trigger, taken.nanoseconds >= 0, taken < time else {
                return "old-backup: by \(taken) must lie before the fault, which has a time (at)"
            }
            for target in targets {
                guard case .node = target else {
                    return "old-backup: its nodes are numbers, since a backup is one node's"
                }
            }
        case .link(_, _, let quality, _) where quality.uplink != 0:
            return "link: uplink is a key of links alone, since it is a node's and not a link's"
        case .upgrade where lasting != nil:
            return "upgrade: it takes as long as its nodes take, and has no for"
        default: break
        }
        return nil
    }

    /// The nodes that the fault names by number.
    var namedNodes: [Int] {
        var nodes = action.targets.compactMap { target -> Int? in
            if case .node(let index) = target { index } else { nil }
        }
        if case .when(.node(let index), _, _) = trigger { nodes.append(index) }
        switch action {
        case .partition(let groups): nodes += groups.flatMap { $0 }
        case .link(let from, let to, _, _): nodes += from + to
        default: break
        }
        return nodes
    }
}

extension Fault.Action {
    package var targets: [FaultTarget] {
        switch self {
        case .powerCut(let targets, _), .kill(let targets), .stop(let targets), .pause(let targets),
            .unplug(let targets), .slowDisk(let targets, _), .fullDisk(let targets),
            .tornLog(let targets),
            .rotLog(let targets), .loseLog(let targets), .oldBackup(let targets, _),
            .clock(let targets, _), .squeezeMemory(let targets, _), .hostilePeer(let targets),
            .wrongGenesis(let targets), .upgrade(let targets):
            targets
        case .partition, .link, .flood: []
        }
    }

    /// As the timeline names it.
    package var title: String {
        switch self {
        case .kill: "killed"
        case .stop: "stopped"
        case .powerCut(_, let operation): "power cut at disk operation \(operation)"
        case .pause: "paused"
        case .unplug: "unplugged"
        case .partition(let groups):
            "partition " + groups.map { "\($0)" }.joined(separator: " | ")
        case .link(let from, let to, let quality, let bothWays):
            "link \(from) \(bothWays ? "<->" : "->") \(to): "
                + (quality.cut
                    ? "cut"
                    : "\(quality.latency), loss \(Double(quality.loss) / 100)%")
        case .slowDisk(_, let span): "each sync takes \(span) longer"
        case .fullDisk: "disk full"
        case .tornLog: "killed, log torn"
        case .rotLog: "killed, log damaged"
        case .loseLog: "killed, log lost"
        case .oldBackup(_, let taken): "restored from the backup of \(taken)"
        case .clock(_, let span): "clock off by \(span)"
        case .squeezeMemory(_, let bytes): "memory bounded to \(bytes >> 20) MiB"
        case .flood(let rate): "\(rate) transactions/s"
        case .hostilePeer: "hostile connections"
        case .wrongGenesis: "wrong genesis"
        case .upgrade: "upgrade"
        }
    }
}
