import CairoVM
import Execution
import JSONText
import Primitives
import StarkField
import StarkHash
import TestSupport
import Testing

@testable import RPC

/// Contracts by their classes, without nonces and storage of their own.
private struct Table: StateReader {
    var contracts: [ContractAddress: ClassHash] = [:]
    var classes: [ClassHash: CompiledClass] = [:]

    func storage(
        of contract: ContractAddress, at key: StorageKey
    ) throws(StateReadError) -> Felt { .zero }
    func nonce(of contract: ContractAddress) throws(StateReadError) -> Nonce { .zero }
    func classHash(of contract: ContractAddress) throws(StateReadError) -> ClassHash {
        contracts[contract] ?? .zero
    }
    func compiledClass(_ hash: ClassHash) throws(StateReadError) -> CompiledClass? {
        classes[hash]
    }
}

/// What Cairo classes do when they run, shown as traces.
@Suite(
    .enabled(
        if: Fixtures.has("feature-contracts") && Fixtures.has("openrpc"),
        Comment(rawValue: Fixtures.absence(of: "feature-contracts"))))
struct SimulatedTraceTests {
    private static func selector(_ name: String) -> Selector { starknetKeccak(Array(name.utf8)) }

    /// The classes of which both forms are there: two files with one name and two endings.
    private static let classes: [DeclaredContract] = {
        let files = Fixtures.files(under: "feature-contracts", suffix: ".sierra.json")
        return files.compactMap { file in
            let stem = file.path.dropLast(".sierra.json".count)
            guard
                let other = Fixtures.files(
                    under: "feature-contracts", suffix: ".casm.json"
                ).first(where: { $0.path.dropLast(".casm.json".count) == stem }),
                let sierra = try? SierraClass(json: [UInt8](Fixtures.read(file))),
                let casm = try? CasmClass(json: [UInt8](Fixtures.read(other)))
            else { return nil }
            return DeclaredContract(sierra: sierra, casm: casm)
        }
    }()

    private static func having(_ names: [String]) -> [DeclaredContract] {
        classes.filter { declared in
            let all = declared.casm.entryPoints.values.flatMap { $0.map(\.selector) }
            return names.allSatisfy { all.contains(selector($0)) }
        }
    }

    /// Classes whose functions call, emit and send what they are told, whether they count steps or
    /// gas.
    static let subjects = having([
        "test_call_contract", "test_library_call", "test_emit_events", "test_send_message_to_l1",
        "l1_handle",
    ])

    private static let account = Felt(0xacc)
    private static let contract = Felt(0x7e57)
    private static let chainID = Felt(0x50)

    private func executor(
        _ subject: DeclaredContract, _ account: DeclaredContract
    ) throws -> BlockExecutor {
        try executor(on: table(subject, account))
    }

    private func table(_ subject: DeclaredContract, _ account: DeclaredContract) -> Table {
        Table(
            contracts: [
                Self.account: account.sierra.hash, Self.contract: subject.sierra.hash,
            ],
            classes: [
                account.sierra.hash: account.compiled, subject.sierra.hash: subject.compiled,
            ])
    }

    private func executor(on state: any StateReader) throws -> BlockExecutor {
        let info = BlockInfo(
            number: Height(3), timestamp: 1_700_000_000, sequencerAddress: Felt(0x5e9),
            gasPrices: Sample.prices, l1DataAvailabilityMode: .blob,
            starknetVersion: StarknetVersion(0, 13, 5))
        return try BlockExecutor(
            queries: BlockContext(info: info, chainID: Self.chainID), on: state)
    }

    /// The account's call of one function of the subject.
    private func invoke(_ nonce: UInt64, _ function: String, _ arguments: [Felt]) -> Transaction {
        .invoke(
            InvokeTransactionV3(
                senderAddress: Self.account,
                calldata: [
                    Self.contract, Self.selector(function), Felt(UInt64(arguments.count)),
                ] + arguments,
                signature: [], nonce: Felt(nonce), resourceBounds: Sample.bounds))
    }

    /// Two events, each with one key and two felts.
    private static let emission: [Felt] = [
        Felt(2), Felt(1), Felt(0xe), Felt(2), Felt(7), Felt(8),
    ]

    private func nested(_ target: Felt) -> [Felt] {
        [target, Self.selector("test_emit_events"), Felt(UInt64(Self.emission.count))]
            + Self.emission
    }

    /// The answer of a method, checked against its schema.
    private static func checked(
        _ method: StarknetMethod, isNewer: Bool = false, _ render: (inout JSONWriter) -> Void
    ) throws -> JSONValue {
        var writer = JSONWriter()
        render(&writer)
        let answer = try Harness.parse(writer.bytes)
        for specification in OpenRPC.current where !isNewer || specification.isNewer {
            let complaints = specification.complaints(about: answer, of: method.rawValue)
            #expect(complaints.isEmpty, "\(specification)")
        }
        return answer
    }

    private func render(_ results: [RPCSimulation.Result]) throws -> [JSONValue] {
        let answer = try Self.checked(.simulate) { writer in
            writer.simulation(RPCSimulation(results: results), initialReads: false)
        }
        return try #require(answer.elements?.compactMap { $0["transaction_trace"] })
    }

    /// All events of a trace in their order.
    private func events(_ trace: JSONValue) -> [JSONValue] {
        func inside(_ call: JSONValue) -> [JSONValue] {
            (call["events"]?.elements ?? []) + (call["calls"]?.elements ?? []).flatMap(inside)
        }
        return (trace.members ?? []).flatMap { inside($0.value) }.sorted {
            ($0["order"]?.unsigned ?? 0) < ($1["order"]?.unsigned ?? 0)
        }
    }

    @Test("calls, library calls, messages and failures of Cairo code are shown", arguments: 0..<2)
    func simulated(_ index: Int) throws {
        try #require(Self.subjects.count >= 2, "\(Self.subjects.count) classes to test with")
        let subject = Self.subjects[index]
        let account = try #require(Self.having(["__validate_deploy__", "deploy_contract"]).first)
        let executor = try executor(subject, account)
        let other = try #require(
            Self.classes.first { $0 != subject && $0 != account })
        let deployment = DeployAccountTransactionV3(
            contractAddressSalt: Felt(5), classHash: account.sierra.hash, constructorCalldata: [],
            signature: [], nonce: .zero, resourceBounds: Sample.bounds)
        let declaration = DeclareTransactionV3(
            senderAddress: Self.account, classHash: other.sierra.hash,
            compiledClassHash: other.poseidonHash, signature: [], nonce: Felt(4),
            resourceBounds: Sample.bounds)
        let transactions: [Transaction] = [
            invoke(0, "test_call_contract", nested(Self.contract)),
            invoke(1, "test_library_call", nested(subject.sierra.hash)),
            invoke(2, "test_send_message_to_l1", [Felt(0xbeef), Felt(2), Felt(7), Felt(8)]),
            invoke(3, "there_is_no_such_function", []),
            .declare(Declaration(transaction: declaration, sierra: [], casm: [])),
            .deployAccount(deployment),
        ]
        let prepared = transactions.enumerated().map { place, transaction in
            PreparedTransaction(
                transaction, chainID: Self.chainID, declared: place == 4 ? other : nil)
        }
        let simulated = try executor.simulate(prepared, skipsValidate: false, skipsFee: true)
        let results = zip(simulated, transactions).map {
            RPCSimulation.Result($0, of: $1, executor.blockContext.constants)
        }
        let traces = try render(results)
        try #require(traces.count == transactions.count)
        let outer = traces.map { $0["execute_invocation"]?["calls"]?.elements?.first }
        #expect(outer[0]?["contract_address"] == .string(Self.contract.hexString))
        #expect(outer[0]?["class_hash"] == .string(subject.sierra.hash.hexString))
        #expect(outer[0]?["caller_address"] == .string(Self.account.hexString))
        let called = outer[0]?["calls"]?.elements?.first
        #expect(called?["call_type"] == .string("CALL"))
        #expect(called?["caller_address"] == .string(Self.contract.hexString))
        let library = outer[1]?["calls"]?.elements?.first
        #expect(library?["call_type"] == .string("LIBRARY_CALL"))
        #expect(library?["caller_address"] == .string(Self.account.hexString))
        for place in [0, 1] {
            let shown = events(traces[place])
            #expect(shown.map { $0["order"]?.unsigned } == [0, 1])
            #expect(
                shown.map { $0["keys"] }
                    == simulated[place].executed.receipt.events.map { event in
                        .array(event.keys.map { .string($0.hexString) })
                    })
        }
        let message = outer[2]?["messages"]?.elements?.first
        #expect(message?["to_address"] == .string("0xbeef"))
        #expect(message?["payload"] == .array([.string("0x7"), .string("0x8")]))
        let sending = outer[2]?["execution_resources"]?["l1_gas"]?.unsigned
        #expect(sending ?? 0 > 20_000)
        let reason = traces[3]["execute_invocation"]?["revert_reason"]?.text
        #expect(reason?.contains("ENTRYPOINT_NOT_FOUND") == true, "\(reason ?? "")")
        #expect(traces[4]["type"] == .string("DECLARE"))
        #expect(traces[4]["state_diff"]?["declared_classes"]?.elements?.count == 1)
        #expect(
            traces[5]["constructor_invocation"]?["entry_point_type"] == .string("CONSTRUCTOR"))
        #expect(traces.allSatisfy { $0["validate_invocation"] != nil })
        #expect(traces.allSatisfy { $0["fee_transfer_invocation"] == nil })
        for (trace, result) in zip(traces, simulated) {
            let gas = result.executed.receipt.gasConsumed
            #expect(trace["execution_resources"]?["l2_gas"]?.unsigned == gas.l2Gas)
            // A call is not charged more than its transaction.
            let call = trace["execute_invocation"]?["execution_resources"]?["l2_gas"]?.unsigned
            #expect(call ?? 0 <= gas.l2Gas)
        }
    }

    @Test("a message from L1 is traced, and estimated in wei", arguments: 0..<2)
    func message(_ index: Int) throws {
        try #require(Self.subjects.count >= 2, "\(Self.subjects.count) classes to test with")
        let account = try #require(Self.having(["__validate_deploy__", "deploy_contract"]).first)
        let executor = try executor(Self.subjects[index], account)
        let message = Transaction.l1Handler(
            L1HandlerTransaction(
                contractAddress: Self.contract, entryPointSelector: Self.selector("l1_handle"),
                calldata: [Felt(0xe7), Felt(0x44)], nonce: .zero))
        let simulated = try executor.simulate(
            [PreparedTransaction(message, chainID: Self.chainID)], skipsValidate: false,
            skipsFee: false)
        let result = RPCSimulation.Result(
            try #require(simulated.first), of: message, executor.blockContext.constants)
        #expect(result.fee.unit == .wei)
        #expect(result.fee.l1GasPrice == Sample.prices.l1Gas.wei)
        let trace = try Self.checked(.traceTransaction) { $0.trace(result.trace) }
        _ = try Self.checked(.estimateMessageFee) { $0.estimate(result.fee) }
        #expect(trace["type"] == .string("L1_HANDLER"))
        let call = try #require(trace["function_invocation"])
        #expect(call["entry_point_type"] == .string("L1_HANDLER"))
        #expect(call["result"] == .array([.string("0x44")]))
        #expect(call["caller_address"] == .string("0x0"))
    }

    @Test("what a simulation reads is noted, each value once, and enough to run it again")
    func initialReads() throws {
        let subject = try #require(Self.subjects.first)
        let account = try #require(Self.having(["__validate_deploy__", "deploy_contract"]).first)
        let recorder = ReadRecorder(table(subject, account))
        let transaction = PreparedTransaction(
            invoke(0, "test_call_contract", nested(Self.contract)), chainID: Self.chainID)
        let simulated = try executor(on: recorder).simulate(
            [transaction], skipsValidate: false, skipsFee: true)
        let reads = recorder.reads
        let addresses = reads.classHashes.map(\.address)
        #expect(Set(addresses).isSuperset(of: [Self.account, Self.contract]))
        #expect(addresses == addresses.sorted() && Set(addresses).count == addresses.count)
        #expect(
            reads.classHashes.first { $0.address == Self.contract }?.classHash
                == subject.sierra.hash)
        #expect(reads.nonces.contains(NonceUpdate(address: Self.account, nonce: .zero)))
        #expect(
            reads.declaredClasses.contains(.init(classHash: subject.sierra.hash, isDeclared: true)))
        var witness = Table()
        for read in reads.classHashes { witness.contracts[read.address] = read.classHash }
        for declared in [subject, account]
        where reads.declaredClasses.contains(
            .init(classHash: declared.sierra.hash, isDeclared: true))
        {
            witness.classes[declared.sierra.hash] = declared.compiled
        }
        let again = try executor(on: witness).simulate(
            [transaction], skipsValidate: false, skipsFee: true)
        #expect(again == simulated)
        _ = try Self.checked(.simulate, isNewer: true) { writer in
            writer.simulation(
                RPCSimulation(
                    results: [
                        RPCSimulation.Result(
                            simulated[0], of: transaction.transaction, .standard)
                    ], initialReads: reads), initialReads: true)
        }
    }
}
