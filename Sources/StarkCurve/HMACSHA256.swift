/// HMAC with SHA-256 (RFC 2104) under one key: the states after the two blocks that depend on the
/// key alone are kept, so that a short message costs two compressions instead of four.
package struct HMACSHA256: Sendable {
    package typealias Words = SHA256.Words

    private var inner = SHA256()
    private var outer = SHA256()

    /// A key of 32 bytes; a shorter one is the same key as with zeros after it.
    package init(key: Words) {
        inner.update(padding: key, 0x3636_3636_3636_3636)
        outer.update(padding: key, 0x5c5c_5c5c_5c5c_5c5c)
    }

    /// The code of the message that `write` puts into the hasher.
    @inline(__always)
    package func authenticate(_ write: (inout SHA256) -> Void) -> Words {
        var inner = inner
        write(&inner)
        var outer = outer
        outer.update(bigEndianWords: inner.finalizeWords())
        return outer.finalizeWords()
    }
}

extension SHA256 {
    /// A key and zeros up to a whole block, xor the mask.
    fileprivate mutating func update(padding key: Words, _ mask: UInt64) {
        update(bigEndianWords: (key.0 ^ mask, key.1 ^ mask, key.2 ^ mask, key.3 ^ mask))
        update(bigEndianWords: (mask, mask, mask, mask))
    }
}
