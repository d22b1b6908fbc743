import StarkField

/// How gas becomes a fee, and how bounds are kept.
///
/// Source: the published behaviour of Starknet's sequencer (starkware-libs/sequencer, `blockifier`,
/// fee checks). The tip counts per unit of L2 gas, where the version has tips.
enum FeeRules {
    /// What every transaction of a kind costs at least: its nonce, the sender's balance and the
    /// operating system's steps.
    static func minimum(
        _ kind: VersionedConstants.TransactionKind, calldataCount: Int, usesBlobs: Bool,
        _ constants: borrowing VersionedConstants
    ) -> GasVector {
        var changes = BlockState.Changes()
        changes.storageUpdates = 1
        changes.modifiedContracts = 1
        if kind == .deployAccount { changes.classUpdates = 1 }
        var gas = DataGas.availability(changes, usesBlobs: usesBlobs)
        // For any kind of block, as the reference has it.
        let steps =
            constants.resources(of: kind, calldata: calldataCount).steps
            + constants.resources(ofBlobFelts: DataGas.segmentLength(changes)).steps
        gas.l2Gas = TransactionUsage.machineGas(ExecutionResources(steps: steps), constants)
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

    /// In wei.
    static func fee(_ gas: GasVector, wei prices: GasPrices) -> UInt128 {
        sum(
            sum(
                product(gas.l1Gas, prices.l1Gas.wei),
                product(gas.l1DataGas, prices.l1DataGas.wei)),
            product(gas.l2Gas, prices.l2Gas.wei))
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
