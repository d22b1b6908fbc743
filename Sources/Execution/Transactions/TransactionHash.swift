package import StarkField
import StarkHash

/// Which resource bounds a version 3 transaction hashes. Transactions signed before Starknet
/// 0.13.4 may name L1 and L2 gas alone, and then the third bound is not hashed, not even as 0.
package enum HashedResources: Hashable, Sendable {
    case all
    case withoutL1DataGas
}

/// The fields that all version 3 transactions have, as they enter the hash.
struct CommonFieldsV3 {
    /// The version number in the hash; a transaction that is signed only to be simulated has
    /// bit 128 set, so that it can never be included.
    static func version(query: Bool) -> Felt {
        HashTerms.packed(0, query ? 1 : 0, 0, 3)
    }

    /// Resource names, each at most seven characters, as the highest word of a packed bound.
    private static let l1GasName: UInt64 = 0x4c31_5f47_4153  // L1_GAS
    private static let l2GasName: UInt64 = 0x4c32_5f47_4153  // L2_GAS
    private static let l1DataName: UInt64 = 0x4c_315f_4441_5441  // L1_DATA

    /// name (60 bits), maximal amount (64 bits), maximal price per unit (128 bits).
    private static func packed(_ name: UInt64, _ bounds: ResourceBounds) -> Felt {
        HashTerms.packed(
            name, bounds.maxAmount, HashTerms.high(bounds.maxPricePerUnit),
            HashTerms.low(bounds.maxPricePerUnit))
    }

    /// Poseidon of tip and packed bounds: 3 permutations with three bounds, 2 with two.
    static func feeFields(
        tip: UInt64, bounds: ResourceBoundsMapping, resources: HashedResources
    ) -> Felt {
        var hasher = PoseidonHasher()
        hasher.update(Felt(tip))
        hasher.update(packed(l1GasName, bounds.l1Gas))
        hasher.update(packed(l2GasName, bounds.l2Gas))
        if resources == .all { hasher.update(packed(l1DataName, bounds.l1DataGas)) }
        return hasher.finalize()
    }

    static func dataAvailability(nonce: DataAvailabilityMode, fee: DataAvailabilityMode) -> Felt {
        Felt(UInt64(nonce.rawValue) << 32 | UInt64(fee.rawValue))
    }

    /// A sponge that has absorbed a transaction's kind and version: the first permutation of every
    /// hash, done once.
    static func start(_ kind: String, query: Bool) -> PoseidonHasher {
        var hasher = PoseidonHasher()
        hasher.update(HashTerms.shortString(kind))
        hasher.update(version(query: query))
        return hasher
    }
    static let invokeTag = HashTerms.shortString("invoke")
    static let invokeStart = start("invoke", query: false)
    static let deployAccountStart = start("deploy_account", query: false)
}

extension InvokeTransactionV3 {
    /// The transaction's hash (Starknet documentation, "Transactions", version 3; proof facts as
    /// of 0.14.2).
    package func hash(
        chainID: ChainID, query: Bool = false, resources: HashedResources = .all
    ) -> Felt {
        hash(
            chainID: chainID, query: query,
            feeFields: CommonFieldsV3.feeFields(
                tip: tip, bounds: resourceBounds, resources: resources))
    }

    /// All that the hash covers, in order.
    func hashFields(
        chainID: ChainID, query: Bool, feeFields: Felt, calldataHash: Felt
    ) -> [Felt] {
        let fields = [
            CommonFieldsV3.invokeTag, CommonFieldsV3.version(query: query), senderAddress,
            feeFields, HashTerms.hashMany(paymasterData), chainID, nonce,
            CommonFieldsV3.dataAvailability(
                nonce: nonceDataAvailabilityMode, fee: feeDataAvailabilityMode),
            HashTerms.hashMany(accountDeploymentData), calldataHash,
        ]
        return proofFacts.isEmpty ? fields : fields + [HashTerms.hashMany(proofFacts)]
    }

    func hash(chainID: ChainID, query: Bool, feeFields: Felt) -> Felt {
        var hasher =
            query ? CommonFieldsV3.start("invoke", query: true) : CommonFieldsV3.invokeStart
        hasher.update(senderAddress)
        hasher.update(feeFields)
        hasher.update(HashTerms.hashMany(paymasterData))
        hasher.update(chainID)
        hasher.update(nonce)
        hasher.update(
            CommonFieldsV3.dataAvailability(
                nonce: nonceDataAvailabilityMode, fee: feeDataAvailabilityMode))
        hasher.update(HashTerms.hashMany(accountDeploymentData))
        hasher.update(HashTerms.hashMany(calldata))
        if !proofFacts.isEmpty { hasher.update(HashTerms.hashMany(proofFacts)) }
        return hasher.finalize()
    }
}

extension DeployAccountTransactionV3 {
    /// The address that the account gets; also the transaction's sender.
    package func contractAddress() -> ContractAddress {
        ContractAddresses.address(
            deployer: .zero, salt: contractAddressSalt, classHash: classHash,
            constructorCalldata: constructorCalldata)
    }

    /// The transaction's hash (Starknet documentation, "Transactions", version 3).
    package func hash(
        chainID: ChainID, query: Bool = false, resources: HashedResources = .all
    ) -> Felt {
        hash(chainID: chainID, query: query, resources: resources, address: contractAddress())
    }

    /// The same for a caller that has `contractAddress()` already.
    package func hash(
        chainID: ChainID, query: Bool = false, resources: HashedResources = .all,
        address: ContractAddress
    ) -> Felt {
        hash(
            chainID: chainID, query: query, address: address,
            feeFields: CommonFieldsV3.feeFields(
                tip: tip, bounds: resourceBounds, resources: resources))
    }

    func hash(chainID: ChainID, query: Bool, address: ContractAddress, feeFields: Felt) -> Felt {
        var hasher =
            query
            ? CommonFieldsV3.start("deploy_account", query: true)
            : CommonFieldsV3.deployAccountStart
        hasher.update(address)
        hasher.update(feeFields)
        hasher.update(HashTerms.hashMany(paymasterData))
        hasher.update(chainID)
        hasher.update(nonce)
        hasher.update(
            CommonFieldsV3.dataAvailability(
                nonce: nonceDataAvailabilityMode, fee: feeDataAvailabilityMode))
        hasher.update(HashTerms.hashMany(constructorCalldata))
        hasher.update(classHash)
        hasher.update(contractAddressSalt)
        return hasher.finalize()
    }
}

extension Transaction {
    /// The transaction's hash on a chain. A query is signed for simulation only and has another
    /// hash than the same transaction meant to be included.
    package func hash(chainID: ChainID, query: Bool = false) -> Felt {
        switch self {
        case .invoke(let invoke): invoke.hash(chainID: chainID, query: query)
        case .deployAccount(let deploy): deploy.hash(chainID: chainID, query: query)
        case .declare(let declaration):
            declaration.transaction.hash(chainID: chainID, query: query)
        case .l1Handler(let message): message.hash(chainID: chainID, query: query)
        }
    }

    /// Whose nonce and balance the transaction uses. For a deployment this hashes (some Pedersen
    /// hashes); keep `TransactionDigest.senderAddress` instead of asking twice.
    package func senderAddress() -> ContractAddress {
        switch self {
        case .invoke(let invoke): invoke.senderAddress
        case .deployAccount(let deploy): deploy.contractAddress()
        case .declare(let declaration): declaration.transaction.senderAddress
        case .l1Handler(let message): message.contractAddress
        }
    }
}

/// What the node needs to know of a transaction again and again, hashed once.
package struct TransactionDigest: Hashable, Sendable {
    package let hash: Felt
    package let senderAddress: ContractAddress
    /// The leaf of the transaction commitment: Poseidon of the hash and the signature.
    package let leaf: Felt
}

/// Hashes the transactions of one chain.
///
/// Permutations for a transfer (an invoke of one call with three arguments, a signature of two
/// felts): 4 for the calldata, 3 for tip and bounds, 5 for the transaction, 2 for the leaf; 14 in
/// all, 11 where the transaction before had the same tip and bounds.
package struct TransactionHasher: Sendable {
    package let chainID: ChainID
    private var lastTip: UInt64
    private var lastBounds: ResourceBoundsMapping
    private var lastFeeFields: Felt

    package init(chainID: ChainID) {
        self.chainID = chainID
        lastTip = 0
        lastBounds = .zero
        lastFeeFields = CommonFieldsV3.feeFields(tip: 0, bounds: .zero, resources: .all)
    }

    package mutating func digest(of transaction: Transaction) -> TransactionDigest {
        let hash: Felt
        let sender: ContractAddress
        switch transaction {
        case .invoke(let invoke):
            let fee = feeFields(tip: invoke.tip, bounds: invoke.resourceBounds)
            sender = invoke.senderAddress
            hash = invoke.hash(chainID: chainID, query: false, feeFields: fee)
        case .deployAccount(let deploy):
            let fee = feeFields(tip: deploy.tip, bounds: deploy.resourceBounds)
            sender = deploy.contractAddress()
            hash = deploy.hash(chainID: chainID, query: false, address: sender, feeFields: fee)
        case .declare, .l1Handler:
            sender = transaction.senderAddress()
            hash = transaction.hash(chainID: chainID)
        }
        return TransactionDigest(
            hash: hash, senderAddress: sender,
            leaf: CommitmentLeaves.transaction(hash: hash, signature: transaction.signature))
    }

    /// The digests of many transactions, hashed side by side.
    package mutating func digests(of transactions: [Transaction]) -> [TransactionDigest] {
        var results: [TransactionDigest?] = []
        var invokes: [InvokeTransactionV3] = []
        for transaction in transactions {
            switch transaction {
            case .invoke(let invoke):
                invokes.append(invoke)
                results.append(nil)
            case .deployAccount, .declare, .l1Handler:
                results.append(digest(of: transaction))
            }
        }
        var digests = self.digests(of: invokes).makeIterator()
        return results.map { known in
            guard let digest = known ?? digests.next() else {
                preconditionFailure("a transaction without a digest")
            }
            return digest
        }
    }

    /// Three rounds: the lists inside, the hashes over them, and the leaves over those.
    private mutating func digests(of invokes: [InvokeTransactionV3]) -> [TransactionDigest] {
        let calldata = Poseidon.hashMany(
            flat: invokes.flatMap(\.calldata), counts: invokes.map(\.calldata.count))
        var flat: [Felt] = []
        var counts: [Int] = []
        for (invoke, calldata) in zip(invokes, calldata) {
            let fee = feeFields(tip: invoke.tip, bounds: invoke.resourceBounds)
            let fields = invoke.hashFields(
                chainID: chainID, query: false, feeFields: fee, calldataHash: calldata)
            flat += fields
            counts.append(fields.count)
        }
        let hashes = Poseidon.hashMany(flat: flat, counts: counts)
        let leaves = Poseidon.hashMany(
            flat: zip(hashes, invokes).flatMap { [$0] + $1.signature },
            counts: invokes.map { 1 + $0.signature.count })
        return invokes.indices.map {
            TransactionDigest(
                hash: hashes[$0], senderAddress: invokes[$0].senderAddress, leaf: leaves[$0])
        }
    }

    private mutating func feeFields(tip: UInt64, bounds: ResourceBoundsMapping) -> Felt {
        if tip != lastTip || bounds != lastBounds {
            lastTip = tip
            lastBounds = bounds
            lastFeeFields = CommonFieldsV3.feeFields(tip: tip, bounds: bounds, resources: .all)
        }
        return lastFeeFields
    }
}
