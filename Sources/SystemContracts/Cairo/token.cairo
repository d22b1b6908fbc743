//! STRK, the token that pays fees: an ERC-20 as StarkGate's STRK contract of 2024 has it, without
//! its minting, locking and governance. `Transfer` and `Approval` carry all members as data.

use starknet::ContractAddress;

#[starknet::interface]
trait IToken<TContractState> {
    fn name(self: @TContractState) -> felt252;
    fn symbol(self: @TContractState) -> felt252;
    fn decimals(self: @TContractState) -> u8;
    fn total_supply(self: @TContractState) -> u256;
    fn balance_of(self: @TContractState, account: ContractAddress) -> u256;
    fn allowance(self: @TContractState, owner: ContractAddress, spender: ContractAddress) -> u256;
    fn transfer(ref self: TContractState, recipient: ContractAddress, amount: u256) -> bool;
    fn transfer_from(
        ref self: TContractState, sender: ContractAddress, recipient: ContractAddress, amount: u256
    ) -> bool;
    fn approve(ref self: TContractState, spender: ContractAddress, amount: u256) -> bool;
    fn increase_allowance(
        ref self: TContractState, spender: ContractAddress, added_value: u256
    ) -> bool;
    fn decrease_allowance(
        ref self: TContractState, spender: ContractAddress, subtracted_value: u256
    ) -> bool;
    fn totalSupply(self: @TContractState) -> u256;
    fn balanceOf(self: @TContractState, account: ContractAddress) -> u256;
    fn transferFrom(
        ref self: TContractState, sender: ContractAddress, recipient: ContractAddress, amount: u256
    ) -> bool;
    fn increaseAllowance(
        ref self: TContractState, spender: ContractAddress, addedValue: u256
    ) -> bool;
    fn decreaseAllowance(
        ref self: TContractState, spender: ContractAddress, subtractedValue: u256
    ) -> bool;
}

#[starknet::contract]
mod Token {
    use integer::BoundedInt;
    use starknet::{ContractAddress, StorageBaseAddress, Store, get_caller_address};
    use zeroable::Zeroable;

    #[storage]
    struct Storage {
        ERC20_name: felt252,
        ERC20_symbol: felt252,
        ERC20_decimals: u8,
        ERC20_total_supply: u256,
        ERC20_balances: LegacyMap<ContractAddress, u256>,
        ERC20_allowances: LegacyMap<(ContractAddress, ContractAddress), u256>,
    }

    #[event]
    #[derive(Drop, starknet::Event)]
    enum Event {
        Transfer: Transfer,
        Approval: Approval,
    }

    #[derive(Drop, starknet::Event)]
    struct Transfer {
        from: ContractAddress,
        to: ContractAddress,
        value: u256,
    }

    #[derive(Drop, starknet::Event)]
    struct Approval {
        owner: ContractAddress,
        spender: ContractAddress,
        value: u256,
    }

    #[constructor]
    fn constructor(
        ref self: ContractState,
        name: felt252,
        symbol: felt252,
        decimals: u8,
        initial_supply: u256,
        recipient: ContractAddress
    ) {
        self.ERC20_name.write(name);
        self.ERC20_symbol.write(symbol);
        self.ERC20_decimals.write(decimals);
        self.mint(recipient, initial_supply);
    }

    #[external(v0)]
    impl TokenImpl of super::IToken<ContractState> {
        fn name(self: @ContractState) -> felt252 {
            self.ERC20_name.read()
        }

        fn symbol(self: @ContractState) -> felt252 {
            self.ERC20_symbol.read()
        }

        fn decimals(self: @ContractState) -> u8 {
            self.ERC20_decimals.read()
        }

        fn total_supply(self: @ContractState) -> u256 {
            self.ERC20_total_supply.read()
        }

        fn balance_of(self: @ContractState, account: ContractAddress) -> u256 {
            self.ERC20_balances.read(account)
        }

        fn allowance(
            self: @ContractState, owner: ContractAddress, spender: ContractAddress
        ) -> u256 {
            self.ERC20_allowances.read((owner, spender))
        }

        fn transfer(ref self: ContractState, recipient: ContractAddress, amount: u256) -> bool {
            self.move(get_caller_address(), recipient, amount);
            true
        }

        fn transfer_from(
            ref self: ContractState,
            sender: ContractAddress,
            recipient: ContractAddress,
            amount: u256
        ) -> bool {
            self.move_for(sender, recipient, amount)
        }

        fn approve(ref self: ContractState, spender: ContractAddress, amount: u256) -> bool {
            let owner = get_caller_address();
            let cell = self.ERC20_allowances.address((owner, spender));
            self.allow(cell, owner, spender, amount);
            true
        }

        fn increase_allowance(
            ref self: ContractState, spender: ContractAddress, added_value: u256
        ) -> bool {
            self.raise(spender, added_value)
        }

        fn decrease_allowance(
            ref self: ContractState, spender: ContractAddress, subtracted_value: u256
        ) -> bool {
            self.lower(spender, subtracted_value)
        }

        fn totalSupply(self: @ContractState) -> u256 {
            self.ERC20_total_supply.read()
        }

        fn balanceOf(self: @ContractState, account: ContractAddress) -> u256 {
            self.ERC20_balances.read(account)
        }

        fn transferFrom(
            ref self: ContractState,
            sender: ContractAddress,
            recipient: ContractAddress,
            amount: u256
        ) -> bool {
            self.move_for(sender, recipient, amount)
        }

        fn increaseAllowance(
            ref self: ContractState, spender: ContractAddress, addedValue: u256
        ) -> bool {
            self.raise(spender, addedValue)
        }

        fn decreaseAllowance(
            ref self: ContractState, spender: ContractAddress, subtractedValue: u256
        ) -> bool {
            self.lower(spender, subtractedValue)
        }
    }

    #[generate_trait]
    impl Internal of InternalTrait {
        /// The sender's balance is written before the recipient's is read, so that a transfer to
        /// oneself changes nothing.
        fn move(
            ref self: ContractState, from: ContractAddress, to: ContractAddress, value: u256
        ) {
            assert(!from.is_zero(), 'ERC20: transfer from 0');
            assert(!to.is_zero(), 'ERC20: transfer to 0');
            let source = self.ERC20_balances.address(from);
            write(source, read(source) - value);
            let target = self.ERC20_balances.address(to);
            write(target, read(target) + value);
            self.emit(Transfer { from, to, value });
        }

        /// Uses up the caller's allowance first; the largest one is endless.
        fn move_for(
            ref self: ContractState, from: ContractAddress, to: ContractAddress, value: u256
        ) -> bool {
            let spender = get_caller_address();
            let cell = self.ERC20_allowances.address((from, spender));
            let current = read(cell);
            if current != BoundedInt::max() {
                self.allow(cell, from, spender, current - value);
            }
            self.move(from, to, value);
            true
        }

        /// `cell` is where the allowance is.
        fn allow(
            ref self: ContractState,
            cell: StorageBaseAddress,
            owner: ContractAddress,
            spender: ContractAddress,
            value: u256
        ) {
            assert(!owner.is_zero(), 'ERC20: approve from 0');
            assert(!spender.is_zero(), 'ERC20: approve to 0');
            write(cell, value);
            self.emit(Approval { owner, spender, value });
        }

        fn raise(ref self: ContractState, spender: ContractAddress, change: u256) -> bool {
            let owner = get_caller_address();
            let cell = self.ERC20_allowances.address((owner, spender));
            self.allow(cell, owner, spender, read(cell) + change);
            true
        }

        fn lower(ref self: ContractState, spender: ContractAddress, change: u256) -> bool {
            let owner = get_caller_address();
            let cell = self.ERC20_allowances.address((owner, spender));
            self.allow(cell, owner, spender, read(cell) - change);
            true
        }

        fn mint(ref self: ContractState, to: ContractAddress, value: u256) {
            assert(!to.is_zero(), 'ERC20: mint to 0');
            self.ERC20_total_supply.write(self.ERC20_total_supply.read() + value);
            let target = self.ERC20_balances.address(to);
            write(target, read(target) + value);
            self.emit(Transfer { from: Zeroable::zero(), to, value });
        }
    }

    // A map's address is a hash: reading and writing one cell by these takes it once.

    fn read(cell: StorageBaseAddress) -> u256 {
        Store::read(0, cell).unwrap_syscall()
    }

    fn write(cell: StorageBaseAddress, value: u256) {
        Store::write(0, cell, value).unwrap_syscall()
    }
}
