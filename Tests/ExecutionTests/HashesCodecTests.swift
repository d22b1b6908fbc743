import Execution
import Foundation
import Primitives
import StarkField
import TestSupport
import Testing
import WireCodec

@Suite("Wire encodings of transactions, receipts, state diffs and headers", .serialized)
struct HashesCodecTests {
    /// Encodes, decodes, and compares; then no prefix of the encoding decodes.
    private func roundTrip<T: WireCodable & Hashable>(_ value: T) throws {
        let bytes = value.encoded()
        #expect(try T(decoding: bytes) == value)
        for count in Set([0, 1, bytes.count / 2, bytes.count - 1]) where count < bytes.count {
            #expect(throws: WireError.self) { try T(decoding: Array(bytes.prefix(count))) }
        }
        #expect(throws: WireError.trailing(count: 1)) { try T(decoding: bytes + [0]) }
    }

    @Test("Seeded values of every type decode to themselves, and none of their prefixes decode")
    func roundTrips() throws {
        var samples = SampleValues(seed: 1)
        for _ in 0..<100 {
            try roundTrip(samples.transaction())
            try roundTrip(samples.declare())
            try roundTrip(samples.l1Handler())
            try roundTrip(samples.receipt())
            try roundTrip(samples.stateDiff())
            try roundTrip(samples.header())
        }
    }

    @Test(
        "Every version 3 transaction, receipt and state diff of a public block decodes to itself",
        .enabled(if: Fixtures.has("blocks"), Comment(rawValue: Fixtures.absence(of: "blocks"))))
    func publicValues() throws {
        for block in try VectorBlock.all() {
            for entry in block.transactions ?? [] {
                guard let transaction = try entry.transaction.transaction() else { continue }
                #expect(try Transaction(decoding: transaction.encoded()) == transaction)
            }
            for receipt in block.receipts ?? [] {
                #expect(try TransactionReceipt(decoding: receipt.encoded()) == receipt)
            }
        }
        for update in try VectorStateUpdate.all() {
            #expect(try StateDiff(decoding: update.diff.encoded()) == update.diff)
        }
    }

    /// Whatever decodes must encode to the very same bytes.
    private func decodeOrRefuse<T: WireCodable>(_ type: T.Type, _ bytes: [UInt8]) -> Bool {
        guard let value = try? T(decoding: bytes) else { return false }
        #expect(value.encoded() == bytes)
        return true
    }

    @Test("Damaged and random bytes never trap a decoder, and what decodes is canonical")
    func fuzz() throws {
        var samples = SampleValues(seed: 2)
        var decoded = 0
        for round in 0..<4000 {
            var bytes: [UInt8]
            switch round % 7 {
            case 0: bytes = samples.transaction().encoded()
            case 1: bytes = samples.receipt().encoded()
            case 2: bytes = samples.stateDiff().encoded()
            case 3: bytes = samples.header().encoded()
            case 4: bytes = samples.declare().encoded()
            case 5: bytes = samples.l1Handler().encoded()
            default:
                bytes = (0..<samples.number(below: 200)).map { _ in
                    UInt8(truncatingIfNeeded: samples.generator.next())
                }
            }
            for _ in 0..<samples.number(below: 3) where !bytes.isEmpty {
                let position = samples.number(below: UInt64(bytes.count))
                switch samples.generator.uniform(below: 4) {
                case 0: bytes[position] = UInt8(truncatingIfNeeded: samples.generator.next())
                case 1: bytes[position] ^= 1 << UInt8(samples.generator.uniform(below: 8))
                case 2: bytes.removeSubrange(position...)
                default: bytes.insert(0xff, at: position)
                }
            }
            let outcomes = [
                decodeOrRefuse(Transaction.self, bytes),
                decodeOrRefuse(TransactionReceipt.self, bytes),
                decodeOrRefuse(StateDiff.self, bytes), decodeOrRefuse(BlockHeader.self, bytes),
                decodeOrRefuse(DeclareTransactionV3.self, bytes),
                decodeOrRefuse(L1HandlerTransaction.self, bytes),
            ]
            if outcomes.contains(true) { decoded += 1 }
        }
        #expect(decoded > 0)
    }

    private func invoke(calldata: Int = 0, signature: Int = 0, proofFacts: Int = 0) -> [UInt8] {
        Transaction.invoke(
            InvokeTransactionV3(
                senderAddress: .one, calldata: Array(repeating: .one, count: calldata),
                signature: Array(repeating: .one, count: signature), nonce: .zero,
                resourceBounds: .zero, proofFacts: Array(repeating: .one, count: proofFacts))
        ).encoded()
    }

    @Test("A list at its maximum decodes, and one above is refused by name")
    func bounds() throws {
        _ = try Transaction(decoding: invoke(calldata: Limits.calldata))
        _ = try Transaction(decoding: invoke(signature: Limits.signature))
        #expect(
            throws: WireError.tooLong(what: "calldata", count: 5001, maximum: Limits.calldata)
        ) { try Transaction(decoding: invoke(calldata: 5001)) }
        #expect(
            throws: WireError.tooLong(what: "signature", count: 4001, maximum: Limits.signature)
        ) { try Transaction(decoding: invoke(signature: 4001)) }
        #expect(
            throws: WireError.tooLong(
                what: "proof facts", count: 1001, maximum: Limits.proofFacts)
        ) { try Transaction(decoding: invoke(proofFacts: 1001)) }
    }

    @Test("A transaction with every list at its maximum fits into the limit of bytes")
    func largest() throws {
        func felts(_ count: Int) -> [Felt] { Array(repeating: .one, count: count) }
        let invoke = Transaction.invoke(
            InvokeTransactionV3(
                senderAddress: .one, calldata: felts(Limits.calldata),
                signature: felts(Limits.signature), nonce: .zero, resourceBounds: .zero,
                paymasterData: felts(Limits.paymasterData),
                accountDeploymentData: felts(Limits.accountDeploymentData),
                proofFacts: felts(Limits.proofFacts)))
        let bytes = invoke.encoded()
        #expect(bytes.count <= Limits.transactionBytes)
        #expect(try Transaction(decoding: bytes) == invoke)
    }

    @Test("A field element at or above the prime, an unknown kind and an unknown mode are refused")
    func refusals() throws {
        let prime: [UInt8] =
            [8, 0, 0, 0, 0, 0, 0, 0x11] + Array(repeating: UInt8(0), count: 23) + [1]
        #expect(throws: WireError.invalid(what: "field element")) { try Felt(decoding: prime) }
        var largest = prime
        largest[31] = 0
        #expect(try Felt(decoding: largest) == .zero - .one)
        #expect(throws: WireError.unknownTag(what: "transaction", tag: 4)) {
            try Transaction(decoding: [4])
        }
        #expect(throws: WireError.unknownTag(what: "data availability mode", tag: 2)) {
            try DataAvailabilityMode(decoding: [2])
        }
    }

    @Test("A state diff out of order, with a key twice or with an empty contract is refused")
    func stateDiffOrder() throws {
        /// The seven lists, of which only the nonces have elements.
        func nonces(_ addresses: [UInt64]) -> [UInt8] {
            var writer = WireWriter()
            writer.write(UInt32(0))
            writer.write(addresses.map { NonceUpdate(address: Felt($0), nonce: .one) })
            for _ in 0..<5 { writer.write(UInt32(0)) }
            return writer.bytes
        }
        #expect(try StateDiff(decoding: nonces([1, 2])).nonces.count == 2)
        let refusal = WireError.invalid(what: "order of a state diff")
        #expect(throws: refusal) { try StateDiff(decoding: nonces([2, 1])) }
        #expect(throws: refusal) { try StateDiff(decoding: nonces([1, 1])) }
        var writer = WireWriter()
        writer.write([ContractStorageDiff(address: .one, entries: [])])
        for _ in 0..<6 { writer.write(UInt32(0)) }
        #expect(throws: refusal) { try StateDiff(decoding: writer.bytes) }
    }

    @Test("A header older than Poseidon block hashes, or with an absurd count, is refused")
    func headerRefusals() throws {
        var samples = SampleValues(seed: 3)
        var header = samples.header()
        header.info.starknetVersion = StarknetVersion(0, 13, 1)
        #expect(throws: WireError.invalid(what: "Starknet version of a block header")) {
            try BlockHeader(decoding: header.encoded())
        }
        header.info.starknetVersion = StarknetVersion(0, 13, 2)
        header.commitments.eventCount = Limits.blockCount + 1
        #expect(throws: WireError.invalid(what: "count of a block header")) {
            try BlockHeader(decoding: header.encoded())
        }
    }

    @Test("Starknet versions read and print alike, and order by number")
    func versions() throws {
        let texts = ["0.13.1", "0.13.2", "0.13.2.1", "0.13.3", "0.14.0", "0.14.10", "1.0.0"]
        let versions = try texts.map { try #require(StarknetVersion($0)) }
        #expect(versions.map { $0.description } == texts)
        #expect(versions == versions.sorted())
        for text in ["", "0.13", "0.13.2.1.0", "0.013.2", "0.13.256", "a.b.c", "0..1", "+0.1.2"] {
            #expect(StarknetVersion(text) == nil, "\(text)")
        }
    }
}
