/// Cuts the bytes of one stream into messages: a `UInt32` count, little-endian, then as many
/// bytes. The memory used follows the bytes received, never the count announced.
struct MessageAssembler {
    enum Verdict: Hashable {
        case accepted
        case empty
        case oversize(Int)
    }

    private let maximum: Int
    private var header: UInt32 = 0
    private var headerBytes = 0
    private var expected = 0
    private var partial: [UInt8] = []

    init(maximum: Int) { self.maximum = maximum }

    /// After another verdict than `accepted` the assembler is of no more use.
    mutating func feed(_ input: UnsafeRawBufferPointer, into messages: inout [[UInt8]]) -> Verdict {
        var rest = input.assumingMemoryBound(to: UInt8.self)
        while true {
            while headerBytes < 4 {
                guard let byte = rest.first else { return .accepted }
                rest = UnsafeBufferPointer(rebasing: rest.dropFirst())
                header |= UInt32(byte) << UInt32(8 * headerBytes)
                headerBytes += 1
                guard headerBytes == 4 else { continue }
                expected = Int(header)
                if expected == 0 { return .empty }
                if expected > maximum { return .oversize(expected) }
            }
            let piece = UnsafeBufferPointer(rebasing: rest.prefix(expected - partial.count))
            if partial.isEmpty, piece.count == expected {
                messages.append([UInt8](piece))
            } else {
                partial.append(contentsOf: piece)
                guard partial.count == expected else { return .accepted }
                messages.append(partial)
                partial = []
            }
            rest = UnsafeBufferPointer(rebasing: rest.dropFirst(piece.count))
            header = 0
            headerBytes = 0
        }
    }

    /// Bytes of an unfinished message.
    var pendingBytes: Int { partial.count }
}

/// A message on its way out: its count and its bytes as one run of bytes, copied piece by piece.
struct SendCursor {
    private let message: [UInt8]
    private var offset = 0

    init(_ message: [UInt8]) { self.message = message }

    var isFinished: Bool { offset == message.count + 4 }

    /// Copies as much as fits and says how much.
    mutating func copy(into target: UnsafeMutableRawBufferPointer) -> Int {
        var written = 0
        while offset < 4, written < target.count {
            target[written] = UInt8(truncatingIfNeeded: UInt32(message.count) >> (8 * offset))
            offset += 1
            written += 1
        }
        guard offset >= 4 else { return written }
        let start = offset - 4
        let count = min(message.count - start, target.count - written)
        guard count > 0 else { return written }
        message.withUnsafeBytes { source in
            UnsafeMutableRawBufferPointer(rebasing: target[written..<(written + count)])
                .copyMemory(from: UnsafeRawBufferPointer(rebasing: source[start..<(start + count)]))
        }
        offset += count
        return written + count
    }
}
