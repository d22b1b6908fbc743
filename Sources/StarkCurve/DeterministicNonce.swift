package import StarkField

/// Nonces by RFC 6979, section 3.2, with HMAC-SHA256 and the order of the STARK curve.
///
/// Starknet's implementations pass the hash through the padding of another library; since the hash
/// is below 2^251, `bits2octets` gives it back as 32 bytes in every case. Extra entropy (section
/// 3.6) is a number's big-endian bytes without leading zeros; none for zero.
package enum DeterministicNonce {
    package static func make(messageHash: Felt, secretKey: Scalar, entropy: [UInt8]) -> Scalar {
        let data = secretKey.felt.bigEndianBytes + messageHash.bigEndianBytes + entropy
        var value = [UInt8](repeating: 1, count: 32)
        var key = [UInt8](repeating: 0, count: 32)
        for round in 0...1 as ClosedRange<UInt8> {
            key = SHA256.authenticate(key: key, [value, [round], data])
            value = SHA256.authenticate(key: key, [value])
        }
        while true {
            value = SHA256.authenticate(key: key, [value])
            // bits2int: the highest 252 of 256 bits.
            var words: (UInt64, UInt64, UInt64, UInt64) = (0, 0, 0, 0)
            for byte in value {
                words.0 = words.0 << 8 | words.1 >> 56
                words.1 = words.1 << 8 | words.2 >> 56
                words.2 = words.2 << 8 | words.3 >> 56
                words.3 = words.3 << 8 | UInt64(byte)
            }
            words.3 = words.3 >> 4 | words.2 << 60
            words.2 = words.2 >> 4 | words.1 << 60
            words.1 = words.1 >> 4 | words.0 << 60
            words.0 >>= 4
            if let candidate = Felt(bigEndianWords: words), let nonce = Scalar(candidate),
                !nonce.isZero
            {
                return nonce
            }
            key = SHA256.authenticate(key: key, [value, [0]])
            value = SHA256.authenticate(key: key, [value])
        }
    }
}
