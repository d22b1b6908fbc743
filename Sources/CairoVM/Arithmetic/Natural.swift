package import StarkField

/// An integer from 0 up, of any size: what hints compute with where 128 bits are not enough. Sizes
/// are bounded by what hints read, some thousand bits.
package struct Natural: Hashable, Sendable {
    /// Little-endian words, the last of them not zero.
    private(set) var limbs: [UInt64]

    private init(trimming limbs: [UInt64]) {
        var limbs = limbs
        while limbs.last == 0 { limbs.removeLast() }
        self.limbs = limbs
    }

    package init(_ value: UInt64) { limbs = value == 0 ? [] : [value] }

    package init(_ value: UInt128) {
        self.init(trimming: [
            UInt64(truncatingIfNeeded: value), UInt64(truncatingIfNeeded: value >> 64),
        ])
    }

    init(_ words: LooseFelt) { self.init(trimming: [words.l0, words.l1, words.l2, words.l3]) }

    /// Digits only.
    init?(decimal digits: some StringProtocol) {
        guard !digits.isEmpty else { return nil }
        var value = Natural.zero
        for digit in digits.utf8 {
            guard digit >= UInt8(ascii: "0"), digit <= UInt8(ascii: "9") else { return nil }
            value = value * Natural(10 as UInt64) + Natural(UInt64(digit - UInt8(ascii: "0")))
        }
        self = value
    }

    /// Hexadecimal digits only.
    init?(hex digits: some StringProtocol) {
        guard !digits.isEmpty else { return nil }
        var value = Natural.zero
        for digit in digits {
            guard let number = digit.hexDigitValue else { return nil }
            value = (value << 4) + Natural(UInt64(number))
        }
        self = value
    }

    init(bigEndianBytes bytes: some Collection<UInt8>) {
        var limbs: [UInt64] = []
        for (index, byte) in bytes.reversed().enumerated() {
            if index % 8 == 0 { limbs.append(0) }
            limbs[index / 8] |= UInt64(byte) << UInt64(8 * (index % 8))
        }
        self.init(trimming: limbs)
    }

    /// The value must fit.
    func bigEndianBytes(_ count: Int) -> [UInt8] {
        (0..<count).reversed().map { index in
            UInt8(truncatingIfNeeded: limb(index / 8) >> UInt64(8 * (index % 8)))
        }
    }

    package static let zero = Natural(0 as UInt64)
    package static let one = Natural(1 as UInt64)

    package var isZero: Bool { limbs.isEmpty }
    package var isEven: Bool { limbs.isEmpty || limbs[0] & 1 == 0 }
    package var bitWidth: Int {
        limbs.isEmpty ? 0 : 64 * limbs.count - limbs[limbs.count - 1].leadingZeroBitCount
    }

    package func bit(_ index: Int) -> Bool {
        index / 64 < limbs.count && limbs[index / 64] >> UInt64(index % 64) & 1 == 1
    }

    package var asUInt64: UInt64? {
        limbs.count <= 1 ? limbs.first ?? 0 : nil
    }

    package var asUInt128: UInt128? {
        guard limbs.count <= 2 else { return nil }
        return low128
    }

    /// The value mod 2^128.
    package var low128: UInt128 {
        UInt128(limb(1)) << 64 | UInt128(limb(0))
    }

    private func limb(_ index: Int) -> UInt64 { index < limbs.count ? limbs[index] : 0 }

    /// The words where the value is below p.
    var words: LooseFelt? {
        guard limbs.count <= 4 else { return nil }
        let words = LooseFelt(limb(0), limb(1), limb(2), limb(3))
        return CanonicalFelt.isReduced(words) ? words : nil
    }

    /// The value mod p.
    var residue: LooseFelt {
        if let words { return words }
        return (self % Natural.prime).words ?? LooseFelt(0, 0, 0, 0)
    }

    static let prime = Natural(CanonicalFelt.prime)

    /// The value mod p.
    package var felt: Felt { CanonicalFelt.felt(residue) }

    // MARK: Arithmetic

    package static func + (a: Natural, b: Natural) -> Natural {
        var result: [UInt64] = []
        var carry: UInt64 = 0
        for index in 0..<max(a.limbs.count, b.limbs.count) {
            let (first, overflow1) = a.limb(index).addingReportingOverflow(b.limb(index))
            let (second, overflow2) = first.addingReportingOverflow(carry)
            result.append(second)
            carry = overflow1 || overflow2 ? 1 : 0
        }
        if carry > 0 { result.append(carry) }
        return Natural(trimming: result)
    }

    /// The first must not be less than the second.
    package static func - (a: Natural, b: Natural) -> Natural {
        var result: [UInt64] = []
        var borrow: UInt64 = 0
        for index in 0..<max(a.limbs.count, b.limbs.count) {
            let (first, overflow1) = a.limb(index).subtractingReportingOverflow(b.limb(index))
            let (second, overflow2) = first.subtractingReportingOverflow(borrow)
            result.append(second)
            borrow = overflow1 || overflow2 ? 1 : 0
        }
        precondition(borrow == 0, "a negative difference")
        return Natural(trimming: result)
    }

    package static func * (a: Natural, b: Natural) -> Natural {
        if a.isZero || b.isZero { return .zero }
        var result = [UInt64](repeating: 0, count: a.limbs.count + b.limbs.count)
        for (i, x) in a.limbs.enumerated() {
            var carry: UInt64 = 0
            for (j, y) in b.limbs.enumerated() {
                let wide = UInt128(x) * UInt128(y) + UInt128(result[i + j]) + UInt128(carry)
                result[i + j] = UInt64(truncatingIfNeeded: wide)
                carry = UInt64(truncatingIfNeeded: wide >> 64)
            }
            result[i + b.limbs.count] = carry
        }
        return Natural(trimming: result)
    }

    package static func << (a: Natural, count: Int) -> Natural {
        if a.isZero { return a }
        let (words, bits) = (count / 64, UInt64(count % 64))
        var result = [UInt64](repeating: 0, count: words)
        var carry: UInt64 = 0
        for limb in a.limbs {
            result.append(limb << bits | carry)
            carry = bits == 0 ? 0 : limb >> (64 - bits)
        }
        result.append(carry)
        return Natural(trimming: result)
    }

    package static func >> (a: Natural, count: Int) -> Natural {
        let (words, bits) = (count / 64, UInt64(count % 64))
        if words >= a.limbs.count { return .zero }
        var result: [UInt64] = []
        for index in words..<a.limbs.count {
            let high = bits == 0 ? 0 : a.limb(index + 1) << (64 - bits)
            result.append(a.limbs[index] >> bits | high)
        }
        return Natural(trimming: result)
    }

    func bitwise(_ operation: Integer.BitOperation, _ b: Natural) -> Natural {
        Natural(
            trimming: (0..<max(limbs.count, b.limbs.count)).map { index in
                switch operation {
                case .and: limb(index) & b.limb(index)
                case .or: limb(index) | b.limb(index)
                case .xor: limb(index) ^ b.limb(index)
                }
            })
    }

    /// Knuth, The Art of Computer Programming 2, 4.3.1, algorithm D. The divisor isn't zero.
    package func dividedWithRemainder(
        by divisor: Natural
    ) -> (quotient: Natural, remainder: Natural) {
        precondition(!divisor.isZero, "division by zero")
        if self < divisor { return (.zero, self) }
        if divisor.limbs.count == 1 {
            var remainder: UInt64 = 0
            var quotient = limbs
            for index in limbs.indices.reversed() {
                (quotient[index], remainder) = divisor.limbs[0].dividingFullWidth(
                    (remainder, limbs[index]))
            }
            return (Natural(trimming: quotient), Natural(remainder))
        }
        let shift = divisor.limbs[divisor.limbs.count - 1].leadingZeroBitCount
        let v = (divisor << shift).limbs
        var u = (self << shift).limbs
        while u.count <= limbs.count { u.append(0) }
        let n = v.count
        let m = u.count - n - 1
        var quotient = [UInt64](repeating: 0, count: m + 1)
        for j in stride(from: m, through: 0, by: -1) {
            let top = UInt128(u[j + n]) << 64 | UInt128(u[j + n - 1])
            var guess = top / UInt128(v[n - 1])
            var rest = top % UInt128(v[n - 1])
            while guess >> 64 != 0
                || guess * UInt128(v[n - 2]) > (rest << 64 | UInt128(u[j + n - 2]))
            {
                guess -= 1
                rest += UInt128(v[n - 1])
                if rest >> 64 != 0 { break }
            }
            var borrow: UInt64 = 0
            var carry: UInt64 = 0
            for i in 0..<n {
                let product = guess * UInt128(v[i]) + UInt128(carry)
                carry = UInt64(truncatingIfNeeded: product >> 64)
                let (first, overflow1) = u[i + j].subtractingReportingOverflow(
                    UInt64(truncatingIfNeeded: product))
                let (second, overflow2) = first.subtractingReportingOverflow(borrow)
                u[i + j] = second
                borrow = overflow1 || overflow2 ? 1 : 0
            }
            let (first, overflow1) = u[j + n].subtractingReportingOverflow(carry)
            let (second, overflow2) = first.subtractingReportingOverflow(borrow)
            u[j + n] = second
            if overflow1 || overflow2 {
                guess -= 1
                var carry: UInt64 = 0
                for i in 0..<n {
                    let (sum, overflow3) = u[i + j].addingReportingOverflow(v[i])
                    let (total, overflow4) = sum.addingReportingOverflow(carry)
                    u[i + j] = total
                    carry = overflow3 || overflow4 ? 1 : 0
                }
                u[j + n] &+= carry
            }
            quotient[j] = UInt64(truncatingIfNeeded: guess)
        }
        return (Natural(trimming: quotient), Natural(trimming: Array(u[0..<n])) >> shift)
    }

    package static func / (a: Natural, b: Natural) -> Natural {
        a.dividedWithRemainder(by: b).quotient
    }

    package static func % (a: Natural, b: Natural) -> Natural {
        a.dividedWithRemainder(by: b).remainder
    }

    /// The largest integer whose square is not above the value (Newton).
    package var squareRoot: Natural {
        if isZero { return self }
        var guess = Natural.one << ((bitWidth + 1) / 2)
        while true {
            let next = (guess + self / guess) >> 1
            if next >= guess { return guess }
            guess = next
        }
    }
}

extension Natural: Comparable {
    package static func < (a: Natural, b: Natural) -> Bool {
        if a.limbs.count != b.limbs.count { return a.limbs.count < b.limbs.count }
        for index in a.limbs.indices.reversed() where a.limbs[index] != b.limbs[index] {
            return a.limbs[index] < b.limbs[index]
        }
        return false
    }
}

extension Natural {
    /// The greatest common divisor of two integers, and an x in 0 ..< n with x b = gcd mod n; both
    /// integers above 0.
    package static func greatestCommonDivisor(
        _ b: Natural, modulo n: Natural
    ) -> (divisor: Natural, factor: Natural) {
        // The factors are kept mod n, so that none is negative.
        var (r0, r1) = (n, b % n)
        var (t0, t1) = (Natural.zero, Natural.one % n)
        while !r1.isZero {
            let (quotient, remainder) = r0.dividedWithRemainder(by: r1)
            (r0, r1) = (r1, remainder)
            let product = (quotient * t1) % n
            let next = t0 >= product ? t0 - product : t0 + n - product
            (t0, t1) = (t1, next)
        }
        return (r0, t0)
    }
}

extension Cell {
    /// The integer of a field element.
    var natural: Natural { Natural(words) }

    /// A field element mod p.
    init(_ value: Natural) { self.init(words: value.residue) }

    /// `0x` and digits, of an integer below p.
    init?(hex text: some StringProtocol) {
        guard let felt = Felt(hex: text) else { return nil }
        self.init(felt)
    }
}
