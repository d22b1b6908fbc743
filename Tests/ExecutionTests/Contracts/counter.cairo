//! Storage of several kinds, events, messages to L1 and from L1.

use starknet::ContractAddress;

#[starknet::interface]
trait ICounter<TContractState> {
    fn increase(ref self: TContractState, amount: u128) -> u128;
    fn decrease(ref self: TContractState, amount: u128) -> u128;
    fn value(self: @TContractState) -> u128;
    fn held_by(self: @TContractState, account: ContractAddress) -> u128;
    fn set_pair(ref self: TContractState, key: felt252, pair: Counter::Pair);
    fn pair(self: @TContractState, key: felt252) -> Counter::Pair;
    fn withdraw(ref self: TContractState, recipient: felt252, amount: u128);
}

#[starknet::contract]
mod Counter {
    use array::ArrayTrait;
    use starknet::syscalls::send_message_to_l1_syscall;
    use starknet::{ContractAddress, get_caller_address};
    use traits::Into;

    /// Five cells in storage, five felts in calldata.
    #[derive(Copy, Drop, Serde, starknet::Store)]
    struct Pair {
        left: u256,
        right: u256,
        is_set: bool,
    }

    #[storage]
    struct Storage {
        value: u128,
        by_account: LegacyMap<ContractAddress, u128>,
        pairs: LegacyMap<felt252, Pair>,
        gateway: felt252,
    }

    #[event]
    #[derive(Drop, starknet::Event)]
    enum Event {
        Increased: Increased,
        Decreased: Decreased,
        Deposited: Deposited,
    }

    #[derive(Drop, starknet::Event)]
    struct Increased {
        #[key]
        account: ContractAddress,
        amount: u128,
        value: u128,
    }

    #[derive(Drop, starknet::Event)]
    struct Decreased {
        #[key]
        account: ContractAddress,
        #[key]
        amount: u128,
    }

    #[derive(Drop, starknet::Event)]
    struct Deposited {
        from: felt252,
        account: ContractAddress,
        amount: u128,
    }

    #[constructor]
    fn constructor(ref self: ContractState, value: u128, gateway: felt252) {
        self.value.write(value);
        self.gateway.write(gateway);
    }

    #[external(v0)]
    impl CounterImpl of super::ICounter<ContractState> {
        fn increase(ref self: ContractState, amount: u128) -> u128 {
            let account = get_caller_address();
            self.add(account, amount);
            let value = self.value.read();
            self.emit(Increased { account, amount, value });
            value
        }

        fn decrease(ref self: ContractState, amount: u128) -> u128 {
            let account = get_caller_address();
            self.take(account, amount);
            self.emit(Decreased { account, amount });
            self.value.read()
        }

        fn value(self: @ContractState) -> u128 {
            self.value.read()
        }

        fn held_by(self: @ContractState, account: ContractAddress) -> u128 {
            self.by_account.read(account)
        }

        fn set_pair(ref self: ContractState, key: felt252, pair: Pair) {
            self.pairs.write(key, pair);
        }

        fn pair(self: @ContractState, key: felt252) -> Pair {
            self.pairs.read(key)
        }

        fn withdraw(ref self: ContractState, recipient: felt252, amount: u128) {
            self.take(get_caller_address(), amount);
            let payload = array![recipient, amount.into()];
            send_message_to_l1_syscall(self.gateway.read(), payload.span()).unwrap_syscall();
        }
    }

    #[l1_handler]
    fn deposit(
        ref self: ContractState, from_address: felt252, account: ContractAddress, amount: u128
    ) {
        assert(from_address == self.gateway.read(), 'Counter: unknown gateway');
        self.add(account, amount);
        self.emit(Deposited { from: from_address, account, amount });
    }

    /// Fails, whoever sends it.
    #[l1_handler]
    fn refuse(ref self: ContractState, from_address: felt252) {
        self.value.write(0);
        panic_with_felt252('Counter: refused');
    }

    #[generate_trait]
    impl Internal of InternalTrait {
        fn add(ref self: ContractState, account: ContractAddress, amount: u128) {
            self.value.write(self.value.read() + amount);
            self.by_account.write(account, self.by_account.read(account) + amount);
        }

        fn take(ref self: ContractState, account: ContractAddress, amount: u128) {
            let held = self.by_account.read(account);
            assert(held >= amount, 'Counter: not enough');
            self.value.write(self.value.read() - amount);
            self.by_account.write(account, held - amount);
        }
    }
}
