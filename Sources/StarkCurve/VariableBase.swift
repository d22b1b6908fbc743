import StarkField

/// Multiplication of a point that is used once.
enum VariableBase {
    static let width = 5

    /// scalar * point by non-adjacent digits of five bits: odd multiples up to 15, 251 doublings
    /// and about 42 additions. Time depends on the scalar.
    static func multiply(_ point: CurvePoint, _ scalar: Scalar) -> AccumulatorPoint {
        var accumulators = [AccumulatorPoint]()
        accumulators.reserveCapacity(8)
        var twice = AccumulatorPoint(point)
        twice.double()
        var odd = AccumulatorPoint(point)
        for _ in 0..<8 {
            accumulators.append(odd)
            odd.add(twice)
        }
        let multiples = AccumulatorPoint.normalize(accumulators)
        return withUnsafeTemporaryAllocation(of: Int8.self, capacity: 256) { digits in
            let count = nonAdjacentForm(scalar.words, into: digits)
            return multiples.withUnsafeBufferPointer { multiples in
                var result = AccumulatorPoint.infinity
                for index in (0..<count).reversed() {
                    result.double()
                    let digit = Int(digits[index])
                    if digit > 0 {
                        result.add(multiples[digit >> 1], negated: false)
                    } else if digit < 0 {
                        result.add(multiples[-digit >> 1], negated: true)
                    }
                }
                return result
            }
        }
    }

    /// Digits of `width` bits, odd or zero, least significant first; returns how many there are.
    /// The integer is below 2^252.
    static func nonAdjacentForm(
        _ words: Scalar.Words, into digits: UnsafeMutableBufferPointer<Int8>
    ) -> Int {
        digits.initialize(repeating: 0)
        var (w0, w1, w2, w3) = words
        var position = 0
        func shift(_ count: UInt64) {
            w0 = w0 >> count | w1 << (64 - count)
            w1 = w1 >> count | w2 << (64 - count)
            w2 = w2 >> count | w3 << (64 - count)
            w3 >>= count
            position += Int(count)
        }
        while w0 | w1 | w2 | w3 != 0 {
            if w0 & 1 == 0 {
                if w0 & 0xff == 0 { shift(8) } else { shift(1) }
                continue
            }
            var digit = Int(w0 & 31)
            if digit > 16 { digit -= 32 }
            digits[position] = Int8(digit)
            // Subtract the digit: only a negative one carries.
            w0 &-= w0 & 31
            if digit < 0 {
                var carry = false
                (w0, carry) = w0.addingReportingOverflow(32)
                (w1, carry) = w1.addingReportingOverflow(carry ? 1 : 0)
                (w2, carry) = w2.addingReportingOverflow(carry ? 1 : 0)
                w3 &+= carry ? 1 : 0
            }
            shift(5)
        }
        return min(position, 256)
    }
}
