/// A contract's interface, and its JSON text as the Cairo compiler would write it. The text is
/// hashed into the class hash: its spacing and order are fixed.
struct Interface: Sendable {
    struct Argument: Sendable {
        let name: String
        let type: String
    }

    struct Function: Sendable {
        let name: String
        let inputs: [Argument]
        let outputs: [String]
        let isView: Bool
    }

    struct EventMember: Sendable {
        let name: String
        let type: String
        let isKey: Bool
    }

    struct EventType: Sendable {
        let name: String
        let members: [EventMember]
    }

    /// Full path of the interface, such as `prytany::account::Account`; implementations and events
    /// are named after it.
    let path: String
    let types: [NamedType]
    let functions: [Function]
    let constructor: [Argument]?
    let events: [EventType]

    enum NamedType: Sendable {
        case bool
        case u256
        case spanOfFelts
        case call
    }

    static let felt = "core::felt252"
    static let bool = "core::bool"
    static let u8 = "core::integer::u8"
    static let u256 = "core::integer::u256"
    static let address = "core::starknet::contract_address::ContractAddress"
    static let classHash = "core::starknet::class_hash::ClassHash"
    static let feltArray = "core::array::Array::<core::felt252>"
    static let feltSpan = "core::array::Span::<core::felt252>"
    static let call = "core::starknet::account::Call"

    var text: String {
        var items = types.map(Interface.text)
        let interfacePath = path + "Interface"
        items.append(
            Interface.object([
                ("type", "impl"), ("name", path + "Implementation"),
                ("interface_name", interfacePath),
            ]))
        items.append(
            Interface.object(
                [("type", "interface"), ("name", interfacePath)],
                lists: [("items", functions.map(Interface.text))]))
        if let constructor {
            items.append(
                Interface.object(
                    [("type", "constructor"), ("name", "constructor")],
                    lists: [("inputs", constructor.map(Interface.text))]))
        }
        for event in events {
            let members = event.members.map {
                Interface.object([
                    ("name", $0.name), ("type", $0.type), ("kind", $0.isKey ? "key" : "data"),
                ])
            }
            items.append(
                Interface.object(
                    [("type", "event"), ("name", "\(path)::\(event.name)"), ("kind", "struct")],
                    lists: [("members", members)]))
        }
        let variants = events.map {
            Interface.object([
                ("name", $0.name), ("type", "\(path)::\($0.name)"), ("kind", "nested"),
            ])
        }
        items.append(
            Interface.object(
                [("type", "event"), ("name", "\(path)::Event"), ("kind", "enum")],
                lists: [("variants", variants)]))
        return Interface.list(items)
    }

    private static func text(_ function: Function) -> String {
        object(
            [("type", "function"), ("name", function.name)],
            lists: [
                ("inputs", function.inputs.map(text)),
                ("outputs", function.outputs.map { object([("type", $0)]) }),
            ],
            after: [("state_mutability", function.isView ? "view" : "external")])
    }

    private static func text(_ argument: Argument) -> String {
        object([("name", argument.name), ("type", argument.type)])
    }

    private static func text(_ type: NamedType) -> String {
        func structure(_ name: String, _ members: [Argument]) -> String {
            object(
                [("type", "struct"), ("name", name)], lists: [("members", members.map(text))])
        }
        return switch type {
        case .bool:
            object(
                [("type", "enum"), ("name", bool)],
                lists: [
                    (
                        "variants",
                        ["False", "True"].map { object([("name", $0), ("type", "()")]) }
                    )
                ])
        case .u256:
            structure(
                u256,
                [
                    Argument(name: "low", type: "core::integer::u128"),
                    Argument(name: "high", type: "core::integer::u128"),
                ])
        case .spanOfFelts:
            structure(feltSpan, [Argument(name: "snapshot", type: "@" + feltArray)])
        case .call:
            structure(
                call,
                [
                    Argument(name: "to", type: address), Argument(name: "selector", type: felt),
                    Argument(name: "calldata", type: feltSpan),
                ])
        }
    }

    /// No name or type holds a character that JSON escapes.
    private static func object(
        _ strings: [(String, String)], lists: [(String, [String])] = [],
        after: [(String, String)] = []
    ) -> String {
        let members =
            strings.map { "\"\($0)\": \"\($1)\"" } + lists.map { "\"\($0)\": \(list($1))" }
            + after.map { "\"\($0)\": \"\($1)\"" }
        return "{" + members.joined(separator: ", ") + "}"
    }

    private static func list(_ items: [String]) -> String {
        "[" + items.joined(separator: ", ") + "]"
    }
}
