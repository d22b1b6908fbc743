import Consensus
import Primitives
import Replica
import Testing

@Suite("Certificates that wait to be relayed")
struct RelayQueueTests {
    private static let signers = [
        Certificate.Signer(
            index: 0, slot: 0, signature: SignatureBytes(r: Digest(number: 1), s: Digest(number: 2))
        )
    ]

    private func reference(_ slot: UInt64) -> BlockReference {
        BlockReference(slot: Slot(slot), hash: Digest(number: slot))
    }
    private func notar(_ slot: UInt64) -> Certificate {
        Certificate(kind: .notar(reference(slot)), signers: Self.signers)
    }
    private func final(_ slot: UInt64) -> Certificate {
        Certificate(kind: .final(reference(slot)), signers: Self.signers)
    }

    @Test("What came together leaves together, once, when the first has waited long enough")
    func time() {
        var queue = RelayQueue()
        #expect(queue.due == nil)
        queue.add(notar(5), now: Tick(100), delay: 50)
        queue.add(notar(6), now: Tick(140), delay: 50)
        #expect(queue.due == Tick(150))
        #expect(queue.take(now: Tick(149), topFinal: 4) == [])
        #expect(queue.take(now: Tick(150), topFinal: 4) == [notar(5), notar(6)])
        #expect(queue.due == nil)
        #expect(queue.take(now: Tick(900), topFinal: 4) == [])
    }

    @Test("The highest Final certificate goes, and the Notar certificates that it does not cover")
    func covered() {
        var queue = RelayQueue()
        for slot in UInt64(5)...9 { queue.add(notar(slot), now: Tick(0), delay: 1) }
        for slot in [UInt64(6), 7, 5] { queue.add(final(slot), now: Tick(0), delay: 1) }
        #expect(queue.take(now: Tick(1), topFinal: 5) == [final(7), notar(8), notar(9)])
        // A later block became final meanwhile: only its own certificate would say more.
        queue.add(notar(10), now: Tick(2), delay: 1)
        #expect(queue.take(now: Tick(3), topFinal: 12) == [])
    }

    @Test("No more Notar certificates wait than the maximum: the oldest go")
    func bounded() {
        var queue = RelayQueue()
        let count = UInt64(RelayQueue.maximumNotars) + 3
        for slot in 1...count { queue.add(notar(slot), now: Tick(0), delay: 1) }
        let sent = queue.take(now: Tick(1), topFinal: 0)
        #expect(sent == (4...count).map { notar($0) })
    }
}
