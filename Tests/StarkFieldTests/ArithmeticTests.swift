import StarkField
import Testing

@Suite("Field arithmetic against its slow twin")
struct ArithmeticTests {
    static let values = Samples.edges + Samples.random(60, seed: 0x5eed_0001)

    @Test("sums, differences and products equal those of shift-and-add arithmetic")
    func twinOperations() {
        for a in Self.values {
            let slowA = SlowFelt(a)
            #expect((-a) == (-slowA).felt, "-\(a)")
            #expect(a.squared() == (slowA * slowA).felt, "\(a)^2")
            #expect(a.doubled() == (slowA + slowA).felt, "2*\(a)")
            for b in Self.values {
                let slowB = SlowFelt(b)
                #expect(a + b == (slowA + slowB).felt, "\(a) + \(b)")
                #expect(a - b == (slowA + -slowB).felt, "\(a) - \(b)")
            }
            for b in Self.values.prefix(50) {
                #expect(a * b == (slowA * SlowFelt(b)).felt, "\(a) * \(b)")
            }
        }
    }

    @Test("products of seeded random elements equal those of shift-and-add arithmetic")
    func randomProducts() {
        let values = Samples.random(4000, seed: 0x5eed_0002)
        for (a, b) in zip(values, values.dropFirst()) {
            #expect(a * b == (SlowFelt(a) * SlowFelt(b)).felt, "\(a) * \(b)")
            #expect(a.squared() == (SlowFelt(a) * SlowFelt(a)).felt, "\(a)^2")
        }
    }

    @Test("results stay below p: equal integers have equal representations and hashes")
    func uniqueRepresentation() {
        for a in Self.values {
            for same in [a + 0, a * 1, a - 0, -(-a), (a + 1) - 1, (a - 1) + 1, a.doubled() - a] {
                #expect(same == a)
                #expect(same.hashValue == a.hashValue)
            }
        }
    }

    @Test("the order is that of the integers in 0 ..< p")
    func order() {
        for a in Self.values {
            for b in Self.values {
                #expect((a < b) == SlowFelt.isBelow(SlowFelt(a).words, SlowFelt(b).words))
            }
        }
    }

    @Test("powers equal repeated multiplication")
    func powers() {
        for base in Self.values.prefix(20) {
            var expected = Felt.one
            for exponent in 0..<70 as Range<UInt64> {
                #expect(base.power(exponent) == expected)
                expected *= base
            }
        }
        for exponent in Samples.random(10, seed: 0x5eed_0003) {
            let base = Felt(7)
            #expect(
                base.power(bigEndianWords: exponent.bigEndianWords)
                    == SlowFelt(base).power(SlowFelt(exponent).words).felt)
        }
    }

    @Test("an element times its inverse is one, and zero has none")
    func inverses() {
        #expect(Felt.zero.inverse() == nil)
        for value in Self.values where !value.isZero {
            #expect(value.inverse().map { $0 * value } == 1, "\(value)")
        }
        // Fermat's little theorem.
        let exponent = (Felt.zero - 2).bigEndianWords
        for value in Samples.random(3000, seed: 0x5eed_0007) {
            #expect(value.inverse() == value.power(bigEndianWords: exponent), "\(value)")
        }
    }

    @Test("a batch inversion equals single inversions and keeps zeros")
    func batchInversion() {
        for count in [0, 1, 2, 3, 100] {
            var values = Array(Self.values.prefix(count))
            let expected = values.map { $0.inverse() ?? 0 }
            Felt.batchInvert(&values)
            #expect(values == expected)
        }
        var zeros: [Felt] = [0, 0]
        Felt.batchInvert(&zeros)
        #expect(zeros == [0, 0])
    }

    @Test("square roots exist for exactly the squares, by Euler's criterion")
    func squareRoots() {
        // (p - 1) / 2 = 2^250 + 17 * 2^191
        let half: (UInt64, UInt64, UInt64, UInt64) = (0x0400_0000_0000_0008, 1 << 63, 0, 0)
        for value in Self.values + Samples.random(200, seed: 0x5eed_0004) {
            let isSquare = value.isZero || value.power(bigEndianWords: half) == 1
            let root = value.squareRoot()
            #expect((root != nil) == isSquare, "\(value)")
            #expect(value.isSquare == isSquare, "\(value)")
            if let root { #expect(root.squared() == value) }
            #expect(value.squared().squareRoot().map { $0 == value || $0 == -value } == true)
        }
        // Elements of every order 2^k.
        var unit = Felt(3).power((1 << 59) + 17)
        #expect(unit.squareRoot() == nil)
        for _ in 0..<192 {
            unit = unit.squared()
            #expect(unit.squareRoot().map { $0.squared() } == unit)
        }
        #expect(unit == 1)
    }
}

@Suite("Lazy arithmetic within its stated bounds")
struct LooseTests {
    @Test("a residue plus k primes reduces to the residue, for every k that fits")
    func reductions() {
        let prime = LooseFelt(1, 0, 0, 0x0800_0000_0000_0011)
        for value in Samples.edges + Samples.random(50, seed: 0x5eed_0005) {
            var loose = LooseFelt(value)
            for _ in 0...30 {
                #expect(loose.reduced == value)
                #expect(loose.weaklyReduced.reduced == value)
                #expect(loose.weaklyReduced.l3 < 2 * 0x0800_0000_0000_0011)
                loose = loose &+ prime
            }
        }
    }

    @Test(
        "a residue plus or minus k primes is nearly reduced, for every k that two's complement fits"
    )
    func nearReductions() {
        let prime = LooseFelt(1, 0, 0, 0x0800_0000_0000_0011)
        for value in Samples.edges + Samples.random(50, seed: 0x5eed_0007) {
            var loose = LooseFelt(value)
            for _ in 0..<15 { loose = loose &- prime }
            for _ in -15...14 {
                // Between -2^201 and 2^251 + 2^201, with a prime above it.
                let raised = loose.nearlyReduced &+ prime
                #expect(raised.reduced == value)
                #expect(
                    (0x0800_0000_0000_0010 - 1 << 9)...(0x1000_0000_0000_0010 + 1 << 9)
                        ~= raised.l3)
                loose = loose &+ prime
            }
        }
    }

    @Test("products and squares of unreduced operands equal those of reduced ones")
    func looseProducts() {
        let values = Samples.edges + Samples.random(20, seed: 0x5eed_0006)
        for a in values {
            var looseA = LooseFelt(a)
            for multipleA in 1...15 {
                #expect(looseA.squaredPlusPrime.reduced == a.squared())
                if multipleA <= 5 {
                    #expect(looseA.squared.assumedReduced == a.squared())
                }
                for b in values.prefix(12) {
                    var looseB = LooseFelt(b)
                    for multipleB in 1...(32 / multipleA) where multipleB < 31 {
                        #expect(LooseFelt.product(looseA, looseB).assumedReduced == a * b)
                        #expect(
                            LooseFelt.signedProduct(looseA, looseB).addingPrime.reduced == a * b)
                        looseB = looseB.addingPrime
                    }
                }
                looseA = looseA.addingPrime
            }
        }
    }
}
