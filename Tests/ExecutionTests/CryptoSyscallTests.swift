import CairoVM
import StarkField
import StarkHash
import TestSupport
import Testing

@testable import Execution

/// Integers modulo a prime by schoolbook means: what the fast ones are compared with.
private struct SlowField {
    let prime: Words256

    func sum(_ a: Words256, _ b: Words256) -> Words256 {
        let (sum, carry) = a.adding(b)
        return carry || !(sum < prime) ? sum.subtracting(prime).0 : sum
    }

    func difference(_ a: Words256, _ b: Words256) -> Words256 {
        a < b ? a.adding(prime.subtracting(b).0).0 : a.subtracting(b).0
    }

    /// By doubling and adding, one bit after the other.
    func product(_ a: Words256, _ b: Words256) -> Words256 {
        var result = Words256(0)
        for index in (0..<256).reversed() {
            result = sum(result, result)
            if b.bit(index) { result = sum(result, a) }
        }
        return result
    }

    /// By halving, as in the binary algorithm of Stein.
    func inverse(_ a: Words256) -> Words256 {
        func half(_ x: Words256) -> Words256 {
            if !x.isOdd { return shifted(x, carry: false) }
            let (sum, carry) = x.adding(prime)
            return shifted(sum, carry: carry)
        }
        func shifted(_ x: Words256, carry: Bool) -> Words256 {
            Words256(
                x.w0 >> 1 | x.w1 << 63, x.w1 >> 1 | x.w2 << 63, x.w2 >> 1 | x.w3 << 63,
                x.w3 >> 1 | (carry ? 1 << 63 : 0))
        }
        var (u, v) = (a, prime)
        var (x, y) = (Words256(1), Words256(0))
        while u != Words256(1) && v != Words256(1) {
            while !u.isOdd { (u, x) = (shifted(u, carry: false), half(x)) }
            while !v.isOdd { (v, y) = (shifted(v, carry: false), half(y)) }
            if v < u {
                (u, x) = (u.subtracting(v).0, difference(x, y))
            } else if u < v {
                (v, y) = (v.subtracting(u).0, difference(y, x))
            }
        }
        return u == Words256(1) ? x : y
    }
}

/// A curve with affine points only, nil at infinity.
private struct SlowCurve {
    let field: SlowField
    let a: Words256
    let b: Words256

    typealias Point = (x: Words256, y: Words256)?

    func sum(_ p: Point, _ q: Point) -> Point {
        guard let p else { return q }
        guard let q else { return p }
        let slope: Words256
        if p.x == q.x {
            if p.y != q.y || p.y.isZero { return nil }
            let square = field.product(p.x, p.x)
            slope = field.product(
                field.sum(field.sum(square, field.sum(square, square)), a),
                field.inverse(field.sum(p.y, p.y)))
        } else {
            slope = field.product(
                field.difference(q.y, p.y), field.inverse(field.difference(q.x, p.x)))
        }
        let x = field.difference(
            field.difference(field.product(slope, slope), p.x), q.x)
        return (x, field.difference(field.product(slope, field.difference(p.x, x)), p.y))
    }

    func product(_ p: Point, _ factor: Words256) -> Point {
        var result: Point = nil
        for index in (0..<256).reversed() {
            result = sum(result, result)
            if factor.bit(index) { result = sum(result, p) }
        }
        return result
    }

    func contains(_ x: Words256, _ y: Words256) -> Bool {
        let right = field.sum(
            field.sum(field.product(field.product(x, x), x), field.product(a, x)), b)
        return field.product(y, y) == right
    }
}

/// secp256k1, secp256r1, SHA-256, SHA-512 and Keccak as contracts call them.
@Suite(.serialized)
struct CryptoSyscallTests {
    struct Curve: CustomStringConvertible {
        let description: String
        let fast: SecpCurve
        fileprivate let slow: SlowCurve
        let generator: (x: Words256, y: Words256)
        let use: String
        let new: String
        /// The generator times 2 and 3 (SEC 2's curves; published multiples).
        let multiples: [(UInt64, x: String, y: String)]
    }

    static func words(_ hex: String) -> Words256 {
        let padded = String(repeating: "0", count: 64 - hex.count) + hex
        let parts = (0..<4).map { index -> UInt64 in
            let start = padded.index(padded.startIndex, offsetBy: 16 * index)
            return UInt64(padded[start..<padded.index(start, offsetBy: 16)], radix: 16) ?? 0
        }
        return Words256(parts[3], parts[2], parts[1], parts[0])
    }

    static let curves: [Curve] = {
        let k1 = words("fffffffffffffffffffffffffffffffffffffffffffffffffffffffefffffc2f")
        let r1 = words("ffffffff00000001000000000000000000000000ffffffffffffffffffffffff")
        return [
            Curve(
                description: "secp256k1", fast: .k1,
                slow: SlowCurve(field: SlowField(prime: k1), a: Words256(0), b: Words256(7)),
                generator: (
                    words("79be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798"),
                    words("483ada7726a3c4655da4fbfc0e1108a8fd17b448a68554199c47d08ffb10d4b8")
                ), use: "use_secp256k1", new: "secp256k1_point",
                multiples: [
                    (
                        2, "c6047f9441ed7d6d3045406e95c07cd85c778e4b8cef3ca7abac09b95c709ee5",
                        "1ae168fea63dc339a3c58419466ceaeef7f632653266d0e1236431a950cfe52a"
                    ),
                    (
                        3, "f9308a019258c31049344f85f89d5229b531c845836f99b08601f113bce036f9",
                        "388f7b0f632de8140fe337e62a37f3566500a99934c2231b6cb9fd7584b8e672"
                    ),
                ]),
            Curve(
                description: "secp256r1", fast: .r1,
                slow: SlowCurve(
                    field: SlowField(prime: r1), a: r1.subtracting(Words256(3)).0,
                    b: words("5ac635d8aa3a93e7b3ebbd55769886bc651d06b0cc53b0f63bce3c3e27d2604b")),
                generator: (
                    words("6b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c296"),
                    words("4fe342e2fe1a7f9b8ee7eb4a7c0f9e162bce33576b315ececbb6406837bf51f5")
                ), use: "use_secp256r1", new: "secp256r1_point",
                multiples: [
                    (
                        2, "7cf27b188d034f7e8a52380304b51ac3c08969e277f21b35a60b48fc47669978",
                        "07775510db8ed040293d9ac69f7430dbba7dade63ce982299e04b79d227873d1"
                    ),
                    (
                        3, "5ecbe4d1a6330a44c8f7ef951d4bf165e6c6b721efada985fb41661bc6e7fd6c",
                        "8734640c4998ff7e374b06ce1a64a2ecd82ab036384fb83d9a79b127a27d5032"
                    ),
                ]),
        ]
    }()

    static func felts(_ word: Words256) -> [Felt] { [Felt(word.low), Felt(word.high)] }

    /// A function of the example contract that does too much.
    static func call(_ name: String, _ calldata: [Felt]) throws -> CallOutcome {
        let hostile = try FeatureClass.example("hostile")
        var world = SmallWorld([hostile])
        world.contracts[0xabc] = hostile.hash
        return try world.run(
            EntryPointCall(0xabc, StarkHash.selector(name), calldata, gas: 1_000_000_000),
            .standard)
    }

    @Test("Contracts get the published multiples of both generators", arguments: curves)
    func multiples(curve: Curve) throws {
        for (factor, x, y) in curve.multiples {
            let expected = (Self.words(x), Self.words(y))
            #expect(
                curve.fast.product(
                    .affine(x: curve.generator.x, y: curve.generator.y), Words256(factor))
                    == .affine(x: expected.0, y: expected.1))
            let slow = try #require(curve.slow.product(curve.generator, Words256(factor)))
            #expect(slow.x == expected.0 && slow.y == expected.1)
            // The contract adds the generator once more.
            let outcome = try Self.call(
                curve.use, [1] + Self.felts(Words256(factor - 1)))
            #expect(outcome.returned == Self.felts(expected.0) + Self.felts(expected.1))
        }
    }

    @Test("Sums, multiples and roots equal those of plain affine arithmetic", arguments: curves)
    func random(curve: Curve) throws {
        var words = SeededWords(seed: 11)
        var points: [SecpPoint] = []
        for _ in 0..<6 {
            let factor = Words256(words.next(), words.next(), words.next(), words.next())
            let slow = try #require(curve.slow.product(curve.generator, factor))
            let fast = curve.fast.product(
                .affine(x: curve.generator.x, y: curve.generator.y), factor)
            #expect(fast == .affine(x: slow.x, y: slow.y))
            #expect(curve.slow.contains(slow.x, slow.y))
            #expect(curve.fast.point(x: slow.x, y: slow.y) == fast)
            #expect(curve.fast.point(x: slow.x, yIsOdd: slow.y.isOdd) == fast)
            let other = curve.slow.field.difference(Words256(0), slow.y)
            #expect(
                curve.fast.point(x: slow.x, yIsOdd: !slow.y.isOdd) == .affine(x: slow.x, y: other))
            #expect(curve.fast.sum(fast, .affine(x: slow.x, y: other)) == .infinity)
            #expect(curve.fast.point(x: slow.x, y: slow.x) == nil)
            let outcome = try Self.call(curve.use, [1] + Self.felts(factor))
            let next = try #require(curve.slow.sum(slow, curve.generator))
            #expect(outcome.returned == Self.felts(next.x) + Self.felts(next.y))
            points.append(fast)
        }
        for p in points {
            for q in points {
                guard case .affine(let px, let py) = p, case .affine(let qx, let qy) = q else {
                    continue
                }
                let sum = try #require(curve.slow.sum((px, py), (qx, qy)))
                #expect(curve.fast.sum(p, q) == .affine(x: sum.x, y: sum.y))
            }
        }
        // About half of all x have a point; those that have none are not squares.
        var found = 0
        for x in 1...40 as ClosedRange<UInt64> {
            guard case .affine(_, let y) = curve.fast.point(x: Words256(x), yIsOdd: true) else {
                continue
            }
            #expect(curve.slow.contains(Words256(x), y) && y.isOdd)
            found += 1
        }
        #expect((10...30).contains(found))
    }

    @Test(
        "The generator times the order less one, plus the generator, is infinity: (0, 0)",
        arguments: curves)
    func infinity(curve: Curve) throws {
        let last = curve.fast.order.subtracting(Words256(1)).0
        let outcome = try Self.call(curve.use, [1] + Self.felts(last))
        #expect(outcome.returned == [0, 0, 0, 0])
        #expect(
            curve.fast.product(
                .affine(x: curve.generator.x, y: curve.generator.y), curve.fast.order) == .infinity)
        // (0, 0) stands for infinity, and is taken as a point.
        #expect(try Self.call(curve.new, [0, 0, 0, 0]).returned == [1])
    }

    @Test(
        "Coordinates off the curve are no point; those not below the prime are refused",
        arguments: curves)
    func coordinates(curve: Curve) throws {
        let (x, y) = (Self.felts(curve.generator.x), Self.felts(curve.generator.y))
        #expect(try Self.call(curve.new, x + y).returned == [1])
        #expect(try Self.call(curve.new, y + x).returned == [0])
        #expect(try Self.call(curve.new, [1, 0, 1, 0]).returned == [0])
        let prime = Self.felts(curve.fast.field.modulus)
        for coordinates in [prime + y, x + prime, prime + prime, [-Felt.one, 0] + y] {
            let outcome = try Self.call(curve.new, coordinates)
            #expect(outcome.failed)
            if coordinates.first != -Felt.one {
                #expect(outcome.returned.first == HashTerms.shortString("Invalid argument"))
            }
        }
    }

    // MARK: Hashes

    @Test("SHA-256 and SHA-512 of one block are the digests of FIPS 180-4")
    func sha() throws {
        // "abc", padded to one block.
        let iv256: [UInt64] = [
            0x6a09_e667, 0xbb67_ae85, 0x3c6e_f372, 0xa54f_f53a, 0x510e_527f, 0x9b05_688c,
            0x1f83_d9ab, 0x5be0_cd19,
        ]
        let block256: [UInt64] = [0x6162_6380] + [UInt64](repeating: 0, count: 14) + [24]
        let digest256: [UInt64] = [
            0xba78_16bf, 0x8f01_cfea, 0x4141_40de, 0x5dae_2223, 0xb003_61a3, 0x9617_7a9c,
            0xb410_ff61, 0xf200_15ad,
        ]
        let iv512: [UInt64] = [
            0x6a09_e667_f3bc_c908, 0xbb67_ae85_84ca_a73b, 0x3c6e_f372_fe94_f82b,
            0xa54f_f53a_5f1d_36f1, 0x510e_527f_ade6_82d1, 0x9b05_688c_2b3e_6c1f,
            0x1f83_d9ab_fb41_bd6b, 0x5be0_cd19_137e_2179,
        ]
        let block512: [UInt64] =
            [0x6162_6380_0000_0000] + [UInt64](repeating: 0, count: 14) + [24]
        let digest512: [UInt64] = [
            0xddaf_35a1_9361_7aba, 0xcc41_7349_ae20_4131, 0x12e6_fa4e_89a9_7ea2,
            0x0a9e_eee6_4b55_d39a, 0x2192_992a_274f_c1a8, 0x36ba_3c23_a3fe_ebbd,
            0x454d_4423_643c_e80e, 0x2a9a_c94f_a54c_a49f,
        ]
        for (name, state, block, digest) in [
            ("Sha256ProcessBlock", iv256, block256, digest256),
            ("Sha512ProcessBlock", iv512, block512, digest512),
        ] {
            let outcome = try CasmProgram.hashCall(name).run((state + block).map { Felt($0) })
            #expect(outcome.info?.failed == false, "\(name): \(outcome.abort ?? "")")
            #expect(outcome.returned == digest.map { Felt($0) })
            // A word that is too large is an error of the class.
            let large = try CasmProgram.hashCall(name).run(
                (state + block.dropLast()).map { Felt($0) } + [Felt(UInt128(1) << 64)])
            #expect(large.info == nil && large.abort != nil)
        }
    }

    @Test("Keccak takes whole blocks of 17 words, and hashes as Keccak-256 does")
    func keccak() throws {
        // Bytes whose padding the words already hold.
        for words in [17, 34, 51] {
            let outcome = try Self.call("use_keccak", [Felt(UInt64(words))])
            var state = InlineArray<25, UInt64>(repeating: 0)
            for block in 0..<(words / 17) {
                for index in 0..<17 { state[index] ^= UInt64(block * 17 + index) }
                Keccak256.permute(&state)
            }
            #expect(
                outcome.returned == [
                    Felt(UInt128(state[1]) << 64 | UInt128(state[0])),
                    Felt(UInt128(state[3]) << 64 | UInt128(state[2])),
                ])
        }
        for words in [1, 16, 18, 33] {
            let outcome = try Self.call("use_keccak", [Felt(UInt64(words))])
            #expect(outcome.info?.failed == true)
            #expect(outcome.returned.first == HashTerms.shortString("Invalid input length"))
        }
        // No words: the state before any round.
        #expect(try Self.call("use_keccak", [0]).returned == [0, 0])
    }

    @Test("Keccak's rounds are paid one by one, and run out of gas in between")
    func keccakGas() throws {
        let hostile = try FeatureClass.example("hostile")
        var world = SmallWorld([hostile])
        world.contracts[0xabc] = hostile.hash
        let constants = VersionedConstants.standard.counting(.sierraGas)
        func run(_ words: UInt64, _ gas: UInt64) throws -> CallOutcome {
            try world.run(
                EntryPointCall(
                    0xabc, StarkHash.selector("use_keccak"), [Felt(words)], gas: gas), constants)
        }
        let one = try #require(try run(17, 100_000_000).info?.gasConsumed)
        let two = try #require(try run(34, 100_000_000).info?.gasConsumed)
        let three = try #require(try run(51, 100_000_000).info?.gasConsumed)
        #expect(three - two == two - one)
        #expect(two - one > constants.cost(of: .keccakRound, linear: 0))
        #expect(try run(34, two).info?.failed == false)
        let short = try run(34, two - 50_000)
        #expect(short.info?.failed == true)
        #expect(short.returned.first == HashTerms.shortString("Out of gas"))
    }
}
