import Execution
package import StarkField
import StarkHash
import SystemContracts

/// Addresses of native accounts.
package enum Accounts {
    /// Where the account of a public key (hexadecimal) is, deployed at genesis or later with the
    /// key as salt.
    package static func address(publicKey: String) throws(ConfigurationError) -> String {
        guard let key = Felt(hex: publicKey) else {
            throw .invalid(
                file: "key", field: "publicKey", value: publicKey,
                rule: "it must be 0x and hexadecimal digits below p")
        }
        return GenesisState.address(
            of: key, accountClass: SystemContracts.account.classHash
        ).hexString
    }

    /// An entry point's selector.
    package static func selector(_ name: String) -> Felt { StarkHash.selector(name) }
}
