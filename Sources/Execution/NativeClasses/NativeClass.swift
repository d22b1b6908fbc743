package import StarkField
import StarkHash

/// A contract class whose code is Swift.
///
/// It is published like a Cairo class, so that clients can fetch it and recompute its hash: a real
/// interface, real entry points, and in place of Sierra code a marker (`sierraProgram`). The class
/// hash is Starknet's formula over that object.
package struct NativeClass: Sendable {
    package enum EntryPointKind: Hashable, Sendable { case external, constructor }

    /// An entry point as the published class lists it.
    package struct EntryPointDefinition: Hashable, Sendable {
        package let selector: Selector
        package let functionIndex: Int
    }

    /// What the marker calls the class, such as `ACCOUNT`.
    package let name: String
    package let classHash: ClassHash
    /// Stands in for the hash of compiled code in the class trie: Poseidon of
    /// `NATIVE_CLASS_V0` and the class hash.
    package let compiledClassHash: Felt
    package let abi: String
    /// Sierra version 1.7.0 and compiler version 2.12.0 (six felts, as in every Sierra program),
    /// then the short string `PRYTANY_NATIVE_CLASS`, the class's name and the version of its code.
    package let sierraProgram: [Felt]
    /// Ascending by selector.
    package let externals: [EntryPointDefinition]
    package let constructors: [EntryPointDefinition]
    package static let contractClassVersion = "0.1.0"

    private let entryPoints: [Selector: NativeEntryPoint]
    private let constructor: NativeEntryPoint?

    static let constructorSelector = selector("constructor")
    private static let marker = HashTerms.shortString("PRYTANY_NATIVE_CLASS")

    /// - Parameters:
    ///   - functions: the code of each function of the interface, by its name.
    init(
        name: String, version: UInt64, interface: Interface,
        functions: [(name: String, code: NativeEntryPoint)], constructor: NativeEntryPoint?
    ) {
        precondition(
            functions.map(\.name) == interface.functions.map(\.name)
                && (constructor == nil) == (interface.constructor == nil),
            "native class \(name): interface and code differ")
        self.name = name
        abi = interface.text
        sierraProgram = [
            1, 7, 0, 2, 12, 0, NativeClass.marker, HashTerms.shortString(name), Felt(version),
        ]
        externals =
            functions.enumerated()
            .map { EntryPointDefinition(selector: selector($1.name), functionIndex: $0) }
            .sorted { $0.selector < $1.selector }
        constructors =
            constructor == nil
            ? []
            : [
                EntryPointDefinition(
                    selector: NativeClass.constructorSelector, functionIndex: functions.count)
            ]
        var entryPoints: [Selector: NativeEntryPoint] = [:]
        for (name, code) in functions { entryPoints[selector(name)] = code }
        self.entryPoints = entryPoints
        self.constructor = constructor
        classHash = NativeClass.hash(
            abi: abi, sierraProgram: sierraProgram, externals: externals,
            constructors: constructors)
        compiledClassHash = Poseidon.hashMany([
            HashTerms.shortString("NATIVE_CLASS_V0"), classHash,
        ])
    }

    var hasConstructor: Bool { constructor != nil }

    func entryPoint(_ selector: Selector, _ kind: EntryPointKind) -> NativeEntryPoint? {
        switch kind {
        case .external: entryPoints[selector]
        case .constructor: selector == NativeClass.constructorSelector ? constructor : nil
        }
    }

    /// The class hash of a Sierra class (Starknet documentation, "Class hash").
    package static func hash(
        abi: String, sierraProgram: [Felt], externals: [EntryPointDefinition],
        l1Handlers: [EntryPointDefinition] = [], constructors: [EntryPointDefinition]
    ) -> ClassHash {
        func hash(_ entryPoints: [EntryPointDefinition]) -> Felt {
            Poseidon.hashMany(
                entryPoints.flatMap { [$0.selector, Felt(UInt64($0.functionIndex))] })
        }
        return Poseidon.hashMany([
            HashTerms.shortString("CONTRACT_CLASS_V0.1.0"), hash(externals), hash(l1Handlers),
            hash(constructors), starknetKeccak(abi.utf8), Poseidon.hashMany(sierraProgram),
        ])
    }
}

/// The code of an entry point: one case per class, so that running it needs no existential.
enum NativeEntryPoint: Sendable {
    case account(AccountClass.EntryPoint)
    case token(TokenClass.EntryPoint)
    case deployer(DeployerClass.EntryPoint)

    func run(
        _ context: inout NativeContext, _ calldata: ArraySlice<Felt>
    ) throws(NativeFailure) -> [Felt] {
        switch self {
        case .account(let entryPoint):
            try AccountClass.run(entryPoint, in: &context, calldata)
        case .token(let entryPoint):
            try TokenClass.run(entryPoint, in: &context, calldata)
        case .deployer(let entryPoint):
            try DeployerClass.run(entryPoint, in: &context, calldata)
        }
    }
}

/// The classes that this chain knows. Immutable: made once, shared by all blocks.
package struct NativeClasses: Sendable {
    package let account: NativeClass
    package let token: NativeClass
    package let deployer: NativeClass
    private let byHash: [ClassHash: NativeClass]

    package static let standard = NativeClasses()

    private init() {
        account = AccountClass.definition
        token = TokenClass.definition
        deployer = DeployerClass.definition
        byHash = [
            account.classHash: account, token.classHash: token, deployer.classHash: deployer,
        ]
    }

    package subscript(classHash: ClassHash) -> NativeClass? { byHash[classHash] }

    /// All classes in the order of their hashes.
    package var all: [NativeClass] {
        [account, token, deployer].sorted { $0.classHash < $1.classHash }
    }
}

/// Addresses that Starknet's networks use.
package enum WellKnownContracts {
    /// The STRK token, in which fees are paid.
    package static let strk = HashTerms.packed(
        0x0471_8f5a_0fc3_4cc1, 0xaf16_a1cd_ee98_ffb2, 0x0c31_f5cd_61d6_ab07,
        0x2018_58f4_287c_938d)
    /// The universal deployer that most tools still use.
    package static let universalDeployer = HashTerms.packed(
        0x041a_78e7_41e5_af2f, 0xec34_b695_679b_c689, 0x1742_439f_7afb_8484,
        0xecd7_766661ad_02bf)
    /// OpenZeppelin's second universal deployer.
    package static let universalDeployer2 = HashTerms.packed(
        0x02ce_ed65_a4bd_7310, 0x34c0_1113_685c_831b, 0x01c1_5d7d_432f_71af,
        0xb1cf_1634_b53a_2125)
    /// Where the hashes of old blocks are stored, by block number.
    package static let blockHashes: ContractAddress = 1
}
