import StarkCurve
import StarkField
import StarkHash
import TestSupport
import Testing

/// What the example contracts say they do, by cairo-lang, so that other machines can be tested with
/// them.
@Suite(
    "The example contracts, run by cairo-lang", .serialized,
    .enabled(if: Oracles.haveCairo, Oracles.absence))
struct ExampleReferenceTests {
    static let alice: Felt = 0xa11ce
    static let contract: Felt = 0xe4a
    static let other: Felt = 0x07e4

    /// Three times the generators of the curves (SEC 2, section 2), low halves first.
    private static let thrice256k1 = [
        0xb531_c845_836f_99b0_8601_f113_bce0_36f9, 0xf930_8a01_9258_c310_4934_4f85_f89d_5229,
        0x6500_a999_34c2_231b_6cb9_fd75_84b8_e672, 0x388f_7b0f_632d_e814_0fe3_37e6_2a37_f356,
    ].map { Felt($0 as UInt128) }
    private static let thrice256r1 = [
        0xe6c6_b721_efad_a985_fb41_661b_c6e7_fd6c, 0x5ecb_e4d1_a633_0a44_c8f7_ef95_1d4b_f165,
        0xd82a_b036_384f_b83d_9a79_b127_a27d_5032, 0x8734_640c_4998_ff7e_374b_06ce_1a64_a2ec,
    ].map { Felt($0 as UInt128) }

    private func run(
        _ name: String, constructor: [Felt] = [], _ steps: (inout Reference) -> Void
    ) throws -> [Reference.Outcome] {
        var script = Reference()
        script.deploy(Reference.exampleHash(name), at: Self.contract, constructor)
        steps(&script)
        let outcomes = try script.outcomes(examples: ExampleContracts.names)
        #expect(!outcomes[0].failed)
        return Array(outcomes[1...])
    }

    @Test("bench computes what its loops say")
    func bench() throws {
        let outcomes = try run("bench") { script in
            for name in ["fibonacci", "pedersen_chain", "poseidon_chain"] {
                for count in [0, 1, 20] as [Felt] {
                    script.call(Self.contract, selector(name), [count])
                }
            }
        }
        var numbers: (Felt, Felt) = (0, 1)
        for _ in 0..<20 { numbers = (numbers.1, numbers.0 + numbers.1) }
        #expect(outcomes[0...2].map(\.felts) == [[0], [1], [numbers.0]])
        let chain = (1...20).reversed().reduce(Felt.zero) { Pedersen.hash($0, Felt(UInt64($1))) }
        #expect(outcomes[3...5].map(\.felts) == [[0], [Pedersen.hash(0, 1)], [chain]])
        var state: (Felt, Felt, Felt) = (0, 0, 0)
        Poseidon.permute(&state)
        let once = state.0
        for _ in 1..<20 { Poseidon.permute(&state) }
        #expect(outcomes[6...8].map(\.felts) == [[0], [once], [state.0]])
        #expect(outcomes[5].builtins["pedersen_builtin"] == 20)
        #expect(outcomes[8].builtins["poseidon_builtin"] == 20)
    }

    @Test("counter counts, keeps a pair, and speaks with L1")
    func counter() throws {
        let gateway: Felt = 0x6a7e
        let outcomes = try run("counter", constructor: [10, gateway]) { script in
            let handler = { (step: inout Reference.Step) in step.handler = true }
            script.call(Self.contract, selector("increase"), [5], caller: Self.alice)
            script.call(Self.contract, selector("decrease"), [6], caller: Self.alice)
            script.call(
                Self.contract, selector("deposit"), [gateway, Self.alice, 7], change: handler)
            script.call(
                Self.contract, selector("deposit"), [gateway + 1, Self.alice, 7], change: handler)
            script.call(Self.contract, selector("refuse"), [gateway], change: handler)
            script.call(Self.contract, selector("withdraw"), [0x11, 12], caller: Self.alice)
            script.call(Self.contract, selector("value"))
            script.call(Self.contract, selector("held_by"), [Self.alice])
            script.call(Self.contract, selector("set_pair"), [3, 1, 2, 3, 4, 1])
            script.call(Self.contract, selector("pair"), [3])
        }
        #expect(outcomes[0].felts == [15])
        #expect(
            outcomes[0].events == [
                Reference.Event(
                    from: Self.contract, keys: [selector("Increased"), Self.alice], data: [5, 15])
            ])
        #expect(outcomes[1].reasons == ["Counter: not enough"])
        #expect(
            outcomes[2].events == [
                Reference.Event(
                    from: Self.contract, keys: [selector("Deposited")],
                    data: [gateway, Self.alice, 7])
            ])
        #expect(outcomes[3].reasons == ["Counter: unknown gateway"])
        #expect(outcomes[4].reasons == ["Counter: refused"])
        #expect(outcomes[5].messages.map(\.to) == [Hex(gateway)])
        #expect(outcomes[5].messages.map(\.payload) == [[Hex(0x11), Hex(12)]])
        #expect(outcomes[6].felts == [10])
        #expect(outcomes[7].felts == [0])
        #expect(outcomes[8].cells.count == 5)
        #expect(outcomes[9].felts == [1, 2, 3, 4, 1])
    }

    @Test("caller calls, and catches what fails")
    func caller() throws {
        var script = Reference()
        for address in [Self.contract, Self.other] {
            script.deploy(Reference.exampleHash("caller"), at: address)
        }
        let fail: [Felt] = [selector("set_and_fail"), 4, 5, 2, 0x77, 0x78]
        script.call(Self.contract, selector("call"), [Self.other, selector("identity"), 0])
        script.call(
            Self.contract, selector("library_call"),
            [Reference.exampleHash("caller"), selector("identity"), 0], caller: Self.alice)
        script.call(Self.contract, selector("call"), [Self.other] + fail)
        script.call(Self.contract, selector("try_call"), [Self.other] + fail)
        script.call(
            Self.contract, selector("try_call"), [Self.other, selector("no such function"), 0])
        let set = { (value: Felt) -> [Felt] in [Self.other, selector("set"), 1, value] }
        script.call(Self.contract, selector("try_calls"), [2] + set(1) + set(2))
        script.call(Self.contract, selector("calls_then_fail"), [1] + set(3) + [0x99])
        script.call(Self.other, selector("get"))
        script.call(Self.contract, selector("nest"), [3, 0])
        script.call(
            Self.contract, selector("try_deploy"),
            [Reference.exampleHash("erc20"), 1, 3, Self.alice, 50, 0, 1])
        let results = try script.results(examples: ExampleContracts.names)
        let outcomes = results.map { result -> Reference.Outcome? in
            guard case .ended(let outcome) = result else { return nil }
            return outcome
        }
        #expect(outcomes[2]?.felts == [3, Self.contract, Self.other, selector("identity")])
        #expect(outcomes[3]?.felts == [3, Self.alice, Self.contract, selector("identity")])
        #expect(outcomes[4]?.failed == true)
        #expect(outcomes[4]?.felts == [0x77, 0x78])
        #expect(outcomes[7]?.felts == [2, 1, 0, 1, 0])
        #expect(outcomes[8]?.felts == [0x99])
        #expect(outcomes[9]?.felts == [2])
        #expect(outcomes[10]?.felts == [4])
        #expect(outcomes[10]?.events.count == 4)
        #expect(outcomes[10]?.messages.map(\.payload) == [[Hex(3)], [Hex(2)], [Hex(1)], [Hex(0)]])
        #expect(outcomes[11]?.felts.first == 1)
        #expect(outcomes[11]?.classes.count == 1)
        // What cairo-lang does not do: undo what a caught callee did, and append ENTRYPOINT_FAILED.
        #expect(outcomes[5]?.felts == [0, 2, 0x77, 0x78])
        #expect(outcomes[6] == nil)
    }

    @Test("erc20 is a token with an owner")
    func erc20() throws {
        let outcomes = try run("erc20", constructor: [Self.alice, 100, 0]) { script in
            script.call(
                Self.contract, selector("transfer"), [Self.other, 30, 0], caller: Self.alice)
            script.call(Self.contract, selector("burn"), [5, 0], caller: Self.other)
            script.call(
                Self.contract, selector("mint"), [Self.other, 1, 0], caller: Self.other)
            script.call(Self.contract, selector("mint"), [Self.other, 1, 0], caller: Self.alice)
            script.call(
                Self.contract, selector("transfer_from"), [Self.alice, Self.other, 1, 0],
                caller: Self.other)
            script.call(Self.contract, selector("balance_of"), [Self.other])
            script.call(Self.contract, selector("total_supply"))
            script.call(
                Self.contract, selector("transfer"), [Self.other, 71, 0], caller: Self.alice)
        }
        #expect(
            outcomes[0].events == [
                Reference.Event(
                    from: Self.contract, keys: [selector("Transfer"), Self.alice, Self.other],
                    data: [30, 0])
            ])
        #expect(!outcomes[1].failed)
        #expect(outcomes[2].reasons == ["USER: not the owner"])
        #expect(!outcomes[3].failed)
        #expect(outcomes[4].reasons == ["USER: not allowed"])
        #expect(outcomes[5].felts == [26, 0])
        #expect(outcomes[6].felts == [96, 0])
        #expect(outcomes[7].reasons == ["USER: not enough"])
    }

    @Test("hostile does as much as it is told")
    func hostile() throws {
        let key = try #require(SecretKey(77))
        let signature = ECDSA.sign(messageHash: 5, secretKey: key)
        let hash = Reference.exampleHash("hostile")
        let outcomes = try run("hostile") { script in
            func call(_ name: String, _ calldata: [Felt]) {
                script.call(Self.contract, selector(name), calldata)
            }
            call("recurse", [500])
            call("recurse_by_call", [6])
            call("recurse_by_library_call", [hash, 6])
            call("write_cells", [1000, 10, 7])
            call("read_cells", [1000, 11])
            call("rewrite_cell", [5, 10])
            call("emit_events", [3, 2, 4])
            call("send_messages", [3, 0x11, 2])
            call("return_felts", [50])
            call("panic_felts", [50])
            call("count_calldata", [3, 1, 2, 3])
            call("deploy", [Reference.exampleHash("bench"), 9, 3, 0])
            call("use_dictionary", [25, 10])
            call("use_dictionaries", [10])
            call("use_pedersen", [3])
            call("use_poseidon", [3])
            call("use_bitwise", [1])
            call("use_range_checks", [5])
            call("use_curve", [2])
            call("use_signatures", [2, 5, key.publicKey, signature.r, signature.s])
            call("use_signatures", [2, 6, key.publicKey, signature.r, signature.s])
            call("use_keccak", [17])
            call("use_keccak", [16])
            call("use_secp256k1", [1, 2, 0])
            call("use_secp256r1", [1, 2, 0])
            call("secp256k1_point", [1, 0, 1, 0])
            call("secp256r1_point", [1, 0, 1, 0])
            call("replace_class", [Reference.exampleHash("bench")])
            call("fibonacci", [10])
        }
        try #require(outcomes.count == 29)
        #expect(outcomes[0...2].map(\.felts) == [[500], [6], [6]])
        #expect(outcomes[3].cells.count == 10)
        #expect(outcomes[3].cell(1009, of: Self.contract) == 7)
        #expect(outcomes[4].felts == [70])
        #expect(outcomes[5].cell(5, of: Self.contract) == 1)
        let event = Reference.Event(from: Self.contract, keys: [0, 1], data: [0, 1, 2, 3])
        #expect(outcomes[6].events == [event, event, event])
        #expect(
            outcomes[7].messages.map(\.payload) == Array(repeating: [Hex(0), Hex(1)], count: 3))
        let numbers = (0..<50).map { Felt(UInt64($0)) }
        #expect(outcomes[8].felts == [50] + numbers)
        #expect(outcomes[9].failed)
        #expect(outcomes[9].felts == numbers)
        #expect(outcomes[10].felts == [3])
        #expect(outcomes[11].felts.first == 3)
        #expect(outcomes[11].classes.count == 3)
        #expect(outcomes[12...13].map(\.felts) == [[3], [55]])
        let chain = [3, 2, 1].reduce(Felt.zero) { Pedersen.hash($0, $1) }
        #expect(outcomes[14].felts == [chain])
        var state: (Felt, Felt, Felt) = (0, 0, 0)
        for _ in 0..<3 { Poseidon.permute(&state) }
        #expect(outcomes[15].felts == [state.0])
        let bits: UInt128 = 0x0123_4567_89ab_cdef_0123_4567_89ab_cdef
        #expect(outcomes[16].felts == [Felt(~bits | bits & 0x5555_5555_5555_5555)])
        #expect(!outcomes[17].failed)
        let multiples = [Felt(1), Felt(2)].compactMap { SecretKey($0)?.publicKey }
        #expect(outcomes[18].felts == [multiples[0] + multiples[1]])
        #expect(outcomes[19...20].map(\.felts) == [[2], [0]])
        #expect(outcomes[21].felts.count == 2)
        #expect(outcomes[22].reasons == ["Invalid input length"])
        #expect(outcomes[23].felts == Self.thrice256k1)
        #expect(outcomes[24].felts == Self.thrice256r1)
        #expect(outcomes[25...26].map(\.felts) == [[0], [0]])
        #expect(
            outcomes[27].classes == [Self.contract.hexString: Hex(Reference.exampleHash("bench"))])
        #expect(outcomes[28].felts == [55])
    }

    @Test("hostile's endless loops end with the gas")
    func endless() throws {
        let loops = ["loop_forever", "loop_forever_writing", "call_until_out_of_gas"]
        let outcomes = try run("hostile") { script in
            for name in loops {
                script.call(Self.contract, selector(name)) { $0.gas = 1_000_000 }
            }
            // Only blocks ten back and older have a hash here.
            script.call(Self.contract, selector("block_hash"), [0])
        }
        for outcome in outcomes[0...1] {
            #expect(outcome.reasons == ["Out of gas"])
            #expect(outcome.steps > 1000)
        }
        // A function pays for its own steps when it begins, so the caller can end what it does.
        #expect(outcomes[2].felts == [0])
        for name in ["before", "after"] {
            let key = try #require(Felt(shortString: name))
            #expect(outcomes[2].cell(key, of: Self.contract) == 1)
        }
        #expect(outcomes[3].reasons == ["Block number out of range"])
    }
}
