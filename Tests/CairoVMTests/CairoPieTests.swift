import CairoVM
import Foundation
import StarkField
import TestSupport
import Testing

@Suite("Position-independent runs that other machines wrote", .serialized)
struct CairoPieTests {
    struct Case: CustomTestStringConvertible, Sendable {
        let file: Fixtures.File
        var testDescription: String { file.path }
    }

    /// Archives of the groups, and JSON that looks like a PIE.
    static let cases: [Case] = ["vm", "proving"].flatMap { group in
        Fixtures.files(under: group).filter { file in
            if file.name.hasSuffix(".zip") { return true }
            guard file.name.hasSuffix(".json"),
                let data = try? Data(
                    contentsOf: Fixtures.root.appendingPathComponent(file.path)),
                data.count < 1 << 16
            else { return false }
            return data.range(of: Data("\"ret_fp_segment\"".utf8)) != nil
        }.map(Case.init)
    }

    /// As cairo-lang checks one (`cairo_run.py --run_from_cairo_pie`, `is_compatible_with`): its
    /// program runs over its memory, which must come out unchanged, for as many steps and with as
    /// many instances as it says.
    @Test(
        "The program runs over the memory, and changes nothing",
        .enabled(if: Fixtures.has("vm"), Comment(rawValue: Fixtures.absence(of: "vm"))),
        arguments: cases)
    func runs(_ example: Case) throws {
        let pie = try #require(try CairoPie([UInt8](Fixtures.read(example.file))))
        var machine = VirtualMachine(
            Code(pie.program.cells, hinted: []), steps: pie.steps, recording: .access)
        var sizes = [pie.programSegment.size, pie.executionSegment.size]
        _ = try machine.memory.addSegment()
        for (index, entry) in pie.builtinSegments.enumerated() {
            #expect(entry.segment.index == index + 2)
            sizes.append(entry.segment.size)
            let base = try machine.memory.addSegment(rule: entry.builtin)
            if entry.builtin == .ecdsa {
                for (offset, r, s) in pie.signatures {
                    machine.memory.signatures[offset] = (r, s)
                }
            }
            #expect(base.segment == entry.segment.index)
        }
        for segment in [pie.returnFrame, pie.returnPlace] + pie.extraSegments {
            #expect(try machine.memory.addSegment().segment == segment.index)
            sizes.append(segment.size)
        }
        // The inputs come before the outputs that are checked against them.
        for (address, value) in pie.memory { try machine.memory.insert(address, value) }
        for (segment, size) in sizes.enumerated() {
            #expect(machine.memory.count(of: segment) <= size, "segment \(segment)")
        }
        let arguments = pie.program.builtins.count + 2
        machine.pc.offset = pie.program.main
        machine.ap = arguments
        machine.fp = arguments
        machine.end = Relocatable(segment: pie.returnPlace.index, offset: 0)
        func value(_ offset: Int) -> Cell {
            machine.memory.get(Relocatable(segment: 1, offset: offset))
        }
        for (index, entry) in pie.builtinSegments.enumerated() {
            #expect(value(index) == Cell(Relocatable(segment: entry.segment.index, offset: 0)))
        }
        #expect(
            value(arguments - 2) == Cell(Relocatable(segment: pie.returnFrame.index, offset: 0)))
        #expect(value(arguments - 1) == Cell(machine.end))

        _ = try machine.run(skipsHint: false)
        try machine.finish()
        try machine.checkSecurity()
        #expect(machine.steps == pie.steps)
        for (index, entry) in pie.builtinSegments.enumerated() {
            let end = value(machine.ap - pie.builtinSegments.count + index)
            let used =
                (entry.segment.size + entry.builtin.cells.instance - 1)
                / entry.builtin.cells.instance * entry.builtin.cells.instance
            #expect(end == Cell(Relocatable(segment: entry.segment.index, offset: used)))
        }
        var cells = 0
        for segment in 0..<machine.memory.segmentCount {
            for offset in 0..<machine.memory.count(of: segment)
            where machine.memory.get(Relocatable(segment: segment, offset: offset)).isPresent {
                cells += 1
            }
        }
        #expect(cells == pie.memory.count)
        for (address, value) in pie.memory where machine.memory.get(address) != value {
            Issue.record("\(address) changed")
        }
        let resources = machine.resources()
        for (name, count) in pie.instances where name.hasSuffix("_builtin") {
            let builtin = try #require(Builtin(name: name.dropLast("_builtin".count)))
            #expect(resources[builtin] == count, "\(name)")
        }
        // Hints can give a segment a size of their own, or touch its cells, which no PIE records:
        // cairo-lang does not compare the holes either.
        #expect(resources.memoryHoles >= pie.memoryHoles)
    }
}
