/// What runs of contract classes need of a machine besides running.
extension VirtualMachine {
    /// Gives every empty cell of a segment below an offset the value zero, as a contract's caller
    /// does for `range_check96`.
    package mutating func fillHoles(of segment: Int, below end: Int) throws(MachineError) {
        for offset in 0..<max(end, 0) {
            let place = Relocatable(segment: segment, offset: offset)
            if !memory.peek(place).isPresent { try insert(place, .zero) }
        }
    }

    /// The cells that a finished function has left below ap, the first of them first.
    package func returnValues(_ count: Int) throws(MachineError) -> [Cell] {
        guard ap >= count else { throw .addressOutOfRange }
        var values: [Cell] = []
        for offset in (ap - count)..<ap {
            do throws(MemoryError) {
                values.append(try memory.value(Relocatable(segment: 1, offset: offset)))
            } catch { throw .memory(error) }
        }
        return values
    }

    /// The field elements from a place on.
    package func integers(
        at start: Relocatable, count: Int
    ) throws(MemoryError) -> [Cell] {
        var values: [Cell] = []
        // Only what is there can be read, however large the count.
        values.reserveCapacity(min(max(count, 0), memory.count(of: start.segment)))
        for index in 0..<max(count, 0) {
            guard let place = start.advanced(by: index) else { throw .offsetOutOfRange(start) }
            values.append(try memory.integer(place))
        }
        return values
    }

    /// Where the running functions were called from, the innermost last; at most twenty.
    ///
    /// Source: cairo-lang 0.14.0.1, `VirtualMachine.get_traceback`.
    package func callSites() -> [Relocatable] {
        var sites: [Relocatable] = []
        var frame = fp
        while sites.count < 20 {
            guard frame >= 2,
                let outer = memory.get(Relocatable(segment: 1, offset: frame - 2)).address,
                let back = memory.get(Relocatable(segment: 1, offset: frame - 1)).address,
                outer.segment == 1, outer.offset != frame, let site = callSite(before: back)
            else { break }
            frame = outer.offset
            sites.append(site)
        }
        return sites.reversed()
    }

    /// The call instruction that ends before an address.
    private func callSite(before place: Relocatable) -> Relocatable? {
        for size in [1, 2] {
            guard let site = place.advanced(by: -size), let instruction = try? decode(at: site)
            else { continue }
            if instruction.opcode == .call, instruction.size == size { return site }
        }
        return nil
    }
}
