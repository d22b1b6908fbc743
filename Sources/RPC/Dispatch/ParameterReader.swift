import JSONText

/// The arguments of a call under the names that the specification gives them.
struct ParameterReader {
    private let names: [StaticString]
    private var values: [JSONValue?]

    /// `names` in the specification's order. Throws invalidParams for an argument too many and for
    /// an unknown name. A null counts as absent.
    init(_ parameters: RPCParameters, _ names: [StaticString]) throws(RPCError) {
        self.names = names
        values = Array(repeating: nil, count: names.count)
        switch parameters {
        case .positional(let elements):
            guard elements.count <= names.count else {
                throw .invalidParams(
                    "\(elements.count) parameters; the method has \(names.count)")
            }
            for (index, element) in elements.enumerated() where !element.isNull {
                values[index] = element
            }
        case .named(let members):
            for member in members {
                guard let index = names.firstIndex(where: { "\($0)" == member.name }) else {
                    throw .invalidParams("unknown parameter \"\(member.name.prefix(64))\"")
                }
                if !member.value.isNull { values[index] = member.value }
            }
        }
    }

    subscript(optional index: Int) -> JSONValue? {
        index < values.count ? values[index] : nil
    }

    subscript(index: Int) -> JSONValue {
        get throws(RPCError) {
            guard index < values.count, let value = values[index] else {
                throw .invalidParams("missing parameter \"\(names[index])\"")
            }
            return value
        }
    }
}
