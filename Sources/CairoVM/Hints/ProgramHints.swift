/// The hints of one Cairo 0 program at work.
package struct ProgramHints {
    package let program: CairoProgram
    private var interpreter: HintInterpreter
    /// Texts that have been read, as statements.
    private var known: [String: [Statement]] = [:]

    /// - Parameter work: expressions that hints may evaluate in one run.
    package init(_ program: CairoProgram, work: Int = 1 << 26) {
        self.program = program
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
        let statements: [Statement]
        if let found = known[hint.text] {
            statements = found
        } else {
            do throws(HintTextError) {
                statements = try HintParser.statements(in: hint.text)
            } catch { throw .text(error) }
            known[hint.text] = statements
        }
        try interpreter.run(statements, HintNames(program: program, hint: hint), &machine)
    }
}

extension ProgramHints {
    /// Whether a hint's text can be read.
    package static func check(_ text: String) throws(HintTextError) {
        _ = try HintParser.statements(in: text)
    }
}
