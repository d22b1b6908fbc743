import Mempool
import Primitives
import Replica

/// Users who pay each other through any node, and send again what they do not see included, through
/// one node after the other: a Byzantine one may keep it to itself.
struct Users {
    private struct Sent {
        let account: Int
        let payment: Payment
        let bytes: [UInt8]
        let hash: Digest
        var at: UInt64
    }

    static let patience: UInt64 = 3_000_000_000
    /// Payments of one account that wait for inclusion: its user sends no more.
    static let waitingPerAccount = 64

    private let workload: Scenario.Workload
    var rate: UInt64
    private var generator: SeededGenerator
    private var nonces: [UInt64]
    private var waiting: [[Sent]]
    private var place: [Digest: Int] = [:]
    private var turn = 0
    /// The node that each account's user tries next.
    private var nextNode: [Int]
    private(set) var sent: UInt64 = 0
    private(set) var includedCount: UInt64 = 0

    init(_ workload: Scenario.Workload, seed: UInt64) {
        self.workload = workload
        rate = workload.rate
        generator = SeededGenerator(seed: seed ^ 0x7573_6572)
        nonces = Array(repeating: 0, count: workload.accounts)
        waiting = Array(repeating: [], count: workload.accounts)
        nextNode = Array(0..<workload.accounts)
    }

    var waitingCount: Int { waiting.reduce(0) { $0 + $1.count } }

    func begin(_ simulator: Simulator) {
        simulator.after(300_000_000) { Users.pay($0) }
        simulator.after(1_000_000_000) { Users.repeatUnseen($0) }
    }

    private static func pay(_ simulator: Simulator) {
        let rate = simulator.users.rate
        guard rate > 0 else {
            simulator.after(100_000_000) { pay($0) }
            return
        }
        if let (bytes, node) = simulator.users.next(simulator) {
            simulator.submit([bytes], to: node)
        }
        simulator.after(max(1, 1_000_000_000 / rate)) { pay($0) }
    }

    private mutating func next(_ simulator: Simulator) -> ([UInt8], Int)? {
        turn = (turn + 1) % workload.accounts
        let account = turn
        guard waiting[account].count < Self.waitingPerAccount else { return nil }
        let other = Int(generator.uniform(below: UInt64(workload.accounts)))
        let payment = Payment(
            from: UInt32(account), to: UInt32(other), nonce: nonces[account],
            amount: 1 + generator.uniform(below: 5))
        nonces[account] += 1
        sent += 1
        let bytes = payment.encoded(bytes: workload.bytes)
        let hash = simulator.cache.transaction(bytes)?.hash ?? .zero
        waiting[account].append(
            Sent(
                account: account, payment: payment, bytes: bytes, hash: hash, at: simulator.now))
        place[hash] = account
        return (bytes, Int(generator.uniform(below: UInt64(simulator.nodes.count))))
    }

    mutating func included(_ hashes: [Digest]) {
        for hash in hashes {
            guard let account = place.removeValue(forKey: hash) else { continue }
            includedCount += 1
            waiting[account].removeAll { $0.hash == hash }
        }
    }

    private static func repeatUnseen(_ simulator: Simulator) {
        for account in simulator.users.waiting.indices {
            let due = simulator.users.waiting[account].filter {
                simulator.now >= $0.at + patience
            }
            guard !due.isEmpty else { continue }
            let node = simulator.users.nextNode[account] % simulator.nodes.count
            simulator.users.nextNode[account] += 1
            for index in simulator.users.waiting[account].indices {
                simulator.users.waiting[account][index].at = simulator.now
            }
            simulator.submit(simulator.users.waiting[account].map(\.bytes), to: node)
        }
        simulator.after(500_000_000) { repeatUnseen($0) }
    }
}
