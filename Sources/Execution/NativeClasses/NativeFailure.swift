import StarkField

/// Where a call ran, as revert reasons name it.
struct FailedFrame: Hashable, Sendable {
    var contract: ContractAddress
    var classHash: ClassHash
    var selector: Selector
}

/// Why a call to a contract did not return.
enum NativeFailure: Error {
    /// A Cairo panic: its data, and the frames it went through, the innermost first.
    case panic(data: [Felt], frames: [FailedFrame])
    /// A failure that no caller can see as panic data; the transaction reverts.
    case uncatchable(UncatchableFailure)
    /// Not the transaction's fault: the block can't go on.
    case state(StateReadError)

    static func panic(_ reason: Felt) -> NativeFailure { .panic(data: [reason], frames: []) }
}

/// Failures of the system calls themselves.
package enum UncatchableFailure: Hashable, Sendable {
    case contractNotDeployed(ContractAddress)
    case classNotDeclared(ClassHash)
    case alreadyDeployed(ContractAddress)
    case callDepthExceeded(limit: Int)
    case eventLimitExceeded(what: EventLimit, limit: Int)

    package enum EventLimit: Hashable, Sendable { case count, keys, data }
}

/// Reasons that Cairo contracts and the system give as short strings.
enum Panic {
    static let outOfGas = HashTerms.shortString("Out of gas")
    static let entryPointFailed = HashTerms.shortString("ENTRYPOINT_FAILED")
    static let entryPointNotFound = HashTerms.shortString("ENTRYPOINT_NOT_FOUND")
    static let inputTooLong = HashTerms.shortString("Input too long for arguments")
    /// What generated Cairo wrappers say of argument `number` (from 1).
    static func undecodable(_ number: Int) -> Felt {
        number >= 1 && number <= undecodables.count ? undecodables[number - 1] : undecodables[0]
    }
    private static let undecodables = (1...8).map {
        HashTerms.shortString("Failed to deserialize param #\($0)")
    }
}

/// The data of a panic as Starknet prints it: hexadecimal and, where it is text, the text.
enum PanicText {
    static func describe(_ data: [Felt]) -> String {
        let items = data.map { felt in
            let text = shortString(felt).map { " ('\($0)')" } ?? ""
            return felt.hexString + text
        }
        return items.count == 1 ? items[0] : "(" + items.joined(separator: ", ") + ")"
    }

    /// The characters of a short string; nil where some byte is not printable ASCII. Zero bytes
    /// at the front are not part of it, and 0 is the empty string.
    private static func shortString(_ felt: Felt) -> String? {
        let bytes = felt.bigEndianBytes.drop { $0 == 0 }
        guard bytes.count <= 31, bytes.allSatisfy({ (0x20..<0x7f).contains($0) }) else {
            return nil
        }
        return String(decoding: bytes, as: UTF8.self)
    }

    /// 0x and 64 digits.
    static func padded(_ felt: Felt) -> String {
        let digits = felt.hexString.dropFirst(2)
        return "0x" + String(repeating: "0", count: 64 - digits.count) + digits
    }

    static func place(_ frame: FailedFrame) -> String {
        "(contract address: \(padded(frame.contract)), class hash: \(padded(frame.classHash)), "
            + "selector: \(padded(frame.selector))):"
    }

    /// The lines that name the frames from the outermost to the innermost, and the reason.
    static func trace(of data: [Felt], frames: [FailedFrame]) -> String {
        // Every caller appended ENTRYPOINT_FAILED when it passed the failure on.
        var reason = data
        for _ in frames.dropFirst() where reason.last == Panic.entryPointFailed {
            reason.removeLast()
        }
        var text = ""
        for frame in frames.reversed() { text += "Error in contract " + place(frame) + "\n" }
        return text + describe(reason) + ".\n"
    }

    static func describe(_ failure: UncatchableFailure) -> String {
        switch failure {
        case .contractNotDeployed(let address):
            "Requested contract address \(padded(address)) is not deployed."
        case .classNotDeclared(let classHash):
            "Class with hash \(padded(classHash)) is not declared."
        case .alreadyDeployed(let address):
            "Requested contract address \(padded(address)) is unavailable for deployment."
        case .callDepthExceeded(let limit):
            "Recursion depth exceeded: at most \(limit) calls deep."
        case .eventLimitExceeded(let what, let limit):
            switch what {
            case .count: "Exceeded the maximum number of events, \(limit)."
            case .keys: "Exceeded the maximum keys length of an event, \(limit)."
            case .data: "Exceeded the maximum data length of an event, \(limit)."
            }
        }
    }
}
