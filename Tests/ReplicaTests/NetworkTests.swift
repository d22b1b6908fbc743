import Consensus
import Primitives
import Replica
import Replication
import Testing

@Suite("Replicas in a network of virtual time")
struct NetworkTests {
    private func load(_ network: Network, lanes: UInt8 = 4, each: UInt64 = 12) -> Set<[UInt8]> {
        var all: Set<[UInt8]> = []
        for lane in 1...lanes {
            let batch = (0..<each).map { transaction(lane: lane, nonce: $0) }
            all.formUnion(batch)
            let home = Int(lane) % network.count
            for (position, bytes) in batch.enumerated() {
                network.after(milliseconds: 20 + UInt64(position) * 15) {
                    $0.submit([bytes], to: home)
                }
            }
        }
        for number in 0..<each {
            let bytes = transaction(lane: 0, nonce: number)
            all.insert(bytes)
            network.after(milliseconds: 10 + number * 17) { $0.submit([bytes], to: 0) }
        }
        return all
    }

    private func expectIncluded(_ all: Set<[UInt8]>, _ network: Network) {
        for index in network.nodes.indices where network.nodes[index].replica != nil {
            let missing = all.subtracting(network.transactions(of: index))
            #expect(missing.isEmpty, "node \(index) lacks \(missing.count) transactions")
        }
    }

    @Test("Four replicas finalise blocks with all transactions, each once")
    func agreement() {
        let network = Network()
        let all = load(network)
        network.run(milliseconds: 1500)
        #expect(network.violations == [])
        #expect(network.everyHeight(atLeast: 20), "\(network.picture)")
        expectIncluded(all, network)
    }

    @Test("The same seed gives the same trace, another seed another")
    func determinism() {
        func trace(_ seed: UInt64) -> UInt64 {
            var options = NetworkOptions(seed: seed)
            options.links = Links(lost: 10, twice: 20, reorders: true)
            let network = Network(options)
            _ = load(network)
            network.after(milliseconds: 200) { $0.crash(1) }
            network.after(milliseconds: 300) { $0.restart(1) }
            network.run(milliseconds: 700)
            return network.trace
        }
        #expect(trace(3) == trace(3))
        #expect(trace(3) != trace(4))
    }

    @Test(
        "Committees of one and of seven, and unequal powers",
        arguments: [
            [1], [1, 1, 1, 1, 1, 1, 1], [5, 1, 1, 1], [40, 30, 20, 10], [100, 1, 1, 1],
        ])
    func committees(_ powers: [UInt64]) {
        var options = NetworkOptions(seed: 11)
        options.powers = powers
        let network = Network(options)
        let all = load(network)
        network.run(milliseconds: 1500)
        #expect(network.violations == [])
        #expect(network.everyHeight(atLeast: 20), "\(network.picture)")
        expectIncluded(all, network)
    }

    @Test("An idle chain makes empty blocks at its pace and skips nothing")
    func idle() {
        let network = Network()
        network.run(milliseconds: 2000)
        #expect(network.violations == [])
        let height = network.height(0)
        #expect(height >= 25 && height <= 60, "\(height)")
        #expect(!network.nodes.indices.contains { network.noted("skipped", at: $0) })
    }

    @Test(
        "Lost, doubled and reordered messages slow the chain and break nothing",
        arguments: 1...6)
    func lossy(_ seed: UInt64) {
        var options = NetworkOptions(seed: seed)
        options.links = Links(maximum: 3000, lost: 8, twice: 30, reorders: true)
        let network = Network(options)
        let all = load(network)
        let done = network.run(milliseconds: 20_000) {
            $0.everyHeight(atLeast: 25)
                && $0.nodes.indices.allSatisfy { index in
                    all.isSubset(of: network.transactions(of: index))
                }
        }
        #expect(network.violations == [], "seed \(seed)")
        #expect(
            done, "seed \(seed): heights \(network.picture)")
    }

    @Test("A leader that dies in the middle of a block is passed over", arguments: 1...6)
    func deadLeader(_ seed: UInt64) {
        let network = Network(NetworkOptions(seed: seed))
        let all = load(network)
        network.run(milliseconds: 100 + seed * 7)
        let leader = Int(network.nodes[0].replica?.consensus.currentLeader.rawValue ?? 0)
        network.crash(leader)
        let before = network.ledger.chain.count
        network.run(milliseconds: 3000)
        #expect(network.violations == [], "seed \(seed)")
        #expect(network.ledger.chain.count > before + 10, "seed \(seed)")
        network.restart(leader)
        let back = network.run(milliseconds: 3000) {
            $0.height(leader) + 3 > ($0.ledger.chain.keys.max() ?? 0)
        }
        #expect(back, "seed \(seed): \(network.picture)")
        network.run(milliseconds: 1500)
        #expect(network.violations == [], "seed \(seed)")
        for (home, lane) in (1...4).map({ (Int($0) % 4, $0) }) where home != leader {
            let mine = all.filter { $0[0] == UInt8(lane) }
            #expect(
                mine.isSubset(of: network.transactions(of: (leader + 1) % 4)),
                "seed \(seed), lane \(lane)")
        }
    }

    @Test("A node that was away catches up and votes again, under load", arguments: 1...4)
    func catchUp(_ seed: UInt64) {
        var options = NetworkOptions(seed: seed)
        options.emptyBlockMilliseconds = 4
        let network = Network(options)
        network.run(milliseconds: 60)
        network.isolate(2)
        let all = load(network)
        network.run(milliseconds: 1500)
        let ahead = network.height(0)
        #expect(ahead > network.height(2) + 50, "\(ahead)")
        network.rejoin(2)
        let caught = network.run(milliseconds: 1500) {
            $0.height(2) + 3 > $0.height(0)
        }
        #expect(caught, "\(network.picture)")
        let top = network.nodes[2].replica?.consensus.topFinal.slot ?? Slot(0)
        network.run(milliseconds: 1000)
        #expect(network.violations == [])
        #expect(network.height(2) + 5 > network.height(0))
        let votes = network.nodes[2].durable.contains {
            if case .statement(let signed) = $0 { return signed.statement.slot > top }
            return false
        }
        #expect(votes, "it votes again")
        expectIncluded(all.filter { $0[0] != 2 }, network)
    }

    @Test("A whole answer under one certificate is executed before any of it is stored")
    func longAnswer() {
        var options = NetworkOptions(seed: 3)
        options.emptyBlockMilliseconds = 3
        options.replyBlocks = WireLimits.blocksPerReply
        let network = Network(options)
        network.run(milliseconds: 50)
        network.isolate(2)
        let ahead = network.run(milliseconds: 20_000) {
            $0.height(0) > $0.height(2) + 2 * UInt64(WireLimits.blocksPerReply)
        }
        #expect(ahead, "\(network.picture)")
        network.rejoin(2)
        let caught = network.run(milliseconds: 4000) { $0.height(2) + 3 > $0.height(0) }
        #expect(caught, "\(network.picture)")
        #expect(network.violations == [])
    }

    @Test("A leader that restarts in its window gives it up without waiting for a timer")
    func restartedLeader() {
        let network = Network(NetworkOptions(seed: 8))
        let length = network.options.windowLength
        let number = 3
        let leader = Int(network.schedule.leader(of: Window(UInt64(number))).rawValue)
        let inside = network.run(milliseconds: 3000) {
            $0.nodes[leader].durable.contains { record in
                if case .opening(let opening) = record {
                    return opening.value.slot.rawValue == UInt64(number) * length + 1
                }
                return false
            }
        }
        #expect(inside)
        network.crash(leader)
        network.restart(leader)
        let skipped = network.run(milliseconds: 60) { network in
            network.nodes.indices.allSatisfy { index in
                (network.nodes[index].replica?.consensus.currentWindow ?? Window(0))
                    > Window(UInt64(number))
            }
        }
        #expect(skipped, "\(network.picture)")
        network.run(milliseconds: 1000)
        #expect(network.violations == [])
    }

    @Test("All nodes lose power at once, and the chain goes on", arguments: 1...8)
    func blackout(_ seed: UInt64) {
        let network = Network(NetworkOptions(seed: seed))
        _ = load(network)
        for round in 0..<3 {
            network.run(milliseconds: 90 + seed * 13)
            for index in network.nodes.indices { network.crash(index) }
            network.run(milliseconds: 20)
            for index in network.nodes.indices { network.restart(index) }
            let before = network.ledger.chain.count
            let on = network.run(milliseconds: 4000) { $0.ledger.chain.count > before + 5 }
            #expect(on, "seed \(seed), round \(round)")
        }
        #expect(network.violations == [], "seed \(seed)")
    }
}
