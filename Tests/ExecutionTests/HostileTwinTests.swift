import CairoVM
import Primitives
import StarkField
import StarkHash
import SystemContracts
import TestSupport
import Testing

@testable import Execution

/// Accounts that call contracts that misbehave: whether the system's classes are native makes no
/// difference, whatever happens below them.
@Suite("Hostile calls through native and Cairo accounts", .serialized)
struct HostileTwinTests {
    private static let contract: ContractAddress = 0x4057

    private static let calls: [(String, [Felt])] = [
        ("loop_forever", []), ("loop_forever_writing", []), ("recurse", [1_000_000_000]),
        ("recurse_by_call", [1_000_000]), ("call_until_out_of_gas", []),
        ("write_cells", [1, Felt(UInt64(UInt32.max)), 1]), ("rewrite_cell", [1, 100_000]),
        ("emit_events", [100_000, 3, 3]), ("emit_events", [2, 51, 1]),
        ("send_messages", [3000, 1, 1]), ("return_felts", [5000]), ("panic_felts", [1000]),
        ("panic_felts", [0]), ("use_pedersen", [100_000]), ("use_keccak", [4000]),
        ("nowhere", []), ("recurse_by_library_call", [0, 5]),
    ]

    @Test("A receipt and the state after it are the same", arguments: calls.indices)
    func agree(_ index: Int) throws {
        let (name, calldata) = Self.calls[index]
        let hostile = GenesisClass(
            DeclaredContract(
                sierra: try SierraClass(json: ExampleContracts.sierra("hostile")),
                casm: try CasmClass(json: ExampleContracts.casm("hostile"))))
        var world = try TransitionWorld()
        var diff = world.genesis
        diff.deployedContracts.append(
            ContractClassUpdate(address: Self.contract, classHash: hostile.classHash))
        world.view = StateView(
            committed: ClassTable(TransitionWorld.classes.all + [hostile])
        ).extended(by: StateLayer(height: 0, diff: diff))
        for gas: UInt64 in [20_000_000, 400_000_000, 1_200_000_000] {
            var bounds = TransitionWorld.bounds
            bounds.l2Gas.maxAmount = gas
            let transaction = world.prepared(
                0, nonce: 0,
                [
                    .transfer(world.accounts[1], U256(low: 1)),
                    .init(to: Self.contract, name: name, calldata: calldata),
                ], bounds: bounds)
            var native = try world.executor()
            var cairo = try world.executor(fastPath: .off)
            let first = try native.trace(transaction)
            let second = try cairo.trace(transaction)
            guard first == second else {
                Issue.record("\(name), gas \(gas):\nnative \(first)\ncairo  \(second)")
                return
            }
            #expect(try native.finish().diff == cairo.finish().diff)
        }
    }
}
