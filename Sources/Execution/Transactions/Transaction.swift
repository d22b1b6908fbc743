package import StarkField
package import WireCodec

/// An account's call, version 3 (SNIP-8).
package struct InvokeTransactionV3: Hashable, Sendable {
    package var senderAddress: ContractAddress
    package var calldata: [Felt]
    package var signature: [Felt]
    package var nonce: Nonce
    package var resourceBounds: ResourceBoundsMapping
    /// Fri per unit of L2 gas on top of its price.
    package var tip: UInt64
    package var paymasterData: [Felt]
    package var accountDeploymentData: [Felt]
    package var nonceDataAvailabilityMode: DataAvailabilityMode
    package var feeDataAvailabilityMode: DataAvailabilityMode
    /// Facts that a client-side proof establishes (Starknet 0.14.2); hashed only when not empty.
    package var proofFacts: [Felt]

    package init(
        senderAddress: ContractAddress, calldata: [Felt], signature: [Felt], nonce: Nonce,
        resourceBounds: ResourceBoundsMapping, tip: UInt64 = 0, paymasterData: [Felt] = [],
        accountDeploymentData: [Felt] = [], nonceDataAvailabilityMode: DataAvailabilityMode = .l1,
        feeDataAvailabilityMode: DataAvailabilityMode = .l1, proofFacts: [Felt] = []
    ) {
        self.senderAddress = senderAddress
        self.calldata = calldata
        self.signature = signature
        self.nonce = nonce
        self.resourceBounds = resourceBounds
        self.tip = tip
        self.paymasterData = paymasterData
        self.accountDeploymentData = accountDeploymentData
        self.nonceDataAvailabilityMode = nonceDataAvailabilityMode
        self.feeDataAvailabilityMode = feeDataAvailabilityMode
        self.proofFacts = proofFacts
    }
}

/// The deployment of an account that pays for itself, version 3 (SNIP-8).
package struct DeployAccountTransactionV3: Hashable, Sendable {
    package var contractAddressSalt: Felt
    package var classHash: ClassHash
    package var constructorCalldata: [Felt]
    package var signature: [Felt]
    package var nonce: Nonce
    package var resourceBounds: ResourceBoundsMapping
    /// Fri per unit of L2 gas on top of its price.
    package var tip: UInt64
    package var paymasterData: [Felt]
    package var nonceDataAvailabilityMode: DataAvailabilityMode
    package var feeDataAvailabilityMode: DataAvailabilityMode

    package init(
        contractAddressSalt: Felt, classHash: ClassHash, constructorCalldata: [Felt],
        signature: [Felt], nonce: Nonce, resourceBounds: ResourceBoundsMapping, tip: UInt64 = 0,
        paymasterData: [Felt] = [], nonceDataAvailabilityMode: DataAvailabilityMode = .l1,
        feeDataAvailabilityMode: DataAvailabilityMode = .l1
    ) {
        self.contractAddressSalt = contractAddressSalt
        self.classHash = classHash
        self.constructorCalldata = constructorCalldata
        self.signature = signature
        self.nonce = nonce
        self.resourceBounds = resourceBounds
        self.tip = tip
        self.paymasterData = paymasterData
        self.nonceDataAvailabilityMode = nonceDataAvailabilityMode
        self.feeDataAvailabilityMode = feeDataAvailabilityMode
    }
}

/// A declaration with the class that it declares: every node that executes it needs both forms, and
/// the hash of the compiled one does not cover its hints, so that all must have the same.
package struct Declaration: Hashable, Sendable {
    package var transaction: DeclareTransactionV3
    /// The Sierra class in `PackedJSON`.
    package var sierra: [UInt8]
    /// The compiled class in `PackedJSON`.
    package var casm: [UInt8]

    package init(transaction: DeclareTransactionV3, sierra: [UInt8], casm: [UInt8]) {
        self.transaction = transaction
        self.sierra = sierra
        self.casm = casm
    }
}

/// A transaction that a block of this chain can hold.
package enum Transaction: Hashable, Sendable {
    case invoke(InvokeTransactionV3)
    case deployAccount(DeployAccountTransactionV3)
    case declare(Declaration)
    case l1Handler(L1HandlerTransaction)

    package var signature: [Felt] {
        switch self {
        case .invoke(let invoke): invoke.signature
        case .deployAccount(let deploy): deploy.signature
        case .declare(let declaration): declaration.transaction.signature
        case .l1Handler: []
        }
    }

    package var nonce: Nonce {
        switch self {
        case .invoke(let invoke): invoke.nonce
        case .deployAccount(let deploy): deploy.nonce
        case .declare(let declaration): declaration.transaction.nonce
        case .l1Handler(let message): message.nonce
        }
    }

    package var resourceBounds: ResourceBoundsMapping {
        switch self {
        case .invoke(let invoke): invoke.resourceBounds
        case .deployAccount(let deploy): deploy.resourceBounds
        case .declare(let declaration): declaration.transaction.resourceBounds
        case .l1Handler: .zero
        }
    }

    package var tip: UInt64 {
        switch self {
        case .invoke(let invoke): invoke.tip
        case .deployAccount(let deploy): deploy.tip
        case .declare(let declaration): declaration.transaction.tip
        case .l1Handler: 0
        }
    }
}

extension InvokeTransactionV3: WireCodable {
    package func encode(into writer: inout WireWriter) {
        senderAddress.encode(into: &writer)
        writer.write(felts: calldata)
        writer.write(felts: signature)
        nonce.encode(into: &writer)
        resourceBounds.encode(into: &writer)
        writer.write(tip)
        writer.write(felts: paymasterData)
        writer.write(felts: accountDeploymentData)
        nonceDataAvailabilityMode.encode(into: &writer)
        feeDataAvailabilityMode.encode(into: &writer)
        writer.write(felts: proofFacts)
    }

    package init(from reader: inout WireReader) throws(WireError) {
        senderAddress = try reader.read()
        calldata = try reader.readFelts("calldata", maximum: Limits.calldata)
        signature = try reader.readFelts("signature", maximum: Limits.signature)
        nonce = try reader.read()
        resourceBounds = try reader.read()
        tip = try reader.read()
        paymasterData = try reader.readFelts("paymaster data", maximum: Limits.paymasterData)
        accountDeploymentData = try reader.readFelts(
            "account deployment data", maximum: Limits.accountDeploymentData)
        nonceDataAvailabilityMode = try reader.read()
        feeDataAvailabilityMode = try reader.read()
        proofFacts = try reader.readFelts("proof facts", maximum: Limits.proofFacts)
    }
}

extension DeployAccountTransactionV3: WireCodable {
    package func encode(into writer: inout WireWriter) {
        contractAddressSalt.encode(into: &writer)
        classHash.encode(into: &writer)
        writer.write(felts: constructorCalldata)
        writer.write(felts: signature)
        nonce.encode(into: &writer)
        resourceBounds.encode(into: &writer)
        writer.write(tip)
        writer.write(felts: paymasterData)
        nonceDataAvailabilityMode.encode(into: &writer)
        feeDataAvailabilityMode.encode(into: &writer)
    }

    package init(from reader: inout WireReader) throws(WireError) {
        contractAddressSalt = try reader.read()
        classHash = try reader.read()
        constructorCalldata = try reader.readFelts(
            "constructor calldata", maximum: Limits.calldata)
        signature = try reader.readFelts("signature", maximum: Limits.signature)
        nonce = try reader.read()
        resourceBounds = try reader.read()
        tip = try reader.read()
        paymasterData = try reader.readFelts("paymaster data", maximum: Limits.paymasterData)
        nonceDataAvailabilityMode = try reader.read()
        feeDataAvailabilityMode = try reader.read()
    }
}

extension Declaration: WireCodable {
    package func encode(into writer: inout WireWriter) {
        transaction.encode(into: &writer)
        writer.write(sierra)
        writer.write(casm)
    }

    package init(from reader: inout WireReader) throws(WireError) {
        transaction = try reader.read()
        sierra = try reader.readBytes("Sierra class", maximum: Limits.classBytes)
        casm = try reader.readBytes("compiled class", maximum: Limits.classBytes)
    }
}

extension Transaction: WireCodable {
    package func encode(into writer: inout WireWriter) {
        switch self {
        case .invoke(let invoke):
            writer.write(UInt8(0))
            invoke.encode(into: &writer)
        case .deployAccount(let deploy):
            writer.write(UInt8(1))
            deploy.encode(into: &writer)
        case .declare(let declaration):
            writer.write(UInt8(2))
            declaration.encode(into: &writer)
        case .l1Handler(let message):
            writer.write(UInt8(3))
            message.encode(into: &writer)
        }
    }

    package init(from reader: inout WireReader) throws(WireError) {
        switch try reader.read(UInt8.self) {
        case 0: self = .invoke(try reader.read())
        case 1: self = .deployAccount(try reader.read())
        case 2: self = .declare(try reader.read())
        case 3: self = .l1Handler(try reader.read())
        case let tag: throw .unknownTag(what: "transaction", tag: tag)
        }
    }
}
