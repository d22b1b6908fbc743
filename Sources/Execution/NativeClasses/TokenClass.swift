import StarkField
import StarkHash

/// The STRK token: an ERC-20 as StarkGate's STRK contract of 2024 has it, without its minting,
/// locking and governance. Name and symbol are short strings, `Transfer` and `Approval` carry all
/// their members as data (block 2238855 of Starknet's mainnet shows it), sums and differences
/// that do not fit a `u256` panic as Cairo's operators do.
enum TokenClass {
    enum EntryPoint: Sendable {
        case name, symbol, decimals, totalSupply, balanceOf, allowance
        case transfer, transferFrom, approve, increaseAllowance, decreaseAllowance
        case constructor
    }

    enum Storage {
        static let name = StorageAddresses.variable("ERC20_name")
        static let symbol = StorageAddresses.variable("ERC20_symbol")
        static let decimals = StorageAddresses.variable("ERC20_decimals")
        static let totalSupply = StorageAddresses.variable("ERC20_total_supply")
        static let balances = StorageAddresses.variable("ERC20_balances")
        static let allowances = StorageAddresses.variable("ERC20_allowances")
    }

    private enum Reason {
        static let approveFromZero = HashTerms.shortString("ERC20: approve from 0")
        static let approveToZero = HashTerms.shortString("ERC20: approve to 0")
        static let transferFromZero = HashTerms.shortString("ERC20: transfer from 0")
        static let transferToZero = HashTerms.shortString("ERC20: transfer to 0")
        static let mintToZero = HashTerms.shortString("ERC20: mint to 0")
        static let sum = HashTerms.shortString("u256_add Overflow")
        static let difference = HashTerms.shortString("u256_sub Overflow")
        static let notU128 = HashTerms.shortString("StoreU128 - non u128")
    }

    static let transferEvent = selector("Transfer")
    static let approvalEvent = selector("Approval")

    static func run(
        _ entryPoint: EntryPoint, in context: inout NativeContext, _ calldata: ArraySlice<Felt>
    ) throws(NativeFailure) -> [Felt] {
        var arguments = CalldataReader(calldata)
        switch entryPoint {
        case .name, .symbol, .decimals:
            try arguments.finish()
            let key =
                switch entryPoint {
                case .name: Storage.name
                case .symbol: Storage.symbol
                default: Storage.decimals
                }
            return [try context.read(at: key)]
        case .totalSupply:
            try arguments.finish()
            return felts(try amount(at: Storage.totalSupply, in: &context).value)
        case .balanceOf:
            let account = try arguments.contractAddress()
            try arguments.finish()
            return felts(try balance(of: account, in: &context).value)
        case .allowance:
            let owner = try arguments.contractAddress()
            let spender = try arguments.contractAddress()
            try arguments.finish()
            return felts(try allowance(of: owner, for: spender, in: &context).value)
        case .transfer:
            let recipient = try arguments.contractAddress()
            let amount = try arguments.u256()
            try arguments.finish()
            let sender = try context.caller()
            try transfer(amount, from: sender, to: recipient, in: &context)
            return [.one]
        case .transferFrom:
            let sender = try arguments.contractAddress()
            let recipient = try arguments.contractAddress()
            let amount = try arguments.u256()
            try arguments.finish()
            try spend(amount, of: sender, in: &context)
            try transfer(amount, from: sender, to: recipient, in: &context)
            return [.one]
        case .approve:
            let spender = try arguments.contractAddress()
            let amount = try arguments.u256()
            try arguments.finish()
            let owner = try context.caller()
            let cells = try allowance(of: owner, for: spender, in: &context, reads: false)
            try approve(amount, cells, owner: owner, spender: spender, in: &context)
            return [.one]
        case .increaseAllowance, .decreaseAllowance:
            let spender = try arguments.contractAddress()
            let change = try arguments.u256()
            try arguments.finish()
            let owner = try context.caller()
            let current = try allowance(of: owner, for: spender, in: &context)
            let new: U256
            if case .increaseAllowance = entryPoint {
                new = try sum(current.value, change, in: &context)
            } else {
                new = try difference(current.value, change, in: &context)
            }
            try approve(new, current, owner: owner, spender: spender, in: &context)
            return [.one]
        case .constructor:
            let name = try arguments.felt()
            let symbol = try arguments.felt()
            let decimals = try arguments.uint8()
            let supply = try arguments.u256()
            let recipient = try arguments.contractAddress()
            try arguments.finish()
            try describe(name: name, symbol: symbol, decimals: decimals, in: &context)
            try mint(supply, to: recipient, in: &context)
            return []
        }
    }

    // MARK: Amounts in storage

    /// A `u256` in storage: its value and its two cells.
    struct StoredAmount {
        var value: U256
        let low: BlockState.CellIndex
        let high: BlockState.CellIndex
    }

    private static func amount(
        at key: StorageKey, in context: inout NativeContext, reads: Bool = true
    ) throws(NativeFailure) -> StoredAmount {
        let low = try context.cell(at: key)
        let high = try context.cell(at: StorageAddresses.second(of: key))
        if !reads { return StoredAmount(value: .zero, low: low, high: high) }
        guard let lowValue = try context.read(low).asUInt128,
            let highValue = try context.read(high).asUInt128
        else { throw .panic(Reason.notU128) }
        return StoredAmount(value: U256(low: lowValue, high: highValue), low: low, high: high)
    }

    private static func store(
        _ value: U256, in stored: StoredAmount, _ context: inout NativeContext
    ) throws(NativeFailure) {
        try context.write(stored.low, Felt(value.low))
        try context.write(stored.high, Felt(value.high))
    }

    private static func balance(
        of account: ContractAddress, in context: inout NativeContext
    ) throws(NativeFailure) -> StoredAmount {
        try context.charge(GasSchedule.mapAddress)
        return try amount(at: context.addresses.balance(of: account), in: &context)
    }

    /// An account's balance as the fee rules read it, outside any call and free of gas. A value
    /// that is no `u256`, which this class never writes, counts as 0.
    static func balance(
        of account: ContractAddress, token: BlockState.ContractIndex,
        in context: inout NativeContext
    ) throws(StateReadError) -> StoredAmount {
        let key = context.addresses.balance(of: account)
        let low = try context.state.cell(of: token, at: key)
        let high = try context.state.cell(of: token, at: StorageAddresses.second(of: key))
        let value =
            if let lowValue = context.state.value(low).asUInt128,
                let highValue = context.state.value(high).asUInt128
            {
                U256(low: lowValue, high: highValue)
            } else {
                U256.zero
            }
        return StoredAmount(value: value, low: low, high: high)
    }

    private static func allowance(
        of owner: ContractAddress, for spender: ContractAddress,
        in context: inout NativeContext, reads: Bool = true
    ) throws(NativeFailure) -> StoredAmount {
        try context.charge(GasSchedule.nestedMapAddress)
        let key = StorageAddresses.entry(of: Storage.allowances, owner, spender)
        return try amount(at: key, in: &context, reads: reads)
    }

    private static func felts(_ value: U256) -> [Felt] { [Felt(value.low), Felt(value.high)] }

    private static func sum(
        _ left: U256, _ right: U256, in context: inout NativeContext
    ) throws(NativeFailure) -> U256 {
        try context.charge(GasSchedule.tokenArithmetic)
        guard let sum = left.adding(right) else { throw .panic(Reason.sum) }
        return sum
    }

    private static func difference(
        _ left: U256, _ right: U256, in context: inout NativeContext
    ) throws(NativeFailure) -> U256 {
        try context.charge(GasSchedule.tokenArithmetic)
        guard let difference = left.subtracting(right) else { throw .panic(Reason.difference) }
        return difference
    }

    // MARK: Operations

    /// Moves tokens. The sender's balance is written before the recipient's is read, so that a
    /// transfer to oneself changes nothing.
    static func transfer(
        _ amount: U256, from sender: ContractAddress, to recipient: ContractAddress,
        in context: inout NativeContext
    ) throws(NativeFailure) {
        if sender.isZero { throw .panic(Reason.transferFromZero) }
        if recipient.isZero { throw .panic(Reason.transferToZero) }
        let from = try balance(of: sender, in: &context)
        try store(try difference(from.value, amount, in: &context), in: from, &context)
        let to = try balance(of: recipient, in: &context)
        try store(try sum(to.value, amount, in: &context), in: to, &context)
        try context.emit(
            keys: [transferEvent],
            data: [sender, recipient, Felt(amount.low), Felt(amount.high)])
    }

    static func describe(
        name: Felt, symbol: Felt, decimals: UInt8, in context: inout NativeContext
    ) throws(NativeFailure) {
        try context.write(at: Storage.name, name)
        try context.write(at: Storage.symbol, symbol)
        try context.write(at: Storage.decimals, Felt(UInt64(decimals)))
    }

    /// Creates tokens; only constructors and genesis do.
    static func mint(
        _ amount: U256, to recipient: ContractAddress, in context: inout NativeContext
    ) throws(NativeFailure) {
        if recipient.isZero { throw .panic(Reason.mintToZero) }
        let supply = try self.amount(at: Storage.totalSupply, in: &context)
        try store(try sum(supply.value, amount, in: &context), in: supply, &context)
        let to = try balance(of: recipient, in: &context)
        try store(try sum(to.value, amount, in: &context), in: to, &context)
        try context.emit(
            keys: [transferEvent], data: [.zero, recipient, Felt(amount.low), Felt(amount.high)])
    }

    /// Uses up the caller's allowance; an allowance of 2^256 - 1 is endless.
    private static func spend(
        _ amount: U256, of owner: ContractAddress, in context: inout NativeContext
    ) throws(NativeFailure) {
        let spender = try context.caller()
        let current = try allowance(of: owner, for: spender, in: &context)
        if current.value == .max { return }
        let left = try difference(current.value, amount, in: &context)
        try approve(left, current, owner: owner, spender: spender, in: &context)
    }

    private static func approve(
        _ amount: U256, _ stored: StoredAmount, owner: ContractAddress, spender: ContractAddress,
        in context: inout NativeContext
    ) throws(NativeFailure) {
        if owner.isZero { throw .panic(Reason.approveFromZero) }
        if spender.isZero { throw .panic(Reason.approveToZero) }
        try store(amount, in: stored, &context)
        try context.emit(
            keys: [approvalEvent], data: [owner, spender, Felt(amount.low), Felt(amount.high)])
    }
}

// MARK: - The published class

extension TokenClass {
    static let definition: NativeClass = {
        func address(_ name: String) -> Interface.Argument {
            Interface.Argument(name: name, type: Interface.address)
        }
        func amount(_ name: String) -> Interface.Argument {
            Interface.Argument(name: name, type: Interface.u256)
        }
        func view(
            _ name: String, _ inputs: [Interface.Argument], _ output: String
        ) -> Interface.Function {
            Interface.Function(name: name, inputs: inputs, outputs: [output], isView: true)
        }
        func external(_ name: String, _ inputs: [Interface.Argument]) -> Interface.Function {
            Interface.Function(
                name: name, inputs: inputs, outputs: [Interface.bool], isView: false)
        }
        let moved = [address("sender"), address("recipient"), amount("amount")]
        let functions: [(Interface.Function, EntryPoint)] = [
            (view("name", [], Interface.felt), .name),
            (view("symbol", [], Interface.felt), .symbol),
            (view("decimals", [], Interface.u8), .decimals),
            (view("total_supply", [], Interface.u256), .totalSupply),
            (view("balance_of", [address("account")], Interface.u256), .balanceOf),
            (
                view("allowance", [address("owner"), address("spender")], Interface.u256),
                .allowance
            ),
            (external("transfer", [address("recipient"), amount("amount")]), .transfer),
            (external("transfer_from", moved), .transferFrom),
            (external("approve", [address("spender"), amount("amount")]), .approve),
            (
                external("increase_allowance", [address("spender"), amount("added_value")]),
                .increaseAllowance
            ),
            (
                external("decrease_allowance", [address("spender"), amount("subtracted_value")]),
                .decreaseAllowance
            ),
            (view("totalSupply", [], Interface.u256), .totalSupply),
            (view("balanceOf", [address("account")], Interface.u256), .balanceOf),
            (external("transferFrom", moved), .transferFrom),
            (
                external("increaseAllowance", [address("spender"), amount("addedValue")]),
                .increaseAllowance
            ),
            (
                external("decreaseAllowance", [address("spender"), amount("subtractedValue")]),
                .decreaseAllowance
            ),
        ]
        func event(_ name: String, _ from: String, _ to: String) -> Interface.EventType {
            Interface.EventType(
                name: name,
                members: [
                    Interface.EventMember(name: from, type: Interface.address, isKey: false),
                    Interface.EventMember(name: to, type: Interface.address, isKey: false),
                    Interface.EventMember(name: "value", type: Interface.u256, isKey: false),
                ])
        }
        let interface = Interface(
            path: "prytany::token::Token", types: [.u256, .bool],
            functions: functions.map(\.0),
            constructor: [
                Interface.Argument(name: "name", type: Interface.felt),
                Interface.Argument(name: "symbol", type: Interface.felt),
                Interface.Argument(name: "decimals", type: Interface.u8),
                amount("initial_supply"), address("recipient"),
            ],
            events: [event("Transfer", "from", "to"), event("Approval", "owner", "spender")])
        return NativeClass(
            name: "TOKEN", version: 1, interface: interface,
            functions: functions.map { ($0.0.name, .token($0.1)) },
            constructor: .token(.constructor))
    }()
}
