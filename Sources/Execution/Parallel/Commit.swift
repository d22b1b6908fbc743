import StarkField

/// How a fee that one transaction paid on one balance of the sequencer is paid on another: without
/// running the token again, where that would do the same.
///
/// The system's token adds the fee to the balance's lower half, and goes another way only where a
/// half is no number of 128 bits or the sum carries into the higher one (`TokenTwin`, whose costs
/// know no other difference; tests hold the class to it).
struct FeeAddition {
    let newLow: Felt

    init?(_ fee: UInt128, assumed: (low: Felt, high: Felt), actual: (low: Felt, high: Felt)) {
        guard let assumedLow = assumed.low.asUInt128, assumed.high.asUInt128 != nil,
            let actualLow = actual.low.asUInt128, actual.high.asUInt128 != nil,
            !assumedLow.addingReportingOverflow(fee).overflow
        else { return nil }
        let (sum, overflow) = actualLow.addingReportingOverflow(fee)
        if overflow { return nil }
        newLow = Felt(sum)
    }
}

extension BlockExecutor {
    /// A run's contracts and cells as indices of the block's state.
    private struct Places {
        var contracts: [BlockState.ContractIndex] = []
        var cells: [BlockState.CellIndex] = []
    }

    /// What is left to do about a fee.
    private enum FeeLeft {
        case nothing
        case addition(FeeAddition, to: BlockState.CellIndex)
        /// To be moved by the token itself, on the state that the rest of the transaction leaves.
        case transfer(UInt128, FeePoint, BlockState.Effects)
    }

    /// Takes over a transaction that ran before its turn, if everything that it read is as it would
    /// read it now. What it read then counts, not who wrote it.
    ///
    /// - Returns: nil where it has to run again; the state is then as before.
    mutating func commit(
        _ run: SpeculativeRun, _ prepared: PreparedTransaction
    ) throws(StateReadError) -> TransactionOutcome? {
        guard let places = places(of: run, prepared), let fee = feeLeft(run, places) else {
            return nil
        }
        begin(prepared)
        var outcome = run.outcome
        switch fee {
        case .nothing:
            apply(run.effects, places, without: nil)
            context.addresses.replay(run.asked[...])
        case .addition(let addition, let low):
            apply(run.effects, places, without: low)
            context.state.set(low, to: addition.newLow)
            speculation.addedFees += 1
            context.addresses.replay(run.asked[...])
        case .transfer(let fee, let point, let before):
            apply(before, places, without: nil)
            context.addresses.replay(run.asked[..<point.askedBefore])
            guard let info = try transfer(fee, point, prepared.senderAddress) else { return nil }
            outcome.replaceFeeTransfer(info)
            speculation.movedFees += 1
        }
        if case .included(let executed) = outcome { note(executed.receipt) }
        return outcome
    }

    // MARK: What was read

    /// Nil where something reads differently now. Loads what the run had from below the block.
    private mutating func places(
        of run: SpeculativeRun, _ prepared: PreparedTransaction
    ) -> Places? {
        for read in run.classReads where !isCurrent(read) { return nil }
        var places = Places()
        places.contracts.reserveCapacity(run.effects.contracts.count)
        places.cells.reserveCapacity(run.effects.cells.count)
        // A transaction reads no nonce but its sender's; a message from L1 has none.
        let sender: ContractAddress? =
            if case .l1Handler = prepared.transaction { nil } else { prepared.senderAddress }
        for (read, origin) in zip(run.effects.contracts, run.contractOrigins) {
            let index: BlockState.ContractIndex
            if case .block(let known) = origin {
                index = known
            } else if let known = context.state.knownContract(read.address) {
                index = known
            } else if origin == .base {
                index = context.state.adopt(
                    read.address, nonce: read.nonce, classHash: read.classHash)
            } else {
                return nil
            }
            guard context.state.classHash(of: index) == read.classHash,
                read.address != sender || context.state.nonce(of: index) == read.nonce
            else { return nil }
            places.contracts.append(index)
        }
        for (place, (read, origin)) in zip(run.effects.cells, run.cellOrigins).enumerated() {
            let contract = places.contracts[read.contract]
            let index: BlockState.CellIndex
            if case .block(let known) = origin {
                index = known
            } else if let known = context.state.knownCell(of: contract, at: read.key) {
                index = known
            } else if origin == .base {
                index = context.state.adopt(contract, read.key, value: read.value)
            } else {
                return nil
            }
            let isFee = place == run.feeCells?.low || place == run.feeCells?.high
            guard isFee || context.state.value(index) == read.value else { return nil }
            places.cells.append(index)
        }
        return places
    }

    private mutating func isCurrent(_ read: ClassRead) -> Bool {
        switch (read.compiled, read.origin) {
        // Not declared by anyone in the meantime.
        case (nil, _): return !context.state.hasDeclared(read.hash)
        case (.some, .job): return context.state.hasDeclared(read.hash)
        case (.some(let compiled), _):
            if context.state.knownClass(read.hash) == nil {
                context.state.adopt(read.hash, compiled)
            }
            return true
        }
    }

    private func feeLeft(_ run: SpeculativeRun, _ places: Places) -> FeeLeft? {
        guard let cells = run.feeCells else { return .nothing }
        let low = places.cells[cells.low]
        let assumed = (run.effects.cells[cells.low].value, run.effects.cells[cells.high].value)
        let actual = (
            context.state.value(low), context.state.value(places.cells[cells.high])
        )
        if assumed == actual { return .nothing }
        guard case .included(let executed) = run.outcome else { return nil }
        let fee = executed.receipt.actualFee
        if let before = cells.point.before { return .transfer(fee, cells.point, before) }
        guard cells.point.tokenIsKnown,
            let addition = FeeAddition(fee, assumed: assumed, actual: actual)
        else { return nil }
        return .addition(addition, to: low)
    }

    // MARK: What was written

    private mutating func apply(
        _ effects: BlockState.Effects, _ places: Places,
        without skipped: BlockState.CellIndex?
    ) {
        for (place, contract) in effects.contracts.enumerated() {
            let index = places.contracts[place]
            if let nonce = contract.newNonce { context.state.setNonce(of: index, to: nonce) }
            if let made = contract.newClass { context.state.setClassHash(of: index, to: made) }
        }
        for (place, cell) in effects.cells.enumerated() {
            let index = places.cells[place]
            if let value = cell.newValue, index != skipped {
                context.state.set(index, to: value)
            }
        }
        for declaration in effects.declarations {
            context.state.declare(
                declaration.classHash, compiledClassHash: declaration.compiledClassHash,
                declaration.compiled)
        }
    }

    /// Moves a fee for real. Nil where that fails, with the whole transaction undone.
    private mutating func transfer(
        _ fee: UInt128, _ point: FeePoint, _ sender: ContractAddress
    ) throws(StateReadError) -> CallInfo? {
        context.usesNatives = point.usesNatives
        defer { context.usesNatives = true }
        do throws(Rejection) {
            return try moveFee(fee, from: sender)
        } catch {
            context.state.revertTransaction()
            if case .abort(.state(let failure)) = error { throw failure }
            return nil
        }
    }
}

extension TransactionOutcome {
    /// Puts another run of the fee's transfer in place of the one that was made: its output comes
    /// last.
    fileprivate mutating func replaceFeeTransfer(_ info: CallInfo) {
        guard case .included(var executed) = self, let made = executed.feeTransfer else {
            preconditionFailure("a fee that was not moved is moved again: \(self)")
        }
        executed.receipt.events.removeLast(made.sortedEvents().count)
        executed.receipt.messagesSent.removeLast(made.sortedMessages().count)
        executed.receipt.events += info.sortedEvents()
        executed.receipt.messagesSent += info.sortedMessages()
        executed.feeTransfer = info
        self = .included(executed)
    }
}
