public import StarkField

/// Keccak-256 as Ethereum and Starknet use it: rate 136, padding 0x01 (the submission of 2011, not
/// the SHA-3 of FIPS 202, which pads with 0x06).
public enum Keccak256 {
    /// 32 bytes.
    public static func hash(_ bytes: some Collection<UInt8>) -> [UInt8] {
        var state = [UInt64](repeating: 0, count: 25)
        var position = 0
        for byte in bytes {
            state[position >> 3] ^= UInt64(byte) << UInt64(8 * (position & 7))
            position += 1
            if position == 136 {
                permute(&state)
                position = 0
            }
        }
        state[position >> 3] ^= 1 << UInt64(8 * (position & 7))
        state[16] ^= 0x80 << 56
        permute(&state)
        return (0..<32).map { UInt8(truncatingIfNeeded: state[$0 >> 3] >> UInt64(8 * ($0 & 7))) }
    }

    private static let roundConstants: [UInt64] = {
        // The degree-8 linear feedback shift register of the specification: x^8+x^6+x^5+x^4+1.
        var register: UInt8 = 1
        return (0..<24).map { _ in
            var constant: UInt64 = 0
            for power in 0..<7 {
                if register & 1 == 1 { constant |= 1 << UInt64((1 << power) - 1) }
                register = register & 0x80 == 0 ? register << 1 : register << 1 ^ 0x71
            }
            return constant
        }
    }()

    /// Rotation and target of each lane as rho and pi walk them from lane 1.
    private static let walk: [(rotation: UInt64, lane: Int)] = {
        var x = 1
        var y = 0
        return (0..<24).map { step in
            (x, y) = (y, (2 * x + 3 * y) % 5)
            return (UInt64((step + 1) * (step + 2) / 2 % 64), x + 5 * y)
        }
    }()

    private static func rotate(_ lane: UInt64, _ count: UInt64) -> UInt64 {
        lane &<< count | lane &>> (64 &- count)
    }

    private static func permute(_ array: inout [UInt64]) {
        let constants = roundConstants
        let path = walk
        array.withUnsafeMutableBufferPointer { state in
            for constant in constants {
                // Theta.
                let c0 = state[0] ^ state[5] ^ state[10] ^ state[15] ^ state[20]
                let c1 = state[1] ^ state[6] ^ state[11] ^ state[16] ^ state[21]
                let c2 = state[2] ^ state[7] ^ state[12] ^ state[17] ^ state[22]
                let c3 = state[3] ^ state[8] ^ state[13] ^ state[18] ^ state[23]
                let c4 = state[4] ^ state[9] ^ state[14] ^ state[19] ^ state[24]
                let d0 = c4 ^ rotate(c1, 1)
                let d1 = c0 ^ rotate(c2, 1)
                let d2 = c1 ^ rotate(c3, 1)
                let d3 = c2 ^ rotate(c4, 1)
                let d4 = c3 ^ rotate(c0, 1)
                for row in stride(from: 0, to: 25, by: 5) {
                    state[row] ^= d0
                    state[row + 1] ^= d1
                    state[row + 2] ^= d2
                    state[row + 3] ^= d3
                    state[row + 4] ^= d4
                }
                // Rho and pi.
                var moving = state[1]
                for (rotation, lane) in path {
                    let displaced = state[lane]
                    state[lane] = rotate(moving, rotation)
                    moving = displaced
                }
                // Chi.
                for row in stride(from: 0, to: 25, by: 5) {
                    let (a, b, c, d, e) = (
                        state[row], state[row + 1], state[row + 2], state[row + 3], state[row + 4]
                    )
                    state[row] = a ^ ~b & c
                    state[row + 1] = b ^ ~c & d
                    state[row + 2] = c ^ ~d & e
                    state[row + 3] = d ^ ~e & a
                    state[row + 4] = e ^ ~a & b
                }
                // Iota.
                state[0] ^= constant
            }
        }
    }
}

/// The lowest 250 bits of the Keccak-256 digest, read most significant byte first.
public func starknetKeccak(_ bytes: some Collection<UInt8>) -> Felt {
    let digest = Keccak256.hash(bytes)
    func word(_ number: Int) -> UInt64 {
        digest[8 * number..<8 * number + 8].reduce(0) { $0 << 8 | UInt64($1) }
    }
    return Felt(
        reducingBigEndianWords: (word(0) & 0x03ff_ffff_ffff_ffff, word(1), word(2), word(3)))
}

/// The entry point selector of a function's name. The two default entry points have selector zero.
public func selector(_ name: String) -> Felt {
    if name == "__default__" || name == "__l1_default__" { return .zero }
    return starknetKeccak(Array(name.utf8))
}
