import CairoVM
import StarkField
import TestSupport
import Testing

@testable import Execution

/// Every entry point of all classes at hand, with many arguments: what it uses stays within bounds.
@Suite(
    .enabled(if: Fixtures.has("feature-contracts"), "\(Fixtures.absence(of: "feature-contracts"))"),
    .serialized)
struct EntryPointBoundsTests {
    static let gas: UInt64 = 20_000_000
    static let steps: UInt64 = 200_000

    @Test("Whatever its arguments, a call ends within its gas and its steps", arguments: [1, 2, 3])
    func ends(seed: UInt64) throws {
        let classes =
            try FeatureClass.fixtures(under: "feature-contracts")
            + FeatureClass.fixtures(under: "devnet-contracts")
            + FeatureClass.examples.map { try FeatureClass.example($0) }
        let constants = try #require(VersionedConstants.of(StarknetVersion(0, 14, 0)))
        var world = SmallWorld(classes)
        var count = 0
        for one in FeatureContractTests.cases(classes, seed: seed) {
            world.contracts = [FeatureContractTests.address: one.feature.hash]
            var call = one.call
            call.initialGas = Self.gas
            let whole = try world.run(call, constants, steps: Self.steps)
            if let info = whole.info {
                #expect(info.gasConsumed <= Self.gas, "\(one.description), seed \(seed)")
            }
            let counted = try world.run(
                call, constants.machineAlone.counting(.cairoSteps), steps: Self.steps)
            if let info = counted.info {
                #expect(info.resources.steps <= Self.steps, "\(one.description), seed \(seed)")
            }
            count += 1
        }
        #expect(count > 500)
    }
}
