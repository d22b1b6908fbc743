/// Open-addressing tables of 64-bit words, grown by doubling. Keys are not 0.

@inline(__always)
private func spread(_ key: UInt64) -> UInt64 {
    // The high half of a product by an odd constant, folded: neighbouring keys land far apart.
    let product = key.multipliedFullWidth(by: 0x9E37_79B9_7F4A_7C15)
    return product.high ^ product.low
}

/// A set of packed states.
struct StateSet: ~Copyable {
    private var words: UnsafeMutablePointer<UInt64>
    private(set) var capacity: Int
    private(set) var count = 0

    init(capacity: Int = 1 << 10) {
        self.capacity = capacity
        words = .allocate(capacity: capacity)
        words.initialize(repeating: 0, count: capacity)
    }

    deinit { words.deallocate() }

    var bytes: Int { capacity * MemoryLayout<UInt64>.size }

    /// The word at a place below `capacity`: a member, or 0.
    @inline(__always)
    subscript(place: Int) -> UInt64 {
        precondition(place >= 0 && place < capacity, "place \(place) of \(capacity)")
        return words[place]
    }

    @inline(__always)
    mutating func insert(_ key: UInt64) {
        if place(key) { count += 1 } else { return }
        if count * 5 > capacity * 3 { grow() }
    }

    /// True when the key is new. At least two fifths of the words are 0, so that probing ends; the
    /// place is below `capacity`, a power of two.
    @inline(__always)
    private func place(_ key: UInt64) -> Bool {
        let mask = UInt64(capacity - 1)
        var place = spread(key) & mask
        while true {
            let found = words[Int(place)]
            if found == key { return false }
            if found == 0 {
                words[Int(place)] = key
                return true
            }
            place = (place + 1) & mask
        }
    }

    private mutating func grow() {
        let old = words
        let oldCapacity = capacity
        capacity *= 2
        words = .allocate(capacity: capacity)
        words.initialize(repeating: 0, count: capacity)
        for index in 0..<oldCapacity where old[index] != 0 { _ = place(old[index]) }
        old.deallocate()
    }
}

/// A map from words to words.
struct StateMap: ~Copyable {
    private var words: UnsafeMutablePointer<(key: UInt64, value: UInt64)>
    private var capacity: Int
    private var count = 0

    init(capacity: Int = 1 << 10) {
        self.capacity = capacity
        words = .allocate(capacity: capacity)
        words.initialize(repeating: (0, 0), count: capacity)
    }

    deinit { words.deallocate() }

    var bytes: Int { capacity * 16 }

    @inline(__always)
    func value(of key: UInt64) -> UInt64? {
        let entry = words[place(key)]
        return entry.key == key ? entry.value : nil
    }

    mutating func set(_ key: UInt64, _ value: UInt64) {
        let index = place(key)
        if words[index].key != key { count += 1 }
        words[index] = (key, value)
        if count * 2 > capacity { grow() }
    }

    /// Where the key is or belongs. At least half of the words are free.
    @inline(__always)
    private func place(_ key: UInt64) -> Int {
        let mask = UInt64(capacity - 1)
        var place = spread(key) & mask
        while words[Int(place)].key != 0, words[Int(place)].key != key {
            place = (place + 1) & mask
        }
        return Int(place)
    }

    private mutating func grow() {
        let old = words
        let oldCapacity = capacity
        capacity *= 2
        words = .allocate(capacity: capacity)
        words.initialize(repeating: (0, 0), count: capacity)
        for index in 0..<oldCapacity where old[index].key != 0 {
            words[place(old[index].key)] = old[index]
        }
        old.deallocate()
    }
}
