/// The reference's memory files: an address of eight bytes and a value of 32, for each cell.
enum MemoryFile {
    /// By address: a machine may write its cells in the order in which they came to be.
    static func entries(_ bytes: [UInt8]) -> [[UInt8]] {
        let entries = stride(from: 0, to: bytes.count, by: 40).map {
            Array(bytes[$0..<min($0 + 40, bytes.count)])
        }
        return entries.sorted { left, right in
            left.prefix(8).reversed().lexicographicallyPrecedes(right.prefix(8).reversed())
        }
    }
}
