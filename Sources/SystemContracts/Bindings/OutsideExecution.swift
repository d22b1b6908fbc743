package import StarkField
import StarkHash

/// Calls that an account's owner signed and that somebody else may submit (SNIP-9, version 2).
package struct OutsideExecution: Hashable, Sendable {
    /// Who may submit it; `anyCaller` lets everybody.
    package var caller: Felt
    /// Not the account's transaction nonce: any felt that was not used before.
    package var nonce: Felt
    /// The block's time lies between the two and equals neither.
    package var executeAfterSeconds: UInt64
    package var executeBeforeSeconds: UInt64
    package var calls: [AccountBinding.Call]

    package static let anyCaller = shortString("ANY_CALLER")

    package init(
        caller: Felt = OutsideExecution.anyCaller, nonce: Felt, executeAfterSeconds: UInt64,
        executeBeforeSeconds: UInt64, calls: [AccountBinding.Call]
    ) {
        self.caller = caller
        self.nonce = nonce
        self.executeAfterSeconds = executeAfterSeconds
        self.executeBeforeSeconds = executeBeforeSeconds
        self.calls = calls
    }

    /// The calldata of `execute_from_outside_v2`.
    package func calldata(r: Felt, s: Felt) -> [Felt] {
        [caller, nonce, Felt(executeAfterSeconds), Felt(executeBeforeSeconds)]
            + AccountBinding.executeCalldata(calls) + [Felt(2 as UInt64), r, s]
    }

    /// What the account's owner signs: the message hash of SNIP-12, revision 1.
    package func messageHash(account: Felt, chainID: Felt) -> Felt {
        let domain = Poseidon.hashMany([
            TypeHash.domain, shortString("Account.execute_from_outside"), Felt(2 as UInt64),
            chainID, .one,
        ])
        return Poseidon.hashMany([shortString("StarkNet Message"), domain, account, structHash])
    }

    private var structHash: Felt {
        let hashes = calls.map { call in
            Poseidon.hashMany([
                TypeHash.call, call.contract, call.selector, Poseidon.hashMany(call.calldata),
            ])
        }
        return Poseidon.hashMany([
            TypeHash.outsideExecution, caller, nonce, Felt(executeAfterSeconds),
            Felt(executeBeforeSeconds), Poseidon.hashMany(hashes),
        ])
    }

    /// `starknet_keccak` of the types' texts (SNIP-12, "Encoding", and SNIP-9, "Version 2").
    private enum TypeHash {
        private static let callText =
            #""Call"("To":"ContractAddress","Selector":"selector","Calldata":"felt*")"#
        private static let executionText =
            #""OutsideExecution"("Caller":"ContractAddress","Nonce":"felt","#
            + #""Execute After":"u128","Execute Before":"u128","Calls":"Call*")"#
        private static let domainText =
            #""StarknetDomain"("name":"shortstring","version":"shortstring","#
            + #""chainId":"shortstring","revision":"shortstring")"#

        static let call = starknetKeccak(callText.utf8)
        static let outsideExecution = starknetKeccak((executionText + callText).utf8)
        static let domain = starknetKeccak(domainText.utf8)
    }
}
