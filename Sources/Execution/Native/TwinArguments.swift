import StarkField

/// Reads Cairo's serialization of arguments. Whatever is not as it should be is the class's to
/// refuse.
struct TwinArguments {
    private let felts: [Felt]
    private(set) var position = 0

    init(_ felts: [Felt]) { self.felts = felts }

    mutating func felt() throws(TwinFailure) -> Felt {
        guard position < felts.count else { throw .unsure }
        position += 1
        return felts[position - 1]
    }

    /// Contract addresses and class hashes are below 2^251.
    mutating func address() throws(TwinFailure) -> Felt {
        let felt = try felt()
        guard felt.bigEndianWords.0 < 1 << 59 else { throw .unsure }
        return felt
    }

    mutating func flag() throws(TwinFailure) -> Bool {
        switch try felt() {
        case .zero: return false
        case .one: return true
        default: throw .unsure
        }
    }

    mutating func u256() throws(TwinFailure) -> U256 {
        guard let low = try felt().asUInt128, let high = try felt().asUInt128 else {
            throw .unsure
        }
        return U256(low: low, high: high)
    }

    /// A length and so many felts.
    mutating func span() throws(TwinFailure) -> ArraySlice<Felt> {
        let count = try count(atMost: felts.count - position - 1)
        let span = felts[position..<position + count]
        position += count
        return span
    }

    mutating func count(atMost limit: Int) throws(TwinFailure) -> Int {
        guard let count = try felt().asUInt64, count <= UInt64(max(0, limit)) else {
            throw .unsure
        }
        return Int(count)
    }

    /// Nothing may be left over.
    func finish() throws(TwinFailure) {
        guard position == felts.count else { throw .unsure }
    }

    var rest: Int { felts.count - position }
}
