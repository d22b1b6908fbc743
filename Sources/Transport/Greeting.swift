import Primitives
import WireCodec

/// The first thing each side sends inside TLS: who it is, for which chain, and a signature that
/// ties the validator's key to this very connection. 172 bytes.
///
/// The signed statement covers both certificates' keys and the TLS exporter, so that it says
/// nothing on any other connection, and the direction, so that it can't be sent back.
struct Greeting: WireCodable, Hashable {
    static let magic: [UInt8] = Array("PRYTANY1".utf8)
    static let version: UInt32 = 1
    static let byteCount = 8 + 4 + 3 * 32 + 64

    var version = Self.version
    var chain: Digest
    var genesis: Digest
    var peer: PeerID
    var signature: SignatureBytes

    func encode(into writer: inout WireWriter) {
        writer.write(raw: Self.magic)
        writer.write(version)
        writer.write(chain)
        writer.write(genesis)
        writer.write(peer.key)
        writer.write(signature)
    }

    init(
        version: UInt32 = Self.version, chain: Digest, genesis: Digest, peer: PeerID,
        signature: SignatureBytes
    ) {
        self.version = version
        self.chain = chain
        self.genesis = genesis
        self.peer = peer
        self.signature = signature
    }

    init(from reader: inout WireReader) throws(WireError) {
        guard try reader.readRaw(count: 8) == Self.magic else { throw .invalid(what: "magic") }
        version = try reader.read()
        chain = try reader.readDigest()
        genesis = try reader.readDigest()
        peer = PeerID(try reader.readDigest())
        signature = try reader.readSignature()
    }

    /// The digest that a signature of `peer` covers. `ownKeyHash` is of the signer's certificate.
    static func statement(
        peer: PeerID, chain: Digest, genesis: Digest, isDialler: Bool, signerKeyHash: [UInt8],
        receiverKeyHash: [UInt8], exporter: [UInt8]
    ) -> [UInt8] {
        var writer = WireWriter(reserving: 256)
        writer.write(raw: Array("prytany peer statement".utf8))
        writer.write(version)
        writer.write(isDialler)
        writer.write(chain)
        writer.write(genesis)
        writer.write(peer.key)
        writer.write(raw: signerKeyHash)
        writer.write(raw: receiverKeyHash)
        writer.write(raw: exporter)
        let digest = writer.bytes.withUnsafeBytes { TLSIdentity.sha256($0) }
        guard let digest else { preconditionFailure("libcrypto has no SHA-256") }
        return digest
    }
}

/// What a node needs to greet and to judge greetings.
struct GreetingPolicy {
    let own: PeerID
    let chain: Digest
    let genesis: Digest
    let binding: any IdentityBinding

    func greeting(isDialler: Bool, on connection: TLSEstablished) -> Greeting {
        let statement = Greeting.statement(
            peer: own, chain: chain, genesis: genesis, isDialler: isDialler,
            signerKeyHash: connection.ownKeyHash, receiverKeyHash: connection.peerKeyHash,
            exporter: connection.exporter)
        return Greeting(
            chain: chain, genesis: genesis, peer: own, signature: binding.sign(statement))
    }

    /// Cheap checks first; the signature last, and only for a known identity. Nil: all is well.
    func refusal(
        of greeting: Greeting, isDialler: Bool, expecting: PeerID?, on connection: TLSEstablished
    ) -> Refusal? {
        if greeting.version != Greeting.version { return .otherVersion }
        if greeting.chain != chain { return .otherChain }
        if greeting.genesis != genesis { return .otherGenesis }
        if greeting.peer == own { return .ownIdentity }
        if let expecting, greeting.peer != expecting { return .unexpectedPeer }
        guard binding.isKnown(greeting.peer) else { return .unknownPeer }
        let statement = Greeting.statement(
            peer: greeting.peer, chain: chain, genesis: genesis, isDialler: isDialler,
            signerKeyHash: connection.peerKeyHash, receiverKeyHash: connection.ownKeyHash,
            exporter: connection.exporter)
        guard binding.verify(statement, signature: greeting.signature, by: greeting.peer) else {
            return .badSignature
        }
        return nil
    }
}
