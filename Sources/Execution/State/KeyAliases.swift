import StarkField

/// Stateful compression (Starknet 0.13.4): each contract address and storage key that a state
/// diff names gets a short alias, kept in the storage of contract 2, so that later diffs on L1
/// can name it in a few bytes. Contract 2's slot 0 is the next alias.
enum KeyAliases {
    static let contract: ContractAddress = 2
    /// Up to this contract address, storage keys are written out in full.
    static let lastUncompressedContract: ContractAddress = 15
    /// The first alias; a smaller key or address is its own alias.
    static let first: Felt = 128

    /// Allocates the aliases that a block's changes need: over the addresses in ascending order,
    /// for its changed keys in ascending order and then for the address itself.
    ///
    /// - Parameter diff: the canonical diff without the alias contract's own changes.
    static func allocate(for diff: StateDiff, in state: inout BlockState) throws(StateReadError) {
        let aliases = try state.contract(contract)
        let counterCell = try state.cell(of: aliases, at: .zero)
        let stored = state.value(counterCell)
        var next = stored.isZero ? first : stored

        var storage = diff.storageDiffs[...]
        for address in modifiedContracts(of: diff) {
            if storage.first?.address == address, let changed = storage.popFirst(),
                address > lastUncompressedContract
            {
                for entry in changed.entries {
                    try allocate(entry.key, from: &next, aliases: aliases, in: &state)
                }
            }
            try allocate(address, from: &next, aliases: aliases, in: &state)
        }
        state.set(counterCell, to: next)
    }

    private static func allocate(
        _ key: Felt, from next: inout Felt, aliases: BlockState.ContractIndex,
        in state: inout BlockState
    ) throws(StateReadError) {
        if key < first { return }
        let cell = try state.cell(of: aliases, at: key)
        guard state.value(cell).isZero else { return }
        state.set(cell, to: next)
        next += .one
    }

    /// Ascending, each once.
    private static func modifiedContracts(of diff: StateDiff) -> [ContractAddress] {
        var addresses = diff.storageDiffs.map(\.address)
        addresses += diff.nonces.map(\.address)
        addresses += diff.deployedContracts.map(\.address)
        addresses += diff.replacedClasses.map(\.address)
        addresses.sort()
        var unique: [ContractAddress] = []
        unique.reserveCapacity(addresses.count)
        for address in addresses where unique.last != address { unique.append(address) }
        return unique
    }
}
