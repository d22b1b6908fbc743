import Execution
import JSONText
import Primitives
import StarkField
import StateTrie

/// Messages from L1 and requests for proofs.
extension Decode {
    /// `MSG_FROM_L1`, as the transaction that it brings about.
    static func messageFromL1(_ value: JSONValue) throws(RPCError) -> L1HandlerTransaction {
        let sender = try felt(try member(value, "from_address"), "from_address")
        // 160 bits.
        let words = sender.bigEndianWords
        guard words.0 == 0, words.1 >> 32 == 0 else {
            throw .invalidParams("\"from_address\" must be an address of Ethereum: 20 bytes")
        }
        let payload = try felts(
            try member(value, "payload"), "payload", maximum: Limits.calldata - 1)
        return L1HandlerTransaction(
            contractAddress: try felt(try member(value, "to_address"), "to_address"),
            entryPointSelector: try felt(
                try member(value, "entry_point_selector"), "entry_point_selector"),
            calldata: [sender] + payload, nonce: .zero)
    }

    /// `L1_TXN_HASH`: 0x and 1 to 64 hexadecimal digits.
    static func l1TransactionHash(_ value: JSONValue) throws(RPCError) -> Digest {
        guard case .string(let text) = value, text.hasPrefix("0x") else {
            throw .invalidParams("\"transaction_hash\" must be 0x and hexadecimal digits")
        }
        let digits = Array(text.utf8.dropFirst(2))
        guard !digits.isEmpty, digits.count <= 64 else {
            throw .invalidParams("\"transaction_hash\" must have 1 to 64 digits")
        }
        var words: [UInt64] = [0, 0, 0, 0]
        for (index, digit) in digits.reversed().enumerated() {
            guard let value = Character(Unicode.Scalar(digit)).hexDigitValue else {
                throw .invalidParams("\"transaction_hash\" must be 0x and hexadecimal digits")
            }
            words[3 - index / 16] |= UInt64(value) << UInt64(4 * (index % 16))
        }
        return Digest(words[0], words[1], words[2], words[3])
    }

    /// The three lists of `starknet_getStorageProof`, with at most `limits.proofKeys` keys together.
    static func storageProofRequest(
        classes: JSONValue?, contracts: JSONValue?, slots: JSONValue?, limits: RPCLimits
    ) throws(RPCError) -> RPCStorageProofRequest {
        var left = limits.proofKeys
        func count(_ keys: [Felt], _ name: String) throws(RPCError) {
            guard keys.count <= left else {
                throw .invalidParams("more than \(limits.proofKeys) keys are asked for")
            }
            left -= keys.count
            for key in keys where TriePath(key: key, height: TrieLimits.stateHeight) == nil {
                throw .invalidParams("\"\(name)\": \(key) is not below 2^251")
            }
        }
        func keys(_ value: JSONValue, _ name: String) throws(RPCError) -> [Felt] {
            let keys = try felts(value, name, maximum: limits.proofKeys)
            try count(keys, name)
            return keys
        }
        var request = RPCStorageProofRequest()
        if let classes { request.classHashes = try keys(classes, "class_hashes") }
        if let contracts { request.contracts = try keys(contracts, "contract_addresses") }
        guard let slots else { return request }
        for entry in try array(slots, "contracts_storage_keys", maximum: limits.proofKeys) {
            let contract = try felt(try member(entry, "contract_address"), "contract_address")
            // The path to the contract's own trie counts, too.
            try count([contract], "contract_address")
            request.slots.append(
                RPCStorageProofRequest.Slots(
                    contract: contract,
                    keys: try keys(try member(entry, "storage_keys"), "storage_keys")))
        }
        return request
    }
}
