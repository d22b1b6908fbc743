import StarkField

/// Runs the text of hints: a small, bounded interpreter for the language that they are written in.
///
/// A hint changes the machine's memory through the same checks as the program does, and can reach
/// nothing else. What it may do is bounded by `work`: each expression takes one, and what takes long
/// or much room takes more (HintBounds.swift).
struct HintInterpreter {
    /// Variables, the innermost scope last. `vm_enter_scope` adds one.
    var scopes: [[String: HintValue]] = [[:]]
    var trackers: [Int: DictionaryTracker] = [:]
    /// Expressions that may still be evaluated in this run.
    var work: Int
    /// Values of `program_input`.
    var input: HintDictionary?
    /// Where the machine's builtins are, by `Builtin`.
    var names: HintNames?
    /// Calls of functions inside each other.
    private var calls = 0
    private var locals: [[String: HintValue]] = []

    static let maximumBits = 1 << 14
    static let maximumCalls = 8

    init(work: Int) { self.work = work }

    // MARK: Statements

    private enum Flow {
        case next
        case breakOff
        case give(HintValue)
    }

    mutating func run(
        _ statements: [Statement], _ names: HintNames, _ machine: inout VirtualMachine
    ) throws(HintError) {
        self.names = names
        for statement in statements { _ = try execute(statement, &machine) }
    }

    private mutating func execute(
        _ body: [Statement], _ machine: inout VirtualMachine
    ) throws(HintError) -> Flow {
        for statement in body {
            switch try execute(statement, &machine) {
            case .next: continue
            case let flow: return flow
            }
        }
        return .next
    }

    private mutating func execute(
        _ statement: Statement, _ machine: inout VirtualMachine
    ) throws(HintError) -> Flow {
        try spend(1)
        switch statement {
        case .assign(let targets, let expression):
            let value = try evaluate(expression, &machine)
            for target in targets { try assign(target, value, &machine) }
        case .augmented(let target, let operation, let expression):
            let old = try evaluate(target, &machine)
            let value = try evaluate(expression, &machine)
            try assign(target, try binary(operation, old, value), &machine)
        case .expression(let expression): _ = try evaluate(expression, &machine)
        case .assert(let condition):
            guard try evaluate(condition, &machine).isTrue else { throw .assertionFailed }
        case .branch(let condition, let then, let otherwise):
            let isTrue = try evaluate(condition, &machine).isTrue
            return try execute(isTrue ? then : otherwise, &machine)
        case .loop(let target, let sequence, let body, let otherwise):
            for element in try copied(try evaluate(sequence, &machine)) {
                try assign(target, element, &machine)
                switch try execute(body, &machine) {
                case .next: continue
                case .breakOff: return .next
                case .give(let value): return .give(value)
                }
            }
            return try execute(otherwise, &machine)
        case .function(let name, let parameters, let body):
            set(name, .function(HintFunction(parameters, body)))
        case .give(let expression):
            guard let expression else { return .give(.none) }
            return .give(try evaluate(expression, &machine))
        case .raise: throw .raised
        case .delete(let name):
            guard scopes[scopes.count - 1].removeValue(forKey: name) != nil else {
                throw .unknownName(name)
            }
        case .importing(let imports): for one in imports { try take(one) }
        case .breakOff: return .breakOff
        case .pass: break
        }
        return .next
    }

    private mutating func take(_ one: Statement.Import) throws(HintError) {
        if one.name.isEmpty {
            set(one.alias, .object(.module))
        } else if let constant = HintConstants.value(one.module, one.name) {
            set(one.alias, constant)
        } else if one.name == "RelocatableValue" {
            set(one.alias, .type(.relocatable))
        } else if one.name == "defaultdict" {
            set(one.alias, .type(.defaultDictionary))
        } else if let native = NativeFunction(rawValue: one.name) {
            set(one.alias, .native(native))
        } else {
            throw .unknownName(one.module + "." + one.name)
        }
    }

    // MARK: Names

    private mutating func set(_ name: String, _ value: HintValue) {
        if locals.isEmpty {
            scopes[scopes.count - 1][name] = value
        } else {
            locals[locals.count - 1][name] = value
        }
    }

    /// A variable of the innermost scope.
    func variable(_ name: String) -> HintValue? {
        locals.last?[name] ?? scopes[scopes.count - 1][name]
    }

    private func lookUp(_ name: String, _ machine: borrowing VirtualMachine) throws(HintError)
        -> HintValue
    {
        if let value = variable(name) { return value }
        switch name {
        case "ids": return .object(.identifiers)
        case "memory": return .object(.memory)
        case "segments": return .object(.segments)
        case "ap": return .address(Relocatable(segment: 1, offset: machine.ap))
        case "fp": return .address(Relocatable(segment: 1, offset: machine.fp))
        case "pc": return .address(machine.pc)
        case "PRIME": return .integer(Integer(Natural.prime))
        case "range_check_builtin": return .object(.rangeCheckBuiltin)
        case "ecdsa_builtin": return .object(.ecdsaBuiltin)
        case "output_builtin": return .object(.outputBuiltin)
        case "syscall_handler": return .object(.systemCalls)
        case "int": return .type(.int)
        case "bytearray": return .type(.bytearray)
        case "program_input":
            if let input { return .dictionary(input) }
        default:
            if let native = NativeFunction(rawValue: name),
                NativeFunction.standard.contains(native)
            {
                return .native(native)
            }
            if name == "keccak_func" { return .native(.keccakFunction) }
        }
        throw .unknownName(name)
    }

    // MARK: Assignment

    private mutating func assign(
        _ target: Expression, _ value: HintValue, _ machine: inout VirtualMachine
    ) throws(HintError) {
        switch target {
        case .name(let name): set(name, value)
        case .tuple(let targets):
            let values = try elements(value)
            guard values.count == targets.count else { throw .typeMismatch }
            for (target, value) in zip(targets, values) { try assign(target, value, &machine) }
        case .attribute(let object, let name):
            try setAttribute(try evaluate(object, &machine), name, value, &machine)
        case .item(let object, let index):
            let index = try evaluate(index, &machine)
            switch try evaluate(object, &machine) {
            case .object(.memory):
                try machine.write(try address(index), try cell(value))
            case .dictionary(let dictionary):
                let key = try key(of: index)
                try hold(2)
                dictionary.set(key, value)
            case .list(let list):
                let place = try place(index, list.elements.count)
                list.elements[place] = value
            default: throw .typeMismatch
            }
        default: throw .typeMismatch
        }
    }

    private mutating func setAttribute(
        _ object: HintValue, _ name: String, _ value: HintValue,
        _ machine: inout VirtualMachine
    ) throws(HintError) {
        switch object {
        case .object(.identifiers):
            try setIdentifier(name, try cell(value), &machine)
        case .structure(let address, let type):
            let (offset, _) = try member(name, of: type)
            try machine.write(try advanced(address, offset), try cell(value))
        case .object(.tracker(let tracker)) where name == "current_ptr":
            tracker.end = try address(value)
        default: throw .typeMismatch
        }
    }

    // MARK: Expressions

    mutating func evaluate(
        _ expression: Expression, _ machine: inout VirtualMachine
    ) throws(HintError) -> HintValue {
        try spend(1)
        switch expression {
        case .name(let name): return try lookUp(name, machine)
        case .number(let value): return .integer(Integer(value))
        case .text(let text): return .text(text)
        case .bytes(let text): return .bytes(Array(text.utf8))
        case .none: return .none
        case .boolean(let flag): return .boolean(flag)
        case .unary(let operation, let operand):
            return try unary(operation, try evaluate(operand, &machine))
        case .binary(let operation, let left, let right):
            let left = try evaluate(left, &machine)
            return try binary(operation, left, try evaluate(right, &machine))
        case .comparison(let first, let comparisons):
            var left = try evaluate(first, &machine)
            for comparison in comparisons {
                let right = try evaluate(comparison.right, &machine)
                guard try holds(comparison.relation, left, right) else { return .boolean(false) }
                left = right
            }
            return .boolean(true)
        case .and(let left, let right):
            let value = try evaluate(left, &machine)
            return value.isTrue ? try evaluate(right, &machine) : value
        case .or(let left, let right):
            let value = try evaluate(left, &machine)
            return value.isTrue ? value : try evaluate(right, &machine)
        case .conditional(let condition, let then, let otherwise):
            let isTrue = try evaluate(condition, &machine).isTrue
            return try evaluate(isTrue ? then : otherwise, &machine)
        case .call(let function, let arguments, let named):
            return try call(function, arguments, named, &machine)
        case .attribute(let object, let name):
            return try attribute(try evaluate(object, &machine), name, machine)
        case .item(let object, let index):
            let object = try evaluate(object, &machine)
            return try item(object, try evaluate(index, &machine), machine)
        case .slice(let object, let from, let to, let step):
            return try slice(try evaluate(object, &machine), from, to, step, &machine)
        case .tuple(let elements): return try tuple(try values(elements, &machine))
        case .list(let elements): return .list(HintList(try values(elements, &machine)))
        case .dictionary(let pairs):
            let dictionary = HintDictionary()
            for pair in pairs {
                let key = try key(of: try evaluate(pair.key, &machine))
                try hold(2)
                dictionary.set(key, try evaluate(pair.value, &machine))
            }
            return .dictionary(dictionary)
        case .comprehension(let element, let target, let sequence, let condition):
            var result: [HintValue] = []
            for value in try copied(try evaluate(sequence, &machine)) {
                try assign(target, value, &machine)
                if let condition, try !evaluate(condition, &machine).isTrue { continue }
                try hold(1)
                result.append(try evaluate(element, &machine))
            }
            return .list(HintList(result))
        case .spread: throw .typeMismatch
        }
    }

    private mutating func values(
        _ expressions: [Expression], _ machine: inout VirtualMachine
    ) throws(HintError) -> [HintValue] {
        var result: [HintValue] = []
        for expression in expressions {
            if case .spread(let sequence) = expression {
                result += try copied(try evaluate(sequence, &machine))
            } else {
                try hold(1)
                result.append(try evaluate(expression, &machine))
            }
        }
        return result
    }

    private mutating func call(
        _ function: Expression, _ arguments: [Expression],
        _ named: [Expression.NamedArgument], _ machine: inout VirtualMachine
    ) throws(HintError) -> HintValue {
        let target = try evaluate(function, &machine)
        let arguments = try values(arguments, &machine)
        var names: [String: HintValue] = [:]
        for argument in named { names[argument.name] = try evaluate(argument.value, &machine) }
        switch target {
        case .function(let function): return try call(function, arguments, names, &machine)
        case .native(let native): return try call(native, arguments, names, &machine)
        case .type(let type): return try make(type, arguments)
        case .method(let object, let name):
            return try call(object, name, arguments, names, &machine)
        default: throw .typeMismatch
        }
    }

    private mutating func call(
        _ function: HintFunction, _ arguments: [HintValue], _ named: [String: HintValue],
        _ machine: inout VirtualMachine
    ) throws(HintError) -> HintValue {
        calls += 1
        defer { calls -= 1 }
        guard calls <= Self.maximumCalls else { throw .workLimitExceeded }
        guard arguments.count <= function.parameters.count else { throw .typeMismatch }
        var frame: [String: HintValue] = [:]
        for (index, parameter) in function.parameters.enumerated() {
            if index < arguments.count {
                frame[parameter.name] = arguments[index]
            } else if let value = named[parameter.name] {
                frame[parameter.name] = value
            } else if let standard = parameter.standard {
                frame[parameter.name] = try evaluate(standard, &machine)
            } else {
                throw .typeMismatch
            }
        }
        locals.append(frame)
        defer { locals.removeLast() }
        if case .give(let value) = try execute(function.body, &machine) { return value }
        return .none
    }

    // MARK: Operators

    private func unary(
        _ operation: Expression.UnaryOperator, _ value: HintValue
    ) throws(HintError) -> HintValue {
        switch operation {
        case .not: return .boolean(!value.isTrue)
        case .minus: return .integer(-(try integer(value)))
        case .plus: return .integer(try integer(value))
        case .invert: return .integer(-(try integer(value)) - .one)
        }
    }

    mutating func binary(
        _ operation: Expression.BinaryOperator, _ left: HintValue, _ right: HintValue
    ) throws(HintError) -> HintValue {
        switch (left, right) {
        case (.address, _), (_, .address), (.structure, _), (_, .structure):
            return try addressArithmetic(operation, left, right)
        case (.list(let a), .list(let b)) where operation == .add:
            try hold(a.elements.count + b.elements.count)
            return .list(HintList(a.elements + b.elements))
        case (.tuple(let a), .tuple(let b)) where operation == .add:
            try hold(a.count + b.count)
            return try tuple(a + b)
        case (.bytes(let a), .bytes(let b)) where operation == .add:
            try hold((a.count + b.count) / 8)
            return .bytes(a + b)
        case (.list(let a), _) where operation == .multiply:
            guard let count = try integer(right).asInt, count < 1 << 20 else {
                throw .workLimitExceeded
            }
            try hold(a.elements.count * max(count, 0))
            return .list(
                HintList((0..<max(count, 0)).flatMap { _ in a.elements }))
        default: break
        }
        let (a, b) = (try integer(left), try integer(right))
        try spend(on: operation, a, b)
        switch operation {
        case .add: return .integer(a + b)
        case .subtract: return .integer(a - b)
        case .multiply: return .integer(a * b)
        case .divide:
            guard !b.isZero else { throw .divisionByZero }
            return .integer(a.dividedWithRemainder(by: b).quotient)
        case .modulo:
            guard !b.isZero else { throw .divisionByZero }
            return .integer(a.dividedWithRemainder(by: b).remainder)
        case .power:
            guard let exponent = b.asInt, exponent >= 0, exponent <= Self.maximumBits,
                exponent * max(a.magnitude.bitWidth, 1) <= Self.maximumBits
            else { throw .numberTooLarge }
            var result = Integer.one
            for _ in 0..<exponent { result = result * a }
            return .integer(result)
        case .shiftLeft:
            guard let count = b.asInt, count >= 0, count <= Self.maximumBits else {
                throw .numberTooLarge
            }
            return .integer(a << count)
        case .shiftRight:
            guard let count = b.asInt, count >= 0 else { throw .numberTooLarge }
            return .integer(a >> min(count, Self.maximumBits))
        case .and: return .integer(.bitwise(.and, a, b))
        case .or: return .integer(.bitwise(.or, a, b))
        case .xor: return .integer(.bitwise(.xor, a, b))
        }
    }

    /// Addresses move by numbers and differ by numbers; `% PRIME` leaves them as they are.
    private func addressArithmetic(
        _ operation: Expression.BinaryOperator, _ left: HintValue, _ right: HintValue
    ) throws(HintError) -> HintValue {
        switch operation {
        case .add:
            let (base, step) = isAddress(left) ? (left, right) : (right, left)
            guard let step = try integer(step).asInt else { throw .addressOutOfRange }
            return .address(try advanced(try address(base), step))
        case .subtract:
            let base = try address(left)
            if isAddress(right) {
                let other = try address(right)
                guard other.segment == base.segment else { throw .typeMismatch }
                return .integer(Integer(base.offset - other.offset))
            }
            guard let step = try integer(right).asInt else { throw .addressOutOfRange }
            return .address(try advanced(base, -step))
        case .modulo: return left
        default: throw .typeMismatch
        }
    }

    func isAddress(_ value: HintValue) -> Bool {
        switch value {
        case .address, .structure: true
        default: false
        }
    }

    private mutating func holds(
        _ relation: Expression.Relation, _ left: HintValue, _ right: HintValue
    ) throws(HintError) -> Bool {
        try visit(left)
        try visit(right)
        switch relation {
        case .equal: return left == right
        case .notEqual: return !(left == right)
        case .same: return left == right
        case .notSame: return !(left == right)
        case .isIn: return try contains(right, left)
        case .isNotIn: return try !contains(right, left)
        case .less: return try order(left, right) < 0
        case .lessOrEqual: return try order(left, right) <= 0
        case .greater: return try order(left, right) > 0
        case .greaterOrEqual: return try order(left, right) >= 0
        }
    }

    private func contains(
        _ container: HintValue, _ value: HintValue
    ) throws(HintError) -> Bool {
        switch container {
        case .object(.globals):
            guard case .text(let name) = value else { throw .typeMismatch }
            return scopes[scopes.count - 1][name] != nil
        case .dictionary(let dictionary):
            guard let key = value.key else { throw .typeMismatch }
            return dictionary.existing(key) != nil
        case .list(let list): return list.elements.contains { $0 == value }
        case .tuple(let elements): return elements.contains { $0 == value }
        default: throw .typeMismatch
        }
    }

    /// -1, 0 or 1. Numbers with numbers, addresses of one segment, tuples by their elements.
    func order(_ left: HintValue, _ right: HintValue) throws(HintError) -> Int {
        if case .tuple(let a) = left, case .tuple(let b) = right {
            for (x, y) in zip(a, b) {
                let order = try order(x, y)
                if order != 0 { return order }
            }
            return a.count < b.count ? -1 : a.count > b.count ? 1 : 0
        }
        if isAddress(left), isAddress(right) {
            let (a, b) = (try address(left), try address(right))
            guard a.segment == b.segment else { throw .typeMismatch }
            return a.offset < b.offset ? -1 : a.offset > b.offset ? 1 : 0
        }
        let (a, b) = (try integer(left), try integer(right))
        return a < b ? -1 : b < a ? 1 : 0
    }

    // MARK: Items

    private func place(_ index: HintValue, _ count: Int) throws(HintError) -> Int {
        guard let number = try integer(index).asInt else { throw .typeMismatch }
        let place = number < 0 ? number + count : number
        guard place >= 0, place < count else { throw .typeMismatch }
        return place
    }

    private mutating func item(
        _ object: HintValue, _ index: HintValue, _ machine: borrowing VirtualMachine
    ) throws(HintError) -> HintValue {
        switch object {
        case .object(.memory): return HintValue(try machine.read(try address(index)))
        case .list(let list): return list.elements[try place(index, list.elements.count)]
        case .tuple(let elements): return elements[try place(index, elements.count)]
        case .bytes(let bytes):
            return .integer(Integer(Int(bytes[try place(index, bytes.count)])))
        case .dictionary(let dictionary):
            try hold(1)
            guard let value = dictionary[try key(of: index)] else { throw .noKeys }
            return value
        default: throw .typeMismatch
        }
    }

    private mutating func slice(
        _ object: HintValue, _ from: Expression?, _ to: Expression?, _ step: Expression?,
        _ machine: inout VirtualMachine
    ) throws(HintError) -> HintValue {
        func clamp(_ number: Int, _ count: Int) -> Int {
            min(max(number < 0 ? number + count : number, 0), count)
        }
        let elements: [HintValue]
        if case .bytes(let bytes) = object {
            elements = bytes.map { .integer(Integer(Int($0))) }
        } else {
            elements = try self.elements(object)
        }
        try hold(elements.count)
        var start = 0
        var end = elements.count
        if let from, let number = try integer(try evaluate(from, &machine)).asInt {
            start = clamp(number, elements.count)
        }
        if let to, let number = try integer(try evaluate(to, &machine)).asInt {
            end = clamp(number, elements.count)
        }
        var part = start < end ? Array(elements[start..<end]) : []
        if let step {
            // Hints reverse, and nothing else.
            guard try integer(try evaluate(step, &machine)).asInt == -1, from == nil, to == nil
            else { throw .typeMismatch }
            part.reverse()
        }
        switch object {
        case .bytes:
            return .bytes(
                part.compactMap {
                    guard case .integer(let value) = $0 else { return nil }
                    return UInt8(exactly: value.asInt ?? -1)
                })
        case .tuple: return .tuple(part)
        default: return .list(HintList(part))
        }
    }

    // MARK: Conversions

    func integer(_ value: HintValue) throws(HintError) -> Integer {
        switch value {
        case .integer(let number): return number
        case .boolean(let flag): return flag ? .one : .zero
        default: throw .typeMismatch
        }
    }

    func natural(_ value: HintValue) throws(HintError) -> Natural {
        let number = try integer(value)
        guard !number.isNegative else { throw .typeMismatch }
        return number.magnitude
    }

    func address(_ value: HintValue) throws(HintError) -> Relocatable {
        switch value {
        case .address(let address), .structure(let address, _): return address
        default: throw .typeMismatch
        }
    }

    func advanced(_ address: Relocatable, _ distance: Int) throws(HintError) -> Relocatable {
        guard let moved = address.advanced(by: distance) else { throw .addressOutOfRange }
        return moved
    }

    /// What can be stored.
    func cell(_ value: HintValue) throws(HintError) -> Cell {
        switch value {
        case .address(let address), .structure(let address, _): return Cell(address)
        default: return try integer(value).cell
        }
    }

    func elements(_ value: HintValue) throws(HintError) -> [HintValue] {
        switch value {
        case .list(let list): return list.elements
        case .tuple(let elements): return elements
        case .dictionary(let dictionary): return dictionary.keys.map { HintValue($0) }
        case .bytes(let bytes): return bytes.map { .integer(Integer(Int($0))) }
        default: throw .typeMismatch
        }
    }
}
