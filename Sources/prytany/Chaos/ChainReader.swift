import Execution
import Foundation
import Primitives
import SequencerNode
import Simulation
import StarkField

/// What a node's JSON-RPC says of its chain, as observations that the checkers compare.
struct ChainReader {
    /// Blocks that are read of each node.
    private static let blocksRead: UInt64 = 24
    /// Heights at which all balances are added up.
    private static let sums: UInt64 = 4

    struct Reading {
        var observations: [Observation] = []
        /// What the node has by JSON-RPC as block of each height that was read.
        var transactions: [UInt64: [Digest]] = [:]
        var problem: String?
    }

    private struct Answer<Result: Decodable>: Decodable {
        struct Failure: Decodable { var message: String }
        var result: Result?
        var error: Failure?
    }

    private struct Block: Decodable {
        var blockHash: String
        var transactions: [String]
        enum CodingKeys: String, CodingKey {
            case blockHash = "block_hash"
            case transactions
        }
    }

    let host: String
    let port: Int
    let holders: [Felt]

    /// Reads blocks spread over the chain, and at some of their heights every balance.
    func read() -> Reading {
        var reading = Reading()
        do {
            let tip: UInt64 = try call("starknet_blockNumber", "[]")
            for height in Self.spread(Self.blocksRead, to: tip) {
                let block: Block = try call(
                    "starknet_getBlockWithTxHashes", #"{"block_id":{"block_number":\#(height)}}"#)
                guard let hash = Felt(hex: block.blockHash) else {
                    throw CommandFailure("block \(height) has the hash \(block.blockHash)")
                }
                reading.observations.append(.hashed(Height(height), Digest(hash)))
                reading.transactions[height] = block.transactions.compactMap {
                    Felt(hex: $0).map { Digest($0) }
                }
            }
            for height in Self.spread(Self.sums, to: tip) {
                reading.observations.append(.supply(Height(height), try supply(height)))
            }
        } catch { reading.problem = "\(error)" }
        return reading
    }

    private static func spread(_ count: UInt64, to tip: UInt64) -> [UInt64] {
        guard tip > 0 else { return [] }
        let steps = min(count, tip)
        return (1...steps).map { $0 * tip / steps }
    }

    private func supply(_ height: UInt64) throws -> UInt128 {
        var sum: UInt128 = 0
        for holder in holders {
            let parts: [String] = try call(
                "starknet_call",
                #"{"request":{"contract_address":"\#(Self.token)","#
                    + #""entry_point_selector":"\#(Self.selector)","#
                    + #""calldata":["\#(holder.hexString)"]},"#
                    + #""block_id":{"block_number":\#(height)}}"#)
            guard let low = parts.first, let amount = UInt128(low.dropFirst(2), radix: 16) else {
                throw CommandFailure("balanceOf answers \(parts)")
            }
            sum += amount
        }
        return sum
    }

    private static let selector = Accounts.selector("balanceOf").hexString
    private static let token = SignedTransfer.token.hexString

    private func call<Result: Decodable>(_ method: String, _ parameters: String) throws -> Result {
        let json =
            #"{"jsonrpc":"2.0","id":1,"method":"\#(method)","params":\#(parameters)}"#
        guard
            let answer = LocalHTTP.post(
                host: host, port: port, path: "/", json: json, milliseconds: 5000)
        else { throw CommandFailure("no answer to \(method)") }
        let decoded = try JSONDecoder().decode(Answer<Result>.self, from: answer.body)
        guard let result = decoded.result else {
            throw CommandFailure("\(method): \(decoded.error?.message ?? "no result")")
        }
        return result
    }
}
