import Primitives
import Testing
import WireCodec

private struct Pair: WireCodable, Equatable {
    var number: UInt32
    var bytes: [UInt8]
    init(number: UInt32, bytes: [UInt8]) {
        self.number = number
        self.bytes = bytes
    }
    func encode(into writer: inout WireWriter) {
        writer.write(number)
        writer.write(bytes)
    }
    init(from reader: inout WireReader) throws(WireError) {
        number = try reader.read()
        bytes = try reader.readBytes("bytes", maximum: 16)
    }
}

struct WireCodecTests {
    @Test("integers are little-endian, digests big-endian, sequences counted")
    func layout() {
        var writer = WireWriter()
        writer.write(UInt16(0x0102))
        writer.write(Digest(number: 7))
        writer.write([UInt8(9), 8])
        #expect(
            writer.bytes == [2, 1] + [UInt8](repeating: 0, count: 31) + [7] + [2, 0, 0, 0, 9, 8])
    }

    @Test("what was written reads back, and leaves nothing")
    func roundTrip() throws {
        let pair = Pair(number: 77, bytes: [1, 2, 3])
        #expect(try Pair(decoding: pair.encoded()) == pair)
        var writer = WireWriter()
        writer.write(Optional(pair))
        writer.write(Optional<Pair>.none)
        writer.write([pair, pair])
        writer.write("héllo")
        var reader = WireReader(writer.bytes)
        #expect(try reader.readOptional("pair", of: Pair.self) == pair)
        #expect(try reader.readOptional("pair", of: Pair.self) == nil)
        #expect(try reader.readArray("pairs", of: Pair.self, maximum: 2) == [pair, pair])
        #expect(try reader.readString("text", maximum: 10) == "héllo")
        try reader.finish()
    }

    @Test("every prefix of an encoding is refused as truncated")
    func truncation() {
        let bytes = Pair(number: 5, bytes: [1, 2, 3, 4]).encoded()
        for count in 0..<bytes.count {
            #expect(throws: WireError.self) { try Pair(decoding: Array(bytes[..<count])) }
        }
    }

    @Test("counts above the maximum, leftover bytes and foreign flags are named")
    func refusals() {
        let long = Pair(number: 1, bytes: [UInt8](repeating: 0, count: 17)).encoded()
        #expect(throws: WireError.tooLong(what: "bytes", count: 17, maximum: 16)) {
            try Pair(decoding: long)
        }
        #expect(throws: WireError.trailing(count: 1)) {
            try Pair(decoding: Pair(number: 1, bytes: []).encoded() + [0])
        }
        var flag = WireReader([2])
        #expect(throws: WireError.invalid(what: "flag")) { try flag.readBool("flag") }
        var text = WireReader([1, 0, 0, 0, 0xFF])
        #expect(throws: WireError.invalid(what: "text")) {
            try text.readString("text", maximum: 4)
        }
    }

    @Test("a count that the bytes cannot hold is refused before anything is allocated")
    func hostileCount() {
        var reader = WireReader([0xFF, 0xFF, 0xFF, 0x7F, 1, 2])
        #expect(throws: WireError.self) {
            try reader.readArray("pairs", of: Pair.self, maximum: .max)
        }
    }

    @Test("random bytes never trap, and what decodes encodes to the same bytes")
    func fuzz() {
        var generator = SeededGenerator(seed: 3)
        for _ in 0..<20_000 {
            let bytes = (0..<Int(generator.uniform(below: 24))).map { _ in
                UInt8(truncatingIfNeeded: generator.uniform(below: 6))
            }
            if let pair = try? Pair(decoding: bytes) { #expect(pair.encoded() == bytes) }
        }
    }
}
