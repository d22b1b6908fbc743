//! Loops of one kind of work each.

#[starknet::interface]
trait IBench<TContractState> {
    fn fibonacci(self: @TContractState, count: u64) -> felt252;
    fn pedersen_chain(self: @TContractState, count: u64) -> felt252;
    fn poseidon_chain(self: @TContractState, count: u64) -> felt252;
}

#[starknet::contract]
mod Bench {
    use hash::pedersen;
    use poseidon::hades_permutation;
    use traits::Into;

    #[storage]
    struct Storage {}

    #[external(v0)]
    impl BenchImpl of super::IBench<ContractState> {
        /// Of 0, 1, 1, 2, ... in the field, the one with index `count`.
        fn fibonacci(self: @ContractState, count: u64) -> felt252 {
            let mut current = 0;
            let mut next = 1;
            let mut left = count;
            loop {
                if left == 0 {
                    break current;
                }
                let sum = current + next;
                current = next;
                next = sum;
                left -= 1;
            }
        }

        /// From 0, so often the hash with how many are left.
        fn pedersen_chain(self: @ContractState, count: u64) -> felt252 {
            let mut digest = 0;
            let mut left: felt252 = count.into();
            loop {
                if left == 0 {
                    break digest;
                }
                digest = pedersen(digest, left);
                left -= 1;
            }
        }

        /// From (0, 0, 0), so often the permutation; the first element of the last state.
        fn poseidon_chain(self: @ContractState, count: u64) -> felt252 {
            let mut first = 0;
            let mut second = 0;
            let mut third = 0;
            let mut left: felt252 = count.into();
            loop {
                if left == 0 {
                    break first;
                }
                let (a, b, c) = hades_permutation(first, second, third);
                first = a;
                second = b;
                third = c;
                left -= 1;
            }
        }
    }
}
