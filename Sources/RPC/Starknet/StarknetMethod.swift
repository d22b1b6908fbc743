/// The methods that a node offers, by their names in the specification.
package enum StarknetMethod: String, CaseIterable, Sendable {
    case specVersion = "starknet_specVersion"
    case chainID = "starknet_chainId"
    case blockNumber = "starknet_blockNumber"
    case blockHashAndNumber = "starknet_blockHashAndNumber"
    case syncing = "starknet_syncing"
    case blockWithTransactionHashes = "starknet_getBlockWithTxHashes"
    case blockWithTransactions = "starknet_getBlockWithTxs"
    case blockWithReceipts = "starknet_getBlockWithReceipts"
    case blockTransactionCount = "starknet_getBlockTransactionCount"
    case stateUpdate = "starknet_getStateUpdate"
    case storageAt = "starknet_getStorageAt"
    case nonce = "starknet_getNonce"
    case classHashAt = "starknet_getClassHashAt"
    case classAt = "starknet_getClassAt"
    case contractClass = "starknet_getClass"
    case compiledClass = "starknet_getCompiledCasm"
    case storageProof = "starknet_getStorageProof"
    case transactionByHash = "starknet_getTransactionByHash"
    case transactionByBlockAndIndex = "starknet_getTransactionByBlockIdAndIndex"
    case transactionReceipt = "starknet_getTransactionReceipt"
    case transactionStatus = "starknet_getTransactionStatus"
    case messagesStatus = "starknet_getMessagesStatus"
    case call = "starknet_call"
    case estimateFee = "starknet_estimateFee"
    case estimateMessageFee = "starknet_estimateMessageFee"
    case simulate = "starknet_simulateTransactions"
    case traceTransaction = "starknet_traceTransaction"
    case traceBlock = "starknet_traceBlockTransactions"
    case events = "starknet_getEvents"
    case addDeclare = "starknet_addDeclareTransaction"
    case addInvoke = "starknet_addInvokeTransaction"
    case addDeployAccount = "starknet_addDeployAccountTransaction"

    /// The version that `starknet_specVersion` states.
    package static let specification = "0.10.2"

    /// Methods of the specification that this node does not offer, with what it lacks for them:
    /// those of the WebSocket document.
    package static let notOffered: [String: String] = [
        "starknet_subscribeNewHeads": "subscriptions",
        "starknet_subscribeEvents": "subscriptions",
        "starknet_subscribeTransactionStatus": "subscriptions",
        "starknet_subscribeNewTransactionReceipts": "subscriptions",
        "starknet_subscribeNewTransactions": "subscriptions",
        "starknet_unsubscribe": "subscriptions",
    ]

    /// Why there is no such method.
    static func absence(of method: String) -> String {
        guard let lacking = notOffered[method] else {
            return "\"\(method.prefix(64))\" is no method of specification \(specification)"
        }
        return "\(method) is specified, but this node does not support \(lacking)"
    }
}
