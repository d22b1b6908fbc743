import StarkField

/// Affine points at 64-byte aligned addresses, one cache line each, made once and only read.
///
/// Unchecked because of the pointer: the memory is written by `init` alone, before the reference
/// is shared, and released by `deinit`.
public final class PointTable: @unchecked Sendable {
    @usableFromInline let base: UnsafePointer<CurvePoint>
    public let count: Int

    public init(_ points: [CurvePoint]) {
        count = points.count
        let memory = UnsafeMutableRawPointer.allocate(
            byteCount: max(1, points.count) * MemoryLayout<CurvePoint>.stride, alignment: 64
        ).bindMemory(to: CurvePoint.self, capacity: points.count)
        for (index, point) in points.enumerated() {
            (memory + index).initialize(to: point)
        }
        base = UnsafePointer(memory)
    }

    deinit { UnsafeMutableRawPointer(mutating: base).deallocate() }

    @inlinable @inline(__always)
    public func withPoints<Result>(
        _ body: (UnsafeBufferPointer<CurvePoint>) -> Result
    ) -> Result {
        withExtendedLifetime(self) { body(UnsafeBufferPointer(start: base, count: count)) }
    }

    /// For signed windows: window k's entry d - 1 is d * 2^(bits * k) * point, for d in
    /// 1 ... 2^(bits - 1) and k in 0 ..< windows; entries of a window are adjacent.
    public static func signedWindows(
        of point: CurvePoint, bits: Int, windows: Int
    ) -> [CurvePoint] {
        let entries = 1 << (bits - 1)
        var accumulators = [AccumulatorPoint]()
        accumulators.reserveCapacity(entries * windows)
        var base = point
        for _ in 0..<windows {
            var entry = AccumulatorPoint(base)
            for _ in 1..<entries {
                accumulators.append(entry)
                entry.add(base)
            }
            accumulators.append(entry)
            entry.double()
            guard let next = entry.affine else {
                preconditionFailure("a power of two times a point of prime order is infinity")
            }
            base = next
        }
        return AccumulatorPoint.normalize(accumulators)
    }
}
