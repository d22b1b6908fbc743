import Execution
import Foundation
import SequencerNode
import StarkCurve
import StarkField
import Synchronization
import WireCodec

/// Signed STRK transfers, made before the measurement and sent at a steady rate: each account's go
/// in nonce order to one node, in small JSON-RPC batches over a connection that stays.
final class TransferLoad: @unchecked Sendable {
    /// Batches that each node gets in a second at most, as from a busy gateway; the nodes' limit of
    /// calls in one batch is 50.
    private static let batchesPerSecond = 100
    private static let maximumBatch = 40

    private let ports: [Int]
    private let rate: Int
    /// Bodies in send order, for each node.
    private var bodies: [[(count: Int, json: String)]]
    private let stopping = Atomic<Bool>(false)
    private let refusals = Atomic<UInt64>(0)

    var refusedCount: UInt64 { refusals.load(ordering: .relaxed) }

    init(layout: ClusterLayout, ports: [Int], rate: Int, seconds: Int) throws {
        self.ports = ports
        self.rate = rate
        let accounts = try layout.accounts()
        guard let chain = Felt(shortString: "PRYTANY_DEV") else {
            throw CommandFailure("the chain's name is not a short string")
        }
        let senders = try accounts.map { account -> (Felt, SecretKey) in
            guard let address = Felt(hex: account.address),
                let secret = Felt(hex: account.secretKey).flatMap({ SecretKey($0) })
            else { throw CommandFailure("\(layout.accountsPath) has a malformed account") }
            return (address, secret)
        }
        let batch = min(
            Self.maximumBatch, max(1, rate / ports.count / Self.batchesPerSecond))
        let total = rate * seconds
        let rounds = (total + senders.count - 1) / senders.count
        bodies = Array(repeating: [], count: ports.count)
        // Signed on every core: this is before the measurement.
        let made = Mutex([[[String]]](repeating: [], count: rounds))
        DispatchQueue.concurrentPerform(iterations: rounds) { round in
            var lanes = [[String]](repeating: [], count: ports.count)
            for (index, sender) in senders.enumerated() {
                let receiver = senders[(index + 1) % senders.count].0
                lanes[index % ports.count].append(
                    SignedTransfer(
                        sender: sender.0, secret: sender.1, receiver: receiver,
                        nonce: UInt64(round), chain: chain
                    ).call)
            }
            let finished = lanes
            made.withLock { $0[round] = finished }
        }
        let all = made.withLock { $0 }
        for node in ports.indices {
            var waiting: [String] = []
            for round in all {
                for call in round[node] {
                    waiting.append(call)
                    if waiting.count == batch {
                        bodies[node].append(
                            (waiting.count, "[" + waiting.joined(separator: ",") + "]"))
                        waiting.removeAll(keepingCapacity: true)
                    }
                }
            }
        }
    }

    /// One sender thread a node; each makes up what is due.
    func start() {
        for node in ports.indices {
            Thread.detachNewThread { [self] in send(node) }
        }
    }

    private func send(_ node: Int) {
        let share = Double(rate) / Double(ports.count)
        let connection = LocalConnection(port: ports[node])
        let start = Date()
        var sent = 0
        for body in bodies[node] {
            if stopping.load(ordering: .relaxed) { return }
            let due = Double(sent) / share - Date().timeIntervalSince(start)
            if due > 0 { Thread.sleep(forTimeInterval: due) }
            sent += body.count
            guard let answer = connection.post(path: "/", json: body.json) else {
                refusals.add(UInt64(body.count), ordering: .relaxed)
                continue
            }
            let errors = Self.errors(in: answer)
            if errors > 0 { refusals.add(UInt64(errors), ordering: .relaxed) }
        }
    }

    /// How often `"error"` occurs.
    static func errors(in answer: [UInt8]) -> Int {
        let word = Array("\"error\"".utf8)
        var count = 0
        for start in answer.indices where answer[start] == word[0] {
            if answer[start...].starts(with: word) { count += 1 }
        }
        return count
    }

    func stop() { stopping.store(true, ordering: .relaxed) }
}
