/// How the compiler's references say where a name's value is: an expression of registers, numbers
/// and cells, with a type.
///
/// Source: cairo-lang 0.14.0.1, `lang/vm/vm_consts.py` and `lang/compiler/references.py`.
struct ReferenceText: Hashable, Sendable {
    indirect enum Place: Hashable, Sendable {
        case ap, fp
        case number(Int)
        case sum(Place, Place)
        case difference(Place, Place)
        case product(Place, Place)
        case cell(Place)
    }

    let place: Place
    /// Without spaces; a `*` at the end for each pointer.
    let type: String

    /// `[cast(place, type*)]` and `cast(place, type)`.
    init?(_ text: String) {
        var parser = Parser(text: Array(text.filter { $0 != " " }))
        guard let (place, type) = parser.whole() else { return nil }
        self.place = place
        self.type = type
    }

    private struct Parser {
        let text: [Character]
        var position = 0
        var depth = 0

        private var next: Character? { position < text.count ? text[position] : nil }

        private mutating func accept(_ word: String) -> Bool {
            let characters = Array(word)
            guard position + characters.count <= text.count,
                Array(text[position..<(position + characters.count)]) == characters
            else { return false }
            position += characters.count
            return true
        }

        mutating func whole() -> (Place, String)? {
            let isCell = accept("[cast(")
            guard isCell || accept("cast("), let place = sum() else { return nil }
            guard accept(",") else { return nil }
            var type = ""
            var open = 0
            while let character = next, open > 0 || character != ")" {
                if character == "(" { open += 1 }
                if character == ")" { open -= 1 }
                type.append(character)
                position += 1
            }
            guard accept(")") else { return nil }
            if isCell {
                guard accept("]"), type.hasSuffix("*") else { return nil }
                return (.cell(place), String(type.dropLast()))
            }
            return (place, type)
        }

        private mutating func sum() -> Place? {
            depth += 1
            defer { depth -= 1 }
            guard depth < 32, var left = product() else { return nil }
            while true {
                if accept("+") {
                    guard let right = product() else { return nil }
                    left = .sum(left, right)
                } else if accept("-") {
                    guard let right = product() else { return nil }
                    left = .difference(left, right)
                } else {
                    return left
                }
            }
        }

        private mutating func product() -> Place? {
            guard var left = atom() else { return nil }
            while accept("*") {
                guard let right = atom() else { return nil }
                left = .product(left, right)
            }
            return left
        }

        private mutating func atom() -> Place? {
            if accept("[") {
                guard let inner = sum(), accept("]") else { return nil }
                return .cell(inner)
            }
            if accept("cast(") {
                guard let inner = sum(), accept(",") else { return nil }
                while let character = next, character != ")" {
                    _ = character
                    position += 1
                }
                guard accept(")") else { return nil }
                return inner
            }
            if accept("(") {
                guard let inner = sum(), accept(")") else { return nil }
                return inner
            }
            if accept("ap") { return .ap }
            if accept("fp") { return .fp }
            let isNegative = accept("-")
            var digits = ""
            while let character = next, character.isASCII, character.isNumber {
                digits.append(character)
                position += 1
            }
            guard let number = Int(digits) else { return nil }
            return .number(isNegative ? -number : number)
        }
    }
}

/// What a hint's names mean.
struct HintNames {
    let program: CairoProgram
    let hint: CairoProgram.Hint

    enum Meaning {
        case reference(ReferenceText, CairoProgram.Tracking)
        case constant(Cell)
        case structure(String)
        case label(Int)
    }

    /// A name as a hint at this place sees it: what the compiler noted for it here, else what the
    /// innermost scope has.
    func meaning(of name: String) -> Meaning? {
        for scope in hint.scopes.reversed() {
            let full = scope + "." + name
            if let index = hint.references[full], program.references.indices.contains(index),
                let text = program.references[index].text
            {
                return .reference(text, program.references[index].tracking)
            }
            if let constant = program.constants[full] { return .constant(constant) }
            if program.structs[full] != nil { return .structure(full) }
            if let label = program.labels[full] { return .label(label) }
        }
        return nil
    }
}

extension VirtualMachine {
    /// A reference's place in numbers, at a hint with the given tracking.
    func evaluate(
        _ place: ReferenceText.Place, reference: CairoProgram.Tracking,
        hint: CairoProgram.Tracking
    ) throws(HintError) -> Cell {
        switch place {
        case .ap:
            guard reference.group == hint.group else { throw .revokedReference }
            let (distance, overflow) = reference.offset.subtractingReportingOverflow(hint.offset)
            guard !overflow,
                let address = Relocatable(segment: 1, offset: ap).advanced(by: distance)
            else { throw .addressOutOfRange }
            return Cell(address)
        case .fp: return Cell(Relocatable(segment: 1, offset: fp))
        case .number(let value): return Cell(value)
        case .cell(let inner):
            guard
                let address = try evaluate(inner, reference: reference, hint: hint).address
            else { throw .addressOutOfRange }
            return try read(address)
        case .sum(let left, let right):
            return try arithmetic(left, right, reference, hint) {
                (machine, a, b) throws(MachineError) in try machine.sum(a, b)
            }
        case .difference(let left, let right):
            return try arithmetic(left, right, reference, hint) {
                (machine, a, b) throws(MachineError) in try machine.difference(a, b)
            }
        case .product(let left, let right):
            return try arithmetic(left, right, reference, hint) {
                (machine, a, b) throws(MachineError) in try machine.product(a, b)
            }
        }
    }

    private func arithmetic(
        _ left: ReferenceText.Place, _ right: ReferenceText.Place,
        _ reference: CairoProgram.Tracking, _ hint: CairoProgram.Tracking,
        _ operation: (borrowing VirtualMachine, Cell, Cell) throws(MachineError) -> Cell
    ) throws(HintError) -> Cell {
        let a = try evaluate(left, reference: reference, hint: hint)
        let b = try evaluate(right, reference: reference, hint: hint)
        do throws(MachineError) {
            return try operation(self, a, b)
        } catch { throw .addressOutOfRange }
    }
}
