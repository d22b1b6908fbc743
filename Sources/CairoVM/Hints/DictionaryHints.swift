import StarkField

extension VirtualMachine {
    /// The hints of Felt252 dictionaries and of their squashing.
    mutating func performOnDictionary(
        _ hint: CasmHint, _ state: inout HintState
    ) throws(HintError) {
        switch hint {
        case .allocateDictionary(let arena): try allocateDictionary(arena, &state)
        case .dictionaryEntryInit(let pointer, let key):
            let pointer = try buffer(pointer)
            let index = try state.dictionaryIndex(pointer)
            let value = state.dictionaries[index].entries[try number(key)] ?? .zero
            try write(pointer + 1, value)
        case .dictionaryEntryUpdate(let operand, let value):
            let pointer = try buffer(operand)
            guard let keyPlace = pointer.advanced(by: -3) else { throw .addressOutOfRange }
            let key = try integer(keyPlace)
            let value = try any(value)
            let index = try state.dictionaryIndex(pointer)
            state.dictionaries[index].entries[key] = value
        case .segmentArenaIndex(let end, let place):
            let index = try state.dictionaryIndex(try buffer(end))
            try write(place, Cell(UInt64(index)))
        case .dictionaryRead(let pointer, let key, let place):
            let index = try state.dictionaryIndex(try buffer(pointer))
            try write(place, state.dictionaries[index].entries[try number(key)] ?? .zero)
        case .dictionaryWrite(let pointer, let key, let value):
            let pointer = try buffer(pointer)
            let index = try state.dictionaryIndex(pointer)
            let key = try number(key)
            let value = try any(value)
            try write(pointer + 1, state.dictionaries[index].entries[key] ?? .zero)
            state.dictionaries[index].entries[key] = value
        default: try performOnSquash(hint, &state)
        }
    }

    private mutating func allocateDictionary(
        _ arena: HintOperand, _ state: inout HintState
    ) throws(HintError) {
        let pointer = try buffer(arena)
        guard let countPlace = pointer.advanced(by: -2),
            let infosPlace = pointer.advanced(by: -3)
        else { throw .addressOutOfRange }
        guard let count = try integer(countPlace).asUInt64, count < 1 << 32 else {
            throw .numberTooLarge
        }
        let infos = try address(infosPlace)
        let segment = try newSegment()
        state.dictionaryOfSegment[segment.segment] = state.dictionaries.count
        state.dictionaries.append(HintState.Dictionary())
        guard let place = infos.advanced(by: 3 * Int(count)) else { throw .addressOutOfRange }
        try write(place, Cell(segment))
    }

    private mutating func performOnSquash(
        _ hint: CasmHint, _ state: inout HintState
    ) throws(HintError) {
        switch hint {
        case .initializeSquash(let accesses, let count, let bigKeys, let firstKey):
            try initializeSquash(accesses, count, bigKeys, firstKey, &state)
        case .currentAccessIndex(let rangeCheck):
            guard let index = try state.currentAccesses().last else { throw .noAccessIndex }
            try write(try buffer(rangeCheck), Cell(UInt64(index)))
        case .shouldSkipSquashLoop(let place):
            try write(place, try state.currentAccesses().count <= 1)
        case .shouldContinueSquashLoop(let place):
            try write(place, try state.currentAccesses().count > 1)
        case .currentAccessDelta(let place):
            let previous = try state.popAccess()
            guard let current = try state.currentAccesses().last else { throw .noAccessIndex }
            // Indices of one key grow.
            try write(place, Cell(UInt64(current - previous - 1)))
        case .nextDictionaryKey(let place):
            guard try state.currentAccesses().count == 1 else { throw .accessesLeft }
            guard let key = state.squash?.keys.popLast() else { throw .noSquash }
            state.squash?.accesses[key] = nil
            guard let next = state.squash?.keys.last else { throw .noKeys }
            try write(place, next)
        case .assertNoAccessIndices:
            guard try state.currentAccesses().isEmpty else { throw .accessesLeft }
        case .assertAllAccessesUsed(let place):
            let used = try integer(try self.place(place))
            guard used == Cell(UInt64(try state.currentAccesses().count)) else {
                throw .accessesLeft
            }
        case .assertAllKeysUsed:
            guard let squash = state.squash else { throw .noSquash }
            guard squash.keys.isEmpty else { throw .accessesLeft }
        default: throw .unknown
        }
    }

    private mutating func initializeSquash(
        _ accesses: HintOperand, _ count: HintOperand, _ bigKeys: CellReference,
        _ firstKey: CellReference, _ state: inout HintState
    ) throws(HintError) {
        let start = try buffer(accesses)
        // A run that reads so many cells has written them.
        guard let count = try number(count).asUInt64, count < 1 << 32 else {
            throw .numberTooLarge
        }
        var squash = HintState.Squash()
        for index in 0..<Int(count) {
            guard let place = start.advanced(by: 3 * index) else { throw .addressOutOfRange }
            squash.accesses[try integer(place), default: []].append(index)
        }
        for key in squash.accesses.keys { squash.accesses[key]?.reverse() }
        squash.keys = squash.accesses.keys.sorted {
            CanonicalFelt.compare($0.words, $1.words) > 0
        }
        guard let largest = squash.keys.first, let smallest = squash.keys.last else {
            throw .noKeys
        }
        state.squash = squash
        try write(bigKeys, largest.asUInt128 == nil)
        try write(firstKey, smallest)
    }
}
