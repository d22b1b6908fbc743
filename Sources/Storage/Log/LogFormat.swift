import Primitives
import WireCodec

/// The place of a record in its log: records count from 0 over all segments.
package struct LogPosition: Counter {
    package let rawValue: UInt64
    package init(_ value: UInt64) { rawValue = value }
}

/// One record: the caller's kind and bytes. Kind 255 is the log's own.
package struct LogRecord: Hashable, Sendable {
    package var kind: UInt8
    package var payload: [UInt8]
    package init(kind: UInt8, payload: [UInt8]) {
        self.kind = kind
        self.payload = payload
    }
}

package struct LogLimits: Sendable {
    /// The longest payload.
    package var maximumRecordBytes = 16 << 20
    /// A segment takes no further record beyond this; one record alone may exceed it.
    package var maximumSegmentBytes = 64 << 20
    /// The file grows in steps of this many zero bytes, so that most syncs change no file size.
    /// 0 grows by what is written.
    package var growthBytes = 1 << 20
    package init() {}

    /// The longest segment file that these limits can make.
    var maximumFileBytes: Int {
        max(maximumSegmentBytes, LogFormat.headerBytes)
            + LogFormat.frameBytes(payload: maximumRecordBytes) + LogFormat.frameBytes(payload: 0)
            + growthBytes
    }
}

/// Bytes on disk. All integers little-endian, digests big-endian as in `WireCodec`.
///
/// Segment header (80 bytes): magic 8, version u32, chain 32, epoch u64, segment number u64,
/// position of its first record u64, salt u64, CRC-32C of all before.
///
/// Frame (17 bytes and the payload): payload length + 1 u32, CRC-32C of the payload u32, vouched
/// u32, kind u8, CRC-32C u32 of (salt, file offset of the frame, the 13 bytes before).
/// `vouched` is the file offset below which everything was known to be synced when the frame was
/// written: it tells damage (unreadable bytes that a later frame vouches for) from a torn tail.
/// The salt is the node's secret and the offset is in the checksum, so that no payload, which may
/// come from a stranger, can hold bytes that read as a frame. Zeros are never a frame.
enum LogFormat {
    static let segmentMagic: UInt64 = 0x3130_474F_4C59_5250  // "PRYLOG01"
    static let manifestMagic: UInt64 = 0x3130_4E41_4D59_5250  // "PRYMAN01"
    static let version: UInt32 = 1
    static let headerBytes = 80
    static let manifestBytes = 72
    static let frameHeaderBytes = 17
    /// A frame of the log itself: it only vouches for what is before it, and is no record.
    static let markKind: UInt8 = 255

    static func frameBytes(payload: Int) -> Int { frameHeaderBytes + payload }

    static func segmentName(_ number: UInt64) -> String {
        let digits = String(number, radix: 16)
        return "segment-" + String(repeating: "0", count: 16 - digits.count) + digits
    }

    static func segmentNumber(_ name: String) -> UInt64? {
        guard name.hasPrefix("segment-"), let number = UInt64(name.dropFirst(8), radix: 16),
            segmentName(number) == name
        else { return nil }
        return number
    }
}

struct SegmentHeader: Hashable {
    var chain: Digest
    var epoch: Epoch
    var number: UInt64
    var firstPosition: LogPosition
    var salt: UInt64

    func encoded() -> [UInt8] {
        var writer = WireWriter(reserving: LogFormat.headerBytes)
        writer.write(LogFormat.segmentMagic)
        writer.write(LogFormat.version)
        writer.write(chain)
        writer.write(epoch)
        writer.write(number)
        writer.write(firstPosition)
        writer.write(salt)
        writer.write(Checksum.of(writer.bytes))
        return writer.bytes
    }

    /// The header at the start of `bytes`, or what is wrong with it.
    static func decode(_ bytes: [UInt8]) -> Result<SegmentHeader, DamageFound> {
        do throws(WireError) {
            let whole = Array(bytes.prefix(LogFormat.headerBytes))
            var reader = WireReader(whole)
            let magic = try reader.read(UInt64.self)
            let version = try reader.read(UInt32.self)
            let header = SegmentHeader(
                chain: try reader.readDigest(), epoch: try reader.read(counter: Epoch.self),
                number: try reader.read(UInt64.self),
                firstPosition: try reader.read(counter: LogPosition.self),
                salt: try reader.read(UInt64.self))
            let check = try reader.read(UInt32.self)
            guard magic == LogFormat.segmentMagic, check == Checksum.of(whole.dropLast(4)) else {
                return .failure(DamageFound(.badHeader))
            }
            guard version == LogFormat.version else {
                return .failure(DamageFound(.unknownVersion(version)))
            }
            return .success(header)
        } catch {
            return .failure(DamageFound(.badHeader))
        }
    }
}

/// Which segments the log consists of; replaced whole, by rename.
struct LogManifest: Hashable {
    var chain: Digest
    var epoch: Epoch
    var lowest: UInt64
    var highest: UInt64

    func encoded() -> [UInt8] {
        var writer = WireWriter(reserving: LogFormat.manifestBytes)
        writer.write(LogFormat.manifestMagic)
        writer.write(LogFormat.version)
        writer.write(chain)
        writer.write(epoch)
        writer.write(lowest)
        writer.write(highest)
        writer.write(Checksum.of(writer.bytes))
        return writer.bytes
    }

    static func decode(_ bytes: [UInt8]) -> Result<LogManifest, DamageFound> {
        do throws(WireError) {
            var reader = WireReader(bytes)
            let magic = try reader.read(UInt64.self)
            let version = try reader.read(UInt32.self)
            let manifest = LogManifest(
                chain: try reader.readDigest(), epoch: try reader.read(counter: Epoch.self),
                lowest: try reader.read(UInt64.self), highest: try reader.read(UInt64.self))
            let check = try reader.read(UInt32.self)
            try reader.finish()
            guard magic == LogFormat.manifestMagic, check == Checksum.of(bytes.dropLast(4)),
                manifest.lowest <= manifest.highest, manifest.highest < .max
            else { return .failure(DamageFound(.badManifest)) }
            guard version == LogFormat.version else {
                return .failure(DamageFound(.unknownVersion(version)))
            }
            return .success(manifest)
        } catch {
            return .failure(DamageFound(.badManifest))
        }
    }
}

/// Damage on its way up to where the file's name is known.
struct DamageFound: Error {
    let offset: Int
    let reason: LogDamage
    init(_ reason: LogDamage, at offset: Int = 0) {
        self.offset = offset
        self.reason = reason
    }
}

/// Writes and reads frames of one segment.
struct FrameCodec {
    private let salted: Checksum
    private let maximumRecordBytes: Int

    init(salt: UInt64, maximumRecordBytes: Int) {
        var checksum = Checksum()
        checksum.update(salt)
        salted = checksum
        self.maximumRecordBytes = maximumRecordBytes
    }

    /// Appends the frame that will stand at `offset` of the file.
    func encode(_ record: LogRecord, at offset: Int, vouched: Int, into buffer: inout [UInt8]) {
        let start = buffer.count
        func append(_ word: UInt32) {
            withUnsafeBytes(of: word.littleEndian) { buffer.append(contentsOf: $0) }
        }
        // Lengths and offsets are below 2^31 by the limits that `ConsensusLog.open` checks.
        append(UInt32(record.payload.count + 1))
        append(Checksum.of(record.payload))
        append(UInt32(vouched))
        buffer.append(record.kind)
        let check = buffer.withUnsafeBytes { raw in
            headerCheck(UnsafeRawBufferPointer(rebasing: raw[start...]), offset: offset)
        }
        append(check)
        buffer.append(contentsOf: record.payload)
    }

    private func headerCheck(_ bytes: UnsafeRawBufferPointer, offset: Int) -> UInt32 {
        var checksum = salted
        checksum.update(UInt64(offset))
        checksum.update(bytes)
        return checksum.value
    }

    struct Header {
        var payloadBytes: Int
        var payloadCheck: UInt32
        var vouched: Int
        var kind: UInt8
    }

    /// The frame header at `offset`, when there is one.
    func header(in bytes: UnsafeRawBufferPointer, at offset: Int) -> Header? {
        guard bytes.count - offset >= LogFormat.frameHeaderBytes else { return nil }
        func word(_ place: Int) -> UInt32 {
            UInt32(littleEndian: bytes.loadUnaligned(fromByteOffset: place, as: UInt32.self))
        }
        let length = Int(word(offset))
        let vouched = Int(word(offset + 8))
        guard length >= 1, length - 1 <= maximumRecordBytes, vouched >= LogFormat.headerBytes,
            vouched <= offset
        else { return nil }
        let covered = UnsafeRawBufferPointer(rebasing: bytes[offset..<(offset + 13)])
        guard word(offset + 13) == headerCheck(covered, offset: offset) else { return nil }
        return Header(
            payloadBytes: length - 1, payloadCheck: word(offset + 4), vouched: vouched,
            kind: bytes[offset + 12])
    }

    /// What reading a segment's frames came to.
    struct Scan {
        /// Just after the last whole frame.
        var end: Int
        /// What the last whole frame vouches for.
        var vouched: Int
        var records: UInt64
        /// Whether anything but zeros follows `end`.
        var hasTornTail: Bool
        /// A frame after `end` that vouches for bytes after `end`, which are unreadable.
        var damageEvidence: Int?
    }

    /// Reads all whole frames in order and judges what follows them. Linear in `bytes`.
    func scan(
        _ bytes: UnsafeRawBufferPointer, deliver: (UInt8, UnsafeRawBufferPointer) -> Void
    ) -> Scan {
        var scan = Scan(
            end: LogFormat.headerBytes, vouched: LogFormat.headerBytes, records: 0,
            hasTornTail: false, damageEvidence: nil)
        while let header = header(in: bytes, at: scan.end) {
            let start = scan.end + LogFormat.frameHeaderBytes
            guard header.vouched >= scan.vouched, bytes.count - start >= header.payloadBytes
            else { break }
            let payload = UnsafeRawBufferPointer(
                rebasing: bytes[start..<(start + header.payloadBytes)])
            var checksum = Checksum()
            checksum.update(payload)
            guard checksum.value == header.payloadCheck else { break }
            if header.kind != LogFormat.markKind {
                deliver(header.kind, payload)
                scan.records += 1
            }
            scan.vouched = header.vouched
            scan.end = start + header.payloadBytes
        }
        guard let dirt = bytes[scan.end...].firstIndex(where: { $0 != 0 }) else { return scan }
        scan.hasTornTail = true
        // A header holds at least one nonzero byte in its first four, its length.
        var offset = max(scan.end, dirt - 3)
        while bytes.count - offset >= LogFormat.frameHeaderBytes {
            if let header = header(in: bytes, at: offset), header.vouched > scan.end {
                scan.damageEvidence = offset
                return scan
            }
            offset += 1
        }
        return scan
    }
}
