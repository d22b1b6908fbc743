import CairoVM

/// One program's time in the Cairo machine.
package struct MachineFigure: Sendable {
    /// The program, and how it was run.
    package let program: String
    package let steps: Int
    /// Instances of the program's hash builtin; zero where it has none.
    package let instances: Int
    /// Medians over the batches, nanoseconds a step: the run loop, with and without a pool of cells,
    /// with a recording of access, and the plain step.
    package let pooled: Double
    package let unpooled: Double
    package let access: Double
    package let slow: Double
}

/// Times whole runs of small programs, each beside its slow twin, `VirtualMachine.step`, which runs
/// in turns with it.
package struct MachineBenchmark {
    private static let batches = 9

    package static func run() -> [MachineFigure] { MachineProgram.all.map(figure) }

    /// The figures with the programs, as one line of JSON, so that another machine can run the same.
    package static func json(_ figures: [MachineFigure]) -> String {
        let rows = zip(figures, MachineProgram.all).map { figure, program in
            let builtins = program.builtins.map { "\"\($0.name)\"" }.joined(separator: ", ")
            let cells = program.cells(program.rounds).map(String.init).joined(separator: ", ")
            return """
                {"program": "\(figure.program)", "steps": \(figure.steps), \
                "instances": \(figure.instances), "pooled": \(figure.pooled), \
                "unpooled": \(figure.unpooled), "access": \(figure.access), \
                "slow": \(figure.slow), "builtins": [\(builtins)], "main": \(program.main), \
                "cells": [\(cells)]}
                """
        }
        return #"{"machine": ["# + rows.joined(separator: ", ") + "]}"
    }

    private static func figure(_ program: MachineProgram) -> MachineFigure {
        let code = Code(program.cells(program.rounds).map { Cell($0) }, hinted: [])
        let pool = CellPool()
        var steps = 0
        var instances = 0
        func time(_ recording: Recording, _ pool: CellPool?, isSlow: Bool = false) -> Double {
            var machine = start(program, code, recording, pool)
            let elapsed = ContinuousClock().measure { finish(&machine, isSlow) }
            steps = machine.steps
            if let builtin = program.builtins.last, builtin != .output {
                instances = machine.resources()[builtin]
            }
            return Double(elapsed.components.seconds) * 1e9
                + Double(elapsed.components.attoseconds) / 1e9
        }
        var times: [[Double]] = [[], [], [], []]
        for batch in 0...batches {
            let batchTimes = [
                time(.none, pool), time(.none, nil), time(.access, pool),
                time(.none, pool, isSlow: true),
            ]
            // The first fills the pool.
            if batch == 0 { continue }
            for (index, time) in batchTimes.enumerated() { times[index].append(time) }
        }
        let medians = times.map { $0.sorted()[batches / 2] / Double(steps) }
        return MachineFigure(
            program: program.name, steps: steps, instances: instances, pooled: medians[0],
            unpooled: medians[1], access: medians[2], slow: medians[3])
    }

    /// At `main`, with the builtins' segments on the stack and a frame that leads to the end.
    private static func start(
        _ program: MachineProgram, _ code: Code, _ recording: Recording, _ pool: CellPool?
    ) -> VirtualMachine {
        var machine = VirtualMachine(code, recording: recording, pool: pool)
        do throws(MemoryError) {
            _ = try machine.memory.addSegment()
            var stack: [Cell] = []
            for builtin in program.builtins {
                stack.append(Cell(try machine.memory.addSegment(rule: builtin)))
            }
            stack.append(Cell(try machine.memory.addSegment()))
            machine.end = try machine.memory.addSegment()
            stack.append(Cell(machine.end))
            try machine.memory.load(stack, at: Relocatable(segment: 1, offset: 0))
            machine.pc.offset = program.main
            machine.ap = stack.count
            machine.fp = stack.count
        } catch { preconditionFailure("\(program.name): \(error)") }
        return machine
    }

    private static func finish(_ machine: inout VirtualMachine, _ isSlow: Bool) {
        do throws(MachineError) {
            if isSlow {
                while machine.pc != machine.end { try machine.step() }
            } else {
                _ = try machine.run(skipsHint: false)
            }
        } catch { preconditionFailure("\(error) at \(machine.pc)") }
    }
}
