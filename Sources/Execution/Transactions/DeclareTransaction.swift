package import StarkField
package import WireCodec

/// The declaration of a class, version 3 (SNIP-8; Starknet RPC 0.10, `DECLARE_TXN_V3`). The class
/// itself travels beside it.
package struct DeclareTransactionV3: Hashable, Sendable {
    package var senderAddress: ContractAddress
    package var classHash: ClassHash
    package var compiledClassHash: Felt
    package var signature: [Felt]
    package var nonce: Nonce
    package var resourceBounds: ResourceBoundsMapping
    /// Fri per unit of L2 gas on top of its price.
    package var tip: UInt64
    package var paymasterData: [Felt]
    package var accountDeploymentData: [Felt]
    package var nonceDataAvailabilityMode: DataAvailabilityMode
    package var feeDataAvailabilityMode: DataAvailabilityMode

    package init(
        senderAddress: ContractAddress, classHash: ClassHash, compiledClassHash: Felt,
        signature: [Felt], nonce: Nonce, resourceBounds: ResourceBoundsMapping, tip: UInt64 = 0,
        paymasterData: [Felt] = [], accountDeploymentData: [Felt] = [],
        nonceDataAvailabilityMode: DataAvailabilityMode = .l1,
        feeDataAvailabilityMode: DataAvailabilityMode = .l1
    ) {
        self.senderAddress = senderAddress
        self.classHash = classHash
        self.compiledClassHash = compiledClassHash
        self.signature = signature
        self.nonce = nonce
        self.resourceBounds = resourceBounds
        self.tip = tip
        self.paymasterData = paymasterData
        self.accountDeploymentData = accountDeploymentData
        self.nonceDataAvailabilityMode = nonceDataAvailabilityMode
        self.feeDataAvailabilityMode = feeDataAvailabilityMode
    }

    /// The transaction's hash (Starknet documentation, "Transactions", version 3).
    package func hash(
        chainID: ChainID, query: Bool = false, resources: HashedResources = .all
    ) -> Felt {
        HistoricTransactionHash.declareV3(
            senderAddress: senderAddress, classHash: classHash,
            compiledClassHash: compiledClassHash, nonce: nonce, resourceBounds: resourceBounds,
            tip: tip, paymasterData: paymasterData, accountDeploymentData: accountDeploymentData,
            nonceDataAvailabilityMode: nonceDataAvailabilityMode,
            feeDataAvailabilityMode: feeDataAvailabilityMode, chainID: chainID, query: query,
            resources: resources)
    }
}

extension DeclareTransactionV3: WireCodable {
    package func encode(into writer: inout WireWriter) {
        senderAddress.encode(into: &writer)
        classHash.encode(into: &writer)
        compiledClassHash.encode(into: &writer)
        writer.write(felts: signature)
        nonce.encode(into: &writer)
        resourceBounds.encode(into: &writer)
        writer.write(tip)
        writer.write(felts: paymasterData)
        writer.write(felts: accountDeploymentData)
        nonceDataAvailabilityMode.encode(into: &writer)
        feeDataAvailabilityMode.encode(into: &writer)
    }

    package init(from reader: inout WireReader) throws(WireError) {
        senderAddress = try reader.read()
        classHash = try reader.read()
        compiledClassHash = try reader.read()
        signature = try reader.readFelts("signature", maximum: Limits.signature)
        nonce = try reader.read()
        resourceBounds = try reader.read()
        tip = try reader.read()
        paymasterData = try reader.readFelts("paymaster data", maximum: Limits.paymasterData)
        accountDeploymentData = try reader.readFelts(
            "account deployment data", maximum: Limits.accountDeploymentData)
        nonceDataAvailabilityMode = try reader.read()
        feeDataAvailabilityMode = try reader.read()
    }
}
