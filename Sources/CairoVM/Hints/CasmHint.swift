/// A place in the stack that a hint names: a register and an offset.
package struct CellReference: Hashable, Sendable {
    package enum Register: Sendable { case ap, fp }
    package var register: Register
    package var offset: Int16

    package init(_ register: Register, _ offset: Int16) {
        self.register = register
        self.offset = offset
    }
}

/// A value that a hint reads.
package enum HintOperand: Hashable, Sendable {
    case cell(CellReference)
    case pointed(CellReference, offset: Int16)
    case immediate(Cell)
    case sum(CellReference, Term)
    case product(CellReference, Term)

    package enum Term: Hashable, Sendable {
        case cell(CellReference)
        case immediate(Cell)
    }
}

/// The hints that a compiled class can carry.
///
/// Source: starkware-libs/cairo 2.x, `cairo-lang-casm/src/hints/mod.rs`: all of its core,
/// deprecated and Starknet hints but the cheat code, which belongs to test runners, and without the
/// external ones, which no class may have.
package enum CasmHint: Hashable, Sendable {
    case allocateSegment(CellReference)
    case testLessThan(HintOperand, HintOperand, CellReference)
    case testLessThanOrEqual(HintOperand, HintOperand, CellReference)
    case wideMultiply128(HintOperand, HintOperand, high: CellReference, low: CellReference)
    case divide(HintOperand, HintOperand, quotient: CellReference, remainder: CellReference)
    /// Operands and results as 128-bit limbs, the lowest first.
    case divide256(
        dividend: [HintOperand], divisor: [HintOperand], quotient: [CellReference],
        remainder: [CellReference])
    case squareRoot(HintOperand, CellReference)
    case squareRoot256(
        low: HintOperand, high: HintOperand, root0: CellReference, root1: CellReference,
        remainderLow: CellReference, remainderHigh: CellReference, isLarge: CellReference)
    case linearSplit(
        HintOperand, scalar: HintOperand, maximum: HintOperand, x: CellReference,
        y: CellReference)
    case allocateDictionary(arena: HintOperand)
    case dictionaryEntryInit(HintOperand, key: HintOperand)
    case dictionaryEntryUpdate(HintOperand, value: HintOperand)
    case segmentArenaIndex(HintOperand, CellReference)
    case initializeSquash(
        accesses: HintOperand, count: HintOperand, bigKeys: CellReference,
        firstKey: CellReference)
    case currentAccessIndex(HintOperand)
    case shouldSkipSquashLoop(CellReference)
    case currentAccessDelta(CellReference)
    case shouldContinueSquashLoop(CellReference)
    case nextDictionaryKey(CellReference)
    case findSmallArcs(rangeCheck: HintOperand, a: HintOperand, b: HintOperand)
    case isFirstArcExcluded(CellReference)
    case isSecondArcExcluded(CellReference)
    case randomPoint(x: CellReference, y: CellReference)
    case fieldSquareRoot(HintOperand, CellReference)
    case debugPrint(start: HintOperand, end: HintOperand)
    case allocateConstantSize(HintOperand, CellReference)
    case invert256(
        b: [HintOperand], n: [HintOperand], noInverse: [CellReference], s: [CellReference],
        t: [CellReference])
    case evaluateCircuit(
        additions: HintOperand, addition: HintOperand, multiplications: HintOperand,
        multiplication: HintOperand)
    case systemCall(HintOperand)
    // Deprecated, in classes of early compilers.
    case assertNoAccessIndices
    case assertAllAccessesUsed(CellReference)
    case assertAllKeysUsed
    case assertThirdArcExcluded
    case assertLessThanIsValid(HintOperand, HintOperand)
    case dictionaryRead(HintOperand, key: HintOperand, CellReference)
    case dictionaryWrite(HintOperand, key: HintOperand, value: HintOperand)
}

/// A hint that can't do its work. The run ends: no program can go on without what it would write.
package enum HintError: Error, Hashable, Sendable {
    case memory(MemoryError)
    case addressOutOfRange
    case illegalBuffer
    case divisionByZero
    case numberTooLarge
    case noDictionary(Relocatable)
    case noSquash
    case noAccessIndex
    case accessesLeft
    case noKeys
    case noArc
    case invalidComparison
    case noSquareRoot
    case builtin(BuiltinError)
    case sizeTooLarge
    // Of hints that are text.
    case text(HintTextError)
    case unknownName(String)
    case typeMismatch
    case assertionFailed
    case raised
    case revokedReference
    case noScope
    case noInverse
    /// More work than a hint may do in one run.
    case workLimitExceeded
    case unknown
}
