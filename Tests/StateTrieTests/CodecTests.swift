import Primitives
import StarkField
import StateTrie
import Testing

@Suite("Encodings of nodes, records and keys")
struct CodecTests {
    static func nodes() -> [TrieNode] {
        var generator = SeededGenerator(seed: 0xc0de)
        var result: [TrieNode] = [.binary(left: 1, right: Felt.zero - .one)]
        for length in 1...251 {
            for child in [Felt.one, generator.felt(bits: 251), generator.felt(bits: 60)] {
                let bits = generator.felt(bits: length)
                if let path = TriePath(value: bits, length: length), !child.isZero {
                    result.append(.edge(path: path, child: child))
                }
            }
            result.append(
                .binary(left: generator.felt(bits: length) + 1, right: generator.felt(bits: 251)))
        }
        return result
    }

    @Test("every node comes back from its bytes, and no two share them")
    func roundTrip() throws {
        var seen: Set<[UInt8]> = []
        for node in Self.nodes() {
            #expect(try TrieNode(decoding: node.encoded) == node)
            #expect(seen.insert(node.encoded).inserted)
        }
    }

    @Test("bytes that decode are the encoding of what they decode to")
    func canonical() throws {
        var generator = SeededGenerator(seed: 0xbad)
        var accepted = 0
        for node in Self.nodes() {
            let bytes = node.encoded
            for _ in 0..<40 {
                var damaged = bytes
                switch generator.uniform(below: 4) {
                case 0: damaged.removeLast(Int(generator.uniform(below: UInt64(bytes.count)) + 1))
                case 1: damaged.append(UInt8(generator.uniform(below: 256)))
                default:
                    let index = Int(generator.uniform(below: UInt64(bytes.count)))
                    damaged[index] ^= UInt8(1 << generator.uniform(below: 8))
                }
                guard let decoded = try? TrieNode(decoding: damaged) else { continue }
                accepted += 1
                #expect(decoded.encoded == damaged)
            }
        }
        #expect(accepted > 0)
    }

    @Test("each kind of damage has its error")
    func errors() {
        #expect(throws: TrieCodecError.wrongSize(0)) { try TrieNode(decoding: []) }
        #expect(throws: TrieCodecError.wrongSize(64)) {
            try TrieNode(decoding: [UInt8](repeating: 0, count: 64))
        }
        #expect(throws: TrieCodecError.notCanonical) {
            try TrieNode(decoding: [UInt8](repeating: 0, count: 65))
        }
        #expect(throws: TrieCodecError.notReduced) {
            try TrieNode(decoding: [0] + [UInt8](repeating: 0xff, count: 64))
        }
        #expect(throws: TrieCodecError.edgeTooLong(252)) {
            try TrieNode(decoding: [252] + [UInt8](repeating: 1, count: 40))
        }
        #expect(throws: TrieCodecError.wrongSize(2)) { try TrieNode(decoding: [3, 0x80]) }
        #expect(throws: TrieCodecError.notCanonical) { try TrieNode(decoding: [3, 0x90, 1]) }
        #expect(throws: TrieCodecError.notCanonical) { try TrieNode(decoding: [3, 0x80, 0, 1]) }
        #expect(throws: TrieCodecError.wrongSize(63)) {
            try ContractRecord(decoding: [UInt8](repeating: 1, count: 63))
        }
        #expect(throws: TrieCodecError.notCanonical) {
            try ContractRecord(decoding: [UInt8](repeating: 0, count: 64))
        }
        #expect(throws: TrieCodecError.notCanonical) {
            try ContractRecord(decoding: [UInt8](repeating: 1, count: 64) + [0, 1])
        }
        #expect(throws: TrieCodecError.notReduced) {
            try ContractRecord(decoding: [UInt8](repeating: 0xff, count: 64))
        }
    }

    @Test("contract records come back from their bytes")
    func records() throws {
        var generator = SeededGenerator(seed: 4)
        for bits in [1, 8, 9, 64, 251] {
            let record = ContractRecord(
                classHash: generator.felt(bits: 251), storageRoot: generator.felt(bits: bits),
                nonce: generator.felt(bits: bits))
            #expect(try ContractRecord(decoding: record.encoded) == record)
        }
        let nonceless = ContractRecord(classHash: 3)
        #expect(nonceless.encoded.count == 64)
        #expect(try ContractRecord(decoding: nonceless.encoded) == nonceless)
    }

    @Test("database keys differ wherever tries or paths differ, and fit")
    func keys() {
        var generator = SeededGenerator(seed: 8)
        var paths: [TriePath] = [.root]
        for length in 1...250 {
            for bits in [Felt.zero, .one, generator.felt(bits: length)] {
                if let path = TriePath(value: bits, length: length), !paths.contains(path) {
                    paths.append(path)
                }
            }
        }
        let tries: [TrieIdentifier] = [.contracts, .classes, .storage(0), .storage(1)]
        let keys = tries.flatMap { trie in
            paths.map { NodeKey(trie: trie, path: $0).encoded }
        }
        #expect(Set(keys).count == tries.count * paths.count)
        #expect(keys.allSatisfy { $0.count <= 66 })
    }
}
