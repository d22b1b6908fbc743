package import StarkField

/// Nonces by RFC 6979, section 3.2, with HMAC-SHA256 and the order of the STARK curve.
///
/// Starknet's implementations pass the hash through the padding of another library; since the hash
/// is below 2^251, `bits2octets` gives it back as 32 bytes in every case. Extra entropy (section
/// 3.6) is a number's big-endian bytes without leading zeros; none for zero.
package enum DeterministicNonce {
    /// HMAC under the key that every nonce starts from.
    private static let zeroKey = HMACSHA256(key: (0, 0, 0, 0))

    package static func make(messageHash: Felt, secretKey: Scalar, entropy: [UInt8]) -> Scalar {
        let secret = secretKey.felt.bigEndianWords
        let message = messageHash.bigEndianWords
        var value: SHA256.Words = (
            0x0101_0101_0101_0101, 0x0101_0101_0101_0101, 0x0101_0101_0101_0101,
            0x0101_0101_0101_0101
        )
        var mac = zeroKey
        for round in 0...1 as ClosedRange<UInt8> {
            mac = HMACSHA256(
                key: mac.authenticate { hasher in
                    hasher.update(bigEndianWords: value)
                    hasher.update(byte: round)
                    hasher.update(bigEndianWords: secret)
                    hasher.update(bigEndianWords: message)
                    hasher.update(entropy)
                })
            value = mac.authenticate { $0.update(bigEndianWords: value) }
        }
        while true {
            value = mac.authenticate { $0.update(bigEndianWords: value) }
            // bits2int: the highest 252 of 256 bits.
            let words = (
                value.0 >> 4, value.1 >> 4 | value.0 << 60, value.2 >> 4 | value.1 << 60,
                value.3 >> 4 | value.2 << 60
            )
            if let candidate = Felt(bigEndianWords: words), let nonce = Scalar(candidate),
                !nonce.isZero
            {
                return nonce
            }
            mac = HMACSHA256(
                key: mac.authenticate { hasher in
                    hasher.update(bigEndianWords: value)
                    hasher.update(byte: 0)
                })
            value = mac.authenticate { $0.update(bigEndianWords: value) }
        }
    }
}
