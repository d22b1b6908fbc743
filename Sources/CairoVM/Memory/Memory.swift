/// Why memory refused something.
package enum MemoryError: Error, Hashable, Sendable {
    /// A cell was set to another value before.
    case inconsistent(Relocatable, old: Cell, new: Cell)
    case unknownSegment(Relocatable)
    case unknownCell(Relocatable)
    case expectedInteger(Relocatable)
    case expectedAddress(Relocatable)
    /// An integer is outside what the reader can use.
    case integerOutOfRange(Relocatable, Cell)
    /// A write behind the program, or more cells than a run may have.
    case outsideProgram(Relocatable)
    case limitExceeded(cells: Int)
    case segmentLimitExceeded(segments: Int)
    case offsetOutOfRange(Relocatable)
    case rangeCheck(Relocatable, Cell, bits: Int)
    case notAnInteger(Builtin, Relocatable)
    case signatureMissing(Relocatable)
    case signatureInvalid(Relocatable)
    case notTemporary(Relocatable)
    case duplicateRelocation(segment: Int)
    case unmappedTemporary(segment: Int)
}

/// Bounds of one run's memory.
package struct MemoryLimits: Hashable, Sendable {
    /// Cells that all segments together may have room for; a cell takes 32 bytes.
    package var cells: Int
    package var segments: Int

    package init(cells: Int = 1 << 25, segments: Int = 1 << 20) {
        self.cells = cells
        self.segments = segments
    }
}

/// The write-once memory of a Cairo machine, in segments that grow as they are written.
///
/// Segment 0 is the program's and shared with every other run of it: nothing writes to it. The
/// segments of builtins have a rule that each value must keep. Temporary segments have negative
/// numbers and are moved into others when the run ends.
///
/// I1: a cell that has a value keeps it.
/// I2: every value in a builtin's segment has been checked against its rule.
/// I3: cells below a segment's `count` are initialised, empty or not; those from there on are not.
package struct Memory: ~Copyable {
    struct Segment {
        var cells: UnsafeMutablePointer<Cell>
        /// Where access counts: one byte a cell, 1 when a step has touched it.
        var accessed: UnsafeMutablePointer<UInt8>?
        /// Cells that may be written without asking for more. It follows from what was written
        /// before and the limits alone, so that a run ends at the same cell on every machine.
        var capacity: Int
        /// Cells that there are; a pool may give more than it was asked for.
        var room = 0
        /// One more than the last offset with a value.
        var count: Int
        var rule: Builtin?
    }

    /// Every 32 bytes of a run beyond the program's.
    private(set) var segments: UnsafeMutablePointer<Segment>
    package private(set) var segmentCount = 1
    private var segmentCapacity = 16
    private var temporary: [Segment] = []
    private var relocationRules: [Int: Relocatable] = [:]
    package let limits: MemoryLimits
    private let pool: CellPool?
    private var cellRoom = 0
    package let tracksAccess: Bool
    /// The signatures that the program has named for cells of its ECDSA segment, by offset.
    package var signatures: [Int: (r: Cell, s: Cell)] = [:]
    /// Output cells of builtins that the program has set by itself.
    private(set) var unverified: [Relocatable] = []

    /// The outputs of the builtin instance that was computed last: the others are mostly asked for
    /// next.
    var lastInstance: (start: Relocatable, values: [Cell])?

    /// - Parameter code: stays alive as long as this memory.
    init(code: Code, limits: MemoryLimits, tracksAccess: Bool, pool: CellPool?) {
        self.pool = pool
        self.limits = limits
        self.tracksAccess = tracksAccess
        segments = .allocate(capacity: segmentCapacity)
        segments.initialize(
            to: Segment(
                cells: UnsafeMutablePointer(mutating: code.cells), accessed: nil,
                capacity: code.cellCount, count: code.cellCount, rule: nil))
    }

    deinit {
        for index in 1..<max(segmentCount, 1) { release(segments[index]) }
        segments.deallocate()
        for segment in temporary { release(segment) }
    }

    private func release(_ segment: Segment) {
        if segment.room > 0 { release(segment.cells, segment.room) }
        segment.accessed?.deallocate()
    }

    private func release(_ cells: UnsafeMutablePointer<Cell>, _ capacity: Int) {
        if let pool { pool.give(cells, capacity) } else { cells.deallocate() }
    }

    // MARK: Segments

    /// Without room; the pointer is never followed.
    private static var emptySegment: Segment {
        Segment(
            cells: UnsafeMutablePointer(bitPattern: MemoryLayout<Cell>.alignment)!, accessed: nil,
            capacity: 0, count: 0, rule: nil)
    }

    package mutating func addSegment(
        rule: Builtin? = nil
    ) throws(MemoryError) -> Relocatable {
        guard segmentCount + temporary.count < limits.segments else {
            throw .segmentLimitExceeded(segments: limits.segments)
        }
        if segmentCount == segmentCapacity {
            let larger = UnsafeMutablePointer<Segment>.allocate(capacity: 2 * segmentCapacity)
            larger.moveInitialize(from: segments, count: segmentCount)
            segments.deallocate()
            segments = larger
            segmentCapacity *= 2
        }
        var segment = Memory.emptySegment
        segment.rule = rule
        (segments + segmentCount).initialize(to: segment)
        segmentCount += 1
        return Relocatable(segment: segmentCount - 1, offset: 0)
    }

    package mutating func addTemporarySegment() throws(MemoryError) -> Relocatable {
        guard segmentCount + temporary.count < limits.segments else {
            throw .segmentLimitExceeded(segments: limits.segments)
        }
        temporary.append(Memory.emptySegment)
        return Relocatable(segment: -temporary.count, offset: 0)
    }

    /// One more than the last offset with a value; zero for a segment that isn't.
    package func count(of segment: Int) -> Int {
        if segment >= 0 { return segment < segmentCount ? segments[segment].count : 0 }
        return -segment <= temporary.count ? temporary[-segment - 1].count : 0
    }

    package func rule(of segment: Int) -> Builtin? {
        segment >= 0 && segment < segmentCount ? segments[segment].rule : nil
    }

    /// Makes room for an offset. Room at least doubles.
    mutating func reserve(_ segment: Int, offset: Int) throws(MemoryError) {
        if segment >= 0 {
            segments[segment] = try grown(segments[segment], to: offset)
        } else {
            temporary[-segment - 1] = try grown(temporary[-segment - 1], to: offset)
        }
    }

    private mutating func grown(
        _ small: Segment, to offset: Int
    ) throws(MemoryError) -> Segment {
        var segment = small
        if offset < segment.capacity { return segment }
        let free = limits.cells - cellRoom + segment.capacity
        guard offset < free else { throw .limitExceeded(cells: limits.cells) }
        let wanted = min(max(offset + 1, 2 * segment.capacity, 16), free)
        if wanted > segment.room { move(&segment, to: wanted) }
        cellRoom += wanted - segment.capacity
        segment.capacity = wanted
        return segment
    }

    /// Gives a segment room for at least so many cells.
    private func move(_ segment: inout Segment, to wanted: Int) {
        let cells: UnsafeMutablePointer<Cell>
        let room: Int
        if let pool {
            (cells, room) = pool.take(wanted)
        } else {
            (cells, room) = (.allocate(capacity: wanted), wanted)
        }
        if segment.room > 0 {
            cells.moveInitialize(from: segment.cells, count: segment.count)
            release(segment.cells, segment.room)
        }
        if tracksAccess {
            let accessed = UnsafeMutablePointer<UInt8>.allocate(capacity: room)
            let kept = segment.room
            if let old = segment.accessed {
                accessed.moveInitialize(from: old, count: kept)
                old.deallocate()
            }
            (accessed + kept).initialize(repeating: 0, count: room - kept)
            segment.accessed = accessed
        }
        segment.cells = cells
        segment.room = room
    }

    // MARK: Cells

    /// The cell as it is; empty where nothing was written.
    @inline(__always)
    package func peek(_ address: Relocatable) -> Cell {
        if address.segment >= 0 {
            guard address.segment < segmentCount else { return .empty }
            let segment = segments + address.segment
            guard UInt(bitPattern: address.offset) < UInt(bitPattern: segment.pointee.count)
            else { return .empty }
            return segment.pointee.cells[address.offset]
        }
        guard -address.segment <= temporary.count else { return .empty }
        let segment = temporary[-address.segment - 1]
        guard UInt(bitPattern: address.offset) < UInt(bitPattern: segment.count) else {
            return .empty
        }
        return segment.cells[address.offset]
    }

    /// The cell's value, with an address in a temporary segment seen where it will be.
    package func get(_ address: Relocatable) -> Cell {
        let cell = peek(address)
        if cell.isAddress, cell.uncheckedAddress.segment < 0 { return relocated(cell) }
        return cell
    }

    package func value(_ address: Relocatable) throws(MemoryError) -> Cell {
        let cell = get(address)
        guard cell.isPresent else { throw .unknownCell(address) }
        return cell
    }

    package func integer(_ address: Relocatable) throws(MemoryError) -> Cell {
        let cell = try value(address)
        guard cell.isFelt else { throw .expectedInteger(address) }
        return cell
    }

    package func address(at address: Relocatable) throws(MemoryError) -> Relocatable {
        guard let pointer = try value(address).address else { throw .expectedAddress(address) }
        return pointer
    }

    package func uint64(_ address: Relocatable) throws(MemoryError) -> UInt64 {
        let cell = try integer(address)
        guard let value = cell.asUInt64 else { throw .integerOutOfRange(address, cell) }
        return value
    }

    package func uint128(_ address: Relocatable) throws(MemoryError) -> UInt128 {
        let cell = try integer(address)
        guard let value = cell.asUInt128 else { throw .integerOutOfRange(address, cell) }
        return value
    }

    /// Writes a value where there is none, or checks that it is the one that is there.
    package mutating func insert(_ address: Relocatable, _ value: Cell) throws(MemoryError) {
        if address.segment == 0 {
            guard address.offset < segments[0].count, address.offset >= 0 else {
                throw .outsideProgram(address)
            }
        } else {
            guard address.segment < segmentCount, -address.segment <= temporary.count else {
                throw .unknownSegment(address)
            }
            guard address.offset >= 0 else { throw .offsetOutOfRange(address) }
        }
        let old = peek(address)
        if old.isPresent {
            guard old == value || relocated(old) == relocated(value) else {
                throw .inconsistent(address, old: old, new: value)
            }
            return
        }
        if let rule = rule(of: address.segment) {
            try reserve(address.segment, offset: address.offset)
            write(address, value)
            try check(address, value, rule)
        } else {
            try reserve(address.segment, offset: address.offset)
            write(address, value)
        }
    }

    /// Writes a value that a builtin gives to its own cell, which is empty.
    mutating func insertDeduced(_ address: Relocatable, _ value: Cell) throws(MemoryError) {
        try reserve(address.segment, offset: address.offset)
        write(address, value)
    }

    mutating func noteUnverified(_ address: Relocatable) { unverified.append(address) }

    private mutating func write(_ address: Relocatable, _ value: Cell) {
        if address.segment >= 0 {
            Memory.put(value, address.offset, &segments[address.segment])
        } else {
            Memory.put(value, address.offset, &temporary[-address.segment - 1])
        }
    }

    private static func put(_ value: Cell, _ offset: Int, _ segment: inout Segment) {
        if offset >= segment.count {
            (segment.cells + segment.count).initialize(
                repeating: .empty, count: offset - segment.count)
            segment.count = offset + 1
        }
        segment.cells[offset] = value
    }

    /// Writes values one behind the other; returns the address behind the last.
    @discardableResult
    package mutating func load(
        _ values: some Sequence<Cell>, at start: Relocatable
    ) throws(MemoryError) -> Relocatable {
        var address = start
        for value in values {
            try insert(address, value)
            address.offset += 1
        }
        return address
    }

    /// The kernel's own note of what it wrote to a segment.
    @inline(__always)
    mutating func setCount(_ segment: Int, _ count: Int) { segments[segment].count = count }

    // MARK: Access

    /// Notes that a step touched a cell. Cells of the program are not noted: all of them count as
    /// touched.
    mutating func markAccessed(_ address: Relocatable) {
        guard tracksAccess else { return }
        if address.segment > 0 {
            guard address.segment < segmentCount else { return }
            let segment = segments + address.segment
            guard UInt(bitPattern: address.offset) < UInt(bitPattern: segment.pointee.capacity)
            else { return }
            segment.pointee.accessed?[address.offset] = 1
        } else if address.segment < 0, -address.segment <= temporary.count {
            let segment = temporary[-address.segment - 1]
            guard UInt(bitPattern: address.offset) < UInt(bitPattern: segment.capacity) else {
                return
            }
            segment.accessed?[address.offset] = 1
        }
    }

    package mutating func markAccessed(_ start: Relocatable, count: Int) {
        for index in 0..<max(0, count) { markAccessed(start + index) }
    }

    /// How many cells of the segment have been touched.
    func accessedCount(of segment: Int) -> Int {
        guard segment > 0, segment < segmentCount, let accessed = segments[segment].accessed else {
            return 0
        }
        var sum = 0
        for index in 0..<segments[segment].capacity { sum += Int(accessed[index]) }
        return sum
    }

    // MARK: Temporary segments

    /// Names where a temporary segment goes when the run ends.
    package mutating func addRelocationRule(
        _ source: Relocatable, to target: Relocatable
    ) throws(MemoryError) {
        guard source.segment < 0, source.offset == 0 else { throw .notTemporary(source) }
        guard relocationRules[source.segment] == nil else {
            throw .duplicateRelocation(segment: source.segment)
        }
        relocationRules[source.segment] = target
    }

    /// The value as it will be when temporary segments have moved; itself where no rule says.
    private func relocated(_ cell: Cell) -> Cell {
        guard cell.isAddress else { return cell }
        let address = cell.uncheckedAddress
        guard address.segment < 0, let target = relocationRules[address.segment],
            let moved = target.advanced(by: address.offset)
        else { return cell }
        return Cell(moved)
    }

    /// Moves the temporary segments that have a rule into their places.
    mutating func relocateTemporary() throws(MemoryError) {
        if relocationRules.isEmpty || temporary.isEmpty { return }
        for segment in relocationRules.keys.sorted() {
            var target = relocationRules[segment]!
            var hops = 0
            while target.segment < 0 {
                guard let next = relocationRules[target.segment], hops <= relocationRules.count,
                    let moved = next.advanced(by: target.offset)
                else { throw .unmappedTemporary(segment: target.segment) }
                target = moved
                hops += 1
            }
            relocationRules[segment] = target
        }
        for segment in 1..<segmentCount {
            for offset in 0..<segments[segment].count {
                segments[segment].cells[offset] = relocated(segments[segment].cells[offset])
            }
        }
        for index in temporary.indices {
            guard let target = relocationRules[-index - 1] else { continue }
            let source = temporary[index]
            for offset in 0..<source.count where source.cells[offset].isPresent {
                guard let place = target.advanced(by: offset) else {
                    throw .offsetOutOfRange(target)
                }
                try insert(place, relocated(source.cells[offset]))
                if let accessed = source.accessed, accessed[offset] == 1 { markAccessed(place) }
            }
            temporary[index].count = 0
        }
        relocationRules = [:]
    }

    /// Whether a value still points into a temporary segment.
    func hasTemporaryAddresses() -> Bool {
        if temporary.isEmpty { return false }
        for segment in 1..<segmentCount {
            for offset in 0..<segments[segment].count {
                let cell = segments[segment].cells[offset]
                if cell.isAddress, cell.uncheckedAddress.segment < 0 { return true }
            }
        }
        return false
    }
}
