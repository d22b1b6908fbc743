import StarkCurve
import StarkField
import StarkHash

/// One kernel's time.
package struct KernelFigure: Sendable {
    /// What is timed, such as `pedersen`; the names are stable.
    package let name: String
    /// The median over the batches.
    package let nanosecondsPerOperation: Double
    /// Operations of all batches together.
    package let iterations: Int
}

/// Timed loops over the kernels. Each kernel runs in nine batches of at least some milliseconds,
/// after one that is thrown away; inputs are chained or drawn from a fixed set, so that nothing can
/// be hoisted.
package struct KernelBenchmark {
    private static let batches = 9

    package static func run() -> [KernelFigure] {
        let inputs = Inputs()
        return fieldFigures(inputs) + hashFigures(inputs) + signatureFigures(inputs)
    }

    /// The figures as one line of JSON: an object whose `kernels` lists name, nanoseconds (per
    /// operation) and iterations. `deploy/bench-kernels` reads it.
    package static func json(_ figures: [KernelFigure]) -> String {
        let rows = figures.map { figure in
            """
            {"name": "\(figure.name)", \
            "nanoseconds": \(tenths(figure.nanosecondsPerOperation)), \
            "iterations": \(figure.iterations)}
            """
        }
        return #"{"kernels": ["# + rows.joined(separator: ", ") + "]}"
    }

    /// With one decimal.
    private static func tenths(_ value: Double) -> String {
        let rounded = Int(value * 10 + 0.5)
        return "\(rounded / 10).\(rounded % 10)"
    }

    private struct Inputs {
        let felts: [Felt]
        let secret: SecretKey
        let publicKey: Felt
        let signed: [(hash: Felt, signature: StarkSignature)]

        init() {
            felts = (0..<256).map { Poseidon.hash(single: Felt(UInt64($0))) }
            guard let secret = SecretKey(0x1234_5678_9abc_def0) else {
                preconditionFailure("a small number is no key")
            }
            self.secret = secret
            publicKey = secret.publicKey
            signed = felts.prefix(32).map { value in
                var words = value.bigEndianWords
                words.0 &= 1 << 58 - 1
                let hash = Felt(reducingBigEndianWords: words)
                return (hash, ECDSA.sign(messageHash: hash, secretKey: secret))
            }
        }
    }

    /// `body` runs an operation as often as it is told.
    private static func time(
        _ name: String, perBatch: Int, operationsPerRun: Int = 1, _ body: (Int) -> Void
    ) -> KernelFigure {
        let clock = ContinuousClock()
        body(perBatch / 4 + 1)
        let times = (0..<batches).map { _ in
            let elapsed = clock.measure { body(perBatch) }
            let (seconds, attoseconds) = elapsed.components
            return Double(seconds) * 1e9 + Double(attoseconds) / 1e9
        }.sorted()
        let operations = perBatch * operationsPerRun
        return KernelFigure(
            name: name, nanosecondsPerOperation: times[batches / 2] / Double(operations),
            iterations: operations * batches)
    }

    /// Keeps a result from being optimised away.
    @inline(never) @_optimize(none)
    private static func consume<Value>(_ value: Value) {
        withExtendedLifetime(value) {}
    }

    private static func fieldFigures(_ inputs: Inputs) -> [KernelFigure] {
        let (a, b) = (inputs.felts[0], inputs.felts[1])
        return [
            time("field_product", perBatch: 400_000) { count in
                var value = a
                for _ in 0..<count { value *= b }
                consume(value)
            },
            time("field_product_throughput", perBatch: 100_000, operationsPerRun: 4) { count in
                var (v0, v1, v2, v3) = (a, b, a + b, a - b)
                for _ in 0..<count {
                    v0 *= b
                    v1 *= b
                    v2 *= b
                    v3 *= b
                }
                consume((v0, v1, v2, v3))
            },
            time("field_square", perBatch: 400_000) { count in
                var value = a
                for _ in 0..<count { value = value.squared() }
                consume(value)
            },
            time("field_inverse", perBatch: 4_000) { count in
                var value = a
                for _ in 0..<count { value = (value.inverse() ?? .one) + b }
                consume(value)
            },
            time("field_square_root", perBatch: 1_000) { count in
                var found = 0
                for index in 0..<count where inputs.felts[index & 255].squareRoot() != nil {
                    found += 1
                }
                consume(found)
            },
        ]
    }

    private static func hashFigures(_ inputs: Inputs) -> [KernelFigure] {
        let bytes = inputs.felts.prefix(32).flatMap { $0.bigEndianBytes }
        let leaf = Array(bytes.prefix(257))
        let pairs = (0..<128).map { (inputs.felts[$0], inputs.felts[$0 + 128]) }
        let fewPairs = Array(pairs.prefix(16))
        let smallPairs = (0..<128).map { index in
            (inputs.felts[index], index & 1 == 0 ? .zero : Felt(UInt64(index) &* 0x1234_5678_9abc))
        }
        return [
            time("poseidon_permutation", perBatch: 4_000) { count in
                var state = (inputs.felts[0], inputs.felts[1], inputs.felts[2])
                for _ in 0..<count { Poseidon.permute(&state) }
                consume(state)
            },
            time("poseidon_hash", perBatch: 4_000) { count in
                var value = inputs.felts[0]
                for _ in 0..<count { value = Poseidon.hash(value, inputs.felts[1]) }
                consume(value)
            },
            // Eight at a time in a build with wide vectors.
            time("poseidon_pairs_128", perBatch: 20, operationsPerRun: 128) { count in
                for _ in 0..<count { consume(Poseidon.hashPairs(pairs)) }
            },
            // Thirty-two sponges of eight permutations each.
            time("poseidon_sponges_32_permutation", perBatch: 10, operationsPerRun: 256) { count in
                let counts = [Int](repeating: 14, count: 32)
                let flat = (0..<32 * 14).map { inputs.felts[$0 & 255] }
                for _ in 0..<count { consume(Poseidon.hashMany(flat: flat, counts: counts)) }
            },
            time("pedersen", perBatch: 1_000) { count in
                var value = inputs.felts[0]
                for _ in 0..<count { value = Pedersen.hash(value, inputs.felts[1]) }
                consume(value)
            },
            time("pedersen_batch_128", perBatch: 10, operationsPerRun: 128) { count in
                for _ in 0..<count { consume(Pedersen.hashBatch(pairs)) }
            },
            time("pedersen_batch_16", perBatch: 80, operationsPerRun: 16) { count in
                for _ in 0..<count { consume(Pedersen.hashBatch(fewPairs)) }
            },
            // Balances, nonces and zeros: the usual second operands of a trie's update.
            time("pedersen_batch_128_small", perBatch: 10, operationsPerRun: 128) { count in
                for _ in 0..<count { consume(Pedersen.hashBatch(smallPairs)) }
            },
            time("keccak256_1024_bytes", perBatch: 1_000) { count in
                for _ in 0..<count { consume(Keccak256.hash(bytes)) }
            },
            time("blake2s_1024_bytes", perBatch: 1_000) { count in
                for _ in 0..<count { consume(Blake2s.hash(bytes)) }
            },
            // A chunk's leaf: the tag and a usual transaction.
            time("blake2s_leaf_257_bytes", perBatch: 4_000) { count in
                for _ in 0..<count { consume(Blake2s.hashWords(tag: 0, leaf)) }
            },
        ]
    }

    private static func signatureFigures(_ inputs: Inputs) -> [KernelFigure] {
        guard let prepared = PreparedPublicKey(inputs.publicKey) else {
            preconditionFailure("a public key is off the curve")
        }
        return [
            time("sign", perBatch: 200) { count in
                for index in 0..<count {
                    consume(
                        ECDSA.sign(
                            messageHash: inputs.signed[index & 31].hash,
                            secretKey: inputs.secret))
                }
            },
            time("verify", perBatch: 200) { count in
                var valid = 0
                for index in 0..<count {
                    let (hash, signature) = inputs.signed[index & 31]
                    if ECDSA.verify(
                        messageHash: hash, signature: signature, publicKey: inputs.publicKey)
                    {
                        valid += 1
                    }
                }
                precondition(valid == count, "a valid signature was refused")
            },
            time("verify_prepared", perBatch: 400) { count in
                var valid = 0
                for index in 0..<count {
                    let (hash, signature) = inputs.signed[index & 31]
                    if prepared.verify(messageHash: hash, signature: signature) { valid += 1 }
                }
                precondition(valid == count, "a valid signature was refused")
            },
            time("prepare_public_key", perBatch: 4) { count in
                for _ in 0..<count { consume(PreparedPublicKey(inputs.publicKey)) }
            },
        ]
    }
}
