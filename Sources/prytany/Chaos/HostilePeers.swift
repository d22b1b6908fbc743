import Foundation
import Glibc
import Primitives
import Synchronization

/// Somebody outside who connects to nodes' peer ports and speaks nonsense: noise, halves of a TLS
/// greeting, other protocols, silence. On a thread of its own until it is stopped.
final class HostilePeers: @unchecked Sendable {
    private static let held = 32
    private let targets: [(host: String, port: Int)]
    /// Of the thread.
    private var draw: SeededGenerator
    private let isStopping = Atomic<Bool>(false)
    private let ended = DispatchSemaphore(value: 0)
    private let made = Atomic<UInt64>(0)
    var connections: UInt64 { made.load(ordering: .relaxed) }

    init(targets: [(host: String, port: Int)], seed: UInt64) {
        self.targets = targets
        draw = SeededGenerator(seed: seed ^ 0x686f_7374)
    }

    func start() { Thread.detachNewThread { [self] in work() } }

    /// Waits until it has ended; a second call returns at once.
    func stop() {
        isStopping.store(true, ordering: .relaxed)
        ended.wait()
        ended.signal()
    }

    private func work() {
        var open: [Int32] = []
        var turn = 0
        while !isStopping.load(ordering: .relaxed), !targets.isEmpty {
            let target = targets[turn % targets.count]
            turn += 1
            if let socket = LocalHTTP.connect(
                host: target.host, port: target.port, milliseconds: 200)
            {
                made.add(1, ordering: .relaxed)
                let bytes = speech(turn)
                _ = send(socket, bytes, bytes.count, Int32(MSG_NOSIGNAL))
                open.append(socket)
            }
            if open.count > Self.held {
                // Some end in good order, some with a reset.
                let socket = open.removeFirst()
                if turn.isMultiple(of: 2) {
                    var abrupt = linger(l_onoff: 1, l_linger: 0)
                    setsockopt(
                        socket, SOL_SOCKET, SO_LINGER, &abrupt,
                        socklen_t(MemoryLayout<linger>.size))
                }
                close(socket)
            }
            // Some hundred connections a second: a storm, and not all of the machine.
            _ = poll(nil, 0, 3)
        }
        for socket in open { close(socket) }
        ended.signal()
    }

    private func noise(_ count: Int) -> [UInt8] {
        (0..<count).map { _ in UInt8(truncatingIfNeeded: draw.next()) }
    }

    private func speech(_ turn: Int) -> [UInt8] {
        let hello: [UInt8] = [22, 3, 1, 2, 0, 1, 0, 1, 252, 3, 3]
        switch turn % 6 {
        case 0: return noise(1 + Int(draw.uniform(below: 4000)))
        case 1: return hello + noise(300)
        case 2: return Array("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".utf8) + noise(64)
        case 3: return Array("GET / HTTP/1.1\r\nHost: a\r\n\r\n".utf8)
        case 4: return [22, 3, 3, 255, 255] + noise(16_000)
        default: return []
        }
    }
}
