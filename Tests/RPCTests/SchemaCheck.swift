import Foundation
import JSONText

@testable import RPC

/// JSON Schema as far as the Starknet documents use it, closed: a member that no schema names is a
/// complaint too, since clients refuse what they do not know.
///
/// Two habits of the documents are followed. `{"schema": S}` inside a schema stands for S. And
/// alternatives of a `oneOf` may overlap where one only adds required members to the other (a block
/// is also a valid pre-confirmed block): then the narrower one counts.
struct SchemaCheck {
    let specification: OpenRPC

    private struct Outcome {
        var complaints: [String] = []
        /// Members of the value that a schema names.
        var named: Set<String> = []
        /// Members that the schema demands.
        var required: Set<String> = []

        mutating func merge(_ other: Outcome) {
            complaints += other.complaints
            named.formUnion(other.named)
            required.formUnion(other.required)
        }
    }

    func check(
        _ value: JSONValue, _ schema: OpenRPC.Place, at path: String = "$"
    ) -> [String] {
        var outcome = apply(value, schema, path)
        if case .object(let members) = value, !outcome.named.contains("*") {
            for member in members where !outcome.named.contains(member.name) {
                outcome.complaints.append("\(path): no schema names \"\(member.name)\"")
            }
        }
        return outcome.complaints
    }

    private func apply(
        _ value: JSONValue, _ schema: OpenRPC.Place, _ path: String
    ) -> Outcome {
        var outcome = Outcome()
        if let reference = schema.value["$ref"]?.text {
            guard let target = specification.resolve(reference, from: schema.document) else {
                outcome.complaints.append("\(path): broken reference \(reference)")
                return outcome
            }
            outcome.merge(apply(value, target, path))
        }
        func sub(_ part: JSONValue) -> OpenRPC.Place {
            OpenRPC.Place(document: schema.document, value: part)
        }
        if let inner = schema.value["schema"] { outcome.merge(apply(value, sub(inner), path)) }
        for part in schema.value["allOf"]?.elements ?? [] {
            outcome.merge(apply(value, sub(part), path))
        }
        if let parts = schema.value["oneOf"]?.elements {
            outcome.merge(alternatives(value, parts.map(sub), path, exactlyOne: true))
        }
        if let parts = schema.value["anyOf"]?.elements {
            outcome.merge(alternatives(value, parts.map(sub), path, exactlyOne: false))
        }
        if let part = schema.value["not"], apply(value, sub(part), path).complaints.isEmpty {
            outcome.complaints.append("\(path): matches what it must not")
        }
        checkKind(value, schema.value, path, &outcome)
        checkMembers(value, schema, path, &outcome)
        if case .array(let elements) = value, let items = schema.value["items"] {
            for (index, element) in elements.enumerated() {
                outcome.complaints += check(element, sub(items), at: "\(path)[\(index)]")
            }
        }
        return outcome
    }

    private func alternatives(
        _ value: JSONValue, _ parts: [OpenRPC.Place], _ path: String, exactlyOne: Bool
    ) -> Outcome {
        let outcomes = parts.map { apply(value, $0, path) }
        let matching = outcomes.filter(\.complaints.isEmpty)
        let narrowest = matching.filter { candidate in
            !matching.contains { $0.required.isStrictSuperset(of: candidate.required) }
        }
        guard let chosen = narrowest.first else {
            var outcome = Outcome()
            let closest = outcomes.min { $0.complaints.count < $1.complaints.count }
            outcome.complaints = ["\(path): no alternative matches"] + (closest?.complaints ?? [])
            return outcome
        }
        var outcome = chosen
        if exactlyOne, narrowest.count > 1 {
            outcome.complaints.append("\(path): \(narrowest.count) alternatives match")
        }
        return outcome
    }

    private func checkKind(
        _ value: JSONValue, _ schema: JSONValue, _ path: String, _ outcome: inout Outcome
    ) {
        if let type = schema["type"]?.text, !SchemaCheck.hasType(value, type) {
            outcome.complaints.append("\(path): \(value.kind) where \(type) is due")
        }
        if let allowed = schema["enum"]?.elements, !allowed.contains(value) {
            outcome.complaints.append("\(path): \(value) is not among \(allowed)")
        }
        if case .string(let text) = value, let pattern = schema["pattern"]?.text {
            if text.range(of: pattern, options: .regularExpression) == nil {
                outcome.complaints.append("\(path): \"\(text)\" does not match \(pattern)")
            }
        }
        if case .number(let digits) = value, let minimum = schema["minimum"]?.unsigned {
            if (Double(digits) ?? -1) < Double(minimum) {
                outcome.complaints.append("\(path): \(digits) is below \(minimum)")
            }
        }
    }

    private static func hasType(_ value: JSONValue, _ type: String) -> Bool {
        switch (type, value) {
        case ("object", .object), ("array", .array), ("string", .string), ("boolean", .bool),
            ("null", .null), ("number", .number):
            true
        case ("integer", .number(let digits)): Int64(digits) != nil || UInt64(digits) != nil
        default: false
        }
    }

    private func checkMembers(
        _ value: JSONValue, _ schema: OpenRPC.Place, _ path: String, _ outcome: inout Outcome
    ) {
        guard case .object(let members) = value else { return }
        for name in schema.value["required"]?.elements?.compactMap(\.text) ?? [] {
            outcome.required.insert(name)
            if value[name] == nil { outcome.complaints.append("\(path): lacks \"\(name)\"") }
        }
        let properties = schema.value["properties"]?.members ?? []
        for property in properties {
            outcome.named.insert(property.name)
            guard let member = value[property.name] else { continue }
            let place = OpenRPC.Place(document: schema.document, value: property.value)
            outcome.complaints += check(member, place, at: "\(path).\(property.name)")
        }
        switch schema.value["additionalProperties"] {
        case .bool(false)?:
            for member in members where !properties.contains(where: { $0.name == member.name }) {
                outcome.complaints.append("\(path): \"\(member.name)\" is not allowed")
            }
        case .bool(true)?, .object?: outcome.named.insert("*")
        default: break
        }
    }
}
