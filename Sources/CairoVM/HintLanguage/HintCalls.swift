import StarkCurve
import StarkField
import StarkHash

/// What hints call: methods of what the machine lends them, and functions of the library.
extension HintInterpreter {
    mutating func make(_ type: HintValue.TypeName, _ arguments: [HintValue]) throws(HintError)
        -> HintValue
    {
        switch type {
        case .int:
            guard arguments.count == 1 else { throw .typeMismatch }
            return .integer(try integer(arguments[0]))
        case .defaultDictionary: return .dictionary(HintDictionary(standard: .newList))
        case .bytearray: return .bytes([])
        case .relocatable: throw .typeMismatch
        }
    }

    // MARK: Methods

    mutating func call(
        _ object: HintObject, _ name: String, _ arguments: [HintValue],
        _ named: [String: HintValue], _ machine: inout VirtualMachine
    ) throws(HintError) -> HintValue {
        switch (object, name) {
        case (.segments, "add"): return .address(try machine.newSegment())
        case (.segments, "add_temp_segment"):
            do throws(MemoryError) {
                return .address(try machine.memory.addTemporarySegment())
            } catch { throw .memory(error) }
        case (.segments, "write_arg"):
            guard arguments.count == 2 else { throw .typeMismatch }
            return .address(try write(arguments[1], at: try address(arguments[0]), &machine))
        case (.segments, "gen_arg"):
            guard arguments.count == 1 else { throw .typeMismatch }
            return try stored(arguments[0], &machine)
        case (.memory, "get_range"):
            guard arguments.count == 2, let count = try integer(arguments[1]).asInt else {
                throw .typeMismatch
            }
            let start = try address(arguments[0])
            var values: [HintValue] = []
            for index in 0..<max(count, 0) {
                try hold(1)
                values.append(HintValue(try machine.read(try advanced(start, index))))
            }
            return .list(HintList(values))
        case (.memory, "add_relocation_rule"):
            guard let source = named["src_ptr"] ?? arguments.first,
                let target = named["dest_ptr"] ?? arguments.last
            else { throw .typeMismatch }
            let (from, to) = (try address(source), try address(target))
            do throws(MemoryError) {
                try machine.memory.addRelocationRule(from, to: to)
            } catch { throw .memory(error) }
            return .none
        case (.ecdsaBuiltin, "add_signature"):
            guard arguments.count == 2, case .tuple(let parts) = arguments[1], parts.count == 2
            else { throw .typeMismatch }
            let place = try address(arguments[0])
            if machine.memory.signatures[place.offset] == nil {
                machine.memory.signatures[place.offset] = (try cell(parts[0]), try cell(parts[1]))
            }
            return .none
        case (.outputBuiltin, "get_state"), (.outputBuiltin, "new_state"),
            (.outputBuiltin, "set_state"), (.outputBuiltin, "add_page"),
            (.outputBuiltin, "add_attribute"):
            // Pages and facts of the output are for who publishes it; memory knows nothing of them.
            return .none
        case (.dictionaryManager, _): return try callManager(name, arguments, &machine)
        case (.globals, "get"):
            guard arguments.count >= 1, case .text(let variable) = arguments[0] else {
                throw .typeMismatch
            }
            return scopes[scopes.count - 1][variable] ?? .none
        case (.list(let list), _): return try call(list, name, arguments)
        case (.dictionary(let dictionary), _): return try call(dictionary, name, arguments)
        case (.integer(let value), "bit_length"):
            return .integer(Integer(value.magnitude.bitWidth))
        case (.integer(let value), "to_bytes"):
            return .bytes(try bytes(of: value, arguments, named))
        case (.integerType, "from_bytes"):
            guard let first = arguments.first, case .bytes(let bytes) = first else {
                throw .typeMismatch
            }
            return .integer(Integer(Natural(bigEndianBytes: bytes)))
        case (.bytes(let separator), "join"):
            guard arguments.count == 1 else { throw .typeMismatch }
            var joined: [UInt8] = []
            for (index, part) in try copied(arguments[0]).enumerated() {
                guard case .bytes(let bytes) = part else { throw .typeMismatch }
                try hold((separator.count + bytes.count) / 8)
                if index > 0 { joined += separator }
                joined += bytes
            }
            return .bytes(joined)
        default: throw .unknownName(name)
        }
    }

    private mutating func call(
        _ list: HintList, _ name: String, _ arguments: [HintValue]
    ) throws(HintError) -> HintValue {
        switch name {
        case "append":
            guard arguments.count == 1 else { throw .typeMismatch }
            try hold(1)
            list.elements.append(arguments[0])
            return .none
        case "pop":
            guard let last = list.elements.popLast() else { throw .noAccessIndex }
            return last
        case "sort":
            list.elements = try sorted(list.elements)
            return .none
        default: throw .unknownName(name)
        }
    }

    private mutating func call(
        _ dictionary: HintDictionary, _ name: String, _ arguments: [HintValue]
    ) throws(HintError) -> HintValue {
        switch name {
        case "keys":
            try hold(dictionary.count)
            return .list(HintList(dictionary.keys.map { HintValue($0) }))
        case "items":
            try hold(3 * dictionary.count)
            return .list(
                HintList(
                    dictionary.keys.map {
                        .tuple([HintValue($0), dictionary.existing($0) ?? .none])
                    }))
        case "get":
            let key = try key(of: try first(arguments))
            return dictionary.existing(key) ?? (arguments.count > 1 ? arguments[1] : .none)
        case "setdefault":
            guard arguments.count == 2 else { throw .typeMismatch }
            let key = try key(of: arguments[0])
            try hold(2)
            if let value = dictionary.existing(key) { return value }
            dictionary.set(key, arguments[1])
            return arguments[1]
        default: throw .unknownName(name)
        }
    }

    private mutating func sorted(_ values: [HintValue]) throws(HintError) -> [HintValue] {
        for value in values { try visit(value) }
        try hold(values.count)
        try spend(values.count * (Int.bitWidth - values.count.leadingZeroBitCount))
        var failure: HintError?
        let result = values.sorted { left, right in
            do throws(HintError) {
                return try order(left, right) < 0
            } catch {
                failure = error
                return false
            }
        }
        if let failure { throw failure }
        return result
    }

    /// Writes values one behind the other, lists inside them into segments of their own.
    private mutating func write(
        _ value: HintValue, at start: Relocatable, _ machine: inout VirtualMachine
    ) throws(HintError) -> Relocatable {
        var place = start
        for element in try copied(value) {
            let stored = try stored(element, &machine)
            try machine.write(place, try cell(stored))
            place = try advanced(place, 1)
        }
        return place
    }

    private mutating func stored(
        _ value: HintValue, _ machine: inout VirtualMachine
    ) throws(HintError) -> HintValue {
        switch value {
        case .list, .tuple:
            let segment = try machine.newSegment()
            _ = try write(value, at: segment, &machine)
            return .address(segment)
        default: return value
        }
    }

    // MARK: Dictionaries of the program

    private mutating func callManager(
        _ name: String, _ arguments: [HintValue], _ machine: inout VirtualMachine
    ) throws(HintError) -> HintValue {
        switch name {
        case "new_default_dict":
            guard arguments.count == 2 else { throw .typeMismatch }
            return try newDictionary(HintDictionary(standard: .value(arguments[1])), &machine)
        case "new_dict":
            guard arguments.count == 2, case .dictionary(let initial) = arguments[1] else {
                throw .typeMismatch
            }
            try hold(2 * initial.count)
            return try newDictionary(HintDictionary(copying: initial), &machine)
        case "get_tracker": return .object(.tracker(try tracker(arguments)))
        case "get_dict": return .dictionary(try tracker(arguments).data)
        default: throw .unknownName(name)
        }
    }

    private mutating func newDictionary(
        _ data: HintDictionary, _ machine: inout VirtualMachine
    ) throws(HintError) -> HintValue {
        let segment = try machine.newSegment()
        trackers[segment.segment] = DictionaryTracker(data, end: segment)
        return .address(segment)
    }

    private func tracker(_ arguments: [HintValue]) throws(HintError) -> DictionaryTracker {
        guard arguments.count == 1 else { throw .typeMismatch }
        let pointer = try address(arguments[0])
        guard let tracker = trackers[pointer.segment], tracker.end == pointer else {
            throw .noDictionary(pointer)
        }
        return tracker
    }

    // MARK: Functions

    mutating func call(
        _ function: NativeFunction, _ arguments: [HintValue], _ named: [String: HintValue],
        _ machine: inout VirtualMachine
    ) throws(HintError) -> HintValue {
        try spend(on: function, arguments, named)
        switch function {
        case .len: return .integer(Integer(try elements(try one(arguments)).count))
        case .int: return .integer(try integer(try one(arguments)))
        case .abs: return .integer(Integer(try integer(try one(arguments)).magnitude))
        case .isinstance: return .boolean(try isInstance(arguments))
        case .range: return try range(arguments)
        case .enumerate:
            let values = try copied(try one(arguments))
            try hold(2 * values.count)
            return .list(
                HintList(
                    values.enumerated().map { .tuple([.integer(Integer($0.offset)), $0.element]) }))
        case .sum:
            var total = Integer.zero
            for value in try copied(try one(arguments)) { total = total + (try integer(value)) }
            return .integer(total)
        case .sorted:
            var values = try sorted(try copied(try first(arguments)))
            if named["reverse"]?.isTrue == true { values.reverse() }
            return .list(HintList(values))
        case .min, .max:
            let values = arguments.count == 1 ? try copied(arguments[0]) : arguments
            let ordered = try sorted(values)
            guard let least = ordered.first, let most = ordered.last else { throw .typeMismatch }
            return function == .min ? least : most
        case .divmod:
            guard arguments.count == 2 else { throw .typeMismatch }
            let (a, b) = (try integer(arguments[0]), try integer(arguments[1]))
            guard !b.isZero else { throw .divisionByZero }
            try spend(on: .divide, a, b)
            let (quotient, remainder) = a.dividedWithRemainder(by: b)
            return .tuple([.integer(quotient), .integer(remainder)])
        case .pow: return try power(arguments)
        case .tuple: return try tuple(arguments.isEmpty ? [] : try copied(arguments[0]))
        case .list: return .list(HintList(arguments.isEmpty ? [] : try copied(arguments[0])))
        case .dict: return try dictionary(arguments, named)
        case .hex: return .text("")
        case .print: return .none
        case .globals: return .object(.globals)
        case .map:
            guard arguments.count == 2, case .native(let mapped) = arguments[0] else {
                throw .typeMismatch
            }
            var results: [HintValue] = []
            for value in try copied(arguments[1]) {
                results.append(try call(mapped, [value], [:], &machine))
            }
            return .list(HintList(results))
        case .toFelt: return try one(arguments)
        case .enterScope:
            guard scopes.count < 1 << 12 else { throw .workLimitExceeded }
            var scope: [String: HintValue] = [:]
            if let first = arguments.first ?? named["new_scope_locals"] {
                guard case .dictionary(let variables) = first else { throw .typeMismatch }
                for case .text(let name) in variables.keys {
                    scope[name] = variables.existing(.text(name))
                }
            }
            scopes.append(scope)
            return .none
        case .exitScope:
            guard scopes.count > 1 else { throw .noScope }
            scopes.removeLast()
            return .none
        case .dictionaryManager: return .object(.dictionaryManager)
        case .blakeOfMemory: return try blakeOfMemory(named, &machine)
        case .pack: return .integer(try pack(try first(arguments), machine))
        default: return try callLibrary(function, arguments, named)
        }
    }

    func first(_ arguments: [HintValue]) throws(HintError) -> HintValue {
        guard let first = arguments.first else { throw .typeMismatch }
        return first
    }

    func one(_ arguments: [HintValue]) throws(HintError) -> HintValue {
        guard arguments.count == 1 else { throw .typeMismatch }
        return arguments[0]
    }

    private func isInstance(_ arguments: [HintValue]) throws(HintError) -> Bool {
        guard arguments.count == 2 else { throw .typeMismatch }
        switch (arguments[0], arguments[1]) {
        case (.integer, .type(.int)), (.boolean, .type(.int)): return true
        case (.address, .type(.relocatable)): return true
        case (_, .type): return false
        default: throw .typeMismatch
        }
    }

    private mutating func range(_ arguments: [HintValue]) throws(HintError) -> HintValue {
        var numbers: [Int] = []
        for argument in arguments {
            guard let number = try integer(argument).asInt, abs(number) < 1 << 40 else {
                throw .numberTooLarge
            }
            numbers.append(number)
        }
        let start = numbers.count > 1 ? numbers[0] : 0
        guard let end = numbers.count > 1 ? numbers[1] : numbers.first else { throw .typeMismatch }
        let step = numbers.count > 2 ? numbers[2] : 1
        guard step > 0 else { throw .typeMismatch }
        guard end > start else { return .list(HintList([])) }
        try hold((end - start) / step)
        return .list(
            HintList(stride(from: start, to: end, by: step).map { .integer(Integer($0)) }))
    }

    private func power(_ arguments: [HintValue]) throws(HintError) -> HintValue {
        guard arguments.count == 3 else { throw .typeMismatch }
        let base = try integer(arguments[0])
        let exponent = try integer(arguments[1])
        let modulus = try natural(arguments[2])
        guard modulus.bitWidth <= 1 << 10, exponent.magnitude.bitWidth <= 1 << 10,
            let result = base.power(exponent, modulo: modulus)
        else { throw .numberTooLarge }
        return .integer(Integer(result))
    }

    private mutating func dictionary(
        _ arguments: [HintValue], _ named: [String: HintValue]
    ) throws(HintError) -> HintValue {
        if let first = arguments.first {
            guard case .dictionary(let other) = first else { throw .typeMismatch }
            try hold(2 * other.count)
            return .dictionary(HintDictionary(copying: other))
        }
        let result = HintDictionary()
        for name in named.keys.sorted() { result.set(.text(name), named[name] ?? .none) }
        return .dictionary(result)
    }

    private func bytes(
        of value: Integer, _ arguments: [HintValue], _ named: [String: HintValue]
    ) throws(HintError) -> [UInt8] {
        let length = arguments.first ?? named["length"]
        guard let length, let count = try integer(length).asInt, count >= 0, count <= 1 << 10,
            !value.isNegative, value.magnitude.bitWidth <= 8 * count
        else { throw .typeMismatch }
        let bytes = value.magnitude.bigEndianBytes(count)
        let order = arguments.count > 1 ? arguments[1] : named["byteorder"]
        if case .text("little") = order { return bytes.reversed() }
        return bytes
    }
}
