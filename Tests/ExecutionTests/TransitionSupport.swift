import Primitives
import StarkCurve
import StarkField
import StarkHash
import SystemContracts

@testable import Execution

/// A small chain to execute on: some funded accounts, one sequencer, and prices.
struct TransitionWorld {
    static let chainID = HashTerms.shortString("SN_TEST")
    static let sequencer: ContractAddress = 0x5e9
    static let strk: UInt128 = 1_000_000_000_000_000_000

    static let classes = SystemContracts.classes

    let secrets: [SecretKey]
    let publicKeys: [Felt]
    let accounts: [ContractAddress]
    let genesis: StateDiff
    var view: StateView
    var addresses = StorageAddressCache()
    var height: UInt64 = 1

    init(accounts count: Int = 3, balance: UInt128 = 1000 * TransitionWorld.strk) throws {
        secrets = (0..<count).map { index in
            guard let secret = SecretKey(Felt(UInt64(index + 1) * 7919)) else {
                preconditionFailure("secret key out of range")
            }
            return secret
        }
        publicKeys = secrets.map(\.publicKey)
        accounts = publicKeys.map(TransitionWorld.address)
        genesis = try GenesisState(
            classes: TransitionWorld.classes,
            accounts: publicKeys.map {
                GenesisState.Account(publicKey: $0, balance: U256(low: balance))
            }
        ).stateDiff()
        view = StateView(committed: ClassTable(TransitionWorld.classes.all))
            .extended(by: StateLayer(height: 0, diff: genesis))
    }

    static func address(of key: Felt) -> ContractAddress {
        GenesisState.address(of: key, accountClass: classes.account.classHash)
    }

    static func context(
        height: UInt64 = 1, l1: UInt128 = 20, data: UInt128 = 3, l2: UInt128 = 2,
        mode: L1DataAvailabilityMode = .blob, aliases: Bool = true
    ) -> BlockContext {
        BlockContext(
            info: BlockInfo(
                number: Height(height), timestamp: 1_700_000_000 + height,
                sequencerAddress: sequencer,
                gasPrices: GasPrices(
                    l1Gas: GasPrice(wei: 1, fri: l1), l1DataGas: GasPrice(wei: 1, fri: data),
                    l2Gas: GasPrice(wei: 1, fri: l2)),
                l1DataAvailabilityMode: mode, starknetVersion: StarknetVersion(0, 13, 5)),
            chainID: chainID, usesStatefulCompression: aliases)
    }

    func executor(
        _ context: BlockContext? = nil, fastPath: FastPath = TransitionWorld.classes.fastPath
    ) throws -> BlockExecutor {
        let context = context ?? TransitionWorld.context(height: height)
        let number = context.info.number.rawValue
        return try BlockExecutor(
            context, on: view, oldBlockHash: number >= 10 ? Felt(number) : nil,
            fastPath: fastPath, addresses: addresses)
    }

    /// Makes the executed block the state to go on from.
    mutating func advance(_ executor: consuming BlockExecutor) throws -> StateDiff {
        let height = executor.blockContext.info.number
        let block = try executor.finish()
        addresses = block.addresses
        view = view.extended(by: StateLayer(height: height, diff: block.diff))
        self.height = height.rawValue + 1
        return block.diff
    }

    static let bounds = ResourceBoundsMapping(
        l1Gas: ResourceBounds(maxAmount: 0, maxPricePerUnit: 100),
        l2Gas: ResourceBounds(maxAmount: 100_000_000, maxPricePerUnit: 100),
        l1DataGas: ResourceBounds(maxAmount: 10_000, maxPricePerUnit: 100))

    struct Call {
        var to: ContractAddress
        var name: String
        var calldata: [Felt]

        static func transfer(_ recipient: ContractAddress, _ amount: U256) -> Call {
            Call(
                to: WellKnownContracts.strk, name: "transfer",
                calldata: [recipient, Felt(amount.low), Felt(amount.high)])
        }
    }

    static func calldata(_ calls: [Call]) -> [Felt] {
        var felts = [Felt(UInt64(calls.count))]
        for call in calls {
            felts += [call.to, selector(call.name), Felt(UInt64(call.calldata.count))]
            felts += call.calldata
        }
        return felts
    }

    func invoke(
        _ account: Int, nonce: UInt64, _ calls: [Call],
        bounds: ResourceBoundsMapping = TransitionWorld.bounds, tip: UInt64 = 0
    ) -> InvokeTransactionV3 {
        InvokeTransactionV3(
            senderAddress: accounts[account], calldata: TransitionWorld.calldata(calls),
            signature: [1, 1], nonce: Felt(nonce), resourceBounds: bounds, tip: tip)
    }

    /// Signed, or with a signature that is not the account's.
    func prepared(_ invoke: InvokeTransactionV3, valid: Bool = true) -> PreparedTransaction {
        var invoke = invoke
        if valid, let account = accounts.firstIndex(of: invoke.senderAddress) {
            let hash = invoke.hash(chainID: TransitionWorld.chainID)
            invoke.signature = TransitionWorld.sign(hash, secrets[account])
        }
        return PreparedTransaction(.invoke(invoke), chainID: TransitionWorld.chainID)
    }

    func prepared(
        _ account: Int, nonce: UInt64, _ calls: [Call],
        bounds: ResourceBoundsMapping = TransitionWorld.bounds, tip: UInt64 = 0
    ) -> PreparedTransaction {
        prepared(invoke(account, nonce: nonce, calls, bounds: bounds, tip: tip))
    }

    /// A deployment of the account of a new key, signed.
    static func deployment(
        _ secret: SecretKey, bounds: ResourceBoundsMapping = TransitionWorld.bounds
    ) -> DeployAccountTransactionV3 {
        var deployment = DeployAccountTransactionV3(
            contractAddressSalt: secret.publicKey,
            classHash: classes.account.classHash,
            constructorCalldata: [secret.publicKey], signature: [], nonce: .zero,
            resourceBounds: bounds)
        deployment.signature = sign(deployment.hash(chainID: chainID), secret)
        return deployment
    }

    static func sign(_ hash: Felt, _ secret: SecretKey) -> [Felt] {
        let signature = ECDSA.sign(messageHash: hash, secretKey: secret)
        return [signature.r, signature.s]
    }

    func balance(of account: ContractAddress) throws -> U256 {
        try TransitionWorld.balance(of: account, in: view)
    }

    static func balance(of account: ContractAddress, in view: StateView) throws -> U256 {
        let key = StorageAddresses.entry(of: TokenStorage.balances, account)
        let low = try view.storage(of: WellKnownContracts.strk, at: key)
        let high = try view.storage(
            of: WellKnownContracts.strk, at: StorageAddresses.second(of: key))
        return U256(low: low.asUInt128 ?? .max, high: high.asUInt128 ?? .max)
    }
}

extension ExecutionOutcome {
    var receipt: TransactionReceipt? {
        if case .included(let receipt, _) = self { receipt } else { nil }
    }
    var invalidity: InvalidTransaction? {
        if case .invalid(let reason) = self { reason } else { nil }
    }
    var revertReason: String? {
        if case .reverted(let reason) = receipt?.executionStatus { reason } else { nil }
    }
}
