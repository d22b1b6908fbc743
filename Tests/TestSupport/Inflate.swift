/// Decompression of DEFLATE streams (RFC 1951), for archives among the vectors.
package struct Inflate {
    enum Failure: Error { case endOfInput, invalidBlock, invalidCode, invalidDistance }

    private let input: ArraySlice<UInt8>
    private var place: Int
    private var bits: UInt32 = 0
    private var bitCount = 0
    private var output: [UInt8] = []

    package static func bytes(of input: ArraySlice<UInt8>) throws -> [UInt8] {
        var stream = Inflate(input)
        try stream.run()
        return stream.output
    }

    private init(_ input: ArraySlice<UInt8>) {
        self.input = input
        place = input.startIndex
    }

    private mutating func take(_ count: Int) throws -> Int {
        while bitCount < count {
            guard place < input.endIndex else { throw Failure.endOfInput }
            bits |= UInt32(input[place]) << UInt32(bitCount)
            place += 1
            bitCount += 8
        }
        let value = bits & (1 << UInt32(count) - 1)
        bits >>= UInt32(count)
        bitCount -= count
        return Int(value)
    }

    private mutating func run() throws {
        var isLast = false
        while !isLast {
            isLast = try take(1) == 1
            switch try take(2) {
            case 0: try stored()
            case 1: try block(HuffmanCode.fixedLiterals, HuffmanCode.fixedDistances)
            case 2:
                let (literals, distances) = try codes()
                try block(literals, distances)
            default: throw Failure.invalidBlock
            }
        }
    }

    /// Section 3.2.4.
    private mutating func stored() throws {
        bits = 0
        bitCount = 0
        let length = try take(16)
        guard try take(16) == length ^ 0xffff, input.endIndex - place >= length else {
            throw Failure.invalidBlock
        }
        output += input[place..<(place + length)]
        place += length
    }

    /// Section 3.2.7: the lengths of a block's codes, coded themselves.
    private mutating func codes() throws -> (HuffmanCode, HuffmanCode) {
        let literalCount = 257 + (try take(5))
        let distanceCount = 1 + (try take(5))
        let lengthCount = 4 + (try take(4))
        let order = [16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15]
        var lengthLengths = [Int](repeating: 0, count: 19)
        for index in 0..<lengthCount { lengthLengths[order[index]] = try take(3) }
        let lengthCode = HuffmanCode(lengthLengths)
        var lengths: [Int] = []
        while lengths.count < literalCount + distanceCount {
            switch try symbol(lengthCode) {
            case 16:
                guard let last = lengths.last else { throw Failure.invalidCode }
                lengths += [Int](repeating: last, count: 3 + (try take(2)))
            case 17: lengths += [Int](repeating: 0, count: 3 + (try take(3)))
            case 18: lengths += [Int](repeating: 0, count: 11 + (try take(7)))
            case let length: lengths.append(length)
            }
        }
        guard lengths.count == literalCount + distanceCount else { throw Failure.invalidCode }
        return (
            HuffmanCode(Array(lengths[..<literalCount])),
            HuffmanCode(Array(lengths[literalCount...]))
        )
    }

    private mutating func symbol(_ code: HuffmanCode) throws -> Int {
        var value = 0
        var first = 0
        var index = 0
        for length in 1...15 {
            value |= try take(1)
            let count = code.counts[length]
            if value - first < count { return code.symbols[index + value - first] }
            index += count
            first = (first + count) << 1
            value <<= 1
        }
        throw Failure.invalidCode
    }

    /// Section 3.2.5.
    private mutating func block(_ literals: HuffmanCode, _ distances: HuffmanCode) throws {
        while true {
            let value = try symbol(literals)
            if value < 256 {
                output.append(UInt8(value))
                continue
            }
            if value == 256 { return }
            guard value < 286 else { throw Failure.invalidCode }
            let length: Int
            switch value {
            case 285: length = 258
            case ..<265: length = value - 254
            default:
                let extra = (value - 261) / 4
                length = 3 + (4 + (value - 261) % 4) << extra + (try take(extra))
            }
            let code = try symbol(distances)
            guard code < 30 else { throw Failure.invalidDistance }
            let distance: Int
            if code < 4 {
                distance = code + 1
            } else {
                let extra = code / 2 - 1
                distance = 1 + (2 + code % 2) << extra + (try take(extra))
            }
            guard distance <= output.count else { throw Failure.invalidDistance }
            for _ in 0..<length { output.append(output[output.count - distance]) }
        }
    }
}

/// A canonical prefix code (section 3.2.2): how many codes each length has, and the symbols in the
/// order of their codes.
private struct HuffmanCode {
    var counts = [Int](repeating: 0, count: 16)
    var symbols: [Int] = []

    init(_ lengths: [Int]) {
        for length in 1...15 {
            for (symbol, own) in lengths.enumerated() where own == length {
                counts[length] += 1
                symbols.append(symbol)
            }
        }
    }

    /// Section 3.2.6.
    static let fixedLiterals = HuffmanCode(
        (0..<288).map { $0 < 144 ? 8 : $0 < 256 ? 9 : $0 < 280 ? 7 : 8 })
    static let fixedDistances = HuffmanCode([Int](repeating: 5, count: 30))
}
