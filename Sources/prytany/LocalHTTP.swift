import Foundation
import Glibc

/// The smallest HTTP/1.1 client that can ask a node on this machine how it is: one request, one
/// answer, then the connection is closed. Blocking, with a time limit.
enum LocalHTTP {
    struct Answer {
        let status: Int
        let body: Data
    }

    static let loopback = "127.0.0.1"

    static func get(
        host: String = loopback, port: Int, path: String, milliseconds: Int = 1000
    ) -> Answer? {
        exchange(
            host: host, port: port,
            request: "GET \(path) HTTP/1.1\r\nHost: \(host)\r\nConnection: close\r\n\r\n",
            milliseconds: milliseconds)
    }

    static func post(
        host: String = loopback, port: Int, path: String, json: String, milliseconds: Int = 10_000
    ) -> Answer? {
        exchange(
            host: host, port: port,
            request: "POST \(path) HTTP/1.1\r\nHost: \(host)\r\nConnection: close\r\n"
                + "Content-Type: application/json\r\nContent-Length: \(json.utf8.count)\r\n\r\n\(json)",
            milliseconds: milliseconds)
    }

    private static func exchange(
        host: String, port: Int, request: String, milliseconds: Int
    ) -> Answer? {
        guard let socket = connect(host: host, port: port, milliseconds: milliseconds) else {
            return nil
        }
        defer { close(socket) }
        guard sendAll(Array(request.utf8), on: socket) else { return nil }
        var answer = Data()
        var buffer = [UInt8](repeating: 0, count: 65536)
        while true {
            let count = recv(socket, &buffer, buffer.count, 0)
            if count < 0 { return nil }
            if count == 0 { break }
            answer.append(contentsOf: buffer[0..<count])
            if answer.count > 64 << 20 { return nil }
        }
        return parse(answer)
    }

    static func address(_ host: String, _ port: Int) -> sockaddr_in {
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = UInt16(clamping: port).bigEndian
        address.sin_addr.s_addr = inet_addr(host)
        return address
    }

    /// A connected socket with time limits, or nil.
    static func connect(host: String = loopback, port: Int, milliseconds: Int) -> Int32? {
        let socket = Glibc.socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        guard socket >= 0 else { return nil }
        var limit = timeval(tv_sec: milliseconds / 1000, tv_usec: milliseconds % 1000 * 1000)
        let size = socklen_t(MemoryLayout<timeval>.size)
        setsockopt(socket, SOL_SOCKET, SO_RCVTIMEO, &limit, size)
        setsockopt(socket, SOL_SOCKET, SO_SNDTIMEO, &limit, size)
        var address = address(host, port)
        let connected = withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                Glibc.connect(socket, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        guard connected == 0 else {
            close(socket)
            return nil
        }
        return socket
    }

    fileprivate static func sendAll(_ request: [UInt8], on socket: Int32) -> Bool {
        var bytes = request[...]
        while !bytes.isEmpty {
            let sent = bytes.withUnsafeBytes {
                send(socket, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL))
            }
            guard sent > 0 else { return false }
            bytes = bytes.dropFirst(sent)
        }
        return true
    }

    private static func parse(_ data: Data) -> Answer? {
        guard let split = data.range(of: Data("\r\n\r\n".utf8)),
            let head = String(data: data[..<split.lowerBound], encoding: .utf8)
        else { return nil }
        let parts = head.prefix(while: { $0 != "\r\n" }).split(separator: " ")
        guard parts.count >= 2, let status = Int(parts[1]) else { return nil }
        var body = Data(data[split.upperBound...])
        if head.lowercased().contains("transfer-encoding: chunked") {
            guard let joined = unchunk(body) else { return nil }
            body = joined
        }
        return Answer(status: status, body: body)
    }

    private static func unchunk(_ data: Data) -> Data? {
        var rest = data[...]
        var body = Data()
        while let line = rest.range(of: Data("\r\n".utf8)),
            let text = String(data: rest[rest.startIndex..<line.lowerBound], encoding: .utf8),
            let count = Int(text, radix: 16)
        {
            if count == 0 { return body }
            guard rest.distance(from: line.upperBound, to: rest.endIndex) >= count + 2 else {
                return nil
            }
            body.append(rest[line.upperBound..<(line.upperBound + count)])
            rest = rest[(line.upperBound + count + 2)...]
        }
        return nil
    }
}

/// A connection that stays, for a client with many requests. Reads answers that state their length,
/// as a node's do. One thread's; after a failure the next request connects anew.
final class LocalConnection {
    private let host: String
    private let port: Int
    private let milliseconds: Int
    private var socket: Int32?
    private var received: [UInt8] = []

    init(host: String = LocalHTTP.loopback, port: Int, milliseconds: Int = 10_000) {
        self.host = host
        self.port = port
        self.milliseconds = milliseconds
    }

    deinit { if let socket { close(socket) } }

    /// The answer's body, or nil where the node did not answer in time.
    func post(path: String, json: String) -> [UInt8]? {
        if socket == nil {
            socket = LocalHTTP.connect(host: host, port: port, milliseconds: milliseconds)
        }
        guard let socket else { return nil }
        let request =
            "POST \(path) HTTP/1.1\r\nHost: \(host)\r\nContent-Type: application/json\r\n"
            + "Content-Length: \(json.utf8.count)\r\n\r\n\(json)"
        if LocalHTTP.sendAll(Array(request.utf8), on: socket), let body = readBody(socket) {
            return body
        }
        close(socket)
        self.socket = nil
        received = []
        return nil
    }

    private func readBody(_ socket: Int32) -> [UInt8]? {
        let end = Array("\r\n\r\n".utf8)
        var buffer = [UInt8](repeating: 0, count: 65_536)
        var bodyStart: Int?
        var length = 0
        while true {
            if bodyStart == nil, received.count >= 4,
                let split = (0...(received.count - 4)).first(where: {
                    received[$0...].starts(with: end)
                })
            {
                let head = String(decoding: received[..<split], as: UTF8.self).lowercased()
                guard let field = head.range(of: "content-length:") else { return nil }
                let digits = head[field.upperBound...].drop { $0 == " " }.prefix { $0.isNumber }
                guard let count = Int(digits), count <= 64 << 20 else { return nil }
                bodyStart = split + 4
                length = count
            }
            if let bodyStart, received.count >= bodyStart + length {
                let body = Array(received[bodyStart..<(bodyStart + length)])
                received.removeFirst(bodyStart + length)
                return body
            }
            let count = recv(socket, &buffer, buffer.count, 0)
            guard count > 0 else { return nil }
            received += buffer[0..<count]
        }
    }
}
