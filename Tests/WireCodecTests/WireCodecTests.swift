import Primitives
import Testing
import WireCodec

@Suite("Canonical, bounded, total encoding")
struct WireCodecTests {
    private struct Pair: Hashable, WireCodable {
        var number: UInt32
        var text: String
        init(number: UInt32, text: String) {
            self.number = number
            self.text = text
        }
        func encode(into writer: inout WireWriter) {
            writer.write(number)
            writer.write(text)
        }
        init(from reader: inout WireReader) throws(WireError) {
            number = try reader.read()
            text = try reader.readString("text", maximum: 8)
        }
    }

    private struct List: Hashable, WireCodable {
        var values: [Pair]
        var last: Pair?
        init(values: [Pair], last: Pair?) {
            self.values = values
            self.last = last
        }
        func encode(into writer: inout WireWriter) {
            writer.write(values)
            writer.write(last)
        }
        init(from reader: inout WireReader) throws(WireError) {
            values = try reader.readArray("values", maximum: 3)
            last = try reader.readOptional("last")
        }
    }

    private func error(_ body: () throws(WireError) -> Void) -> WireError? {
        do throws(WireError) {
            try body()
            return nil
        } catch { return error }
    }

    @Test("Integers are little-endian, digests big-endian, of fixed width")
    func layout() {
        var writer = WireWriter()
        writer.write(UInt8(1))
        writer.write(UInt16(0x0203))
        writer.write(UInt32(0x0405_0607))
        writer.write(UInt64(0x0809_0a0b_0c0d_0e0f))
        writer.write(true)
        writer.write(Slot(1))
        #expect(
            writer.bytes == [
                1, 3, 2, 7, 6, 5, 4, 15, 14, 13, 12, 11, 10, 9, 8, 1, 1, 0, 0, 0, 0, 0, 0, 0,
            ])
        var other = WireWriter()
        other.write(Digest(1, 2, 3, 4))
        #expect(other.bytes == Digest(1, 2, 3, 4).bigEndianBytes)
        var third = WireWriter()
        third.write([UInt8]([9, 8]))
        third.write("ab")
        #expect(third.bytes == [2, 0, 0, 0, 9, 8, 2, 0, 0, 0, 97, 98])
    }

    @Test("What is written is read again, at every integer's bounds")
    func roundTrips() throws {
        var writer = WireWriter()
        for value in [0, 1, .max] as [UInt64] { writer.write(value) }
        for value in [.min, -1, 0, .max] as [Int32] { writer.write(value) }
        writer.write(UInt128.max)
        writer.write(SignatureBytes(r: Digest(1, 2, 3, 4), s: Digest(.max, 0, 0, .max)))
        writer.write(false)
        var reader = WireReader(writer.bytes)
        #expect(try reader.read(UInt64.self) == 0)
        #expect(try reader.read(UInt64.self) == 1)
        #expect(try reader.read(UInt64.self) == .max)
        #expect(try reader.read(Int32.self) == .min)
        #expect(try reader.read(Int32.self) == -1)
        #expect(try reader.read(Int32.self) == 0)
        #expect(try reader.read(Int32.self) == .max)
        #expect(try reader.read(UInt128.self) == .max)
        #expect(
            try reader.readSignature()
                == SignatureBytes(r: Digest(1, 2, 3, 4), s: Digest(.max, 0, 0, .max)))
        #expect(try reader.readBool("flag") == false)
        try reader.finish()
        let list = List(
            values: [Pair(number: 1, text: ""), Pair(number: 2, text: "Ägäis")],
            last: Pair(number: 3, text: "x"))
        #expect(try List(decoding: list.encoded()) == list)
        #expect(try List(decoding: List(values: [], last: nil).encoded()).last == nil)
    }

    @Test("Every proper prefix is truncated, every suffix trails")
    func truncation() {
        let bytes = List(
            values: [Pair(number: 1, text: "abc")], last: Pair(number: 3, text: "x")
        ).encoded()
        for count in 0..<bytes.count {
            let failure = error { () throws(WireError) in
                _ = try List(decoding: Array(bytes.prefix(count)))
            }
            guard case .truncated = failure else {
                Issue.record("\(count) bytes: \(String(describing: failure))")
                continue
            }
        }
        #expect(
            error { () throws(WireError) in _ = try List(decoding: bytes + [0]) }
                == .trailing(count: 1))
    }

    @Test("Counts above their maximum, odd flags and bad text are refused")
    func refusals() {
        let four = List(
            values: Array(repeating: Pair(number: 0, text: ""), count: 4), last: nil)
        #expect(
            error { () throws(WireError) in _ = try List(decoding: four.encoded()) }
                == .tooLong(what: "values", count: 4, maximum: 3))
        #expect(
            error { () throws(WireError) in
                _ = try Pair(decoding: Pair(number: 0, text: "123456789").encoded())
            } == .tooLong(what: "text", count: 9, maximum: 8))
        #expect(
            error { () throws(WireError) in _ = try List(decoding: [0, 0, 0, 0, 2]) }
                == .invalid(what: "last"))
        #expect(
            error { () throws(WireError) in
                _ = try Pair(decoding: [0, 0, 0, 0, 2, 0, 0, 0, 0xc0, 0xaf])
            } == .invalid(what: "text"))
        // A count that the bytes cannot hold is refused before anything is kept for it.
        #expect(
            error { () throws(WireError) in
                var reader = WireReader([0xff, 0xff, 0xff, 0xff, 1])
                _ = try reader.readBytes("huge", maximum: .max)
            } == .truncated(needed: Int(UInt32.max), left: 1))
    }

    @Test("Whatever decodes, encodes to the same bytes")
    func canonical() {
        var generator = SeededGenerator(seed: 12)
        let seed = List(
            values: [Pair(number: 1, text: "abc"), Pair(number: 1, text: "")], last: nil
        ).encoded()
        var accepted = 0
        for _ in 0..<20_000 {
            var bytes = seed
            for _ in 0...generator.uniform(below: 3) {
                let position = Int(generator.uniform(below: UInt64(bytes.count)))
                bytes[position] = UInt8(generator.uniform(below: 256))
            }
            let failure = error { () throws(WireError) in
                #expect(try List(decoding: bytes).encoded() == bytes)
            }
            if failure == nil { accepted += 1 }
        }
        #expect(accepted > 1000)
    }
}
