package import StarkField
import StarkHash

/// How to speak with `prytany::deployer::Deployer`.
package enum DeployerBinding {
    package enum Selector {
        package static let deployContract = selector("deploy_contract")
        package static let deployContractCamel = selector("deployContract")

        package static let all = [deployContract, deployContractCamel]
    }

    /// The only key of the event. The data: address, who called, whether the address depends on
    /// who called, class hash, the constructor's calldata with its length, salt.
    package enum Event {
        package static let contractDeployed = selector("ContractDeployed")
    }

    /// The calldata of `deploy_contract`.
    /// - Parameter isUnique: whether the address depends on who calls.
    package static func deployCalldata(
        classHash: Felt, salt: Felt, isUnique: Bool, constructorCalldata: [Felt]
    ) -> [Felt] {
        [
            classHash, salt, isUnique ? .one : .zero, Felt(UInt64(constructorCalldata.count)),
        ] + constructorCalldata
    }

    /// The salt that the deployer hands to the system call.
    package static func boundSalt(_ salt: Felt, isUnique: Bool, caller: Felt) -> Felt {
        isUnique ? Pedersen.hash(caller, salt) : salt
    }
}
