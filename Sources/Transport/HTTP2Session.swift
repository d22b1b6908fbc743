import CNghttp2
import NIOCore

/// Where a session takes outgoing messages from.
protocol MessageSource: AnyObject {
    /// Channels that have something to send, one bit each.
    func sendableChannels() -> UInt8
    /// Copies framed message bytes of a channel and says how many; 0 when there are none.
    func fill(_ channel: PeerChannel, into target: UnsafeMutableRawBufferPointer) -> Int
}

/// HTTP/2 by libnghttp2: four requests that stay open, one for each channel, with message bytes
/// as DATA both ways. Knows no socket: bytes in, messages out; messages in, bytes out.
///
/// libnghttp2 does not choose among the streams: the read callback of a stream defers itself
/// whenever a stream of higher priority has bytes and window, so the order is strict.
final class HTTP2Session {
    enum Role { case client, server }

    private static let maximumHeaders = 16
    private static let bytesPerCall = 64 * 1024

    private var session: OpaquePointer?
    private let role: Role
    private let limits: TransportLimits
    private unowned let source: any MessageSource

    private var streams = PerChannel<Int32> { _ in 0 }
    /// Whether libnghttp2 waits for us to resume the stream.
    private var isDeferred = PerChannel { _ in false }
    private var assemblers: PerChannel<MessageAssembler>
    private var isHeld = PerChannel { _ in false }
    private var heldBytes = PerChannel<[UInt8]> { _ in [] }

    /// The request or response headers being received.
    private var headersStream: Int32 = 0
    private var headerCount = 0
    private var method: [UInt8] = []
    private var path: [UInt8] = []
    private var status: [UInt8] = []

    private var failure: CloseReason?
    /// The error with which libnghttp2 itself ended the session.
    private var goAwayCode: UInt32 = 0
    private var scratch: [[UInt8]] = []
    /// Complete messages, in order; the owner takes them.
    private(set) var messages: [(PeerChannel, [UInt8])] = []
    /// Frames received in the last call of `receive`, and how many of them an honest peer is
    /// sparing with.
    private(set) var frames = 0
    private(set) var nuisances = 0
    private var nuisanceAllowance = 0

    init?(role: Role, limits: TransportLimits, source: any MessageSource) {
        self.role = role
        self.limits = limits
        self.source = source
        assemblers = PerChannel { MessageAssembler(maximum: limits.channels[$0].messageBytes) }
        guard open() else { return nil }
    }

    deinit {
        if let session { nghttp2_session_del(session) }
    }

    // MARK: Opening

    private func open() -> Bool {
        var callbacks: OpaquePointer?
        var options: OpaquePointer?
        guard nghttp2_session_callbacks_new(&callbacks) == 0, nghttp2_option_new(&options) == 0
        else { return false }
        defer {
            nghttp2_session_callbacks_del(callbacks)
            nghttp2_option_del(options)
        }
        Self.install(callbacks)
        nghttp2_option_set_no_auto_window_update(options, 1)
        nghttp2_option_set_no_closed_streams(options, 1)
        nghttp2_option_set_max_outbound_ack(options, 256)
        let owner = Unmanaged.passUnretained(self).toOpaque()
        switch role {
        case .client:
            guard nghttp2_session_client_new2(&session, callbacks, owner, options) == 0 else {
                return false
            }
        case .server:
            guard nghttp2_session_server_new2(&session, callbacks, owner, options) == 0 else {
                return false
            }
        }
        return submitSettings() && (role == .server || submitRequests())
    }

    private func submitSettings() -> Bool {
        func entry(_ id: nghttp2_settings_id, _ value: UInt32) -> nghttp2_settings_entry {
            nghttp2_settings_entry(settings_id: Int32(id.rawValue), value: value)
        }
        let settings = [
            entry(NGHTTP2_SETTINGS_ENABLE_PUSH, 0),
            entry(
                NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS,
                role == .server ? UInt32(PeerChannel.allCases.count) : 0),
            entry(NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, 4096),
            entry(NGHTTP2_SETTINGS_HEADER_TABLE_SIZE, 0),
        ]
        guard
            nghttp2_submit_settings(
                session, UInt8(NGHTTP2_FLAG_NONE.rawValue), settings, settings.count) == 0
        else { return false }
        // No channel may use up what another needs: the connection's window covers all of theirs.
        let sum = PeerChannel.allCases.reduce(0) { $0 + limits.channels[$1].windowBytes }
        return nghttp2_session_set_local_window_size(
            session, UInt8(NGHTTP2_FLAG_NONE.rawValue), 0, Int32(clamping: sum)) == 0
    }

    private func submitRequests() -> Bool {
        for channel in PeerChannel.allCases {
            let fields = [
                (":method", "POST"), (":scheme", "https"), (":authority", "prytany"),
                (":path", channel.path),
            ]
            var provider = Self.provider(channel)
            let stream = Self.withFields(fields) {
                nghttp2_submit_request(session, nil, $0.baseAddress, $0.count, &provider, nil)
            }
            guard stream > 0, openStream(stream, channel) else { return false }
        }
        return true
    }

    private func openStream(_ stream: Int32, _ channel: PeerChannel) -> Bool {
        streams[channel] = stream
        // A request's stream has no window of its own before its HEADERS frame has left.
        return role == .client || widenWindow(stream, channel)
    }

    private func widenWindow(_ stream: Int32, _ channel: PeerChannel) -> Bool {
        nghttp2_session_set_local_window_size(
            session, UInt8(NGHTTP2_FLAG_NONE.rawValue), stream,
            Int32(clamping: limits.channels[channel].windowBytes)) == 0
    }

    private func channel(of stream: Int32) -> PeerChannel? {
        PeerChannel.allCases.first { streams[$0] == stream }
    }

    private static func withFields<R>(
        _ fields: [(String, String)], _ body: (UnsafeBufferPointer<nghttp2_nv>) -> R
    ) -> R {
        var bytes = fields.flatMap { Array($0.0.utf8) + Array($0.1.utf8) }
        return bytes.withUnsafeMutableBufferPointer { storage in
            var entries: [nghttp2_nv] = []
            var next = storage.baseAddress
            for (name, value) in fields {
                entries.append(
                    nghttp2_nv(
                        name: next, value: next.map { $0 + name.utf8.count },
                        namelen: name.utf8.count, valuelen: value.utf8.count,
                        flags: UInt8(NGHTTP2_NV_FLAG_NONE.rawValue)))
                next = next.map { $0 + name.utf8.count + value.utf8.count }
            }
            return entries.withUnsafeBufferPointer(body)
        }
    }

    // MARK: Bytes in

    /// Takes bytes from the connection; complete messages are appended to `messages`. Returns why
    /// the connection must end, if it must.
    func receive(_ bytes: UnsafeRawBufferPointer, nuisanceAllowance: Int) -> CloseReason? {
        frames = 0
        nuisances = 0
        self.nuisanceAllowance = nuisanceAllowance
        let taken = nghttp2_session_mem_recv(
            session, bytes.assumingMemoryBound(to: UInt8.self).baseAddress, bytes.count)
        if let failure { return failure }
        return taken == bytes.count ? nil : .http2(code: Int32(clamping: taken))
    }

    func takeMessages() -> [(PeerChannel, [UInt8])] {
        defer { messages.removeAll(keepingCapacity: true) }
        return messages
    }

    /// Holds what arrives on a channel: the peer may send one window more and then has to wait,
    /// on this channel alone.
    func hold(_ channel: PeerChannel) { isHeld[channel] = true }

    func release(_ channel: PeerChannel) -> CloseReason? {
        guard isHeld[channel] else { return nil }
        isHeld[channel] = false
        let bytes = heldBytes[channel]
        heldBytes[channel] = []
        let taken = bytes.withUnsafeBytes { take($0, channel) }
        return taken ? nil : failure
    }

    private func fail(_ reason: CloseReason) -> Int32 {
        if failure == nil { failure = reason }
        return NGHTTP2_ERR_CALLBACK_FAILURE.rawValue
    }

    private func receivedData(_ bytes: UnsafeRawBufferPointer, stream: Int32) -> Int32 {
        guard let channel = channel(of: stream) else { return fail(.unexpectedRequest) }
        guard nghttp2_session_consume_connection(session, bytes.count) == 0 else {
            return fail(.http2(code: NGHTTP2_ERR_INVALID_STATE.rawValue))
        }
        if isHeld[channel] {
            // The window bounds what can come here.
            heldBytes[channel].append(contentsOf: bytes)
            return 0
        }
        return take(bytes, channel) ? 0 : NGHTTP2_ERR_CALLBACK_FAILURE.rawValue
    }

    private func take(_ bytes: UnsafeRawBufferPointer, _ channel: PeerChannel) -> Bool {
        guard bytes.count > 0 else { return true }
        let verdict = assemblers[channel].feed(bytes, into: &scratch)
        for message in scratch { messages.append((channel, message)) }
        scratch.removeAll(keepingCapacity: true)
        switch verdict {
        case .accepted: break
        case .empty:
            _ = fail(.emptyMessage(channel))
            return false
        case .oversize(let count):
            let maximum = limits.channels[channel].messageBytes
            _ = fail(.oversizeMessage(channel, bytes: count, maximum: maximum))
            return false
        }
        guard nghttp2_session_consume_stream(session, streams[channel], bytes.count) == 0 else {
            _ = fail(.http2(code: NGHTTP2_ERR_INVALID_STATE.rawValue))
            return false
        }
        return true
    }

    private func began(_ frame: nghttp2_frame_hd) -> Int32 {
        frames += 1
        let type = UInt32(frame.type)
        if type == NGHTTP2_WINDOW_UPDATE.rawValue { return 0 }
        if type == NGHTTP2_DATA.rawValue, frame.length > 0 { return 0 }
        nuisances += 1
        return nuisances > nuisanceAllowance ? fail(.frameFlood) : 0
    }

    private func beganHeaders(_ stream: Int32) -> Int32 {
        headersStream = stream
        headerCount = 0
        method = []
        path = []
        status = []
        return 0
    }

    private func receivedHeader(
        _ stream: Int32, _ name: UnsafeBufferPointer<UInt8>, _ value: UnsafeBufferPointer<UInt8>
    ) -> Int32 {
        headerCount += 1
        guard stream == headersStream, headerCount <= Self.maximumHeaders, value.count <= 64
        else { return fail(.unexpectedRequest) }
        if name.elementsEqual(":method".utf8) { method = Array(value) }
        if name.elementsEqual(":path".utf8) { path = Array(value) }
        if name.elementsEqual(":status".utf8) { status = Array(value) }
        return 0
    }

    private func received(_ frame: UnsafePointer<nghttp2_frame>) -> Int32 {
        let header = frame.pointee.hd
        switch UInt32(header.type) {
        case NGHTTP2_HEADERS.rawValue:
            guard header.flags & UInt8(NGHTTP2_FLAG_END_STREAM.rawValue) == 0 else {
                return fail(.unexpectedRequest)
            }
            return role == .server ? accept(header.stream_id) : checkResponse(header.stream_id)
        case NGHTTP2_GOAWAY.rawValue:
            return fail(.goAway(code: frame.pointee.goaway.error_code))
        default:
            return 0
        }
    }

    private func accept(_ stream: Int32) -> Int32 {
        let named = PeerChannel.allCases.first { path.elementsEqual($0.path.utf8) }
        guard let channel = named, method.elementsEqual("POST".utf8), streams[channel] == 0 else {
            return fail(.unexpectedRequest)
        }
        var provider = Self.provider(channel)
        let result = Self.withFields([(":status", "200")]) {
            nghttp2_submit_response(session, stream, $0.baseAddress, $0.count, &provider)
        }
        guard result == 0, openStream(stream, channel) else {
            return fail(.http2(code: result))
        }
        return 0
    }

    private func checkResponse(_ stream: Int32) -> Int32 {
        guard channel(of: stream) != nil, status.elementsEqual("200".utf8) else {
            return fail(.unexpectedRequest)
        }
        return 0
    }

    // MARK: Bytes out

    /// Appends what there is to send, up to about `limit` bytes; nothing appended means that there
    /// is nothing that may be sent now.
    func produce(into buffer: inout ByteBuffer, limit: Int) -> CloseReason? {
        let start = buffer.readableBytes
        while buffer.readableBytes - start < limit {
            let resumed = resumeFirst()
            var bytes: UnsafePointer<UInt8>?
            let count = nghttp2_session_mem_send(session, &bytes)
            if let failure { return failure }
            if count < 0 { return .http2(code: Int32(clamping: count)) }
            if count > 0 {
                buffer.writeBytes(UnsafeRawBufferPointer(start: bytes, count: count))
            } else if !resumed, !resumeFirst() {
                break
            }
        }
        return nil
    }

    private func mayStart(_ channel: PeerChannel, _ sendable: UInt8) -> Bool {
        sendable & channel.bit != 0 && streams[channel] != 0
            && nghttp2_session_get_stream_remote_window_size(session, streams[channel]) > 0
    }

    /// Resumes the first channel that has both bytes and window, if it is deferred.
    private func resumeFirst() -> Bool {
        let sendable = source.sendableChannels()
        guard sendable != 0 else { return false }
        for channel in PeerChannel.allCases where mayStart(channel, sendable) {
            guard isDeferred[channel] else { return false }
            isDeferred[channel] = false
            return nghttp2_session_resume_data(session, streams[channel]) == 0
        }
        return false
    }

    private func readData(
        _ channel: PeerChannel, into target: UnsafeMutableRawBufferPointer
    ) -> Int {
        let sendable = source.sendableChannels()
        let higher = PeerChannel.allCases.prefix(channel.index)
        if sendable & channel.bit != 0, !higher.contains(where: { mayStart($0, sendable) }) {
            let count = source.fill(channel, into: target)
            if count > 0 { return count }
        }
        isDeferred[channel] = true
        return Int(NGHTTP2_ERR_DEFERRED.rawValue)
    }

    func ping() { _ = nghttp2_submit_ping(session, UInt8(NGHTTP2_FLAG_NONE.rawValue), nil) }

    /// A last GOAWAY, so that the other side can log that it was at fault.
    func terminate(isBreach: Bool) {
        let code = isBreach ? NGHTTP2_PROTOCOL_ERROR : NGHTTP2_NO_ERROR
        _ = nghttp2_session_terminate_session(session, code.rawValue)
    }

    /// Why HTTP/2 considers the connection finished, if it does.
    var ending: CloseReason? {
        guard nghttp2_session_want_read(session) == 0, nghttp2_session_want_write(session) == 0
        else { return nil }
        return goAwayCode == 0 ? .closedByPeer : .http2(code: Int32(clamping: goAwayCode))
    }

    private func sent(_ frame: UnsafePointer<nghttp2_frame>) -> Int32 {
        let header = frame.pointee.hd
        switch UInt32(header.type) {
        case NGHTTP2_HEADERS.rawValue:
            guard role == .client, let channel = channel(of: header.stream_id) else { return 0 }
            return widenWindow(header.stream_id, channel) ? 0 : Self.failed
        case NGHTTP2_GOAWAY.rawValue:
            goAwayCode = frame.pointee.goaway.error_code
            return 0
        default:
            return 0
        }
    }

    // MARK: Callbacks

    private static func owner(_ pointer: UnsafeMutableRawPointer?) -> HTTP2Session? {
        pointer.map { Unmanaged<HTTP2Session>.fromOpaque($0).takeUnretainedValue() }
    }

    private static let failed = NGHTTP2_ERR_CALLBACK_FAILURE.rawValue

    private static func provider(_ channel: PeerChannel) -> nghttp2_data_provider {
        nghttp2_data_provider(
            source: nghttp2_data_source(fd: Int32(channel.rawValue)),
            read_callback: { _, _, target, count, _, source, owner in
                guard let session = HTTP2Session.owner(owner), let source,
                    let channel = PeerChannel(rawValue: UInt8(clamping: source.pointee.fd))
                else { return Int(NGHTTP2_ERR_CALLBACK_FAILURE.rawValue) }
                return session.readData(
                    channel, into: UnsafeMutableRawBufferPointer(start: target, count: count))
            })
    }

    private static func install(_ callbacks: OpaquePointer?) {
        nghttp2_session_callbacks_set_on_begin_frame_callback(callbacks) { _, header, owner in
            guard let header, let session = HTTP2Session.owner(owner) else {
                return HTTP2Session.failed
            }
            return session.began(header.pointee)
        }
        nghttp2_session_callbacks_set_on_begin_headers_callback(callbacks) { _, frame, owner in
            guard let frame, let session = HTTP2Session.owner(owner) else {
                return HTTP2Session.failed
            }
            return session.beganHeaders(frame.pointee.hd.stream_id)
        }
        nghttp2_session_callbacks_set_on_header_callback(callbacks) {
            _, frame, name, nameCount, value, valueCount, _, owner in
            guard let frame, let session = HTTP2Session.owner(owner) else {
                return HTTP2Session.failed
            }
            return session.receivedHeader(
                frame.pointee.hd.stream_id, UnsafeBufferPointer(start: name, count: nameCount),
                UnsafeBufferPointer(start: value, count: valueCount))
        }
        nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks) { _, frame, owner in
            guard let frame, let session = HTTP2Session.owner(owner) else {
                return HTTP2Session.failed
            }
            return session.received(frame)
        }
        nghttp2_session_callbacks_set_on_frame_send_callback(callbacks) { _, frame, owner in
            guard let frame, let session = HTTP2Session.owner(owner) else {
                return HTTP2Session.failed
            }
            return session.sent(frame)
        }
        nghttp2_session_callbacks_set_on_invalid_frame_recv_callback(callbacks) {
            _, _, code, owner in
            guard let session = HTTP2Session.owner(owner) else { return HTTP2Session.failed }
            return session.fail(.http2(code: code))
        }
        nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks) {
            _, _, stream, bytes, count, owner in
            guard let session = HTTP2Session.owner(owner) else { return HTTP2Session.failed }
            return session.receivedData(
                UnsafeRawBufferPointer(start: bytes, count: count), stream: stream)
        }
        nghttp2_session_callbacks_set_on_stream_close_callback(callbacks) {
            _, _, code, owner in
            guard let session = HTTP2Session.owner(owner) else { return HTTP2Session.failed }
            return session.fail(.streamClosed(code: code))
        }
    }
}
