import CairoVM
import Foundation
import StarkField
import TestSupport
import Testing

@testable import Execution

/// Every entry point of the feature contracts, with arguments made from its ABI, against cairo-lang's
/// own state machine.
@Suite(
    .enabled(if: Fixtures.has("feature-contracts"), "\(Fixtures.absence(of: "feature-contracts"))"),
    .enabled(if: ReferenceRuns.python != nil, "\(ReferenceRuns.absence)"), .serialized)
struct FeatureContractTests {
    static let address: ContractAddress = 0xabc
    /// The constants of the version that the reference implements.
    static let constants: VersionedConstants = {
        guard var constants = VersionedConstants.of(StarknetVersion(0, 14, 0)) else {
            preconditionFailure("no constants of 0.14.0")
        }
        // The reference counts gas beside steps, and has no more of it; it charges nothing for
        // builtins.
        constants.initialGasOfSteps = ReferenceRuns.gas
        constants.builtinGas = [:]
        return constants.machineAlone
    }()

    struct Case {
        var feature: FeatureClass
        var function: String
        var style: String
        var call: EntryPointCall
        var description: String {
            "\(feature.name).\(function) (\(style)) with "
                + call.calldata.map(\.hexString).joined(separator: ",")
        }
    }

    static func cases(_ classes: [FeatureClass], seed: UInt64) -> [Case] {
        let refused: [ArgumentStyle] = [.garbage, .truncated, .trailing]
        var result: [Case] = []
        for (number, feature) in classes.enumerated() {
            let simple = feature.abi.functions.filter { $0.kind == .external && $0.inputs.isEmpty }
                .map(\.selector)
            var maker = ArgumentMaker(
                abi: feature.abi, address: address, classHash: feature.hash, selectors: simple,
                words: SeededWords(seed: seed &+ UInt64(number)))
            var named: Set<[Felt]> = []
            for (index, function) in feature.abi.functions.enumerated() {
                named.insert([Felt(UInt64(function.kind == .external ? 0 : 1)), function.selector])
                for style in ArgumentStyle.allCases {
                    // What depends on nothing else needs one run.
                    if function.inputs.isEmpty, style != .small, style != .trailing { continue }
                    // What is refused alike everywhere need not be tried everywhere.
                    if let kind = refused.firstIndex(of: style),
                        kind != index % refused.count
                    {
                        continue
                    }
                    result.append(
                        Case(
                            feature: feature, function: function.name, style: style.rawValue,
                            call: EntryPointCall(
                                address, function.selector,
                                maker.arguments(for: function, style), kind: function.kind)))
                }
            }
            // What the ABI does not tell of.
            for kind in CasmClass.EntryPointKind.allCases {
                for selector in feature.selectors(kind)
                where !named.contains([Felt(UInt64(kind == .external ? 0 : 1)), selector]) {
                    for count in 0..<3 {
                        result.append(
                            Case(
                                feature: feature, function: selector.hexString,
                                style: "unnamed \(count)",
                                call: EntryPointCall(
                                    address, selector,
                                    (0..<count).map { _ in maker.randomFelt() }, kind: kind)))
                    }
                }
                result.append(
                    Case(
                        feature: feature, function: "missing \(kind)", style: "unknown",
                        call: EntryPointCall(address, 0x1234, [], kind: kind)))
            }
        }
        return result
    }

    /// Why the reference says nothing of a case; nil where it does.
    static func silence(_ theirs: ReferenceRuns.Outcome, _ ours: CallOutcome) -> String? {
        if theirs.innerFailed { return "the reference does not undo calls that failed inside" }
        if let abort = ours.abort, theirs.error == nil {
            if abort.contains("not below 2^251") {
                return "the reference takes storage keys above 2^251 in Cairo 0"
            }
            if abort.contains("is no L1 address") {
                return "the reference takes L1 addresses above 160 bits"
            }
        }
        guard let error = theirs.error else { return nil }
        if error.contains("NotImplementedError") || error.contains("Unsupported syscall selector")
            || error.contains("not implemented")
        {
            return "a system call that the reference lacks"
        }
        guard !ours.failed else { return nil }
        if error.contains("range_check96") {
            return "the reference does not fill what a circuit leaves out of range_check96"
        }
        if error.contains("sha256") || error.contains("sha_256") {
            return "the reference's SHA-256 does not run"
        }
        var used = ExecutionResources()
        ours.info?.visit { used += $0.ownResources }
        if error.contains("Unknown value for memory cell") {
            if used.compressions > 0 { return "the reference has no Blake2s instruction" }
            if used[.mulMod] > 0 {
                return "the reference does not evaluate a circuit before its values are read"
            }
        }
        return nil
    }

    static func differences(
        _ one: Case, _ theirs: ReferenceRuns.Outcome, steps: CallOutcome, gas: CallOutcome
    ) -> [String] {
        var result: [String] = []
        func same<T: Equatable>(_ what: String, _ ours: T, _ expected: T) {
            if ours != expected { result.append("\(what): \(ours), expected \(expected)") }
        }
        if theirs.error != nil {
            // Where the reference stops, we fail; what an entry point lacks is a panic here.
            if !steps.failed { result.append("succeeds; the reference: \(theirs.error ?? "")") }
            return result
        }
        guard let info = steps.info else {
            return ["ends with \(steps.abort ?? ""); the reference returns"]
        }
        same("failed", info.failed, theirs.failed)
        same("returned", info.returnData.map(\.hexString), theirs.returned.map(\.hexString))
        same("events", info.sortedEvents(), theirs.events)
        same("messages", info.sortedMessages(), theirs.messages)
        same("storage", Set(steps.storage), theirs.storage)
        var resources = ExecutionResources()
        info.visit { resources += $0.ownResources }
        same("steps", resources.steps, theirs.steps)
        // The reference counts the three cells of each arena that a run leaves alone; the machine
        // of Starknet's sequencer passes the whole segment over.
        let arenas =
            theirs.holes >= resources.memoryHoles ? theirs.holes - resources.memoryHoles : 1
        if !(one.feature.isCairo1 && arenas.isMultiple(of: 3) && arenas <= 3 * theirs.calls) {
            same("holes", resources.memoryHoles, theirs.holes)
        }
        for builtin in Builtin.allCases {
            same(
                "\(builtin)", resources[builtin], theirs.builtins[builtin.name + "_builtin"] ?? 0)
        }
        guard one.feature.isCairo1 else { return result }
        guard let counted = gas.info else {
            return result + ["counting gas it ends with \(gas.abort ?? "")"]
        }
        same("gas", counted.gasConsumed, theirs.gas)
        same("returned counting gas", counted.returnData, theirs.returned)
        return result
    }

    @Test("Every entry point does what it does in Starknet's state machine")
    func everyEntryPoint() throws {
        let classes = try FeatureClass.fixtures(under: "feature-contracts")
        let cases = Self.cases(classes, seed: 7)
        var world = SmallWorld(classes)
        let jobs = cases.enumerated().map { number, one in
            ReferenceRuns.Job(
                id: number, contracts: [(Self.address, one.feature.hash)], call: one.call)
        }
        let donors = try FeatureClass.examples.compactMap {
            try FeatureClass.example($0).sierraPath
        }
        let (theirs, unloaded) = try ReferenceRuns.run(jobs, classes: classes, donors: donors)
        var silent: [String: Int] = [:]
        var compared = 0
        var counts: [String: Int] = [:]
        for (number, one) in cases.enumerated() {
            world.contracts = [Self.address: one.feature.hash]
            let steps = try world.run(
                one.call, Self.constants.counting(.cairoSteps), steps: ReferenceRuns.steps)
            let gas = try world.run(one.call, Self.constants.counting(.sierraGas))
            if let reason = unloaded[one.feature.hash] {
                silent["\(one.feature.name): \(reason)", default: 0] += 1
                continue
            }
            let outcome = try #require(theirs[number], "\(one.description)")
            if let reason = Self.silence(outcome, steps) {
                silent[reason, default: 0] += 1
                continue
            }
            compared += 1
            counts[
                outcome.error != nil ? "stopped" : outcome.failed ? "panicked" : "returned",
                default: 0] += 1
            let found = Self.differences(one, outcome, steps: steps, gas: gas)
            if !found.isEmpty {
                Issue.record("\(one.description): \(found.joined(separator: "; "))")
            }
        }
        print("feature contracts: \(classes.count) classes, \(compared) calls compared", counts)
        for (reason, count) in silent.sorted(by: { $0.key < $1.key }) {
            print("feature contracts: \(count) calls not compared: \(reason)")
        }
        #expect(compared > 500)
        #expect(unloaded.isEmpty)
    }
}
