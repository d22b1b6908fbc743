import Foundation
import Glibc
import Primitives
import SequencerNode
import Simulation
import StarkCurve
import StarkField

/// One process's place in a run. The first are the validators in order; then come the second copies
/// of twins.
struct ChaosPlace: Sendable {
    let index: Int
    let validator: Int
    /// A Byzantine role's name.
    let role: String?
    /// The parity of the validators that a twin talks to.
    let twinSide: Int?
    /// Where it listens, and where it reaches the proxy.
    var host = LocalHTTP.loopback
    var proxyHost = LocalHTTP.loopback
    let peerPort: Int
    let rpcPort: Int
    let folder: String
    let observations: String

    var name: String { index == validator ? "node-\(index)" : "twin of \(validator)" }
    var configurationPath: String { folder + "/node.yaml" }
    var foreignConfigurationPath: String { folder + "/foreign.yaml" }
    var dataPath: String { folder + "/data" }
    var logPath: String { folder + "/node.log" }
    var syncDelayPath: String { folder + "/sync-delay" }
}

/// A fresh cluster's files in a folder of its own. The seed decides all keys and who leads when.
struct ChaosFolder {
    static let chainName = "PRYTANY_DEV"
    static let balance: UInt128 = 1_000_000_000_000_000_000_000_000

    struct Account: Sendable {
        let address: Felt
        let secret: SecretKey
    }

    let directory: String
    private(set) var places: [ChaosPlace]
    let accounts: [Account]
    /// Where fees go.
    let feeAddresses: [Felt]
    var observationsDirectory: String { directory + "/observations" }
    var supply: UInt128 { Self.balance * UInt128(accounts.count) }

    init(_ scenario: Scenario, seed: UInt64, directory: String) throws {
        self.directory = directory
        var draw = SeededGenerator(seed: seed ^ 0x6b65_7973)
        let keys = scenario.stakes.map { _ in Self.key(&draw) }
        let owners = (0..<scenario.workload.accounts).map { _ in Self.key(&draw) }
        accounts = try owners.map {
            Account(
                address: try Self.felt(Accounts.address(publicKey: $0.publicKey)),
                secret: try $0.secret(path: "an account"))
        }
        let fees = try keys.map { try Accounts.address(publicKey: $0.publicKey) }
        feeAddresses = try fees.map { try Self.felt($0) }
        places = try Self.places(scenario, directory)
        try FileManager.default.createDirectory(
            atPath: directory + "/observations", withIntermediateDirectories: true)
        for place in places {
            try FileManager.default.createDirectory(
                atPath: place.folder, withIntermediateDirectories: true)
            try ConfigurationFile.write(
                keys[place.validator], to: place.folder + "/key.yaml", secret: true)
            try Data().write(to: URL(fileURLWithPath: place.observations))
        }
        var genesis = Genesis(
            chainID: Self.chainName, timestamp: UInt64(Date().timeIntervalSince1970),
            leaderSeed: "0x" + String(draw.next(), radix: 16) + String(draw.next(), radix: 16),
            validators: keys.enumerated().map { index, key in
                Genesis.Validator(
                    name: "validator-\(index)", publicKey: key.publicKey,
                    stake: scenario.stakes[index], feeAddress: fees[index])
            },
            accounts: owners.map {
                Genesis.Account(publicKey: $0.publicKey, balance: "\(Self.balance)")
            })
        genesis.windowLength = scenario.timing.windowLength
        genesis.timing = Self.timing(scenario.timing)
        try ConfigurationFile.write(genesis, to: directory + "/genesis.yaml")
        // Another chain with the same validators.
        genesis.timestamp += 1
        try ConfigurationFile.write(genesis, to: directory + "/foreign-genesis.yaml")
        validatorKeys = keys.map(\.publicKey)
    }

    private let validatorKeys: [String]

    private static func key(_ draw: inout SeededGenerator) -> KeyFile {
        while true {
            let words = (draw.next() >> 5, draw.next(), draw.next(), draw.next())
            if let secret = Felt(bigEndianWords: words), let key = SecretKey(secret) {
                return KeyFile(secret: secret, publicKey: key.publicKey)
            }
        }
    }

    private static func felt(_ text: String) throws -> Felt {
        guard let felt = Felt(hex: text) else { throw CommandFailure("\(text) is no felt") }
        return felt
    }

    private static func timing(_ given: Scenario.Timing) -> Genesis.Timing {
        func milliseconds(_ span: Span) -> UInt64 { max(1, span.unsigned / 1_000_000) }
        var timing = Genesis.Timing()
        timing.delta = milliseconds(given.delta)
        timing.slot = milliseconds(given.slot)
        timing.beat = milliseconds(given.beat)
        timing.emptyBlock = milliseconds(given.emptyBlock)
        timing.standstill = milliseconds(given.standstill)
        return timing
    }

    private static func places(_ scenario: Scenario, _ directory: String) throws -> [ChaosPlace] {
        var validators = Array(scenario.stakes.indices)
        let twins = scenario.byzantine.keys.sorted().filter { scenario.byzantine[$0] == "twin" }
        validators += twins
        let ports = try LocalPorts.free(2 * validators.count)
        return validators.enumerated().map { index, validator in
            let isTwin = scenario.byzantine[validator] == "twin"
            return ChaosPlace(
                index: index, validator: validator, role: scenario.byzantine[validator],
                twinSide: isTwin ? (index == validator ? 0 : 1) : nil,
                peerPort: ports[2 * index], rpcPort: ports[2 * index + 1],
                folder: "\(directory)/node-\(index)",
                observations: "\(directory)/observations/node-\(index).jsonl")
        }
    }

    /// Places that have a cable are at its end.
    mutating func attach(_ cabling: Cabling) {
        for (index, cable) in cabling.cables {
            places[index].host = cable.host
            places[index].proxyHost = cabling.runnerHost
        }
    }

    /// The places that this one talks to.
    func peers(of place: ChaosPlace) -> [ChaosPlace] {
        places.filter { other in
            guard other.validator != place.validator else { return false }
            if let side = place.twinSide, other.validator % 2 != side { return false }
            if let side = other.twinSide, place.validator % 2 != side { return false }
            return true
        }
    }

    /// Writes each node's configuration; `dial` gives the port at which one place reaches another.
    func configure(dial: (ChaosPlace, ChaosPlace) throws -> Int) throws {
        for place in places {
            let peers = try self.peers(of: place).map { other in
                NodeConfiguration.Peer(
                    publicKey: validatorKeys[other.validator], host: place.proxyHost,
                    port: try dial(place, other))
            }
            var configuration = NodeConfiguration(
                listen: .init(host: place.host, port: place.peerPort),
                rpc: .init(host: place.host, port: place.rpcPort), peers: peers)
            configuration.limits.databaseGigabytes = 4
            try ConfigurationFile.write(configuration, to: place.configurationPath)
            configuration.genesis = "../foreign-genesis.yaml"
            try ConfigurationFile.write(configuration, to: place.foreignConfigurationPath)
        }
    }
}

/// Ports of this machine on which nobody listens, below the range that outgoing connections use.
enum LocalPorts {
    static func free(_ count: Int) throws -> [Int] {
        var found: [Int] = []
        for _ in 0..<10_000 where found.count < count {
            let port = Int.random(in: 15_000..<32_000)
            if !found.contains(port), canBind(port) { found.append(port) }
        }
        guard found.count == count else {
            throw CommandFailure("no \(count) free ports between 15000 and 32000")
        }
        return found
    }

    private static func canBind(_ port: Int) -> Bool {
        let socket = Glibc.socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        guard socket >= 0 else { return false }
        defer { close(socket) }
        return bind(socket, LocalHTTP.loopback, port)
    }

    private static func bind(_ socket: Int32, _ host: String, _ port: Int) -> Bool {
        var address = LocalHTTP.address(host, port)
        return withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                Glibc.bind(socket, $0, socklen_t(MemoryLayout<sockaddr_in>.size)) == 0
            }
        }
    }

    /// A socket that listens at a port which the system chooses.
    static func listen(host: String) throws -> (socket: Int32, port: Int) {
        let socket = Glibc.socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        guard socket >= 0 else {
            throw CommandFailure("cannot make a socket: \(String(cString: strerror(errno)))")
        }
        var address = sockaddr_in()
        var size = socklen_t(MemoryLayout<sockaddr_in>.size)
        let isListening =
            bind(socket, host, 0) && Glibc.listen(socket, SOMAXCONN) == 0
            && withUnsafeMutablePointer(to: &address) {
                $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                    getsockname(socket, $0, &size) == 0
                }
            }
        guard isListening else {
            let problem = String(cString: strerror(errno))
            close(socket)
            throw CommandFailure("cannot listen on \(host): \(problem)")
        }
        return (socket, Int(UInt16(bigEndian: address.sin_port)))
    }
}
