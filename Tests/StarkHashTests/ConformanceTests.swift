import Foundation
import StarkCurve
import StarkField
import TestSupport
import Testing

import StarkHash

private func felt(_ value: (any Sendable)?) throws -> Felt {
    let text = try #require(value as? String)
    return try #require(Felt(hex: text), "\(text) is no field element")
}

private func felts(_ value: (any Sendable)?) throws -> [Felt] {
    try #require(value as? [String]).map { try felt($0) }
}

@Suite(
    "Hash vectors of other implementations",
    .enabled(
        if: Fixtures.has("oracle-vectors"),
        Comment(rawValue: Fixtures.absence(of: "oracle-vectors"))))
struct OracleVectorTests {
    static let files = Vectors.files(in: ["oracle-vectors"])

    private func sections(_ name: String, _ keys: [String]) throws -> [Vectors.Section] {
        let found = try Vectors.sections(name, keys: keys, in: Self.files)
        try #require(!found.isEmpty, "no vectors of \(name)")
        return found
    }

    @Test("Pedersen of pairs, singly and in one batch")
    func pedersen() throws {
        for section in try sections("pedersen", ["a", "b", "out"]) {
            var pairs = [(Felt, Felt)]()
            var expected = [Felt]()
            for entry in section.list {
                let (a, b, out) = (
                    try felt(entry["a"]), try felt(entry["b"]), try felt(entry["out"])
                )
                #expect(Pedersen.hash(a, b) == out, "\(entry)")
                pairs.append((a, b))
                expected.append(out)
            }
            #expect(Pedersen.hashBatch(pairs) == expected, "\(section.file)")
        }
    }

    @Test("Pedersen of arrays")
    func pedersenArrays() throws {
        for section in try sections("pedersen_array", ["in", "out"]) {
            for entry in section.list {
                #expect(try Pedersen.hashArray(felts(entry["in"])) == felt(entry["out"]))
            }
        }
    }

    @Test("the Poseidon permutation")
    func poseidonPermutation() throws {
        for section in try sections("poseidon_perm", ["in", "out"]) {
            for entry in section.list {
                let input = try felts(entry["in"])
                try #require(input.count == 3)
                var state = (input[0], input[1], input[2])
                Poseidon.permute(&state)
                #expect(try [state.0, state.1, state.2] == felts(entry["out"]), "\(entry)")
            }
        }
    }

    @Test("Poseidon of pairs, of single elements and of sequences")
    func poseidon() throws {
        for section in try sections("poseidon_hash2", ["a", "b", "out"]) {
            for entry in section.list {
                #expect(
                    try Poseidon.hash(felt(entry["a"]), felt(entry["b"])) == felt(entry["out"]))
            }
        }
        for section in try sections("poseidon_hash1", ["a", "out"]) {
            for entry in section.list {
                #expect(try Poseidon.hash(single: felt(entry["a"])) == felt(entry["out"]))
            }
        }
        for section in try sections("poseidon_many", ["in", "out"]) {
            for entry in section.list {
                #expect(try Poseidon.hashMany(felts(entry["in"])) == felt(entry["out"]))
            }
        }
    }

    @Test("selectors of entry points")
    func selectors() throws {
        var checked = 0
        for file in Self.files {
            guard let table = try Fixtures.json(file) as? [String: Any],
                let selectors = table["selectors"] as? [String: String]
            else { continue }
            for (name, value) in selectors {
                #expect(selector(name) == Felt(hex: value), "\(name)")
                checked += 1
            }
        }
        #expect(checked > 0)
    }

    /// 2^251 - 256: addresses and storage keys are taken mod this.
    static let addressBound = Felt(2).power(251) - 256

    private static func address(_ value: Felt) -> Felt {
        value < addressBound ? value : value - addressBound
    }

    @Test("storage addresses: Keccak of the name, Pedersen over the keys")
    func storageAddresses() throws {
        for section in try sections("storage_var", ["name", "keys", "out"]) {
            for entry in section.list {
                let name = try #require(entry["name"] as? String)
                var value = starknetKeccak(Array(name.utf8))
                for key in try felts(entry["keys"]) { value = Pedersen.hash(value, key) }
                #expect(try Self.address(value) == felt(entry["out"]), "\(name)")
            }
        }
    }

    @Test("contract addresses: Pedersen over prefix, deployer, salt, class and call data")
    func contractAddresses() throws {
        let prefix = try #require(Felt(shortString: "STARKNET_CONTRACT_ADDRESS"))
        let keys = ["salt", "class_hash", "calldata", "deployer", "out"]
        for section in try sections("contract_address", keys) {
            for entry in section.list {
                let value = Pedersen.hashArray([
                    prefix, try felt(entry["deployer"]), try felt(entry["salt"]),
                    try felt(entry["class_hash"]),
                    Pedersen.hashArray(try felts(entry["calldata"])),
                ])
                #expect(try Self.address(value) == felt(entry["out"]), "\(entry)")
            }
        }
    }
}

@Suite(
    "Published parameters of the hashes",
    .enabled(if: Fixtures.has("crypto"), Comment(rawValue: Fixtures.absence(of: "crypto"))))
struct ParameterTests {
    @Test("Poseidon's round constants and shape are those of the parameter files")
    func roundConstants() throws {
        var checked = 0
        for file in Fixtures.files(under: "crypto", suffix: ".txt") {
            guard !file.path.hasPrefix("crypto/kzg/") else { continue }
            let text = String(decoding: try Fixtures.read(file), as: UTF8.self)
            guard let keys = text.range(of: "RoundKeys"), text.contains("Rate = 2\n") else {
                continue
            }
            #expect(text.contains("Capacity = 1\n"))
            #expect(text.contains("FullRounds = 8\n"))
            #expect(text.contains("PartialRounds = 83\n"))
            #expect(text.contains("MDS = [[3, 1, 1], [1, -1, 1], [1, 1, -2]]"))
            let constants = text[keys.upperBound...].split { !$0.isNumber }.map(Felt.init(decimal:))
            #expect(constants == PoseidonConstants.roundConstants)
            checked += 1
        }
        #expect(checked > 0)
    }

    @Test("Pedersen's constant points are those of the parameter files, doubled bit by bit")
    func constantPoints() throws {
        var checked = 0
        for file in Vectors.files(in: ["crypto"], except: ["crypto/kzg"]) {
            let data = try Fixtures.read(file)
            guard let text = String(data: data, encoding: .utf8),
                let range = text.range(of: "\"CONSTANT_POINTS\"")
            else { continue }
            // JSON numbers of 76 digits: read as text.
            let numbers = text[range.upperBound...].split { !$0.isNumber }
                .map(Felt.init(decimal:))
            try #require(numbers.count == 2 * (2 + 252 + 252))
            let points = stride(from: 0, to: numbers.count, by: 2).map {
                (x: numbers[$0], y: numbers[$0 + 1])
            }
            #expect(points[0].x == PedersenConstants.shiftPoint.x)
            #expect(points[0].y == PedersenConstants.shiftPoint.y)
            #expect(points[1].x == CurvePoint.generator.x)
            #expect(points[1].y == CurvePoint.generator.y)
            var index = 2
            for (base, bits) in [
                (PedersenConstants.firstLowPoint, 248), (PedersenConstants.firstHighPoint, 4),
                (PedersenConstants.secondLowPoint, 248), (PedersenConstants.secondHighPoint, 4),
            ] {
                var point = (x: base.x, y: base.y)
                for _ in 0..<bits {
                    #expect(points[index].x == point.x, "point \(index)")
                    #expect(points[index].y == point.y, "point \(index)")
                    point = PlainPedersen.double(point)
                    index += 1
                }
            }
            checked += 1
        }
        #expect(checked > 0)
    }
}
