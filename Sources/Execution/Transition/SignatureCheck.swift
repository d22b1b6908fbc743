import StarkCurve
package import StarkField

/// One signature to check: what a node can verify in a batch, on any thread, before execution.
package struct SignatureCheck: Hashable, Sendable {
    package let publicKey: Felt
    package let messageHash: Felt
    package let r: Felt
    package let s: Felt

    /// Nil where there are not exactly two felts; no account of this target accepts that.
    package init?(publicKey: Felt, messageHash: Felt, signature: ArraySlice<Felt>) {
        guard signature.count == 2, let r = signature.first, let s = signature.last else {
            return nil
        }
        self.publicKey = publicKey
        self.messageHash = messageHash
        self.r = r
        self.s = s
    }

    /// Whether it is a signature of the hash under the key, by the ranges that Starknet's signing
    /// libraries keep (hash, r and 1/s below 2^251). Some tens of microseconds.
    package func verify() -> Bool {
        ECDSA.verify(
            messageHash: messageHash, signature: StarkSignature(r: r, s: s), publicKey: publicKey)
    }

    /// The verdict in the form that execution takes.
    package func checked() -> CheckedSignature {
        CheckedSignature(publicKey: publicKey, isValid: verify())
    }
}

/// A verdict on a transaction's signature. It holds for one public key: execution verifies by
/// itself when the account has another one by then.
package struct CheckedSignature: Hashable, Sendable {
    package let publicKey: Felt
    package let isValid: Bool

    package init(publicKey: Felt, isValid: Bool) {
        self.publicKey = publicKey
        self.isValid = isValid
    }
}

/// A transaction with what was computed of it beforehand.
package struct PreparedTransaction: Hashable, Sendable {
    package let transaction: Transaction
    package let hash: Felt
    package let senderAddress: ContractAddress
    /// Whether the hash is that of a query, which can be simulated only.
    package var isQuery = false
    /// The verdict on the signature over `hash`; nil where nobody has checked.
    package var signature: CheckedSignature?
    /// The class of a declaration, unpacked; without it a declaration is refused.
    package var declared: DeclaredContract?

    /// - Parameters:
    ///   - hash: the transaction's hash on the chain that executes it.
    ///   - senderAddress: `transaction.senderAddress()`.
    package init(
        _ transaction: Transaction, hash: Felt, senderAddress: ContractAddress,
        signature: CheckedSignature? = nil, declared: DeclaredContract? = nil
    ) {
        self.transaction = transaction
        self.hash = hash
        self.senderAddress = senderAddress
        self.signature = signature
        self.declared = declared
    }

    package init(
        _ transaction: Transaction, chainID: ChainID, isQuery: Bool = false,
        declared: DeclaredContract? = nil
    ) {
        self.init(
            transaction, hash: transaction.hash(chainID: chainID, query: isQuery),
            senderAddress: transaction.senderAddress(), declared: declared)
        self.isQuery = isQuery
    }

    /// What to verify so that execution need not: nil where the sender is no account of the chain's
    /// own class, where its deployment is malformed, or where the signature has not two felts. For
    /// an account that is not deployed yet but whose deployment is known, that transaction names the
    /// key.
    package func signatureCheck(
        in state: StateView, fastPath: FastPath,
        pendingDeployment: DeployAccountTransactionV3? = nil
    ) throws(StateReadError) -> SignatureCheck? {
        var block = BlockState(base: state)
        return try signatureCheck(
            in: &block, fastPath: fastPath, pendingDeployment: pendingDeployment)
    }

    func signatureCheck(
        in state: inout BlockState, fastPath: FastPath,
        pendingDeployment: DeployAccountTransactionV3?
    ) throws(StateReadError) -> SignatureCheck? {
        let publicKey: Felt
        switch transaction {
        case .l1Handler: return nil
        case .deployAccount(let deployment):
            guard fastPath[deployment.classHash] == .account,
                let key = deployment.constructorCalldata.first,
                deployment.constructorCalldata.count == 1
            else { return nil }
            publicKey = key
        case .invoke, .declare:
            let contract = try state.contract(senderAddress)
            let classHash = state.classHash(of: contract)
            if fastPath[classHash] == .account {
                let cell = try state.cell(of: contract, at: AccountStorage.publicKey)
                publicKey = state.value(cell)
            } else if classHash.isZero, let pendingDeployment,
                fastPath[pendingDeployment.classHash] == .account,
                let key = pendingDeployment.constructorCalldata.first,
                pendingDeployment.contractAddress() == senderAddress
            {
                publicKey = key
            } else {
                return nil
            }
        }
        return SignatureCheck(
            publicKey: publicKey, messageHash: hash, signature: transaction.signature[...])
    }
}

/// Where the chain's own account class keeps what others look at.
enum AccountStorage {
    static let publicKey = StorageAddresses.variable("Account_public_key")
}
