import Foundation
import StarkField
import StarkHash
import SystemContracts

/// A sequence of calls for cairo-lang's state machine; `reference.py` says what each member means.
struct Reference {
    struct Step: Encodable {
        var address: Hex
        var calldata: [Hex]
        var caller: Hex = Hex(.zero)
        var seconds: UInt64 = 0
        var version = Hex(.one)
        var hash = Hex(.zero)
        var signature: [Hex] = []
        var `class`: Hex?
        var selector: Hex?
        var handler: Bool?
        var gas: UInt64?
    }

    struct Event: Decodable, Hashable {
        let from: Hex
        let keys: [Hex]
        let data: [Hex]

        init(from: Felt, keys: [Felt], data: [Felt]) {
            self.from = Hex(from)
            self.keys = keys.map(Hex.init)
            self.data = data.map(Hex.init)
        }
    }

    struct Message: Decodable, Hashable {
        let from: Hex
        let to: Hex
        let payload: [Hex]
    }

    struct Outcome: Decodable {
        let failed: Bool
        /// Return data, or panic data.
        let data: [Hex]
        let steps: Int
        let gas: Int
        let builtins: [String: Int]
        let events: [Event]
        let messages: [Message]
        /// What the step wrote and changed, under `address/key`.
        let cells: [String: Hex]
        let classes: [String: Hex]

        var felts: [Felt] { data.map(\.felt) }

        /// What the step left in a cell; nil where it wrote nothing there.
        func cell(_ key: Felt, of address: Felt) -> Felt? {
            cells["\(address.hexString)/\(key.hexString)"]?.felt
        }

        /// The panic data, with the short strings as text.
        var reasons: [String]? {
            guard failed else { return nil }
            return data.map { hex in
                let bytes = hex.felt.bigEndianBytes.drop { $0 == 0 }
                return String(decoding: bytes, as: UTF8.self)
            }
        }
    }

    /// How a step ended, or why the machine itself refused it.
    enum Result {
        case ended(Outcome)
        case refused(String)
    }

    struct WrongKind: Error {
        let step: Int
        let refusal: String
    }

    static let chainID = Felt(shortString: "SN_SEPOLIA") ?? .zero

    var steps: [Step] = []

    mutating func deploy(
        _ classHash: Felt, at address: Felt, _ calldata: [Felt] = [], caller: Felt = .zero
    ) {
        steps.append(
            Step(
                address: Hex(address), calldata: calldata.map(Hex.init), caller: Hex(caller),
                class: Hex(classHash)))
    }

    mutating func call(
        _ address: Felt, _ selector: Felt, _ calldata: [Felt] = [], caller: Felt = .zero,
        change: (inout Step) -> Void = { _ in }
    ) {
        var step = Step(
            address: Hex(address), calldata: calldata.map(Hex.init), caller: Hex(caller),
            selector: Hex(selector))
        change(&step)
        steps.append(step)
    }

    /// Under which class hash the state knows an example contract: any felt that the system's
    /// classes do not have.
    static func exampleHash(_ name: String) -> Felt { starknetKeccak(name.utf8) }

    private struct Script: Encodable {
        let chain: Hex
        let classes: [String: String]
        let steps: [Step]
    }

    /// Runs all steps. `examples` names the example contracts that they need.
    func results(examples: [String] = []) throws -> [Result] {
        let folder = try Oracles.hintedClasses.get()
        var classes: [String: String] = [:]
        for system in SystemContracts.all {
            classes[system.classHash.hexString] =
                folder.appendingPathComponent("\(system.name).casm.json").path
        }
        for name in examples {
            classes[Reference.exampleHash(name).hexString] =
                folder.appendingPathComponent("\(name).casm.json").path
        }
        let script = Script(chain: Hex(Reference.chainID), classes: classes, steps: steps)
        let output = try Oracles.run(
            Oracles.python("cairo"), [Oracles.script("reference.py")],
            input: JSONEncoder().encode(script))
        return try JSONDecoder().decode([Result].self, from: output)
    }

    /// Runs all steps; throws where the machine itself refused one.
    func outcomes(examples: [String] = []) throws -> [Outcome] {
        try results(examples: examples).enumerated().map { index, result in
            switch result {
            case .ended(let outcome): return outcome
            case .refused(let text): throw WrongKind(step: index, refusal: text)
            }
        }
    }
}

extension Reference.Result: Decodable {
    private enum Key: CodingKey { case error }

    init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: Key.self)
        if let text = try container.decodeIfPresent(String.self, forKey: .error) {
            self = .refused(text)
        } else {
            self = .ended(try Reference.Outcome(from: decoder))
        }
    }
}

/// A felt that is hexadecimal text in JSON.
struct Hex: Codable, Hashable, CustomStringConvertible {
    let felt: Felt

    init(_ felt: Felt) { self.felt = felt }

    init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        guard let felt = Felt(hex: try container.decode(String.self)) else {
            throw DecodingError.dataCorruptedError(in: container, debugDescription: "no felt")
        }
        self.felt = felt
    }

    func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(felt.hexString)
    }

    var description: String { felt.hexString }
}
