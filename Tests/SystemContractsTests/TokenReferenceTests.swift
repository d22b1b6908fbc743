import Execution
import StarkField
import SystemContracts
import TestSupport
import Testing

@Suite(
    "The token, run by cairo-lang", .serialized, .enabled(if: Oracles.haveCairo, Oracles.absence))
struct TokenReferenceTests {
    typealias Select = TokenBinding.Selector
    typealias Cells = TokenBinding.Storage

    static let token: Felt = 0x5151
    static let alice: Felt = 0xa11ce
    static let bob: Felt = 0xb0b
    static let carol: Felt = 0xca401
    static let name = Felt(shortString: "Starknet Token") ?? .zero
    static let symbol = Felt(shortString: "STRK") ?? .zero

    /// A token of which Alice has `supply`.
    static func deployed(low: UInt128 = 1000, high: UInt128 = 0) -> Reference {
        var script = Reference()
        script.deploy(
            SystemContracts.token.classHash, at: token,
            TokenBinding.constructorCalldata(
                name: name, symbol: symbol, decimals: 18, supplyLow: low, supplyHigh: high,
                recipient: alice))
        return script
    }

    private func moved(_ from: Felt, _ to: Felt, _ low: Felt, _ high: Felt = 0) -> Reference.Event {
        Reference.Event(
            from: Self.token, keys: [TokenBinding.Event.transfer], data: [from, to, low, high])
    }

    private func approved(_ owner: Felt, _ spender: Felt, _ low: Felt, _ high: Felt = 0)
        -> Reference.Event
    {
        Reference.Event(
            from: Self.token, keys: [TokenBinding.Event.approval],
            data: [owner, spender, low, high])
    }

    @Test("The constructor describes the token and gives the recipient the whole supply")
    func constructor() throws {
        var script = Self.deployed(low: 5, high: 7)
        for selector in [Select.name, Select.symbol, Select.decimals] {
            script.call(Self.token, selector)
        }
        for selector in [Select.totalSupply, Select.totalSupplyCamel] {
            script.call(Self.token, selector)
        }
        for selector in [Select.balanceOf, Select.balanceOfCamel] {
            script.call(Self.token, selector, [Self.alice])
            script.call(Self.token, selector, [Self.bob])
        }
        let outcomes = try script.outcomes()
        let made = outcomes[0]
        #expect(!made.failed)
        #expect(made.data == [])
        #expect(made.events == [moved(.zero, Self.alice, 5, 7)])
        let balance = Cells.balance(of: Self.alice)
        let expected: [Felt: Felt] = [
            Cells.name: Self.name, Cells.symbol: Self.symbol, Cells.decimals: 18,
            Cells.totalSupply: 5, StorageAddresses.second(of: Cells.totalSupply): 7, balance: 5,
            StorageAddresses.second(of: balance): 7,
        ]
        #expect(made.cells.count == expected.count)
        for (key, value) in expected { #expect(made.cell(key, of: Self.token) == value) }
        #expect(
            outcomes[1...].map(\.felts) == [
                [Self.name], [Self.symbol], [18], [5, 7], [5, 7], [5, 7], [0, 0], [5, 7], [0, 0],
            ])
    }

    @Test("A constructor that mints to nobody, or has decimals beyond a byte, fails")
    func constructorRefusals() throws {
        var script = Reference()
        let hash = SystemContracts.token.classHash
        script.deploy(hash, at: Self.token, [Self.name, Self.symbol, 18, 1, 0, 0])
        script.deploy(hash, at: Self.token, [Self.name, Self.symbol, 256, 1, 0, Self.alice])
        script.deploy(hash, at: Self.token, [Self.name, Self.symbol, 18, 1, 0, Self.alice, 0])
        script.deploy(hash, at: Self.token, [Self.name, Self.symbol, 18, 1, 0])
        let outcomes = try script.outcomes()
        #expect(
            outcomes.map(\.reasons) == [
                ["ERC20: mint to 0"], ["Input too short for arguments"],
                ["Input too long for arguments"], ["Input too short for arguments"],
            ])
    }

    @Test("A transfer moves the amount, and to oneself changes nothing")
    func transfer() throws {
        var script = Self.deployed()
        let calldata = TokenBinding.transferCalldata(to: Self.bob, low: 400)
        script.call(Self.token, Select.transfer, calldata, caller: Self.alice)
        script.call(
            Self.token, Select.transfer, TokenBinding.transferCalldata(to: Self.bob, low: 400),
            caller: Self.bob)
        script.call(
            Self.token, Select.transfer, TokenBinding.transferCalldata(to: Self.bob, low: 0),
            caller: Self.carol)
        let outcomes = try script.outcomes()
        #expect(outcomes[1].felts == [1])
        #expect(outcomes[1].events == [moved(Self.alice, Self.bob, 400)])
        #expect(outcomes[1].cell(Cells.balance(of: Self.alice), of: Self.token) == 600)
        #expect(outcomes[1].cell(Cells.balance(of: Self.bob), of: Self.token) == 400)
        #expect(outcomes[2].felts == [1])
        #expect(outcomes[2].events == [moved(Self.bob, Self.bob, 400)])
        #expect(outcomes[2].cell(Cells.balance(of: Self.bob), of: Self.token) == 400)
        #expect(outcomes[3].felts == [1])
        #expect(outcomes[3].events == [moved(Self.carol, Self.bob, 0)])
    }

    @Test("Transfers fail with their reason: nobody's, to nobody, more than there is, unreadable")
    func transferRefusals() throws {
        var script = Self.deployed()
        let cases: [(Felt, [Felt], [String])] = [
            (.zero, [Self.bob, 1, 0], ["ERC20: transfer from 0"]),
            (Self.alice, [0, 1, 0], ["ERC20: transfer to 0"]),
            (Self.alice, [Self.bob, 1001, 0], ["u256_sub Overflow"]),
            (Self.alice, [Self.bob, 0, 1], ["u256_sub Overflow"]),
            (Self.alice, [Self.bob, 1], ["Input too short for arguments"]),
            (Self.alice, [Self.bob, 1, 0, 0], ["Input too long for arguments"]),
            // 2^128 is no half, and 2^251 no address.
            (
                Self.alice, [Self.bob, Felt(UInt128.max) + 1, 0],
                ["Input too short for arguments"]
            ),
            (
                Self.alice, [Felt(reducingBigEndianWords: (1 << 59, 0, 0, 0)), 1, 0],
                ["Input too short for arguments"]
            ),
        ]
        for (caller, calldata, _) in cases {
            script.call(Self.token, Select.transfer, calldata, caller: caller)
        }
        let outcomes = try script.outcomes()[1...]
        #expect(outcomes.map(\.reasons) == cases.map(\.2))
    }

    @Test("An allowance is used up, but for the largest one", arguments: [false, true])
    func allowances(isCamel: Bool) throws {
        let transferFrom = isCamel ? Select.transferFromCamel : Select.transferFrom
        var script = Self.deployed()
        func approve(_ low: UInt128, _ high: UInt128) {
            script.call(
                Self.token, Select.approve,
                TokenBinding.allowanceCalldata(for: Self.bob, low: low, high: high),
                caller: Self.alice)
        }
        func take(_ amount: UInt128) {
            script.call(
                Self.token, transferFrom,
                TokenBinding.transferFromCalldata(from: Self.alice, to: Self.carol, low: amount),
                caller: Self.bob)
        }
        approve(100, 0)
        take(60)
        take(60)
        approve(.max, .max)
        take(60)
        script.call(Self.token, Select.allowance, [Self.alice, Self.bob])
        let outcomes = try script.outcomes()
        let cell = Cells.allowance(of: Self.alice, for: Self.bob)
        #expect(outcomes[1].felts == [1])
        #expect(outcomes[1].events == [approved(Self.alice, Self.bob, 100)])
        #expect(outcomes[1].cell(cell, of: Self.token) == 100)
        #expect(
            outcomes[2].events == [
                approved(Self.alice, Self.bob, 40), moved(Self.alice, Self.carol, 60),
            ])
        #expect(outcomes[2].cell(cell, of: Self.token) == 40)
        #expect(outcomes[3].reasons == ["u256_sub Overflow"])
        let largest = Felt(UInt128.max)
        #expect(outcomes[5].events == [moved(Self.alice, Self.carol, 60)])
        #expect(outcomes[5].cell(cell, of: Self.token) == nil)
        #expect(outcomes[6].felts == [largest, largest])
    }

    @Test("Allowances rise and fall, and not beyond their range", arguments: [false, true])
    func changes(isCamel: Bool) throws {
        let raise = isCamel ? Select.increaseAllowanceCamel : Select.increaseAllowance
        let lower = isCamel ? Select.decreaseAllowanceCamel : Select.decreaseAllowance
        var script = Self.deployed()
        func change(_ selector: Felt, _ low: UInt128, _ high: UInt128, _ caller: Felt) {
            script.call(
                Self.token, selector,
                TokenBinding.allowanceCalldata(for: Self.bob, low: low, high: high),
                caller: caller)
        }
        change(raise, 5, 1, Self.alice)
        change(raise, .max, .max - 1, Self.alice)
        change(lower, 6, 0, Self.alice)
        change(lower, .max, 0, Self.alice)
        change(raise, 1, 0, .zero)
        script.call(Self.token, raise, [0, 1, 0], caller: Self.alice)
        let outcomes = try script.outcomes()
        #expect(outcomes[1].events == [approved(Self.alice, Self.bob, 5, 1)])
        #expect(outcomes[2].reasons == ["u256_add Overflow"])
        #expect(outcomes[3].events == [approved(Self.alice, Self.bob, Felt(UInt128.max), 0)])
        #expect(outcomes[4].events == [approved(Self.alice, Self.bob, 0, 0)])
        #expect(outcomes[5].reasons == ["ERC20: approve from 0"])
        #expect(outcomes[6].reasons == ["ERC20: approve to 0"])
    }

    @Test("Nobody approves, and nobody is approved")
    func approveRefusals() throws {
        var script = Self.deployed()
        script.call(Self.token, Select.approve, [Self.bob, 1, 0])
        script.call(Self.token, Select.approve, [0, 1, 0], caller: Self.alice)
        // The allowance is spent before the parties are looked at.
        script.call(Self.token, Select.transferFrom, [0, Self.bob, 0, 0], caller: Self.alice)
        script.call(Self.token, Select.transferFrom, [Self.alice, 0, 0, 0], caller: Self.bob)
        let outcomes = try script.outcomes()[1...]
        #expect(
            outcomes.map(\.reasons) == [
                ["ERC20: approve from 0"], ["ERC20: approve to 0"], ["ERC20: approve from 0"],
                ["ERC20: transfer to 0"],
            ])
    }

    /// The token as a table, for small amounts.
    private struct Ledger {
        var balances: [Felt: Int]
        var allowances: [[Felt]: Int] = [:]

        mutating func move(_ from: Felt, _ to: Felt, _ amount: Int) -> String? {
            guard balances[from, default: 0] >= amount else { return "u256_sub Overflow" }
            balances[from, default: 0] -= amount
            balances[to, default: 0] += amount
            return nil
        }

        mutating func moveFor(_ spender: Felt, _ from: Felt, _ to: Felt, _ amount: Int) -> String? {
            guard allowances[[from, spender], default: 0] >= amount else {
                return "u256_sub Overflow"
            }
            let failure = move(from, to, amount)
            if failure == nil { allowances[[from, spender], default: 0] -= amount }
            return failure
        }
    }

    @Test(
        "Any sequence of calls leaves what a table of balances says", arguments: [1, 2] as [UInt64])
    func sequences(seed: UInt64) throws {
        var words = SeededWords(seed: seed)
        var ledger = Ledger(balances: [Self.alice: 1000])
        var script = Self.deployed()
        var failures: [String?] = []
        let people = [Self.alice, Self.bob, Self.carol]
        for _ in 0..<120 {
            guard let caller = people.randomElement(using: &words),
                let from = people.randomElement(using: &words),
                let to = people.randomElement(using: &words)
            else { continue }
            let amount = Int.random(in: 0...500, using: &words)
            switch Int.random(in: 0..<3, using: &words) {
            case 0:
                script.call(
                    Self.token, Select.transfer,
                    TokenBinding.transferCalldata(to: to, low: UInt128(amount)), caller: caller)
                failures.append(ledger.move(caller, to, amount))
            case 1:
                script.call(
                    Self.token, Select.approve,
                    TokenBinding.allowanceCalldata(for: to, low: UInt128(amount)), caller: caller)
                ledger.allowances[[caller, to]] = amount
                failures.append(nil)
            default:
                script.call(
                    Self.token, Select.transferFrom,
                    TokenBinding.transferFromCalldata(from: from, to: to, low: UInt128(amount)),
                    caller: caller)
                failures.append(ledger.moveFor(caller, from, to, amount))
            }
        }
        for person in people { script.call(Self.token, Select.balanceOf, [person]) }
        script.call(Self.token, Select.totalSupply)
        let outcomes = try script.outcomes()
        #expect(failures.contains(nil) && failures.contains { $0 != nil })
        for (index, failure) in failures.enumerated() {
            #expect(outcomes[1 + index].reasons == failure.map { [$0] }, "seed \(seed), \(index)")
        }
        let balances = outcomes[(1 + failures.count)...].map(\.felts)
        #expect(
            balances == people.map { [Felt(UInt64(ledger.balances[$0, default: 0])), 0] }
                + [[1000, 0]])
    }
}
