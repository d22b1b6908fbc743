import Glibc
import Primitives

/// Bytes of a key, without an allocation where the key has a fixed shape. 1 to 511 bytes (LMDB's
/// maximum); other counts are our bug.
package protocol StoreKey {
    func withKeyBytes<R, E: Error>(
        _ body: (UnsafeRawBufferPointer) throws(E) -> R
    ) throws(E) -> R
}

extension [UInt8]: StoreKey {
    package func withKeyBytes<R, E: Error>(
        _ body: (UnsafeRawBufferPointer) throws(E) -> R
    ) throws(E) -> R {
        var result: Result<R, E>?
        withUnsafeBytes { raw in
            do throws(E) {
                result = .success(try body(raw))
            } catch {
                result = .failure(error)
            }
        }
        guard let result else { preconditionFailure("withUnsafeBytes did not call its body") }
        return try result.get()
    }
}

/// A key of at most nine 64-bit words, big-endian, so that byte order is number order.
struct WordKey: StoreKey, Hashable, Comparable {
    private var storage: InlineWords = InlineWords()
    private(set) var count = 0

    /// Nine words already in big-endian byte order.
    struct InlineWords: Hashable {
        var words: (UInt64, UInt64, UInt64, UInt64, UInt64, UInt64, UInt64, UInt64, UInt64) =
            (0, 0, 0, 0, 0, 0, 0, 0, 0)

        static func == (left: Self, right: Self) -> Bool {
            withUnsafeBytes(of: left.words) { one in
                withUnsafeBytes(of: right.words) { two in one.elementsEqual(two) }
            }
        }

        func hash(into hasher: inout Hasher) {
            withUnsafeBytes(of: words) { hasher.combine(bytes: $0) }
        }
    }

    init() {}

    init(_ words: UInt64...) {
        for word in words { append(word) }
    }

    mutating func append(_ word: UInt64) {
        precondition(count < 9, "a word key has at most nine words")
        withUnsafeMutableBytes(of: &storage.words) {
            $0.storeBytes(of: word.bigEndian, toByteOffset: count * 8, as: UInt64.self)
        }
        count += 1
    }

    mutating func append(_ digest: Digest) {
        append(digest.word0)
        append(digest.word1)
        append(digest.word2)
        append(digest.word3)
    }

    func appending(_ word: UInt64) -> WordKey {
        var longer = self
        longer.append(word)
        return longer
    }

    func appending(_ digest: Digest) -> WordKey {
        var longer = self
        longer.append(digest)
        return longer
    }

    static func < (left: WordKey, right: WordKey) -> Bool {
        left.withKeyBytes { one in
            right.withKeyBytes { two in
                let order = compareBytes(one, two, min(one.count, two.count))
                return order == 0 ? one.count < two.count : order < 0
            }
        }
    }

    func withKeyBytes<R, E: Error>(
        _ body: (UnsafeRawBufferPointer) throws(E) -> R
    ) throws(E) -> R {
        try withUnsafeBytes(of: storage.words) { raw throws(E) in
            try body(UnsafeRawBufferPointer(rebasing: raw[..<(count * 8)]))
        }
    }
}

extension UnsafeRawBufferPointer {
    /// The big-endian word at `offset`, or nil past the end.
    func word(at offset: Int) -> UInt64? {
        guard offset >= 0, count - offset >= 8 else { return nil }
        return UInt64(bigEndian: loadUnaligned(fromByteOffset: offset, as: UInt64.self))
    }

    func digest(at offset: Int) -> Digest? {
        guard let word0 = word(at: offset), let word1 = word(at: offset + 8),
            let word2 = word(at: offset + 16), let word3 = word(at: offset + 24)
        else { return nil }
        return Digest(word0, word1, word2, word3)
    }

    func hasPrefix(_ other: UnsafeRawBufferPointer) -> Bool {
        count >= other.count && compareBytes(self, other, other.count) == 0
    }
}

/// The sign of the first difference within `count` bytes, which both must have.
private func compareBytes(
    _ left: UnsafeRawBufferPointer, _ right: UnsafeRawBufferPointer, _ count: Int
) -> Int32 {
    guard count > 0, let one = left.baseAddress, let two = right.baseAddress else { return 0 }
    return memcmp(one, two, count)
}
