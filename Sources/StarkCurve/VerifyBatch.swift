public import StarkField

extension PreparedPublicKey {
    /// A signature to check in a batch.
    public struct Check: Sendable {
        public let key: PreparedPublicKey
        public let messageHash: Felt
        public let signature: StarkSignature

        public init(key: PreparedPublicKey, messageHash: Felt, signature: StarkSignature) {
            self.key = key
            self.messageHash = messageHash
            self.signature = signature
        }
    }

    /// The answers of `verify` for each, in order. Where the build has wide vectors the sums of
    /// several signatures are made side by side, in about half of the time.
    public static func verify(_ checks: [Check]) -> [Bool] {
        VerifyBatch.verify(checks, leastInLanes: VerifyBatch.leastInLanes)
    }
}

/// Verification of many signatures. Each is two sums of table points, the generator's and the
/// key's share: two lists in lanes, which share their inversions with all others.
package enum VerifyBatch {
    #if WIDE_VECTORS
        static let leastInLanes = 4
    #else
        static let leastInLanes = Int.max
    #endif

    /// Signatures side by side: their state is about 1 MB.
    private static let capacity = 48

    package static func verify(
        _ checks: [PreparedPublicKey.Check], leastInLanes: Int
    ) -> [Bool] {
        var results = [Bool](repeating: false, count: checks.count)
        var start = 0
        while checks.count - start >= max(leastInLanes, 1) {
            let end = min(start + capacity, checks.count)
            verifyInLanes(checks, start..<end, &results)
            start = end
        }
        for index in start..<checks.count { results[index] = single(checks[index]) }
        return results
    }

    private static func single(_ check: PreparedPublicKey.Check) -> Bool {
        check.key.verify(messageHash: check.messageHash, signature: check.signature)
    }

    private typealias Part = (index: Int, factors: (generator: Scalar, key: Scalar))

    private static func verifyInLanes(
        _ checks: [PreparedPublicKey.Check], _ range: Range<Int>, _ results: inout [Bool]
    ) {
        // Signatures with operands out of range are refused without a sum, and a list without a
        // point has no sum: these few go alone.
        var parts: [Part] = []
        var slots = FixedBase.generator.pointsPerScalar
        for index in range {
            let check = checks[index]
            guard
                let factors = ECDSA.factors(
                    messageHash: check.messageHash, signature: check.signature)
            else { continue }
            if factors.generator.isZero {
                results[index] = single(check)
                continue
            }
            parts.append((index, factors))
            slots = max(slots, check.key.multiples.pointsPerScalar)
        }
        if parts.isEmpty { return }
        let lanes = AffineLanes.lanes
        let sums = AffineLanes(groups: (2 * parts.count + lanes - 1) / lanes, slots: slots)
        for group in 0..<sums.groups {
            sums.set(group) { lane, put in
                let list = group * lanes + lane
                if list / 2 >= parts.count { return }
                let (index, factors) = parts[list / 2]
                let isKey = list & 1 == 1
                let base = isKey ? checks[index].key.multiples : FixedBase.generator
                base.withPoints { points in
                    base.forEachPoint(of: isKey ? factors.key : factors.generator) {
                        put(points[$0].negated(if: $1))
                    }
                }
            }
        }
        var abscissas: [Felt] = []
        var exceptional: Set<Int> = []
        sums.sum(groups: sums.groups, into: &abscissas) { exceptional.insert($0 / 2) }
        for (number, part) in parts.enumerated() {
            if exceptional.contains(number) {
                results[part.index] = single(checks[part.index])
            } else {
                results[part.index] = ECDSA.isSumOrDifference(
                    abscissas[2 * number], abscissas[2 * number + 1],
                    x: checks[part.index].signature.r)
            }
        }
    }
}
