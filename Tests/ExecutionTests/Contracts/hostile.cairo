//! Everything that a contract may do too much of. Counts and sizes come from the caller.

use starknet::ClassHash;

#[starknet::interface]
trait IHostile<TContractState> {
    // Depth and time
    fn recurse(self: @TContractState, depth: felt252) -> felt252;
    fn recurse_by_call(ref self: TContractState, depth: felt252) -> felt252;
    fn recurse_by_library_call(
        ref self: TContractState, class_hash: ClassHash, depth: felt252
    ) -> felt252;
    fn loop_forever(self: @TContractState);
    fn loop_forever_writing(ref self: TContractState);
    fn call_until_out_of_gas(ref self: TContractState) -> bool;
    // State and output
    fn write_cells(ref self: TContractState, first: felt252, count: u32, value: felt252);
    fn read_cells(self: @TContractState, first: felt252, count: u32) -> felt252;
    fn rewrite_cell(ref self: TContractState, key: felt252, count: u32);
    fn emit_events(ref self: TContractState, count: u32, keys: u32, data: u32);
    fn send_messages(ref self: TContractState, count: u32, to: felt252, payload: u32);
    fn return_felts(self: @TContractState, count: u32) -> Array<felt252>;
    fn panic_felts(self: @TContractState, count: u32);
    fn count_calldata(self: @TContractState, data: Array<felt252>) -> u32;
    fn replace_class(ref self: TContractState, class_hash: ClassHash);
    fn deploy(
        ref self: TContractState,
        class_hash: ClassHash,
        first_salt: felt252,
        count: u32,
        calldata: Array<felt252>
    ) -> Array<felt252>;
    // Builtins
    fn use_dictionary(self: @TContractState, accesses: felt252, keys: felt252) -> felt252;
    fn use_dictionaries(self: @TContractState, count: felt252) -> felt252;
    fn use_pedersen(self: @TContractState, count: felt252) -> felt252;
    fn use_poseidon(self: @TContractState, count: felt252) -> felt252;
    fn use_bitwise(self: @TContractState, count: felt252) -> u128;
    fn use_range_checks(self: @TContractState, count: u64) -> u256;
    fn use_curve(self: @TContractState, count: felt252) -> felt252;
    fn use_signatures(
        self: @TContractState, count: felt252, hash: felt252, key: felt252, r: felt252, s: felt252
    ) -> felt252;
    fn use_keccak(self: @TContractState, words: u32) -> u256;
    fn use_secp256k1(self: @TContractState, count: u32, scalar: u256) -> (u256, u256);
    fn use_secp256r1(self: @TContractState, count: u32, scalar: u256) -> (u256, u256);
    fn secp256k1_point(self: @TContractState, x: u256, y: u256) -> bool;
    fn secp256r1_point(self: @TContractState, x: u256, y: u256) -> bool;
    fn block_hash(self: @TContractState, number: u64) -> felt252;
}

#[starknet::contract]
mod Hostile {
    use array::{ArrayTrait, SpanTrait};
    use box::BoxTrait;
    use dict::{Felt252Dict, Felt252DictTrait};
    use ecdsa::check_ecdsa_signature;
    use hash::pedersen;
    use integer::u256_safe_divmod;
    use option::OptionTrait;
    use poseidon::hades_permutation;
    use starknet::secp256_trait::{Secp256PointTrait, Secp256Trait};
    use starknet::secp256k1::{Secp256k1Impl, Secp256k1Point, Secp256k1PointImpl};
    use starknet::secp256r1::{Secp256r1Impl, Secp256r1Point, Secp256r1PointImpl};
    use starknet::syscalls::{
        call_contract_syscall, deploy_syscall, emit_event_syscall, get_block_hash_syscall,
        keccak_syscall, library_call_syscall, replace_class_syscall, send_message_to_l1_syscall,
        storage_read_syscall, storage_write_syscall
    };
    use starknet::{
        ClassHash, StorageAddress, get_contract_address, get_execution_info,
        storage_address_try_from_felt252
    };
    use traits::{Into, TryInto};

    /// `starknet_keccak` of `loop_forever_writing`.
    const LOOP_FOREVER_WRITING: felt252 =
        0x6bec930aa5a533444f7beff89eda4900cacf4a7011a371f28ecd877080b8a7;

    #[storage]
    struct Storage {}

    #[external(v0)]
    impl HostileImpl of super::IHostile<ContractState> {
        /// Goes so deep on the stack, and counts on the way back.
        fn recurse(self: @ContractState, depth: felt252) -> felt252 {
            deep(depth)
        }

        /// Each level is a call of its own.
        fn recurse_by_call(ref self: ContractState, depth: felt252) -> felt252 {
            if depth == 0 {
                return 0;
            }
            let info = get_execution_info().unbox();
            let data = call_contract_syscall(
                info.contract_address, info.entry_point_selector, array![depth - 1].span()
            )
                .unwrap_syscall();
            *data.at(0_u32) + 1
        }

        fn recurse_by_library_call(
            ref self: ContractState, class_hash: ClassHash, depth: felt252
        ) -> felt252 {
            if depth == 0 {
                return 0;
            }
            let info = get_execution_info().unbox();
            let data = library_call_syscall(
                class_hash,
                info.entry_point_selector,
                array![class_hash.into(), depth - 1].span()
            )
                .unwrap_syscall();
            *data.at(0_u32) + 1
        }

        fn loop_forever(self: @ContractState) {
            let mut turns = 0;
            loop {
                turns += 1;
                if turns == 0 {
                    break ();
                };
            };
        }

        fn loop_forever_writing(ref self: ContractState) {
            let mut turns = 0;
            loop {
                turns += 1;
                write_cell('turns', turns);
                if turns == 0 {
                    break ();
                };
            };
        }

        /// Calls its own endless loop, which takes all gas that is left; says whether that came
        /// back with success. What this function itself needs is paid for before.
        fn call_until_out_of_gas(ref self: ContractState) -> bool {
            write_cell('before', 1);
            let calldata: Array<felt252> = ArrayTrait::new();
            let result = call_contract_syscall(
                get_contract_address(), LOOP_FOREVER_WRITING, calldata.span()
            );
            write_cell('after', 1);
            match result {
                Result::Ok(_) => true,
                Result::Err(_) => false,
            }
        }

        /// The keys `first`, `first + 1`, ...; all get the same value.
        fn write_cells(ref self: ContractState, first: felt252, count: u32, value: felt252) {
            let mut key = first;
            let mut left = count;
            loop {
                if left == 0 {
                    break ();
                }
                write_cell(key, value);
                key += 1;
                left -= 1;
            };
        }

        /// The sum of the values.
        fn read_cells(self: @ContractState, first: felt252, count: u32) -> felt252 {
            let mut key = first;
            let mut left = count;
            let mut sum = 0;
            loop {
                if left == 0 {
                    break sum;
                }
                sum += storage_read_syscall(0, address(key)).unwrap_syscall();
                key += 1;
                left -= 1;
            }
        }

        /// Writes `count`, ..., 2, 1 to one key.
        fn rewrite_cell(ref self: ContractState, key: felt252, count: u32) {
            let mut left = count;
            loop {
                if left == 0 {
                    break ();
                }
                write_cell(key, left.into());
                left -= 1;
            };
        }

        /// All with the keys and the data 0, 1, 2, ...
        fn emit_events(ref self: ContractState, count: u32, keys: u32, data: u32) {
            let keys = numbers(keys).span();
            let data = numbers(data).span();
            let mut left = count;
            loop {
                if left == 0 {
                    break ();
                }
                emit_event_syscall(keys, data).unwrap_syscall();
                left -= 1;
            };
        }

        fn send_messages(ref self: ContractState, count: u32, to: felt252, payload: u32) {
            let payload = numbers(payload).span();
            let mut left = count;
            loop {
                if left == 0 {
                    break ();
                }
                send_message_to_l1_syscall(to, payload).unwrap_syscall();
                left -= 1;
            };
        }

        fn return_felts(self: @ContractState, count: u32) -> Array<felt252> {
            numbers(count)
        }

        fn panic_felts(self: @ContractState, count: u32) {
            panic(numbers(count));
        }

        fn count_calldata(self: @ContractState, data: Array<felt252>) -> u32 {
            data.len()
        }

        fn replace_class(ref self: ContractState, class_hash: ClassHash) {
            replace_class_syscall(class_hash).unwrap_syscall();
        }

        /// With the salts `first_salt`, `first_salt + 1`, ...; the addresses.
        fn deploy(
            ref self: ContractState,
            class_hash: ClassHash,
            first_salt: felt252,
            count: u32,
            calldata: Array<felt252>
        ) -> Array<felt252> {
            let calldata = calldata.span();
            let mut addresses: Array<felt252> = ArrayTrait::new();
            let mut salt = first_salt;
            let mut left = count;
            loop {
                if left == 0 {
                    break ();
                }
                let (address, _) = deploy_syscall(class_hash, salt, calldata, false)
                    .unwrap_syscall();
                addresses.append(address.into());
                salt += 1;
                left -= 1;
            };
            addresses
        }

        /// Adds to the entries 0, 1, ..., `keys - 1` in turn; the value of entry 0.
        fn use_dictionary(self: @ContractState, accesses: felt252, keys: felt252) -> felt252 {
            let mut dictionary: Felt252Dict<felt252> = Default::default();
            let mut key = 0;
            let mut left = accesses;
            loop {
                if left == 0 {
                    break ();
                }
                dictionary.insert(key, dictionary.get(key) + 1);
                key += 1;
                if key == keys {
                    key = 0;
                }
                left -= 1;
            };
            dictionary.get(0)
        }

        /// So many dictionaries, with one entry each; the sum of their entries.
        fn use_dictionaries(self: @ContractState, count: felt252) -> felt252 {
            let mut sum = 0;
            let mut left = count;
            loop {
                if left == 0 {
                    break sum;
                }
                let mut dictionary: Felt252Dict<felt252> = Default::default();
                dictionary.insert(left, left);
                sum += dictionary.get(left);
                left -= 1;
            }
        }

        fn use_pedersen(self: @ContractState, count: felt252) -> felt252 {
            let mut digest = 0;
            let mut left = count;
            loop {
                if left == 0 {
                    break digest;
                }
                digest = pedersen(digest, left);
                left -= 1;
            }
        }

        fn use_poseidon(self: @ContractState, count: felt252) -> felt252 {
            let mut first = 0;
            let mut second = 0;
            let mut third = 0;
            let mut left = count;
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

        fn use_bitwise(self: @ContractState, count: felt252) -> u128 {
            let mut bits = 0x0123456789abcdef0123456789abcdef_u128;
            let mut left = count;
            loop {
                if left == 0 {
                    break bits;
                }
                bits = (bits ^ 0xffffffffffffffffffffffffffffffff_u128)
                    | (bits & 0x5555555555555555_u128);
                left -= 1;
            }
        }

        /// Divisions of a u256 of four limbs.
        fn use_range_checks(self: @ContractState, count: u64) -> u256 {
            let mut value = u256 {
                low: 0xffffffffffffffffffffffffffffffff, high: 0xffffffffffffffffffffffffffffffff
            };
            let mut left = count;
            loop {
                if left == 0 {
                    break value;
                }
                let (quotient, remainder, _) = u256_safe_divmod(
                    value, u256 { low: left.into(), high: 1 }.try_into().unwrap()
                );
                value = u256 { low: remainder.low, high: remainder.low ^ quotient.low };
                left -= 1;
            }
        }

        /// Multiples of the STARK curve's generator; the sum of their x.
        fn use_curve(self: @ContractState, count: felt252) -> felt252 {
            let generator = ec::ec_point_try_new(ec::stark_curve::GEN_X, ec::stark_curve::GEN_Y)
                .expect('the generator is a point');
            let mut sum = 0;
            let mut left = count;
            loop {
                if left == 0 {
                    break sum;
                }
                let multiple = ec::ec_mul(generator, left);
                let (x, _) = ec::ec_point_unwrap(ec::ec_point_non_zero(multiple));
                sum += x;
                left -= 1;
            }
        }

        /// Checks one signature so often; how often it was valid.
        fn use_signatures(
            self: @ContractState,
            count: felt252,
            hash: felt252,
            key: felt252,
            r: felt252,
            s: felt252
        ) -> felt252 {
            let mut valid = 0;
            let mut left = count;
            loop {
                if left == 0 {
                    break valid;
                }
                if check_ecdsa_signature(hash, key, r, s) {
                    valid += 1;
                }
                left -= 1;
            }
        }

        /// The bare system call over the words 0, 1, 2, ...; it wants a multiple of 17.
        fn use_keccak(self: @ContractState, words: u32) -> u256 {
            let mut input: Array<u64> = ArrayTrait::new();
            let mut word = 0_u32;
            loop {
                if word == words {
                    break ();
                }
                input.append(word.into());
                word += 1;
            };
            keccak_syscall(input.span()).unwrap_syscall()
        }

        /// Begins at the generator; then so often multiplies by the scalar and adds the generator.
        fn use_secp256k1(self: @ContractState, count: u32, scalar: u256) -> (u256, u256) {
            let generator: Secp256k1Point = Secp256k1Impl::get_generator_point();
            let mut point = generator;
            let mut left = count;
            loop {
                if left == 0 {
                    break ();
                }
                point = point.mul(scalar).unwrap_syscall().add(generator).unwrap_syscall();
                left -= 1;
            };
            point.get_coordinates().unwrap_syscall()
        }

        fn use_secp256r1(self: @ContractState, count: u32, scalar: u256) -> (u256, u256) {
            let generator: Secp256r1Point = Secp256r1Impl::get_generator_point();
            let mut point = generator;
            let mut left = count;
            loop {
                if left == 0 {
                    break ();
                }
                point = point.mul(scalar).unwrap_syscall().add(generator).unwrap_syscall();
                left -= 1;
            };
            point.get_coordinates().unwrap_syscall()
        }

        /// Whether these are coordinates of a point; fails where they are not below the prime.
        fn secp256k1_point(self: @ContractState, x: u256, y: u256) -> bool {
            Secp256k1Impl::secp256_ec_new_syscall(x, y).unwrap_syscall().is_some()
        }

        fn secp256r1_point(self: @ContractState, x: u256, y: u256) -> bool {
            Secp256r1Impl::secp256_ec_new_syscall(x, y).unwrap_syscall().is_some()
        }

        fn block_hash(self: @ContractState, number: u64) -> felt252 {
            get_block_hash_syscall(number).unwrap_syscall()
        }
    }

    fn deep(depth: felt252) -> felt252 {
        if depth == 0 {
            return 0;
        }
        deep(depth - 1) + 1
    }

    fn address(key: felt252) -> StorageAddress {
        storage_address_try_from_felt252(key).expect('Hostile: no storage key')
    }

    fn write_cell(key: felt252, value: felt252) {
        storage_write_syscall(0, address(key), value).unwrap_syscall();
    }

    /// 0, 1, 2, ..., `count - 1`.
    fn numbers(count: u32) -> Array<felt252> {
        let mut felts: Array<felt252> = ArrayTrait::new();
        let mut number = 0_u32;
        loop {
            if number == count {
                break ();
            }
            felts.append(number.into());
            number += 1;
        };
        felts
    }
}
