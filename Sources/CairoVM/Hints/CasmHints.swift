import StarkCurve
import StarkField
import StarkHash

extension VirtualMachine {
    /// Does what a hint of a compiled class says. System calls are the caller's.
    package mutating func perform(
        _ hint: CasmHint, _ state: inout HintState
    ) throws(HintError) {
        switch hint {
        case .allocateSegment(let place): try write(place, Cell(try newSegment()))
        case .testLessThan(let left, let right, let place):
            let (a, b) = (try number(left), try number(right))
            try write(place, CanonicalFelt.compare(a.words, b.words) < 0)
        case .testLessThanOrEqual(let left, let right, let place):
            try write(place, Self.isOrdered(try any(left), try any(right)))
        case .wideMultiply128(let left, let right, let high, let low):
            let product = try number(left).natural * number(right).natural
            try write(high, Cell(product >> 128))
            try write(low, Cell(product.low128))
        case .divide(let left, let right, let quotient, let remainder):
            try divide(left, right, quotient, remainder)
        case .divide256(let dividend, let divisor, let quotient, let remainder):
            try divide(dividend, divisor, quotient, remainder)
        case .squareRoot(let value, let place):
            try write(place, Cell(try number(value).natural.squareRoot))
        case .squareRoot256(
            let low, let high, let root0, let root1, let remainderLow, let remainderHigh,
            let isLarge):
            let value = try limbs([low, high])
            let root = value.squareRoot
            let remainder = value - root * root
            try write(root0, Cell(root.low128 & UInt128(UInt64.max)))
            try write(root1, Cell(root >> 64))
            try write(remainderLow, Cell(remainder.low128))
            try write(remainderHigh, Cell(remainder >> 128))
            // The remainder is at most twice the root.
            try write(isLarge, (root + root) - remainder >= Natural.one << 128)
        case .linearSplit(let value, let scalar, let maximum, let x, let y):
            try linearSplit(value, scalar, maximum, x, y)
        case .randomPoint(let x, let y):
            // Any point that the program doesn't use serves; each node must take the same.
            try write(x, Cell(CurveConstants.hintPoint.x))
            try write(y, Cell(CurveConstants.hintPoint.y))
        case .fieldSquareRoot(let value, let place): try fieldSquareRoot(value, place)
        case .debugPrint: break
        case .allocateConstantSize(let size, let place):
            try allocate(size, place, &state)
        case .invert256(let b, let n, let noInverse, let s, let t):
            try invert(b, n, noInverse, s, t)
        case .evaluateCircuit(
            let additions, let addition, let multiplications, let multiplication):
            try evaluateCircuit(additions, addition, multiplications, multiplication)
        case .findSmallArcs(let rangeCheck, let a, let b):
            try findSmallArcs(rangeCheck, a, b, &state)
        case .isFirstArcExcluded(let place):
            guard let arc = state.excludedArc else { throw .noArc }
            try write(place, arc != 0)
        case .isSecondArcExcluded(let place):
            guard let arc = state.excludedArc else { throw .noArc }
            try write(place, arc != 1)
        case .assertThirdArcExcluded:
            guard state.excludedArc == 2 else { throw .noArc }
        case .assertLessThanIsValid(let a, let b):
            guard CanonicalFelt.compare(try number(a).words, try number(b).words) < 0 else {
                throw .invalidComparison
            }
        case .allocateDictionary, .dictionaryEntryInit, .dictionaryEntryUpdate,
            .segmentArenaIndex, .initializeSquash, .currentAccessIndex, .shouldSkipSquashLoop,
            .currentAccessDelta, .shouldContinueSquashLoop, .nextDictionaryKey,
            .assertNoAccessIndices, .assertAllAccessesUsed, .assertAllKeysUsed, .dictionaryRead,
            .dictionaryWrite:
            try performOnDictionary(hint, &state)
        case .systemCall: throw .unknown
        }
    }

    /// a <= b. All addresses come before all numbers, as in the reference's ordering.
    private static func isOrdered(_ a: Cell, _ b: Cell) -> Bool {
        switch (a.isFelt, b.isFelt) {
        case (true, true): return CanonicalFelt.compare(a.words, b.words) <= 0
        case (false, false):
            let (left, right) = (a.uncheckedAddress, b.uncheckedAddress)
            return (left.segment, left.offset) <= (right.segment, right.offset)
        case (let isNumber, _): return !isNumber
        }
    }

    private mutating func divide(
        _ left: HintOperand, _ right: HintOperand, _ quotient: CellReference,
        _ remainder: CellReference
    ) throws(HintError) {
        let (a, b) = (try number(left), try number(right))
        guard !b.isZero else { throw .divisionByZero }
        if let x = a.asUInt128, let y = b.asUInt128 {
            let (high, low) = x.quotientAndRemainder(dividingBy: y)
            try write(quotient, Cell(high))
            try write(remainder, Cell(low))
        } else {
            let (high, low) = a.natural.dividedWithRemainder(by: b.natural)
            try write(quotient, Cell(high))
            try write(remainder, Cell(low))
        }
    }

    private mutating func divide(
        _ dividend: [HintOperand], _ divisor: [HintOperand], _ quotient: [CellReference],
        _ remainder: [CellReference]
    ) throws(HintError) {
        let divisor = try limbs(divisor)
        guard !divisor.isZero else { throw .divisionByZero }
        let (high, low) = try limbs(dividend).dividedWithRemainder(by: divisor)
        try write(limbs: quotient, high)
        try write(limbs: remainder, low)
    }

    private mutating func linearSplit(
        _ value: HintOperand, _ scalar: HintOperand, _ maximum: HintOperand, _ x: CellReference,
        _ y: CellReference
    ) throws(HintError) {
        let (value, scalar) = (try number(value), try number(scalar))
        let maximum = try number(maximum)
        guard !scalar.isZero else { throw .divisionByZero }
        if let v = value.asUInt128, let s = scalar.asUInt128, let m = maximum.asUInt128 {
            let part = min(v / s, m)
            try write(x, Cell(part))
            try write(y, Cell(v - part * s))
        } else {
            let part = min(value.natural / scalar.natural, maximum.natural)
            try write(x, Cell(part))
            try write(y, Cell(value.natural - part * scalar.natural))
        }
    }

    /// The smaller root of the value, or of three times the value where it has none.
    private mutating func fieldSquareRoot(
        _ operand: HintOperand, _ place: CellReference
    ) throws(HintError) {
        let value = CanonicalFelt.felt(try number(operand).words)
        guard let root = value.squareRoot() ?? (value * 3).squareRoot() else {
            throw .noSquareRoot
        }
        try write(place, Cell(min(root, -root)))
    }

    private mutating func allocate(
        _ size: HintOperand, _ place: CellReference, _ state: inout HintState
    ) throws(HintError) {
        guard let size = try number(size).asUInt64, size < 1 << 32 else { throw .sizeTooLarge }
        let start: Relocatable
        if let constants = state.constants { start = constants } else { start = try newSegment() }
        try write(place, Cell(start))
        guard let next = start.advanced(by: Int(size)) else { throw .addressOutOfRange }
        state.constants = next
    }

    /// The two shorter of the arcs (0, a), (a, b), (b, p), each as a remainder and a quotient.
    private mutating func findSmallArcs(
        _ rangeCheck: HintOperand, _ a: HintOperand, _ b: HintOperand,
        _ state: inout HintState
    ) throws(HintError) {
        let (a, b) = (try number(a).words, try number(b).words)
        let last = CanonicalFelt.difference(LooseFelt(0, 0, 0, 0), LooseFelt(1, 0, 0, 0))
        var arcs: [(length: LooseFelt, index: Int)] = [
            (a, 0), (CanonicalFelt.difference(b, a), 1), (CanonicalFelt.difference(last, b), 2),
        ]
        arcs.sort { left, right in
            let order = CanonicalFelt.compare(left.length, right.length)
            return order == 0 ? left.index < right.index : order < 0
        }
        state.excludedArc = arcs[2].index
        let pointer = try buffer(rangeCheck)
        // ceil((p / 3) / 2^128) and ceil((p / 2) / 2^128).
        let bounds: [UInt128] = [
            0x02aa_aaaa_aaaa_aab0_5555_5555_5555_5556, 0x0400_0000_0000_0008_8000_0000_0000_0001,
        ]
        for (index, bound) in bounds.enumerated() {
            let (quotient, remainder) = Natural(arcs[index].length).dividedWithRemainder(
                by: Natural(bound))
            try write(pointer + 2 * index, Cell(remainder))
            try write(pointer + (2 * index + 1), Cell(quotient))
        }
    }

    /// 1 / b mod n with r b - 1 = k n, or a divisor g of both with g s = b and g t = n.
    private mutating func invert(
        _ b: [HintOperand], _ n: [HintOperand], _ noInverse: [CellReference],
        _ s: [CellReference], _ t: [CellReference]
    ) throws(HintError) {
        let (b, n) = (try limbs(b), try limbs(n))
        guard !n.isZero else { throw .divisionByZero }
        if n == .one {
            try write(limbs: s, b)
            try write(limbs: t, .one)
            try write(limbs: noInverse, .one)
            return
        }
        var (divisor, factor) = Natural.greatestCommonDivisor(b, modulo: n)
        if divisor == .one {
            let multiple = (factor * b - .one) / n
            try write(limbs: s, factor)
            try write(limbs: t, multiple)
            try write(noInverse[0], Cell.zero)
        } else {
            // So that its low limb is not zero.
            if divisor.isEven { divisor = Natural(2 as UInt64) }
            try write(limbs: s, b / divisor)
            try write(limbs: t, n / divisor)
            try write(limbs: noInverse, divisor)
        }
    }
}

enum CurveConstants {
    /// The point that `RandomEcPoint` gives: the first on the curve whose x is not below a hash.
    static let hintPoint: CurvePoint = {
        var x = starknetKeccak("Prytany's random point".utf8)
        while true {
            if let point = CurvePoint(x: x) { return point }
            x += .one
        }
    }()
}
