package import StarkField

/// A position in a trie: the bits from the root down, at most 256 of them. The bits are aligned to
/// the left of four words, the first bit the most significant of `w0`; bits past the length are
/// zero. Ordered depth first: a prefix comes before what it leads to.
package struct TriePath: Hashable, Sendable {
    var w0: UInt64
    var w1: UInt64
    var w2: UInt64
    var w3: UInt64
    private var count: UInt16

    /// Number of bits, 0 ... 256.
    package var length: Int { Int(count) }

    init(_ w0: UInt64, _ w1: UInt64, _ w2: UInt64, _ w3: UInt64, length: Int) {
        self.w0 = w0
        self.w1 = w1
        self.w2 = w2
        self.w3 = w3
        count = UInt16(length)
    }

    /// The root's position.
    package static let root = TriePath(0, 0, 0, 0, length: 0)

    /// The position of a key's leaf in a trie of `height` 1 ... 251; nil for a key of 2^height or
    /// more.
    package init?(key: Felt, height: Int) {
        let (k0, k1, k2, k3) = key.bigEndianWords
        let integer = TriePath(k0, k1, k2, k3, length: 256)
        let free = 256 - height
        guard integer.commonPrefix(with: TriePath(0, 0, 0, 0, length: 256)) >= free else {
            return nil
        }
        self = integer.shiftedLeft(by: free)
        count = UInt16(height)
    }

    /// The bits as an integer: the key of a whole path, the `path` of an edge. At most 251 bits.
    package var value: Felt {
        precondition(length <= 251, "a path of \(length) bits is no field element")
        let words = shiftedRight(by: 256 - length)
        return Felt(reducingBigEndianWords: (words.w0, words.w1, words.w2, words.w3))
    }

    /// The lowest `length` bits of `value`; nil where the value has more.
    package init?(value: Felt, length: Int) {
        guard (1...251).contains(length) else { return nil }
        self.init(key: value, height: length)
    }

    /// The bit at `index` in `0 ..< length`, counted from the root.
    @inline(__always)
    package func bit(at index: Int) -> Bool {
        let word =
            switch index >> 6 {
            case 0: w0
            case 1: w1
            case 2: w2
            default: w3
            }
        return word >> UInt64(63 - index & 63) & 1 == 1
    }

    /// The first `length` bits.
    package func prefix(_ length: Int) -> TriePath {
        func keep(_ word: UInt64, _ bits: Int) -> UInt64 {
            bits >= 64 ? word : bits <= 0 ? 0 : word & ~(UInt64.max >> UInt64(bits))
        }
        return TriePath(
            keep(w0, length), keep(w1, length - 64), keep(w2, length - 128), keep(w3, length - 192),
            length: length)
    }

    /// The bits from `start` on.
    package func suffix(from start: Int) -> TriePath {
        var result = shiftedLeft(by: start)
        result.count = UInt16(length - start)
        return result
    }

    /// One bit longer. The length is below 256.
    @inline(__always)
    package func appending(_ bit: Bool) -> TriePath {
        var result = self
        result.count += 1
        guard bit else { return result }
        let mask: UInt64 = 1 << UInt64(63 - length & 63)
        switch length >> 6 {
        case 0: result.w0 |= mask
        case 1: result.w1 |= mask
        case 2: result.w2 |= mask
        default: result.w3 |= mask
        }
        return result
    }

    /// The bits of `self` and then those of `other`, at most 256 together.
    package func appending(_ other: TriePath) -> TriePath {
        let low = other.shiftedRight(by: length)
        return TriePath(
            w0 | low.w0, w1 | low.w1, w2 | low.w2, w3 | low.w3, length: length + other.length)
    }

    /// The number of first bits that both share, at most the shorter length.
    @inline(__always)
    package func commonPrefix(with other: TriePath) -> Int {
        let shorter = min(length, other.length)
        if w0 != other.w0 { return min(shorter, (w0 ^ other.w0).leadingZeroBitCount) }
        if w1 != other.w1 { return min(shorter, 64 + (w1 ^ other.w1).leadingZeroBitCount) }
        if w2 != other.w2 { return min(shorter, 128 + (w2 ^ other.w2).leadingZeroBitCount) }
        return min(shorter, 192 + (w3 ^ other.w3).leadingZeroBitCount)
    }

    private func shiftedLeft(by distance: Int) -> TriePath {
        var words = (w0, w1, w2, w3)
        for _ in 0..<(distance >> 6) { words = (words.1, words.2, words.3, 0) }
        let bits = UInt64(distance & 63)
        if bits != 0 {
            let down = 64 - bits
            words = (
                words.0 << bits | words.1 >> down, words.1 << bits | words.2 >> down,
                words.2 << bits | words.3 >> down, words.3 << bits
            )
        }
        return TriePath(words.0, words.1, words.2, words.3, length: length)
    }

    private func shiftedRight(by distance: Int) -> TriePath {
        var words = (w0, w1, w2, w3)
        for _ in 0..<(distance >> 6) { words = (0, words.0, words.1, words.2) }
        let bits = UInt64(distance & 63)
        if bits != 0 {
            let up = 64 - bits
            words = (
                words.0 >> bits, words.1 >> bits | words.0 << up, words.2 >> bits | words.1 << up,
                words.3 >> bits | words.2 << up
            )
        }
        return TriePath(words.0, words.1, words.2, words.3, length: length)
    }
}

extension TriePath: Comparable {
    package static func < (left: TriePath, right: TriePath) -> Bool {
        if left.w0 != right.w0 { return left.w0 < right.w0 }
        if left.w1 != right.w1 { return left.w1 < right.w1 }
        if left.w2 != right.w2 { return left.w2 < right.w2 }
        if left.w3 != right.w3 { return left.w3 < right.w3 }
        return left.count < right.count
    }
}

extension TriePath: CustomStringConvertible {
    package var description: String {
        "/" + String((0..<length).map { bit(at: $0) ? "1" : "0" })
    }
}
