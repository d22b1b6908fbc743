package import Execution
package import StarkField
import StarkHash

/// How to speak with `prytany::token::Token`. Amounts are in fri (10^-18 STRK) and of 256 bits, in
/// two halves.
package enum TokenBinding {
    package enum Selector {
        package static let name = selector("name")
        package static let symbol = selector("symbol")
        package static let decimals = selector("decimals")
        package static let totalSupply = selector("total_supply")
        package static let totalSupplyCamel = selector("totalSupply")
        package static let balanceOf = selector("balance_of")
        package static let balanceOfCamel = selector("balanceOf")
        package static let allowance = selector("allowance")
        package static let transfer = selector("transfer")
        package static let transferFrom = selector("transfer_from")
        package static let transferFromCamel = selector("transferFrom")
        package static let approve = selector("approve")
        package static let increaseAllowance = selector("increase_allowance")
        package static let increaseAllowanceCamel = selector("increaseAllowance")
        package static let decreaseAllowance = selector("decrease_allowance")
        package static let decreaseAllowanceCamel = selector("decreaseAllowance")

        package static let all = [
            name, symbol, decimals, totalSupply, totalSupplyCamel, balanceOf, balanceOfCamel,
            allowance, transfer, transferFrom, transferFromCamel, approve, increaseAllowance,
            increaseAllowanceCamel, decreaseAllowance, decreaseAllowanceCamel,
        ]
    }

    /// Amounts take two cells: the low half is at the address given here.
    package enum Storage {
        package static let name = StorageAddresses.variable("ERC20_name")
        package static let symbol = StorageAddresses.variable("ERC20_symbol")
        package static let decimals = StorageAddresses.variable("ERC20_decimals")
        package static let totalSupply = StorageAddresses.variable("ERC20_total_supply")
        package static let balances = StorageAddresses.variable("ERC20_balances")
        package static let allowances = StorageAddresses.variable("ERC20_allowances")

        package static func balance(of account: Felt) -> Felt {
            StorageAddresses.entry(of: balances, account)
        }

        package static func allowance(of owner: Felt, for spender: Felt) -> Felt {
            StorageAddresses.entry(of: allowances, owner, spender)
        }
    }

    /// The only key of each event. The data: sender, recipient (or owner, spender), low half, high
    /// half.
    package enum Event {
        package static let transfer = selector("Transfer")
        package static let approval = selector("Approval")
    }

    package static func constructorCalldata(
        name: Felt, symbol: Felt, decimals: UInt8, supplyLow: UInt128, supplyHigh: UInt128 = 0,
        recipient: Felt
    ) -> [Felt] {
        [
            name, symbol, Felt(UInt64(decimals)), Felt(supplyLow), Felt(supplyHigh), recipient,
        ]
    }

    /// The calldata of `transfer`.
    package static func transferCalldata(
        to recipient: Felt, low: UInt128, high: UInt128 = 0
    ) -> [Felt] { [recipient, Felt(low), Felt(high)] }

    /// The calldata of `transfer_from`.
    package static func transferFromCalldata(
        from sender: Felt, to recipient: Felt, low: UInt128, high: UInt128 = 0
    ) -> [Felt] { [sender, recipient, Felt(low), Felt(high)] }

    /// The calldata of `approve`, `increase_allowance` and `decrease_allowance`.
    package static func allowanceCalldata(
        for spender: Felt, low: UInt128, high: UInt128 = 0
    ) -> [Felt] { [spender, Felt(low), Felt(high)] }
}
