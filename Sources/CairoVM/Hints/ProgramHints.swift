import StarkHash

/// The hints of one Cairo 0 program at work.
package struct ProgramHints {
    package let program: CairoProgram
    private let texts: HintTexts
    private var interpreter: HintInterpreter

    /// - Parameters:
    ///   - texts: the program's hints, read beforehand.
    ///   - work: expressions that hints may evaluate in one run.
    package init(_ program: CairoProgram, texts: HintTexts? = nil, work: Int = 1 << 26) {
        self.program = program
        self.texts = texts ?? HintTexts(program)
        interpreter = HintInterpreter(work: work)
    }

    /// What `program_input` is: names to numbers and lists of numbers.
    package mutating func setInput(_ numbers: [(name: String, value: [Cell])]) {
        let input = HintDictionary()
        for (name, value) in numbers {
            let values = value.map { HintValue($0) }
            input.set(.text(name), values.count == 1 ? values[0] : .list(HintList(values)))
        }
        interpreter.input = input
    }

    package func compiled(at place: Int) -> [CairoProgram.Hint] { program.hints[place] ?? [] }

    package mutating func perform(
        _ hint: CairoProgram.Hint, in machine: inout VirtualMachine
    ) throws(HintError) {
        switch texts.statements[hint.text] {
        case .success(let statements):
            try interpreter.run(statements, HintNames(program: program, hint: hint), &machine)
        case .failure(let error): throw .text(error)
        case nil: throw .unknown
        }
    }

    /// The address that a reference of the hint's place has, such as `syscall_ptr`.
    package func pointer(
        named name: String, of hint: CairoProgram.Hint, in machine: borrowing VirtualMachine
    ) throws(HintError) -> Relocatable {
        guard
            case .reference(let text, let tracking) = HintNames(program: program, hint: hint)
                .meaning(of: name)
        else { throw .unknownName(name) }
        guard
            let address = try machine.evaluate(
                text.place, reference: tracking, hint: hint.tracking
            ).address
        else { throw .typeMismatch }
        return address
    }
}

/// The texts of a program's hints, each read once and shared by all runs.
package final class HintTexts: Sendable {
    let statements: [String: Result<[Statement], HintTextError>]

    /// - Parameter onlyWhitelisted: whether texts that no class may have are unknown.
    package init(_ program: CairoProgram, onlyWhitelisted: Bool = false) {
        var statements: [String: Result<[Statement], HintTextError>] = [:]
        for hints in program.hints.values {
            for hint in hints where statements[hint.text] == nil {
                if onlyWhitelisted, !ProgramHints.isWhitelisted(hint.text) { continue }
                do throws(HintTextError) {
                    statements[hint.text] = .success(try HintParser.statements(in: hint.text))
                } catch { statements[hint.text] = .failure(error) }
            }
        }
        self.statements = statements
    }
}

extension ProgramHints {
    /// Whether a hint's text can be read.
    package static func check(_ text: String) throws(HintTextError) {
        _ = try HintParser.statements(in: text)
    }

    /// Whether a class may have a hint of this text: Starknet lets in those of the common library
    /// and of a few contracts, word for word.
    package static func isWhitelisted(_ text: String) -> Bool {
        let digest = Blake2s.hash(Array(text.utf8)).prefix(16)
        return HintWhitelist.digests.contains(digest.reduce(0) { $0 << 8 | UInt128($1) })
    }
}
