package import Execution
package import Primitives
package import StarkField

package struct RPCTransactionRecord: Hashable, Sendable {
    package var transaction: Transaction
    package var hash: Felt
    /// nil while the transaction is only in the pool.
    package var inclusion: Inclusion?

    package struct Inclusion: Hashable, Sendable {
        package var receipt: TransactionReceipt
        package var blockNumber: Height
        /// nil while the block is pre-confirmed.
        package var blockHash: Felt?
        package var finality: RPCFinality
        package init(
            receipt: TransactionReceipt, blockNumber: Height, blockHash: Felt?,
            finality: RPCFinality
        ) {
            self.receipt = receipt
            self.blockNumber = blockNumber
            self.blockHash = blockHash
            self.finality = finality
        }
    }

    package init(transaction: Transaction, hash: Felt, inclusion: Inclusion?) {
        self.transaction = transaction
        self.hash = hash
        self.inclusion = inclusion
    }
}

/// The levels of `starknet_getTransactionStatus`; each only when it is true.
package enum RPCTransactionStatus: Hashable, Sendable {
    /// In the pool.
    case received
    /// A leader has taken it up, without a result yet.
    case candidate
    case executed(RPCFinality, ExecutionStatus)
}

/// Where one message from L1 stands: one of those that an L1 transaction sent, once its
/// transaction is in a block.
package struct RPCMessageStatus: Hashable, Sendable {
    /// Of the L1 handler transaction.
    package var transactionHash: Felt
    package var finality: RPCFinality
    package var execution: ExecutionStatus

    package init(transactionHash: Felt, finality: RPCFinality, execution: ExecutionStatus) {
        self.transactionHash = transactionHash
        self.finality = finality
        self.execution = execution
    }
}

/// A class to declare as a client sent it: a node compiles it before the declaration can be pooled
/// or run.
package struct RPCDeclaration: Sendable {
    /// `classHash` is the hash of `contractClass`.
    package var transaction: DeclareTransactionV3
    package var contractClass: SierraClass
    /// The class in `PackedJSON`, as a `Declaration` holds it: the members of `CONTRACT_CLASS` and
    /// nothing else, at most `Limits.classBytes` bytes.
    package var packedClass: [UInt8]

    package init(
        transaction: DeclareTransactionV3, contractClass: SierraClass, packedClass: [UInt8]
    ) {
        self.transaction = transaction
        self.contractClass = contractClass
        self.packedClass = packedClass
    }

    /// What a block can hold, with the compiled class in `PackedJSON`.
    package func compiled(_ casm: [UInt8]) -> Declaration {
        Declaration(transaction: transaction, sierra: packedClass, casm: casm)
    }
}

/// A transaction as clients send them, of version 3.
package enum RPCNewTransaction: Sendable {
    case invoke(InvokeTransactionV3)
    case deployAccount(DeployAccountTransactionV3)
    case declare(RPCDeclaration)
}

/// A transaction as a client sent it, for an estimate or a simulation.
package struct RPCBroadcastedTransaction: Sendable {
    package var transaction: RPCNewTransaction
    /// Signed with the version plus 2^128, valid for estimates and simulations only.
    package var isQuery: Bool
    package init(transaction: RPCNewTransaction, isQuery: Bool) {
        self.transaction = transaction
        self.isQuery = isQuery
    }
}

package enum RPCPriceUnit: String, Hashable, Sendable {
    case wei = "WEI"
    case fri = "FRI"
}

package struct RPCFeeEstimate: Hashable, Sendable {
    package var gas: GasVector
    /// Prices and fee in `unit`.
    package var l1GasPrice: UInt128
    package var l1DataGasPrice: UInt128
    package var l2GasPrice: UInt128
    package var overallFee: UInt128
    package var unit: RPCPriceUnit

    package init(
        gas: GasVector, l1GasPrice: UInt128, l1DataGasPrice: UInt128, l2GasPrice: UInt128,
        overallFee: UInt128, unit: RPCPriceUnit
    ) {
        self.gas = gas
        self.l1GasPrice = l1GasPrice
        self.l1DataGasPrice = l1DataGasPrice
        self.l2GasPrice = l2GasPrice
        self.overallFee = overallFee
        self.unit = unit
    }
}
