import Consensus
import Execution
import Mempool
import StarkField
import Primitives
import Replica
import Replication
import Storage
import Transport
import WireCodec

/// What storage says at start: the newest final block, and the hashes that headers refer back to.
struct ChainStart {
    let tip: FinalTip
    let tipHash: Digest
    let hashes: [Height: Digest]
    let genesisHash: Digest

    /// Writes the genesis block where there is none yet.
    ///
    /// - Parameter furtherClasses: loads the classes that the genesis names, which only the first
    ///   start needs.
    init(
        store: ChainStore, genesis: CheckedGenesis,
        furtherClasses: () throws -> [LoadedGenesisClass]
    ) throws {
        if try store.snapshot({ try $0.tip() }) == nil {
            try ChainRecords.writeGenesis(genesis, further: furtherClasses(), to: store)
        }
        (tip, tipHash, hashes, genesisHash) = try store.snapshot { view in
            guard let height = try view.tip(), let tipHash = try view.blockHash(height),
                let genesisHash = try view.blockHash(Height(0))
            else { throw StoreError.corrupted(what: "tip") }
            var hashes: [Height: Digest] = [:]
            let first = height.rawValue > 64 ? height.rawValue - 64 : 0
            for number in first...height.rawValue {
                hashes[Height(number)] = try view.blockHash(Height(number))
            }
            let root = genesis.rootReference
            if height == Height(0) {
                return (
                    FinalTip(
                        reference: root, height: height, key: root.hash,
                        timestamp: genesis.source.timestamp, anchorNumber: 0, anchorHash: .zero,
                        inboxCursor: 0), tipHash, hashes, genesisHash
                )
            }
            guard let bytes = try view.body(height) else {
                throw StoreError.corrupted(what: "body of block \(height)")
            }
            let body: BlockBody
            do throws(WireError) {
                body = try BlockBody(decoding: bytes)
            } catch { throw StoreError.corrupted(what: "body of block \(height): \(error)") }
            let header = body.header.value
            return (
                FinalTip(
                    reference: BlockReference(
                        slot: body.slot, hash: ObjectHash.digest(of: header.hashInput)),
                    key: ObjectHash.digest(of: header.opening.hashInput),
                    opening: header.opening), tipHash, hashes, genesisHash
            )
        }
    }
}

extension ChainRecords {
    /// Final blocks from `height` on, up to one whose certificate is stored: the last such one
    /// within the byte bound, or else the first. Nil when this node has none.
    static func finalRange(from height: Height, in view: ChainView) throws -> FinalRange? {
        var blocks: [BlockBody] = []
        var best: FinalRange?
        var bytes = 0
        var next = height
        while blocks.count < WireLimits.blocksPerReply, let encoded = try view.body(next),
            !encoded.isEmpty
        {
            bytes += encoded.count
            if bytes > WireLimits.replyBytes, best != nil { break }
            blocks.append(try BlockBody(decoding: encoded))
            if let certificate = try view.extra(next), !certificate.isEmpty {
                best = FinalRange(
                    blocks: blocks, certificate: try Certificate(decoding: certificate))
            }
            next = next.next
        }
        return best
    }
}

extension CheckedGenesis {
    func replicaConfiguration(_ options: NodeOptions) -> ReplicaConfiguration {
        var consensus = ConsensusConfiguration()
        let timing = source.timing
        consensus.windowLength = source.windowLength
        consensus.deltaNanoseconds = timing.delta * 1_000_000
        consensus.slotNanoseconds = timing.slot * 1_000_000
        consensus.beatNanoseconds = timing.beat * 1_000_000
        consensus.standstillNanoseconds =
            max(timing.standstill, timing.emptyBlock + 4 * timing.delta) * 1_000_000
        var configuration = ReplicaConfiguration(
            consensus: consensus, mempool: .init(), gasPrices: blockPrices)
        configuration.blockIntervalNanoseconds = timing.blockInterval * 1_000_000
        configuration.emptyBlockNanoseconds = timing.emptyBlock * 1_000_000
        configuration.unpaced = options.unpaced
        return configuration
    }

    func transport(
        _ configuration: NodeConfiguration, own: PeerID
    ) throws -> TransportConfiguration {
        let known = Set(validators.map(\.publicKey))
        let peers = try configuration.peers.map { peer in
            guard let key = Felt(hex: peer.publicKey), known.contains(key) else {
                throw NodeStartError.peerNotInGenesis(peer.publicKey)
            }
            return PeerAddress(id: PeerID(Digest(key)), host: peer.host, port: peer.port)
        }
        return TransportConfiguration(
            own: own, listenHost: configuration.listen.host,
            listenPort: configuration.listen.port, peers: peers, chain: committee.chain,
            genesis: hash)
    }
}
