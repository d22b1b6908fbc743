import Execution
import Foundation
import Primitives
import SequencerNode
import Simulation
import StarkField
import Synchronization

/// Users who pay each other through any node's JSON-RPC, and send again what they do not see
/// included, through one node after the other: as the simulator's users do. On a thread of their own.
final class ChaosUsers: @unchecked Sendable {
    private struct Sent {
        let hash: Digest
        let call: String
        var at: UInt64
    }

    private struct News {
        var included: [Digest] = []
        var rate: UInt64
        var isStopping = false
        var isEnded = false
    }

    static let patience: UInt64 = 3_000_000_000
    /// Payments of one account that wait for inclusion: its user sends no more. A JSON-RPC batch
    /// holds 50 calls at most.
    static let waitingPerAccount = 40

    private let accounts: [ChaosFolder.Account]
    private let chain: Felt
    private let gateways: [NodeGateway]
    private let condition = NSCondition()
    /// Under the condition's lock.
    private var news: News
    private let sentCount = Atomic<UInt64>(0)

    // Of the users' thread.
    private var generator: SeededGenerator
    private var nonces: [UInt64]
    private var waiting: [[Sent]]
    private var owner: [Digest: Int] = [:]
    private var turn = 0
    /// The node that each account's user tries next.
    private var nextNode: [Int]

    init(_ folder: ChaosFolder, _ workload: Scenario.Workload, seed: UInt64) throws {
        guard let chain = Felt(shortString: ChaosFolder.chainName) else {
            throw CommandFailure("\(ChaosFolder.chainName) is no short string")
        }
        self.chain = chain
        accounts = folder.accounts
        gateways = folder.places.map { NodeGateway(host: $0.host, port: $0.rpcPort) }
        news = News(rate: workload.rate)
        generator = SeededGenerator(seed: seed ^ 0x7573_6572)
        nonces = Array(repeating: 0, count: accounts.count)
        waiting = Array(repeating: [], count: accounts.count)
        nextNode = Array(accounts.indices)
    }

    var sent: UInt64 { sentCount.load(ordering: .relaxed) }
    /// Calls that were answered with an error: a second copy of what a node has is one, too.
    var refused: UInt64 { gateways.reduce(0) { $0 + $1.refused } }

    var rate: UInt64 {
        get { condition.withLock { news.rate } }
        set {
            condition.withLock { news.rate = newValue }
            condition.signal()
        }
    }

    func included(_ hashes: [Digest]) {
        guard !hashes.isEmpty else { return }
        condition.withLock { news.included += hashes }
    }

    func start() { Thread.detachNewThread { [self] in work() } }

    /// Nothing is sent any more when it returns, but what a node has not answered.
    func stop() {
        condition.lock()
        news.isStopping = true
        condition.signal()
        while !news.isEnded { condition.wait() }
        condition.unlock()
    }

    private func work() {
        var due = ObservationFeed.now
        var look = due + 1_000_000_000
        while true {
            condition.lock()
            let now = ObservationFeed.now
            let rate = news.rate
            let next = min(rate > 0 ? due : .max, look)
            if next > now, !news.isStopping {
                _ = condition.wait(until: Date(timeIntervalSinceNow: Double(next - now) / 1e9))
            }
            let included = news.included
            news.included = []
            let isStopping = news.isStopping
            if isStopping {
                news.isEnded = true
                condition.broadcast()
            }
            condition.unlock()
            if isStopping { return }
            forget(included)
            let time = ObservationFeed.now
            if rate > 0, time >= due {
                pay(time)
                // Who was late makes up for it, within a second.
                due = max(due + 1_000_000_000 / rate, time - min(time, 1_000_000_000))
            } else if rate == 0 {
                due = time + 50_000_000
            }
            if time >= look {
                repeatUnseen(time)
                look = time + 500_000_000
            }
        }
    }

    private func forget(_ included: [Digest]) {
        for hash in included {
            guard let account = owner.removeValue(forKey: hash) else { continue }
            waiting[account].removeAll { $0.hash == hash }
        }
    }

    private func pay(_ now: UInt64) {
        turn = (turn + 1) % accounts.count
        let account = turn
        guard waiting[account].count < Self.waitingPerAccount else { return }
        let other = Int(generator.uniform(below: UInt64(accounts.count)))
        let transfer = SignedTransfer(
            sender: accounts[account].address, secret: accounts[account].secret,
            receiver: accounts[other].address, amount: 1 + generator.uniform(below: 5),
            nonce: nonces[account], chain: chain)
        nonces[account] += 1
        sentCount.add(1, ordering: .relaxed)
        let hash = Digest(transfer.hash)
        waiting[account].append(Sent(hash: hash, call: transfer.call, at: now))
        owner[hash] = account
        let gateway = gateways[Int(generator.uniform(below: UInt64(gateways.count)))]
        gateway.send([transfer.call])
    }

    private func repeatUnseen(_ now: UInt64) {
        for account in waiting.indices {
            guard waiting[account].contains(where: { now >= $0.at + Self.patience }) else {
                continue
            }
            let gateway = gateways[nextNode[account] % gateways.count]
            nextNode[account] += 1
            for index in waiting[account].indices { waiting[account][index].at = now }
            gateway.send(waiting[account].map(\.call))
        }
    }
}

/// One node's JSON-RPC, a request after the other on a queue of its own. What does not fit into the
/// queue is forgotten: its user sends it again.
private final class NodeGateway: @unchecked Sendable {
    private static let bound = 64
    private let queue: DispatchQueue
    /// Of the queue alone.
    private let connection: LocalConnection
    private let pending = Atomic<Int>(0)
    private let refusals = Atomic<UInt64>(0)
    var refused: UInt64 { refusals.load(ordering: .relaxed) }

    init(host: String, port: Int) {
        queue = DispatchQueue(label: "gateway-\(port)")
        connection = LocalConnection(host: host, port: port, milliseconds: 2000)
    }

    func send(_ calls: [String]) {
        guard pending.load(ordering: .relaxed) < Self.bound else { return }
        pending.add(1, ordering: .relaxed)
        queue.async { [self] in
            defer { pending.subtract(1, ordering: .relaxed) }
            // No answer: the node is down, paused or slow. The user sees it by what is not included.
            guard
                let answer = connection.post(
                    path: "/", json: "[" + calls.joined(separator: ",") + "]")
            else { return }
            let errors = TransferLoad.errors(in: answer)
            refusals.add(UInt64(errors), ordering: .relaxed)
        }
    }
}
