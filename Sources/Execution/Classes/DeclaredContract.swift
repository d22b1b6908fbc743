package import CairoVM
package import StarkField

/// The class that a declaration brings, in both its forms. Two are equal if they are the same class
/// with the same compiled form.
package final class DeclaredContract: Sendable, Hashable {
    package let sierra: SierraClass
    package let casm: CasmClass
    package let compiled: CompiledClass
    package let poseidonHash: Felt
    package let blakeHash: Felt

    package init(sierra: SierraClass, casm: CasmClass) {
        self.sierra = sierra
        self.casm = casm
        compiled = CompiledClass(casm, sierraVersion: sierra.sierraVersion)
        poseidonHash = casm.hash(.poseidon)
        blakeHash = casm.hash(.blake2s)
    }

    /// Bytes that the declaration pays for: 32 for each felt of both programs, and the ABI's.
    var codeSize: Int {
        (casm.bytecode.count + sierra.program.count) * 32 + sierra.abi.utf8.count
    }

    /// Whether it is what was signed.
    func check(
        _ declaration: DeclareTransactionV3, _ constants: borrowing VersionedConstants
    ) throws(Rejection) {
        guard sierra.hash == declaration.classHash else {
            throw .invalid(
                .classHashMismatch(signed: declaration.classHash, computed: sierra.hash))
        }
        let computed = constants.wantsBlakeClassHash ? blakeHash : poseidonHash
        guard computed == declaration.compiledClassHash else {
            throw .invalid(
                .compiledClassHashMismatch(
                    signed: declaration.compiledClassHash, computed: computed))
        }
        guard casm.bytecode.count <= constants.maximumBytecode else {
            throw .invalid(
                .classTooLarge(bytecode: casm.bytecode.count, limit: constants.maximumBytecode))
        }
    }

    package static func == (a: DeclaredContract, b: DeclaredContract) -> Bool {
        a.sierra.hash == b.sierra.hash && a.poseidonHash == b.poseidonHash
    }

    package func hash(into hasher: inout Hasher) { hasher.combine(sierra.hash) }
}
