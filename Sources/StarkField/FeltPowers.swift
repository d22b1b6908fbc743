extension Felt {
    public func power(_ exponent: UInt64) -> Felt {
        power(bigEndianWords: (0, 0, 0, exponent))
    }

    /// Square and multiply, two bits at a time. Time depends on the exponent.
    public func power(bigEndianWords exponent: (UInt64, UInt64, UInt64, UInt64)) -> Felt {
        let square = squared()
        let cube = square * self
        var result = Felt.one
        var started = false
        func take(_ word: UInt64) {
            for step in 0..<32 {
                if started { result = result.squared().squared() }
                switch (word &>> UInt64(62 &- 2 &* step)) & 3 {
                case 1: result *= self
                case 2: result *= square
                case 3: result *= cube
                default: continue
                }
                started = true
            }
        }
        take(exponent.0)
        take(exponent.1)
        take(exponent.2)
        take(exponent.3)
        return result
    }

    func squaredRepeatedly(_ count: Int) -> Felt {
        var result = self
        for _ in 0..<count { result = result.squared() }
        return result
    }

    private static let modulus = ModularInverse(modulus: (1, 0, 0, topLimbOfPrime))

    /// The multiplicative inverse; nil for zero. Time depends on the value.
    public func inverse() -> Felt? {
        if isZero { return nil }
        let (w0, w1, w2, w3) = Felt.modulus.inverse(of: (l0, l1, l2, l3))
        // 1/(aR) times R^3 / R is R/a.
        let cube = LooseFelt(
            0xcc71_77d1_406d_f18e, 0x7545_7066_77ff_cc06, 0xf47d_84f8_3630_0018,
            0x038e_5f79_873c_0a6d)
        return LooseFelt.product(LooseFelt(w0, w1, w2, w3), cube).assumedReduced
    }

    /// Replaces every element by its inverse, with one inversion and three products each. Zeros
    /// stay zero.
    public static func batchInvert(_ values: inout [Felt]) {
        var prefixes = [Felt]()
        prefixes.reserveCapacity(values.count)
        var product = Felt.one
        for value in values {
            prefixes.append(product)
            if !value.isZero { product *= value }
        }
        guard var inverse = product.inverse() else { return }
        for index in values.indices.reversed() where !values[index].isZero {
            let value = values[index]
            values[index] = inverse * prefixes[index]
            inverse *= value
        }
    }

    /// Whether the element is a square, zero included, by Euler's criterion:
    /// (p - 1) / 2 = 2^191 * (2^59 + 17).
    public var isSquare: Bool {
        let high = (squaredRepeatedly(55) * self).squaredRepeatedly(4)
        let power = (high * self).squaredRepeatedly(191)
        return isZero || power == .one
    }

    /// A square root, or nil where there is none. Which of the two roots is not specified; zero
    /// gives zero. Tonelli and Shanks: p - 1 = 2^192 * (2^59 + 17), and the discrete logarithm in
    /// the group of order 2^192 is taken six bits at a time (Pohlig and Hellman) from tables.
    public func squareRoot() -> Felt? {
        if isZero { return self }
        // self^((t - 1) / 2) for the odd part t = 2^59 + 17: 2^58 + 8 = (2^55 + 1) * 8.
        let power = (squaredRepeatedly(55) * self).squaredRepeatedly(3)
        let candidate = power * self
        let residue = candidate * power
        guard let correction = RootTables.shared.halfLogarithmPower(of: residue) else { return nil }
        return candidate * correction
    }
}
