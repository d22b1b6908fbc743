/// # WireCodec: canonical, bounded, total
///
/// One value has exactly one encoding. Integers are fixed-width little-endian; a variable-length
/// sequence is its count as `UInt32` and then its elements; an optional is one byte 0 or 1; an
/// enumeration is one tag byte. Decoding never traps, never allocates more than the input can
/// justify, checks every count against a named maximum, and a whole message must use all its bytes.

package import Primitives

/// Why bytes are not the encoding of a value.
package enum WireError: Error, Hashable, Sendable {
    /// Fewer bytes than the value needs.
    case truncated(needed: Int, left: Int)
    /// A count above its named maximum.
    case tooLong(what: String, count: Int, maximum: Int)
    /// A tag byte that names no case.
    case unknownTag(what: String, tag: UInt8)
    /// A value outside its range, or an encoding that is not the canonical one.
    case invalid(what: String)
    /// Bytes left over after a whole value.
    case trailing(count: Int)
}

package protocol WireEncodable {
    func encode(into writer: inout WireWriter)
}

package protocol WireDecodable {
    init(from reader: inout WireReader) throws(WireError)
}

package typealias WireCodable = WireEncodable & WireDecodable

extension WireEncodable {
    /// The whole encoding.
    package func encoded() -> [UInt8] {
        var writer = WireWriter()
        encode(into: &writer)
        return writer.bytes
    }
}

extension WireDecodable {
    /// Decodes a value that must use all of `bytes`.
    package init(decoding bytes: [UInt8]) throws(WireError) {
        var reader = WireReader(bytes)
        self = try Self(from: &reader)
        try reader.finish()
    }
}

/// Appends encodings to a byte array.
package struct WireWriter: Sendable {
    package private(set) var bytes: [UInt8] = []

    package init() {}
    package init(reserving capacity: Int) { bytes.reserveCapacity(capacity) }

    package mutating func write<I: FixedWidthInteger>(_ value: I) {
        withUnsafeBytes(of: value.littleEndian) { bytes.append(contentsOf: $0) }
    }
    // Fixed widths by themselves: other modules cannot specialise the generic form.
    package mutating func write(_ value: UInt8) { bytes.append(value) }
    package mutating func write(_ value: UInt32) {
        withUnsafeBytes(of: value.littleEndian) { bytes.append(contentsOf: $0) }
    }
    package mutating func write(_ value: UInt64) {
        withUnsafeBytes(of: value.littleEndian) { bytes.append(contentsOf: $0) }
    }
    package mutating func write(_ value: UInt128) {
        withUnsafeBytes(of: value.littleEndian) { bytes.append(contentsOf: $0) }
    }
    package mutating func write(_ value: Bool) { bytes.append(value ? 1 : 0) }
    package mutating func write(_ value: some Counter) { write(value.rawValue) }
    package mutating func write(_ value: Digest) {
        let words = (
            value.word0.bigEndian, value.word1.bigEndian, value.word2.bigEndian,
            value.word3.bigEndian
        )
        withUnsafeBytes(of: words) { bytes.append(contentsOf: $0) }
    }
    package mutating func write(_ value: SignatureBytes) {
        write(value.r)
        write(value.s)
    }
    /// Bytes without a count: for fixed sizes only.
    package mutating func write(raw value: [UInt8]) { bytes.append(contentsOf: value) }
    /// A count and the bytes.
    package mutating func write(_ value: [UInt8]) {
        write(UInt32(value.count))
        bytes.append(contentsOf: value)
    }
    package mutating func write(_ value: String) { write(Array(value.utf8)) }
    package mutating func write(_ value: some WireEncodable) { value.encode(into: &self) }
    package mutating func write(_ values: [some WireEncodable]) {
        write(UInt32(values.count))
        for value in values { value.encode(into: &self) }
    }
    package mutating func write(_ value: (some WireEncodable)?) {
        write(value != nil)
        if let value { value.encode(into: &self) }
    }
}

/// Reads values from a byte array, front to back.
package struct WireReader: Sendable {
    private let bytes: [UInt8]
    private var position: Int
    private let end: Int

    package init(_ bytes: [UInt8]) {
        self.bytes = bytes
        position = 0
        end = bytes.count
    }

    /// Bytes not yet read.
    package var left: Int { end - position }

    private mutating func take(_ count: Int) throws(WireError) -> Range<Int> {
        guard count <= left else { throw .truncated(needed: count, left: left) }
        defer { position += count }
        return position..<(position + count)
    }

    package mutating func read<I: FixedWidthInteger>(_ type: I.Type = I.self) throws(WireError)
        -> I
    { try load() }

    @inline(__always)
    private mutating func load<I: FixedWidthInteger>() throws(WireError) -> I {
        let range = try take(MemoryLayout<I>.size)
        return bytes.withUnsafeBytes {
            I(littleEndian: $0.loadUnaligned(fromByteOffset: range.lowerBound, as: I.self))
        }
    }

    // As in the writer: fixed widths by themselves.
    package mutating func read(_ type: UInt8.Type = UInt8.self) throws(WireError) -> UInt8 {
        bytes[try take(1).lowerBound]
    }
    package mutating func read(_ type: UInt32.Type = UInt32.self) throws(WireError) -> UInt32 {
        try load()
    }
    package mutating func read(_ type: UInt64.Type = UInt64.self) throws(WireError) -> UInt64 {
        try load()
    }
    package mutating func read(_ type: UInt128.Type = UInt128.self) throws(WireError) -> UInt128 {
        try load()
    }

    package mutating func readBool(_ what: String) throws(WireError) -> Bool {
        switch try read(UInt8.self) {
        case 0: return false
        case 1: return true
        default: throw .invalid(what: what)
        }
    }

    package mutating func read<C: Counter>(counter type: C.Type = C.self) throws(WireError) -> C {
        C(try read(C.RawValue.self))
    }

    package mutating func readDigest() throws(WireError) -> Digest {
        let start = try take(32).lowerBound
        return bytes.withUnsafeBytes { raw in
            func word(_ index: Int) -> UInt64 {
                UInt64(
                    bigEndian: raw.loadUnaligned(
                        fromByteOffset: start + 8 * index, as: UInt64.self))
            }
            return Digest(word(0), word(1), word(2), word(3))
        }
    }

    package mutating func readSignature() throws(WireError) -> SignatureBytes {
        let r = try readDigest()
        return SignatureBytes(r: r, s: try readDigest())
    }

    /// `count` bytes without a count before them.
    package mutating func readRaw(count: Int) throws(WireError) -> [UInt8] {
        Array(bytes[try take(count)])
    }

    /// A count of at most `maximum`, and never more elements than bytes are left.
    package mutating func readCount(_ what: String, maximum: Int) throws(WireError) -> Int {
        let count = Int(try read(UInt32.self))
        guard count <= maximum else { throw .tooLong(what: what, count: count, maximum: maximum) }
        guard count <= left else { throw .truncated(needed: count, left: left) }
        return count
    }

    package mutating func readBytes(_ what: String, maximum: Int) throws(WireError) -> [UInt8] {
        try readRaw(count: readCount(what, maximum: maximum))
    }

    package mutating func readString(_ what: String, maximum: Int) throws(WireError) -> String {
        let raw = try readBytes(what, maximum: maximum)
        guard let text = String(validating: raw, as: UTF8.self) else {
            throw .invalid(what: what)
        }
        return text
    }

    package mutating func read<T: WireDecodable>(_ type: T.Type = T.self) throws(WireError) -> T {
        try T(from: &self)
    }

    package mutating func readArray<T: WireDecodable>(
        _ what: String, of type: T.Type = T.self, maximum: Int
    ) throws(WireError) -> [T] {
        let count = try readCount(what, maximum: maximum)
        var values: [T] = []
        values.reserveCapacity(Swift.min(count, 1024))
        for _ in 0..<count { values.append(try T(from: &self)) }
        return values
    }

    package mutating func readOptional<T: WireDecodable>(
        _ what: String, of type: T.Type = T.self
    ) throws(WireError) -> T? {
        try readBool(what) ? try T(from: &self) : nil
    }

    /// Refuses leftover bytes.
    package func finish() throws(WireError) {
        guard left == 0 else { throw .trailing(count: left) }
    }
}
