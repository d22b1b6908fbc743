import StarkCurve
import StarkField

/// Pedersen sums of many pairs side by side in affine coordinates. Step k adds each pair's k-th
/// table point; the slopes' denominators of a step share one inversion (Montgomery's trick).
enum PedersenBatch {
    /// Below this an inversion per step costs more than it saves.
    static let leastCount = 24
    /// Pairs side by side: their state is about 32 KB.
    static let capacity = 128

    static func hash(_ pairs: ArraySlice<(Felt, Felt)>) -> [Felt] {
        let tables = PedersenTables.shared
        let count = pairs.count
        let steps = PedersenTables.pointsPerHash
        var digits = [Int16](repeating: 0, count: count * steps)
        digits.withUnsafeMutableBufferPointer { digits in
            for (index, pair) in pairs.enumerated() {
                PedersenTables.digits(of: pair.0, isSecond: false) { step, digit in
                    digits[step * count + index] = digit
                }
                PedersenTables.digits(of: pair.1, isSecond: true) { step, digit in
                    digits[step * count + index] = digit
                }
            }
        }
        // x, y, slope denominator and the product of those before it, of all pairs one after the
        // other.
        let memory = UnsafeMutablePointer<Felt>.allocate(capacity: 4 * count)
        memory.initialize(repeating: .zero, count: 4 * count)
        defer { memory.deallocate() }
        let xs = memory
        let ys = memory + count
        let differences = memory + 2 * count
        let prefixes = memory + 3 * count
        for index in 0..<count {
            xs[index] = PedersenConstants.shiftPoint.x
            ys[index] = PedersenConstants.shiftPoint.y
        }
        // Sums that met an equal x, which takes a discrete logarithm between constant points: the
        // one by one path knows doubling.
        var exceptional = [Int]()
        tables.withPoints { points in
            digits.withUnsafeMutableBufferPointer { digits in
                for step in 0..<steps {
                    let start = step * count
                    var product = Felt.one
                    for index in 0..<count {
                        let digit = Int(digits[start &+ index])
                        if digit == 0 { continue }
                        let difference = points[abs(digit) &- 1].x - xs[index]
                        if difference.isZero {
                            exceptional.append(index)
                            digits[start &+ index] = 0
                            continue
                        }
                        differences[index] = difference
                        prefixes[index] = product
                        product *= difference
                    }
                    guard var inverse = product.inverse() else {
                        preconditionFailure("a product of nonzero differences is zero")
                    }
                    for index in (0..<count).reversed() {
                        let digit = Int(digits[start &+ index])
                        if digit == 0 { continue }
                        let point = points[abs(digit) &- 1]
                        let (x, y) = (xs[index], ys[index])
                        let rise = (digit < 0 ? -point.y : point.y) - y
                        let slope = rise * (inverse * prefixes[index])
                        inverse *= differences[index]
                        let newX = slope.squared() - x - point.x
                        xs[index] = newX
                        ys[index] = slope * (x - newX) - y
                    }
                }
            }
        }
        for index in exceptional {
            let pair = pairs[pairs.startIndex + index]
            xs[index] = Pedersen.hash(pair.0, pair.1)
        }
        return (0..<count).map { xs[$0] }
    }
}
