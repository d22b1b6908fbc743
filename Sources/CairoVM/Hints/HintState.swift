/// What hints remember during a run.
package struct HintState: Sendable {
    /// One dictionary of the program: what its entries are now, by key.
    struct Dictionary: Sendable {
        var entries: [Cell: Cell] = [:]
    }

    /// The squashing of a dictionary that is under way.
    struct Squash: Sendable {
        /// For each key the indices of its accesses, the latest first.
        var accesses: [Cell: [Int]] = [:]
        /// The largest first.
        var keys: [Cell] = []
    }

    var dictionaries: [Dictionary] = []
    /// Which dictionary a segment belongs to.
    var dictionaryOfSegment: [Int: Int] = [:]
    var squash: Squash?
    /// The longest of the three arcs of the last comparison.
    var excludedArc: Int?
    /// The next free place for values of a known size.
    var constants: Relocatable?

    package init() {}

    func dictionaryIndex(_ pointer: Relocatable) throws(HintError) -> Int {
        guard let index = dictionaryOfSegment[pointer.segment] else {
            throw .noDictionary(pointer)
        }
        return index
    }

    /// The indices of the key under way.
    func currentAccesses() throws(HintError) -> [Int] {
        guard let squash, let key = squash.keys.last, let indices = squash.accesses[key] else {
            throw .noSquash
        }
        return indices
    }

    mutating func popAccess() throws(HintError) -> Int {
        guard let key = squash?.keys.last, let index = squash?.accesses[key]?.popLast() else {
            throw .noAccessIndex
        }
        return index
    }
}
