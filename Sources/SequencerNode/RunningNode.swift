import Consensus
import Execution
import Foundation
import Glibc
import Logging
import Mempool
import NIOPosix
import Primitives
import RPC
import Replica
import Replication
import ServiceLifecycle
import StarkCurve
import StarkField
import Storage
import Synchronization
import SystemContracts
import Transport
import WireCodec

/// A started node. Start order: storage, log (replayed whole), hashing, execution, admission,
/// replica, then sockets; shutdown goes the other way.
final class RunningNode: Service {
    private let genesis: CheckedGenesis
    private let options: NodeOptions
    private let logger: Logger
    private let board: StatusBoard
    private let store: ChainStore
    private let log: LogWriter
    private let chain: ChainThread
    private let execution: ExecutionThread
    private let admission: AdmissionService
    private let verifier: WorkerThread<(UInt64, [ObjectCheck])>
    private let classVerifier: ClassVerifier
    private let readWorkers: ReadWorkers
    private let executionCrew: ExecutionCrew
    private let server: WorkerThread<ServeRequest>
    private let loop: NodeLoop
    private let startHeight: Height
    private let transport: PeerTransport
    let rpcServer: RPCServer
    private let halted = AsyncStream<HaltReason>.makeStream(bufferingPolicy: .bufferingOldest(1))

    enum ServeRequest: Sendable {
        case final(from: Height, to: ValidatorIndex)
        case block(BlockReference, to: ValidatorIndex)
    }

    init(
        configuration: NodeConfiguration, options: NodeOptions, genesis: CheckedGenesis,
        resolveGenesisPath: (String) -> String, index: ValidatorIndex, secret: SecretKey,
        directory: String, board: StatusBoard,
        meter: LatencyMeter, registry: PrometheusRegistry, logger: Logger
    ) async throws {
        self.genesis = genesis
        self.options = options
        self.logger = logger
        self.board = board
        let failed: @Sendable (String) -> Never = { reason in
            logger.critical("the node stops", metadata: ["reason": "\(reason)"])
            exit(70)
        }
        guard let signatures = SignatureWorker(committee: genesis.validators.map(\.publicKey))
        else {
            throw NodeStartError.badCommitteeKey("one of the validators")
        }
        try FileManager.default.createDirectory(
            atPath: directory, withIntermediateDirectories: true)

        // Storage.
        let committee = genesis.committee
        do throws(StoreError) {
            var limits = EnvironmentLimits()
            limits.maximumMapBytes = max(1, configuration.limits.databaseGigabytes) << 30
            limits.initialMapBytes = min(1 << 30, limits.maximumMapBytes)
            store = try ChainStore.open(
                directory: directory + "/chain", chain: committee.chain, genesis: genesis.hash,
                limits: limits)
        } catch { throw NodeStartError.store(error) }
        let compiler = SierraCompiler(configured: configuration.sierraCompiler)
        if !compiler.isAvailable, genesis.source.payload == .transactions {
            logger.warning(
                """
                no Sierra compiler: this node takes no class declarations and votes for no block \
                that has one
                """, metadata: ["compiler": "\(compiler.path)"])
        }
        let start: ChainStart
        do {
            start = try ChainStart(store: store, genesis: genesis) {
                try GenesisClasses.load(
                    genesis.classes, compiler: compiler, resolve: resolveGenesisPath)
            }
        } catch let error as StoreError {
            throw NodeStartError.store(error)
        }
        board.stored(height: start.tip.height.rawValue, transactions: 0)

        // The log, whole, before any socket opens.
        var records: [ReplicaRecord] = []
        var positions: [(slot: Slot, position: LogPosition)] = []
        var malformed: WireError?
        let consensusLog: ConsensusLog
        do throws(LogError) {
            let opened = try ConsensusLog.open(
                directory: directory + (options.follows ? "/log-follower" : "/log"),
                chain: committee.chain, epoch: committee.epoch,
                // A chain that has blocks and no log has lost it; a follower says nothing that a
                // log would have to remember.
                mode: start.tip.height.rawValue > 0 && !options.follows
                    ? .mustExist : .createIfMissing,
                fileSystem: options.logFileSystem
            ) { position, record in
                do throws(WireError) {
                    let decoded = try ReplicaRecord(decoding: record.payload)
                    records.append(decoded)
                    positions.append((decoded.slot, position))
                } catch { malformed = malformed ?? error }
            }
            consensusLog = opened.log
            if let torn = opened.replay.tornTail {
                logger.notice(
                    "the log ended in the middle of a record, which was cut off",
                    metadata: ["file": "\(torn.file)", "bytes": "\(torn.bytes)"])
            }
        } catch { throw NodeStartError.log(error) }
        if let malformed {
            throw NodeStartError.unreadableStore("a log record: \(malformed)")
        }
        logger.info(
            "log replayed",
            metadata: ["records": "\(records.count)", "height": "\(start.tip.height)"])
        log = LogWriter(
            log: consensusLog, replayed: positions,
            failed: { failed("the consensus log failed: \($0)") })

        if options.follows {
            logger.warning(
                "this validator follows the chain and signs nothing, as --follow says")
        }

        // Machines.
        let schedule = LeaderSchedule(seed: genesis.seed, powers: committee.powers)
        let replica = Replica(
            configuration: genesis.replicaConfiguration(options), committee: committee,
            schedule: schedule, own: options.follows ? nil : index,
            signer: options.follows ? nil : ConsensusSigner(key: secret), tip: start.tip,
            finalHashes: start.hashes, genesisHash: start.genesisHash, records: records,
            now: SystemClock.moment(offsetSeconds: options.clockOffsetSeconds))
        let peers = genesis.validators.map { PeerID(Digest($0.publicKey)) }
        let interposer = options.interposer
        interposer?.begin(
            InterposerPlace(
                configuration: replica.configuration, committee: committee, schedule: schedule,
                own: replica.own, signer: replica.own.map { _ in ConsensusSigner(key: secret) }))
        let loop = NodeLoop(
            replica: replica, peers: peers, board: board, logger: logger,
            interposition: interposer.map {
                NodeLoop.Interposition(
                    interposer: $0, clockOffsetSeconds: options.clockOffsetSeconds)
            })
        startHeight = start.tip.height
        self.loop = loop

        // Threads.
        let opaque = genesis.source.payload == .opaque
        let cache = TransactionCache()
        let classes = ClassCache()
        let classVerifier = ClassVerifier(compiler: compiler)
        self.classVerifier = classVerifier
        readWorkers = ReadWorkers(count: 2)
        let crew = ExecutionCrew(
            workers: ParallelHashing.threads(
                configured: configuration.limits.executionThreads,
                cores: ProcessInfo.processInfo.activeProcessorCount))
        executionCrew = crew
        let fastPath =
            configuration.nativeClasses ?? true ? SystemContracts.classes.fastPath : .off
        let executionBox = Holder<ExecutionThread>()
        let admissionBox = Holder<AdmissionService>()
        chain = try ChainThread(
            store: store, tipHash: start.tipHash.felt, tipKey: start.tip.key,
            hashingThreads: ParallelHashing.threads(
                configured: configuration.limits.hashingThreads,
                cores: ProcessInfo.processInfo.activeProcessorCount),
            answer: { loop.post(.execution($0)) },
            stored: { blocks, outputs, blockHashes in
                executionBox.value?.post(.stored(blocks.map(\.key)))
                admissionBox.value?.renew()
                let hashes = outputs.map(\.transactionHashes)
                meter.stored(hashes, at: SystemClock.tick())
                // Of transactions that this pool never had, too: what follows them may be here.
                let nonces = outputs.flatMap(\.diff.nonces).compactMap { update in
                    update.nonce.asUInt64.map {
                        AccountNonce(account: Digest(update.address), nonce: $0)
                    }
                }
                if !nonces.isEmpty { loop.post(.nonces(nonces)) }
                if let last = blocks.last {
                    interposer?.observe(
                        blockHashes.map { .hashed($0.height, $0.hash) }
                            + [.stored(last.body.height)])
                    board.stored(
                        height: last.body.height.rawValue,
                        transactions: UInt64(hashes.reduce(0) { $0 + $1.count }))
                    loop.post(.committed(through: last.body.height))
                }
            }, failed: failed)
        let chain = chain
        let windowLength = genesis.source.windowLength
        let validators = genesis.validators
        let engine: any ExecutionEngine =
            opaque
            ? OpaqueEngine()
            : StarknetEngine(
                chainID: genesis.chainID, cache: cache, view: try store.openView(),
                classes: classes, verifier: classVerifier, fastPath: fastPath,
                crew: crew,
                feeAddress: { slot in
                    let leader = schedule.leader(of: slot.window(length: windowLength))
                    return validators[Int(leader.rawValue)].feeAddress
                }, compiled: { executionBox.value?.post(.examined($0)) },
                doubted: { loop.post(.execution(.doubted($0, $1))) }, failed: failed)
        execution = ExecutionThread(
            engine: engine, answer: { loop.post(.execution($0)) },
            hash: { chain.post(.hash($0)) }, drop: { chain.post(.drop($0)) },
            commit: { chain.post(.commit($0)) },
            finalised: { block, hashes in
                meter.finalised(hashes, at: SystemClock.tick())
                interposer?.observe([.finalised(block, transactions: hashes)])
            })
        executionBox.value = execution
        let prices = genesis.executionPrices
        let clockOffset = options.clockOffsetSeconds
        let chainID = genesis.chainID
        admission = AdmissionService(
            cache: cache, chainID: chainID, opaque: opaque, view: try store.openView(),
            classes: classes, verifier: classVerifier, fastPath: fastPath,
            context: {
                BlockContext(
                    info: BlockInfo(
                        number: Height(board.current.storedHeight + 1),
                        timestamp: SystemClock.moment(offsetSeconds: clockOffset).unixSeconds,
                        sequencerAddress: Felt(1),
                        gasPrices: prices, l1DataAvailabilityMode: .blob,
                        starknetVersion: StarknetVersion(0, 13, 5)), chainID: chainID)
            },
            acknowledging: { interposer?.observe([.acknowledging(Digest($0))]) },
            admitted: { loop.post(.admitted($0)) })
        admissionBox.value = admission
        verifier = WorkerThread(name: "signatures", bound: 1 << 16)
        server = WorkerThread(name: "serve", bound: 64, niceness: 5)
        let verifier = verifier
        let server = server
        let admission = admission
        let store = store

        // Sockets.
        transport = PeerTransport(
            configuration: try genesis.transport(configuration, own: peers[Int(index.rawValue)]),
            binding: StarkIdentity(secret: secret, known: Set(peers)), logger: logger,
            deliver: { loop.offer($0) })
        let identity = NodeIdentity(
            name: genesis.validators[Int(index.rawValue)].name, index: Int(index.rawValue),
            chainName: genesis.source.chainID, powers: genesis.validators.map(\.stake),
            progressBoundMilliseconds: 2
                * (genesis.source.timing.slot
                    + 8 * genesis.source.timing.delta))
        let backend = NodeBackend(
            chainID: chainID, store: store, admission: admission, board: board, meter: meter,
            identity: identity, startedAt: SystemClock.tick(),
            pendingTransaction: { cache.transaction($0) }, classes: classes,
            verifier: classVerifier, workers: readWorkers, fastPath: fastPath)
        var rpcLimits = RPCLimits()
        rpcLimits.bodyBytes = configuration.limits.rpcBodyBytes
        rpcLimits.concurrentRequests = configuration.limits.rpcConcurrentRequests
        rpcServer = RPCServer(
            host: configuration.rpc.host, port: configuration.rpc.port, backend: backend,
            registry: registry, limits: rpcLimits, logger: logger,
            eventLoopGroup: MultiThreadedEventLoopGroup(numberOfThreads: 1),
            onListening: { port in
                logger.info("JSON-RPC listens", metadata: ["port": "\(port)"])
            })

        verifier.start { tasks in
            for (task, checks) in tasks {
                loop.post(.verified(task: task, signatures.check(checks)))
            }
            return nil
        }
        server.start { requests in
            for request in requests { Self.serve(request, store, loop) }
            return nil
        }
        self.meter = meter
    }

    private let meter: LatencyMeter

    /// Answers a peer that asks for blocks, from storage and off the loop.
    private static func serve(_ request: ServeRequest, _ store: ChainStore, _ loop: NodeLoop) {
        do {
            switch request {
            case .final(let height, let peer):
                let range = try store.snapshot { try ChainRecords.finalRange(from: height, in: $0) }
                loop.post(.servedFinal(range, to: peer))
            case .block(let reference, let peer):
                let body = try store.snapshot { view -> BlockBody? in
                    guard let height = try view.height(consensusHash: reference.hash),
                        let bytes = try view.body(height), !bytes.isEmpty
                    else { return nil }
                    return try BlockBody(decoding: bytes)
                }
                if let body { loop.post(.servedBlock(body, to: peer)) }
            }
        } catch {
            loop.note("cannot serve a peer: \(error)")
        }
    }

    func run() async throws {
        options.interposer?.observe([.started(startHeight)])
        log.start()
        chain.start()
        classVerifier.start()
        readWorkers.start()
        executionCrew.start()
        execution.start()
        admission.start()
        let (verifier, server, admission) = (verifier, server, admission)
        let halted = halted.continuation
        let board = board
        loop.start(
            NodeLoop.Parts(
                log: log, transport: transport, execution: execution,
                verify: { verifier.post(($0, $1)) },
                admit: { transactions, peer in
                    if !admission.offer(.peer(transactions, peer)) {
                        board.droppedInputs.increment()
                    }
                },
                verdict: { admission.decided($0, $1) },
                serveFinal: { _ = server.offer(.final(from: $0, to: $1)) },
                serveBlock: { _ = server.offer(.block($0, to: $1)) },
                halt: { halted.yield($0) }))
        try await transport.start()
        logger.info("peers can connect", metadata: ["port": "\(transport.port ?? 0)"])
        let gauges = Task { [self] in await publishGauges() }
        let load =
            options.payloadRate > 0
            ? PayloadGenerator(
                rate: options.payloadRate, bytes: options.payloadBytes, admission: admission,
                meter: meter) : nil
        load?.start()
        await withGracefulShutdownHandler {
            for await reason in self.halted.stream {
                // A halted node goes on answering questions about itself, and signs nothing.
                logger.critical("halted", metadata: ["reason": "\(reason)"])
            }
        } onGracefulShutdown: {
            halted.finish()
        }
        gauges.cancel()
        load?.stop()
        await shutDown()
    }

    private func shutDown() async {
        await transport.shutdown()
        loop.stop()
        // What it has compiled goes to admission.
        classVerifier.stop()
        admission.stop()
        readWorkers.stop()
        verifier.stop()
        server.stop()
        log.stop()
        execution.stop()
        executionCrew.stop()
        chain.stop()
        options.interposer?.observe([.stopped])
    }

    /// Every queue's depth and what the replica shows, once a second.
    private func publishGauges() async {
        let gauges = NodeGauges()
        while !Task.isCancelled {
            gauges.publish(
                board: board,
                depths: [
                    "replica": loop.depth, "log": log.depth, "execution": execution.depth,
                    "chain": chain.depth, "storage": chain.storageDepth,
                    "admission": admission.depth,
                    "signatures": verifier.depth, "serve": server.depth,
                    "classes": classVerifier.depth, "reads": readWorkers.depth,
                ], syncs: log.syncCount, transport: transport.statistics())
            do {
                try await Task.sleep(for: .seconds(1))
            } catch {
                return  // Cancelled: the node stops.
            }
        }
    }
}

/// A value that is set once, after the closures that use it were made.
private final class Holder<Value: Sendable>: Sendable {
    private let content = Mutex<Value?>(nil)
    var value: Value? {
        get { content.withLock { $0 } }
        set { content.withLock { $0 = newValue } }
    }
}

/// The validator's key behind a TLS connection.
struct StarkIdentity: IdentityBinding {
    let secret: SecretKey
    let known: Set<PeerID>

    private func message(_ statement: [UInt8]) -> Felt {
        guard let digest = Digest(bigEndianBytes: statement) else { return .zero }
        return Digest(digest.word0 & (1 << 58 - 1), digest.word1, digest.word2, digest.word3).felt
    }

    func sign(_ statement: [UInt8]) -> SignatureBytes {
        let signature = ECDSA.signCanonical(messageHash: message(statement), secretKey: secret)
        return SignatureBytes(r: Digest(signature.r), s: Digest(signature.s))
    }

    func verify(_ statement: [UInt8], signature: SignatureBytes, by peer: PeerID) -> Bool {
        guard let r = Felt(bigEndianWords: signature.r.words),
            let s = Felt(bigEndianWords: signature.s.words)
        else { return false }
        let parsed = StarkSignature(r: r, s: s)
        return ECDSA.isCanonical(parsed)
            && ECDSA.verify(
                messageHash: message(statement), signature: parsed, publicKey: peer.key.felt)
    }

    func isKnown(_ peer: PeerID) -> Bool { known.contains(peer) }
}
