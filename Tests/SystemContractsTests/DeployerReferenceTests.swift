import StarkField
import StarkHash
import SystemContracts
import Testing

@Suite(
    "The deployer, run by cairo-lang", .serialized, .enabled(if: Oracles.haveCairo, Oracles.absence)
)
struct DeployerReferenceTests {
    static let deployer: Felt = 0xde910
    static let caller: Felt = 0xca11e4
    static let salt: Felt = 0x5a17
    static let account = SystemContracts.account.classHash

    /// Starknet documentation, "Contract address".
    private func address(deployer: Felt, salt: Felt, publicKey: Felt) throws -> Felt {
        let prefix = try #require(Felt(shortString: "STARKNET_CONTRACT_ADDRESS"))
        let hash = Pedersen.hashArray([
            prefix, deployer, salt, Self.account, Pedersen.hashArray([publicKey]),
        ])
        let bound = Felt(
            reducingBigEndianWords: (0x07ff_ffff_ffff_ffff, .max, .max, 0xffff_ffff_ffff_ff00))
        return hash < bound ? hash : hash - bound
    }

    private func calldata(isUnique: Bool, publicKey: Felt) -> [Felt] {
        DeployerBinding.deployCalldata(
            classHash: Self.account, salt: Self.salt, isUnique: isUnique,
            constructorCalldata: [publicKey])
    }

    @Test("The address depends on the caller, or on nobody", arguments: [false, true])
    func addresses(isUnique: Bool) throws {
        var script = Reference()
        script.deploy(SystemContracts.deployer.classHash, at: Self.deployer)
        let selectors = [
            DeployerBinding.Selector.deployContract, DeployerBinding.Selector.deployContractCamel,
        ]
        for (index, selector) in selectors.enumerated() {
            script.call(
                Self.deployer, selector,
                calldata(isUnique: isUnique, publicKey: Felt(UInt64(7 + index))),
                caller: Self.caller)
        }
        let outcomes = try script.outcomes()
        #expect(outcomes[0].events == [])
        for index in 0...1 {
            let outcome = outcomes[1 + index]
            let key = Felt(UInt64(7 + index))
            let expected = try address(
                deployer: isUnique ? Self.deployer : .zero,
                salt: isUnique ? Pedersen.hash(Self.caller, Self.salt) : Self.salt, publicKey: key)
            #expect(outcome.felts == [expected])
            #expect(outcome.classes == [expected.hexString: Hex(Self.account)])
            #expect(outcome.cell(AccountBinding.Storage.publicKey, of: expected) == key)
            #expect(
                outcome.events == [
                    Reference.Event(
                        from: expected, keys: [AccountBinding.Event.ownerAdded, key], data: []),
                    Reference.Event(
                        from: Self.deployer, keys: [DeployerBinding.Event.contractDeployed],
                        data: [
                            expected, Self.caller, isUnique ? 1 : 0, Self.account, 1, key,
                            Self.salt,
                        ]),
                ])
            #expect(
                DeployerBinding.boundSalt(Self.salt, isUnique: isUnique, caller: Self.caller)
                    == (isUnique ? Pedersen.hash(Self.caller, Self.salt) : Self.salt))
        }
    }

    @Test("Any flag but 0 makes the address the caller's, as bool is read in Cairo")
    func flags() throws {
        var script = Reference()
        script.deploy(SystemContracts.deployer.classHash, at: Self.deployer)
        script.call(
            Self.deployer, DeployerBinding.Selector.deployContract,
            [Self.account, Self.salt, 2, 1, 7], caller: Self.caller)
        let outcome = try script.outcomes()[1]
        let expected = try address(
            deployer: Self.deployer, salt: Pedersen.hash(Self.caller, Self.salt), publicKey: 7)
        #expect(outcome.felts == [expected])
        #expect(outcome.events.last?.data[2] == Hex(.one))
    }

    @Test("A constructor's failure is passed on; a taken address and an unknown class are refused")
    func refusals() throws {
        let deploy = DeployerBinding.Selector.deployContract
        var script = Reference()
        script.deploy(SystemContracts.deployer.classHash, at: Self.deployer)
        // The account's constructor takes one felt.
        script.call(
            Self.deployer, deploy, [Self.account, Self.salt, 0, 2, 7, 8], caller: Self.caller)
        script.call(Self.deployer, deploy, [Self.account, Self.salt, 0, 1], caller: Self.caller)
        script.call(Self.deployer, deploy, [Self.account, Self.salt, 0, 0, 7], caller: Self.caller)
        script.call(Self.deployer, deploy, calldata(isUnique: false, publicKey: 7))
        script.call(Self.deployer, deploy, calldata(isUnique: false, publicKey: 7))
        script.call(Self.deployer, deploy, [0xdead, Self.salt, 0, 0])
        let results = try script.results()
        var outcomes: [Reference.Outcome] = []
        var refusals: [String] = []
        for result in results {
            switch result {
            case .ended(let outcome): outcomes.append(outcome)
            case .refused(let text): refusals.append(text)
            }
        }
        try #require(outcomes.count == 5)
        #expect(outcomes[1].reasons?.first == "Input too long for arguments")
        #expect(outcomes[2].reasons == ["Input too short for arguments"])
        #expect(outcomes[3].reasons == ["Input too long for arguments"])
        #expect(!outcomes[4].failed)
        try #require(refusals.count == 2)
        #expect(refusals[0].contains("CONTRACT_ADDRESS_UNAVAILABLE"))
        #expect(refusals[1].contains("UNDECLARED_CLASS"))
    }
}
