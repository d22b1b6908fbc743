/// The files of a zip archive (PKWARE's APPNOTE 6.3, sections 4.3 and 4.4), by name.
package enum ZipArchive {
    package enum Failure: Error { case notAnArchive, truncated, unknownMethod(Int), wrongSize }

    package static func files(in bytes: [UInt8]) throws -> [String: [UInt8]] {
        func number(_ place: Int, _ count: Int) throws -> Int {
            guard place >= 0, place + count <= bytes.count else { throw Failure.truncated }
            return (0..<count).reduce(0) { $0 | Int(bytes[place + $1]) << (8 * $1) }
        }
        // The directory's end is the last record, with a comment of up to 64 KiB behind it.
        let first = max(0, bytes.count - 22 - 0xffff)
        guard bytes.count >= 22,
            let end = try (first...(bytes.count - 22)).last(where: {
                try number($0, 4) == 0x0605_4b50
            })
        else { throw Failure.notAnArchive }
        var place = try number(end + 16, 4)
        var files: [String: [UInt8]] = [:]
        for _ in 0..<(try number(end + 10, 2)) {
            guard try number(place, 4) == 0x0201_4b50 else { throw Failure.notAnArchive }
            let (method, packed) = (try number(place + 10, 2), try number(place + 20, 4))
            let size = try number(place + 24, 4)
            let nameLength = try number(place + 28, 2)
            let local = try number(place + 42, 4)
            guard place + 46 + nameLength <= bytes.count else { throw Failure.truncated }
            let name = String(
                decoding: bytes[(place + 46)..<(place + 46 + nameLength)], as: UTF8.self)
            let start = local + 30 + (try number(local + 26, 2)) + (try number(local + 28, 2))
            guard start + packed <= bytes.count else { throw Failure.truncated }
            let content = bytes[start..<(start + packed)]
            switch method {
            case 0: files[name] = Array(content)
            case 8: files[name] = try Inflate.bytes(of: content)
            default: throw Failure.unknownMethod(method)
            }
            guard files[name]?.count == size else { throw Failure.wrongSize }
            place += 46 + nameLength + (try number(place + 30, 2)) + (try number(place + 32, 2))
        }
        return files
    }
}
