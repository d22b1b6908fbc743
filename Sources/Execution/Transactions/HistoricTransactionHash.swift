package import StarkField
import StarkHash

/// Hashes of the transaction kinds that Starknet has had besides those that this chain includes:
/// for blocks of public networks, and for L1 handlers and declarations. Sources: Starknet
/// documentation, "Transactions"; the pre-0.7 forms follow cairo-lang's history.
///
/// `version` is the number in the hash: the transaction's version, with 2^128 added for a query.
package enum HistoricTransactionHash {
    private static let invoke = HashTerms.shortString("invoke")
    private static let declare = HashTerms.shortString("declare")
    private static let deploy = HashTerms.shortString("deploy")
    private static let deployAccount = HashTerms.shortString("deploy_account")
    private static let l1Handler = HashTerms.shortString("l1_handler")
    private static let constructor = StarkHash.selector("constructor")

    /// The form that all Pedersen hashes of version 0 to 2 transactions share.
    private static func common(
        _ kind: Felt, version: Felt, address: Felt, selector: Felt, calldata: [Felt],
        maxFee: Felt, chainID: ChainID, extra: [Felt]
    ) -> Felt {
        Pedersen.hashArray(
            [kind, version, address, selector, Pedersen.hashArray(calldata), maxFee, chainID]
                + extra)
    }

    /// The version number in a hash.
    package static func version(_ number: UInt64, query: Bool = false) -> Felt {
        HashTerms.packed(0, query ? 1 : 0, 0, number)
    }

    package static func invokeV0(
        version: Felt, contractAddress: Felt, selector: Selector, calldata: [Felt], maxFee: Felt,
        chainID: ChainID
    ) -> Felt {
        common(
            invoke, version: version, address: contractAddress, selector: selector,
            calldata: calldata, maxFee: maxFee, chainID: chainID, extra: [])
    }

    package static func invokeV1(
        version: Felt, senderAddress: Felt, calldata: [Felt], maxFee: Felt, nonce: Nonce,
        chainID: ChainID
    ) -> Felt {
        common(
            invoke, version: version, address: senderAddress, selector: .zero,
            calldata: calldata, maxFee: maxFee, chainID: chainID, extra: [nonce])
    }

    package static func declareV0(
        version: Felt, senderAddress: Felt, classHash: ClassHash, maxFee: Felt, chainID: ChainID
    ) -> Felt {
        common(
            declare, version: version, address: senderAddress, selector: .zero, calldata: [],
            maxFee: maxFee, chainID: chainID, extra: [classHash])
    }

    package static func declareV1(
        version: Felt, senderAddress: Felt, classHash: ClassHash, maxFee: Felt, nonce: Nonce,
        chainID: ChainID
    ) -> Felt {
        common(
            declare, version: version, address: senderAddress, selector: .zero,
            calldata: [classHash], maxFee: maxFee, chainID: chainID, extra: [nonce])
    }

    package static func declareV2(
        version: Felt, senderAddress: Felt, classHash: ClassHash, compiledClassHash: Felt,
        maxFee: Felt, nonce: Nonce, chainID: ChainID
    ) -> Felt {
        common(
            declare, version: version, address: senderAddress, selector: .zero,
            calldata: [classHash], maxFee: maxFee, chainID: chainID,
            extra: [nonce, compiledClassHash])
    }

    package static func declareV3(
        senderAddress: Felt, classHash: ClassHash, compiledClassHash: Felt, nonce: Nonce,
        resourceBounds: ResourceBoundsMapping, tip: UInt64, paymasterData: [Felt],
        accountDeploymentData: [Felt], nonceDataAvailabilityMode: DataAvailabilityMode,
        feeDataAvailabilityMode: DataAvailabilityMode, chainID: ChainID, query: Bool = false,
        resources: HashedResources = .all
    ) -> Felt {
        Poseidon.hashMany([
            declare, CommonFieldsV3.version(query: query), senderAddress,
            CommonFieldsV3.feeFields(tip: tip, bounds: resourceBounds, resources: resources),
            HashTerms.hashMany(paymasterData), chainID, nonce,
            CommonFieldsV3.dataAvailability(
                nonce: nonceDataAvailabilityMode, fee: feeDataAvailabilityMode),
            HashTerms.hashMany(accountDeploymentData), classHash, compiledClassHash,
        ])
    }

    package static func deployAccountV1(
        version: Felt, contractAddressSalt: Felt, classHash: ClassHash,
        constructorCalldata: [Felt], maxFee: Felt, nonce: Nonce, chainID: ChainID
    ) -> Felt {
        let address = ContractAddresses.address(
            deployer: .zero, salt: contractAddressSalt, classHash: classHash,
            constructorCalldata: constructorCalldata)
        return common(
            deployAccount, version: version, address: address, selector: .zero,
            calldata: [classHash, contractAddressSalt] + constructorCalldata, maxFee: maxFee,
            chainID: chainID, extra: [nonce])
    }

    /// The deploy transaction, which Starknet removed in 0.11.
    package static func deploy(
        version: Felt, contractAddress: Felt, constructorCalldata: [Felt], chainID: ChainID
    ) -> Felt {
        common(
            deploy, version: version, address: contractAddress, selector: constructor,
            calldata: constructorCalldata, maxFee: .zero, chainID: chainID, extra: [])
    }

    package static func l1Handler(
        version: Felt, contractAddress: Felt, selector: Selector, calldata: [Felt], nonce: Nonce,
        chainID: ChainID
    ) -> Felt {
        common(
            l1Handler, version: version, address: contractAddress, selector: selector,
            calldata: calldata, maxFee: .zero, chainID: chainID, extra: [nonce])
    }

    // MARK: Before Starknet 0.8: no version, no fee

    private static func early(
        _ kind: Felt, address: Felt, selector: Felt, calldata: [Felt], chainID: ChainID,
        extra: [Felt] = []
    ) -> Felt {
        Pedersen.hashArray(
            [kind, address, selector, Pedersen.hashArray(calldata), chainID] + extra)
    }

    package static func earlyInvoke(
        contractAddress: Felt, selector: Selector, calldata: [Felt], chainID: ChainID
    ) -> Felt {
        early(
            invoke, address: contractAddress, selector: selector, calldata: calldata,
            chainID: chainID)
    }

    package static func earlyDeploy(
        contractAddress: Felt, constructorCalldata: [Felt], chainID: ChainID
    ) -> Felt {
        early(
            deploy, address: contractAddress, selector: constructor,
            calldata: constructorCalldata, chainID: chainID)
    }

    /// An L1 handler once it had its own prefix and a nonce; before that it hashed as an invoke.
    package static func earlyL1Handler(
        contractAddress: Felt, selector: Selector, calldata: [Felt], nonce: Nonce,
        chainID: ChainID
    ) -> Felt {
        early(
            l1Handler, address: contractAddress, selector: selector, calldata: calldata,
            chainID: chainID, extra: [nonce])
    }
}
