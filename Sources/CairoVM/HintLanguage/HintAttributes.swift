/// Names of the program, and what values have behind a point.
extension HintInterpreter {
    // MARK: The program's names

    private func meaning(_ name: String) throws(HintError) -> HintNames.Meaning {
        guard let found = names?.meaning(of: name) else { throw .unknownName("ids." + name) }
        return found
    }

    private func tracking() throws(HintError) -> CairoProgram.Tracking {
        guard let names else { throw .unknown }
        return names.hint.tracking
    }

    private func identifier(
        _ name: String, _ machine: borrowing VirtualMachine
    ) throws(HintError) -> HintValue {
        switch try meaning(name) {
        case .constant(let cell): return HintValue(cell)
        case .structure(let full): return .structureType(full)
        case .label(let place): return .label(place)
        case .reference(let text, let reference):
            if let type = structure(text.type) {
                // The struct itself: its address is what counts.
                guard case .cell(let place) = text.place else { throw .typeMismatch }
                let address = try machine.evaluate(place, reference: reference, hint: tracking())
                guard let address = address.address else { throw .typeMismatch }
                return .structure(address, type: type)
            }
            let value = try machine.evaluate(
                text.place, reference: reference, hint: try tracking())
            if text.type.hasSuffix("*"), let type = structure(String(text.type.dropLast())),
                let address = value.address
            {
                return .structure(address, type: type)
            }
            return HintValue(value)
        }
    }

    mutating func setIdentifier(
        _ name: String, _ value: Cell, _ machine: inout VirtualMachine
    ) throws(HintError) {
        guard case .reference(let text, let reference) = try meaning(name),
            case .cell(let place) = text.place
        else { throw .typeMismatch }
        let address = try machine.evaluate(place, reference: reference, hint: try tracking())
        guard let address = address.address else { throw .typeMismatch }
        try machine.write(address, value)
    }

    /// The full name of a struct type of the program; nil for `felt`, pointers and tuples.
    private func structure(_ type: String) -> String? {
        names?.program.structs[type] == nil ? nil : type
    }

    func member(_ name: String, of type: String) throws(HintError) -> (offset: Int, type: String) {
        guard let member = names?.program.structs[type]?[name] else {
            throw .unknownName(type + "." + name)
        }
        return member
    }

    // MARK: Attributes

    func attribute(
        _ object: HintValue, _ name: String, _ machine: borrowing VirtualMachine
    ) throws(HintError) -> HintValue {
        switch object {
        case .object(.identifiers): return try identifier(name, machine)
        case .structure(let address, let type):
            if name == "address_" { return .address(address) }
            let (offset, memberType) = try member(name, of: type)
            let place = try advanced(address, offset)
            if let inner = structure(memberType) { return .structure(place, type: inner) }
            let value = try machine.read(place)
            if memberType.hasSuffix("*"), let inner = structure(String(memberType.dropLast())),
                let target = value.address
            {
                return .structure(target, type: inner)
            }
            return HintValue(value)
        case .structureType(let type) where name == "SIZE":
            guard let size = names?.program.constants[type + ".SIZE"] ?? size(of: type) else {
                throw .unknownName(type + ".SIZE")
            }
            return HintValue(size)
        case .structureType(let type):
            // An offset of a member, as a constant.
            return .integer(Integer(try member(name, of: type).offset))
        case .label(let place) where name == "instruction_offset_":
            return .integer(Integer(place))
        case .address(let address):
            switch name {
            case "segment_index": return .integer(Integer(address.segment))
            case "offset": return .integer(Integer(address.offset))
            case "address_": return object
            default: throw .unknownName(name)
            }
        case .object(.rangeCheckBuiltin) where name == "bound":
            return .integer(Integer(Natural.one << 128))
        case .object(.tracker(let tracker)):
            switch name {
            case "data": return .dictionary(tracker.data)
            case "current_ptr": return .address(tracker.end)
            default: throw .unknownName(name)
            }
        case .object(let object): return .method(object, name)
        case .list(let list): return .method(.list(list), name)
        case .dictionary(let dictionary): return .method(.dictionary(dictionary), name)
        case .integer(let value): return .method(.integer(value), name)
        case .bytes(let bytes): return .method(.bytes(bytes), name)
        case .type(.int): return .method(.integerType, name)
        default: throw .unknownName(name)
        }
    }

    /// Nil where members are structs inside structs without an end.
    private func size(of type: String, depth: Int = 0) -> Cell? {
        guard depth < 16, let members = names?.program.structs[type] else { return nil }
        var end = 0
        for member in members.values {
            let width: Int
            if let inner = structure(member.type) {
                guard let cell = size(of: inner, depth: depth + 1)?.asInt else { return nil }
                width = cell
            } else {
                width = 1
            }
            let (sum, overflow) = member.offset.addingReportingOverflow(width)
            guard !overflow, sum >= 0 else { return nil }
            end = max(end, sum)
        }
        return Cell(UInt64(end))
    }
}
