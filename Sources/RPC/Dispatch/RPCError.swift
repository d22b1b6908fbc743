package import JSONText
import StarkField

/// A JSON-RPC error object. Codes below -32000 are JSON-RPC 2.0's (section 5.1); the others and
/// all their messages are those of Starknet's specification 0.10 (`starknet_api_openrpc.json`,
/// `starknet_write_api.json`, `starknet_trace_api_openrpc.json`, `starknet_executables.json`).
package struct RPCError: Error, Hashable, Sendable {
    package var code: Int
    package var message: String
    package var data: JSONValue?

    init(_ code: Int, _ message: String, data: JSONValue? = nil) {
        self.code = code
        self.message = message
        self.data = data
    }

    func render(into writer: inout JSONWriter) {
        writer.object { writer in
            writer.member("code", number: code)
            writer.member("message", message)
            if let data {
                writer.name("data")
                writer.value(data)
            }
        }
    }
}

extension RPCError {
    static func parse(_ reason: String) -> RPCError {
        RPCError(-32700, "Parse error", data: .string(reason))
    }
    static func invalidRequest(_ reason: String) -> RPCError {
        RPCError(-32600, "Invalid Request", data: .string(reason))
    }
    static func methodNotFound(_ reason: String) -> RPCError {
        RPCError(-32601, "Method not found: \(reason)")
    }
    static func invalidParams(_ reason: String) -> RPCError {
        RPCError(-32602, "Invalid params", data: .string(reason))
    }
    static func `internal`(_ reason: String) -> RPCError {
        RPCError(-32603, "Internal error", data: .string(reason))
    }
    /// Not in either specification; the code that Ethereum's clients use for it (EIP-1474).
    static func limitExceeded(_ reason: String) -> RPCError {
        RPCError(-32005, "Limit exceeded", data: .string(reason))
    }

    static let contractNotFound = RPCError(20, "Contract not found")
    static let entryPointNotFound = RPCError(
        21, "Requested entry point does not exist in the contract")
    static let blockNotFound = RPCError(24, "Block not found")
    static let invalidTransactionIndex = RPCError(27, "Invalid transaction index in a block")
    static let classHashNotFound = RPCError(28, "Class hash not found")
    static let transactionHashNotFound = RPCError(29, "Transaction hash not found")
    static let pageSizeTooBig = RPCError(31, "Requested page size is too big")
    static let noBlocks = RPCError(32, "There are no blocks")
    static let invalidContinuationToken = RPCError(
        33, "The supplied continuation token is invalid or unknown")
    static let tooManyKeysInFilter = RPCError(34, "Too many keys provided in a filter")

    /// The transaction is known and has no trace: it waits, or it was refused.
    static func noTraceAvailable(status: String) -> RPCError {
        RPCError(
            10, "No trace available for transaction",
            data: .object([JSONMember("status", .string(status))]))
    }
    static let storageProofNotSupported = RPCError(
        42, "the node doesn't support storage proofs for blocks that are too far in the past")
    /// Of `starknet_getCompiledCasm`.
    static func compilationError(_ reason: String) -> RPCError {
        RPCError(
            100, "Failed to compile the contract",
            data: .object([JSONMember("compilation_error", .string(reason))]))
    }

    static func contractError(_ error: RPCContractError) -> RPCError {
        RPCError(40, "Contract error", data: .object([JSONMember("revert_error", error.json)]))
    }
    static func transactionExecution(index: Int, _ error: RPCContractError) -> RPCError {
        RPCError(
            41, "Transaction execution error",
            data: .object([
                JSONMember("transaction_index", .number(String(index))),
                JSONMember("execution_error", error.json),
            ]))
    }

    static let classTooLarge = RPCError(57, "Contract class size is too large")
    static let unsupportedTransactionVersion = RPCError(
        61, "the transaction version is not supported")
    static let unsupportedClassVersion = RPCError(
        62, "the contract class version is not supported")
    static func unexpected(_ reason: String) -> RPCError {
        RPCError(63, "An unexpected error occurred", data: .string(reason))
    }
}

extension RPCError {
    init(_ failure: RPCFailure) {
        self =
            switch failure {
            case .noBlocks: .noBlocks
            case .blockNotFound: .blockNotFound
            case .contractNotFound: .contractNotFound
            case .classHashNotFound: .classHashNotFound
            case .entryPointNotFound: .entryPointNotFound
            case .contractError(let error): .contractError(error)
            case .transactionExecution(let index, let error):
                .transactionExecution(index: index, error)
            case .storageProofNotSupported: .storageProofNotSupported
            case .compilationFailed(let reason): .compilationError(reason)
            case .unavailable(let reason): .internal(reason)
            }
    }

    init(_ failure: RPCAdmissionFailure) {
        self =
            switch failure {
            case .invalidNonce(let accountNonce, let got):
                RPCError(
                    52, "Invalid transaction nonce",
                    data: .string("the account's nonce is \(accountNonce), got \(got)"))
            case .insufficientResourcesForValidate:
                RPCError(
                    53,
                    "The transaction's resources don't cover validation or the minimal"
                        + " transaction fee")
            case .insufficientAccountBalance:
                RPCError(
                    54,
                    "Account balance is smaller than the transaction's maximal fee (calculated as"
                        + " the sum of each resource's limit x max price)")
            case .validationFailure(let reason):
                RPCError(55, "Account validation failed", data: .string(reason))
            case .notAnAccount: RPCError(58, "Sender address is not an account contract")
            case .duplicateTransaction:
                RPCError(59, "A transaction with the same hash already exists in the mempool")
            case .classHashNotFound: .classHashNotFound
            case .classAlreadyDeclared: RPCError(51, "Class already declared")
            case .compilationFailed(let reason):
                RPCError(56, "Compilation failed", data: .string(reason))
            case .classTooLarge: .classTooLarge
            case .compiledClassHashMismatch:
                RPCError(
                    60,
                    "the compiled class hash did not match the one supplied in the transaction")
            case .unsupportedClassVersion: .unsupportedClassVersion
            case .replacementUnderpriced:
                RPCError(64, "Replacement transaction is underpriced")
            case .feeBelowMinimum: RPCError(65, "Transaction fee below minimum")
            case .unsupportedTransactionVersion: .unsupportedTransactionVersion
            case .poolFull: .unexpected("the mempool is full")
            case .unavailable(let reason): .unexpected(reason)
            }
    }
}

extension RPCContractError {
    /// `CONTRACT_EXECUTION_ERROR`.
    var json: JSONValue {
        switch self {
        case .reason(let reason): .string(reason)
        case .frame(let contract, let classHash, let selector, let inner):
            .object([
                JSONMember("contract_address", .string(contract.hexString)),
                JSONMember("class_hash", .string(classHash.hexString)),
                JSONMember("selector", .string(selector.hexString)),
                JSONMember("error", inner.json),
            ])
        }
    }
}
