/// An integer of any size and sign, with Python's division: the remainder has the divisor's sign.
package struct Integer: Hashable, Sendable {
    let isNegative: Bool
    let magnitude: Natural

    init(_ magnitude: Natural, isNegative: Bool = false) {
        self.magnitude = magnitude
        self.isNegative = isNegative && !magnitude.isZero
    }

    package init(_ value: Int) {
        self.init(Natural(UInt64(value.magnitude)), isNegative: value < 0)
    }

    static let zero = Integer(0)
    static let one = Integer(1)

    var isZero: Bool { magnitude.isZero }

    var asInt: Int? {
        guard let small = magnitude.asUInt64 else { return nil }
        if isNegative { return small <= 1 << 62 ? -Int(small) : nil }
        return Int(exactly: small)
    }

    /// Mod p.
    var cell: Cell {
        let residue = Cell(magnitude)
        return isNegative && !residue.isZero ? Cell(Natural.prime - residue.natural) : residue
    }

    static prefix func - (a: Integer) -> Integer { Integer(a.magnitude, isNegative: !a.isNegative) }

    static func + (a: Integer, b: Integer) -> Integer {
        if a.isNegative == b.isNegative {
            return Integer(a.magnitude + b.magnitude, isNegative: a.isNegative)
        }
        return a.magnitude >= b.magnitude
            ? Integer(a.magnitude - b.magnitude, isNegative: a.isNegative)
            : Integer(b.magnitude - a.magnitude, isNegative: b.isNegative)
    }

    static func - (a: Integer, b: Integer) -> Integer { a + -b }

    static func * (a: Integer, b: Integer) -> Integer {
        Integer(a.magnitude * b.magnitude, isNegative: a.isNegative != b.isNegative)
    }

    /// Rounded down; the divisor isn't zero.
    func dividedWithRemainder(by b: Integer) -> (quotient: Integer, remainder: Integer) {
        let (quotient, remainder) = magnitude.dividedWithRemainder(by: b.magnitude)
        let isExact = remainder.isZero
        if isNegative == b.isNegative || isExact {
            return (
                Integer(quotient, isNegative: isNegative != b.isNegative),
                Integer(remainder, isNegative: b.isNegative)
            )
        }
        return (
            Integer(quotient + .one, isNegative: true),
            Integer(b.magnitude - remainder, isNegative: b.isNegative)
        )
    }

    /// In 0 ..< modulus.
    func modulo(_ modulus: Natural) -> Natural {
        let residue = magnitude % modulus
        return isNegative && !residue.isZero ? modulus - residue : residue
    }

    static func << (a: Integer, count: Int) -> Integer {
        Integer(a.magnitude << count, isNegative: a.isNegative)
    }

    static func >> (a: Integer, count: Int) -> Integer {
        a.dividedWithRemainder(by: Integer(Natural.one << count)).quotient
    }

    enum BitOperation { case and, or, xor }

    /// As if in two's complement of endless width.
    static func bitwise(_ operation: BitOperation, _ a: Integer, _ b: Integer) -> Integer {
        let width = max(a.magnitude.bitWidth, b.magnitude.bitWidth) + 1
        let modulus = Natural.one << width
        let (x, y) = (a.modulo(modulus), b.modulo(modulus))
        let bits = x.bitwise(operation, y)
        return bits.bit(width - 1)
            ? Integer(modulus - bits, isNegative: true) : Integer(bits)
    }

    /// base ^ exponent mod modulus; nil where an inverse is wanted that does not exist.
    func power(_ exponent: Integer, modulo modulus: Natural) -> Natural? {
        guard !modulus.isZero else { return nil }
        var base = modulo(modulus)
        if exponent.isNegative {
            guard !base.isZero else { return nil }
            let (divisor, inverse) = Natural.greatestCommonDivisor(base, modulo: modulus)
            guard divisor == .one else { return nil }
            base = inverse
        }
        var result = Natural.one % modulus
        for index in (0..<exponent.magnitude.bitWidth).reversed() {
            result = (result * result) % modulus
            if exponent.magnitude.bit(index) { result = (result * base) % modulus }
        }
        return result
    }
}

extension Integer: Comparable {
    package static func < (a: Integer, b: Integer) -> Bool {
        if a.isNegative != b.isNegative { return a.isNegative }
        return a.isNegative ? b.magnitude < a.magnitude : a.magnitude < b.magnitude
    }
}
