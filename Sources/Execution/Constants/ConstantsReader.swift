import CairoVM
package import JSONText
import StarkField

/// What is wrong with a file of versioned constants.
package enum ConstantsError: Error, Hashable, Sendable, CustomStringConvertible {
    case json(JSONError)
    case missing(String)
    case wrongKind(String, expected: String)

    package var description: String {
        switch self {
        case .json(let error): "not JSON: \(error)"
        case .missing(let path): "\(path) is missing"
        case .wrongKind(let path, let expected): "\(path) is not \(expected)"
        }
    }
}

private struct ConstantsReader {
    let value: JSONValue
    let path: String

    func member(_ name: String) throws(ConstantsError) -> ConstantsReader {
        let inner = path.isEmpty ? name : path + "." + name
        guard let found = value[name] else { throw .missing(inner) }
        return ConstantsReader(value: found, path: inner)
    }

    func optional(_ name: String) -> ConstantsReader? {
        value[name].map { ConstantsReader(value: $0, path: path + "." + name) }
    }

    func number() throws(ConstantsError) -> UInt64 {
        guard let number = value.unsigned else {
            throw .wrongKind(path, expected: "a non-negative integer")
        }
        return number
    }

    func number(_ name: String) throws(ConstantsError) -> UInt64 { try member(name).number() }

    func count(_ name: String) throws(ConstantsError) -> Int {
        Int(clamping: try number(name))
    }

    func flag(_ name: String) throws(ConstantsError) -> Bool {
        let member = try member(name)
        guard case .bool(let flag) = member.value else {
            throw .wrongKind(member.path, expected: "true or false")
        }
        return flag
    }

    func ratio(_ name: String) throws(ConstantsError) -> Ratio { try member(name).ratio() }

    func ratio() throws(ConstantsError) -> Ratio {
        guard let parts = value.elements, parts.count == 2, let numerator = parts[0].unsigned,
            let denominator = parts[1].unsigned, denominator > 0, numerator < 1 << 31,
            denominator < 1 << 31
        else { throw .wrongKind(path, expected: "a pair of numbers below 2^31") }
        return Ratio(numerator, denominator)
    }

    func gas(_ name: String) throws(ConstantsError) -> GasVector {
        let member = try member(name)
        return GasVector(
            l1Gas: try member.number("l1_gas"), l1DataGas: try member.number("l1_data_gas"),
            l2Gas: try member.number("l2_gas"))
    }

    func felts(_ name: String) throws(ConstantsError) -> Set<Felt> {
        let member = try member(name)
        guard let elements = member.value.elements else {
            throw .wrongKind(member.path, expected: "an array")
        }
        var result: Set<Felt> = []
        for element in elements {
            guard let text = element.text, let felt = Felt(hex: text) else {
                throw .wrongKind(member.path, expected: "an array of field elements")
            }
            result.insert(felt)
        }
        return result
    }

    func text(_ name: String) throws(ConstantsError) -> String {
        let member = try member(name)
        guard let text = member.value.text else {
            throw .wrongKind(member.path, expected: "a string")
        }
        return text
    }

    func resources() throws(ConstantsError) -> ExecutionResources {
        var result = ExecutionResources(
            steps: try number("n_steps"), memoryHoles: try number("n_memory_holes"))
        for member in try self.member("builtin_instance_counter").value.members ?? [] {
            guard let builtin = ConstantsReader.builtin(member.name),
                let count = member.value.unsigned
            else {
                throw .wrongKind(
                    path + ".builtin_instance_counter." + member.name,
                    expected: "a builtin and its count")
            }
            result[builtin] = count
        }
        return result
    }

    func rule() throws(ConstantsError) -> VersionedConstants.ResourceRule {
        guard let constant = optional("constant") else {
            return VersionedConstants.ResourceRule(constant: try resources())
        }
        let factor = try member("calldata_factor")
        if let scaled = factor.optional("resources") {
            let scale = try factor.number("scaling_factor")
            guard scale > 0 else {
                throw .wrongKind(factor.path + ".scaling_factor", expected: "positive")
            }
            return VersionedConstants.ResourceRule(
                constant: try constant.resources(), factor: try scaled.resources(), scale: scale)
        }
        return VersionedConstants.ResourceRule(
            constant: try constant.resources(), factor: try factor.resources())
    }

    static func builtin(_ name: String) -> Builtin? {
        guard name.hasSuffix("_builtin") else { return nil }
        return Builtin(name: name.dropLast("_builtin".count))
    }
}

extension VersionedConstants {
    /// Reads StarkWare's file format; members that nothing here needs are passed over.
    package init(json bytes: some Collection<UInt8>) throws(ConstantsError) {
        let root: ConstantsReader
        do throws(JSONError) {
            root = ConstantsReader(value: try JSONParser.parse(Array(bytes)), path: "")
        } catch { throw .json(error) }
        let system = try root.member("os_constants")
        let events = try root.member("tx_event_limits")
        let archival = try root.member("archival_data_gas_costs")
        eventLimits = EventLimits(
            dataLength: try events.count("max_data_length"),
            keysLength: try events.count("max_keys_length"),
            count: try events.count("max_n_emitted_events"))
        maximumCalldata = try root.member("gateway").count("max_calldata_length")
        maximumBytecode = try root.member("gateway").count("max_contract_bytecode_size")
        invokeSteps = try root.number("invoke_tx_max_n_steps")
        validateSteps = try root.number("validate_max_n_steps")
        callDepth = try root.count("max_recursion_depth")
        executeGas = try system.number("execute_max_sierra_gas")
        validateGas = try system.number("validate_max_sierra_gas")
        l1HandlerBounds = try system.gas("l1_handler_max_amount_bounds")
        disablesCairo0Redeclaration = try root.flag("disable_cairo0_redeclaration")
        usesStatefulCompression = try root.flag("enable_stateful_compression")
        blocksDirectExecuteCall = try root.flag("block_direct_execute_call")
        ignoresInnerEvents = try root.flag("ignore_inner_event_resources")
        disablesDeployInValidate = try root.flag("disable_deploy_in_validation_mode")
        enablesReverts = try root.flag("enable_reverts")
        enablesTip = try root.flag("enable_tip")
        countsArenaCells = try root.flag("segment_arena_cells")
        stripsMachineFrames = try root.flag("strip_vm_frames_in_sierra_gas")
        wantsBlakeClassHash = try root.flag("block_casm_hash_v1_declares")
        archivalCosts = ArchivalCosts(
            dataFelt: try archival.ratio("gas_per_data_felt"),
            eventKey: try archival.ratio("event_key_factor"),
            codeByte: try archival.ratio("gas_per_code_byte"),
            proof: try archival.ratio("gas_per_proof"))
        let allocation = try root.member("allocation_cost")
        allocationInBlob = try allocation.gas("blob_cost")
        allocationInCalldata = try allocation.gas("gas_cost")
        let fees = try root.member("vm_resource_fee_cost")
        stepFee = try fees.ratio("n_steps")
        builtinFees = [:]
        for member in try fees.member("builtins").value.members ?? [] {
            guard let builtin = ConstantsReader.builtin(member.name) else {
                throw .wrongKind("vm_resource_fee_cost.builtins", expected: "known builtins")
            }
            builtinFees[builtin] = try ConstantsReader(
                value: member.value, path: "vm_resource_fee_cost.builtins." + member.name
            ).ratio()
        }
        gasVersion = try VersionedConstants.version(
            try root.text("min_sierra_version_for_sierra_gas"))
        stepGas = try system.number("step_gas_cost")
        guard stepGas > 0, stepFee.numerator > 0 else {
            throw .wrongKind("os_constants.step_gas_cost", expected: "positive")
        }
        memoryHoleGas = try system.number("memory_hole_gas_cost")
        let builtins = try system.member("builtin_gas_costs")
        builtinGas = [:]
        for builtin in Builtin.allCases {
            let name = builtin == .ecOp ? "ecop" : builtin.name
            builtinGas[builtin] = try builtins.optional(name)?.number()
        }
        blakeGas = try builtins.number("blake")
        let step = stepGas
        func steps(_ name: String) throws(ConstantsError) -> UInt64 {
            let (gas, overflow) = try system.member(name).number("step_gas_cost")
                .multipliedReportingOverflow(by: step)
            if overflow { throw .wrongKind("os_constants." + name, expected: "below 2^64") }
            return gas
        }
        entryPointInitialBudget = try steps("entry_point_initial_budget")
        syscallBaseGas = try steps("syscall_base_gas_cost")
        initialGasOfSteps = try steps("default_initial_gas_cost")
        let resources = try root.member("os_resources")
        let calls = try resources.member("execute_syscalls")
        syscallResources = []
        for syscall in Syscall.allCases {
            syscallResources.append(try calls.member(syscall.name).rule())
        }
        transactionResources = [:]
        for kind in TransactionKind.allCases {
            transactionResources[kind] =
                try resources.member("execute_txs_inner").member(kind.rawValue).rule()
        }
        blobResources = try resources.member("compute_os_kzg_commitment_info").resources()
        let rounding = try system.member("validate_rounding_consts")
        blockNumberRounding = max(1, try rounding.number("validate_block_number_rounding"))
        timestampRounding = max(1, try rounding.number("validate_timestamp_rounding"))
        version1AccountsCairo0 = try system.felts("v1_bound_accounts_cairo0")
        version1AccountsCairo1 = try system.felts("v1_bound_accounts_cairo1")
        guard
            let tip = Felt(hex: try system.text("v1_bound_accounts_max_tip"))?.asUInt64
        else { throw .wrongKind("os_constants.v1_bound_accounts_max_tip", expected: "a tip") }
        version1MaximumTip = tip
        dataGasAccounts = try system.felts("data_gas_accounts")
        syscallCosts = []
        syscallCosts = try syscallPrices(system.optional("syscall_gas_costs"))
    }

    /// From 0.13.4 on the prices follow from the resources; before that they are stated.
    private func syscallPrices(
        _ stated: ConstantsReader?
    ) throws(ConstantsError) -> [SyscallCost] {
        var costs: [SyscallCost] = []
        for syscall in Syscall.allCases {
            guard let stated else {
                let rule = syscallResources[syscall.rawValue]
                costs.append(
                    SyscallCost(
                        base: max(syscallBaseGas, gas(of: rule.constant)),
                        linear: gas(of: rule.factor)))
                continue
            }
            guard let entry = stated.optional(syscall.name) else {
                costs.append(SyscallCost(base: syscallBaseGas, linear: 0))
                continue
            }
            if let flat = entry.value.unsigned {
                costs.append(SyscallCost(base: flat, linear: 0))
                continue
            }
            let base =
                try entry.number("step_gas_cost") * stepGas
                + entry.number("range_check") * (builtinGas[.rangeCheck] ?? 0)
                + entry.number("bitwise") * (builtinGas[.bitwise] ?? 0)
                + entry.number("syscall_base_gas_cost") * syscallBaseGas
                + entry.number("memory_hole_gas_cost") * memoryHoleGas
            costs.append(SyscallCost(base: max(base, syscallBaseGas), linear: 0))
        }
        return costs
    }

    private static func version(_ text: String) throws(ConstantsError) -> SierraVersion {
        let parts = text.split(separator: ".").compactMap { UInt64($0) }
        guard parts.count == 3 else {
            throw .wrongKind("min_sierra_version_for_sierra_gas", expected: "a version")
        }
        return SierraVersion(parts[0], parts[1], parts[2])
    }
}
