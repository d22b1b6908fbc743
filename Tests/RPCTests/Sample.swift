import Execution
import JSONText
import Primitives
import StarkField

@testable import RPC

/// Transactions, blocks and request texts of the fake chain.
enum Sample {
    static let prices = GasPrices(
        l1Gas: GasPrice(wei: 10, fri: 20_000), l1DataGas: GasPrice(wei: 1, fri: 1),
        l2Gas: GasPrice(wei: 3, fri: UInt128(1) << 80))

    static let bounds = ResourceBoundsMapping(
        l1Gas: .zero,
        l2Gas: ResourceBounds(maxAmount: .max, maxPricePerUnit: .max),
        l1DataGas: ResourceBounds(maxAmount: 128, maxPricePerUnit: 1))

    static func transfer(
        nonce: UInt64, hash: UInt64, events: Int, revert: String? = nil
    ) -> (Transaction, TransactionReceipt) {
        let invoke = InvokeTransactionV3(
            senderAddress: FakeBackend.account,
            calldata: [Felt(1), FakeBackend.token, FakeBackend.transferSelector, Felt(0)],
            signature: [Felt(hash) * Felt(3), Felt(hash) * Felt(5)], nonce: Felt(nonce),
            resourceBounds: bounds, tip: nonce, proofFacts: nonce == 2 ? [Felt(77)] : [])
        let emitted = (0..<events).map { index in
            Event(
                fromAddress: index == 0 ? FakeBackend.token : FakeBackend.account,
                keys: index == 2 ? [] : [Felt(0x99cd), Felt(UInt64(index))],
                data: [Felt(nonce), Felt(0)])
        }
        let message = MessageToL1(
            fromAddress: FakeBackend.account, toAddress: Felt(0xbeef), payload: [Felt(1)])
        return (
            .invoke(invoke),
            TransactionReceipt(
                transactionHash: Felt(hash), actualFee: UInt128(1) << 70,
                executionStatus: revert.map { .reverted(reason: $0) } ?? .succeeded,
                events: emitted, messagesSent: revert == nil ? [message] : [],
                gasConsumed: GasVector(l1Gas: 0, l1DataGas: 128, l2Gas: 810_000))
        )
    }

    static func deployment(hash: UInt64) -> (Transaction, TransactionReceipt) {
        let deploy = DeployAccountTransactionV3(
            contractAddressSalt: Felt(9), classHash: FakeBackend.accountClass,
            constructorCalldata: [Felt(0xabc)], signature: [Felt(1), Felt(2)], nonce: .zero,
            resourceBounds: bounds)
        return (
            .deployAccount(deploy),
            TransactionReceipt(
                transactionHash: Felt(hash), actualFee: 0, executionStatus: .succeeded,
                events: [], gasConsumed: .zero)
        )
    }

    static func declaration(hash: UInt64) -> (Transaction, TransactionReceipt) {
        let declare = DeclareTransactionV3(
            senderAddress: FakeBackend.account, classHash: FakeBackend.tokenClass,
            compiledClassHash: Felt(0xca5), signature: [Felt(3)], nonce: Felt(1),
            resourceBounds: bounds)
        return (
            .declare(Declaration(transaction: declare, sierra: [0xfd], casm: [0xfd])),
            TransactionReceipt(
                transactionHash: Felt(hash), actualFee: 77, executionStatus: .succeeded,
                events: [], gasConsumed: GasVector(l1Gas: 0, l1DataGas: 192, l2Gas: 1_575_437_440))
        )
    }

    static func message(
        hash: UInt64, revert: String? = nil
    ) -> (Transaction, TransactionReceipt) {
        let message = L1HandlerTransaction(
            contractAddress: FakeBackend.token, entryPointSelector: FakeBackend.transferSelector,
            calldata: [Felt(0xe7e7), Felt(4), Felt(5)], nonce: Felt(775_628))
        return (
            .l1Handler(message),
            TransactionReceipt(
                transactionHash: Felt(hash), actualFee: 0,
                executionStatus: revert.map { .reverted(reason: $0) } ?? .succeeded, events: [],
                gasConsumed: GasVector(l1Gas: 16_023, l1DataGas: 0, l2Gas: 187_190))
        )
    }

    static func block(
        number: UInt64, _ body: [(Transaction, TransactionReceipt)]
    ) -> RPCBlock {
        let info = BlockInfo(
            number: Height(number), timestamp: 1_700_000_000 + number,
            sequencerAddress: Felt(0x5e9), gasPrices: prices,
            l1DataAvailabilityMode: number == 0 ? .calldata : .blob,
            starknetVersion: StarknetVersion(0, 13, 5))
        let commitments = BlockCommitments(
            transactionCommitment: Felt(number), eventCommitment: Felt(0),
            receiptCommitment: Felt(2), stateDiffCommitment: Felt(3),
            transactionCount: UInt64(body.count),
            eventCount: UInt64(body.reduce(0) { $0 + $1.1.events.count }), stateDiffLength: 4)
        let header = BlockHeader(
            info: info, parentHash: number == 0 ? .zero : Felt(0xb10c_0000 + number - 1),
            stateRoot: Felt(0x4007_0000 + number), commitments: commitments)
        return RPCBlock(
            header: RPCBlockHeader(
                header: header, hash: Felt(0xb10c_0000 + number),
                finality: number < 2 ? .acceptedOnL1 : .acceptedOnL2),
            transactions: body.map(\.0), receipts: body.map(\.1))
    }

    static func update(_ block: RPCBlock) -> RPCStateUpdate {
        let entry = StorageEntry(key: Felt(5), value: Felt(12))
        let diff = StateDiff(
            storageDiffs: [
                ContractStorageDiff(address: FakeBackend.token, entries: [entry]),
                ContractStorageDiff(address: FakeBackend.account, entries: [entry]),
            ],
            nonces: [NonceUpdate(address: FakeBackend.account, nonce: Felt(1))],
            deployedContracts: [
                ContractClassUpdate(
                    address: FakeBackend.account, classHash: FakeBackend.accountClass)
            ],
            replacedClasses: [
                ContractClassUpdate(address: FakeBackend.token, classHash: FakeBackend.tokenClass)
            ],
            declaredClasses: [
                DeclaredClass(classHash: FakeBackend.tokenClass, compiledClassHash: Felt(6))
            ],
            deprecatedDeclaredClasses: [Felt(0xdead)],
            migratedCompiledClasses: [
                DeclaredClass(classHash: FakeBackend.accountClass, compiledClassHash: Felt(8))
            ])
        return RPCStateUpdate(
            accepted: .init(blockHash: block.header.hash, newRoot: block.header.header.stateRoot),
            oldRoot: block.header.header.stateRoot - Felt(1), diff: diff)
    }

    static let status = NodeStatus(
        name: "node-0", validatorIndex: 0, softwareVersion: "0.1.0", chainID: "PRYTANY",
        phase: .voting, uptimeSeconds: 1.5, finalHeight: 3, finalHash: "0xb10c0003",
        finalTimestamp: 1_700_000_003, finalTransactions: 8, targetHeight: 3, epoch: 0, slot: 40,
        window: 2, leaderIndex: 1, skippedWindows: 0, connectedPeers: 3, knownPeers: 3,
        connectedPower: 4, totalPower: 4, poolTransactions: 1, poolBytes: 700,
        transactionsPerSecond: 12.5, blocksPerSecond: 3, finalityP50Milliseconds: 20,
        finalityP99Milliseconds: nil)

    static let abi = #"""
        [{"type": "impl", "name": "TokenImpl", "interface_name": "test::Token"},
         {"type": "interface", "name": "test::Token", "items": [
          {"type": "function", "name": "transfer", "inputs": [
            {"name": "recipient", "type": "core::felt252"},
            {"name": "amount", "type": "core::integer::u128"}],
           "outputs": [{"type": "core::integer::u128"}], "state_mutability": "external"}]}]
        """#

    static let invoke = #"""
        {"type": "INVOKE", "version": "0x3", "sender_address": "0xacc00001",
         "calldata": ["0x1", "0x4718f5a0", "0x83afd3f4", "0x0"], "signature": ["0x5", "0x6"],
         "nonce": "0x8", "resource_bounds": {
           "l1_gas": {"max_amount": "0x0", "max_price_per_unit": "0x0"},
           "l2_gas": {"max_amount": "0xf4240", "max_price_per_unit": "0xffffffffffffffffffff"},
           "l1_data_gas": {"max_amount": "0x80", "max_price_per_unit": "0x1"}},
         "tip": "0x1", "paymaster_data": [], "account_deployment_data": [],
         "nonce_data_availability_mode": "L1", "fee_data_availability_mode": "L1"}
        """#

    static let deployAccount = #"""
        {"type": "DEPLOY_ACCOUNT", "version": "0x3", "class_hash": "0xc1a55001",
         "contract_address_salt": "0x9", "constructor_calldata": ["0xabc"],
         "signature": ["0x5", "0x6"], "nonce": "0x0", "resource_bounds": {
           "l1_gas": {"max_amount": "0x0", "max_price_per_unit": "0x0"},
           "l2_gas": {"max_amount": "0xf4240", "max_price_per_unit": "0x1"},
           "l1_data_gas": {"max_amount": "0x80", "max_price_per_unit": "0x1"}},
         "tip": "0x0", "paymaster_data": [], "nonce_data_availability_mode": "L1",
         "fee_data_availability_mode": "L1"}
        """#

    /// The query form of a transaction text.
    static func query(_ text: String) -> String {
        text.replacing(
            #""version": "0x3""#, with: #""version": "0x100000000000000000000000000000003""#)
    }
}
