import CairoVM
import StarkField
import StarkHash
import TestSupport
import Testing

@testable import Execution

/// Gas and steps that Starknet's own sequencer states for calls of these very classes.
///
/// Source: starkware-libs/sequencer at 0b626c5, whose files the fixtures are:
/// `crates/blockifier/src/execution/syscalls/syscall_tests`. Its newest constants asked for system
/// calls what those of 0.14.1 do.
@Suite(
    .serialized,
    .enabled(if: Fixtures.has("feature-contracts"), "\(Fixtures.absence(of: "feature-contracts"))"))
struct PublishedGasTests {
    struct Published: CustomStringConvertible {
        var name: String
        var calldata: [Felt] = []
        var gas: UInt64
        var description: String { name }
    }

    static let published = [
        Published(name: "test_keccak", gas: 228_627),
        Published(name: "test_sha256", gas: 852_515),
        Published(name: "test_secp256k1", gas: 17_008_649),
        Published(name: "test_secp256k1_point_from_x", gas: 183_960),
        Published(name: "test_secp256r1", gas: 27_578_890),
        Published(
            name: "test_emit_events",
            calldata: [1, 2, 0x2019, 0x2020, 3, 0x2021, 0x2022, 0x2023], gas: 32_610),
        Published(name: "test_storage_read_write", calldata: [1234, 18], gas: 26_150),
        Published(
            name: "test_send_message_to_l1", calldata: [1234, 3, 2019, 2020, 2021], gas: 25_990),
    ]

    static func constants() throws -> VersionedConstants {
        try #require(VersionedConstants.of(StarknetVersion(0, 14, 1)))
    }

    @Test("A call costs the gas that the sequencer states", arguments: published)
    func gas(call: Published) throws {
        let (world, _) = try FeatureSyscallTests.deployed("test_secp256k1_point_from_x")
        let outcome = try world.run(
            FeatureSyscallTests.call(call.name, call.calldata), try Self.constants())
        #expect(outcome.info?.failed == false)
        #expect(outcome.info?.gasConsumed == call.gas)
    }

    @Test("A library call costs what the sequencer states, whether it comes to an end or fails")
    func libraryCalls() throws {
        let (world, feature) = try FeatureSyscallTests.deployed("test_secp256k1_point_from_x")
        let constants = try Self.constants()
        for (name, gas, failed) in [
            ("test_storage_read_write", 126_670, false), ("assert_eq", 110_520, true),
        ] as [(String, UInt64, Bool)] {
            let outcome = try world.run(
                FeatureSyscallTests.call(
                    "test_library_call",
                    [feature.hash, StarkHash.selector(name), 2, 1234, 91]), constants)
            #expect(outcome.info?.failed == failed)
            #expect(outcome.info?.gasConsumed == gas, "\(name)")
        }
    }

    @Test(
        "A transaction inside another costs the gas, and takes the steps, that the sequencer states"
    )
    func metaTransaction() throws {
        let (world, _) = try FeatureSyscallTests.deployed("execute_meta_tx_v0")
        let call = FeatureSyscallTests.call(
            "execute_meta_tx_v0",
            [
                FeatureSyscallTests.at, StarkHash.selector("__execute__"), 1, 1234, 2, 1000, 17, 0,
            ])
        let constants = try Self.constants()
        let transaction = FeatureSyscallTests.transaction(signature: [])
        let gas = try world.run(call, constants, transaction: transaction)
        #expect(gas.info?.gasConsumed == 511_450)
        #expect(gas.info?.resources == ExecutionResources())
        let steps = try world.run(
            call, constants.counting(.cairoSteps), transaction: transaction)
        var expected = ExecutionResources(steps: 4491, memoryHoles: 10)
        expected[.pedersen] = 12
        expected[.rangeCheck] = 77
        #expect(steps.info?.gasConsumed == 0)
        #expect(steps.info?.resources == expected)
    }
}
