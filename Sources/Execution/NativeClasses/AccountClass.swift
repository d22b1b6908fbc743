import StarkCurve
import StarkField
import StarkHash

/// An account with a STARK key (SNIP-6), which behaves as OpenZeppelin's account component 1.0
/// does: its storage, interfaces, events and panic reasons.
enum AccountClass {
    enum EntryPoint: Sendable {
        case execute, validate, validateDeclare, validateDeploy
        case isValidSignature, supportsInterface, getPublicKey, setPublicKey
        case constructor
    }

    enum Storage {
        static let publicKey = StorageAddresses.variable("Account_public_key")
        /// SRC-5's map from interface to whether it is supported.
        static let interfaces = StorageAddresses.variable("SRC5_supported_interfaces")
        static let accountInterface = StorageAddresses.entry(of: interfaces, accountInterfaceID)
    }

    /// SRC-5 identifiers of SNIP-6 and of SRC-5 itself.
    static let accountInterfaceID = HashTerms.packed(
        0x02ce_ccef_7f99_4940, 0xb396_2a6c_67e0_ba4f, 0xcd37_df7d_1314_17c6,
        0x04f9_1e03_caec_c1cd)
    static let introspectionInterfaceID = HashTerms.packed(
        0x03f9_18d1_7e5e_e773, 0x73b5_6385_708f_8556, 0x59a0_7f75_997f_365c,
        0xf877_4862_8532_a055)

    private enum Reason {
        static let caller = HashTerms.shortString("Account: invalid caller")
        static let unauthorized = HashTerms.shortString("Account: unauthorized")
    }

    static let invalidSignature = HashTerms.shortString("Account: invalid signature")
    static let valid = HashTerms.shortString("VALID")
    private static let ownerAdded = selector("OwnerAdded")
    private static let ownerRemoved = selector("OwnerRemoved")
    private static let starknetMessage = HashTerms.shortString("StarkNet Message")
    private static let acceptOwnership = HashTerms.shortString("accept_ownership")

    static func run(
        _ entryPoint: EntryPoint, in context: inout NativeContext, _ calldata: ArraySlice<Felt>
    ) throws(NativeFailure) -> [Felt] {
        var arguments = CalldataReader(calldata)
        switch entryPoint {
        case .execute:
            let calls = try arguments.calls()
            try arguments.finish()
            return try execute(calls, in: &context)
        case .validate:
            _ = try arguments.calls()
            try arguments.finish()
            return try validateTransaction(in: &context)
        case .validateDeclare:
            _ = try arguments.felt()
            try arguments.finish()
            return try validateTransaction(in: &context)
        case .validateDeploy:
            _ = try arguments.felt()
            _ = try arguments.felt()
            _ = try arguments.felt()
            try arguments.finish()
            return try validateTransaction(in: &context)
        case .isValidSignature:
            let hash = try arguments.felt()
            let signature = try arguments.span()
            try arguments.finish()
            let isValid = try isValidSignature(signature, of: hash, in: &context)
            return [isValid ? valid : .zero]
        case .supportsInterface:
            let interface = try arguments.felt()
            try arguments.finish()
            return [try supports(interface, in: &context) ? .one : .zero]
        case .getPublicKey:
            try arguments.finish()
            return [try context.read(at: Storage.publicKey)]
        case .setPublicKey:
            let publicKey = try arguments.felt()
            let signature = try arguments.span()
            try arguments.finish()
            try setPublicKey(publicKey, signature, in: &context)
            return []
        case .constructor:
            let publicKey = try arguments.felt()
            try arguments.finish()
            try context.write(at: Storage.accountInterface, .one)
            try writeOwner(publicKey, in: &context)
            return []
        }
    }

    /// Runs the calls in order and returns their results: the number of calls, then of each the
    /// length and the felts. Only the system itself may call it.
    private static func execute(
        _ calls: [AccountCall], in context: inout NativeContext
    ) throws(NativeFailure) -> [Felt] {
        guard try context.caller().isZero else { throw .panic(Reason.caller) }
        var results = [Felt(UInt64(calls.count))]
        for call in calls {
            try context.charge(GasSchedule.accountPerCall)
            let result = try context.call(call.contract, call.selector, call.calldata)
            results.append(Felt(UInt64(result.count)))
            results.append(contentsOf: result)
        }
        return results
    }

    private static func validateTransaction(
        in context: inout NativeContext
    ) throws(NativeFailure) -> [Felt] {
        try context.charge(GasSchedule.getExecutionInfo + GasSchedule.signature)
        let publicKey = try context.read(at: Storage.publicKey)
        let isValid: Bool
        if let checked = context.transaction.checkedSignature, checked.publicKey == publicKey {
            isValid = checked.isValid
        } else {
            isValid =
                SignatureCheck(
                    publicKey: publicKey, messageHash: context.transaction.hash,
                    signature: context.transaction.signature[...])?.verify() ?? false
        }
        if !isValid { throw .panic(invalidSignature) }
        return [valid]
    }

    private static func isValidSignature(
        _ signature: ArraySlice<Felt>, of hash: Felt, in context: inout NativeContext
    ) throws(NativeFailure) -> Bool {
        try context.charge(GasSchedule.signature)
        let publicKey = try context.read(at: Storage.publicKey)
        return SignatureCheck(publicKey: publicKey, messageHash: hash, signature: signature)?
            .verify() ?? false
    }

    private static func supports(
        _ interface: Felt, in context: inout NativeContext
    ) throws(NativeFailure) -> Bool {
        if interface == introspectionInterfaceID { return true }
        try context.charge(GasSchedule.mapAddress)
        let key = StorageAddresses.entry(of: Storage.interfaces, interface)
        return try context.read(at: key) == .one
    }

    /// The account changes its own key; the new key signs that it takes over.
    private static func setPublicKey(
        _ publicKey: Felt, _ signature: ArraySlice<Felt>, in context: inout NativeContext
    ) throws(NativeFailure) {
        guard try context.caller() == context.frame.address else {
            throw .panic(Reason.unauthorized)
        }
        let current = try context.read(at: Storage.publicKey)
        try context.charge(GasSchedule.accountOwnershipHash + GasSchedule.signature)
        let message = Poseidon.hashMany([
            starknetMessage, acceptOwnership, context.frame.address, current,
        ])
        let check = SignatureCheck(
            publicKey: publicKey, messageHash: message, signature: signature)
        guard check?.verify() ?? false else { throw .panic(invalidSignature) }
        try context.emit(keys: [ownerRemoved, current], data: [])
        try writeOwner(publicKey, in: &context)
    }

    private static func writeOwner(
        _ publicKey: Felt, in context: inout NativeContext
    ) throws(NativeFailure) {
        try context.write(at: Storage.publicKey, publicKey)
        try context.emit(keys: [ownerAdded, publicKey], data: [])
    }
}

// MARK: - The published class

extension AccountClass {
    static let definition: NativeClass = {
        let calls = Interface.Argument(
            name: "calls", type: "core::array::Array::<\(Interface.call)>")
        func felt(_ name: String) -> Interface.Argument {
            Interface.Argument(name: name, type: Interface.felt)
        }
        func function(
            _ name: String, _ inputs: [Interface.Argument], _ outputs: [String],
            isView: Bool = true
        ) -> Interface.Function {
            Interface.Function(name: name, inputs: inputs, outputs: outputs, isView: isView)
        }
        let signature = Interface.Argument(name: "signature", type: Interface.feltArray)
        let signatureSpan = Interface.Argument(name: "signature", type: Interface.feltSpan)
        let functions: [(Interface.Function, EntryPoint)] = [
            (
                function(
                    "__execute__", [calls], ["core::array::Array::<\(Interface.feltSpan)>"]),
                .execute
            ),
            (function("__validate__", [calls], [Interface.felt]), .validate),
            (
                function("is_valid_signature", [felt("hash"), signature], [Interface.felt]),
                .isValidSignature
            ),
            (
                function("supports_interface", [felt("interface_id")], [Interface.bool]),
                .supportsInterface
            ),
            (
                function("__validate_declare__", [felt("class_hash")], [Interface.felt]),
                .validateDeclare
            ),
            (
                function(
                    "__validate_deploy__",
                    [felt("class_hash"), felt("contract_address_salt"), felt("public_key")],
                    [Interface.felt]),
                .validateDeploy
            ),
            (function("get_public_key", [], [Interface.felt]), .getPublicKey),
            (
                function(
                    "set_public_key", [felt("new_public_key"), signatureSpan], [],
                    isView: false),
                .setPublicKey
            ),
            (
                function("isValidSignature", [felt("hash"), signature], [Interface.felt]),
                .isValidSignature
            ),
            (function("getPublicKey", [], [Interface.felt]), .getPublicKey),
            (
                function(
                    "setPublicKey", [felt("newPublicKey"), signatureSpan], [], isView: false),
                .setPublicKey
            ),
        ]
        let interface = Interface(
            path: "prytany::account::Account", types: [.spanOfFelts, .call, .bool],
            functions: functions.map(\.0), constructor: [felt("public_key")],
            events: [
                Interface.EventType(
                    name: "OwnerAdded",
                    members: [
                        Interface.EventMember(
                            name: "new_owner_guid", type: Interface.felt, isKey: true)
                    ]),
                Interface.EventType(
                    name: "OwnerRemoved",
                    members: [
                        Interface.EventMember(
                            name: "removed_owner_guid", type: Interface.felt, isKey: true)
                    ]),
            ])
        return NativeClass(
            name: "ACCOUNT", version: 1, interface: interface,
            functions: functions.map { ($0.0.name, .account($0.1)) },
            constructor: .account(.constructor))
    }()
}
