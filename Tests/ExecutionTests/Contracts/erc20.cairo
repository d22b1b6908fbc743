//! A token that somebody's own contract is: other storage, events with keys, an owner who mints,
//! holders who burn, and no endless allowance.

use starknet::ContractAddress;

#[starknet::interface]
trait IUserToken<TContractState> {
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
    fn mint(ref self: TContractState, recipient: ContractAddress, amount: u256);
    fn burn(ref self: TContractState, amount: u256);
    fn owner(self: @TContractState) -> ContractAddress;
}

#[starknet::contract]
mod UserToken {
    use starknet::{ContractAddress, get_caller_address};
    use zeroable::Zeroable;

    #[storage]
    struct Storage {
        owner: ContractAddress,
        supply: u256,
        balances: LegacyMap<ContractAddress, u256>,
        allowances: LegacyMap<(ContractAddress, ContractAddress), u256>,
    }

    #[event]
    #[derive(Drop, starknet::Event)]
    enum Event {
        Transfer: Transfer,
        Approval: Approval,
    }

    #[derive(Drop, starknet::Event)]
    struct Transfer {
        #[key]
        from: ContractAddress,
        #[key]
        to: ContractAddress,
        value: u256,
    }

    #[derive(Drop, starknet::Event)]
    struct Approval {
        #[key]
        owner: ContractAddress,
        #[key]
        spender: ContractAddress,
        value: u256,
    }

    #[constructor]
    fn constructor(ref self: ContractState, owner: ContractAddress, supply: u256) {
        self.owner.write(owner);
        self.create(owner, supply);
    }

    #[external(v0)]
    impl UserTokenImpl of super::IUserToken<ContractState> {
        fn name(self: @ContractState) -> felt252 {
            'User Token'
        }

        fn symbol(self: @ContractState) -> felt252 {
            'USER'
        }

        fn decimals(self: @ContractState) -> u8 {
            6
        }

        fn total_supply(self: @ContractState) -> u256 {
            self.supply.read()
        }

        fn balance_of(self: @ContractState, account: ContractAddress) -> u256 {
            self.balances.read(account)
        }

        fn allowance(
            self: @ContractState, owner: ContractAddress, spender: ContractAddress
        ) -> u256 {
            self.allowances.read((owner, spender))
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
            let spender = get_caller_address();
            let allowed = self.allowances.read((sender, spender));
            assert(allowed >= amount, 'USER: not allowed');
            self.allowances.write((sender, spender), allowed - amount);
            self.move(sender, recipient, amount);
            true
        }

        fn approve(ref self: ContractState, spender: ContractAddress, amount: u256) -> bool {
            let owner = get_caller_address();
            self.allowances.write((owner, spender), amount);
            self.emit(Approval { owner, spender, value: amount });
            true
        }

        fn mint(ref self: ContractState, recipient: ContractAddress, amount: u256) {
            assert(get_caller_address() == self.owner.read(), 'USER: not the owner');
            self.create(recipient, amount);
        }

        fn burn(ref self: ContractState, amount: u256) {
            let holder = get_caller_address();
            self.take(holder, amount);
            self.supply.write(self.supply.read() - amount);
            self.emit(Transfer { from: holder, to: Zeroable::zero(), value: amount });
        }

        fn owner(self: @ContractState) -> ContractAddress {
            self.owner.read()
        }
    }

    #[generate_trait]
    impl Internal of InternalTrait {
        fn create(ref self: ContractState, to: ContractAddress, value: u256) {
            self.supply.write(self.supply.read() + value);
            self.balances.write(to, self.balances.read(to) + value);
            self.emit(Transfer { from: Zeroable::zero(), to, value });
        }

        fn take(ref self: ContractState, holder: ContractAddress, value: u256) {
            let held = self.balances.read(holder);
            assert(held >= value, 'USER: not enough');
            self.balances.write(holder, held - value);
        }

        fn move(
            ref self: ContractState, from: ContractAddress, to: ContractAddress, value: u256
        ) {
            assert(!to.is_zero(), 'USER: nobody receives');
            self.take(from, value);
            self.balances.write(to, self.balances.read(to) + value);
            self.emit(Transfer { from, to, value });
        }
    }
}
