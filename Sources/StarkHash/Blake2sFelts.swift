public import StarkField

extension Blake2s {
    /// Field elements to one (SNIP-34; `encode_felt252_data_and_calc_blake_hash` of cairo-lang
    /// 0.14.1): BLAKE2s of their words, the digest read as a little-endian integer modulo p.
    ///
    /// An element below 2^63 is two words of 32 bits, any other eight with the highest bit of the
    /// first set; the most significant word comes first, its bytes the least significant first.
    public static func hashMany(_ values: some Sequence<Felt>) -> Felt {
        var hasher = Blake2sHasher()
        for value in values {
            let (word0, word1, word2, word3) = value.bigEndianWords
            if word0 | word1 | word2 == 0, word3 >> 63 == 0 {
                hasher.update(bigEndianWord: swapped(word3))
            } else {
                hasher.update(
                    bigEndianWords: (
                        swapped(word0 | 1 << 63), swapped(word1), swapped(word2), swapped(word3)
                    ))
            }
        }
        let digest = hasher.finalizeWords()
        return Felt(
            reducingBigEndianWords: (
                digest.3.byteSwapped, digest.2.byteSwapped, digest.1.byteSwapped,
                digest.0.byteSwapped
            ))
    }

    /// The bytes of each half in the other order.
    private static func swapped(_ word: UInt64) -> UInt64 {
        UInt64(UInt32(truncatingIfNeeded: word >> 32).byteSwapped) << 32
            | UInt64(UInt32(truncatingIfNeeded: word).byteSwapped)
    }
}
