import Primitives
import Testing
import WireCodec

@testable import Transport

@Suite("The parts of the transport")
struct PartsTests {
    @Test("However the bytes are cut, the same messages come out")
    func assembler() {
        var random = SeededGenerator(seed: 11)
        for _ in 0..<200 {
            let sent = (0..<Int(1 + random.uniform(below: 8))).map { _ in
                bytes(
                    Int(1 + random.uniform(below: 300)), UInt8(truncatingIfNeeded: random.next()))
            }
            // Through cursors with small targets, then through feeds of other sizes.
            var stream: [UInt8] = []
            for message in sent {
                var cursor = SendCursor(message)
                while !cursor.isFinished {
                    var target = [UInt8](
                        repeating: 0, count: Int(1 + random.uniform(below: 50)))
                    let count = target.withUnsafeMutableBytes { cursor.copy(into: $0) }
                    stream += target.prefix(count)
                }
            }
            var assembler = MessageAssembler(maximum: 300)
            var received: [[UInt8]] = []
            var rest = stream[...]
            while !rest.isEmpty {
                let piece = Array(rest.prefix(Int(1 + random.uniform(below: 90))))
                rest = rest.dropFirst(piece.count)
                let verdict = piece.withUnsafeBytes { assembler.feed($0, into: &received) }
                #expect(verdict == .accepted)
            }
            #expect(received == sent)
            #expect(assembler.pendingBytes == 0)
        }
    }

    @Test("A message that is empty or too long is refused when its count is known")
    func assemblerBounds() {
        func verdict(_ input: [UInt8]) -> MessageAssembler.Verdict {
            var assembler = MessageAssembler(maximum: 300)
            var received: [[UInt8]] = []
            return input.withUnsafeBytes { assembler.feed($0, into: &received) }
        }
        #expect(verdict([0, 0, 0, 0]) == .empty)
        #expect(verdict([45, 1, 0, 0]) == .oversize(301))
        #expect(verdict([255, 255, 255, 255]) == .oversize(4_294_967_295))
        #expect(verdict([44, 1, 0, 0]) == .accepted)
        #expect(verdict([255, 255, 255]) == .accepted)
    }

    @Test("A bucket allows its burst, then its rate")
    func bucket() {
        var bucket = TokenBucket(perSecond: 10, burst: 5, now: 0)
        #expect(bucket.available(now: 0) == 5)
        bucket.charge(8, now: 0)
        #expect(bucket.available(now: 0) == 0)
        #expect(bucket.debt(now: 0) == 300_000_001)
        #expect(bucket.debt(now: 300_000_000) == 0)
        #expect(bucket.available(now: 400_000_000) == 1)
        #expect(bucket.available(now: 100_000_000_000) == 5)
        // A clock that stands still or runs back gives nothing.
        #expect(bucket.available(now: 0) == 5)
    }

    @Test("A queue keeps its bounds and drops from the end that its channel says")
    func queue() {
        func filled(_ overflow: ChannelLimits.Overflow) -> (BoundedQueue, dropped: Int) {
            var queue = BoundedQueue(
                ChannelLimits(
                    messageBytes: 10, queueMessages: 3, queueBytes: 12, overflow: overflow,
                    windowBytes: 65_535))
            var dropped = 0
            for number in 1...6 as ClosedRange<UInt8> {
                dropped += queue.push([UInt8](repeating: number, count: number == 6 ? 10 : 2))
                #expect(queue.count <= 3)
                #expect(queue.bytes <= 12)
            }
            return (queue, dropped)
        }
        var (oldest, droppedOldest) = filled(.dropOldest)
        #expect(droppedOldest == 4)
        #expect(oldest.pop() == [5, 5])
        #expect(oldest.pop()?.count == 10)
        #expect(oldest.pop() == nil)
        var (newest, droppedNewest) = filled(.dropNewest)
        #expect(droppedNewest == 3)
        #expect([newest.pop(), newest.pop(), newest.pop()] == [[1, 1], [2, 2], [3, 3]])
        #expect(newest.bytes == 0)
    }

    @Test("A greeting has one encoding, and its statement changes with everything that it covers")
    func greeting() throws {
        let greeting = Greeting(
            chain: Digest(number: 1), genesis: Digest(number: 2), peer: peer(3),
            signature: SignatureBytes(r: Digest(number: 4), s: Digest(number: 5)))
        let encoded = greeting.encoded()
        #expect(encoded.count == Greeting.byteCount)
        #expect(try Greeting(decoding: encoded) == greeting)
        for position in 0..<8 {
            var changed = encoded
            changed[position] ^= 1
            #expect(throws: (any Error).self) { try Greeting(decoding: changed) }
        }
        func statement(
            peer number: UInt64 = 1, chain: UInt64 = 2, genesis: UInt64 = 3,
            dialler: Bool = true, signer: UInt8 = 4, receiver: UInt8 = 5, exporter: UInt8 = 6
        ) -> [UInt8] {
            func block(_ byte: UInt8) -> [UInt8] { [UInt8](repeating: byte, count: 32) }
            return Greeting.statement(
                peer: peer(number), chain: Digest(number: chain),
                genesis: Digest(number: genesis), isDialler: dialler,
                signerKeyHash: block(signer), receiverKeyHash: block(receiver),
                exporter: block(exporter))
        }
        let statements = [
            statement(), statement(peer: 9), statement(chain: 9), statement(genesis: 9),
            statement(dialler: false), statement(signer: 9), statement(receiver: 9),
            statement(exporter: 9),
        ]
        #expect(Set(statements).count == statements.count)
        #expect(statements.allSatisfy { $0.count == 32 })
    }

    @Test("Each start makes another TLS key")
    func freshKeys() throws {
        let hashes = try (0..<3).map { _ in try TLSIdentity().keyHash }
        #expect(Set(hashes).count == 3)
        #expect(hashes.allSatisfy { $0.count == 32 })
    }
}
