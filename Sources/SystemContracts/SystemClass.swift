package import StarkField

/// A class that every chain has from its first block on: what the compilers made of its Cairo
/// source, and the hashes under which the state knows it.
///
/// Source: `Generated/`, which `Sources/SystemContracts/build` writes.
package struct SystemClass: Sendable {
    /// Its file in `Cairo/`, without the ending.
    package let name: String
    /// The hash of the Sierra class.
    package let classHash: Felt
    /// The Blake2s hash of the CASM class: what the class trie holds since Starknet 0.14.1.
    package let compiledClassHash: Felt
    /// The Poseidon hash of the CASM class, which the class trie held before.
    package let poseidonCompiledClassHash: Felt
    private let sierra: StaticString
    private let casm: StaticString

    init(
        name: String, classHash: (UInt64, UInt64, UInt64, UInt64),
        compiledClassHash: (UInt64, UInt64, UInt64, UInt64),
        poseidonCompiledClassHash: (UInt64, UInt64, UInt64, UInt64), sierra: StaticString,
        casm: StaticString
    ) {
        self.name = name
        self.classHash = Felt(reducingBigEndianWords: classHash)
        self.compiledClassHash = Felt(reducingBigEndianWords: compiledClassHash)
        self.poseidonCompiledClassHash = Felt(reducingBigEndianWords: poseidonCompiledClassHash)
        self.sierra = sierra
        self.casm = casm
    }

    /// The class as `starknet_getClass` serves it, in compact JSON: the ABI is text, and there is
    /// no debug information.
    package var sierraJSON: [UInt8] { sierra.withUTF8Buffer { Array($0) } }

    /// The class as `starknet_getCompiledCasm` serves it, in compact JSON.
    package var casmJSON: [UInt8] { casm.withUTF8Buffer { Array($0) } }
}

/// The classes, and typed bindings to each.
package enum SystemContracts {
    /// In the order in which genesis declares them.
    package static let all = [account, token, deployer]

    /// The class with this hash.
    package static func byHash(_ classHash: Felt) -> SystemClass? {
        all.first { $0.classHash == classHash }
    }
}
