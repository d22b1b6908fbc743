import Foundation
import Glibc
import Simulation

/// Network cables that can be pulled. Each node that has one is in a network namespace of its own; all
/// cables lead into a switch, which has a namespace, too, and from it one leads to the runner:
///
///     node: eth0 --- port-0 | switch | uplink --- prytany-<process>: runner and proxy
///
/// With a port down its node has no carrier, and what either side sends vanishes. In the runner's own
/// namespace there is one link, which ends with the switch's.
final class Cabling {
    private let tool: LinkTool
    /// Where nodes reach the proxy.
    let runnerHost: String
    /// By place.
    private(set) var cables: [Int: Cable] = [:]
    private let center: NetworkNamespace
    private let outer = "prytany-\(getpid())"
    private var isLaid = false

    /// Cables for these places; an error where the machine does not allow them.
    init(_ places: [Int], logPath: String) throws {
        tool = try LinkTool(logPath: logPath)
        let network = try TestNetwork.free()
        runnerHost = network.host(1)
        center = try NetworkNamespace()
        try tool.run(["link", "add", "switch", "type", "bridge"], in: center)
        try tool.run(["link", "set", "switch", "up"], in: center)
        do {
            try tool.run([
                "link", "add", outer, "type", "veth", "peer", "name", "uplink", "netns",
                center.path,
            ])
            isLaid = true
            try tool.run(["link", "set", "uplink", "master", "switch", "up"], in: center)
            try tool.run(["address", "add", network.block(1), "dev", outer])
            try tool.run(["link", "set", outer, "up"])
            for (number, place) in places.enumerated() {
                cables[place] = try Cable(
                    number: number, host: network.host(2 + number),
                    block: network.block(2 + number), center: center, tool: tool)
            }
            try check()
        } catch {
            try remove()
            throw error
        }
    }

    deinit {
        // Of a run that did not come to its own end.
        do { try remove() } catch { complain("\(error)") }
    }

    /// Every node's namespace reaches the runner's: a firewall may forbid it.
    private func check() throws {
        let listener = try LocalPorts.listen(host: runnerHost)
        defer { close(listener.socket) }
        for cable in cables.values {
            let socket = try cable.attach {
                LocalHTTP.connect(host: runnerHost, port: listener.port, milliseconds: 5000)
            }
            guard let socket else {
                throw CommandFailure(
                    "\(cable.host) does not reach \(runnerHost): let no firewall stand between")
            }
            close(socket)
        }
    }

    /// At once; else the kernel does it some time after the last process in a namespace has ended.
    func remove() throws {
        guard isLaid else { return }
        try tool.run(["link", "delete", outer])
        isLaid = false
    }
}

/// One node's cable to the switch.
final class Cable {
    let host: String
    private let port: String
    private let space: NetworkNamespace
    private let center: NetworkNamespace
    private let tool: LinkTool
    /// How many faults have pulled it.
    private var pulls = 0
    var isPulled: Bool { pulls > 0 }

    fileprivate init(
        number: Int, host: String, block: String, center: NetworkNamespace, tool: LinkTool
    ) throws {
        self.host = host
        self.center = center
        self.tool = tool
        port = "port-\(number)"
        space = try NetworkNamespace()
        try tool.run(["link", "set", "lo", "up"], in: space)
        try tool.run(
            ["link", "add", "eth0", "type", "veth", "peer", "name", port, "netns", center.path],
            in: space)
        try tool.run(["address", "add", block, "dev", "eth0"], in: space)
        try tool.run(["link", "set", "eth0", "up"], in: space)
        try tool.run(["link", "set", port, "master", "switch", "up"], in: center)
    }

    /// Processes that the body starts are at the node's end.
    func attach<Value>(_ body: () throws -> Value) throws -> Value { try space.enter(body) }

    func pull() throws {
        pulls += 1
        if pulls == 1 { try tool.run(["link", "set", port, "down"], in: center) }
    }

    func plug() throws {
        pulls -= 1
        if pulls == 0 { try tool.run(["link", "set", port, "up"], in: center) }
    }
}

/// The program `ip`, which makes and changes network links.
private struct LinkTool {
    let logPath: String
    private let program: String

    init(logPath: String) throws {
        self.logPath = logPath
        let folders = ProcessInfo.processInfo.environment["PATH"] ?? ""
        let found = folders.split(separator: ":").map { "\($0)/ip" }
            .first { FileManager.default.isExecutableFile(atPath: $0) }
        guard let found else { throw CommandFailure("no program 'ip' in PATH") }
        program = found
    }

    func run(_ arguments: [String], in space: NetworkNamespace? = nil) throws {
        func start() throws -> ChildProcess {
            try ChildProcess(
                name: "ip", executable: program, arguments: arguments, logPath: logPath)
        }
        let child = try space?.enter(start) ?? start()
        child.wait()
        guard child.exitStatus == 0 else {
            throw CommandFailure(
                "'ip \(arguments.joined(separator: " "))' fails: "
                    + (child.logTail(1).first ?? "it says nothing"))
        }
    }
}

/// A /23 of 198.18.0.0/15, which is set aside for tests between devices (RFC 2544): room for more
/// nodes than a scenario has.
private struct TestNetwork {
    private static let prefix = 23
    private static let mask = UInt32.max << (32 - UInt32(prefix))
    private static let all: UInt32 = 198 << 24 | 18 << 16
    private let base: UInt32

    func host(_ number: Int) -> String {
        let address = base + UInt32(number)
        return [24, 16, 8, 0].map { "\(address >> $0 & 255)" }.joined(separator: ".")
    }

    func block(_ number: Int) -> String { "\(host(number))/\(Self.prefix)" }

    /// One of which this machine has no part. The process's number chooses, so that runs differ.
    static func free() throws -> TestNetwork {
        let routes = try routes()
        for turn in 0..<256 {
            let base = all + UInt32((Int(getpid()) + turn) % 256) << 9
            let isTaken = routes.contains { route in
                (route.destination ^ base) & route.mask & mask == 0
            }
            if !isTaken { return TestNetwork(base: base) }
        }
        throw CommandFailure("this machine has routes into all of 198.18.0.0/15")
    }

    /// But the default routes.
    private static func routes() throws -> [(destination: UInt32, mask: UInt32)] {
        let path = "/proc/net/route"
        let lines = try String(contentsOfFile: path, encoding: .utf8).split(separator: "\n")
        return try lines.dropFirst().compactMap { line in
            let fields = line.split(whereSeparator: \.isWhitespace)
            guard fields.count > 7, let destination = UInt32(fields[1], radix: 16),
                let mask = UInt32(fields[7], radix: 16)
            else { throw CommandFailure("\(path) has a line that is no route: \(line)") }
            return mask == 0
                ? nil : (UInt32(bigEndian: destination), UInt32(bigEndian: mask))
        }
    }
}

extension ChaosRun {
    /// A node without a cable is cut off in the proxy.
    func unplug(_ targets: [ChaosNode]) throws -> Undo {
        let mend = try cut(pairs(isolating: targets.filter { $0.cable == nil }))
        for node in targets { try node.cable?.pull() }
        return { run in
            for node in targets { try node.cable?.plug() }
            try mend(run)
        }
    }
}
