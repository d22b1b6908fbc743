import Execution
import Primitives
import StarkField

/// Seeded values of the types that the wire carries.
struct SampleValues {
    var generator: SeededGenerator

    init(seed: UInt64) { generator = SeededGenerator(seed: seed) }

    mutating func number(below bound: UInt64) -> Int { Int(generator.uniform(below: bound)) }

    mutating func felt() -> Felt {
        switch generator.uniform(below: 4) {
        case 0: Felt(generator.uniform(below: 4))
        case 1: .zero - Felt(generator.uniform(below: 4))
        default:
            Felt(generator.next()) * Felt(generator.next()) * Felt(generator.next())
                + Felt(generator.next())
        }
    }

    mutating func felts(upTo bound: UInt64) -> [Felt] {
        (0..<number(below: bound + 1)).map { _ in felt() }
    }

    mutating func wide() -> UInt128 {
        UInt128(generator.next()) << 64 | UInt128(generator.next())
    }

    mutating func bounds() -> ResourceBounds {
        ResourceBounds(maxAmount: generator.next(), maxPricePerUnit: wide())
    }

    mutating func mapping() -> ResourceBoundsMapping {
        ResourceBoundsMapping(l1Gas: bounds(), l2Gas: bounds(), l1DataGas: bounds())
    }

    mutating func mode() -> DataAvailabilityMode { generator.next() & 1 == 0 ? .l1 : .l2 }

    mutating func transaction() -> Transaction {
        if generator.next() & 1 == 0 {
            return .invoke(
                InvokeTransactionV3(
                    senderAddress: felt(), calldata: felts(upTo: 12), signature: felts(upTo: 3),
                    nonce: felt(), resourceBounds: mapping(), tip: generator.next(),
                    paymasterData: felts(upTo: 1), accountDeploymentData: felts(upTo: 1),
                    nonceDataAvailabilityMode: mode(), feeDataAvailabilityMode: mode(),
                    proofFacts: felts(upTo: 1)))
        }
        return .deployAccount(
            DeployAccountTransactionV3(
                contractAddressSalt: felt(), classHash: felt(), constructorCalldata: felts(upTo: 4),
                signature: felts(upTo: 3), nonce: felt(), resourceBounds: mapping(),
                tip: generator.next(), paymasterData: felts(upTo: 1),
                nonceDataAvailabilityMode: mode(), feeDataAvailabilityMode: mode()))
    }

    mutating func declare() -> DeclareTransactionV3 {
        DeclareTransactionV3(
            senderAddress: felt(), classHash: felt(), compiledClassHash: felt(),
            signature: felts(upTo: 3), nonce: felt(), resourceBounds: mapping(),
            tip: generator.next(), paymasterData: felts(upTo: 1),
            accountDeploymentData: felts(upTo: 1), nonceDataAvailabilityMode: mode(),
            feeDataAvailabilityMode: mode())
    }

    mutating func l1Handler() -> L1HandlerTransaction {
        L1HandlerTransaction(
            contractAddress: felt(), entryPointSelector: felt(), calldata: felts(upTo: 8),
            nonce: felt())
    }

    mutating func receipt() -> TransactionReceipt {
        TransactionReceipt(
            transactionHash: felt(), actualFee: wide(),
            executionStatus: generator.next() & 1 == 0
                ? .succeeded : .reverted(reason: "out of gas é"),
            events: (0..<number(below: 4)).map { _ in
                Event(fromAddress: felt(), keys: felts(upTo: 3), data: felts(upTo: 4))
            },
            messagesSent: (0..<number(below: 3)).map { _ in
                MessageToL1(fromAddress: felt(), toAddress: felt(), payload: felts(upTo: 3))
            },
            gasConsumed: GasVector(
                l1Gas: generator.next(), l1DataGas: generator.next(), l2Gas: generator.next()))
    }

    /// Canonical, since sorted; two equal random keys would need a hash collision's luck, but
    /// small ones repeat, so repeats are dropped.
    mutating func stateDiff() -> StateDiff {
        func distinct(_ count: Int) -> [Felt] { Array(Set((0..<count).map { _ in felt() })) }
        var diff = StateDiff()
        for address in distinct(number(below: 5)) {
            diff.storageDiffs.append(
                ContractStorageDiff(
                    address: address,
                    entries: distinct(number(below: 5)).map {
                        StorageEntry(key: $0, value: felt())
                    }))
        }
        diff.nonces = distinct(number(below: 5)).map { NonceUpdate(address: $0, nonce: felt()) }
        diff.deployedContracts = distinct(number(below: 4)).map {
            ContractClassUpdate(address: $0, classHash: felt())
        }
        diff.replacedClasses = distinct(number(below: 3)).map {
            ContractClassUpdate(address: $0, classHash: felt())
        }
        diff.declaredClasses = distinct(number(below: 3)).map {
            DeclaredClass(classHash: $0, compiledClassHash: felt())
        }
        diff.deprecatedDeclaredClasses = distinct(number(below: 3))
        diff.migratedCompiledClasses = distinct(number(below: 3)).map {
            DeclaredClass(classHash: $0, compiledClassHash: felt())
        }
        return diff.sorted()
    }

    mutating func header() -> BlockHeader {
        let prices = (0..<3).map { _ in GasPrice(wei: wide(), fri: wide()) }
        return BlockHeader(
            info: BlockInfo(
                number: Height(generator.next()), timestamp: generator.next(),
                sequencerAddress: felt(),
                gasPrices: GasPrices(l1Gas: prices[0], l1DataGas: prices[1], l2Gas: prices[2]),
                l1DataAvailabilityMode: generator.next() & 1 == 0 ? .blob : .calldata,
                starknetVersion: StarknetVersion(0, 14, UInt8(number(below: 256)))),
            parentHash: felt(), stateRoot: felt(),
            commitments: BlockCommitments(
                transactionCommitment: felt(), eventCommitment: felt(),
                receiptCommitment: felt(), stateDiffCommitment: felt(),
                transactionCount: generator.uniform(below: Limits.blockCount),
                eventCount: generator.uniform(below: Limits.blockCount),
                stateDiffLength: Limits.blockCount))
    }
}
