package import Primitives

/// Why a consensus log cannot be opened or used. The description tells the operator what to do.
package enum LogError: Error, Hashable, Sendable, CustomStringConvertible {
    /// The directory does not hold this log whole. No record was touched.
    case damaged(file: String, offset: Int, reason: LogDamage)
    /// `.mustExist` was asked for, and there is no log.
    case missing(directory: String)
    /// Another process has the log open.
    case locked(directory: String)
    /// A record is above `LogLimits.maximumRecordBytes`; the log is as it was before the call.
    case recordTooLong(bytes: Int, maximum: Int)
    /// This call's read, write or sync failed; the log takes nothing more.
    case failed(FileSystemError)
    /// An earlier call failed. What it wrote may or may not be on disk, and a second sync could
    /// lie about it, so the log stays closed until it is opened anew.
    case poisoned(by: FileSystemError)
    /// `close` was called.
    case closed

    package var description: String {
        switch self {
        case .damaged(let file, let offset, let reason):
            """
            the consensus log is damaged: \(file) at byte \(offset): \(reason). \
            Do not delete or edit it to get the node going: signing again from a log with gaps \
            can be slashed. \(reason.advice)
            """
        case .missing(let directory):
            """
            there is no consensus log in \(directory), but this epoch is running. If the \
            directory is right and the disk is mounted, the log is lost: start the node with \
            --follow, so that it signs nothing until the next epoch.
            """
        case .locked(let directory):
            """
            the consensus log in \(directory) is in use by another process. Two processes with \
            one key get slashed: stop the other one first.
            """
        case .recordTooLong(let bytes, let maximum):
            "a log record of \(bytes) bytes is above the maximum of \(maximum)"
        case .failed(let cause):
            "the consensus log failed: \(cause). Mend the disk, then restart the node."
        case .poisoned(let cause):
            """
            the consensus log failed before (\(cause)) and takes nothing more until the node is \
            restarted
            """
        case .closed: "the consensus log is closed"
        }
    }
}

/// What is wrong with a log on disk.
package enum LogDamage: Hashable, Sendable, CustomStringConvertible {
    /// Bytes that are no frame, although a later frame (at `vouchedAt` of the same file, or in a
    /// later segment when nil) was written after they had been synced.
    case badFrame(vouchedAt: Int?)
    case badHeader
    case unknownVersion(UInt32)
    case wrongChain(expected: Digest, found: Digest)
    case wrongEpoch(expected: Epoch, found: Epoch)
    case wrongSegmentNumber(expected: UInt64, found: UInt64)
    /// The records before a segment do not number what its header says.
    case wrongFirstPosition(expected: LogPosition, found: LogPosition)
    case missingSegment(UInt64)
    case unexpectedSegment(UInt64)
    case missingManifest
    case badManifest
    case oversize(bytes: Int, maximum: Int)

    package var description: String {
        switch self {
        case .badFrame(let offset):
            if let offset {
                "a synced record is unreadable (the record at byte \(offset) came after it)"
            } else {
                "a synced record is unreadable (a later segment follows)"
            }
        case .badHeader: "the segment's header is unreadable"
        case .unknownVersion(let found): "format version \(found) is unknown to this program"
        case .wrongChain(let expected, let found): "chain \(found), expected \(expected)"
        case .wrongEpoch(let expected, let found): "epoch \(found), expected \(expected)"
        case .wrongSegmentNumber(let expected, let found):
            "the file of segment \(expected) holds segment \(found)"
        case .wrongFirstPosition(let expected, let found):
            "the segment starts at record \(found), expected \(expected): records are missing"
        case .missingSegment(let number): "segment \(number) is missing"
        case .unexpectedSegment(let number): "segment \(number) does not belong to this log"
        case .missingManifest: "the manifest is missing beside segments with records"
        case .badManifest: "the manifest is unreadable"
        case .oversize(let bytes, let maximum): "\(bytes) bytes, above the maximum of \(maximum)"
        }
    }

    /// What the operator should do.
    package var advice: String {
        switch self {
        case .wrongChain, .wrongEpoch:
            "Check which directory the configuration names: this log belongs to something else."
        case .unknownVersion:
            "Start the version of the program that wrote it, or a newer one."
        case .badFrame, .badHeader, .wrongSegmentNumber, .wrongFirstPosition, .missingSegment,
            .unexpectedSegment, .missingManifest, .badManifest, .oversize:
            """
            Check the disk; restore no backup (it lacks the newest statements). Keep the files \
            for inspection, and start the node with --follow: it follows the chain and signs \
            nothing until the next epoch, which starts a new log.
            """
        }
    }
}
