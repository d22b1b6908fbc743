import StarkField

/// What a transaction costs besides computation, and how gas becomes a fee.
///
/// Source: the versioned constants of Starknet 0.13.5 (`os_resources.execute_txs_inner`,
/// `compute_os_kzg_commitment_info`, `vm_resource_fee_cost`, `archival_data_gas_costs`,
/// `allocation_cost`) and the published behaviour of its blockifier. The tip (Starknet 0.14)
/// counts per unit of L2 gas.
enum FeeRules {
    /// Which of the operating system's routines a transaction runs.
    enum Kind: Sendable { case invoke, deployAccount }

    private struct SystemResources {
        var steps: UInt64
        var rangeChecks: UInt64
        var pedersens: UInt64
    }

    private static func systemResources(
        _ kind: Kind, calldataCount: Int, segmentLength: UInt64, usesBlobs: Bool
    ) -> SystemResources {
        let count = UInt64(calldataCount)
        var result =
            switch kind {
            case .invoke:
                SystemResources(
                    steps: 3918 + 8 * count, rangeChecks: 69, pedersens: 14 + count)
            case .deployAccount:
                SystemResources(
                    steps: 4161 + 21 * count, rangeChecks: 72, pedersens: 23 + 2 * count)
            }
        if usesBlobs {
            result.steps += 113 * segmentLength
            result.rangeChecks += 17 * segmentLength
        }
        return result
    }

    /// L2 gas of the largest of steps and builtins: 25, 400 and 800 ten-thousandths of L1 gas
    /// each, rounded up, at 40 000 L2 gas per L1 gas.
    private static func l2Gas(_ resources: SystemResources) -> UInt64 {
        let largest = max(
            25 * resources.steps, 400 * resources.rangeChecks, 800 * resources.pedersens)
        return (largest + 9999) / 10_000 * 40_000
    }

    /// L2 gas per felt of calldata, signature and event data; a key counts twice.
    private static let archivalPerFelt: UInt64 = 5120
    private static let feltsPerKey: UInt64 = 2

    // MARK: Data availability

    /// Felts that the changes add to the state diff on L1: two per contract, two per cell, one per
    /// class of a contract.
    private static func segmentLength(_ changes: BlockState.Changes) -> UInt64 {
        UInt64(2 * changes.modifiedContracts + 2 * changes.storageUpdates + changes.classUpdates)
    }

    private static func dataAvailability(
        _ changes: BlockState.Changes, usesBlobs: Bool
    ) -> GasVector {
        let length = segmentLength(changes)
        if usesBlobs { return GasVector(l1DataGas: 32 * length) }
        // 551 per felt; a contract's second felt and the fee's balance are mostly zero bytes.
        let naive = 551 * length
        let discount = 312 * UInt64(changes.modifiedContracts) + 240
        return GasVector(l1Gas: naive > discount ? naive - discount : 0)
    }

    private static func allocation(
        _ changes: BlockState.Changes, usesBlobs: Bool
    ) -> GasVector {
        let cells = UInt64(changes.allocatedCells)
        return usesBlobs ? GasVector(l1DataGas: 32 * cells) : GasVector(l1Gas: 551 * cells)
    }

    // MARK: Totals

    /// - Parameter changes: with the sender's balance, which the fee changes, and without the fee
    ///   token as a modified contract and the sequencer's balance, which all transactions share.
    static func total(
        _ kind: Kind, computation: UInt64, calldataCount: Int, signatureCount: Int,
        events: [Event], changes: BlockState.Changes, usesBlobs: Bool
    ) -> (gas: GasVector, dataAvailability: GasVector) {
        var felts = UInt64(calldataCount + signatureCount)
        for event in events {
            felts += feltsPerKey * UInt64(event.keys.count) + UInt64(event.data.count)
        }
        let system = l2Gas(
            systemResources(
                kind, calldataCount: calldataCount, segmentLength: segmentLength(changes),
                usesBlobs: usesBlobs))
        let data = dataAvailability(changes, usesBlobs: usesBlobs)
        let allocation = allocation(changes, usesBlobs: usesBlobs)
        return (
            GasVector(
                l1Gas: data.l1Gas + allocation.l1Gas,
                l1DataGas: data.l1DataGas + allocation.l1DataGas,
                l2Gas: computation + system + archivalPerFelt * felts),
            data
        )
    }

    /// What every transaction of a kind costs at least: its nonce, the sender's balance and the
    /// operating system's steps.
    static func minimum(_ kind: Kind, calldataCount: Int, usesBlobs: Bool) -> GasVector {
        var changes = BlockState.Changes()
        changes.storageUpdates = 1
        changes.modifiedContracts = 1
        if case .deployAccount = kind { changes.classUpdates = 1 }
        var gas = dataAvailability(changes, usesBlobs: usesBlobs)
        var system = systemResources(
            kind, calldataCount: calldataCount, segmentLength: segmentLength(changes),
            usesBlobs: usesBlobs)
        system.rangeChecks = 0
        system.pedersens = 0
        gas.l2Gas = l2Gas(system)
        return gas
    }

    // MARK: Fees

    /// In fri; held at the maximum instead of overflowing, which no balance covers.
    static func fee(_ gas: GasVector, prices: GasPrices, tip: UInt64) -> UInt128 {
        sum(
            sum(
                product(gas.l1Gas, prices.l1Gas.fri),
                product(gas.l1DataGas, prices.l1DataGas.fri)),
            product(gas.l2Gas, sum(prices.l2Gas.fri, UInt128(tip))))
    }

    /// The most that the bounds allow.
    static func maximumFee(_ bounds: ResourceBoundsMapping, tip: UInt64) -> UInt128 {
        sum(
            sum(
                product(bounds.l1Gas.maxAmount, bounds.l1Gas.maxPricePerUnit),
                product(bounds.l1DataGas.maxAmount, bounds.l1DataGas.maxPricePerUnit)),
            product(
                bounds.l2Gas.maxAmount, sum(bounds.l2Gas.maxPricePerUnit, UInt128(tip))))
    }

    private static func product(_ amount: UInt64, _ price: UInt128) -> UInt128 {
        let (product, overflow) = price.multipliedReportingOverflow(by: UInt128(amount))
        return overflow ? .max : product
    }

    private static func sum(_ left: UInt128, _ right: UInt128) -> UInt128 {
        let (sum, overflow) = left.addingReportingOverflow(right)
        return overflow ? .max : sum
    }

    // MARK: Bounds

    /// Refuses bounds below the minimum or below the block's prices.
    static func check(
        _ bounds: ResourceBoundsMapping, minimum: GasVector, prices: GasPrices
    ) -> InvalidTransaction? {
        refusal(.l1Gas, bounds.l1Gas, minimum.l1Gas, prices.l1Gas)
            ?? refusal(.l1DataGas, bounds.l1DataGas, minimum.l1DataGas, prices.l1DataGas)
            ?? refusal(.l2Gas, bounds.l2Gas, minimum.l2Gas, prices.l2Gas)
    }

    private static func refusal(
        _ resource: GasResource, _ bounds: ResourceBounds, _ minimal: UInt64, _ price: GasPrice
    ) -> InvalidTransaction? {
        if minimal > bounds.maxAmount {
            return .maximumGasTooLow(resource, maximum: bounds.maxAmount, minimal: minimal)
        }
        if bounds.maxPricePerUnit < price.fri {
            return .maximumGasPriceTooLow(
                resource, maximum: bounds.maxPricePerUnit, actual: price.fri)
        }
        return nil
    }

    /// The message of the first resource of which more was used than allowed.
    static func excess(_ gas: GasVector, over bounds: ResourceBoundsMapping) -> String? {
        func message(_ resource: GasResource, _ maximum: UInt64, _ used: UInt64) -> String? {
            maximum < used
                ? "Insufficient max \(resource.name): max amount: \(maximum), actual used: "
                    + "\(used)."
                : nil
        }
        return message(.l1Gas, bounds.l1Gas.maxAmount, gas.l1Gas)
            ?? message(.l2Gas, bounds.l2Gas.maxAmount, gas.l2Gas)
            ?? message(.l1DataGas, bounds.l1DataGas.maxAmount, gas.l1DataGas)
    }

    /// What is charged of gas beyond the bounds: the bounds.
    static func capped(_ gas: GasVector, _ bounds: ResourceBoundsMapping) -> GasVector {
        GasVector(
            l1Gas: min(gas.l1Gas, bounds.l1Gas.maxAmount),
            l1DataGas: min(gas.l1DataGas, bounds.l1DataGas.maxAmount),
            l2Gas: min(gas.l2Gas, bounds.l2Gas.maxAmount))
    }
}
