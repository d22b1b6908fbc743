import JSONText

extension CasmHint {
    /// Reads one hint of a class: an object with the hint's name as its one member, or the name
    /// alone.
    init(_ reader: ClassReader) throws(ClassError) {
        if case .string(let name) = reader.value {
            switch name {
            case "AssertCurrentAccessIndicesIsEmpty": self = .assertNoAccessIndices
            case "AssertAllKeysUsed": self = .assertAllKeysUsed
            case "AssertLeAssertThirdArcExcluded": self = .assertThirdArcExcluded
            default: throw .unknownName(reader.path, name)
            }
            return
        }
        let members = try reader.members()
        guard members.count == 1 else {
            throw .wrongKind(reader.path, expected: "one hint")
        }
        let (name, fields) = members[0]
        if let hint = try CasmHint(arithmetic: name, fields) {
            self = hint
        } else if let hint = try CasmHint(other: name, fields) {
            self = hint
        } else {
            throw .unknownName(reader.path, name)
        }
    }

    private init?(arithmetic name: String, _ fields: ClassReader) throws(ClassError) {
        switch name {
        case "TestLessThan":
            self = .testLessThan(
                try fields.operand("lhs"), try fields.operand("rhs"), try fields.cell("dst"))
        case "TestLessThanOrEqual", "TestLessThanOrEqualAddress":
            self = .testLessThanOrEqual(
                try fields.operand("lhs"), try fields.operand("rhs"), try fields.cell("dst"))
        case "WideMul128":
            self = .wideMultiply128(
                try fields.operand("lhs"), try fields.operand("rhs"),
                high: try fields.cell("high"), low: try fields.cell("low"))
        case "DivMod":
            self = .divide(
                try fields.operand("lhs"), try fields.operand("rhs"),
                quotient: try fields.cell("quotient"), remainder: try fields.cell("remainder"))
        case "Uint256DivMod":
            self = .divide256(
                dividend: try fields.operands("dividend", 2),
                divisor: try fields.operands("divisor", 2),
                quotient: try fields.cells("quotient", 2),
                remainder: try fields.cells("remainder", 2))
        case "Uint512DivModByUint256":
            self = .divide256(
                dividend: try fields.operands("dividend", 4),
                divisor: try fields.operands("divisor", 2),
                quotient: try fields.cells("quotient", 4),
                remainder: try fields.cells("remainder", 2))
        case "SquareRoot":
            self = .squareRoot(try fields.operand("value"), try fields.cell("dst"))
        case "Uint256SquareRoot":
            self = .squareRoot256(
                low: try fields.operand("value_low"), high: try fields.operand("value_high"),
                root0: try fields.cell("sqrt0"), root1: try fields.cell("sqrt1"),
                remainderLow: try fields.cell("remainder_low"),
                remainderHigh: try fields.cell("remainder_high"),
                isLarge: try fields.cell("sqrt_mul_2_minus_remainder_ge_u128"))
        case "LinearSplit":
            self = .linearSplit(
                try fields.operand("value"), scalar: try fields.operand("scalar"),
                maximum: try fields.operand("max_x"), x: try fields.cell("x"),
                y: try fields.cell("y"))
        case "FieldSqrt":
            self = .fieldSquareRoot(try fields.operand("val"), try fields.cell("sqrt"))
        case "U256InvModN":
            self = .invert256(
                b: try fields.operands("b", 2), n: try fields.operands("n", 2),
                noInverse: [try fields.cell("g0_or_no_inv"), try fields.cell("g1_option")],
                s: try fields.cells("s_or_r", 2), t: try fields.cells("t_or_k", 2))
        case "EvalCircuit":
            self = .evaluateCircuit(
                additions: try fields.operand("n_add_mods"),
                addition: try fields.operand("add_mod_builtin"),
                multiplications: try fields.operand("n_mul_mods"),
                multiplication: try fields.operand("mul_mod_builtin"))
        case "AssertLeFindSmallArcs":
            self = .findSmallArcs(
                rangeCheck: try fields.operand("range_check_ptr"), a: try fields.operand("a"),
                b: try fields.operand("b"))
        case "AssertLeIsFirstArcExcluded":
            self = .isFirstArcExcluded(try fields.cell("skip_exclude_a_flag"))
        case "AssertLeIsSecondArcExcluded":
            self = .isSecondArcExcluded(try fields.cell("skip_exclude_b_minus_a"))
        case "AssertLtAssertValidInput":
            self = .assertLessThanIsValid(try fields.operand("a"), try fields.operand("b"))
        default: return nil
        }
    }

    private init?(other name: String, _ fields: ClassReader) throws(ClassError) {
        switch name {
        case "AllocSegment": self = .allocateSegment(try fields.cell("dst"))
        case "AllocFelt252Dict":
            self = .allocateDictionary(arena: try fields.operand("segment_arena_ptr"))
        case "Felt252DictEntryInit":
            self = .dictionaryEntryInit(
                try fields.operand("dict_ptr"), key: try fields.operand("key"))
        case "Felt252DictEntryUpdate":
            self = .dictionaryEntryUpdate(
                try fields.operand("dict_ptr"), value: try fields.operand("value"))
        case "Felt252DictRead":
            self = .dictionaryRead(
                try fields.operand("dict_ptr"), key: try fields.operand("key"),
                try fields.cell("value_dst"))
        case "Felt252DictWrite":
            self = .dictionaryWrite(
                try fields.operand("dict_ptr"), key: try fields.operand("key"),
                value: try fields.operand("value"))
        case "GetSegmentArenaIndex":
            self = .segmentArenaIndex(
                try fields.operand("dict_end_ptr"), try fields.cell("dict_index"))
        case "InitSquashData":
            self = .initializeSquash(
                accesses: try fields.operand("dict_accesses"),
                count: try fields.operand("n_accesses"), bigKeys: try fields.cell("big_keys"),
                firstKey: try fields.cell("first_key"))
        case "GetCurrentAccessIndex":
            self = .currentAccessIndex(try fields.operand("range_check_ptr"))
        case "ShouldSkipSquashLoop":
            self = .shouldSkipSquashLoop(try fields.cell("should_skip_loop"))
        case "GetCurrentAccessDelta":
            self = .currentAccessDelta(try fields.cell("index_delta_minus1"))
        case "ShouldContinueSquashLoop":
            self = .shouldContinueSquashLoop(try fields.cell("should_continue"))
        case "GetNextDictKey": self = .nextDictionaryKey(try fields.cell("next_key"))
        case "AssertAllAccessesUsed":
            self = .assertAllAccessesUsed(try fields.cell("n_used_accesses"))
        case "RandomEcPoint":
            self = .randomPoint(x: try fields.cell("x"), y: try fields.cell("y"))
        case "DebugPrint":
            self = .debugPrint(start: try fields.operand("start"), end: try fields.operand("end"))
        case "AllocConstantSize":
            self = .allocateConstantSize(try fields.operand("size"), try fields.cell("dst"))
        case "SystemCall": self = .systemCall(try fields.operand("system"))
        default: return nil
        }
    }
}

extension ClassReader {
    fileprivate func cell(_ name: String) throws(ClassError) -> CellReference {
        try member(name).cellReference()
    }

    fileprivate func operand(_ name: String) throws(ClassError) -> HintOperand {
        try member(name).hintOperand()
    }

    fileprivate func cells(_ name: String, _ count: Int) throws(ClassError) -> [CellReference] {
        var result: [CellReference] = []
        for index in 0..<count { result.append(try cell("\(name)\(index)")) }
        return result
    }

    fileprivate func operands(_ name: String, _ count: Int) throws(ClassError) -> [HintOperand] {
        var result: [HintOperand] = []
        for index in 0..<count { result.append(try operand("\(name)\(index)")) }
        return result
    }

    private func cellReference() throws(ClassError) -> CellReference {
        let register = try member("register")
        let offset = try member("offset").int16()
        switch try register.text() {
        case "AP": return CellReference(.ap, offset)
        case "FP": return CellReference(.fp, offset)
        case let name: throw .unknownName(register.path, name)
        }
    }

    private func hintOperand() throws(ClassError) -> HintOperand {
        let members = try members()
        guard members.count == 1 else { throw .wrongKind(path, expected: "one operand") }
        let (kind, value) = members[0]
        switch kind {
        case "Deref": return .cell(try value.cellReference())
        case "DoubleDeref":
            let parts = try value.elements()
            guard parts.count == 2 else {
                throw .wrongKind(value.path, expected: "a cell and an offset")
            }
            return .pointed(try parts[0].cellReference(), offset: try parts[1].int16())
        case "Immediate": return .immediate(Cell(try value.signedFelt()))
        case "BinOp":
            let left = try value.member("a").cellReference()
            let right = try value.member("b").term()
            let operation = try value.member("op")
            switch try operation.text() {
            case "Add": return .sum(left, right)
            case "Mul": return .product(left, right)
            case let name: throw .unknownName(operation.path, name)
            }
        default: throw .unknownName(path, kind)
        }
    }

    private func term() throws(ClassError) -> HintOperand.Term {
        if let cell = optional("Deref") { return .cell(try cell.cellReference()) }
        return .immediate(Cell(try member("Immediate").signedFelt()))
    }
}
