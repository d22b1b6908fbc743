package import StarkField
import StarkHash

/// Where contracts live (Starknet documentation, "Contract address").
package enum ContractAddresses {
    /// 2^251 - 256: addresses and storage keys are below it.
    package static let bound = HashTerms.packed(
        0x07ff_ffff_ffff_ffff, .max, .max, 0xffff_ffff_ffff_ff00)

    private static let prefix = HashTerms.shortString("STARKNET_CONTRACT_ADDRESS")

    /// The address of a contract that `deployer` makes (0 for a deploy-account transaction, and
    /// for a deployment that does not depend on the deployer).
    package static func address(
        deployer: ContractAddress, salt: Felt, classHash: ClassHash, constructorCalldata: [Felt]
    ) -> ContractAddress {
        reduced(
            Pedersen.hashArray([
                prefix, deployer, salt, classHash, Pedersen.hashArray(constructorCalldata),
            ]))
    }

    /// A hash modulo 2^251 - 256, as Starknet makes addresses and storage keys. The prime is less
    /// than twice the bound, so one subtraction is enough.
    package static func reduced(_ hash: Felt) -> Felt {
        hash < bound ? hash : hash - bound
    }
}
