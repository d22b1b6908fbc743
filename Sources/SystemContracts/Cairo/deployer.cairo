//! The universal deployer, as OpenZeppelin's preset: deploys a class for whoever calls, at an
//! address that depends on the caller, or on nothing but salt, class and arguments.

use starknet::{ClassHash, ContractAddress};

#[starknet::interface]
trait IDeployer<TContractState> {
    fn deploy_contract(
        ref self: TContractState,
        class_hash: ClassHash,
        salt: felt252,
        not_from_zero: bool,
        calldata: Span<felt252>
    ) -> ContractAddress;
    fn deployContract(
        ref self: TContractState,
        classHash: ClassHash,
        salt: felt252,
        notFromZero: bool,
        calldata: Span<felt252>
    ) -> ContractAddress;
}

#[starknet::contract]
mod Deployer {
    use hash::pedersen;
    use starknet::syscalls::deploy_syscall;
    use starknet::{ClassHash, ContractAddress, get_caller_address};
    use traits::Into;

    #[storage]
    struct Storage {}

    #[event]
    #[derive(Drop, starknet::Event)]
    enum Event {
        ContractDeployed: ContractDeployed,
    }

    #[derive(Drop, starknet::Event)]
    struct ContractDeployed {
        address: ContractAddress,
        deployer: ContractAddress,
        not_from_zero: bool,
        class_hash: ClassHash,
        calldata: Span<felt252>,
        salt: felt252,
    }

    #[external(v0)]
    impl DeployerImpl of super::IDeployer<ContractState> {
        fn deploy_contract(
            ref self: ContractState,
            class_hash: ClassHash,
            salt: felt252,
            not_from_zero: bool,
            calldata: Span<felt252>
        ) -> ContractAddress {
            self.deploy(class_hash, salt, not_from_zero, calldata)
        }

        fn deployContract(
            ref self: ContractState,
            classHash: ClassHash,
            salt: felt252,
            notFromZero: bool,
            calldata: Span<felt252>
        ) -> ContractAddress {
            self.deploy(classHash, salt, notFromZero, calldata)
        }
    }

    #[generate_trait]
    impl Internal of InternalTrait {
        fn deploy(
            ref self: ContractState,
            class_hash: ClassHash,
            salt: felt252,
            not_from_zero: bool,
            calldata: Span<felt252>
        ) -> ContractAddress {
            let deployer = get_caller_address();
            // The system call knows this contract as the deployer, not who called it.
            let bound_salt = if not_from_zero {
                pedersen(deployer.into(), salt)
            } else {
                salt
            };
            let (address, _) = deploy_syscall(class_hash, bound_salt, calldata, !not_from_zero)
                .unwrap_syscall();
            self
                .emit(
                    ContractDeployed {
                        address, deployer, not_from_zero, class_hash, calldata, salt
                    }
                );
            address
        }
    }
}
