package import JSONText
package import StarkField

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
    /// A Sierra program starts with the three numbers of its version.
    case noSierraVersion
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
        case .noSierraVersion: "the Sierra program does not start with a version"
        }
    }
}

/// A JSON value and the path that leads to it.
package struct ClassReader {
    package let value: JSONValue
    package let path: String

    package init(_ value: JSONValue, _ path: String) {
        self.value = value
        self.path = path
    }

    package static func parsed(
        _ bytes: [UInt8], _ limits: JSONLimits
    ) throws(ClassError) -> JSONValue {
        do throws(JSONError) {
            return try JSONParser.parse(bytes, limits: limits)
        } catch { throw .json(error) }
    }

    package func member(_ name: String) throws(ClassError) -> ClassReader {
        guard case .object = value else { throw .wrongKind(path, expected: "an object") }
        guard let found = value[name] else { throw .missing(name, in: path) }
        return ClassReader(found, path.isEmpty ? name : path + "." + name)
    }

    /// Nil where it is not there, or null.
    package func optional(_ name: String) -> ClassReader? {
        guard let found = value[name], !found.isNull else { return nil }
        return ClassReader(found, path.isEmpty ? name : path + "." + name)
    }

    package func elements() throws(ClassError) -> [ClassReader] {
        guard case .array(let elements) = value else {
            throw .wrongKind(path, expected: "an array")
        }
        return elements.enumerated().map { ClassReader($0.element, "\(path)[\($0.offset)]") }
    }

    package func members() throws(ClassError) -> [(name: String, value: ClassReader)] {
        guard case .object(let members) = value else {
            throw .wrongKind(path, expected: "an object")
        }
        return members.map { ($0.name, ClassReader($0.value, path + "." + $0.name)) }
    }

    /// The elements of an array of at most `limit` hexadecimal integers below p; with `signed`, also
    /// those of integers above -p, with p added. Makes paths for errors alone.
    package func felts(
        _ what: String, limit: Int, signed: Bool
    ) throws(ClassError) -> [Felt] {
        guard case .array(let elements) = value else {
            throw .wrongKind(path, expected: "an array")
        }
        guard elements.count <= limit else {
            throw .tooLarge(what, limit: limit, got: elements.count)
        }
        var felts: [Felt] = []
        felts.reserveCapacity(elements.count)
        for (index, element) in elements.enumerated() {
            if case .string(let text) = element, let felt = Felt(hex: text) {
                felts.append(felt)
            } else {
                let reader = ClassReader(element, "\(path)[\(index)]")
                felts.append(try signed ? reader.signedFelt() : reader.felt())
            }
        }
        return felts
    }

    package func text() throws(ClassError) -> String {
        guard case .string(let text) = value else { throw .wrongKind(path, expected: "a string") }
        return text
    }

    package func int() throws(ClassError) -> Int {
        guard case .number(let digits) = value, let number = Int(digits) else {
            throw .wrongKind(path, expected: "an integer")
        }
        return number
    }

    package func int16() throws(ClassError) -> Int16 {
        let number = try int()
        guard let short = Int16(exactly: number) else { throw .outOfRange(path, number) }
        return short
    }

    /// A hexadecimal integer below p.
    package func felt() throws(ClassError) -> Felt {
        let text = try text()
        guard let felt = Felt(hex: text) else { throw .notAFelt(path, text) }
        return felt
    }

    /// A hexadecimal integer below p, or minus one for p minus it.
    package func signedFelt() throws(ClassError) -> Felt {
        let text = try text()
        if text.hasPrefix("-"), let positive = Felt(hex: text.dropFirst()) { return -positive }
        guard let felt = Felt(hex: text) else { throw .notAFelt(path, text) }
        return felt
    }
}
