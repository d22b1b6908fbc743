/// The builtins of the Cairo machine: segments whose cells have a meaning of their own.
///
/// Source: cairo-lang 0.14.0.1, `starkware/cairo/lang/builtins`.
package enum Builtin: UInt8, CaseIterable, Hashable, Sendable {
    case output, pedersen, rangeCheck, ecdsa, bitwise, ecOp, keccak, poseidon, segmentArena
    case rangeCheck96, addMod, mulMod

    /// The name in programs and classes.
    package var name: String {
        switch self {
        case .output: "output"
        case .pedersen: "pedersen"
        case .rangeCheck: "range_check"
        case .ecdsa: "ecdsa"
        case .bitwise: "bitwise"
        case .ecOp: "ec_op"
        case .keccak: "keccak"
        case .poseidon: "poseidon"
        case .segmentArena: "segment_arena"
        case .rangeCheck96: "range_check96"
        case .addMod: "add_mod"
        case .mulMod: "mul_mod"
        }
    }

    package init?(name: some StringProtocol) {
        guard let found = Builtin.allCases.first(where: { $0.name == name }) else { return nil }
        self = found
    }

    /// Cells of one instance, and how many of them are inputs.
    package var cells: (instance: Int, inputs: Int) {
        switch self {
        case .output, .rangeCheck, .rangeCheck96: (1, 1)
        case .pedersen: (3, 2)
        case .ecdsa: (2, 2)
        case .bitwise: (5, 2)
        case .ecOp: (7, 5)
        case .keccak: (16, 8)
        case .poseidon: (6, 3)
        case .segmentArena: (3, 3)
        case .addMod, .mulMod: (7, 7)
        }
    }

    /// Whether output cells follow from the inputs.
    var deduces: Bool {
        switch self {
        case .pedersen, .bitwise, .ecOp, .keccak, .poseidon: true
        case .output, .rangeCheck, .rangeCheck96, .ecdsa, .segmentArena, .addMod, .mulMod: false
        }
    }
}

package enum BuiltinError: Error, Hashable, Sendable {
    case expectedInteger(Builtin, Relocatable)
    case inputTooLarge(Builtin, Relocatable, Cell, bits: Int)
    case pointNotOnCurve(Relocatable)
    /// The EC operation's two points met, where the operation isn't defined.
    case sameXCoordinate(Relocatable)
    case missingCells(Builtin)
    case wrongStopPointer(Builtin, expected: Relocatable, got: Cell)
    case modulo(Builtin, ModuloError)
}

package enum ModuloError: Error, Hashable, Sendable {
    case countLessThanOne
    case countTooLarge
    case missingValue(Relocatable)
    case wordTooLarge(Relocatable)
    case noInverse
    case noOperand
    case resultTooLarge
    case tableNotFilled
    case inconsistentInstances
    case wrongResult(instance: Int)
}
