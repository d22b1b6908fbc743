//! Calls and library calls, failures that are passed on or caught, and reverts inside reverts.

use starknet::{ClassHash, ContractAddress};

#[derive(Drop, Serde)]
struct Target {
    contract: ContractAddress,
    selector: felt252,
    calldata: Array<felt252>
}

/// What a call gave: its return data, or its panic data.
#[derive(Drop, Serde)]
struct Outcome {
    succeeded: bool,
    data: Span<felt252>
}

#[starknet::interface]
trait ICaller<TContractState> {
    fn call(
        ref self: TContractState,
        contract: ContractAddress,
        selector: felt252,
        calldata: Array<felt252>
    ) -> Span<felt252>;
    fn library_call(
        ref self: TContractState, class_hash: ClassHash, selector: felt252, calldata: Array<felt252>
    ) -> Span<felt252>;
    fn try_call(
        ref self: TContractState,
        contract: ContractAddress,
        selector: felt252,
        calldata: Array<felt252>
    ) -> Outcome;
    fn try_library_call(
        ref self: TContractState, class_hash: ClassHash, selector: felt252, calldata: Array<felt252>
    ) -> Outcome;
    fn try_deploy(
        ref self: TContractState,
        class_hash: ClassHash,
        salt: felt252,
        calldata: Array<felt252>,
        from_zero: bool
    ) -> Outcome;
    fn try_calls(ref self: TContractState, targets: Array<Target>) -> Array<Outcome>;
    fn calls_then_fail(ref self: TContractState, targets: Array<Target>, reason: felt252);
    fn nest(ref self: TContractState, level: u8, failing: u128) -> u8;
    fn entered(self: @TContractState, level: u8) -> u128;
    fn set(ref self: TContractState, value: felt252);
    fn set_and_fail(ref self: TContractState, value: felt252, reason: Array<felt252>);
    fn get(self: @TContractState) -> felt252;
    fn identity(self: @TContractState) -> (ContractAddress, ContractAddress, felt252);
}

#[starknet::contract]
mod Caller {
    use array::{ArrayTrait, SpanTrait};
    use box::BoxTrait;
    use option::OptionTrait;
    use starknet::syscalls::{
        call_contract_syscall, deploy_syscall, library_call_syscall, send_message_to_l1_syscall
    };
    use starknet::{
        ClassHash, ContractAddress, SyscallResult, get_contract_address, get_execution_info
    };
    use super::{Outcome, Target};
    use traits::Into;

    #[storage]
    struct Storage {
        value: felt252,
        entered: LegacyMap<u8, u128>,
    }

    #[event]
    #[derive(Drop, starknet::Event)]
    enum Event {
        Entered: Entered,
        Caught: Caught,
    }

    #[derive(Drop, starknet::Event)]
    struct Entered {
        #[key]
        level: u8,
        failing: u128,
    }

    #[derive(Drop, starknet::Event)]
    struct Caught {
        level: u8,
        data: Span<felt252>,
    }

    #[external(v0)]
    impl CallerImpl of super::ICaller<ContractState> {
        fn call(
            ref self: ContractState,
            contract: ContractAddress,
            selector: felt252,
            calldata: Array<felt252>
        ) -> Span<felt252> {
            call_contract_syscall(contract, selector, calldata.span()).unwrap_syscall()
        }

        fn library_call(
            ref self: ContractState,
            class_hash: ClassHash,
            selector: felt252,
            calldata: Array<felt252>
        ) -> Span<felt252> {
            library_call_syscall(class_hash, selector, calldata.span()).unwrap_syscall()
        }

        fn try_call(
            ref self: ContractState,
            contract: ContractAddress,
            selector: felt252,
            calldata: Array<felt252>
        ) -> Outcome {
            outcome(call_contract_syscall(contract, selector, calldata.span()))
        }

        fn try_library_call(
            ref self: ContractState,
            class_hash: ClassHash,
            selector: felt252,
            calldata: Array<felt252>
        ) -> Outcome {
            outcome(library_call_syscall(class_hash, selector, calldata.span()))
        }

        /// The data of a success: the address, then what the constructor returned.
        fn try_deploy(
            ref self: ContractState,
            class_hash: ClassHash,
            salt: felt252,
            calldata: Array<felt252>,
            from_zero: bool
        ) -> Outcome {
            match deploy_syscall(class_hash, salt, calldata.span(), from_zero) {
                Result::Ok((
                    address, returned
                )) => {
                    let mut data = array![address.into()];
                    append(ref data, returned);
                    Outcome { succeeded: true, data: data.span() }
                },
                Result::Err(data) => Outcome { succeeded: false, data: data.span() },
            }
        }

        fn try_calls(ref self: ContractState, targets: Array<Target>) -> Array<Outcome> {
            try_all(targets)
        }

        fn calls_then_fail(ref self: ContractState, targets: Array<Target>, reason: felt252) {
            try_all(targets);
            panic_with_felt252(reason);
        }

        /// Goes down to level 0 through calls to itself; each level leaves a cell, an event and a
        /// message, catches what fails below, and fails where its bit of `failing` is set (level 0
        /// has the lowest). Returns how many levels below and here succeeded without a failure
        /// between.
        fn nest(ref self: ContractState, level: u8, failing: u128) -> u8 {
            self.entered.write(level, self.entered.read(level) + 1);
            self.emit(Entered { level, failing });
            send_message_to_l1_syscall('nest', array![level.into()].span()).unwrap_syscall();
            let mut below = 0_u8;
            if level != 0 {
                let calldata = array![(level - 1).into(), failing.into()];
                let result = call_contract_syscall(
                    get_contract_address(), selector(), calldata.span()
                );
                match result {
                    Result::Ok(data) => {
                        let mut data = data;
                        below = Serde::deserialize(ref data).expect('nest returns a number');
                    },
                    Result::Err(data) => {
                        self.emit(Caught { level, data: data.span() });
                    },
                }
            }
            assert(!has_bit(failing, level), 'nest failed');
            below + 1
        }

        fn entered(self: @ContractState, level: u8) -> u128 {
            self.entered.read(level)
        }

        fn set(ref self: ContractState, value: felt252) {
            self.value.write(value);
        }

        fn set_and_fail(ref self: ContractState, value: felt252, reason: Array<felt252>) {
            self.value.write(value);
            panic(reason);
        }

        fn get(self: @ContractState) -> felt252 {
            self.value.read()
        }

        /// Who calls, where this runs, and the entry point.
        fn identity(self: @ContractState) -> (ContractAddress, ContractAddress, felt252) {
            let info = get_execution_info().unbox();
            (info.caller_address, info.contract_address, info.entry_point_selector)
        }
    }

    fn selector() -> felt252 {
        get_execution_info().unbox().entry_point_selector
    }

    fn outcome(result: SyscallResult<Span<felt252>>) -> Outcome {
        match result {
            Result::Ok(data) => Outcome { succeeded: true, data },
            Result::Err(data) => Outcome { succeeded: false, data: data.span() },
        }
    }

    fn try_all(mut targets: Array<Target>) -> Array<Outcome> {
        let mut outcomes: Array<Outcome> = ArrayTrait::new();
        loop {
            match targets.pop_front() {
                Option::Some(target) => {
                    let result = call_contract_syscall(
                        target.contract, target.selector, target.calldata.span()
                    );
                    outcomes.append(outcome(result));
                },
                Option::None => {
                    break ();
                },
            };
        };
        outcomes
    }

    fn append(ref data: Array<felt252>, mut more: Span<felt252>) {
        loop {
            match more.pop_front() {
                Option::Some(felt) => data.append(*felt),
                Option::None => {
                    break ();
                },
            };
        };
    }

    fn has_bit(bits: u128, mut position: u8) -> bool {
        let mut rest = bits;
        loop {
            if position == 0 {
                break rest % 2 == 1;
            }
            rest = rest / 2;
            position -= 1;
        }
    }
}
