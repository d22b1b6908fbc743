package import CairoVM

/// What Cairo code has used, or is charged for: steps, memory holes, Blake2s instructions, and
/// instances of each builtin.
package struct ExecutionResources: Hashable, Sendable {
    /// The builtins by `Builtin.rawValue`, then steps, holes and compressions.
    private var counts = SIMD16<UInt64>()

    private static let stepIndex = 12
    private static let holeIndex = 13
    private static let compressionIndex = 14

    package init() {}

    package init(steps: UInt64, memoryHoles: UInt64 = 0) {
        counts[Self.stepIndex] = steps
        counts[Self.holeIndex] = memoryHoles
    }

    package init(_ run: RunResources) {
        self.init(steps: UInt64(run.steps), memoryHoles: UInt64(run.memoryHoles))
        compressions = UInt64(run.compressions)
        for index in run.instances.indices { counts[index] = UInt64(run.instances[index]) }
    }

    package var steps: UInt64 {
        get { counts[Self.stepIndex] }
        set { counts[Self.stepIndex] = newValue }
    }

    package var memoryHoles: UInt64 {
        get { counts[Self.holeIndex] }
        set { counts[Self.holeIndex] = newValue }
    }

    /// Blake2s instructions.
    package var compressions: UInt64 {
        get { counts[Self.compressionIndex] }
        set { counts[Self.compressionIndex] = newValue }
    }

    package subscript(builtin: Builtin) -> UInt64 {
        get { counts[Int(builtin.rawValue)] }
        set { counts[Int(builtin.rawValue)] = newValue }
    }

    package var isZero: Bool { counts == SIMD16() }

    package static func + (a: Self, b: Self) -> Self {
        var sum = a
        sum.counts &+= b.counts
        return sum
    }

    package static func += (a: inout Self, b: Self) { a.counts &+= b.counts }

    package static func * (a: Self, factor: UInt64) -> Self {
        var product = a
        product.counts &*= SIMD16(repeating: factor)
        return product
    }

    /// Each count divided, rounded up.
    func dividedRoundingUp(by divisor: UInt64) -> Self {
        if divisor <= 1 { return self }
        var result = self
        for index in 0..<16 {
            result.counts[index] = (counts[index] + divisor - 1) / divisor
        }
        return result
    }
}
