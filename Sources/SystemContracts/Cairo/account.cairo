//! An account with one STARK key: SNIP-6, SRC-5, owner change with the new owner's acceptance, and
//! outside execution (SNIP-9, version 2). Storage, events and reasons are those of OpenZeppelin's
//! components 1.0 (AccountComponent, SRC5Component, SRC9Component).

use starknet::account::Call;

#[starknet::interface]
trait IAccount<TContractState> {
    fn __execute__(self: @TContractState, calls: Array<Call>) -> Array<Span<felt252>>;
    fn __validate__(self: @TContractState, calls: Array<Call>) -> felt252;
    fn __validate_declare__(self: @TContractState, class_hash: felt252) -> felt252;
    fn __validate_deploy__(
        self: @TContractState,
        class_hash: felt252,
        contract_address_salt: felt252,
        public_key: felt252
    ) -> felt252;
    fn is_valid_signature(
        self: @TContractState, hash: felt252, signature: Array<felt252>
    ) -> felt252;
    fn isValidSignature(self: @TContractState, hash: felt252, signature: Array<felt252>) -> felt252;
    fn supports_interface(self: @TContractState, interface_id: felt252) -> bool;
    fn get_public_key(self: @TContractState) -> felt252;
    fn getPublicKey(self: @TContractState) -> felt252;
    fn set_public_key(ref self: TContractState, new_public_key: felt252, signature: Span<felt252>);
    fn setPublicKey(ref self: TContractState, newPublicKey: felt252, signature: Span<felt252>);
}

#[starknet::contract]
mod Account {
    use array::{ArrayTrait, SpanTrait};
    use box::BoxTrait;
    use ec::{
        ec_mul, ec_point_from_x, ec_point_is_zero, ec_point_try_new, ec_point_unwrap, stark_curve
    };
    use option::OptionTrait;
    use poseidon::poseidon_hash_span;
    use starknet::account::Call;
    use starknet::syscalls::call_contract_syscall;
    use starknet::{VALIDATED, get_execution_info, get_tx_info};
    use super::super::outside_execution;
    use super::super::outside_execution::OutsideExecution;
    use traits::Into;
    use zeroable::{IsZeroResult, Zeroable};

    /// SRC-5 identifiers: SNIP-5 itself and SNIP-6.
    const INTROSPECTION_ID: felt252 =
        0x3f918d17e5ee77373b56385708f855659a07f75997f365cf87748628532a055;
    const ACCOUNT_ID: felt252 = 0x2ceccef7f994940b3962a6c67e0ba4fcd37df7d131417c604f91e03caecc1cd;

    /// Simulated transactions carry their version plus this.
    const QUERY_VERSION_OFFSET: u256 = 0x100000000000000000000000000000000;
    const MINIMUM_VERSION: u256 = 1;

    /// Not the x coordinate of any point of the curve.
    const NO_ABSCISSA: felt252 = 5;

    #[storage]
    struct Storage {
        Account_public_key: felt252,
        SRC5_supported_interfaces: LegacyMap<felt252, bool>,
        SRC9_nonces: LegacyMap<felt252, bool>,
    }

    #[event]
    #[derive(Drop, starknet::Event)]
    enum Event {
        OwnerAdded: OwnerAdded,
        OwnerRemoved: OwnerRemoved,
    }

    #[derive(Drop, starknet::Event)]
    struct OwnerAdded {
        #[key]
        new_owner_guid: felt252,
    }

    #[derive(Drop, starknet::Event)]
    struct OwnerRemoved {
        #[key]
        removed_owner_guid: felt252,
    }

    #[constructor]
    fn constructor(ref self: ContractState, public_key: felt252) {
        self.SRC5_supported_interfaces.write(ACCOUNT_ID, true);
        self.add_owner(public_key);
        self.SRC5_supported_interfaces.write(outside_execution::INTERFACE_ID, true);
    }

    #[external(v0)]
    impl AccountImpl of super::IAccount<ContractState> {
        fn __execute__(self: @ContractState, calls: Array<Call>) -> Array<Span<felt252>> {
            // Only the protocol itself has no address.
            let info = get_execution_info().unbox();
            assert(info.caller_address.is_zero(), 'Account: invalid caller');
            assert(is_valid_version(info.tx_info.unbox().version), 'Account: invalid tx version');
            run(calls.span())
        }

        fn __validate__(self: @ContractState, calls: Array<Call>) -> felt252 {
            self.validate_transaction()
        }

        fn __validate_declare__(self: @ContractState, class_hash: felt252) -> felt252 {
            self.validate_transaction()
        }

        fn __validate_deploy__(
            self: @ContractState,
            class_hash: felt252,
            contract_address_salt: felt252,
            public_key: felt252
        ) -> felt252 {
            self.validate_transaction()
        }

        fn is_valid_signature(
            self: @ContractState, hash: felt252, signature: Array<felt252>
        ) -> felt252 {
            self.verdict(hash, signature.span())
        }

        fn isValidSignature(
            self: @ContractState, hash: felt252, signature: Array<felt252>
        ) -> felt252 {
            self.verdict(hash, signature.span())
        }

        fn supports_interface(self: @ContractState, interface_id: felt252) -> bool {
            if interface_id == INTROSPECTION_ID {
                return true;
            }
            self.SRC5_supported_interfaces.read(interface_id)
        }

        fn get_public_key(self: @ContractState) -> felt252 {
            self.Account_public_key.read()
        }

        fn getPublicKey(self: @ContractState) -> felt252 {
            self.Account_public_key.read()
        }

        fn set_public_key(
            ref self: ContractState, new_public_key: felt252, signature: Span<felt252>
        ) {
            self.change_owner(new_public_key, signature);
        }

        fn setPublicKey(
            ref self: ContractState, newPublicKey: felt252, signature: Span<felt252>
        ) {
            self.change_owner(newPublicKey, signature);
        }
    }

    #[external(v0)]
    impl OutsideExecutionImpl of outside_execution::IOutsideExecution<ContractState> {
        fn execute_from_outside_v2(
            ref self: ContractState, outside_execution: OutsideExecution, signature: Span<felt252>
        ) -> Array<Span<felt252>> {
            let info = get_execution_info().unbox();
            if outside_execution.caller.into() != outside_execution::ANY_CALLER {
                assert(info.caller_address == outside_execution.caller, 'SRC9: invalid caller');
            }
            let now = info.block_info.unbox().block_timestamp;
            assert(outside_execution.execute_after < now, 'SRC9: now <= execute_after');
            assert(now < outside_execution.execute_before, 'SRC9: now >= execute_before');
            assert(!self.SRC9_nonces.read(outside_execution.nonce), 'SRC9: duplicated nonce');
            // Before the calls, which may come back here.
            self.SRC9_nonces.write(outside_execution.nonce, true);
            let hash = outside_execution::message_hash(
                @outside_execution, info.contract_address, info.tx_info.unbox().chain_id
            );
            assert(self.is_signed(hash, signature), 'SRC9: invalid signature');
            run(outside_execution.calls)
        }

        fn is_valid_outside_execution_nonce(self: @ContractState, nonce: felt252) -> bool {
            !self.SRC9_nonces.read(nonce)
        }
    }

    #[generate_trait]
    impl Internal of InternalTrait {
        fn validate_transaction(self: @ContractState) -> felt252 {
            let transaction = get_tx_info().unbox();
            assert(
                self.is_signed(transaction.transaction_hash, transaction.signature),
                'Account: invalid signature'
            );
            VALIDATED
        }

        fn verdict(self: @ContractState, hash: felt252, signature: Span<felt252>) -> felt252 {
            if self.is_signed(hash, signature) {
                VALIDATED
            } else {
                0
            }
        }

        fn is_signed(self: @ContractState, hash: felt252, signature: Span<felt252>) -> bool {
            is_signature(hash, self.Account_public_key.read(), signature)
        }

        /// The account changes its own key; the new key signs that it takes over.
        fn change_owner(ref self: ContractState, public_key: felt252, signature: Span<felt252>) {
            let info = get_execution_info().unbox();
            let this = info.contract_address;
            assert(info.caller_address == this, 'Account: unauthorized');
            let current = self.Account_public_key.read();
            let mut message = array![
                'StarkNet Message', 'accept_ownership', this.into(), current
            ];
            assert(
                is_signature(poseidon_hash_span(message.span()), public_key, signature),
                'Account: invalid signature'
            );
            self.emit(OwnerRemoved { removed_owner_guid: current });
            self.add_owner(public_key);
        }

        fn add_owner(ref self: ContractState, public_key: felt252) {
            self.Account_public_key.write(public_key);
            self.emit(OwnerAdded { new_owner_guid: public_key });
        }
    }

    /// Accepts what the corelib's `check_ecdsa_signature` accepts: with Q any of the two points of
    /// the key and R any of the two of r, s R = z G + r Q up to signs. Unlike there, every valid
    /// signature takes the same steps, whichever sign it is: a cost that follows from the calls
    /// alone can be known beforehand.
    fn is_signature(hash: felt252, public_key: felt252, signature: Span<felt252>) -> bool {
        if signature.len() != 2_u32 {
            return false;
        }
        let r = *signature.at(0_u32);
        let s = *signature.at(1_u32);
        if s == 0 {
            return false;
        }
        if s == stark_curve::ORDER {
            return false;
        }
        if r == stark_curve::ORDER {
            return false;
        }
        let key = match ec_point_from_x(public_key) {
            Option::Some(point) => point,
            Option::None => {
                return false;
            },
        };
        let commitment = match ec_point_from_x(r) {
            Option::Some(point) => point,
            Option::None => {
                return false;
            },
        };
        let generator = match ec_point_try_new(stark_curve::GEN_X, stark_curve::GEN_Y) {
            Option::Some(point) => point,
            Option::None => {
                return false;
            },
        };
        let x = abscissa(ec_mul(commitment, s));
        if x == NO_ABSCISSA {
            return false;
        }
        let message_multiple = ec_mul(generator, hash);
        let key_multiple = ec_mul(key, r);
        let sum = abscissa(message_multiple + key_multiple);
        let difference = abscissa(message_multiple - key_multiple);
        (sum - x) * (difference - x) == 0
    }

    /// A point's x coordinate, or what is none where it has none.
    fn abscissa(point: ec::EcPoint) -> felt252 {
        match ec_point_is_zero(point) {
            IsZeroResult::Zero => NO_ABSCISSA,
            IsZeroResult::NonZero(finite) => {
                let (x, _) = ec_point_unwrap(finite);
                x
            },
        }
    }

    fn is_valid_version(version: felt252) -> bool {
        let version: u256 = version.into();
        if version >= QUERY_VERSION_OFFSET {
            version >= QUERY_VERSION_OFFSET + MINIMUM_VERSION
        } else {
            version >= MINIMUM_VERSION
        }
    }

    /// Runs the calls in order. A call that fails ends the transaction with its panic data.
    fn run(mut calls: Span<Call>) -> Array<Span<felt252>> {
        let mut results: Array<Span<felt252>> = ArrayTrait::new();
        loop {
            match calls.pop_front() {
                Option::Some(call) => {
                    let calldata = call.calldata.span();
                    results
                        .append(
                            call_contract_syscall(*call.to, *call.selector, calldata)
                                .unwrap_syscall()
                        );
                },
                Option::None => {
                    break ();
                },
            };
        };
        results
    }
}
