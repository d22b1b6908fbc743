import StarkCurve
import StarkField
import StarkHash
import TestSupport

/// The slow twin of `Poseidon.permute`: every round constant added where the specification adds
/// it, the matrix as nine products.
enum PlainPoseidon {
    static let matrix: [[Felt]] = [[3, 1, 1], [1, -Felt.one, 1], [1, 1, -Felt(2)]]

    static func permute(_ input: [Felt], constants: [Felt]) -> [Felt] {
        var state = input
        for round in 0..<91 {
            for index in 0..<3 { state[index] += constants[3 * round + index] }
            let isFull = round < 4 || round >= 87
            for index in 0..<3 where isFull || index == 2 {
                state[index] = state[index] * state[index] * state[index]
            }
            state = matrix.map { row in zip(row, state).map { $0 * $1 }.reduce(0, +) }
        }
        return state
    }
}

/// The slow twin of `Pedersen.hash`: bit by bit in affine coordinates, one division per addition.
enum PlainPedersen {
    typealias Point = (x: Felt, y: Felt)

    static func add(_ a: Point, _ b: Point) -> Point {
        let slope = (b.y - a.y) * ((b.x - a.x).inverse() ?? 0)
        let x = slope.squared() - a.x - b.x
        return (x, slope * (a.x - x) - a.y)
    }

    static func double(_ a: Point) -> Point {
        let slope = (Felt(3) * a.x.squared() + 1) * (a.y.doubled().inverse() ?? 0)
        let x = slope.squared() - a.x.doubled()
        return (x, slope * (a.x - x) - a.y)
    }

    /// `points`: shift, then the bases of low and high parts of the first and second operand.
    static func hash(_ a: Felt, _ b: Felt, points: [Point]) -> Felt {
        var sum = points[0]
        for (operand, bases) in [(a, points[1...2]), (b, points[3...4])] {
            let (w0, w1, w2, w3) = operand.bigEndianWords
            let words = [w3, w2, w1, w0]
            for (base, bits) in zip(bases, [0..<248, 248..<252]) {
                var power = base
                for bit in bits {
                    if words[bit / 64] >> UInt64(bit % 64) & 1 == 1 { sum = add(sum, power) }
                    power = double(power)
                }
            }
        }
        return sum.x
    }
}

/// The slow twin of `Keccak256`: the state as bits a[x][y][z], each step as the specification
/// ("The Keccak reference", version 3.0) writes it.
enum PlainKeccak {
    static func hash(_ message: [UInt8]) -> [UInt8] {
        var padded = message + [1]
        while padded.count % 136 != 0 { padded.append(0) }
        padded[padded.count - 1] |= 0x80
        var state = [Bool](repeating: false, count: 1600)
        for start in stride(from: 0, to: padded.count, by: 136) {
            for bit in 0..<1088 where padded[start + bit / 8] >> (bit % 8) & 1 == 1 {
                state[bit].toggle()
            }
            for round in 0..<24 { state = permute(state, round) }
        }
        return (0..<32).map { byte in
            (0..<8).reduce(0) { $0 | (state[8 * byte + $1] ? 1 << UInt8($1) : 0) }
        }
    }

    static func at(_ x: Int, _ y: Int, _ z: Int) -> Int {
        64 * (5 * ((y + 5) % 5) + (x + 5) % 5) + (z + 64) % 64
    }

    /// rc[t]: the constant coefficient of x^t mod x^8 + x^6 + x^5 + x^4 + 1.
    static func roundBit(_ t: Int) -> Bool {
        var polynomial = 1
        for _ in 0..<t {
            polynomial <<= 1
            if polynomial & 0x100 != 0 { polynomial ^= 0x171 }
        }
        return polynomial & 1 == 1
    }

    static func permute(_ a: [Bool], _ round: Int) -> [Bool] {
        var theta = a
        for x in 0..<5 {
            for z in 0..<64 {
                var parity = false
                for y in 0..<5 {
                    parity = parity != a[at(x - 1, y, z)]
                    parity = parity != a[at(x + 1, y, z - 1)]
                }
                for y in 0..<5 { theta[at(x, y, z)] = a[at(x, y, z)] != parity }
            }
        }
        var moved = theta
        var (x, y) = (1, 0)
        for t in 0..<24 {
            for z in 0..<64 {
                moved[at(y, 2 * x + 3 * y, z)] = theta[at(x, y, z - (t + 1) * (t + 2) / 2 % 64)]
            }
            (x, y) = (y, (2 * x + 3 * y) % 5)
        }
        var result = moved
        for x in 0..<5 {
            for y in 0..<5 {
                for z in 0..<64 {
                    result[at(x, y, z)] =
                        moved[at(x, y, z)]
                        != (!moved[at(x + 1, y, z)] && moved[at(x + 2, y, z)])
                }
            }
        }
        for j in 0...6 where roundBit(j + 7 * round) {
            result[at(0, 0, (1 << j) - 1)].toggle()
        }
        return result
    }
}

/// The slow twin of `Blake2s`: RFC 7693, section 3, word by word.
enum PlainBlake2s {
    static let initial: [UInt32] = [
        0x6a09_e667, 0xbb67_ae85, 0x3c6e_f372, 0xa54f_f53a, 0x510e_527f, 0x9b05_688c, 0x1f83_d9ab,
        0x5be0_cd19,
    ]
    /// Each digit of a row is a message index.
    static let sigma = [
        "0123456789abcdef", "ea489fd61c02b753", "b8c052fdae367194", "7931dcbe265a40f8",
        "9057 24af e1bc 683d", "2c6a0b834d75fe19", "c51fed4a0763928b", "db7ec13950f4862a",
        "6fe9b308c2d714a5", "a2847615fb9e3cd0",
    ].map { row in row.compactMap { $0.hexDigitValue } }

    static func hash(_ message: [UInt8]) -> [UInt8] {
        var h = initial
        h[0] ^= 0x0101_0020
        var offset = 0
        repeat {
            let part = message[offset..<min(offset + 64, message.count)]
            let isLast = offset + 64 >= message.count
            let block = Array(part) + [UInt8](repeating: 0, count: 64 - part.count)
            let words = (0..<16).map { index in
                (0..<4).reduce(UInt32(0)) { $0 | UInt32(block[4 * index + $1]) << UInt32(8 * $1) }
            }
            offset += part.count
            var v = h + initial
            v[12] ^= UInt32(offset)
            if isLast { v[14] = ~v[14] }
            func g(_ a: Int, _ b: Int, _ c: Int, _ d: Int, _ x: UInt32, _ y: UInt32) {
                func turn(_ word: UInt32, _ n: UInt32) -> UInt32 { word >> n | word << (32 - n) }
                v[a] = v[a] &+ v[b] &+ x
                v[d] = turn(v[d] ^ v[a], 16)
                v[c] = v[c] &+ v[d]
                v[b] = turn(v[b] ^ v[c], 12)
                v[a] = v[a] &+ v[b] &+ y
                v[d] = turn(v[d] ^ v[a], 8)
                v[c] = v[c] &+ v[d]
                v[b] = turn(v[b] ^ v[c], 7)
            }
            for round in 0..<10 {
                let s = sigma[round].map { words[$0] }
                g(0, 4, 8, 12, s[0], s[1])
                g(1, 5, 9, 13, s[2], s[3])
                g(2, 6, 10, 14, s[4], s[5])
                g(3, 7, 11, 15, s[6], s[7])
                g(0, 5, 10, 15, s[8], s[9])
                g(1, 6, 11, 12, s[10], s[11])
                g(2, 7, 8, 13, s[12], s[13])
                g(3, 4, 9, 14, s[14], s[15])
            }
            for index in 0..<8 { h[index] ^= v[index] ^ v[index + 8] }
        } while offset < message.count
        return h.flatMap { word in (0..<4).map { UInt8(truncatingIfNeeded: word >> (8 * $0)) } }
    }
}

enum Samples {
    static let edges: [Felt] = {
        var result: [Felt] = [0, 1, 2, 3, 127, 128, 129, 255, 256, Felt(UInt64.max)]
        for exponent: UInt64 in [8, 64, 128, 192, 240, 247, 248, 249, 250, 251] {
            let value = Felt(2).power(exponent)
            result += [value, value - 1, value + 1]
        }
        return result + result.map { -$0 }
    }()

    static func random(_ count: Int, seed: UInt64) -> [Felt] {
        var generator = SeededWords(seed: seed)
        return (0..<count).map { _ in Felt(reducingBigEndianWords: generator.words()) }
    }
}
