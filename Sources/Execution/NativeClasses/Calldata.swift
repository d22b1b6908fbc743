import StarkField

/// Reads Cairo's serialization of arguments, in order. `argument` is the number that the
/// generated Cairo wrapper names when an argument is not readable; each reading function moves to
/// the next one. Hostile input gives a panic, never a trap.
struct CalldataReader {
    private let felts: ArraySlice<Felt>
    private var position: Int
    private(set) var argument = 1

    init(_ felts: ArraySlice<Felt>) {
        self.felts = felts
        position = felts.startIndex
    }

    /// 2^251: contract addresses are below it.
    private static func isContractAddress(_ felt: Felt) -> Bool {
        felt.bigEndianWords.0 < 1 << 59
    }

    private mutating func next() throws(NativeFailure) -> Felt {
        guard position < felts.endIndex else { throw .panic(Panic.undecodable(argument)) }
        let felt = felts[position]
        position += 1
        return felt
    }

    mutating func felt() throws(NativeFailure) -> Felt {
        let felt = try next()
        argument += 1
        return felt
    }

    mutating func contractAddress() throws(NativeFailure) -> ContractAddress {
        let felt = try next()
        guard CalldataReader.isContractAddress(felt) else {
            throw .panic(Panic.undecodable(argument))
        }
        argument += 1
        return felt
    }

    /// Class hashes have the range of contract addresses.
    mutating func classHash() throws(NativeFailure) -> ClassHash { try contractAddress() }

    mutating func bool() throws(NativeFailure) -> Bool {
        switch try next() {
        case .zero:
            argument += 1
            return false
        case .one:
            argument += 1
            return true
        default: throw .panic(Panic.undecodable(argument))
        }
    }

    mutating func uint8() throws(NativeFailure) -> UInt8 {
        guard let wide = try next().asUInt64, let value = UInt8(exactly: wide) else {
            throw .panic(Panic.undecodable(argument))
        }
        argument += 1
        return value
    }

    mutating func u256() throws(NativeFailure) -> U256 {
        guard let low = try next().asUInt128, let high = try next().asUInt128 else {
            throw .panic(Panic.undecodable(argument))
        }
        argument += 1
        return U256(low: low, high: high)
    }

    private mutating func unnumberedSpan() throws(NativeFailure) -> ArraySlice<Felt> {
        guard let wide = try next().asUInt64, let count = Int(exactly: wide),
            count <= felts.endIndex - position
        else { throw .panic(Panic.undecodable(argument)) }
        let span = felts[position..<position + count]
        position += count
        return span
    }

    /// `Span<felt252>` or `Array<felt252>`: the length, then the elements.
    mutating func span() throws(NativeFailure) -> ArraySlice<Felt> {
        let span = try unnumberedSpan()
        argument += 1
        return span
    }

    /// `Array<Call>`: the length, then of each call the contract, the selector and the calldata.
    mutating func calls() throws(NativeFailure) -> [AccountCall] {
        guard let wide = try next().asUInt64, let count = Int(exactly: wide),
            // A call takes three felts at least, so a length beyond this can't be honest.
            count <= (felts.endIndex - position) / 3
        else { throw .panic(Panic.undecodable(argument)) }
        var calls: [AccountCall] = []
        calls.reserveCapacity(count)
        for _ in 0..<count {
            let contract = try next()
            guard CalldataReader.isContractAddress(contract) else {
                throw .panic(Panic.undecodable(argument))
            }
            calls.append(
                AccountCall(
                    contract: contract, selector: try next(), calldata: try unnumberedSpan()))
        }
        argument += 1
        return calls
    }

    /// Nothing may be left over.
    func finish() throws(NativeFailure) {
        if position != felts.endIndex { throw .panic(Panic.inputTooLong) }
    }
}

/// One call of an account's transaction.
struct AccountCall {
    var contract: ContractAddress
    var selector: Selector
    var calldata: ArraySlice<Felt>
}
