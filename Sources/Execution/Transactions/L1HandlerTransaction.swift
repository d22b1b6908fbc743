package import StarkField
package import WireCodec

/// A message from L1 to a contract, version 0 (Starknet RPC 0.10, `L1_HANDLER_TXN`). It has no
/// sender on this chain, no signature and no bounds: its fee is paid on L1.
package struct L1HandlerTransaction: Hashable, Sendable {
    package var contractAddress: ContractAddress
    package var entryPointSelector: Selector
    /// The sender's address on L1, then the message's payload.
    package var calldata: [Felt]
    /// How many messages the core contract on L1 had taken before.
    package var nonce: Nonce

    package init(
        contractAddress: ContractAddress, entryPointSelector: Selector, calldata: [Felt],
        nonce: Nonce
    ) {
        self.contractAddress = contractAddress
        self.entryPointSelector = entryPointSelector
        self.calldata = calldata
        self.nonce = nonce
    }

    /// The transaction's hash (Starknet documentation, "Transactions", L1 handler).
    package func hash(chainID: ChainID, query: Bool = false) -> Felt {
        HistoricTransactionHash.l1Handler(
            version: HistoricTransactionHash.version(0, query: query),
            contractAddress: contractAddress, selector: entryPointSelector, calldata: calldata,
            nonce: nonce, chainID: chainID)
    }
}

extension L1HandlerTransaction: WireCodable {
    package func encode(into writer: inout WireWriter) {
        contractAddress.encode(into: &writer)
        entryPointSelector.encode(into: &writer)
        writer.write(felts: calldata)
        nonce.encode(into: &writer)
    }

    package init(from reader: inout WireReader) throws(WireError) {
        contractAddress = try reader.read()
        entryPointSelector = try reader.read()
        calldata = try reader.readFelts("calldata", maximum: Limits.calldata)
        nonce = try reader.read()
    }
}
