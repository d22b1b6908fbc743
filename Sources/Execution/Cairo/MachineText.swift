import CairoVM

/// Errors of the machine as revert reasons word them: like the reference where it has a sentence of
/// its own that people search for.
enum MachineText {
    static func describe(_ error: MachineError) -> String {
        switch error {
        case .stepLimitReached:
            "Could not reach the end of the program. RunResources has no remaining steps."
        case .assertionFailed(let destination, let result):
            "An ASSERT_EQ instruction failed: \(text(destination)) != \(text(result))."
        case .memory(let memory): describe(memory)
        case .unknownOperand(_, let place):
            "Unknown value for memory cell at address \(place)."
        case .pcOutsideMemory(let pc): "Unknown instruction at \(pc)."
        case .instruction(let instruction): "Invalid instruction: \(instruction)."
        case .noDestination: "Failed to compute the destination operand."
        case .unconstrainedResult: "An unconstrained result in an instruction that needs one."
        case .callOverwrites: "A call instruction found other values on its stack."
        case .jumpToInteger: "Cannot jump to an integer."
        case .jumpByAddress: "Cannot jump by an address."
        case .operandAddressNotAnAddress: "Failed to compute an operand's address."
        case .apOutOfRange, .fpOutOfRange, .addressOutOfRange: "An address is out of range."
        case .addedAddresses: "Cannot add two addresses."
        case .subtractedAddresses(let to, let from):
            "Cannot subtract \(from) from \(to): they are in different segments."
        case .subtractedAddressFromInteger: "Cannot subtract an address from an integer."
        case .multipliedAddress: "Cannot multiply an address."
        case .builtin(let builtin): "Inconsistent builtin: \(builtin)."
        case .autoDeduction(let builtin, let expected, let got):
            "Inconsistent auto-deduction for builtin \(builtin.name), expected \(text(expected)), "
                + "got \(text(got))."
        }
    }

    private static func text(_ cell: Cell) -> String {
        if let small = cell.asUInt64 { return String(small) }
        return cell.description
    }

    static func describe(_ error: MemoryError) -> String {
        switch error {
        case .inconsistent(let place, let old, let new):
            "Inconsistent memory assignment at address \(place). \(text(old)) != \(text(new))."
        case .unknownSegment(let place): "Unknown segment of address \(place)."
        case .unknownCell(let place): "Unknown value for memory cell at address \(place)."
        case .expectedInteger(let place): "Expected an integer at address \(place)."
        case .expectedAddress(let place): "Expected an address at address \(place)."
        case .integerOutOfRange(let place, let value):
            "The integer \(text(value)) at address \(place) is out of range."
        case .outsideProgram(let place): "A write behind the program at \(place)."
        case .limitExceeded(let cells): "The run needs more than \(cells) cells of memory."
        case .segmentLimitExceeded(let segments): "The run needs more than \(segments) segments."
        case .offsetOutOfRange(let place): "The address \(place) is out of range."
        case .rangeCheck(let place, let value, let bits):
            "Range-check validation failed, number \(text(value)) at \(place) is not below "
                + "2^\(bits)."
        case .notAnInteger(let builtin, let place):
            "Expected an integer of builtin \(builtin.name) at address \(place)."
        case .signatureMissing(let place): "Signature hint is missing for ECDSA at \(place)."
        case .signatureInvalid(let place): "Signature is not valid at address \(place)."
        case .notTemporary(let place): "\(place) is not the start of a temporary segment."
        case .duplicateRelocation(let segment): "Segment \(segment) was relocated twice."
        case .unmappedTemporary(let segment): "Temporary segment \(segment) was not relocated."
        }
    }

    static func describe(_ error: HintError) -> String {
        switch error {
        case .memory(let memory): describe(memory)
        case .workLimitExceeded: "Hints have done more work than they may in one run."
        case .assertionFailed, .raised: "A hint's assertion failed."
        case .unknown: "Unknown hint."
        default: "Error while executing a hint: \(error)."
        }
    }
}
