package import JSONText

/// What is wrong with a compiled class or program, and where.
package enum ClassError: Error, Hashable, Sendable {
    case json(JSONError)
    case missing(String, in: String)
    case wrongKind(String, expected: String)
    case notAFelt(String, String)
    case outOfRange(String, Int)
    case unknownName(String, String)
    case wrongPrime(String)
    case tooLarge(String, limit: Int, got: Int)
    /// Entry points must be in the order of their selectors, each once.
    case disorderedEntryPoints(String)
    case disorderedBuiltins(String)
    case segmentLengths(expected: Int, got: Int)
}

extension ClassError: CustomStringConvertible {
    package var description: String {
        switch self {
        case .json(let error): "not JSON: \(error)"
        case .missing(let name, let place): "\(place) has no \(name)"
        case .wrongKind(let place, let expected): "\(place) is not \(expected)"
        case .notAFelt(let place, let text): "\(place): \(text) is not a field element"
        case .outOfRange(let place, let value): "\(place): \(value) is out of range"
        case .unknownName(let place, let name): "\(place): \(name) is not known"
        case .wrongPrime(let text): "the prime is \(text), not Starknet's"
        case .tooLarge(let what, let limit, let got): "\(got) \(what), at most \(limit) allowed"
        case .disorderedEntryPoints(let kind):
            "the \(kind) entry points are not in the order of their selectors"
        case .disorderedBuiltins(let place): "\(place): builtins are not in Cairo's order"
        case .segmentLengths(let expected, let got):
            "the bytecode's segments have \(got) felts, the bytecode \(expected)"
        }
    }
}

/// A JSON value and the path that leads to it.
struct ClassReader {
    let value: JSONValue
    let path: String

    init(_ value: JSONValue, _ path: String) {
        self.value = value
        self.path = path
    }

    static func parsed(
        _ bytes: [UInt8], _ limits: JSONLimits
    ) throws(ClassError) -> JSONValue {
        do throws(JSONError) {
            return try JSONParser.parse(bytes, limits: limits)
        } catch { throw .json(error) }
    }

    func member(_ name: String) throws(ClassError) -> ClassReader {
        guard case .object = value else { throw .wrongKind(path, expected: "an object") }
        guard let found = value[name] else { throw .missing(name, in: path) }
        return ClassReader(found, path.isEmpty ? name : path + "." + name)
    }

    /// Nil where it is not there, or null.
    func optional(_ name: String) -> ClassReader? {
        guard let found = value[name], !found.isNull else { return nil }
        return ClassReader(found, path.isEmpty ? name : path + "." + name)
    }

    func elements() throws(ClassError) -> [ClassReader] {
        guard case .array(let elements) = value else {
            throw .wrongKind(path, expected: "an array")
        }
        return elements.enumerated().map { ClassReader($0.element, "\(path)[\($0.offset)]") }
    }

    func members() throws(ClassError) -> [(name: String, value: ClassReader)] {
        guard case .object(let members) = value else {
            throw .wrongKind(path, expected: "an object")
        }
        return members.map { ($0.name, ClassReader($0.value, path + "." + $0.name)) }
    }

    func text() throws(ClassError) -> String {
        guard case .string(let text) = value else { throw .wrongKind(path, expected: "a string") }
        return text
    }

    func int() throws(ClassError) -> Int {
        guard case .number(let digits) = value, let number = Int(digits) else {
            throw .wrongKind(path, expected: "an integer")
        }
        return number
    }

    func int16() throws(ClassError) -> Int16 {
        let number = try int()
        guard let short = Int16(exactly: number) else { throw .outOfRange(path, number) }
        return short
    }

    /// A hexadecimal integer below p, or minus one for p minus it.
    func felt() throws(ClassError) -> Cell {
        let text = try text()
        if text.hasPrefix("-"), let positive = Cell(hex: text.dropFirst()) {
            return Cell(Natural.prime - positive.natural)
        }
        guard let cell = Cell(hex: text) else { throw .notAFelt(path, text) }
        return cell
    }
}
