import CairoVM
import StarkField

/// Why a call can't go on in a way that no contract can catch.
enum CallAbort: Error {
    /// The transaction fails.
    case failed(ErrorTrace)
    /// The block has to be given up.
    case state(StateReadError)
    /// A native class could not be sure to do what its Cairo code does: the transaction is to be
    /// run again without native classes.
    case needsCairo
}

/// Why a system call did not succeed.
enum SyscallFailure: Error {
    /// The contract is told, and may go on.
    case revert([Felt])
    case abort(CallAbort)
}

/// A call's error before any of its code ran, which a caller can catch, or not.
enum EntryFailure: Error {
    case entryPointNotFound(Selector)
    case noEntryPoints(CasmClass.EntryPointKind)
    case notEnoughGas
    case abort(CallAbort)
}

/// The lines of a failed transaction's revert reason, from the innermost out while it is made.
struct ErrorTrace: Hashable, Sendable {
    enum Place: Hashable, Sendable {
        case calledContract, libraryCall, constructor

        var text: String {
            switch self {
            case .calledContract: "Error in the called contract"
            case .libraryCall: "Error in a library call"
            case .constructor: "Error in the contract class constructor"
            }
        }
    }

    enum Segment: Hashable, Sendable {
        case entryPoint(Place, ContractAddress, ClassHash, Selector?)
        case machine(pc: Relocatable, callSites: [Relocatable])
        case text(String)
        case panic(PanicSummary)
    }

    /// The innermost first.
    private(set) var segments: [Segment]

    init(_ text: String) { segments = [.text(text)] }
    init(_ panic: PanicSummary) { segments = [.panic(panic)] }

    func inside(_ segment: Segment) -> ErrorTrace {
        var result = self
        result.segments.append(segment)
        return result
    }

    enum Header: String { case execution, constructor, validation, none }

    /// Starknet's text: at most about 15 000 characters, with the middle left out.
    func text(_ header: Header) -> String {
        var lines: [String] = []
        var depth = 0
        for segment in segments.reversed() {
            switch segment {
            case .entryPoint(let place, let address, let classHash, let selector):
                lines.append(
                    "\(depth): \(place.text) (contract address: \(PanicText.padded(address)), "
                        + "class hash: \(PanicText.padded(classHash)), selector: "
                        + "\(selector.map(PanicText.padded) ?? "UNKNOWN")):")
                // What a constructor's own error says has the depth of its frame.
                if place != .constructor || depth == 0 { depth += 1 }
            case .machine(let pc, let callSites):
                var text = "Error at pc=\(pc):"
                if !callSites.isEmpty {
                    text += "\nCairo traceback (most recent call last):"
                    for site in callSites { text += "\nUnknown location (pc=\(site))" }
                    text += "\n"
                }
                lines.append(text)
            case .text(let text): lines.append(text)
            case .panic(let summary): lines.append(summary.description)
            }
        }
        return header.line + ErrorTrace.shortened(lines.joined(separator: "\n"))
    }

    static let lengthCap = 15_000
    private static let slack = 100

    private static func shortened(_ text: String) -> String {
        guard text.utf8.count > lengthCap + slack else { return text }
        // Bytes of contracts can be any characters: cut between them.
        let half = lengthCap / 2
        return String(text.prefix(half)) + "\n\n...\n\n" + String(text.suffix(half))
    }
}

extension ErrorTrace.Header {
    fileprivate var line: String {
        switch self {
        case .execution: "Transaction execution has failed:\n"
        case .constructor: "Contract constructor execution has failed:\n"
        case .validation: "Transaction validation has failed:\n"
        case .none: ""
        }
    }
}

/// Which calls a panic went through, and what it said.
struct PanicSummary: Hashable, Sendable, CustomStringConvertible {
    struct Frame: Hashable, Sendable {
        var contract: ContractAddress
        var classHash: ClassHash?
        var selector: Selector
    }

    enum Header: String, Sendable {
        case execution = "Execution failed. Failure reason:"
        case validation = "The `validate` entry point panicked with:"
    }

    var header: Header
    /// The outermost first.
    var frames: [Frame]
    var reason: [Felt]

    /// Follows the failure inwards, as long as it is clear which inner call was passed on.
    init(of root: CallInfo, _ header: Header) {
        self.header = header
        frames = []
        reason = root.returnData
        var call = root
        var found: [Frame] = []
        while call.failed {
            found.append(
                Frame(
                    contract: call.call.storageAddress, classHash: call.call.classHash,
                    selector: call.call.selector))
            guard call.returnData.last == Panic.entryPointFailed else { break }
            let inner = call.returnData.dropLast()
            let candidates = call.innerCalls.filter { $0.failed && $0.returnData[...] == inner }
            guard candidates.count == 1 else { return }
            call = candidates[0]
        }
        guard !found.isEmpty else { return }
        frames = found
        reason = call.returnData
    }

    var description: String {
        var lines = [header.rawValue]
        for frame in frames {
            lines.append(
                "Error in contract (contract address: \(PanicText.padded(frame.contract)), "
                    + "class hash: \(frame.classHash.map(PanicText.padded) ?? "_"), selector: "
                    + "\(PanicText.padded(frame.selector))):")
        }
        lines.append(PanicText.describe(reason))
        return lines.joined(separator: "\n") + ".\n"
    }
}
