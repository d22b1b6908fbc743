import Execution
import Foundation
import JSONText
import Primitives
import StarkField
import StateTrie
import TestSupport
import Testing

@testable import RPC

/// Answers that other nodes gave, read into this node's types and rendered again.
@Suite(.enabled(if: Fixtures.has("rpc"), Comment(rawValue: Fixtures.absence(of: "rpc"))))
struct RecordedTests {
    private static let files =
        ["rpc", "trie", "blocks/rpc"].flatMap { Fixtures.files(under: $0, suffix: ".json") }

    /// Without a note that a test has read the file: that is made once something of it was used.
    private static func json(_ file: Fixtures.File) throws -> JSONValue {
        var limits = JSONLimits()
        limits.values = 4_000_000
        limits.members = 100_000
        limits.depth = 200
        let path = Fixtures.root.appendingPathComponent(file.path)
        return try JSONParser.parse([UInt8](try Data(contentsOf: path)), limits: limits)
    }

    /// What a value is, and what this node renders for it; nil where it is nothing, or nothing that
    /// this node has.
    private static func again(
        _ value: JSONValue
    ) -> (kind: String, bytes: [UInt8])? {
        var writer = JSONWriter()
        guard case .object = value else { return list(value) }
        func has(_ names: String...) -> Bool { names.allSatisfy { value[$0] != nil } }
        let kind: String
        if has("simulated_transactions", "initial_reads") {
            guard let simulation = simulation(value["simulated_transactions"]),
                let reads = value["initial_reads"].flatMap(RecordedReader.reads)
            else { return nil }
            writer.simulation(
                RPCSimulation(results: simulation.results, initialReads: reads),
                initialReads: true)
            kind = "simulation with reads"
        } else if has("traces", "initial_reads") {
            guard let traces = traces(value["traces"]),
                let reads = value["initial_reads"].flatMap(RecordedReader.reads)
            else { return nil }
            writer.traces(
                RPCBlockTraces(traces: traces.traces, initialReads: reads), initialReads: true)
            kind = "traces with reads"
        } else if has("type", "execution_resources"), !has("transaction_hash") {
            guard let trace = RecordedReader.trace(value) else { return nil }
            writer.trace(trace)
            kind = "trace"
        } else if has("l1_da_mode", "transactions") {
            guard let (block, form) = RecordedReader.block(value) else { return nil }
            writer.block(block, form)
            kind = "block"
        } else if has("actual_fee", "execution_status") {
            guard let read = RecordedReader.receipt(value) else { return nil }
            writer.receipt(
                read.receipt, of: Sample.transfer(nonce: 1, hash: 1, events: 0).0,
                finality: read.finality, in: read.inclusion)
            kind = "receipt"
        } else if has("type", "version") {
            guard let transaction = RecordedReader.transaction(value) else { return nil }
            writer.transaction(
                transaction, hash: RecordedReader.felt(value["transaction_hash"]),
                proofFacts: has("proof_facts"))
            kind = "transaction"
        } else if has("overall_fee") {
            guard let estimate = RecordedReader.estimate(value) else { return nil }
            writer.estimate(estimate)
            kind = "estimate"
        } else if has("old_root", "state_diff") {
            guard let update = RecordedReader.stateUpdate(value) else { return nil }
            writer.stateUpdate(update, only: nil)
            kind = "state update"
        } else if has("storage_diffs", "nonces") {
            guard let diff = RecordedReader.diff(value) else { return nil }
            writer.object { $0.members(diff) }
            kind = "state diff"
        } else if has("contracts_proof", "global_roots") {
            guard let proof = RecordedReader.storageProof(value) else { return nil }
            writer.storageProof(proof)
            kind = "storage proof"
        } else if has("sierra_program") {
            guard let sierra = try? Decode.contractClass(value) else { return nil }
            writer.contractClass(.sierra(sierra))
            kind = "class"
        } else if has("program", "entry_points_by_type") {
            guard let old = RecordedReader.deprecatedClass(value) else { return nil }
            writer.contractClass(.deprecated(old))
            kind = "Cairo 0 class"
        } else if consists(value, of: ["events", "continuation_token"]) {
            guard let (page, token) = RecordedReader.eventPage(value) else { return nil }
            writer.events(page, token: token)
            kind = "events"
        } else if consists(value, of: ["finality_status", "execution_status", "failure_reason"]) {
            guard let status = RecordedReader.status(value) else { return nil }
            writer.status(status)
            kind = "status"
        } else if has("value", "last_update_block") {
            guard let word = RecordedReader.felt(value["value"]),
                let number = value["last_update_block"]?.unsigned
            else { return nil }
            writer.storageValue(word, lastUpdate: Height(number))
            kind = "storage"
        } else {
            return nil
        }
        return (kind, writer.bytes)
    }

    /// Whether an object has the first of these members and no others than these.
    private static func consists(_ value: JSONValue, of names: [String]) -> Bool {
        guard let members = value.members, let first = names.first, value[first] != nil else {
            return false
        }
        return members.allSatisfy { names.contains($0.name) }
    }

    private static func list(_ value: JSONValue) -> (kind: String, bytes: [UInt8])? {
        var writer = JSONWriter()
        if let simulation = simulation(value) {
            writer.simulation(simulation, initialReads: false)
            return ("simulation", writer.bytes)
        }
        guard let traces = traces(value) else { return nil }
        writer.traces(traces, initialReads: false)
        return ("traces", writer.bytes)
    }

    private static func simulation(_ value: JSONValue?) -> RPCSimulation? {
        guard let elements = value?.elements, !elements.isEmpty else { return nil }
        return RecordedReader.list(value) { entry -> RPCSimulation.Result? in
            guard let trace = entry["transaction_trace"].flatMap(RecordedReader.trace),
                let fee = entry["fee_estimation"].flatMap(RecordedReader.estimate)
            else { return nil }
            return .init(trace: trace, fee: fee)
        }.map { RPCSimulation(results: $0) }
    }

    private static func traces(_ value: JSONValue?) -> RPCBlockTraces? {
        guard let elements = value?.elements, !elements.isEmpty else { return nil }
        return RecordedReader.list(value) { entry -> RPCBlockTraces.Entry? in
            guard let trace = entry["trace_root"].flatMap(RecordedReader.trace),
                let hash = RecordedReader.felt(entry["transaction_hash"])
            else { return nil }
            return .init(transactionHash: hash, trace: trace)
        }.map { RPCBlockTraces(traces: $0) }
    }

    /// Members in the order of their names, which is free, and without the one list that answers may
    /// leave out when it is empty.
    private static func normal(_ value: JSONValue) -> JSONValue {
        switch value {
        case .array(let elements): return .array(elements.map(normal))
        case .object(let members):
            return .object(
                members.filter {
                    $0.name != "migrated_compiled_classes" || $0.value != .array([])
                }.sorted { $0.name < $1.name }.map { JSONMember($0.name, normal($0.value)) })
        default: return value
        }
    }

    private static let queryVersion = "0x100000000000000000000000000000003"

    private func compare(
        _ value: JSONValue, _ file: Fixtures.File, _ counts: inout [String: Int]
    ) throws {
        var value = value
        if value["type"] != nil, value["version"] != nil, let members = value.members {
            // Notifications have a transaction's status among its members, and requests the
            // version of queries.
            value = .object(
                members.filter { $0.name != "finality_status" }.map {
                    $0.value == .string(Self.queryVersion)
                        ? JSONMember($0.name, .string("0x3")) : $0
                })
        }
        if let (kind, bytes) = Self.again(value) {
            let rendered = try Harness.parse(bytes)
            #expect(Self.normal(rendered) == Self.normal(value), "\(kind) in \(file)")
            counts[kind, default: 0] += 1
            return
        }
        for element in value.elements ?? [] { try compare(element, file, &counts) }
        for member in value.members ?? [] { try compare(member.value, file, &counts) }
    }

    @Test("recorded answers of this node's kinds come out as they came in")
    func roundTrip() throws {
        var counts: [String: Int] = [:]
        for file in Self.files {
            let before = counts
            let value = try Self.json(file)
            if let felt = RecordedReader.felt(value) {
                var writer = JSONWriter()
                writer.felt(felt)
                #expect(try Harness.parse(writer.bytes) == value, "\(file)")
                counts["felt", default: 0] += 1
            }
            try compare(value, file, &counts)
            if counts != before { _ = try Fixtures.read(file) }
        }
        for kind in [
            "trace", "traces", "traces with reads", "simulation", "simulation with reads",
            "estimate", "block", "receipt", "transaction", "state update", "state diff",
            "storage proof", "class", "Cairo 0 class", "events", "status", "storage",
        ] {
            #expect(counts[kind, default: 0] > 0, "no \(kind) among the recorded answers")
        }
        let total = counts.values.reduce(0, +)
        #expect(total >= 80, "\(total) answers were compared: \(counts)")
    }

    @Test("the nodes of recorded storage proofs have the hashes under which they are listed")
    func proofs() throws {
        var checked = 0
        for file in Self.files {
            let value = try Self.json(file)
            guard let proof = RecordedReader.storageProof(value["result"] ?? value) else {
                continue
            }
            _ = try Fixtures.read(file)
            _ = try CheckedProof(proof.classes, hash: PoseidonTrieHash.self)
            _ = try CheckedProof(proof.contracts, hash: PedersenTrieHash.self)
            for nodes in proof.slots { _ = try CheckedProof(nodes, hash: PedersenTrieHash.self) }
            checked += proof.classes.count + proof.contracts.count
        }
        #expect(checked > 0)
    }

    /// Error cases of another project's tests that name nothing of its chain.
    @Test("wrong requests get the codes that clients expect")
    func errors() async throws {
        var checked = 0
        for file in Self.files {
            let before = checked
            for entry in try Self.json(file)["assertions"]?.elements ?? [] {
                guard let method = entry["method"]?.text, let parameters = entry["params"],
                    let code = entry["expected_error"]?["code"], code != .number("40")
                else { continue }
                let text = String(decoding: parameters.utf8(.compact), as: UTF8.self)
                if text.contains("$") { continue }
                let answer = try await Harness().call(method, text)
                #expect(answer["error"]?["code"] == code, "\(entry)")
                checked += 1
            }
            if checked > before { _ = try Fixtures.read(file) }
        }
        #expect(checked >= 8, "\(checked) error cases were tried")
    }
}
