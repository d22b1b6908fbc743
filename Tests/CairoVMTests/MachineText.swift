import CairoVM
import StarkField

/// Programs and runs as the script reads and prints them.
enum MachineText {
    private static func text(_ cell: Cell) -> String {
        if let address = cell.address { return address.description }
        guard let words = cell.integer else { return "?" }
        let limbs = [words.l3, words.l2, words.l1, words.l0]
        guard let first = limbs.firstIndex(where: { $0 != 0 }) else { return "0" }
        let rest = limbs[(first + 1)...].map { limb in
            let digits = String(limb, radix: 16)
            return String(repeating: "0", count: 16 - digits.count) + digits
        }
        return String(limbs[first], radix: 16) + rest.joined()
    }

    private static func list(_ cells: [Cell]) -> String {
        "[" + cells.map { "\"\(text($0))\"" }.joined(separator: ",") + "]"
    }

    /// One line of JSON.
    static func line(_ machine: RandomMachine) -> String {
        let segments = machine.segments.enumerated().map { index, segment in
            let rule = segment.rule.map { "\"\($0.name)\"" } ?? "null"
            return
                "{\"rule\":\(rule),\"cells\":\(list(index == 0 ? machine.stack : segment.cells))}"
        }
        let signatures = machine.signatures.map {
            "[\($0.offset),\"\(text($0.r))\",\"\(text($0.s))\"]"
        }
        return
            "{\"program\":\(list(machine.program)),\"segments\":[\(segments.joined(separator: ","))],"
            + "\"signatures\":[\(signatures.joined(separator: ","))],"
            + "\"ap\":\(RandomMachine.stackCount),\"fp\":\(RandomMachine.stackCount),"
            + "\"end\":\"\(machine.end)\",\"limit\":\(machine.stepLimit)}"
    }

    /// Registers, trace, memory by segments, and memory as one behind the program.
    static func state(_ machine: borrowing VirtualMachine) -> [String] {
        let registers = [
            machine.pc, Relocatable(segment: 1, offset: machine.ap),
            Relocatable(segment: 1, offset: machine.fp),
        ]
        var starts: [Int] = []
        var next = 1
        for segment in 0..<machine.memory.segmentCount {
            starts.append(next)
            next += machine.memory.count(of: segment)
        }
        var memory: [String] = []
        var relocated: [String] = []
        for segment in 0..<machine.memory.segmentCount {
            for offset in 0..<machine.memory.count(of: segment) {
                let place = Relocatable(segment: segment, offset: offset)
                let cell = machine.memory.get(place)
                guard cell.isPresent else { continue }
                memory.append("\(place)=\(text(cell))")
                guard segment > 0 else { continue }
                let value = cell.address.map { Cell(starts[$0.segment] + $0.offset) } ?? cell
                relocated.append("\(starts[segment] + offset)=\(text(value))")
            }
        }
        return [
            registers.map(\.description).joined(separator: " "),
            machine.trace.map { "\($0.pc),\($0.ap),\($0.fp)" }.joined(separator: " "),
            memory.joined(separator: " "), relocated.joined(separator: " "),
        ]
    }
}
