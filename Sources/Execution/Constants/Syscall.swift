import StarkField

/// The system calls that contracts can make, Cairo 0's included, and what counts beside them.
///
/// Source: Starknet documentation, "System calls"; the names are those of the selectors, which are
/// short strings.
package enum Syscall: Int, CaseIterable, Hashable, Sendable {
    case callContract, delegateCall, delegateL1Handler, deploy, emitEvent, getBlockHash
    case getBlockNumber, getBlockTimestamp, getCallerAddress, getClassHashAt, getContractAddress
    case getExecutionInfo, getSequencerAddress, getTxInfo, getTxSignature, keccak
    /// One round of `keccak`: not a call, but what its cost counts.
    case keccakRound
    case libraryCall, libraryCallL1Handler, metaTxV0, replaceClass
    case secp256k1Add, secp256k1GetPointFromX, secp256k1GetXy, secp256k1Mul, secp256k1New
    case secp256r1Add, secp256r1GetPointFromX, secp256r1GetXy, secp256r1Mul, secp256r1New
    case sendMessageToL1, sha256ProcessBlock, sha512ProcessBlock, storageRead, storageWrite

    package var name: String {
        switch self {
        case .callContract: "CallContract"
        case .delegateCall: "DelegateCall"
        case .delegateL1Handler: "DelegateL1Handler"
        case .deploy: "Deploy"
        case .emitEvent: "EmitEvent"
        case .getBlockHash: "GetBlockHash"
        case .getBlockNumber: "GetBlockNumber"
        case .getBlockTimestamp: "GetBlockTimestamp"
        case .getCallerAddress: "GetCallerAddress"
        case .getClassHashAt: "GetClassHashAt"
        case .getContractAddress: "GetContractAddress"
        case .getExecutionInfo: "GetExecutionInfo"
        case .getSequencerAddress: "GetSequencerAddress"
        case .getTxInfo: "GetTxInfo"
        case .getTxSignature: "GetTxSignature"
        case .keccak: "Keccak"
        case .keccakRound: "KeccakRound"
        case .libraryCall: "LibraryCall"
        case .libraryCallL1Handler: "LibraryCallL1Handler"
        case .metaTxV0: "MetaTxV0"
        case .replaceClass: "ReplaceClass"
        case .secp256k1Add: "Secp256k1Add"
        case .secp256k1GetPointFromX: "Secp256k1GetPointFromX"
        case .secp256k1GetXy: "Secp256k1GetXy"
        case .secp256k1Mul: "Secp256k1Mul"
        case .secp256k1New: "Secp256k1New"
        case .secp256r1Add: "Secp256r1Add"
        case .secp256r1GetPointFromX: "Secp256r1GetPointFromX"
        case .secp256r1GetXy: "Secp256r1GetXy"
        case .secp256r1Mul: "Secp256r1Mul"
        case .secp256r1New: "Secp256r1New"
        case .sendMessageToL1: "SendMessageToL1"
        case .sha256ProcessBlock: "Sha256ProcessBlock"
        case .sha512ProcessBlock: "Sha512ProcessBlock"
        case .storageRead: "StorageRead"
        case .storageWrite: "StorageWrite"
        }
    }

    private static let bySelector: [Felt: Syscall] = Dictionary(
        uniqueKeysWithValues: allCases.filter { $0 != .keccakRound }
            .map { (HashTerms.shortString($0.name), $0) })

    /// Nil for what is no system call.
    init?(selector: Felt) {
        guard let found = Syscall.bySelector[selector] else { return nil }
        self = found
    }

    static func named(_ name: String) -> Syscall? { allCases.first { $0.name == name } }
}

/// How often each system call was made in one call of a contract, and the sum of what its linear
/// cost counts: felts of calldata or of a message's payload.
struct SyscallUsage: Hashable, Sendable {
    private(set) var used: [Syscall: (Int, Int)] = [:]

    mutating func add(_ syscall: Syscall, calls: Int = 1, linear: Int = 0) {
        let old = used[syscall] ?? (0, 0)
        used[syscall] = (old.0 + calls, old.1 + linear)
    }

    static func == (a: Self, b: Self) -> Bool {
        a.used.mapValues { [$0.0, $0.1] } == b.used.mapValues { [$0.0, $0.1] }
    }

    func hash(into hasher: inout Hasher) { hasher.combine(used.mapValues { [$0.0, $0.1] }) }
}
