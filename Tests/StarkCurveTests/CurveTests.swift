import StarkField
import TestSupport
import Testing

import StarkCurve

@Suite("Curve and scalars against their slow twins")
struct CurveTests {
    static let scalars = Samples.scalars + Samples.scalars(40, seed: 0x5eed_0201)

    private func slow(_ point: CurvePoint?) -> SlowPoint? {
        point.map { SlowPoint(x: $0.x, y: $0.y) }
    }

    @Test("scalar sums, negatives and products equal shift-and-add arithmetic")
    func scalarArithmetic() {
        for a in Self.scalars {
            #expect(SlowScalar(a + -a).words == [0, 0, 0, 0])
            for b in Self.scalars {
                #expect(SlowScalar(a + b) == SlowScalar(a) + SlowScalar(b))
            }
            for b in Self.scalars.prefix(40) {
                #expect(SlowScalar(a * b) == SlowScalar(a) * SlowScalar(b))
            }
        }
        for a in Self.scalars where !a.isZero {
            #expect(a * a.inverse == .one)
        }
    }

    @Test("scalars are read from field elements below n only, and reduced from any words")
    func scalarConversions() throws {
        let order = SlowScalar.order
        let n = try #require(Felt(bigEndianWords: (order[3], order[2], order[1], order[0])))
        #expect(Scalar(n) == nil)
        #expect(Scalar(n - 1)?.felt == n - 1)
        #expect(Scalar(n - 1) == -Scalar.one)
        #expect(Scalar(-Felt.one) == nil)
        #expect(Scalar(Felt.zero)?.isZero == true)
        var generator = SeededWords(seed: 0x5eed_0202)
        let full = (UInt64.max, UInt64.max, UInt64.max, UInt64.max)
        for words in [full] + (0..<100).map({ _ in generator.words() }) {
            let scalar = Scalar(reducing: words)
            #expect(SlowScalar(scalar) == SlowScalar([words.0, words.1, words.2, words.3]))
            #expect(Scalar(scalar.felt) == scalar)
        }
    }

    @Test("exactly one of a scalar and its negative is high")
    func highScalars() {
        for scalar in Self.scalars where !scalar.isZero {
            #expect(scalar.isHigh != (-scalar).isHigh)
        }
        #expect(!Scalar.one.isHigh)
        #expect(!Scalar(reducing: (0, 0, 0, 0)).isHigh)
    }

    @Test("multiples by tables and by digits equal double-and-add, infinity included")
    func multiples() throws {
        let other = try #require(
            Samples.felts(20, seed: 0x5eed_0203).lazy.compactMap { CurvePoint(x: $0) }.first)
        for base in [CurvePoint.generator, other] {
            let tables = [2, 5, 7, 8].map { FixedBase(base, bits: $0) }
            for scalar in Self.scalars {
                let expected = SlowPoint.multiply(SlowPoint(x: base.x, y: base.y), scalar.words)
                for table in tables {
                    #expect(slow(table.multiply(scalar).affine) == expected, "\(scalar.felt)")
                }
                guard !scalar.isZero else { continue }
                let fraction = VariableBase.multiply(x: base.x, scalar)
                #expect(
                    fraction.flatMap { f in f.denominator.inverse().map { f.numerator * $0 } }
                        == expected?.x, "\(scalar.felt)")
            }
        }
    }

    @Test("a multiple by x alone is refused exactly where no point has the x")
    func multiplesOffCurve() {
        for x in Samples.felts(60, seed: 0x5eed_0205) {
            let isOnCurve = CurvePoint(x: x) != nil
            for scalar in Self.scalars.prefix(3) where !scalar.isZero {
                #expect((VariableBase.multiply(x: x, scalar) != nil) == isOnCurve)
            }
        }
    }

    @Test("non-adjacent digits add up, are odd and five places apart")
    func nonAdjacentDigits() {
        for scalar in Self.scalars where !scalar.isZero {
            withUnsafeTemporaryAllocation(of: Int8.self, capacity: 256) { digits in
                let count = VariableBase.nonAdjacentForm(scalar.words, into: digits)
                var sum = Scalar(reducing: (0, 0, 0, 0))
                var last = count + 5
                for index in (0..<count).reversed() {
                    sum = sum + sum
                    let digit = digits[index]
                    if digit == 0 { continue }
                    #expect(digit & 1 == 1 && abs(digit) < 16 && last - index >= 5)
                    last = index
                    let small = Scalar(reducing: (UInt64(abs(digit)), 0, 0, 0))
                    sum = sum + (digit > 0 ? small : -small)
                }
                #expect(sum == scalar)
                #expect(digits[count - 1] > 0)
            }
        }
    }

    @Test("additions are complete: equal, opposite and infinite operands")
    func completeAdditions() {
        let base = SlowPoint(x: CurvePoint.generator.x, y: CurvePoint.generator.y)
        let multiples = (0...6).map { SlowPoint.multiply(base, (UInt64($0), 0, 0, 0)) }
        var signed = multiples
        signed += multiples.map { $0.map { SlowPoint(x: $0.x, y: -$0.y) } }
        func accumulator(_ point: SlowPoint?) -> AccumulatorPoint {
            guard let point, let affine = CurvePoint(x: point.x, y: point.y) else {
                return .infinity
            }
            // Not with ZZ = 1: reached by way of another point.
            var result = AccumulatorPoint(affine)
            result.add(.generator)
            result.double()
            result.add(-affine)
            result.add(AccumulatorPoint(-affine))
            result.add(-CurvePoint.generator)
            result.add(-CurvePoint.generator)
            result.add(affine)
            return result
        }
        for a in signed {
            #expect(slow(accumulator(a).affine) == a)
            var twice = accumulator(a)
            twice.double()
            #expect(slow(twice.affine) == SlowPoint.add(a, a))
            for b in signed {
                let expected = SlowPoint.add(a, b)
                var sum = accumulator(a)
                sum.add(accumulator(b))
                #expect(slow(sum.affine) == expected)
                #expect(sum.isInfinity == (expected == nil))
                guard let b, let affine = CurvePoint(x: b.x, y: b.y) else { continue }
                var mixed = accumulator(a)
                mixed.add(affine)
                #expect(slow(mixed.affine) == expected)
                var difference = accumulator(a)
                difference.subtract(-affine)
                #expect(slow(difference.affine) == expected)
            }
        }
    }

    @Test("points are on the curve or refused")
    func membership() {
        let generator = CurvePoint.generator
        #expect(CurvePoint(x: generator.x, y: generator.y) == generator)
        #expect(CurvePoint(x: generator.x, y: generator.y + 1) == nil)
        var found = 0
        for x in Samples.felts(200, seed: 0x5eed_0204) {
            guard let point = CurvePoint(x: x) else { continue }
            found += 1
            #expect(CurvePoint(x: point.x, y: point.y) == point)
            #expect(point.x == x)
        }
        // Half of all field elements are x coordinates.
        #expect((60...140).contains(found))
    }

    @Test("the symmetric equation holds for the sum's and the difference's x alone")
    func symmetricEquation() {
        let generator = SlowPoint(x: CurvePoint.generator.x, y: CurvePoint.generator.y)
        for (u, v) in [(0, 1), (1, 1), (1, 2), (2, 1), (3, 7), (7, 7), (100, 41)]
            as [(UInt64, UInt64)]
        {
            let a = FixedBase.generator.multiply(Scalar(reducing: (u, 0, 0, 0)))
            let b = FixedBase.generator.multiply(Scalar(reducing: (v, 0, 0, 0))).xFraction
            let sum = SlowPoint.multiply(generator, (u + v, 0, 0, 0))
            let difference = SlowPoint.multiply(generator, (u > v ? u - v : v - u, 0, 0, 0))
            for value in 0...(u + v + 2) {
                guard let point = SlowPoint.multiply(generator, (value, 0, 0, 0)) else { continue }
                #expect(
                    ECDSA.isSumOrDifference(a, b, x: point.x)
                        == (point.x == sum?.x || point.x == difference?.x))
            }
            #expect(!ECDSA.isSumOrDifference(a, b, x: 0))
        }
    }

    @Test("SHA-256 and HMAC give the published values")
    func sha256() {
        func hex(_ bytes: [UInt8]) -> String {
            bytes.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
        }
        // FIPS 180-2, appendix B.
        #expect(
            hex(SHA256.hash("abc".utf8))
                == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad")
        #expect(
            hex(SHA256.hash("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq".utf8))
                == "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1")
        #expect(
            hex(SHA256.hash([]))
                == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855")
        #expect(
            hex(SHA256.hash([UInt8](repeating: UInt8(ascii: "a"), count: 1_000_000)))
                == "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0")
        // RFC 4231, cases 1 and 2; the keys are twenty times 0b, and "Jefe".
        let first = HMACSHA256(
            key: (0x0b0b_0b0b_0b0b_0b0b, 0x0b0b_0b0b_0b0b_0b0b, 0x0b0b_0b0b_0000_0000, 0))
        #expect(
            first.authenticate { $0.update("Hi There".utf8) } == (
                0xb034_4c61_d8db_3853, 0x5ca8_afce_af0b_f12b, 0x881d_c200_c983_3da7,
                0x26e9_376c_2e32_cff7
            ))
        let second = HMACSHA256(key: (0x4a65_6665_0000_0000, 0, 0, 0))
        #expect(
            second.authenticate { hasher in
                hasher.update("what do ya want ".utf8)
                hasher.update("for nothing?".utf8)
            } == (
                0x5bdc_c146_bf60_754e, 0x6a04_2426_0895_75c7, 0x5a00_3f08_9d27_3983,
                0x9dec_58b9_64ec_3843
            ))
    }

    @Test("SHA-256 equals the standard's steps, at every length about a block and in any pieces")
    func sha256InPieces() {
        var generator = SeededWords(seed: 0x5eed_0207)
        for count in Array(0...200) + [1000] {
            let message = generator.bytes(count)
            let expected = PlainSHA256.hash(message)
            #expect(SHA256.hash(message) == expected, "\(count) bytes")
            for most in [3, 40, 150] as [UInt64] {
                var hasher = SHA256()
                var rest = message[...]
                while !rest.isEmpty {
                    let size = min(rest.count, Int(generator.next() % most))
                    // Arrays, sequences without storage, single bytes and words.
                    switch generator.next() % 4 {
                    case 0: hasher.update(rest.prefix(size))
                    case 1: hasher.update(rest.prefix(size).lazy.map { $0 })
                    case 2: for byte in rest.prefix(size) { hasher.update(byte: byte) }
                    default:
                        guard let value = Felt(bigEndianBytes: Array(rest.prefix(32))),
                            rest.count >= 32
                        else { continue }
                        hasher.update(bigEndianWords: value.bigEndianWords)
                        rest = rest.dropFirst(32)
                        continue
                    }
                    rest = rest.dropFirst(size)
                }
                #expect(hasher.finalize() == expected, "\(count) bytes in pieces up to \(most)")
            }
        }
    }
}
