import Primitives
package import StarkField
import StarkHash

extension BlockHeader {
    private static let prefixV0 = HashTerms.shortString("STARKNET_BLOCK_HASH0")
    private static let prefixV1 = HashTerms.shortString("STARKNET_BLOCK_HASH1")
    private static let gasPricesPrefix = HashTerms.shortString("STARKNET_GAS_PRICES0")

    /// The block hash (Starknet documentation, "Block hash"): version 0 for Starknet 0.13.2 and
    /// 0.13.3, version 1 from 0.13.4 on. The header's version is 0.13.2 or later.
    package func hash() -> Felt {
        precondition(
            info.starknetVersion >= .poseidonBlockHash,
            "no block hash for Starknet \(info.starknetVersion)")
        let prices = info.gasPrices
        let hashesPrices = info.starknetVersion >= .hashedGasPrices
        var hasher = PoseidonHasher()
        hasher.update(hashesPrices ? BlockHeader.prefixV1 : BlockHeader.prefixV0)
        hasher.update(Felt(info.number.rawValue))
        hasher.update(stateRoot)
        hasher.update(info.sequencerAddress)
        hasher.update(Felt(info.timestamp))
        hasher.update(packedCounts)
        hasher.update(commitments.stateDiffCommitment)
        hasher.update(commitments.transactionCommitment)
        hasher.update(commitments.eventCommitment)
        hasher.update(commitments.receiptCommitment)
        if hashesPrices {
            hasher.update(
                Poseidon.hashMany([
                    BlockHeader.gasPricesPrefix, Felt(prices.l1Gas.wei), Felt(prices.l1Gas.fri),
                    Felt(prices.l1DataGas.wei), Felt(prices.l1DataGas.fri),
                    Felt(prices.l2Gas.wei), Felt(prices.l2Gas.fri),
                ]))
        } else {
            hasher.update(Felt(prices.l1Gas.wei))
            hasher.update(Felt(prices.l1Gas.fri))
            hasher.update(Felt(prices.l1DataGas.wei))
            hasher.update(Felt(prices.l1DataGas.fri))
        }
        hasher.update(HashTerms.shortString(info.starknetVersion.description))
        hasher.update(.zero)
        hasher.update(parentHash)
        return hasher.finalize()
    }

    /// Transactions, events and state-diff length in 64 bits each, then one bit for blobs.
    private var packedCounts: Felt {
        HashTerms.packed(
            commitments.transactionCount, commitments.eventCount, commitments.stateDiffLength,
            info.l1DataAvailabilityMode == .blob ? 1 << 63 : 0)
    }
}
