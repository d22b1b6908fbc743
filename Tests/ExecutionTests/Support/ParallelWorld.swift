import CairoVM
import Primitives
import StarkCurve
import StarkField
import StarkHash
import SystemContracts
import TestSupport

@testable import Execution

/// A chain with some of everything that transactions of one block can get into each other's way
/// with, and a generator of such transactions.
struct ParallelWorld {
    static let examples: [String: GenesisClass] = {
        var classes: [String: GenesisClass] = [:]
        for name in ExampleContracts.names {
            guard let declared = try? declared(name) else {
                preconditionFailure("the committed class \(name) cannot be read")
            }
            classes[name] = GenesisClass(declared)
        }
        return classes
    }()

    static func declared(_ name: String) throws -> DeclaredContract {
        DeclaredContract(
            sierra: try SierraClass(json: ExampleContracts.sierra(name)),
            casm: try CasmClass(json: ExampleContracts.casm(name)))
    }

    /// Declared by transactions only.
    static let declarable = Result { try declared("bench") }

    static let counter: ContractAddress = 0xc0
    static let caller: ContractAddress = 0xca
    static let hostile: ContractAddress = 0x40
    static let gateway: Felt = 0x6a7e

    var world: TransitionWorld
    let context: BlockContext
    let fastPath: FastPath

    /// What a kind of block is made of.
    struct Settings {
        var accounts = 8
        var usesTwins = true
        /// Whether the sequencer is one of the accounts.
        var sequencerIsAccount = false
        /// What the sequencer has at the start.
        var sequencerBalance = U256.zero
        var height: UInt64 = 12
        /// Whether the fee is paid in a token that is not the system's.
        var hasOtherToken = false
    }

    init(_ settings: Settings) throws {
        let base = try TransitionWorld(accounts: settings.accounts)
        let examples = Self.examples.values.filter {
            $0.classHash != (try? Self.declarable.get().sierra.hash)
        }
        let sequencer =
            settings.sequencerIsAccount ? base.accounts[0] : TransitionWorld.sequencer
        var deployed = StateDiff()
        for (address, name) in [
            (Self.counter, "counter"), (Self.caller, "caller"), (Self.hostile, "hostile"),
            (Self.hostile + 1, "hostile"),
        ] {
            deployed.deployedContracts.append(
                ContractClassUpdate(
                    address: address, classHash: Self.examples[name]?.classHash ?? .zero))
        }
        deployed.storageDiffs.append(
            ContractStorageDiff(
                address: Self.counter,
                entries: [
                    StorageEntry(
                        key: StorageAddresses.variable("gateway"), value: Self.gateway)
                ]))
        var entries: [StorageEntry] = []
        if !settings.sequencerIsAccount {
            let key = StorageAddresses.entry(of: TokenStorage.balances, sequencer)
            entries = [
                StorageEntry(key: key, value: Felt(settings.sequencerBalance.low)),
                StorageEntry(
                    key: StorageAddresses.second(of: key),
                    value: Felt(settings.sequencerBalance.high)),
            ]
        }
        deployed.storageDiffs.append(
            ContractStorageDiff(address: WellKnownContracts.strk, entries: entries))
        var world = base
        world.view = StateView(
            committed: ClassTable(TransitionWorld.classes.all + examples)
        )
        .extended(by: StateLayer(height: 0, diff: base.genesis))
        .extended(by: StateLayer(height: 1, diff: deployed.sorted()))
        world.height = settings.height
        self.world = world
        var context = TransitionWorld.context(height: settings.height)
        context.info.sequencerAddress = sequencer
        self.context = context
        let classes = TransitionWorld.classes
        if settings.hasOtherToken {
            // Twins of a chain on which the token has another class.
            fastPath = FastPath(
                SystemClassSet(
                    account: classes.account, token: Self.examples["erc20"] ?? classes.token,
                    deployer: classes.deployer))
        } else {
            fastPath = settings.usesTwins ? classes.fastPath : .off
        }
    }

    /// The declaration of a class that no block before has, signed.
    static func declaration(by secret: SecretKey, nonce: UInt64) -> PreparedTransaction {
        guard let declared = try? declarable.get() else {
            preconditionFailure("a committed class cannot be read")
        }
        var bounds = TransitionWorld.bounds
        bounds.l2Gas.maxAmount = 2_000_000_000
        var declaration = DeclareTransactionV3(
            senderAddress: TransitionWorld.address(of: secret.publicKey),
            classHash: declared.sierra.hash, compiledClassHash: declared.poseidonHash,
            signature: [], nonce: Felt(nonce), resourceBounds: bounds)
        declaration.signature = TransitionWorld.sign(
            declaration.hash(chainID: TransitionWorld.chainID), secret)
        return PreparedTransaction(
            .declare(Declaration(transaction: declaration, sierra: [], casm: [])),
            chainID: TransitionWorld.chainID, declared: declared)
    }

    var sequencer: ContractAddress { context.info.sequencerAddress }

    func executor() throws -> BlockExecutor { try world.executor(context, fastPath: fastPath) }
}

/// Makes up the transactions of one block, each in the light of what those before it did.
struct BlockMaker {
    let world: ParallelWorld
    private(set) var random: SeededWords
    private var nonces: [UInt64]
    private var senders: [SecretKey]
    private var messages: UInt64 = 0
    private var newKeys: UInt64
    /// Percent of transfers between the accounts, the rest being anything.
    let plain: UInt64

    init(_ world: ParallelWorld, seed: UInt64, plain: UInt64) {
        self.world = world
        random = SeededWords(seed: seed)
        senders = world.world.secrets
        nonces = senders.map { _ in 0 }
        newKeys = 1_000_000 + seed * 1000
        self.plain = plain
    }

    private mutating func below(_ bound: Int) -> Int { Int(random.next() % UInt64(bound)) }
    private mutating func chance(_ percent: UInt64) -> Bool { random.next() % 100 < percent }

    private func address(_ sender: Int) -> ContractAddress {
        TransitionWorld.address(of: senders[sender].publicKey)
    }

    /// As many transactions as are asked for, with what they come out as one after the other.
    mutating func block(
        _ count: Int
    ) throws -> (transactions: [PreparedTransaction], outcomes: [TransactionOutcome]) {
        var executor = try world.executor()
        var transactions: [PreparedTransaction] = []
        var outcomes: [TransactionOutcome] = []
        while transactions.count < count {
            for (sender, prepared) in next() {
                let outcome = try executor.trace(prepared)
                if case .included = outcome, let sender { nonces[sender] += 1 }
                transactions.append(prepared)
                outcomes.append(outcome)
            }
        }
        return (transactions, outcomes)
    }

    private mutating func next() -> [(sender: Int?, PreparedTransaction)] {
        let sender = below(senders.count)
        if chance(plain) {
            return [(sender, invoke(sender, [transfer(UInt128(random.next() >> 8))]))]
        }
        switch below(20) {
        case 0: return [(sender, spoiled(sender))]
        case 1: return deployment(sender)
        case 2: return [(sender, declaration(sender))]
        case 3: return [(nil, message())]
        case 4:
            // A chain of one sender's nonces, the wrong way round every now and then.
            let order: [UInt64] = chance(30) ? [1, 0, 1] : [0, 1, 2]
            return order.map { ahead in
                (
                    sender,
                    invoke(sender, [transfer(5)], nonce: nonces[sender] + ahead)
                )
            }
        default: return [(sender, invoke(sender, (0...below(2)).map { _ in call() }))]
        }
    }

    private mutating func transfer(_ amount: UInt128) -> TransitionWorld.Call {
        .transfer(address(below(senders.count)), U256(low: amount))
    }

    /// A call that may read or change what others do.
    private mutating func call() -> TransitionWorld.Call {
        let strk = WellKnownContracts.strk
        let hostile = ParallelWorld.hostile + Felt(UInt64(below(2)))
        func make(_ to: Felt, _ name: String, _ calldata: [Felt]) -> TransitionWorld.Call {
            TransitionWorld.Call(to: to, name: name, calldata: calldata)
        }
        switch below(18) {
        case 0: return .transfer(world.sequencer, U256(low: UInt128(below(1000))))
        case 1: return make(strk, "balance_of", [world.sequencer])
        case 2:
            return make(
                ParallelWorld.caller, "call",
                [strk, selector("balanceOf"), 1, world.sequencer])
        case 3: return make(ParallelWorld.counter, "increase", [Felt(UInt64(below(9)))])
        case 4: return make(ParallelWorld.counter, "value", [])
        case 5: return make(ParallelWorld.counter, "decrease", [Felt(UInt64(below(40)))])
        case 6:
            return make(
                hostile, "write_cells",
                [Felt(UInt64(below(6))), Felt(UInt64(1 + below(4))), Felt(UInt64(below(3)))])
        case 7: return make(hostile, "read_cells", [Felt(UInt64(below(6))), 4])
        case 8:
            let names = ["hostile", "caller", "counter", "bench"]
            let name = names[below(100) < 60 ? 0 : below(names.count)]
            return make(
                hostile, "replace_class",
                [ParallelWorld.examples[name]?.classHash ?? .zero])
        case 9: return make(hostile, "block_hash", [Felt(UInt64(below(4)))])
        case 10:
            return make(
                hostile, "deploy",
                [
                    ParallelWorld.examples["bench"]?.classHash ?? .zero,
                    Felt(UInt64(below(3))), 1, 0,
                ])
        case 11:
            return make(
                WellKnownContracts.universalDeployer, "deployContract",
                [
                    TransitionWorld.classes.account.classHash, Felt(UInt64(below(3))), 0, 1,
                    0x51,
                ])
        case 12:
            return make(ParallelWorld.caller, "nest", [3, Felt(UInt64(below(8)))])
        case 13:
            return make(
                strk, "approve", [address(below(senders.count)), Felt(UInt64(below(99))), 0])
        case 14:
            return make(
                strk, "transferFrom",
                [address(below(senders.count)), address(below(senders.count)), 7, 0])
        case 15: return make(hostile, "recurse_by_call", [Felt(UInt64(below(60)))])
        case 16: return transfer(UInt128(random.next()) << 30)
        default: return transfer(.max)
        }
    }

    private func bounds(_ gas: UInt64 = 100_000_000) -> ResourceBoundsMapping {
        var bounds = TransitionWorld.bounds
        bounds.l2Gas.maxAmount = gas
        return bounds
    }

    private mutating func invoke(
        _ sender: Int, _ calls: [TransitionWorld.Call], nonce: UInt64? = nil,
        bounds: ResourceBoundsMapping = TransitionWorld.bounds
    ) -> PreparedTransaction {
        var invoke = InvokeTransactionV3(
            senderAddress: address(sender), calldata: TransitionWorld.calldata(calls),
            signature: [], nonce: Felt(nonce ?? nonces[sender]), resourceBounds: bounds,
            tip: UInt64(below(3)))
        let hash = invoke.hash(chainID: TransitionWorld.chainID)
        invoke.signature = TransitionWorld.sign(hash, senders[sender])
        var prepared = PreparedTransaction(.invoke(invoke), chainID: TransitionWorld.chainID)
        if chance(80) {
            prepared.signature = CheckedSignature(
                publicKey: senders[sender].publicKey, isValid: true)
        }
        return prepared
    }

    /// One that can't be in the block, or reverts for lack of gas.
    private mutating func spoiled(_ sender: Int) -> PreparedTransaction {
        switch below(5) {
        case 0: return invoke(sender, [transfer(1)], nonce: nonces[sender] + 3)
        case 1: return invoke(sender, [transfer(1)], bounds: bounds(1000))
        case 2:
            var rich = bounds()
            rich.l2Gas.maxPricePerUnit = .max
            return invoke(sender, [transfer(1)], bounds: rich)
        case 3:
            return invoke(sender, [transfer(1), call()], bounds: bounds(1_500_000))
        default:
            var invoke = InvokeTransactionV3(
                senderAddress: address(sender),
                calldata: TransitionWorld.calldata([transfer(1)]), signature: [1, 2],
                nonce: Felt(nonces[sender]), resourceBounds: bounds())
            if chance(20) { invoke.senderAddress = 0x4444 }
            return PreparedTransaction(.invoke(invoke), chainID: TransitionWorld.chainID)
        }
    }

    /// A new account, sometimes without the money for it, and what it sends then.
    private mutating func deployment(_ sender: Int) -> [(sender: Int?, PreparedTransaction)] {
        newKeys += 1
        guard let secret = SecretKey(Felt(newKeys)) else { return [] }
        let deployment = TransitionWorld.deployment(secret)
        let address = deployment.contractAddress()
        senders.append(secret)
        nonces.append(0)
        var made: [(sender: Int?, PreparedTransaction)] = []
        if chance(80) {
            made.append(
                (
                    sender,
                    invoke(
                        sender,
                        [.transfer(address, U256(low: 100 * TransitionWorld.strk))])
                ))
        }
        let new = senders.count - 1
        made.append(
            (
                new,
                PreparedTransaction(
                    .deployAccount(deployment), chainID: TransitionWorld.chainID)
            ))
        made.append((new, invoke(new, [transfer(3)], nonce: 1)))
        return made
    }

    private func declaration(_ sender: Int) -> PreparedTransaction {
        ParallelWorld.declaration(by: senders[sender], nonce: nonces[sender])
    }

    private mutating func message() -> PreparedTransaction {
        messages += 1
        return PreparedTransaction(
            .l1Handler(
                L1HandlerTransaction(
                    contractAddress: ParallelWorld.counter,
                    entryPointSelector: selector(chance(20) ? "refuse" : "deposit"),
                    calldata: [
                        chance(20) ? 1 : ParallelWorld.gateway, address(below(senders.count)), 4,
                    ], nonce: Felt(messages))), chainID: TransitionWorld.chainID)
    }
}
