import Consensus
import Execution
import Foundation
import Logging
import Mempool
import Metrics
import NIOPosix
import Primitives
import RPC
import Replica
import Replication
import ServiceLifecycle
import StarkCurve
import StarkField
package import Storage
import Synchronization
import Transport
import UnixSignals
import WireCodec

/// Switches of a run that are not part of a node's configuration.
package struct NodeOptions: Sendable {
    /// Opaque payloads that this node makes itself in a second, for measurements; 0 for none.
    package var payloadRate = 0
    package var payloadBytes = 256
    /// Empty blocks as fast as agreement allows, for measurements.
    package var unpaced = false
    /// Signs nothing and touches no log of its own: for a validator whose log is lost.
    package var follows = false
    /// Instead of what the configuration names.
    package var sierraCompiler: String?
    /// Runs the system's classes on the Cairo machine, like all others.
    package var withoutNativeClasses = false
    /// What stands between the replica and the world; nil in every program that is shipped.
    package var interposer: (any LoopInterposer)?
    /// How far this node's wall clock is off, for tests.
    package var clockOffsetSeconds: Int64 = 0
    /// The disk under the consensus log; tests give one that is slow.
    package var logFileSystem: any LogFileSystem = PosixFileSystem()

    package init(
        payloadRate: Int = 0, payloadBytes: Int = 256, unpaced: Bool = false,
        follows: Bool = false, sierraCompiler: String? = nil, withoutNativeClasses: Bool = false
    ) {
        self.sierraCompiler = sierraCompiler
        self.withoutNativeClasses = withoutNativeClasses
        self.follows = follows
        self.payloadRate = payloadRate
        self.payloadBytes = payloadBytes
        self.unpaced = unpaced
    }
}

/// Why a node does not start.
package enum NodeStartError: Error, CustomStringConvertible {
    case notAValidator(publicKey: String)
    case badCommitteeKey(String)
    case peerNotInGenesis(String)
    case log(LogError)
    case store(StoreError)
    case unreadableStore(String)

    package var description: String {
        switch self {
        case .notAValidator(let key):
            "the key \(key) is no validator of this genesis: use the key that the genesis names"
        case .badCommitteeKey(let name):
            "the genesis names a public key for \(name) that is no point of the STARK curve"
        case .peerNotInGenesis(let key):
            "the peer \(key) of node.yaml is no validator of this genesis: correct its publicKey"
        case .log(let error): "the consensus log cannot be used: \(error)"
        case .store(let error): "the database cannot be used: \(error)"
        case .unreadableStore(let reason):
            "the database holds a block that cannot be read (\(reason)): restore it from a peer "
                + "by removing the database folder, and keep the log folder"
        }
    }
}

/// One node: its parts in start order, and the way back in reverse.
package final class Node: Sendable {
    private let configuration: NodeConfiguration
    private let options: NodeOptions
    private let genesis: CheckedGenesis
    private let genesisPath: String
    private let index: ValidatorIndex
    private let secret: SecretKey
    private let directory: String
    private let logger: Logger
    package let board = StatusBoard()
    private let meter = LatencyMeter()

    package init(configurationPath: String, options: NodeOptions = NodeOptions()) throws {
        let folder = URL(fileURLWithPath: configurationPath).absoluteURL
            .deletingLastPathComponent()
        func resolve(_ path: String) -> String {
            path.hasPrefix("/")
                ? path : folder.appendingPathComponent(path).standardizedFileURL.path
        }
        var configuration = try ConfigurationFile.read(
            NodeConfiguration.self, at: configurationPath)
        if options.withoutNativeClasses { configuration.nativeClasses = false }
        // One that the command line names lies in the folder that the command was given in.
        configuration.sierraCompiler =
            options.sierraCompiler ?? configuration.sierraCompiler.map(resolve)
        self.configuration = configuration
        self.options = options
        genesisPath = resolve(configuration.genesis)
        genesis = try CheckedGenesis(ConfigurationFile.read(Genesis.self, at: genesisPath))
        let keyPath = resolve(configuration.key)
        let key = try ConfigurationFile.read(KeyFile.self, at: keyPath)
        secret = try key.secret(path: keyPath)
        directory = resolve(configuration.data)
        let publicKey = secret.publicKey
        guard let position = genesis.validators.firstIndex(where: { $0.publicKey == publicKey })
        else { throw NodeStartError.notAValidator(publicKey: publicKey.hexString) }
        index = ValidatorIndex(UInt16(position))
        var logger = Logger(label: "node")
        logger[metadataKey: "node"] = "\(genesis.validators[position].name)"
        self.logger = logger
    }

    /// Runs until the task is cancelled or the process is told to stop.
    package func run() async throws {
        let registry = PrometheusRegistry()
        MetricsSystem.bootstrap(registry)
        logger.info(
            "starting",
            metadata: [
                "chain": "\(genesis.source.chainID)", "genesis": "\(genesis.hash)",
                "validators": "\(genesis.validators.count)", "data": "\(directory)",
            ])
        for line in StakeSummary(genesis: genesis).lines {
            logger.notice("\(line)")
        }
        let running = try await RunningNode(
            configuration: configuration, options: options, genesis: genesis,
            resolveGenesisPath: { [folder = URL(fileURLWithPath: genesisPath)] path in
                path.hasPrefix("/")
                    ? path
                    : folder.deletingLastPathComponent().appendingPathComponent(path).path
            }, index: index, secret: secret, directory: directory, board: board, meter: meter,
            registry: registry,
            logger: logger)
        let group = ServiceGroup(
            configuration: ServiceGroupConfiguration(
                services: [
                    .init(service: running),
                    .init(
                        service: running.rpcServer,
                        failureTerminationBehavior: .gracefullyShutdownGroup),
                ], gracefulShutdownSignals: [.sigterm, .sigint], logger: logger))
        try await group.run()
        logger.info("stopped", metadata: ["height": "\(board.current.storedHeight)"])
    }
}
