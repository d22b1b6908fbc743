package import Execution
package import StarkField
import StarkHash

/// How to speak with `prytany::account::Account`.
package enum AccountBinding {
    package enum Selector {
        package static let execute = selector("__execute__")
        package static let validate = selector("__validate__")
        package static let validateDeclare = selector("__validate_declare__")
        package static let validateDeploy = selector("__validate_deploy__")
        package static let isValidSignature = selector("is_valid_signature")
        package static let isValidSignatureCamel = selector("isValidSignature")
        package static let supportsInterface = selector("supports_interface")
        package static let getPublicKey = selector("get_public_key")
        package static let getPublicKeyCamel = selector("getPublicKey")
        package static let setPublicKey = selector("set_public_key")
        package static let setPublicKeyCamel = selector("setPublicKey")
        package static let executeFromOutside = selector("execute_from_outside_v2")
        package static let isValidOutsideExecutionNonce = selector(
            "is_valid_outside_execution_nonce")

        package static let all = [
            execute, validate, validateDeclare, validateDeploy, isValidSignature,
            isValidSignatureCamel, supportsInterface, getPublicKey, getPublicKeyCamel, setPublicKey,
            setPublicKeyCamel, executeFromOutside, isValidOutsideExecutionNonce,
        ]
    }

    package enum Storage {
        package static let publicKey = StorageAddresses.variable("Account_public_key")
        private static let interfaces = StorageAddresses.variable("SRC5_supported_interfaces")
        private static let nonces = StorageAddresses.variable("SRC9_nonces")

        /// Holds 1 where the interface is supported.
        package static func interface(_ identifier: Felt) -> Felt {
            StorageAddresses.entry(of: interfaces, identifier)
        }

        /// Holds 1 where the nonce of an outside execution is used.
        package static func nonce(_ nonce: Felt) -> Felt {
            StorageAddresses.entry(of: nonces, nonce)
        }
    }

    /// SRC-5 identifiers (SNIP-5, SNIP-6, SNIP-9 version 2).
    package enum Interface {
        package static let introspection = Felt(
            reducingBigEndianWords: (
                0x03f9_18d1_7e5e_e773, 0x73b5_6385_708f_8556, 0x59a0_7f75_997f_365c,
                0xf877_4862_8532_a055
            ))
        package static let account = Felt(
            reducingBigEndianWords: (
                0x02ce_ccef_7f99_4940, 0xb396_2a6c_67e0_ba4f, 0xcd37_df7d_1314_17c6,
                0x04f9_1e03_caec_c1cd
            ))
        package static let outsideExecution = Felt(
            reducingBigEndianWords: (
                0x0001_d114_4bb2_1383, 0x66ff_28d8_e9ab_5745, 0x6b1d_332a_c421_9623,
                0x0c3a_6020_03c8_9872
            ))
    }

    /// The first key of each event; the second is the public key. There is no data.
    package enum Event {
        package static let ownerAdded = selector("OwnerAdded")
        package static let ownerRemoved = selector("OwnerRemoved")
    }

    /// What `__validate__` and `is_valid_signature` return of a valid signature.
    package static let valid = shortString("VALID")

    /// One call, as `__execute__` takes them.
    package struct Call: Hashable, Sendable {
        package var contract: Felt
        package var selector: Felt
        package var calldata: [Felt]

        package init(contract: Felt, selector: Felt, calldata: [Felt]) {
            self.contract = contract
            self.selector = selector
            self.calldata = calldata
        }

        fileprivate var serialized: [Felt] {
            [contract, selector, Felt(UInt64(calldata.count))] + calldata
        }
    }

    package static func constructorCalldata(publicKey: Felt) -> [Felt] { [publicKey] }

    /// The calldata of `__execute__` and `__validate__`: that of an invoke transaction.
    package static func executeCalldata(_ calls: [Call]) -> [Felt] {
        [Felt(UInt64(calls.count))] + calls.flatMap(\.serialized)
    }

    /// The calldata of `set_public_key`. The signature is the new key's, of `ownershipHash`.
    package static func setPublicKeyCalldata(
        _ publicKey: Felt, r: Felt, s: Felt
    ) -> [Felt] { [publicKey, Felt(2 as UInt64), r, s] }

    /// What a key signs to take over an account from the key that it has.
    package static func ownershipHash(account: Felt, currentKey: Felt) -> Felt {
        Poseidon.hashMany([
            shortString("StarkNet Message"), shortString("accept_ownership"), account, currentKey,
        ])
    }
}
