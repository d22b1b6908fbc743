import Foundation
import Glibc

/// The smallest HTTP/1.1 client that can ask a node on this machine how it is: one request, one
/// answer, then the connection is closed. Blocking, with a time limit.
enum LocalHTTP {
    struct Answer {
        let status: Int
        let body: Data
    }

    static func get(port: Int, path: String, milliseconds: Int = 1000) -> Answer? {
        exchange(
            port: port,
            request: "GET \(path) HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n",
            milliseconds: milliseconds)
    }

    static func post(port: Int, path: String, json: String, milliseconds: Int = 10_000) -> Answer? {
        exchange(
            port: port,
            request: "POST \(path) HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n"
                + "Content-Type: application/json\r\nContent-Length: \(json.utf8.count)\r\n\r\n\(json)",
            milliseconds: milliseconds)
    }

    private static func exchange(port: Int, request: String, milliseconds: Int) -> Answer? {
        let socket = Glibc.socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        guard socket >= 0 else { return nil }
        defer { close(socket) }
        var limit = timeval(tv_sec: milliseconds / 1000, tv_usec: milliseconds % 1000 * 1000)
        setsockopt(
            socket, SOL_SOCKET, SO_RCVTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
        setsockopt(
            socket, SOL_SOCKET, SO_SNDTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = UInt16(clamping: port).bigEndian
        address.sin_addr.s_addr = inet_addr("127.0.0.1")
        let connected = withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(socket, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        guard connected == 0 else { return nil }
        var bytes = Array(request.utf8)[...]
        while !bytes.isEmpty {
            let sent = bytes.withUnsafeBytes {
                send(socket, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL))
            }
            guard sent > 0 else { return nil }
            bytes = bytes.dropFirst(sent)
        }
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
