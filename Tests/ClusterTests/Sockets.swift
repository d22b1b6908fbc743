import Foundation
import Glibc

/// A TCP socket on loopback, closed with its owner. Blocking, with time limits.
final class Socket {
    private let descriptor: Int32

    private init?() {
        descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        if descriptor < 0 { return nil }
    }

    private static func address(_ port: Int) -> sockaddr_in {
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = UInt16(clamping: port).bigEndian
        address.sin_addr.s_addr = inet_addr("127.0.0.1")
        return address
    }

    private func withAddress(
        _ port: Int, _ body: (UnsafePointer<sockaddr>, socklen_t) -> Int32
    ) -> Bool {
        var address = Self.address(port)
        return withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                body($0, socklen_t(MemoryLayout<sockaddr_in>.size)) == 0
            }
        }
    }

    convenience init?(listeningOn port: Int) {
        self.init()
        let bound = withAddress(port) { bind(descriptor, $0, $1) }
        guard bound, listen(descriptor, 1) == 0 else { return nil }
    }

    convenience init?(connectedTo port: Int, milliseconds: Int = 2000) {
        self.init()
        var limit = timeval(
            tv_sec: milliseconds / 1000, tv_usec: milliseconds % 1000 * 1000)
        let size = socklen_t(MemoryLayout<timeval>.size)
        setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &limit, size)
        setsockopt(descriptor, SOL_SOCKET, SO_SNDTIMEO, &limit, size)
        guard withAddress(port, { connect(descriptor, $0, $1) }) else { return nil }
    }

    deinit { if descriptor >= 0 { close(descriptor) } }

    /// Sends until the other side no longer takes it; whether all was taken.
    @discardableResult
    func send(_ bytes: [UInt8]) -> Bool {
        var rest = bytes[...]
        while !rest.isEmpty {
            let sent = rest.withUnsafeBytes {
                Glibc.send(descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL))
            }
            guard sent > 0 else { return false }
            rest = rest.dropFirst(sent)
        }
        return true
    }

    func endSending() { shutdown(descriptor, Int32(SHUT_WR)) }

    /// What comes until the other side closes or a time limit passes; at most `maximum` bytes.
    func receive(maximum: Int = 64 << 20) -> [UInt8] {
        var answer: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 65536)
        while answer.count < maximum {
            let count = recv(descriptor, &buffer, buffer.count, 0)
            guard count > 0 else { break }
            answer += buffer[0..<count]
        }
        return answer
    }
}

/// One request, one answer, by HTTP/1.1 with `Connection: close`.
enum HTTP {
    static func get(port: Int, path: String) -> Data? {
        exchange(
            port, "GET \(path) HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n")
    }

    /// A JSON-RPC result; nil without an answer or for an error.
    static func call(port: Int, _ method: String, _ parameters: String) -> Any? {
        let body = #"{"jsonrpc":"2.0","id":1,"method":"\#(method)","params":\#(parameters)}"#
        let answer = exchange(
            port,
            "POST / HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n"
                + "Content-Type: application/json\r\nContent-Length: \(body.utf8.count)\r\n\r\n"
                + body)
        guard let answer, let object = try? JSONSerialization.jsonObject(with: answer) else {
            return nil
        }
        return (object as? [String: Any])?["result"]
    }

    private static func exchange(_ port: Int, _ request: String) -> Data? {
        guard let socket = Socket(connectedTo: port), socket.send(Array(request.utf8)) else {
            return nil
        }
        let answer = Data(socket.receive())
        guard let split = answer.range(of: Data("\r\n\r\n".utf8)) else { return nil }
        let head = String(decoding: answer[..<split.lowerBound], as: UTF8.self).lowercased()
        guard head.hasPrefix("http/1.1 200") else { return nil }
        let body = Data(answer[split.upperBound...])
        return head.contains("transfer-encoding: chunked") ? unchunk(body) : body
    }

    private static func unchunk(_ data: Data) -> Data? {
        var rest = data[...]
        var body = Data()
        while let line = rest.range(of: Data("\r\n".utf8)) {
            let text = String(decoding: rest[rest.startIndex..<line.lowerBound], as: UTF8.self)
            guard let count = Int(text, radix: 16) else { return nil }
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
