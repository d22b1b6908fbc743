package import StarkField

package enum GasResource: UInt8, Hashable, Sendable {
    case l1Gas, l1DataGas, l2Gas

    /// The name in Starknet's messages.
    package var name: String {
        switch self {
        case .l1Gas: "L1Gas"
        case .l1DataGas: "L1DataGas"
        case .l2Gas: "L2Gas"
        }
    }
}

/// Why a transaction can't be in this block. Nothing was charged and nothing changed.
package enum InvalidTransaction: Error, Hashable, Sendable, CustomStringConvertible {
    /// A field that version 3 reserves is not empty, or not L1.
    case reservedFieldInUse
    case accountNotDeployed(ContractAddress)
    /// A declaration without its class, which only a node's own fault can bring.
    case classMissing(ClassHash)
    case alreadyDeclared(ClassHash)
    case classHashMismatch(signed: ClassHash, computed: ClassHash)
    case compiledClassHashMismatch(signed: Felt, computed: Felt)
    case classTooLarge(bytecode: Int, limit: Int)
    case wrongNonce(account: ContractAddress, expected: Nonce, got: Nonce)
    case maximumGasTooLow(GasResource, maximum: UInt64, minimal: UInt64)
    case maximumGasPriceTooLow(GasResource, maximum: UInt128, actual: UInt128)
    case balanceTooLow(maximumFee: UInt128, balance: U256)
    /// The reason is for people.
    case validationFailed(reason: String)
    case deploymentFailed(reason: String)
    /// A deployment, which can't be reverted, used more than it allowed.
    case costExceedsBounds(reason: String)
    /// The fee token is missing, or refused to move the fee.
    case feeTransferFailed

    package var description: String {
        switch self {
        case .reservedFieldInUse:
            "A reserved transaction field is in use."
        case .accountNotDeployed(let address):
            "Requested contract address \(PanicText.padded(address)) is not deployed."
        case .classMissing(let hash):
            "The declaration of class \(PanicText.padded(hash)) came without the class."
        case .alreadyDeclared(let hash):
            "Class with hash \(PanicText.padded(hash)) is already declared."
        case .classHashMismatch(let signed, let computed):
            "The class has the hash \(computed.hexString), not \(signed.hexString) as signed."
        case .compiledClassHashMismatch(let signed, let computed):
            "The compiled class has the hash \(computed.hexString), not \(signed.hexString) as "
                + "signed."
        case .classTooLarge(let bytecode, let limit):
            "The class compiles to \(bytecode) felts of bytecode, at most \(limit) are allowed."
        case .wrongNonce(let account, let expected, let got):
            "Invalid transaction nonce of contract at address \(PanicText.padded(account)). "
                + "Account nonce: \(expected.hexString); got: \(got.hexString)."
        case .maximumGasTooLow(let resource, let maximum, let minimal):
            "Max \(resource.name) amount (\(maximum)) is lower than the minimal gas amount: "
                + "\(minimal)."
        case .maximumGasPriceTooLow(let resource, let maximum, let actual):
            "Max \(resource.name) price (\(maximum)) is lower than the actual gas price: "
                + "\(actual)."
        case .balanceTooLow(let maximumFee, let balance):
            "Resources bounds (with a maximal fee of \(maximumFee)) exceed balance "
                + "(\(balance.low), \(balance.high))."
        case .validationFailed(let reason), .deploymentFailed(let reason),
            .costExceedsBounds(let reason):
            reason
        case .feeTransferFailed:
            "The fee could not be transferred."
        }
    }
}

/// What an included transaction's gas was made of.
package struct ExecutionCost: Hashable, Sendable {
    /// L2 gas of running the entry points.
    package var computation: UInt64
    /// The part of the total that pays for the state changes on L1.
    package var dataAvailability: GasVector
}

package enum ExecutionOutcome: Hashable, Sendable {
    case included(TransactionReceipt, ExecutionCost)
    case invalid(InvalidTransaction)
}

package enum TransactionOutcome: Hashable, Sendable {
    case included(ExecutedTransaction)
    case invalid(InvalidTransaction)
}

/// What a transaction would cost at the block's prices.
package struct FeeEstimate: Hashable, Sendable {
    package var gas: GasVector
    /// In fri, or in wei, like the fee.
    package var l1GasPrice: UInt128
    package var l1DataGasPrice: UInt128
    package var l2GasPrice: UInt128
    package var overallFee: UInt128
    /// Whether prices and fee are in wei: those of messages from L1.
    package var isInWei = false
}

/// Why a transaction's cost could not be estimated.
package enum EstimateFailure: Error, Hashable, Sendable {
    case invalid(index: Int, InvalidTransaction)
    case reverted(index: Int, reason: String)
    case state(StateReadError)
}

/// Why a call that changes nothing did not return.
package enum CallFailure: Error, Hashable, Sendable {
    case contractNotFound
    case entryPointNotFound
    case reverted(reason: String, data: [Felt])
    case state(StateReadError)
}
