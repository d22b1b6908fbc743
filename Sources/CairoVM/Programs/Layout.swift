/// How many cells of each kind a proof of the STARK verifier's earlier generation has for a step:
/// what decides how long a trace in proof mode must be, and how much room each builtin's segment
/// takes.
///
/// Source: cairo-lang 0.14.0.1, `lang/instances.py`; cairo-vm 3, `types/layout.rs`.
package struct Layout: Hashable, Sendable {
    package let name: String
    /// Range-check units, per step.
    let rangeCheckUnits: Int
    let memoryUnits = 8
    /// One in so many memory units is public.
    let publicMemoryFraction: Int
    let dilutedUnits: Int?
    /// Steps for each instance; zero for a builtin without a bound (`output`).
    let ratios: [(builtin: Builtin, steps: Int)]

    static let dilutedSpacing = 4
    static let dilutedBits = 16

    package static func == (a: Layout, b: Layout) -> Bool { a.name == b.name }
    package func hash(into hasher: inout Hasher) { hasher.combine(name) }

    func steps(of builtin: Builtin) -> Int? {
        ratios.first { $0.builtin == builtin }?.steps
    }

    package static func named(_ name: String) -> Layout? { all.first { $0.name == name } }

    package static let all: [Layout] = [
        Layout(
            name: "plain", rangeCheckUnits: 16, publicMemoryFraction: 4, dilutedUnits: nil,
            ratios: []),
        Layout(
            name: "small", rangeCheckUnits: 16, publicMemoryFraction: 4, dilutedUnits: nil,
            ratios: [(.output, 0), (.pedersen, 8), (.rangeCheck, 8), (.ecdsa, 512)]),
        Layout(
            name: "dex", rangeCheckUnits: 4, publicMemoryFraction: 4, dilutedUnits: nil,
            ratios: [(.output, 0), (.pedersen, 8), (.rangeCheck, 8), (.ecdsa, 512)]),
        Layout(
            name: "recursive", rangeCheckUnits: 4, publicMemoryFraction: 8, dilutedUnits: 16,
            ratios: [(.output, 0), (.pedersen, 128), (.rangeCheck, 8), (.bitwise, 8)]),
        Layout(
            name: "starknet", rangeCheckUnits: 4, publicMemoryFraction: 8, dilutedUnits: 2,
            ratios: [
                (.output, 0), (.pedersen, 32), (.rangeCheck, 16), (.ecdsa, 2048), (.bitwise, 64),
                (.ecOp, 1024), (.poseidon, 32),
            ]),
        Layout(
            name: "starknet_with_keccak", rangeCheckUnits: 4, publicMemoryFraction: 8,
            dilutedUnits: 16,
            ratios: [
                (.output, 0), (.pedersen, 32), (.rangeCheck, 16), (.ecdsa, 2048), (.bitwise, 64),
                (.ecOp, 1024), (.keccak, 2048), (.poseidon, 32),
            ]),
        Layout(
            name: "recursive_large_output", rangeCheckUnits: 4, publicMemoryFraction: 8,
            dilutedUnits: 16,
            ratios: [
                (.output, 0), (.pedersen, 128), (.rangeCheck, 8), (.bitwise, 8), (.poseidon, 8),
            ]),
        Layout(
            name: "recursive_with_poseidon", rangeCheckUnits: 4, publicMemoryFraction: 8,
            dilutedUnits: 8,
            ratios: [
                (.output, 0), (.pedersen, 256), (.rangeCheck, 16), (.bitwise, 16), (.poseidon, 64),
            ]),
        Layout(
            name: "all_solidity", rangeCheckUnits: 8, publicMemoryFraction: 8, dilutedUnits: 16,
            ratios: [
                (.output, 0), (.pedersen, 8), (.rangeCheck, 8), (.ecdsa, 512), (.bitwise, 256),
                (.ecOp, 256),
            ]),
        Layout(
            name: "all_cairo", rangeCheckUnits: 4, publicMemoryFraction: 8, dilutedUnits: 16,
            ratios: [
                (.output, 0), (.pedersen, 256), (.rangeCheck, 8), (.ecdsa, 2048), (.bitwise, 16),
                (.ecOp, 1024), (.keccak, 2048), (.poseidon, 256), (.rangeCheck96, 8),
                (.addMod, 128), (.mulMod, 256),
            ]),
        // S-two proves neither of the two that are missing.
        Layout(
            name: "all_cairo_stwo", rangeCheckUnits: 4, publicMemoryFraction: 8, dilutedUnits: 16,
            ratios: [
                (.output, 0), (.pedersen, 256), (.rangeCheck, 8), (.bitwise, 16), (.ecOp, 1024),
                (.poseidon, 256), (.rangeCheck96, 8), (.addMod, 128), (.mulMod, 256),
            ]),
    ]

    /// Diluted units of one instance.
    static func dilutedUnits(of builtin: Builtin) -> Int {
        switch builtin {
        case .bitwise:
            // 251 bits in groups of 16, spread over four places.
            var groups: [Int] = []
            for start in stride(from: 0, to: 251, by: dilutedSpacing * dilutedBits) {
                for place in 0..<dilutedSpacing where start + place < 251 {
                    groups.append(start + place)
                }
            }
            let trimmed = groups.filter { $0 + dilutedSpacing * (dilutedBits - 1) + 1 > 251 }
            return 4 * groups.count + trimmed.count
        case .keccak: return 262_144 / dilutedBits
        case .output, .pedersen, .rangeCheck, .ecdsa, .ecOp, .poseidon, .segmentArena,
            .rangeCheck96, .addMod, .mulMod:
            return 0
        }
    }
}
