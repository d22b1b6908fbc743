import CairoVM
import Foundation
import StarkField
import TestSupport
import Testing

@testable import Execution

/// The numbers of each version of Starknet: that the files are read as they are, and that prices and
/// fees follow from them, computed here a second time from the raw JSON.
@Suite(
    .serialized,
    .enabled(
        if: Fixtures.has("versioned-constants"), "\(Fixtures.absence(of: "versioned-constants"))"))
struct VersionedConstantsTests {
    struct Table {
        let file: Fixtures.File
        let version: StarknetVersion
        let json: [String: Any]
        let constants: VersionedConstants

        func number(_ path: String...) throws -> UInt64 {
            var value: Any? = json
            for name in path { value = (value as? [String: Any])?[name] }
            let number = try #require(value as? NSNumber, "\(file): \(path)")
            return number.uint64Value
        }

        func fraction(_ path: String...) throws -> Fraction {
            var value: Any? = json
            for name in path { value = (value as? [String: Any])?[name] }
            let parts = try #require(value as? [NSNumber], "\(file): \(path)")
            try #require(parts.count == 2)
            return Fraction(parts[0].intValue, parts[1].intValue)
        }

        func object(_ path: String...) throws -> [String: Any] {
            var value: Any? = json
            for name in path { value = (value as? [String: Any])?[name] }
            return try #require(value as? [String: Any], "\(file): \(path)")
        }
    }

    /// A non-negative rational number.
    struct Fraction {
        var top: Int
        var bottom: Int
        init(_ top: Int, _ bottom: Int) { (self.top, self.bottom) = (top, bottom) }
        static func * (a: Fraction, b: Fraction) -> Fraction {
            Fraction(a.top * b.top, a.bottom * b.bottom)
        }
        static func * (a: Fraction, b: Int) -> Fraction { Fraction(a.top * b, a.bottom) }
        static func + (a: Fraction, b: Int) -> Fraction { Fraction(a.top + b * a.bottom, a.bottom) }
        var floor: Int { top / bottom }
        var ceiling: Int { top % bottom == 0 ? top / bottom : top / bottom + 1 }
    }

    static func tables() throws -> [Table] {
        let start = "blockifier_versioned_constants_"
        let files = Fixtures.files(under: "versioned-constants", suffix: ".json")
        return try files.compactMap { (file) -> Table? in
            guard file.name.hasPrefix(start) else { return nil }
            let text = String(file.name.dropFirst(start.count).dropLast(".json".count))
                .replacingOccurrences(of: "_", with: ".")
            let version = try #require(StarknetVersion(text), "\(file)")
            let data = try Fixtures.read(file)
            let json = try #require(
                try JSONSerialization.jsonObject(with: data) as? [String: Any])
            return Table(
                file: file, version: version, json: json,
                constants: try VersionedConstants(json: Array(data)))
        }
    }

    @Test("Every file of versioned constants is read, and the built-in ones equal them")
    func embedded() throws {
        let tables = try Self.tables()
        try #require(tables.count >= 14)
        for table in tables {
            let constants = table.constants
            #expect(try constants.invokeSteps == table.number("invoke_tx_max_n_steps"))
            #expect(try constants.validateSteps == table.number("validate_max_n_steps"))
            #expect(try UInt64(constants.callDepth) == table.number("max_recursion_depth"))
            #expect(
                try UInt64(constants.eventLimits.count)
                    == table.number("tx_event_limits", "max_n_emitted_events"))
            #expect(try constants.stepGas == table.number("os_constants", "step_gas_cost"))
            if VersionedConstants.knownVersions.contains(table.version) {
                #expect(VersionedConstants.of(table.version) == constants, "\(table.file)")
            } else {
                #expect(table.version < StarknetVersion(0, 13, 4), "\(table.file)")
            }
        }
        // None is built in that is not among the files.
        #expect(Set(VersionedConstants.knownVersions).isSubset(of: tables.map(\.version)))
    }

    // MARK: System calls

    /// Gas of resources as the operating system's table states them.
    private func gas(_ resources: [String: Any], _ table: Table) throws -> UInt64 {
        func count(_ name: String) -> UInt64 { (resources[name] as? NSNumber)?.uint64Value ?? 0 }
        var sum = try count("n_steps") * table.number("os_constants", "step_gas_cost")
        sum += try count("n_memory_holes") * table.number("os_constants", "memory_hole_gas_cost")
        let builtins = resources["builtin_instance_counter"] as? [String: NSNumber] ?? [:]
        let prices = try table.object("os_constants", "builtin_gas_costs")
        for (name, count) in builtins {
            var key = String(name.dropLast("_builtin".count))
            if key == "ec_op" { key = "ecop" }
            let price = try #require(prices[key] as? NSNumber, "\(table.file): \(name)")
            sum += count.uint64Value * price.uint64Value
        }
        return sum
    }

    @Test("A system call costs what the operating system's resources for it cost, from 0.13.4 on")
    func syscallCosts() throws {
        var compared = 0
        for table in try Self.tables() where table.version >= StarknetVersion(0, 13, 4) {
            let base =
                try table.number("os_constants", "syscall_base_gas_cost", "step_gas_cost")
                * table.number("os_constants", "step_gas_cost")
            for (name, value) in try table.object("os_resources", "execute_syscalls") {
                let syscall = try #require(Syscall.named(name), "\(table.file): \(name)")
                let entry = try #require(value as? [String: Any])
                var constant = entry
                var linear: UInt64 = 0
                if let inner = entry["constant"] as? [String: Any] {
                    constant = inner
                    let factor = try #require(entry["calldata_factor"] as? [String: Any])
                    let resources = factor["resources"] as? [String: Any] ?? factor
                    let scale = (factor["scaling_factor"] as? NSNumber)?.uint64Value ?? 1
                    #expect(scale == 1, "\(table.file): a scale that no price is defined for")
                    linear = try gas(resources, table)
                }
                let expected = max(base, try gas(constant, table))
                for length in [0, 1, 7, 1000] {
                    let cost = table.constants.cost(of: syscall, linear: length)
                    #expect(
                        cost == expected + linear * UInt64(length),
                        "\(table.file): \(name) with \(length)")
                    compared += 1
                }
            }
        }
        #expect(compared > 1000)
    }

    @Test("A file without prices, without a system call, or with a fraction over zero is refused")
    func refused() throws {
        let table = try #require(try Self.tables().last)
        func damaged(_ change: (inout [String: Any]) -> Void) throws -> [UInt8] {
            var json = table.json
            change(&json)
            return Array(try JSONSerialization.data(withJSONObject: json))
        }
        let none = try damaged { $0["os_constants"] = nil }
        #expect(throws: ConstantsError.missing("os_constants")) {
            try VersionedConstants(json: none)
        }
        let short = try damaged { json in
            var resources = json["os_resources"] as? [String: Any] ?? [:]
            var calls = resources["execute_syscalls"] as? [String: Any] ?? [:]
            calls["Deploy"] = nil
            resources["execute_syscalls"] = calls
            json["os_resources"] = resources
        }
        #expect(throws: ConstantsError.missing("os_resources.execute_syscalls.Deploy")) {
            try VersionedConstants(json: short)
        }
        let zero = try damaged { json in
            json["archival_data_gas_costs"] = [
                "gas_per_data_felt": [1, 0], "event_key_factor": [2, 1],
                "gas_per_code_byte": [1, 1], "gas_per_proof": [0, 1],
            ]
        }
        #expect(throws: ConstantsError.self) { try VersionedConstants(json: zero) }
        #expect(throws: ConstantsError.self) { try VersionedConstants(json: Array("{".utf8)) }
    }

    // MARK: Fees

    /// What a transaction used, in plain numbers.
    struct Usage {
        var kind: VersionedConstants.TransactionKind
        var calldata = 0
        var signature = 0
        var code = 0
        var steps = 0
        var holes = 0
        var compressions = 0
        var builtins: [Builtin: Int] = [:]
        var gas = 0
        var revertedSteps = 0
        var revertedGas = 0
        var eventKeys = 0
        var eventData = 0
        var messages: [Int] = []
        var l1Payload: Int?
        var proves = false
        var storage = 0
        var allocated = 0
        var contracts = 0
        var classes = 0
        var declared = 0

        init(kind: VersionedConstants.TransactionKind) { self.kind = kind }

        init(_ words: inout SeededWords) {
            func some(_ limit: UInt64) -> Int { Int(words.next() % limit) }
            kind = VersionedConstants.TransactionKind.allCases[some(4)]
            calldata = some(300)
            signature = some(20)
            code = kind == .declare ? some(500_000) : 0
            steps = some(1_000_000)
            holes = some(1000)
            for builtin in Builtin.allCases where ![.output, .keccak].contains(builtin) {
                builtins[builtin] = some(4) == 0 ? some(20_000) : some(10)
            }
            compressions = some(3) == 0 ? some(10_000) : 0
            gas = some(50_000_000)
            revertedSteps = some(3) == 0 ? some(100_000) : 0
            revertedGas = some(3) == 0 ? some(10_000_000) : 0
            eventKeys = some(100)
            eventData = some(1000)
            messages = (0..<some(4)).map { _ in Int(words.next() % 30) }
            l1Payload = kind == .l1Handler ? some(100) : nil
            proves = some(4) == 0
            storage = some(50)
            allocated = some(20)
            contracts = some(10)
            classes = some(3)
            declared = some(2)
        }

        func usage() -> TransactionUsage {
            var usage = TransactionUsage(
                kind: kind, calldataCount: calldata, signatureCount: signature)
            usage.codeSize = code
            usage.l1Payload = l1Payload
            usage.proves = proves
            usage.resources = ExecutionResources(
                steps: UInt64(steps), memoryHoles: UInt64(holes))
            for (builtin, count) in builtins { usage.resources[builtin] = UInt64(count) }
            usage.resources.compressions = UInt64(compressions)
            usage.gas = UInt64(gas)
            usage.revertedSteps = UInt64(revertedSteps)
            usage.revertedGas = UInt64(revertedGas)
            usage.eventKeys = eventKeys
            usage.eventData = eventData
            usage.messages = messages
            usage.changes.storageUpdates = storage
            usage.changes.allocatedCells = allocated
            usage.changes.modifiedContracts = contracts
            usage.changes.classUpdates = classes
            usage.changes.compiledClassUpdates = declared
            return usage
        }

        var segment: Int { 2 * contracts + classes + 2 * storage + 2 * declared }
    }

    /// Counts of the operating system for a transaction: steps with holes, and builtins.
    private func system(
        _ kind: VersionedConstants.TransactionKind, calldata: Int, blobFelts: Int?, _ table: Table
    ) throws -> (steps: Int, holes: Int, builtins: [String: Int]) {
        var steps = 0
        var holes = 0
        var builtins: [String: Int] = [:]
        func add(_ resources: [String: Any], times: Fraction) {
            func scaled(_ value: Any?) -> Int {
                (times * ((value as? NSNumber)?.intValue ?? 0)).ceiling
            }
            steps += scaled(resources["n_steps"])
            holes += scaled(resources["n_memory_holes"])
            for (name, count) in resources["builtin_instance_counter"] as? [String: NSNumber] ?? [:]
            {
                builtins[String(name.dropLast("_builtin".count)), default: 0] += scaled(count)
            }
        }
        let entry = try table.object("os_resources", "execute_txs_inner", kind.rawValue)
        if let constant = entry["constant"] as? [String: Any] {
            add(constant, times: Fraction(1, 1))
            let factor = try #require(entry["calldata_factor"] as? [String: Any])
            let scale = (factor["scaling_factor"] as? NSNumber)?.intValue ?? 1
            add(
                factor["resources"] as? [String: Any] ?? factor, times: Fraction(calldata, scale))
        } else {
            add(entry, times: Fraction(1, 1))
        }
        if let blobFelts {
            let commitment = try table.object("os_resources", "compute_os_kzg_commitment_info")
            let counts = commitment["builtin_instance_counter"] as? [String: Any] ?? [:]
            if (commitment["n_steps"] as? NSNumber)?.intValue != 0 || !counts.isEmpty {
                add(commitment, times: Fraction(blobFelts, 1))
                steps +=
                    blobFelts / 10 * 55 + blobFelts % 10 / 2 * 18 + (blobFelts & 1) * 3 + 21
                builtins["poseidon", default: 0] += blobFelts / 2 + 1
            }
        }
        return (steps, holes, builtins)
    }

    /// L2 gas of steps and builtins: the dearest decides.
    private func machine(
        steps: Int, compressions: Int = 0, _ builtins: [String: Int], _ table: Table
    ) throws -> Int {
        let stepFee = try table.fraction("vm_resource_fee_cost", "n_steps")
        let blake = try table.number("os_constants", "builtin_gas_costs", "blake")
        let unit = try Fraction(
            stepFee.top, stepFee.bottom * Int(table.number("os_constants", "step_gas_cost")))
        var largest = max((stepFee * steps).ceiling, (unit * Int(blake)).ceiling * compressions)
        for (name, count) in builtins where count > 0 && name != "segment_arena" {
            let fee = try table.fraction("vm_resource_fee_cost", "builtins", name + "_builtin")
            largest = max(largest, (fee * count).ceiling)
        }
        // A step's price on both layers sets the rate of exchange.
        let stepGas = Int(try table.number("os_constants", "step_gas_cost"))
        return (Fraction(stepGas * stepFee.bottom, stepFee.top) * largest).ceiling
    }

    func expected(_ usage: Usage, blobs: Bool, _ table: Table) throws -> GasVector {
        var l1 = 0
        var data = 0
        if blobs {
            data = 32 * usage.segment
        } else {
            let naive = 551 * usage.segment
            let discount =
                usage.contracts * (512 - (6 * 16 + 26 * 4)) + (512 - (12 * 16 + 20 * 4))
            l1 = max(0, naive - discount)
        }
        let cost = try table.object("allocation_cost", blobs ? "blob_cost" : "gas_cost")
        func allocation(_ name: String) -> Int {
            usage.allocated * ((cost[name] as? NSNumber)?.intValue ?? 0)
        }
        l1 += allocation("l1_gas")
        data += allocation("l1_data_gas")
        var l2 = allocation("l2_gas")
        // What is kept.
        let felt = try table.fraction("archival_data_gas_costs", "gas_per_data_felt")
        l2 += (felt * (usage.calldata + usage.signature)).floor
        l2 += try (table.fraction("archival_data_gas_costs", "gas_per_code_byte") * usage.code)
            .floor
        if usage.proves {
            l2 += try table.fraction("archival_data_gas_costs", "gas_per_proof").floor
        }
        let keys = try table.fraction("archival_data_gas_costs", "event_key_factor")
        l2 += (felt * (keys * usage.eventKeys + usage.eventData)).floor
        // What goes to and comes from L1.
        let words =
            usage.messages.reduce(0) { $0 + $1 + 3 } + (usage.l1Payload.map { $0 + 5 } ?? 0)
        l1 += words * (512 + 612) + 20_000 * usage.messages.count
        for length in usage.messages { l1 += 375 + 3 * 375 + 256 * (2 + length) }
        if let payload = usage.l1Payload { l1 += 5000 + 375 + 4 * 375 + 256 * (3 + payload) }
        // What ran.
        let system = try system(
            usage.kind, calldata: usage.calldata, blobFelts: blobs ? usage.segment : nil, table)
        var builtins = system.builtins
        for (builtin, count) in usage.builtins { builtins[builtin.name, default: 0] += count }
        let arena = 10 * (builtins["segment_arena"] ?? 0)
        l2 += try machine(
            steps: usage.steps + usage.holes + usage.revertedSteps + system.steps + system.holes
                + arena, compressions: usage.compressions, builtins, table)
        l2 += usage.gas + usage.revertedGas
        return GasVector(l1Gas: UInt64(l1), l1DataGas: UInt64(data), l2Gas: UInt64(l2))
    }

    @Test("The gas of any usage is what the formulas say, in every version")
    func gasOfUsages() throws {
        for table in try Self.tables() {
            for seed in 1...200 as ClosedRange<UInt64> {
                var words = SeededWords(seed: seed)
                let usage = Usage(&words)
                for blobs in [true, false] {
                    let (total, data) = usage.usage().gas(table.constants, usesBlobs: blobs)
                    let want = try expected(usage, blobs: blobs, table)
                    #expect(
                        total == want,
                        "\(table.file), seed \(seed), \(blobs ? "blobs" : "calldata")")
                    #expect(data.l2Gas == 0 && (blobs ? data.l1Gas : data.l1DataGas) == 0)
                }
            }
        }
    }

    @Test("The least gas of each kind of transaction is what the formulas say, in every version")
    func minimalGas() throws {
        for table in try Self.tables() {
            for kind in [
                VersionedConstants.TransactionKind.invoke, .declare, .deployAccount,
            ] {
                for calldata in [0, 1, 10, 333] {
                    for blobs in [true, false] {
                        let segment = 2 + 2 + (kind == .deployAccount ? 1 : 0)
                        let system = try system(
                            kind, calldata: calldata, blobFelts: segment, table)
                        let discount = (512 - (6 * 16 + 26 * 4)) + (512 - (12 * 16 + 20 * 4))
                        let expected = GasVector(
                            l1Gas: blobs ? 0 : UInt64(551 * segment - discount),
                            l1DataGas: blobs ? UInt64(32 * segment) : 0,
                            l2Gas: UInt64(try machine(steps: system.steps, [:], table)))
                        let minimum = FeeRules.minimum(
                            kind, calldataCount: calldata, usesBlobs: blobs, table.constants)
                        #expect(minimum == expected, "\(table.file), \(kind), \(calldata)")
                    }
                }
            }
        }
    }

    @Test("A fee is the sum of each gas times its price, with the tip on L2 gas")
    func fees() {
        var words = SeededWords(seed: 3)
        for _ in 0..<500 {
            let gas = GasVector(
                l1Gas: words.next() >> 30, l1DataGas: words.next() >> 30,
                l2Gas: words.next() >> 30)
            func price() -> GasPrice {
                GasPrice(wei: UInt128(words.next() >> 20), fri: UInt128(words.next() >> 20))
            }
            let prices = GasPrices(l1Gas: price(), l1DataGas: price(), l2Gas: price())
            let tip = words.next() >> 40
            let expected =
                UInt128(gas.l1Gas) * prices.l1Gas.fri
                + UInt128(gas.l1DataGas) * prices.l1DataGas.fri
                + UInt128(gas.l2Gas) * (prices.l2Gas.fri + UInt128(tip))
            #expect(FeeRules.fee(gas, prices: prices, tip: tip) == expected)
        }
        // Held where it would not fit.
        let huge = GasPrice(wei: .max, fri: .max)
        #expect(
            FeeRules.fee(
                GasVector(l1Gas: 2, l1DataGas: 0, l2Gas: 0),
                prices: GasPrices(l1Gas: huge, l1DataGas: huge, l2Gas: huge), tip: .max) == .max)
    }

    @Test("The resources of system calls grow with their number and with what they carry")
    func syscallResources() throws {
        for table in try Self.tables() {
            for (name, value) in try table.object("os_resources", "execute_syscalls") {
                guard let syscall = Syscall.named(name), syscall != .keccak, syscall != .keccakRound
                else { continue }
                let entry = try #require(value as? [String: Any])
                let constant = entry["constant"] as? [String: Any] ?? entry
                let steps = (constant["n_steps"] as? NSNumber)?.intValue ?? 0
                var factor = Fraction(0, 1)
                if let growth = entry["calldata_factor"] as? [String: Any] {
                    let inner = growth["resources"] as? [String: Any] ?? growth
                    factor = Fraction(
                        (inner["n_steps"] as? NSNumber)?.intValue ?? 0,
                        (growth["scaling_factor"] as? NSNumber)?.intValue ?? 1)
                }
                var usage = SyscallUsage()
                usage.add(syscall, calls: 3, linear: 25)
                #expect(
                    table.constants.resources(of: usage).steps
                        == UInt64(3 * steps + (factor * 25).ceiling), "\(table.file): \(name)")
            }
            // A call of keccak counts once, and each of its rounds.
            var usage = SyscallUsage()
            usage.add(.keccak, calls: 5)
            let base = try table.number(
                "os_resources", "execute_syscalls", "Keccak", "n_steps")
            let round = try table.number(
                "os_resources", "execute_syscalls", "KeccakRound", "n_steps")
            #expect(table.constants.resources(of: usage).steps == base + 5 * round)
        }
    }
}
