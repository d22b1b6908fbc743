package import CairoVM
package import StarkField
import StarkHash

/// The hash function of a compiled class's hash: Poseidon up to Starknet 0.14.0, BLAKE2s from 0.14.1
/// on (SNIP-34).
package enum CompiledClassHashKind: CaseIterable, Hashable, Sendable {
    case poseidon
    case blake2s

    fileprivate func hash(_ values: [Felt]) -> Felt {
        switch self {
        case .poseidon: HashTerms.hashMany(values)
        case .blake2s: Blake2s.hashMany(values)
        }
    }

    /// The hashes of consecutive parts.
    fileprivate func hashes(_ flat: [Felt], _ counts: [Int]) -> [Felt] {
        switch self {
        case .poseidon: return Poseidon.hashMany(flat: flat, counts: counts)
        case .blake2s:
            var start = 0
            return counts.map { count in
                defer { start += count }
                return Blake2s.hashMany(flat[start..<start + count])
            }
        }
    }
}

extension CasmClass {
    /// The compiled class's hash.
    ///
    /// Source: Starknet documentation, "Compiled class hash"; starkware-libs/sequencer,
    /// `starknet_api::contract_class::compiled_class_hash`.
    package func hash(_ kind: CompiledClassHashKind) -> Felt {
        kind.hash([
            CasmClass.hashPrefix, hash(entryPoints[.external] ?? [], kind),
            hash(entryPoints[.l1Handler] ?? [], kind), hash(entryPoints[.constructor] ?? [], kind),
            bytecodeHash(kind),
        ])
    }

    private static let hashPrefix = HashTerms.shortString("COMPILED_CLASS_V1")

    private func hash(_ points: [EntryPoint], _ kind: CompiledClassHashKind) -> Felt {
        var terms: [Felt] = []
        terms.reserveCapacity(3 * points.count)
        for point in points {
            terms.append(point.selector)
            terms.append(Felt(UInt64(point.offset)))
            terms.append(kind.hash(point.builtins.map { HashTerms.shortString($0.name) }))
        }
        return kind.hash(terms)
    }

    /// A whole bytecode is hashed as one list; one in segments is a tree: the hash of a node is one
    /// more than that of its parts' lengths and hashes.
    private func bytecodeHash(_ kind: CompiledClassHashKind) -> Felt {
        guard let segmentLengths else { return kind.hash(bytecode) }
        var counts: [Int] = []
        CasmClass.leaves(segmentLengths, into: &counts)
        var leaves = kind.hashes(bytecode, counts)[...]
        return CasmClass.hash(segmentLengths, kind, &leaves).hash
    }

    private static func leaves(_ lengths: SegmentLengths, into counts: inout [Int]) {
        switch lengths {
        case .leaf(let length): counts.append(length)
        case .node(let parts):
            for part in parts { leaves(part, into: &counts) }
        }
    }

    private static func hash(
        _ lengths: SegmentLengths, _ kind: CompiledClassHashKind, _ leaves: inout ArraySlice<Felt>
    ) -> (length: Int, hash: Felt) {
        switch lengths {
        case .leaf(let length):
            guard let hash = leaves.popFirst() else { preconditionFailure("a leaf has no hash") }
            return (length, hash)
        case .node(let parts):
            var terms: [Felt] = []
            var length = 0
            for part in parts {
                let inner = hash(part, kind, &leaves)
                length += inner.length
                terms.append(Felt(UInt64(inner.length)))
                terms.append(inner.hash)
            }
            return (length, kind.hash(terms) + .one)
        }
    }
}
