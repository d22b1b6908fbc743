import COpenSSL
import NIOCore

/// The TLS handshake is done and the peer has shown that it holds its certificate's key.
struct TLSEstablished: Sendable {
    let ownKeyHash: [UInt8]
    let peerKeyHash: [UInt8]
    /// RFC 5705 / RFC 8446 7.5 exporter: 32 bytes that this connection alone has.
    let exporter: [UInt8]
}

/// A connection ended for this reason; travels through the pipeline as an error.
struct ConnectionFailure: Error {
    let reason: CloseReason
}

/// TLS 1.3 between two memory BIOs: ciphertext towards the socket, plaintext towards the next
/// handler. A write is encrypted at once and leaves at the flush.
final class TLSHandler: ChannelDuplexHandler {
    typealias InboundIn = ByteBuffer
    typealias InboundOut = ByteBuffer
    typealias OutboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private enum Stage { case handshake, open, failed }

    static let exporterLabel = "EXPORTER-prytany-peer-1"
    private static let recordBytes = 16 * 1024
    private static let batchBytes = 64 * 1024

    private let identity: TLSIdentity
    private let ssl: OpaquePointer
    private let incoming: OpaquePointer
    private let outgoing: OpaquePointer
    private let isClient: Bool
    private var stage = Stage.handshake
    private var plaintext = ByteBuffer()
    /// Ciphertext bytes that may still come; nil once the peer is verified.
    private var allowance: Int?
    /// Ciphertext bytes received.
    private(set) var receivedBytes: UInt64 = 0

    init(identity: TLSIdentity, isClient: Bool, handshakeBytes: Int) throws(TLSSetupError) {
        guard let ssl = identity.makeConnection() else {
            throw TLSSetupError(code: ERR_get_error())
        }
        guard let incoming = prytany_memory_bio() else {
            SSL_free(ssl)
            throw TLSSetupError(code: ERR_get_error())
        }
        guard let outgoing = prytany_memory_bio() else {
            BIO_free(incoming)
            SSL_free(ssl)
            throw TLSSetupError(code: ERR_get_error())
        }
        self.identity = identity
        self.ssl = ssl
        self.incoming = incoming
        self.outgoing = outgoing
        self.isClient = isClient
        allowance = handshakeBytes
        SSL_set_bio(ssl, incoming, outgoing)
        if isClient { SSL_set_connect_state(ssl) } else { SSL_set_accept_state(ssl) }
    }

    deinit { SSL_free(ssl) }

    /// The peer is verified: no byte limit from now on.
    func liftAllowance() { allowance = nil }

    func channelActive(context: ChannelHandlerContext) {
        context.fireChannelActive()
        if isClient { shakeHands(context) }
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        guard stage != .failed else { return }
        let ciphertext = unwrapInboundIn(data)
        receivedBytes += UInt64(ciphertext.readableBytes)
        if let left = allowance {
            guard ciphertext.readableBytes <= left else {
                return fail(context, .handshakeTooLong)
            }
            allowance = left - ciphertext.readableBytes
        }
        let written = ciphertext.withUnsafeReadableBytes { bytes in
            BIO_write(incoming, bytes.baseAddress, Int32(clamping: bytes.count))
        }
        guard Int(written) == ciphertext.readableBytes else {
            return fail(context, .tls(code: ERR_get_error()))
        }
        if stage == .handshake { shakeHands(context) }
        if stage == .open { readPlaintext(context) }
    }

    private func shakeHands(_ context: ChannelHandlerContext) {
        ERR_clear_error()
        let result = SSL_do_handshake(ssl)
        if result != 1 {
            let code = SSL_get_error(ssl, result)
            guard code == SSL_ERROR_WANT_READ else {
                return fail(context, .tls(code: ERR_get_error()))
            }
            return drain(context)
        }
        guard let established = describeConnection() else {
            return fail(context, .tls(code: ERR_get_error()))
        }
        stage = .open
        drain(context)
        context.fireUserInboundEventTriggered(established)
    }

    private func describeConnection() -> TLSEstablished? {
        var chosen: UnsafePointer<UInt8>?
        var chosenCount: UInt32 = 0
        SSL_get0_alpn_selected(ssl, &chosen, &chosenCount)
        let agreed = UnsafeBufferPointer(start: chosen, count: Int(chosenCount))
        guard agreed.elementsEqual(TLSIdentity.applicationProtocol) else { return nil }
        guard let certificate = SSL_get1_peer_certificate(ssl) else { return nil }
        defer { X509_free(certificate) }
        guard let peerKeyHash = TLSIdentity.keyHash(of: certificate) else { return nil }
        var exporter = [UInt8](repeating: 0, count: 32)
        let label = Self.exporterLabel
        guard
            SSL_export_keying_material(
                ssl, &exporter, exporter.count, label, label.utf8.count, nil, 0, 0) == 1
        else { return nil }
        return TLSEstablished(
            ownKeyHash: identity.keyHash, peerKeyHash: peerKeyHash, exporter: exporter)
    }

    private func readPlaintext(_ context: ChannelHandlerContext) {
        while stage == .open {
            plaintext.clear()
            var more = true
            while more, plaintext.readableBytes < Self.batchBytes {
                ERR_clear_error()
                var failure: Int32 = SSL_ERROR_NONE
                plaintext.writeWithUnsafeMutableBytes(minimumWritableBytes: Self.recordBytes) {
                    let count = SSL_read(ssl, $0.baseAddress, Int32(clamping: $0.count))
                    if count > 0 { return Int(count) }
                    failure = SSL_get_error(ssl, count)
                    return 0
                }
                guard failure != SSL_ERROR_NONE else { continue }
                more = false
                // A close_notify needs no answer here: the end of the TCP stream follows.
                if failure != SSL_ERROR_WANT_READ, failure != SSL_ERROR_ZERO_RETURN {
                    return fail(context, .tls(code: ERR_get_error()))
                }
            }
            if plaintext.readableBytes > 0 {
                context.fireChannelRead(wrapInboundOut(plaintext))
            }
            guard more else { break }
        }
        drain(context)
    }

    func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
        let bytes = unwrapOutboundIn(data)
        guard stage == .open else {
            promise?.fail(ChannelError.ioOnClosedChannel)
            return
        }
        guard bytes.readableBytes > 0 else {
            promise?.succeed()
            return
        }
        ERR_clear_error()
        let count = bytes.withUnsafeReadableBytes {
            SSL_write(ssl, $0.baseAddress, Int32(clamping: $0.count))
        }
        guard Int(count) == bytes.readableBytes else {
            promise?.fail(ChannelError.ioOnClosedChannel)
            return fail(context, .tls(code: ERR_get_error()))
        }
        writeCiphertext(context, promise)
    }

    /// Moves what libssl has for the socket into the pipeline.
    private func writeCiphertext(
        _ context: ChannelHandlerContext, _ promise: EventLoopPromise<Void>?
    ) {
        let pending = BIO_ctrl_pending(outgoing)
        guard pending > 0 else {
            promise?.succeed()
            return
        }
        var buffer = context.channel.allocator.buffer(capacity: pending)
        buffer.writeWithUnsafeMutableBytes(minimumWritableBytes: pending) {
            max(0, Int(BIO_read(outgoing, $0.baseAddress, Int32(clamping: pending))))
        }
        context.write(wrapOutboundOut(buffer), promise: promise)
    }

    private func drain(_ context: ChannelHandlerContext) {
        guard BIO_ctrl_pending(outgoing) > 0 else { return }
        writeCiphertext(context, nil)
        context.flush()
    }

    private func fail(_ context: ChannelHandlerContext, _ reason: CloseReason) {
        guard stage != .failed else { return }
        drain(context)  // the alert
        stage = .failed
        ERR_clear_error()
        context.fireErrorCaught(ConnectionFailure(reason: reason))
    }

    func close(
        context: ChannelHandlerContext, mode: CloseMode, promise: EventLoopPromise<Void>?
    ) {
        if stage == .open {
            stage = .failed
            ERR_clear_error()
            SSL_shutdown(ssl)
            drain(context)
        }
        context.close(mode: mode, promise: promise)
    }
}
