import Primitives
import Replication
import Testing

@Suite("What a node that is behind asks, and of whom")
struct CatchUpTests {
    private static let second: UInt64 = 1_000_000_000

    private func fresh(peers: Int = 4) -> CatchUp { CatchUp(peerCount: peers) }

    @Test("Within the slack nobody is asked unless progress is blocked")
    func slack() {
        var sync = fresh()
        sync.claimed(Height(12), by: 1)
        #expect(!sync.isBehind(own: Height(10)))
        #expect(sync.isBehind(own: Height(9)))
        #expect(sync.nextRequest(own: Height(10), force: false, now: Tick(0)) == nil)
        #expect(sync.nextRequest(own: Height(10), force: true, now: Tick(0)) == 1)
        #expect(!sync.isBehind(own: Height(.max)))
    }

    @Test("A height counts as claimed once peers with more than a third of the power claim it")
    func credible() {
        let powers = [Power(1), Power(1), Power(1), Power(3)]
        let total = PowerSum(6)
        var sync = fresh()
        #expect(sync.credibleHeight(powers, of: total) == Height(0))
        sync.claimed(Height(.max), by: 1)
        sync.claimed(Height(50), by: 2)
        #expect(sync.credibleHeight(powers, of: total) == Height(0), "a third is not more")
        sync.claimed(Height(40), by: 0)
        #expect(sync.credibleHeight(powers, of: total) == Height(40))
        sync.claimed(Height(60), by: 3)
        #expect(sync.credibleHeight(powers, of: total) == Height(60))
        sync.disconnected(3)
        #expect(sync.credibleHeight(powers, of: total) == Height(40))
        #expect(sync.claimedHeight == Height(.max), "a single claim is still asked about")
    }

    @Test("One request is in flight at a time, until it is answered, fails or is late")
    func oneAtATime() {
        var sync = fresh()
        for peer in UInt16(0)..<3 { sync.claimed(Height(100), by: ValidatorIndex(peer)) }
        #expect(sync.nextDeadline == nil)
        #expect(sync.nextRequest(own: Height(1), force: false, now: Tick(5)) == 0)
        #expect(sync.nextDeadline == Tick(5 + Self.second))
        #expect(sync.nextRequest(own: Height(1), force: false, now: Tick(6)) == nil)
        sync.answered(by: 2)
        #expect(sync.nextDeadline != nil, "an answer of another peer ends nothing")
        sync.answered(by: 0)
        #expect(sync.nextDeadline == nil)
        #expect(sync.nextRequest(own: Height(1), force: false, now: Tick(7)) == 1)
        // Late: the next peer is asked, and this one last for a while.
        let late = Tick(7 + Self.second)
        #expect(sync.nextRequest(own: Height(1), force: false, now: late) == 2)
        sync.answered(by: 2)
        #expect(sync.nextRequest(own: Height(1), force: false, now: late) == 0)
        sync.answered(by: 0)
        #expect(sync.nextRequest(own: Height(1), force: false, now: late) == 2)
    }

    @Test("A peer that failed is asked when there is no other, and again after its time")
    func distrust() {
        var sync = fresh()
        sync.claimed(Height(100), by: 0)
        sync.claimed(Height(100), by: 1)
        sync.failed(0, now: Tick(0))
        for _ in 0..<3 {
            #expect(sync.nextRequest(own: Height(1), force: false, now: Tick(1)) == 1)
            sync.answered(by: 1)
        }
        sync.failed(1, now: Tick(1))
        #expect(sync.nextRequest(own: Height(1), force: false, now: Tick(2)) != nil)
        sync.answered(by: 0)
        sync.answered(by: 1)
        // Neither a new claim nor a new connection buys back trust.
        sync.claimed(Height(200), by: 0)
        sync.disconnected(1)
        sync.claimed(Height(100), by: 1)
        sync.claimed(Height(100), by: 2)
        for _ in 0..<3 {
            #expect(sync.nextRequest(own: Height(1), force: false, now: Tick(3)) == 2)
            sync.answered(by: 2)
        }
        sync.disconnected(2)
        let later = Tick(6 * Self.second)
        let asked = (0..<2).map { _ in
            let peer = sync.nextRequest(own: Height(1), force: false, now: later)
            if let peer { sync.answered(by: peer) }
            return peer
        }
        #expect(Set(asked) == [0, 1])
    }

    @Test("Only a peer that claims more is asked; one that leaves frees its request")
    func claims() {
        var sync = fresh()
        sync.claimed(Height(3), by: 0)
        sync.claimed(Height(50), by: 1)
        sync.claimed(Height(90), by: 900)
        #expect(sync.claimedHeight == Height(50))
        #expect(sync.nextRequest(own: Height(20), force: false, now: Tick(0)) == 1)
        sync.disconnected(1)
        #expect(sync.claimedHeight == Height(3))
        #expect(sync.nextDeadline == nil)
        #expect(sync.nextRequest(own: Height(20), force: true, now: Tick(0)) == nil)
        sync.disconnected(900)
        sync.failed(900, now: Tick(0))
    }
}
