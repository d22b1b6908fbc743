import StarkField

/// The hashes that an update needs, as a graph: each entry hashes two operands, which are field
/// elements or earlier entries, and adds a small number. Nothing is hashed while the graph is
/// built; `run` goes level by level, so that all independent hashes of all tries of an update share
/// batches and cores.
final class HashPlan {
    struct Operand {
        /// The value of a literal.
        let value: Felt
        /// The entry whose hash it is, or -1 for a literal.
        let entry: Int32

        static func literal(_ value: Felt) -> Operand { Operand(value: value, entry: -1) }
        var isZero: Bool { entry < 0 && value.isZero }
    }

    private struct Entry {
        let left: Operand
        let right: Operand
        let addend: UInt8
        /// 0 where both operands are literals, else one above the operands' levels.
        let level: Int32
    }

    private var entries: [Entry] = []
    private var sizes: [Int] = []
    private var results: [Felt] = []

    /// The number of hashes.
    var count: Int { entries.count }

    /// hash(left, right) + addend.
    func add(_ left: Operand, _ right: Operand, addend: Int = 0) -> Operand {
        var level: Int32 = 0
        if left.entry >= 0 { level = entries[Int(left.entry)].level + 1 }
        if right.entry >= 0 { level = max(level, entries[Int(right.entry)].level + 1) }
        while sizes.count <= Int(level) { sizes.append(0) }
        sizes[Int(level)] += 1
        entries.append(Entry(left: left, right: right, addend: UInt8(addend), level: level))
        return Operand(value: .zero, entry: Int32(entries.count - 1))
    }

    /// Hashes everything once. The plan takes no more entries afterwards.
    func run<Hash: TrieHash>(_ type: Hash.Type, parallelFor: ParallelFor) {
        // Entries by level: a counting sort.
        var starts: [Int] = []
        var total = 0
        for size in sizes {
            starts.append(total)
            total += size
        }
        var order = [Int](repeating: 0, count: total)
        var next = starts
        for index in entries.indices {
            let level = Int(entries[index].level)
            order[next[level]] = index
            next[level] += 1
        }
        results = [Felt](repeating: .zero, count: total)
        for level in sizes.indices {
            hashLevel(order, starts[level]..<(starts[level] + sizes[level]), type, parallelFor)
        }
    }

    /// Hashes the entries at a range of `order`. Chunks are large enough to share inversions and
    /// small enough to spread over cores.
    private func hashLevel<Hash: TrieHash>(
        _ order: [Int], _ range: Range<Int>, _ type: Hash.Type, _ parallelFor: ParallelFor
    ) {
        let chunk = max(32, min(128, (range.count + 7) / 8))
        let chunks = (range.count + chunk - 1) / chunk
        let entries = entries
        results.withUnsafeMutableBufferPointer { buffer in
            // Each call writes the entries of its own chunk and reads entries of lower levels.
            nonisolated(unsafe) let buffer = buffer
            @Sendable func value(_ operand: Operand) -> Felt {
                operand.entry < 0 ? operand.value : buffer[Int(operand.entry)]
            }
            @Sendable func hashChunk(_ number: Int) {
                let start = range.lowerBound + number * chunk
                let end = min(start + chunk, range.upperBound)
                var pairs: [(Felt, Felt)] = []
                pairs.reserveCapacity(end - start)
                for position in start..<end {
                    let entry = entries[order[position]]
                    pairs.append((value(entry.left), value(entry.right)))
                }
                let hashes = Hash.hashBatch(pairs)
                precondition(hashes.count == pairs.count, "\(hashes.count) of \(pairs.count)")
                for position in start..<end {
                    let index = order[position]
                    let addend = entries[index].addend
                    let hash = hashes[position - start]
                    buffer[index] = addend == 0 ? hash : hash + Felt(UInt64(addend))
                }
            }
            if chunks == 1 { hashChunk(0) } else { parallelFor(chunks, hashChunk) }
        }
    }

    /// The operand's value, once the plan was run.
    func value(_ operand: Operand) -> Felt {
        operand.entry < 0 ? operand.value : results[Int(operand.entry)]
    }
}
