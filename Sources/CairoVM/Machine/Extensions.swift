import StarkField

/// The instructions that S-two's Cairo has beyond the paper's: a compression of Blake2s, and sums
/// and products of QM31.
///
/// Source: cairo-vm 3, `decoder.rs` and `vm_core.rs`; stwo-cairo 1.0, `blake_compress_opcode` and
/// `qm_31_add_mul_opcode`.
extension VirtualMachine {
    /// Compresses the state's eight words with the message's sixteen into the eight cells that `[ap]`
    /// points to. The counter has the bytes so far, this block's included.
    mutating func compress(
        state: Cell, message: Cell, counter: (place: Relocatable, value: Cell), isLast: Bool
    ) throws(MachineError) {
        guard let state = state.address, let message = message.address else {
            throw .operandAddressNotAnAddress(state.isAddress ? message : state)
        }
        let bytes = try word(counter.value, counter.place)
        let words = try words(state, 8)
        let block = try self.words(message, 16)
        let output = memory.get(Relocatable(segment: 1, offset: ap))
        guard let place = output.address else { throw .operandAddressNotAnAddress(output) }
        compressions += 1
        let result = HashSteps.blake2s(
            words, message: block, t0: bytes, t1: 0, f0: isLast ? .max : 0, f1: 0)
        for (index, word) in result.enumerated() {
            guard let cell = place.advanced(by: index) else { throw .addressOutOfRange }
            try insert(cell, Cell(UInt64(word)))
            memory.markAccessed(cell)
        }
    }

    private func words(_ start: Relocatable, _ count: Int) throws(MachineError) -> [UInt32] {
        var words: [UInt32] = []
        for index in 0..<count {
            guard let place = start.advanced(by: index) else { throw .addressOutOfRange }
            words.append(try word(memory.get(place), place))
        }
        return words
    }

    private func word(_ cell: Cell, _ place: Relocatable) throws(MachineError) -> UInt32 {
        guard let value = cell.asUInt64, let word = UInt32(exactly: value) else {
            throw .instruction(.notAWord(place))
        }
        return word
    }

    func packed(_ cell: Cell) throws(MachineError) -> PackedQM31 {
        guard let value = PackedQM31(cell) else { throw .instruction(.notPacked(cell)) }
        return value
    }
}

/// An element of QM31 = CM31(u), u^2 = 2 + i, in one cell: four elements of M31, 36 bits each, the
/// lowest first.
struct PackedQM31: Hashable, Sendable {
    private static let prime: UInt64 = 1 << 31 - 1
    private static let width = 36

    /// a + b i + (c + d i) u, each below the prime.
    private var a: UInt64
    private var b: UInt64
    private var c: UInt64
    private var d: UInt64

    private init(_ a: UInt64, _ b: UInt64, _ c: UInt64, _ d: UInt64) {
        (self.a, self.b, self.c, self.d) = (a, b, c, d)
    }

    /// Nil where the cell is no number, or one of the parts is not reduced.
    init?(_ cell: Cell) {
        guard cell.isFelt else { return nil }
        let words = cell.words
        guard words.l2 >> 16 == 0, words.l3 == 0 else { return nil }
        let mask: UInt64 = 1 << 36 - 1
        self.init(
            words.l0 & mask, words.l0 >> 36 | (words.l1 << 28 & mask), words.l1 >> 8 & mask,
            words.l1 >> 44 | words.l2 << 20)
        guard a < Self.prime, b < Self.prime, c < Self.prime, d < Self.prime else { return nil }
    }

    var cell: Cell {
        Cell(raw: a | b << 36, b >> 28 | c << 8 | d << 44, d >> 20, Cell.presentBit)
    }

    private static func sum(_ x: UInt64, _ y: UInt64) -> UInt64 { (x + y) % prime }
    private static func difference(_ x: UInt64, _ y: UInt64) -> UInt64 { (x + prime - y) % prime }
    private static func product(_ x: UInt64, _ y: UInt64) -> UInt64 { x * y % prime }

    static func + (x: PackedQM31, y: PackedQM31) -> PackedQM31 {
        PackedQM31(sum(x.a, y.a), sum(x.b, y.b), sum(x.c, y.c), sum(x.d, y.d))
    }

    static func - (x: PackedQM31, y: PackedQM31) -> PackedQM31 {
        PackedQM31(
            difference(x.a, y.a), difference(x.b, y.b), difference(x.c, y.c),
            difference(x.d, y.d))
    }

    /// Complex numbers, as pairs.
    private typealias Pair = (UInt64, UInt64)

    private static func product(_ x: Pair, _ y: Pair) -> Pair {
        (
            difference(product(x.0, y.0), product(x.1, y.1)),
            sum(product(x.0, y.1), product(x.1, y.0))
        )
    }

    private static func sum(_ x: Pair, _ y: Pair) -> Pair { (sum(x.0, y.0), sum(x.1, y.1)) }

    /// u^2
    private static let square: Pair = (2, 1)

    static func * (x: PackedQM31, y: PackedQM31) -> PackedQM31 {
        let (low, high) = ((x.a, x.b), (x.c, x.d))
        let (otherLow, otherHigh) = ((y.a, y.b), (y.c, y.d))
        let first = sum(product(low, otherLow), product(square, product(high, otherHigh)))
        let second = sum(product(low, otherHigh), product(high, otherLow))
        return PackedQM31(first.0, first.1, second.0, second.1)
    }

    /// Nil for zero. 1 / (x + y u) = (x - y u) / (x^2 - u^2 y^2), and the same way for complex
    /// numbers; what is left is an element of M31.
    var inverse: PackedQM31? {
        let (low, high) = ((a, b), (c, d))
        let squares = Self.product(Self.square, Self.product(high, high))
        let lowSquare = Self.product(low, low)
        let norm = (
            Self.difference(lowSquare.0, squares.0), Self.difference(lowSquare.1, squares.1)
        )
        let size = Self.sum(Self.product(norm.0, norm.0), Self.product(norm.1, norm.1))
        guard size != 0 else { return nil }
        // By Fermat.
        var power: UInt64 = 1
        var base = size
        var exponent = Self.prime - 2
        while exponent > 0 {
            if exponent & 1 == 1 { power = Self.product(power, base) }
            base = Self.product(base, base)
            exponent >>= 1
        }
        let scale = (Self.product(norm.0, power), Self.product(Self.difference(0, norm.1), power))
        let first = Self.product(low, scale)
        let second = Self.product((Self.difference(0, c), Self.difference(0, d)), scale)
        return PackedQM31(first.0, first.1, second.0, second.1)
    }
}
