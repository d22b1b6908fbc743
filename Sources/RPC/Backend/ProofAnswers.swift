package import Execution
package import StarkField
package import StateTrie

/// What `starknet_getStorageProof` asks for.
package struct RPCStorageProofRequest: Hashable, Sendable {
    package struct Slots: Hashable, Sendable {
        package var contract: ContractAddress
        package var keys: [StorageKey]
        package init(contract: ContractAddress, keys: [StorageKey]) {
            self.contract = contract
            self.keys = keys
        }
    }

    package var classHashes: [ClassHash]
    package var contracts: [ContractAddress]
    package var slots: [Slots]

    package init(
        classHashes: [ClassHash] = [], contracts: [ContractAddress] = [], slots: [Slots] = []
    ) {
        self.classHashes = classHashes
        self.contracts = contracts
        self.slots = slots
    }
}

/// Paths from the roots of a block's tries to what was asked for. A path to something that is not
/// there ends where that shows.
package struct RPCStorageProof: Hashable, Sendable {
    package var blockHash: Felt
    package var classesRoot: Felt
    package var contractsRoot: Felt
    /// Each node once.
    package var classes: [ProofNode]
    package var contracts: [ProofNode]
    /// One for each contract of the request, in its order; empty records where none is deployed.
    package var leaves: [ContractRecord]
    /// One for each of the request's `slots`, in its order.
    package var slots: [[ProofNode]]

    package init(
        blockHash: Felt, classesRoot: Felt, contractsRoot: Felt, classes: [ProofNode],
        contracts: [ProofNode], leaves: [ContractRecord], slots: [[ProofNode]]
    ) {
        self.blockHash = blockHash
        self.classesRoot = classesRoot
        self.contractsRoot = contractsRoot
        self.classes = classes
        self.contracts = contracts
        self.leaves = leaves
        self.slots = slots
    }
}
