import CairoVM
import StarkField
import StarkHash

/// The twin of `token.cairo`.
extension CallContext {
    private enum Selectors {
        static let name = selector("name")
        static let symbol = selector("symbol")
        static let decimals = selector("decimals")
        static let totalSupply = [selector("total_supply"), selector("totalSupply")]
        static let balanceOf = [selector("balance_of"), selector("balanceOf")]
        static let allowance = selector("allowance")
        static let transferFrom = [selector("transfer_from"), selector("transferFrom")]
        static let approve = selector("approve")
        static let increase = [selector("increase_allowance"), selector("increaseAllowance")]
        static let decrease = [selector("decrease_allowance"), selector("decreaseAllowance")]
        static let transferEvent = selector("Transfer")
        static let approvalEvent = selector("Approval")
    }

    mutating func runToken(_ running: inout TwinFrame) throws(TwinFailure) -> [Felt] {
        let call = running.frame.call
        var arguments = TwinArguments(call.calldata)
        switch call.selector {
        case EntryPointSelectors.transfer:
            let (recipient, amount) = (try arguments.address(), try arguments.u256())
            try arguments.finish()
            running.cost += TwinCosts.Token.transfer
            running.frame.usage.add(.getExecutionInfo)
            try move(amount, from: call.callerAddress, to: recipient, &running)
            return [.one]
        case Selectors.balanceOf[0], Selectors.balanceOf[1]:
            let account = try arguments.address()
            try arguments.finish()
            running.cost += TwinCosts.Token.balance
            let amount = try readAmount(try balanceKey(account), &running)
            return [Felt(amount.low), Felt(amount.high)]
        case Selectors.transferFrom[0], Selectors.transferFrom[1]:
            let (sender, recipient) = (try arguments.address(), try arguments.address())
            let amount = try arguments.u256()
            try arguments.finish()
            running.cost += TwinCosts.Token.transferFrom
            running.frame.usage.add(.getExecutionInfo)
            try spend(amount, of: sender, by: call.callerAddress, &running)
            try move(amount, from: sender, to: recipient, &running)
            return [.one]
        case Selectors.approve:
            let (spender, amount) = (try arguments.address(), try arguments.u256())
            try arguments.finish()
            running.cost += TwinCosts.Token.approve
            running.frame.usage.add(.getExecutionInfo)
            let key = try allowanceKey(call.callerAddress, spender)
            try allow(amount, at: key, call.callerAddress, spender, &running)
            return [.one]
        case Selectors.increase[0], Selectors.increase[1]:
            try changeAllowance(&arguments, &running) { $0.twinSum($1) }
            return [.one]
        case Selectors.decrease[0], Selectors.decrease[1]:
            try changeAllowance(&arguments, &running) { $0.twinDifference($1) }
            return [.one]
        case Selectors.allowance:
            let (owner, spender) = (try arguments.address(), try arguments.address())
            try arguments.finish()
            running.cost += TwinCosts.Token.allowance
            let amount = try readAmount(try allowanceKey(owner, spender), &running)
            return [Felt(amount.low), Felt(amount.high)]
        case Selectors.totalSupply[0], Selectors.totalSupply[1]:
            try arguments.finish()
            running.cost += TwinCosts.Token.totalSupply
            let amount = try readAmount(TokenStorage.totalSupply, &running)
            return [Felt(amount.low), Felt(amount.high)]
        case Selectors.name, Selectors.symbol:
            try arguments.finish()
            running.cost += TwinCosts.Token.text
            let isName = call.selector == Selectors.name
            return [try read(isName ? TokenStorage.name : TokenStorage.symbol, &running)]
        case Selectors.decimals:
            try arguments.finish()
            running.cost += TwinCosts.Token.decimals
            let decimals = try read(TokenStorage.decimals, &running)
            guard let small = decimals.asUInt64, small < 256 else { throw .unsure }
            return [decimals]
        default: throw .unsure
        }
    }

    // MARK: Amounts

    private mutating func balanceKey(
        _ account: ContractAddress
    ) throws(TwinFailure) -> StorageKey {
        guard let key = addresses.certainBalance(of: account) else { throw .unsure }
        return key
    }

    private func allowanceKey(
        _ owner: ContractAddress, _ spender: ContractAddress
    ) throws(TwinFailure) -> StorageKey {
        try mapEntry(TokenStorage.allowances, [owner, spender])
    }

    private mutating func readAmount(
        _ key: StorageKey, _ running: inout TwinFrame
    ) throws(TwinFailure) -> U256 {
        let low = try read(key, &running)
        let high = try read(StorageAddresses.second(of: key), &running)
        guard let low = low.asUInt128, let high = high.asUInt128 else { throw .unsure }
        return U256(low: low, high: high)
    }

    private mutating func writeAmount(
        _ amount: U256, _ key: StorageKey, _ running: inout TwinFrame
    ) throws(TwinFailure) {
        try write(key, Felt(amount.low), &running)
        try write(StorageAddresses.second(of: key), Felt(amount.high), &running)
    }

    private func take(
        _ result: (value: U256, carries: Bool)?, _ running: inout TwinFrame
    ) throws(TwinFailure) -> U256 {
        guard let result else { throw .unsure }
        if result.carries {
            running.cost += TwinCosts.Token.carry.cost
            running.cost.memoryHoles -= TwinCosts.Token.carry.holes
        }
        return result.value
    }

    // MARK: Operations

    /// The sender's balance is written before the recipient's is read, so that a transfer to
    /// oneself changes nothing.
    private mutating func move(
        _ amount: U256, from sender: ContractAddress, to recipient: ContractAddress,
        _ running: inout TwinFrame
    ) throws(TwinFailure) {
        if sender.isZero || recipient.isZero { throw .unsure }
        let from = try balanceKey(sender)
        let left = try readAmount(from, &running).twinDifference(amount)
        try writeAmount(try take(left, &running), from, &running)
        let to = try balanceKey(recipient)
        let sum = try readAmount(to, &running).twinSum(amount)
        try writeAmount(try take(sum, &running), to, &running)
        try emitNatively(
            keys: [Selectors.transferEvent],
            data: [sender, recipient, Felt(amount.low), Felt(amount.high)], &running)
    }

    /// Uses an allowance up. One with a full lower half might be endless, which takes another way.
    private mutating func spend(
        _ amount: U256, of owner: ContractAddress, by spender: ContractAddress,
        _ running: inout TwinFrame
    ) throws(TwinFailure) {
        let key = try allowanceKey(owner, spender)
        let current = try readAmount(key, &running)
        if current.low == .max { throw .unsure }
        let left = try take(current.twinDifference(amount), &running)
        try allow(left, at: key, owner, spender, &running)
    }

    private mutating func allow(
        _ amount: U256, at key: StorageKey, _ owner: ContractAddress,
        _ spender: ContractAddress, _ running: inout TwinFrame
    ) throws(TwinFailure) {
        if owner.isZero || spender.isZero { throw .unsure }
        try writeAmount(amount, key, &running)
        try emitNatively(
            keys: [Selectors.approvalEvent],
            data: [owner, spender, Felt(amount.low), Felt(amount.high)], &running)
    }

    private mutating func changeAllowance(
        _ arguments: inout TwinArguments, _ running: inout TwinFrame,
        _ change: (U256, U256) -> (value: U256, carries: Bool)?
    ) throws(TwinFailure) {
        let (spender, amount) = (try arguments.address(), try arguments.u256())
        try arguments.finish()
        running.cost += TwinCosts.Token.changeAllowance
        running.frame.usage.add(.getExecutionInfo)
        let owner = running.frame.call.callerAddress
        let key = try allowanceKey(owner, spender)
        let new = try take(change(try readAmount(key, &running), amount), &running)
        try allow(new, at: key, owner, spender, &running)
    }
}

extension U256 {
    /// The sum, and whether the lower halves carry into the higher; nil past 2^256 - 1.
    fileprivate func twinSum(_ other: U256) -> (value: U256, carries: Bool)? {
        adding(other).map { ($0, low.addingReportingOverflow(other.low).overflow) }
    }

    /// The difference, and whether the lower halves borrow from the higher; nil below 0.
    fileprivate func twinDifference(_ other: U256) -> (value: U256, carries: Bool)? {
        subtracting(other).map { ($0, low < other.low) }
    }
}
