public import StarkField

/// Keccak-256 as Ethereum and Starknet use it: rate 136, padding 0x01 (the submission of 2011, not
/// the SHA-3 of FIPS 202, which pads with 0x06).
public enum Keccak256 {
    /// 32 bytes.
    public static func hash(_ bytes: some Collection<UInt8>) -> [UInt8] {
        bytes.withContiguousStorageIfAvailable { hash(contiguous: UnsafeRawBufferPointer($0)) }
            ?? Array(bytes).withUnsafeBytes { hash(contiguous: $0) }
    }

    private static let rate = 136

    /// Keccak-f[1600] on the lanes a[x + 5 y].
    package static func permute(_ state: inout InlineArray<25, UInt64>) {
        permute(&state, roundConstants)
    }

    private static func hash(contiguous bytes: UnsafeRawBufferPointer) -> [UInt8] {
        var state = InlineArray<25, UInt64>(repeating: 0)
        let constants = roundConstants
        var start = 0
        while bytes.count - start >= rate {
            for lane in 0..<17 {
                let word = bytes.loadUnaligned(fromByteOffset: start + 8 * lane, as: UInt64.self)
                state[lane] ^= UInt64(littleEndian: word)
            }
            permute(&state, constants)
            start += rate
        }
        let rest = bytes.count - start
        for index in 0..<rest {
            state[index >> 3] ^= UInt64(bytes[start + index]) << UInt64(8 * (index & 7))
        }
        state[rest >> 3] ^= 1 << UInt64(8 * (rest & 7))
        state[16] ^= 0x80 << 56
        permute(&state, constants)
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

    @inline(__always)
    private static func rotate(_ lane: UInt64, _ count: UInt64) -> UInt64 {
        lane &<< count | lane &>> (64 &- count)
    }

    /// The lanes a[x + 5 y] as locals, so that they stay in registers: theta into c and d, rho and
    /// pi into b, then chi and iota.
    private static func permute(_ state: inout InlineArray<25, UInt64>, _ constants: [UInt64]) {
        var a0 = state[0]
        var a1 = state[1]
        var a2 = state[2]
        var a3 = state[3]
        var a4 = state[4]
        var a5 = state[5]
        var a6 = state[6]
        var a7 = state[7]
        var a8 = state[8]
        var a9 = state[9]
        var a10 = state[10]
        var a11 = state[11]
        var a12 = state[12]
        var a13 = state[13]
        var a14 = state[14]
        var a15 = state[15]
        var a16 = state[16]
        var a17 = state[17]
        var a18 = state[18]
        var a19 = state[19]
        var a20 = state[20]
        var a21 = state[21]
        var a22 = state[22]
        var a23 = state[23]
        var a24 = state[24]
        for constant in constants {
            let c0 = a0 ^ a5 ^ a10 ^ a15 ^ a20
            let c1 = a1 ^ a6 ^ a11 ^ a16 ^ a21
            let c2 = a2 ^ a7 ^ a12 ^ a17 ^ a22
            let c3 = a3 ^ a8 ^ a13 ^ a18 ^ a23
            let c4 = a4 ^ a9 ^ a14 ^ a19 ^ a24
            let d0 = c4 ^ rotate(c1, 1)
            let d1 = c0 ^ rotate(c2, 1)
            let d2 = c1 ^ rotate(c3, 1)
            let d3 = c2 ^ rotate(c4, 1)
            let d4 = c3 ^ rotate(c0, 1)
            let b0 = a0 ^ d0
            let b10 = rotate(a1 ^ d1, 1)
            let b20 = rotate(a2 ^ d2, 62)
            let b5 = rotate(a3 ^ d3, 28)
            let b15 = rotate(a4 ^ d4, 27)
            let b16 = rotate(a5 ^ d0, 36)
            let b1 = rotate(a6 ^ d1, 44)
            let b11 = rotate(a7 ^ d2, 6)
            let b21 = rotate(a8 ^ d3, 55)
            let b6 = rotate(a9 ^ d4, 20)
            let b7 = rotate(a10 ^ d0, 3)
            let b17 = rotate(a11 ^ d1, 10)
            let b2 = rotate(a12 ^ d2, 43)
            let b12 = rotate(a13 ^ d3, 25)
            let b22 = rotate(a14 ^ d4, 39)
            let b23 = rotate(a15 ^ d0, 41)
            let b8 = rotate(a16 ^ d1, 45)
            let b18 = rotate(a17 ^ d2, 15)
            let b3 = rotate(a18 ^ d3, 21)
            let b13 = rotate(a19 ^ d4, 8)
            let b14 = rotate(a20 ^ d0, 18)
            let b24 = rotate(a21 ^ d1, 2)
            let b9 = rotate(a22 ^ d2, 61)
            let b19 = rotate(a23 ^ d3, 56)
            let b4 = rotate(a24 ^ d4, 14)
            a0 = b0 ^ ~b1 & b2 ^ constant
            a1 = b1 ^ ~b2 & b3
            a2 = b2 ^ ~b3 & b4
            a3 = b3 ^ ~b4 & b0
            a4 = b4 ^ ~b0 & b1
            a5 = b5 ^ ~b6 & b7
            a6 = b6 ^ ~b7 & b8
            a7 = b7 ^ ~b8 & b9
            a8 = b8 ^ ~b9 & b5
            a9 = b9 ^ ~b5 & b6
            a10 = b10 ^ ~b11 & b12
            a11 = b11 ^ ~b12 & b13
            a12 = b12 ^ ~b13 & b14
            a13 = b13 ^ ~b14 & b10
            a14 = b14 ^ ~b10 & b11
            a15 = b15 ^ ~b16 & b17
            a16 = b16 ^ ~b17 & b18
            a17 = b17 ^ ~b18 & b19
            a18 = b18 ^ ~b19 & b15
            a19 = b19 ^ ~b15 & b16
            a20 = b20 ^ ~b21 & b22
            a21 = b21 ^ ~b22 & b23
            a22 = b22 ^ ~b23 & b24
            a23 = b23 ^ ~b24 & b20
            a24 = b24 ^ ~b20 & b21
        }
        state[0] = a0
        state[1] = a1
        state[2] = a2
        state[3] = a3
        state[4] = a4
        state[5] = a5
        state[6] = a6
        state[7] = a7
        state[8] = a8
        state[9] = a9
        state[10] = a10
        state[11] = a11
        state[12] = a12
        state[13] = a13
        state[14] = a14
        state[15] = a15
        state[16] = a16
        state[17] = a17
        state[18] = a18
        state[19] = a19
        state[20] = a20
        state[21] = a21
        state[22] = a22
        state[23] = a23
        state[24] = a24
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
