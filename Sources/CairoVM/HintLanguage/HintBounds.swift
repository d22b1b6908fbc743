/// What bounds the time and the room that hints take: everything is paid from `work`.
extension HintInterpreter {
    /// What a held element costs: a value with its box takes some 64 bytes.
    private static let elementWork = 8
    /// Tuples and lists inside each other that a comparison or a key goes through.
    static let maximumNesting = 16

    mutating func spend(_ amount: Int) throws(HintError) {
        guard amount <= work else {
            work = 0
            throw .workLimitExceeded
        }
        work -= amount
    }

    /// Pays for elements that a value is about to hold. They are never given back, so that what a
    /// run's hints hold together is bounded as well.
    mutating func hold(_ count: Int) throws(HintError) {
        guard count <= work else {
            work = 0
            throw .workLimitExceeded
        }
        try spend(Self.elementWork * count)
    }

    /// The elements of a sequence, as another value will hold them.
    mutating func copied(_ value: HintValue) throws(HintError) -> [HintValue] {
        let count =
            switch value {
            case .list(let list): list.elements.count
            case .tuple(let elements): elements.count
            case .dictionary(let dictionary): dictionary.count
            case .bytes(let bytes): bytes.count
            default: 0
            }
        try hold(count)
        return try elements(value)
    }

    /// Pays for a look at everything inside a value: a small text can make one that is large, or
    /// holds itself.
    mutating func visit(
        _ value: HintValue, throughLists: Bool = true, depth: Int = 0
    ) throws(HintError) {
        try spend(1)
        guard depth < Self.maximumNesting else { throw .workLimitExceeded }
        switch value {
        case .tuple(let elements):
            for element in elements {
                try visit(element, throughLists: throughLists, depth: depth + 1)
            }
        case .list(let list) where throughLists:
            for element in list.elements { try visit(element, depth: depth + 1) }
        default: break
        }
    }

    mutating func tuple(_ elements: [HintValue]) throws(HintError) -> HintValue {
        let value = HintValue.tuple(elements)
        try visit(value, throughLists: false)
        return value
    }

    mutating func key(of value: HintValue) throws(HintError) -> HintKey {
        try visit(value, throughLists: false)
        guard let key = value.key else { throw .typeMismatch }
        return key
    }

    // MARK: Numbers

    private static func words(_ value: Integer) -> Int { value.magnitude.bitWidth / 64 + 1 }

    /// Pays for an operation with large numbers, and for the room of its result.
    mutating func spend(
        on operation: Expression.BinaryOperator, _ a: Integer, _ b: Integer
    ) throws(HintError) {
        guard a.magnitude.bitWidth <= Self.maximumBits, b.magnitude.bitWidth <= Self.maximumBits
        else { throw .numberTooLarge }
        let (left, right) = (Self.words(a), Self.words(b))
        if left + right <= 16 { return }
        switch operation {
        case .multiply, .divide, .modulo: try spend(left * right / 4)
        case .power, .shiftLeft, .shiftRight: try spend(Self.maximumBits / 8)
        case .add, .subtract, .and, .or, .xor: break
        }
        try spend(Self.elementWork * (left + right) / 8)
    }

    /// Pays for a function of the library that takes longer than an expression.
    mutating func spend(
        on function: NativeFunction, _ arguments: [HintValue], _ named: [String: HintValue]
    ) throws(HintError) {
        switch function {
        case .pow, .divMod, .isQuadraticResidue, .sqrt, .lineSlope, .doubleSlope, .recoverY,
            .isqrt, .safeDiv:
            // Some thousand products of the modulus's width, where they go through its bits.
            var bits = 256
            for case .integer(let value) in arguments {
                bits = max(bits, value.magnitude.bitWidth)
            }
            for case .integer(let value) in named.values {
                bits = max(bits, value.magnitude.bitWidth)
            }
            guard bits <= 2 * Self.maximumBits else { throw .numberTooLarge }
            let words = bits / 64 + 1
            try spend(min(bits, 1 << 10) * words * words / 16)
        case .pedersenHash: try spend(64)
        case .keccak:
            if case .bytes(let bytes)? = arguments.first { try spend(16 + bytes.count / 4) }
        case .keccakFunction, .messageSchedule, .sha2Compress, .blakeCompress, .blakeOfMemory:
            try spend(32)
        default: break
        }
    }
}

extension HintValue {
    /// Lets go of values one after the other: each would let go of what it holds inside its own
    /// release, and a long chain would take the stack.
    static func dismantle(_ values: inout [HintValue]) {
        guard values.contains(where: { $0.holds }) else { return }
        var left = values
        values = []
        while !left.isEmpty {
            var content = content(of: left.removeLast(), &left)
            if isKnownUniquelyReferenced(&content.list), let list = content.list {
                left += list.elements
                list.elements = []
            }
            if isKnownUniquelyReferenced(&content.tracker) {
                content.dictionary = content.tracker?.data
                content.tracker = nil
            }
            if isKnownUniquelyReferenced(&content.dictionary), let inner = content.dictionary {
                left += inner.takeValues()
            }
        }
    }

    private struct Content {
        var list: HintList?
        var dictionary: HintDictionary?
        var tracker: DictionaryTracker?
    }

    /// What the value refers to; a tuple's elements go to the rest at once.
    private static func content(of value: HintValue, _ left: inout [HintValue]) -> Content {
        switch value {
        case .tuple(let elements): left += elements
        case .list(let list), .method(.list(let list), _): return Content(list: list)
        case .dictionary(let dictionary), .method(.dictionary(let dictionary), _):
            return Content(dictionary: dictionary)
        case .object(.tracker(let tracker)): return Content(tracker: tracker)
        default: break
        }
        return Content()
    }

    private var holds: Bool {
        switch self {
        case .tuple, .list, .dictionary, .method, .object: true
        default: false
        }
    }
}
