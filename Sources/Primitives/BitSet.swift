/// A set of validator indices, one bit each, in ascending order. Grows to the highest member.
package struct BitSet: Hashable, Sendable {
    private var words: [UInt64] = []

    package init() {}

    package func contains(_ index: ValidatorIndex) -> Bool {
        let word = Int(index.rawValue >> 6)
        return word < words.count && words[word] >> UInt64(index.rawValue & 63) & 1 == 1
    }

    /// Adds `index`; true when it was not a member before.
    @discardableResult
    package mutating func insert(_ index: ValidatorIndex) -> Bool {
        let word = Int(index.rawValue >> 6)
        while words.count <= word { words.append(0) }
        let bit = UInt64(1) << UInt64(index.rawValue & 63)
        if words[word] & bit != 0 { return false }
        words[word] |= bit
        return true
    }

    package var count: Int { words.reduce(0) { $0 + $1.nonzeroBitCount } }
    package var isEmpty: Bool { words.allSatisfy { $0 == 0 } }

    /// Members in ascending order.
    package var members: [ValidatorIndex] {
        var result: [ValidatorIndex] = []
        for (position, word) in words.enumerated() {
            var rest = word
            while rest != 0 {
                let bit = rest.trailingZeroBitCount
                result.append(ValidatorIndex(UInt16(position * 64 + bit)))
                rest &= rest - 1
            }
        }
        return result
    }
}
