package import CairoVM
import Dispatch
package import Execution
import Primitives
import StarkCurve
import StarkField
import StarkHash
import Synchronization
import SystemContracts

/// The time of one block, in order and in parallel.
package struct BlockFigure: Sendable {
    package let contracts: BlockBenchmark.Contracts
    package let workers: Int
    package let transactions: Int
    /// Nanoseconds a transaction. The best of the batches: other work on the machine only adds.
    package let inOrder: Double
    package let inParallel: Double
    package var ratio: Double { inOrder / inParallel }
    package let speculation: SpeculationCounts
}

/// Times a block of transfers between distinct accounts, in order and in parallel in turns. The
/// signatures are checked before, as a node does; Cairo's account checks them again.
package struct BlockBenchmark {
    private static let chainID: ChainID = 0x62656e6368

    package enum Contracts: String, CaseIterable, Sendable {
        /// The system's account and token as native code, or as Cairo classes.
        case native, cairo
        /// A native account with the token as a Cairo class.
        case mixed
        /// An account of another class, with the system's token as a Cairo class.
        case foreign

        fileprivate var fastPath: FastPath {
            let classes = SystemContracts.classes
            return switch self {
            case .native: classes.fastPath
            case .mixed: classes.fastPath.without(classes.token.classHash)
            case .cairo, .foreign: .off
            }
        }
    }

    /// - Parameter account: the class of the foreign accounts; without it there are none.
    package static func run(
        transactions count: Int = 1000, workers: Int = 2, batches: Int = 7,
        account: GenesisClass? = nil
    ) -> [BlockFigure] {
        let block = Block(count, account: nil)
        var figures = [Contracts.native, .mixed, .cairo].map { figure($0, block, workers, batches) }
        if let account {
            figures.append(figure(.foreign, Block(count, account: account), workers, batches))
        }
        return figures
    }

    /// The class of an account with OpenZeppelin's storage, from its two files.
    package static func account(sierra: [UInt8], casm: [UInt8]) throws(ClassError) -> GenesisClass {
        GenesisClass(
            DeclaredContract(
                sierra: try SierraClass(json: sierra), casm: try CasmClass(json: casm)))
    }

    /// The figures as one line of JSON.
    package static func json(_ figures: [BlockFigure]) -> String {
        let rows = figures.map { figure in
            """
            {"contracts": "\(figure.contracts.rawValue)", "workers": \(figure.workers), \
            "transactions": \(figure.transactions), "in_order": \(Int(figure.inOrder)), \
            "in_parallel": \(Int(figure.inParallel)), "ratio": \(figure.ratio), \
            "stale": \(figure.speculation.stale)}
            """
        }
        return #"{"blocks": ["# + rows.joined(separator: ", ") + "]}"
    }

    private static func figure(
        _ contracts: Contracts, _ block: Block, _ workers: Int, _ batches: Int
    ) -> BlockFigure {
        let loop = loop(workers)
        var times: (inOrder: [Double], inParallel: [Double]) = ([], [])
        var speculation = SpeculationCounts()
        for batch in 0...batches {
            let inOrder = block.time(contracts.fastPath, nil, workers: 1)
            let inParallel = block.time(contracts.fastPath, loop, workers: workers)
            precondition(
                inOrder.gas == inParallel.gas, "\(inOrder.gas) is not \(inParallel.gas)")
            // The first fills the pools.
            if batch == 0 { continue }
            times.inOrder.append(inOrder.nanoseconds)
            times.inParallel.append(inParallel.nanoseconds)
            speculation = inParallel.speculation
        }
        let count = Double(block.transactions.count)
        return BlockFigure(
            contracts: contracts, workers: workers, transactions: block.transactions.count,
            inOrder: (times.inOrder.min() ?? 0) / count,
            inParallel: (times.inParallel.min() ?? 0) / count, speculation: speculation)
    }

    private static func loop(_ workers: Int) -> ParallelLoop {
        { count, body in
            let next = Counter()
            DispatchQueue.concurrentPerform(iterations: min(workers, count)) { _ in
                while let index = next.take(below: count) { body(index) }
            }
        }
    }

    private final class Counter: Sendable {
        private let next = Atomic<Int>(0)

        func take(below bound: Int) -> Int? {
            let index = next.add(1, ordering: .relaxed).oldValue
            return index < bound ? index : nil
        }
    }

    /// Transfers, and the state that they run on.
    private struct Block {
        let transactions: [PreparedTransaction]
        private let view: StateView
        private let context: BlockContext

        init(_ count: Int, account: GenesisClass?) {
            let classes = SystemContracts.classes
            let secrets = (1...max(1, count)).map { number in
                guard let secret = SecretKey(Felt(UInt64(number))) else {
                    preconditionFailure("a small number is no key")
                }
                return secret
            }
            let keys = secrets.map(\.publicKey)
            let balance = U256(low: 1 << 100)
            let addresses = keys.map {
                GenesisState.address(
                    of: $0, accountClass: account?.classHash ?? classes.account.classHash)
            }
            let genesis =
                if let account {
                    GenesisState(
                        classes: classes, furtherClasses: [account], accounts: [],
                        balances: addresses.map { .init(address: $0, amount: balance) })
                } else {
                    GenesisState(
                        classes: classes,
                        accounts: keys.map {
                            GenesisState.Account(publicKey: $0, balance: balance)
                        })
                }
            do {
                var diff = try genesis.stateDiff()
                if let account {
                    for (address, key) in zip(addresses, keys) {
                        diff.deployedContracts.append(
                            ContractClassUpdate(address: address, classHash: account.classHash))
                        diff.storageDiffs.append(
                            ContractStorageDiff(
                                address: address,
                                entries: [
                                    StorageEntry(key: selector("Account_public_key"), value: key)
                                ]))
                    }
                }
                view = StateView(committed: ClassTable(genesis.allClasses))
                    .extended(by: StateLayer(height: Height(0), diff: diff))
            } catch { preconditionFailure("no genesis: \(error)") }
            let price = GasPrice(wei: 1, fri: 1)
            context = BlockContext(
                info: BlockInfo(
                    number: Height(1), timestamp: 1, sequencerAddress: 0x5e9,
                    gasPrices: GasPrices(l1Gas: price, l1DataGas: price, l2Gas: price),
                    l1DataAvailabilityMode: .blob, starknetVersion: StarknetVersion(0, 13, 5)),
                chainID: BlockBenchmark.chainID)
            transactions = secrets.indices.map { index in
                Block.transfer(
                    from: addresses[index], secrets[index], keys[index],
                    to: Felt(UInt64(1_000_000 + index)))
            }
        }

        private static func transfer(
            from sender: ContractAddress, _ secret: SecretKey, _ key: Felt, to recipient: Felt
        ) -> PreparedTransaction {
            let bounds = ResourceBounds(maxAmount: 100_000_000, maxPricePerUnit: 10)
            var invoke = InvokeTransactionV3(
                senderAddress: sender,
                calldata: [
                    1, WellKnownContracts.strk, selector("transfer"), 3, recipient, 5, 0,
                ], signature: [], nonce: .zero,
                resourceBounds: ResourceBoundsMapping(
                    l1Gas: bounds, l2Gas: bounds, l1DataGas: bounds))
            let hash = invoke.hash(chainID: BlockBenchmark.chainID)
            let signature = ECDSA.sign(messageHash: hash, secretKey: secret)
            invoke.signature = [signature.r, signature.s]
            var prepared = PreparedTransaction(.invoke(invoke), chainID: BlockBenchmark.chainID)
            prepared.signature = CheckedSignature(publicKey: key, isValid: true)
            return prepared
        }

        func time(
            _ fastPath: FastPath, _ loop: ParallelLoop?, workers: Int
        ) -> (nanoseconds: Double, gas: GasVector, speculation: SpeculationCounts) {
            do {
                var executor = try BlockExecutor(
                    context, on: view, oldBlockHash: nil, fastPath: fastPath)
                let start = ContinuousClock.now
                let outcomes = try executor.execute(
                    transactions, parallelFor: loop, workers: workers)
                let elapsed = ContinuousClock.now - start
                precondition(
                    executor.transactionCount == outcomes.count, "a transfer was refused")
                return (
                    Double(elapsed.components.seconds) * 1e9
                        + Double(elapsed.components.attoseconds) / 1e9,
                    executor.totalGas, executor.speculation
                )
            } catch { preconditionFailure("a block could not be executed: \(error)") }
        }
    }
}
