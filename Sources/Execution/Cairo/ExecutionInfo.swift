import CairoVM
import StarkField

/// What `get_execution_info` shows: `ExecutionInfo` of versions 1, 2 and 3 begin alike, so that one
/// layout serves them all.
///
/// Source: starkware-libs/cairo corelib, `starknet::info` (`ExecutionInfo`, `v2`, `v3`).
extension CallContext {
    private static let l1Gas = HashTerms.shortString("L1_GAS")
    private static let l2Gas = HashTerms.shortString("L2_GAS")
    private static let l1DataGas = HashTerms.shortString("L1_DATA")

    /// Made once in each call.
    mutating func executionInfo(
        _ machine: inout VirtualMachine, _ run: inout CasmRun
    ) throws(SyscallFailure) -> Relocatable {
        if let known = run.executionInfo { return known }
        let call = run.frame.call
        do throws(MemoryError) {
            let block = visibleBlock
            let blockInfo = try readOnlySegment(
                [Cell(block.number), Cell(block.timestamp), Cell(block.sequencer)], &machine,
                &run)
            let transactionInfo = try self.transactionInfo(&machine, &run)
            let info = try readOnlySegment(
                [
                    Cell(blockInfo), Cell(transactionInfo), Cell(call.callerAddress),
                    Cell(call.storageAddress), Cell(call.selector),
                ], &machine, &run)
            run.executionInfo = info
            return info
        } catch { throw Self.failure(error) }
    }

    private func transactionInfo(
        _ machine: inout VirtualMachine, _ run: inout CasmRun
    ) throws(MemoryError) -> Relocatable {
        let classHash = run.frame.classHash
        let version = shownVersion(to: classHash, constants.version1AccountsCairo1)
        var cells = [
            Cell(version), Cell(transaction.sender), Cell(transaction.maximumFee),
        ]
        cells += try span(transaction.signature, &machine, &run)
        cells += [Cell(transaction.hash), Cell(chainID), Cell(transaction.nonce)]
        guard let current = transaction.current else {
            cells += [Cell](repeating: .zero, count: 11)
            return try readOnlySegment(cells, &machine, &run)
        }
        let hidesDataGas =
            transaction.version == 3 && constants.dataGasAccounts.contains(classHash)
        cells += try span(Self.bounds(current.bounds, hidesDataGas), &machine, &run)
        cells.append(Cell(current.tip))
        cells += try span(current.paymasterData, &machine, &run)
        cells += [
            Cell(UInt64(current.nonceMode.rawValue)), Cell(UInt64(current.feeMode.rawValue)),
        ]
        cells += try span(current.accountDeploymentData, &machine, &run)
        cells += try span(current.proofFacts, &machine, &run)
        return try readOnlySegment(cells, &machine, &run)
    }

    private func span(
        _ values: [Felt], _ machine: inout VirtualMachine, _ run: inout CasmRun
    ) throws(MemoryError) -> [Cell] {
        let start = try readOnlySegment(values.map { Cell($0) }, &machine, &run)
        return [Cell(start), Cell(start + values.count)]
    }

    private static func bounds(_ bounds: ResourceBoundsMapping, _ hidesDataGas: Bool) -> [Felt] {
        func felts(_ name: Felt, _ bounds: ResourceBounds) -> [Felt] {
            [name, Felt(bounds.maxAmount), Felt(bounds.maxPricePerUnit)]
        }
        return felts(l1Gas, bounds.l1Gas) + felts(l2Gas, bounds.l2Gas)
            + (hidesDataGas ? [] : felts(l1DataGas, bounds.l1DataGas))
    }
}
