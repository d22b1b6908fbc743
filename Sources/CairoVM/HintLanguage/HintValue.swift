/// A value of the hint language. Lists and dictionaries are shared by those who hold them, as in
/// Python.
indirect enum HintValue {
    case none
    case boolean(Bool)
    case integer(Integer)
    case address(Relocatable)
    case text(String)
    case bytes([UInt8])
    case list(HintList)
    case tuple([HintValue])
    case dictionary(HintDictionary)
    /// A struct in memory: where it is, and its full name.
    case structure(Relocatable, type: String)
    /// A struct's definition, for its `SIZE`.
    case structureType(String)
    case label(Int)
    case function(HintFunction)
    case native(NativeFunction)
    /// A method that is bound to what it belongs to.
    case method(HintObject, String)
    case object(HintObject)
    case type(TypeName)

    enum TypeName: Hashable { case int, relocatable, defaultDictionary, bytearray }
}

final class HintList {
    var elements: [HintValue]
    init(_ elements: [HintValue]) { self.elements = elements }

    deinit { HintValue.dismantle(&elements) }
}

/// What can be a dictionary's key.
enum HintKey: Hashable {
    case integer(Integer)
    case address(Relocatable)
    case text(String)
    case tuple([HintKey])
}

/// A dictionary that keeps the order in which keys came.
final class HintDictionary {
    private(set) var keys: [HintKey] = []
    private var values: [HintKey: HintValue] = [:]
    /// What a missing key is given.
    private(set) var standard: Standard

    enum Standard {
        case none
        case value(HintValue)
        case newList
    }

    init(standard: Standard = .none) { self.standard = standard }

    deinit {
        var inner = takeValues()
        HintValue.dismantle(&inner)
    }

    /// Leaves nothing here.
    func takeValues() -> [HintValue] {
        var taken = Array(values.values)
        if case .value(let value) = standard { taken.append(value) }
        keys = []
        values = [:]
        standard = .none
        return taken
    }

    init(copying other: HintDictionary) {
        keys = other.keys
        values = other.values
        standard = other.standard
    }

    var count: Int { keys.count }

    subscript(key: HintKey) -> HintValue? {
        get {
            if let value = values[key] { return value }
            switch standard {
            case .none: return nil
            case .value(let value): set(key, value)
            case .newList: set(key, .list(HintList([])))
            }
            return values[key]
        }
    }

    /// Without making a missing one.
    func existing(_ key: HintKey) -> HintValue? { values[key] }

    func set(_ key: HintKey, _ value: HintValue) {
        if values.updateValue(value, forKey: key) == nil { keys.append(key) }
    }
}

/// A function that a hint defines.
final class HintFunction {
    let parameters: [Statement.Parameter]
    let body: [Statement]
    init(_ parameters: [Statement.Parameter], _ body: [Statement]) {
        self.parameters = parameters
        self.body = body
    }
}

/// What the machine lends to hints.
enum HintObject {
    case identifiers
    case memory
    case segments
    case rangeCheckBuiltin
    case ecdsaBuiltin
    case outputBuiltin
    case systemCalls
    case globals
    case dictionaryManager
    case tracker(DictionaryTracker)
    case list(HintList)
    case dictionary(HintDictionary)
    case integer(Integer)
    case integerType
    case bytes([UInt8])
    case module
}

/// The contents of one dictionary of the program, and where its next access goes.
final class DictionaryTracker {
    var data: HintDictionary
    var end: Relocatable
    init(_ data: HintDictionary, end: Relocatable) {
        self.data = data
        self.end = end
    }
}

extension HintValue {
    var key: HintKey? {
        switch self {
        case .boolean(let flag): return .integer(flag ? .one : .zero)
        case .integer(let value): return .integer(value)
        case .address(let address): return .address(address)
        case .structure(let address, _): return .address(address)
        case .text(let text): return .text(text)
        case .tuple(let elements):
            let keys = elements.compactMap(\.key)
            return keys.count == elements.count ? .tuple(keys) : nil
        default: return nil
        }
    }

    init(_ key: HintKey) {
        switch key {
        case .integer(let value): self = .integer(value)
        case .address(let address): self = .address(address)
        case .text(let text): self = .text(text)
        case .tuple(let keys): self = .tuple(keys.map { HintValue($0) })
        }
    }

    init(_ cell: Cell) {
        if let address = cell.address {
            self = .address(address)
        } else {
            self = .integer(Integer(cell.natural))
        }
    }

    var isTrue: Bool {
        switch self {
        case .none: false
        case .boolean(let flag): flag
        case .integer(let value): !value.isZero
        case .text(let text): !text.isEmpty
        case .bytes(let bytes): !bytes.isEmpty
        case .list(let list): !list.elements.isEmpty
        case .tuple(let elements): !elements.isEmpty
        case .dictionary(let dictionary): dictionary.count > 0
        default: true
        }
    }

    static func == (a: HintValue, b: HintValue) -> Bool {
        switch (a, b) {
        case (.none, .none): return true
        case (.bytes(let x), .bytes(let y)): return x == y
        case (.list(let x), .list(let y)):
            return x.elements.count == y.elements.count
                && zip(x.elements, y.elements).allSatisfy { $0 == $1 }
        case (.tuple(let x), .tuple(let y)):
            return x.count == y.count && zip(x, y).allSatisfy { $0 == $1 }
        default:
            guard let x = a.key, let y = b.key else { return false }
            return x == y
        }
    }
}
