import StarkCurve
import StarkField
import StarkHash

/// The functions of cairo-lang's library that hints import.
///
/// Source: cairo-lang 0.14.0.1, `python/math_utils.py`, `cairo/common/math_utils.py`,
/// `cairo/common/cairo_secp/secp_utils.py` and the files of the hash functions beside it.
extension HintInterpreter {
    mutating func callLibrary(
        _ function: NativeFunction, _ arguments: [HintValue], _ named: [String: HintValue]
    ) throws(HintError) -> HintValue {
        switch function {
        case .assertInteger:
            _ = try integer(try one(arguments))
            return .none
        case .asInt: return .integer(try signed(try first(arguments)))
        case .isPositive:
            guard let value = arguments.first ?? named["value"] else { throw .typeMismatch }
            let number = try signed(value)
            guard number.magnitude.bitWidth <= 128 else { throw .assertionFailed }
            return .boolean(!number.isNegative && !number.isZero)
        case .split: return try split(try one(arguments))
        case .divMod:
            let (n, m, p) = try three(arguments)
            return .integer(Integer(try quotient(n, m, p.magnitude)))
        case .safeDiv:
            guard arguments.count == 2 else { throw .typeMismatch }
            let (a, b) = (try integer(arguments[0]), try integer(arguments[1]))
            guard !b.isZero else { throw .divisionByZero }
            let (quotient, remainder) = a.dividedWithRemainder(by: b)
            guard remainder.isZero else { throw .assertionFailed }
            return .integer(quotient)
        case .isqrt: return .integer(Integer(try natural(try one(arguments)).squareRoot))
        case .logarithm:
            let value = try natural(try one(arguments))
            guard !value.isZero else { throw .assertionFailed }
            return .integer(Integer((value - .one).bitWidth))
        case .isQuadraticResidue:
            guard arguments.count == 2 else { throw .typeMismatch }
            let p = try natural(arguments[1])
            guard !p.isZero else { throw .divisionByZero }
            return .boolean(try isSquare(try integer(arguments[0]).modulo(p), p))
        case .sqrt:
            guard arguments.count == 2 else { throw .typeMismatch }
            let p = try natural(arguments[1])
            guard !p.isZero, let root = try root(try integer(arguments[0]).modulo(p), p) else {
                throw .noSquareRoot
            }
            return .integer(Integer(root))
        case .lineSlope: return try lineSlope(arguments, named)
        case .doubleSlope: return try doubleSlope(arguments, named)
        case .recoverY: return try recoverY(arguments)
        case .randomPoint: return try randomPoint(arguments)
        case .toBytes:
            let value = try natural(try first(arguments))
            guard value.bitWidth <= 256 else { throw .numberTooLarge }
            return .bytes(value.bigEndianBytes(32))
        case .pedersenHash:
            guard arguments.count == 2 else { throw .typeMismatch }
            guard let a = try cell(arguments[0]).felt, let b = try cell(arguments[1]).felt else {
                throw .typeMismatch
            }
            return HintValue(Cell(Pedersen.hash(a, b)))
        case .keccak:
            guard case .bytes(let bytes) = try one(arguments) else { throw .typeMismatch }
            return .bytes(Keccak256.hash(bytes))
        case .keccakFunction: return try keccakFunction(try one(arguments))
        case .messageSchedule: return try messageSchedule(try one(arguments))
        case .sha2Compress: return try sha2Compress(arguments)
        case .blakeCompress: return try blakeCompress(named)
        default: throw .unknownName(function.rawValue)
        }
    }

    private func three(
        _ arguments: [HintValue]
    ) throws(HintError) -> (Integer, Integer, Integer) {
        guard arguments.count == 3 else { throw .typeMismatch }
        return (
            try integer(arguments[0]), try integer(arguments[1]), try integer(arguments[2])
        )
    }

    /// In -p/2 ..< p/2.
    func signed(_ value: HintValue) throws(HintError) -> Integer {
        let number = try integer(value)
        let half = Natural.prime >> 1
        return number.isNegative || number.magnitude < half
            ? number : number - Integer(Natural.prime)
    }

    // MARK: Limbs of 86 bits

    private static let limbBits = 86

    /// A struct with three limbs, each taken as a signed number.
    func pack(
        _ value: HintValue, _ machine: borrowing VirtualMachine
    ) throws(HintError) -> Integer {
        var result = Integer.zero
        for index in 0..<3 {
            let limb = try signed(try attribute(value, "d\(index)", machine))
            result = result + limb << (Self.limbBits * index)
        }
        return result
    }

    private func split(_ value: HintValue) throws(HintError) -> HintValue {
        let number = try natural(value)
        guard number.bitWidth <= 3 * Self.limbBits else { throw .assertionFailed }
        let mask = Natural.one << Self.limbBits
        return .list(
            HintList(
                (0..<3).map {
                    .integer(Integer((number >> (Self.limbBits * $0)) % mask))
                }))
    }

    // MARK: Prime fields

    /// x with m x = n mod p.
    private func quotient(
        _ n: Integer, _ m: Integer, _ p: Natural
    ) throws(HintError) -> Natural {
        guard !p.isZero, p.bitWidth <= 1 << 10, let inverse = m.power(Integer(-1), modulo: p) else {
            throw .noInverse
        }
        return (n * Integer(inverse)).modulo(p)
    }

    private func isSquare(_ value: Natural, _ p: Natural) throws(HintError) -> Bool {
        guard p.bitWidth <= 1 << 10 else { throw .numberTooLarge }
        if value.isZero || p == Natural(2 as UInt64) { return true }
        return Integer(value).power(Integer((p - .one) >> 1), modulo: p) == .one
    }

    /// The smaller root mod an odd prime (Tonelli and Shanks).
    private func root(_ value: Natural, _ p: Natural) throws(HintError) -> Natural? {
        guard try isSquare(value, p) else { return nil }
        if value.isZero { return .zero }
        var odd = p - .one
        var twos = 0
        while odd.isEven, !odd.isZero {
            odd = odd >> 1
            twos += 1
        }
        var nonResidue = Natural(2 as UInt64)
        while try isSquare(nonResidue, p) {
            nonResidue = nonResidue + .one
            guard nonResidue.bitWidth < 16 else { return nil }
        }
        func power(_ base: Natural, _ exponent: Natural) -> Natural {
            Integer(base).power(Integer(exponent), modulo: p) ?? .zero
        }
        var m = twos
        var c = power(nonResidue, odd)
        var t = power(value, odd)
        var r = power(value, (odd + .one) >> 1)
        while t != .one {
            var least = 0
            var square = t
            while square != .one, least < m {
                square = (square * square) % p
                least += 1
            }
            // Only where p is no prime.
            guard least < m else { return nil }
            let b = power(c, Natural.one << (m - least - 1))
            m = least
            c = (b * b) % p
            t = (t * c) % p
            r = (r * b) % p
        }
        let other = p - r
        return min(r, other)
    }

    // MARK: Curves

    private func point(_ value: HintValue?) throws(HintError) -> (Integer, Integer) {
        guard let value, case .tuple(let parts) = value, parts.count == 2 else {
            throw .typeMismatch
        }
        return (try integer(parts[0]), try integer(parts[1]))
    }

    private func lineSlope(
        _ arguments: [HintValue], _ named: [String: HintValue]
    ) throws(HintError) -> HintValue {
        let (x0, y0) = try point(named["point1"] ?? arguments.first)
        let (x1, y1) = try point(named["point2"] ?? (arguments.count > 1 ? arguments[1] : nil))
        guard let p = named["p"] ?? arguments.last else { throw .typeMismatch }
        return .integer(Integer(try quotient(y0 - y1, x0 - x1, try natural(p))))
    }

    private func doubleSlope(
        _ arguments: [HintValue], _ named: [String: HintValue]
    ) throws(HintError) -> HintValue {
        let (x, y) = try point(named["point"] ?? arguments.first)
        guard let alpha = named["alpha"], let p = named["p"] else { throw .typeMismatch }
        let numerator = Integer(3) * x * x + (try integer(alpha))
        return .integer(Integer(try quotient(numerator, y + y, try natural(p))))
    }

    private func recoverY(_ arguments: [HintValue]) throws(HintError) -> HintValue {
        guard arguments.count == 4 else { throw .typeMismatch }
        let x = try integer(arguments[0])
        let (alpha, beta) = (try integer(arguments[1]), try integer(arguments[2]))
        let p = try natural(arguments[3])
        guard !p.isZero, let y = try root((x * x * x + alpha * x + beta).modulo(p), p) else {
            throw .noSquareRoot
        }
        return .integer(Integer(y))
    }

    /// A point of the STARK curve that a seed determines.
    private mutating func randomPoint(_ arguments: [HintValue]) throws(HintError) -> HintValue {
        guard arguments.count == 4, case .bytes(let seedBytes) = arguments[3] else {
            throw .typeMismatch
        }
        let (alpha, beta) = (try integer(arguments[1]), try integer(arguments[2]))
        let p = try natural(arguments[0])
        guard p == Natural.prime else { throw .typeMismatch }
        let seed = SHA256.hash(seedBytes)
        for index in 0..<100 {
            try spend(1 << 10)
            var counter = [UInt8](repeating: 0, count: 10)
            counter[0] = UInt8(index)
            let x = Integer(Natural(bigEndianBytes: SHA256.hash(Array(seed[1...]) + counter)))
            guard let y = try root((x * x * x + alpha * x + beta).modulo(p), p) else { continue }
            let isNegative = seed[0] & 1 == 1
            return .tuple([
                .integer(x), .integer(Integer(Integer(y, isNegative: isNegative).modulo(p))),
            ])
        }
        throw .noSquareRoot
    }

    // MARK: Hash functions

    private func words(_ value: HintValue, _ count: Int) throws(HintError) -> [UInt32] {
        var result: [UInt32] = []
        for element in try elements(value) {
            guard let number = try integer(element).asInt, let word = UInt32(exactly: number) else {
                throw .numberTooLarge
            }
            result.append(word)
        }
        guard result.count == count else { throw .typeMismatch }
        return result
    }

    private func list(_ words: some Sequence<UInt32>) -> HintValue {
        .list(HintList(words.map { .integer(Integer(Int($0))) }))
    }

    private func keccakFunction(_ value: HintValue) throws(HintError) -> HintValue {
        let inputs = try elements(value)
        guard inputs.count == 25 else { throw .typeMismatch }
        var state = InlineArray<25, UInt64>(repeating: 0)
        for index in 0..<25 {
            guard let lane = try natural(inputs[index]).asUInt64 else { throw .numberTooLarge }
            state[index] = lane
        }
        Keccak256.permute(&state)
        return .list(HintList((0..<25).map { .integer(Integer(Natural(state[$0]))) }))
    }

    private func messageSchedule(_ value: HintValue) throws(HintError) -> HintValue {
        list(HashSteps.schedule(try words(value, 16)))
    }

    private func sha2Compress(_ arguments: [HintValue]) throws(HintError) -> HintValue {
        guard arguments.count == 2 else { throw .typeMismatch }
        return list(
            HashSteps.sha256(try words(arguments[0], 8), schedule: try words(arguments[1], 64)))
    }

    /// The compression whose state, message, counter and flag lie in the 26 cells before its output.
    mutating func blakeOfMemory(
        _ named: [String: HintValue], _ machine: inout VirtualMachine
    ) throws(HintError) -> HintValue {
        guard let output = named["output_ptr"] else { throw .typeMismatch }
        let end = try address(output)
        var words: [UInt32] = []
        for distance in -26..<0 {
            let cell = try machine.read(try advanced(end, distance))
            guard let value = cell.asUInt64, let word = UInt32(exactly: value) else {
                throw .numberTooLarge
            }
            words.append(word)
        }
        let state = HashSteps.blake2s(
            Array(words[0..<8]), message: Array(words[8..<24]), t0: words[24], t1: 0,
            f0: words[25], f1: 0)
        for (index, word) in state.enumerated() {
            try machine.write(try advanced(end, index), Cell(UInt64(word)))
        }
        return .none
    }

    private func blakeCompress(_ named: [String: HintValue]) throws(HintError) -> HintValue {
        guard let message = named["message"], let state = named["h"] else { throw .typeMismatch }
        func word(_ name: String) throws(HintError) -> UInt32 {
            guard let value = named[name], let number = try integer(value).asInt,
                let word = UInt32(exactly: number)
            else { throw .numberTooLarge }
            return word
        }
        return list(
            HashSteps.blake2s(
                try words(state, 8), message: try words(message, 16), t0: try word("t0"),
                t1: try word("t1"), f0: try word("f0"), f1: try word("f1")))
    }
}
