package import CairoVM
package import Execution
package import JSONText

/// A class as `starknet_getClass` shows it.
package enum RPCContractClass: Sendable {
    case sierra(SierraClass)
    case deprecated(RPCDeprecatedClass)
}

/// A Cairo 0 class (`DEPRECATED_CONTRACT_CLASS`).
package struct RPCDeprecatedClass: Hashable, Sendable {
    /// The program's JSON text, compressed by gzip (RFC 1952).
    package var gzippedProgram: [UInt8]
    package var entryPoints: [CasmClass.EntryPointKind: [DeprecatedClass.EntryPoint]]
    /// An array; null where the class has none.
    package var abi: JSONValue

    package init(
        gzippedProgram: [UInt8],
        entryPoints: [CasmClass.EntryPointKind: [DeprecatedClass.EntryPoint]], abi: JSONValue
    ) {
        self.gzippedProgram = gzippedProgram
        self.entryPoints = entryPoints
        self.abi = abi
    }

    package init(_ deprecated: DeprecatedClass, gzippedProgram: [UInt8]) {
        self.init(
            gzippedProgram: gzippedProgram, entryPoints: deprecated.entryPoints,
            abi: deprecated.abi)
    }
}
