import Primitives
import StarkField
import StarkHash
import SystemContracts
import Testing

@testable import Execution

@Suite("Parts of parallel execution", .serialized)
struct ParallelPartsTests {
    /// A state that can be read up to some account's storage.
    private struct TornState: StateReader {
        let view: StateView
        let torn: ContractAddress

        func storage(
            of contract: ContractAddress, at key: StorageKey
        ) throws(StateReadError) -> Felt {
            if contract == torn { throw .unavailable(code: 7) }
            return try view.storage(of: contract, at: key)
        }
        func nonce(of contract: ContractAddress) throws(StateReadError) -> Nonce {
            try view.nonce(of: contract)
        }
        func classHash(of contract: ContractAddress) throws(StateReadError) -> ClassHash {
            try view.classHash(of: contract)
        }
        func compiledClass(_ hash: ClassHash) throws(StateReadError) -> CompiledClass? {
            try view.compiledClass(hash)
        }
    }

    private static func serial(_ count: Int, _ body: @Sendable (Int) -> Void) {
        for index in 0..<count { body(index) }
    }

    @Test("A state that can't be read fails the block at the transaction that reads it, not before")
    func tornState() throws {
        let world = try TransitionWorld(accounts: 12)
        let transactions = (0..<12).map { account in
            world.prepared(
                account, nonce: 0, [.transfer(Felt(UInt64(1000 + account)), U256(low: 5))])
        }
        let torn = TornState(view: world.view, torn: world.accounts[9])
        func executor() throws -> BlockExecutor {
            try BlockExecutor(
                TransitionWorld.context(), on: torn, oldBlockHash: nil,
                fastPath: TransitionWorld.classes.fastPath)
        }
        var whole = try executor()
        #expect(throws: StateReadError.unavailable(code: 7)) {
            try whole.execute(transactions, parallelFor: Self.serial, workers: 2)
        }
        var inOrder = try executor()
        var gas: [UInt64] = []
        for prepared in transactions.prefix(9) {
            _ = try inOrder.trace(prepared)
            gas.append(inOrder.totalGas.l2Gas)
        }
        var cut = try executor()
        let outcomes = try cut.execute(
            transactions, gasLimit: gas[8], parallelFor: Self.serial, workers: 2)
        #expect(outcomes.count == 9)
        #expect(cut.speculation.taken == 9)
    }

    @Test("A fee is added to another balance only where the token would take the same way")
    func feeAddition() {
        let edges: [UInt128] = [0, 1, 2, 1000, .max - 1000, .max - 2, .max - 1, .max]
        let wide = Felt(UInt128.max) + .one
        for fee in edges where fee > 0 {
            for assumed in edges {
                for actual in edges {
                    let addition = FeeAddition(
                        fee, assumed: (Felt(assumed), 0), actual: (Felt(actual), 5))
                    let carries =
                        assumed.addingReportingOverflow(fee).overflow
                        || actual.addingReportingOverflow(fee).overflow
                    #expect((addition == nil) == carries, "\(fee) \(assumed) \(actual)")
                    #expect(addition.map { $0.newLow == Felt(actual) + Felt(fee) } ?? true)
                }
            }
        }
        #expect(FeeAddition(1, assumed: (wide, 0), actual: (0, 0)) == nil)
        #expect(FeeAddition(1, assumed: (0, wide), actual: (0, 0)) == nil)
        #expect(FeeAddition(1, assumed: (0, 0), actual: (wide, 0)) == nil)
        #expect(FeeAddition(1, assumed: (0, 0), actual: (0, wide)) == nil)
    }

    @Test("Who pays a sender is in the sender's lane, and what all name joins nobody")
    func lanes() throws {
        let world = try TransitionWorld(accounts: 12)
        func transfer(_ from: Int, _ nonce: UInt64, _ to: Felt) -> PreparedTransaction {
            world.prepared(
                world.invoke(from, nonce: nonce, [.transfer(to, U256(low: 5))]), valid: false)
        }
        let stranger = Felt(UInt128.max) + 77
        let window = [
            transfer(0, 0, 1), transfer(1, 0, 2), transfer(2, 0, world.accounts[1]),
            transfer(3, 0, 3), transfer(0, 1, 4), transfer(4, 0, stranger),
            transfer(5, 0, stranger), transfer(6, 0, 5), transfer(7, 0, 5),
        ]
        let lanes = Lanes(of: window[...])
        #expect(lanes.lanes == [[0, 4], [1, 2], [3], [5, 6], [7], [8]])
        #expect(lanes.longest == 2)
        #expect(lanes.dealt(to: 3) == [[0, 4, 7], [1, 2, 8], [3, 5, 6]])
        // A nonce chain is one lane, however long.
        let chain = (0..<40).map { transfer(8, $0, Felt($0)) }
        #expect(Lanes(of: chain[...]).longest == 40)
        // Five of five name the same: an exchange, perhaps.
        let exchange = (0..<5).map { transfer($0, 0, stranger) }
        #expect(Lanes(of: exchange[...]).longest == 1)
        #expect(Lanes(of: exchange[..<4]).longest == 4)
    }

    @Test("A cache that replays what another was asked is as if it had been asked itself")
    func replay() {
        var words = SeededGenerator(seed: 9)
        var asked = StorageAddressCache()
        var replayed = StorageAddressCache()
        for _ in 0..<20 {
            var over = StorageAddressCache(over: replayed)
            for _ in 0..<30 {
                let account = Felt(words.uniform(below: 200))
                let key = asked.balance(of: account)
                #expect(over.balance(of: account) == key)
            }
            let list = over.takeAsked()
            #expect(over.takeAsked().isEmpty)
            replayed.replay(list[...])
            #expect(replayed == asked)
        }
    }
}
