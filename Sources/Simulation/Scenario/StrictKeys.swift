/// What is wrong with a scenario file, in the words of the file.
package struct ScenarioError: Error, Hashable, Sendable, CustomStringConvertible {
    package let path: String
    package let problem: String

    package init(path: String, problem: String) {
        self.path = path
        self.problem = problem
    }

    package var description: String {
        path.isEmpty ? problem : "\(path): \(problem)"
    }
}

/// A mapping of a scenario file of which every key must be known: a misspelt fault would be one
/// that never happens.
struct StrictKeys {
    struct Key: CodingKey, Hashable {
        let stringValue: String
        var intValue: Int? { Int(stringValue) }
        init(_ value: String) { stringValue = value }
        init?(stringValue: String) { self.stringValue = stringValue }
        init?(intValue: Int) { stringValue = String(intValue) }
    }

    let container: KeyedDecodingContainer<Key>
    let path: String

    init(_ decoder: any Decoder, known: [String]) throws {
        container = try decoder.container(keyedBy: Key.self)
        path = StrictKeys.path(decoder.codingPath)
        for key in container.allKeys where !known.contains(key.stringValue) {
            throw ScenarioError(
                path: path,
                problem:
                    "'\(key.stringValue)' is no key here; known are \(known.joined(separator: ", "))"
            )
        }
    }

    static func path(_ keys: [any CodingKey]) -> String {
        keys.map { $0.intValue.map { "[\($0)]" } ?? $0.stringValue }.joined(separator: ".")
    }

    func has(_ key: String) -> Bool { container.contains(Key(key)) }

    func value<T: Decodable>(_ key: String, _ type: T.Type = T.self) throws -> T? {
        guard has(key) else { return nil }
        do {
            return try container.decode(T.self, forKey: Key(key))
        } catch let error as ScenarioError {
            throw error
        } catch let DecodingError.dataCorrupted(context) {
            if let error = context.underlyingError as? ScenarioError { throw error }
            throw fail("\(key): \(context.debugDescription)")
        } catch {
            throw ScenarioError(
                path: path.isEmpty ? key : "\(path).\(key)",
                problem: "cannot be read as \(T.self)")
        }
    }

    func value<T: Decodable>(_ key: String, or fallback: T) throws -> T {
        try value(key) ?? fallback
    }

    func required<T: Decodable>(_ key: String, _ type: T.Type = T.self) throws -> T {
        guard let found: T = try value(key) else {
            throw ScenarioError(path: path, problem: "the key '\(key)' is missing")
        }
        return found
    }

    func fail(_ problem: String) -> ScenarioError { ScenarioError(path: path, problem: problem) }
}

/// A length of time, written as a number with its unit: 200us, 50ms, 2s, 1.5s, 3m, 2h; -2h for a
/// clock that is late.
package struct Span: Hashable, Sendable, Comparable, Decodable, CustomStringConvertible {
    package var nanoseconds: Int64

    package init(nanoseconds: Int64) { self.nanoseconds = nanoseconds }
    package static func milliseconds(_ count: Int64) -> Span {
        Span(nanoseconds: count * 1_000_000)
    }
    package static func seconds(_ count: Int64) -> Span { milliseconds(count * 1000) }

    /// Zero for a negative one.
    package var unsigned: UInt64 { nanoseconds < 0 ? 0 : UInt64(nanoseconds) }

    package static func < (one: Span, other: Span) -> Bool { one.nanoseconds < other.nanoseconds }

    private static let units: [(name: String, nanoseconds: Int64)] = [
        ("us", 1000), ("ms", 1_000_000), ("ns", 1), ("s", 1_000_000_000), ("m", 60_000_000_000),
        ("h", 3_600_000_000_000),
    ]

    package init?(_ text: String) {
        guard let unit = Span.units.first(where: { text.hasSuffix($0.name) }),
            let number = Double(text.dropLast(unit.name.count)), number.isFinite
        else { return nil }
        let value = number * Double(unit.nanoseconds)
        guard value.magnitude < 4e18 else { return nil }
        nanoseconds = Int64(value)
    }

    package init(from decoder: any Decoder) throws {
        let text = try decoder.singleValueContainer().decode(String.self)
        guard let span = Span(text) else {
            throw ScenarioError(
                path: StrictKeys.path(decoder.codingPath),
                problem: "'\(text)' is no length of time; write 200us, 50ms, 2s, 3m or 2h")
        }
        self = span
    }

    package var description: String {
        for unit in Span.units.reversed() where nanoseconds % unit.nanoseconds == 0 {
            if unit.name == "ns" || unit.name == "us" { continue }
            return "\(nanoseconds / unit.nanoseconds)\(unit.name)"
        }
        return nanoseconds % 1000 == 0 ? "\(nanoseconds / 1000)us" : "\(nanoseconds)ns"
    }
}
