import CairoVM
import Primitives
package import StarkField

/// A class that a chain has from its start.
package struct GenesisClass: Sendable {
    package let classHash: ClassHash
    /// 0 for Cairo 0, which has none.
    package let compiledClassHash: Felt
    package let compiled: CompiledClass

    package init(classHash: ClassHash, compiledClassHash: Felt, compiled: CompiledClass) {
        self.classHash = classHash
        self.compiledClassHash = compiledClassHash
        self.compiled = compiled
    }

    package init(_ declared: DeclaredContract) {
        self.init(
            classHash: declared.sierra.hash, compiledClassHash: declared.poseidonHash,
            compiled: declared.compiled)
    }

    package init(_ deprecated: DeprecatedClass) {
        self.init(
            classHash: deprecated.hash, compiledClassHash: .zero,
            compiled: CompiledClass(deprecated))
    }
}

/// The classes that the system itself relies on.
package struct SystemClassSet: Sendable {
    package let account: GenesisClass
    package let token: GenesisClass
    package let deployer: GenesisClass

    package init(account: GenesisClass, token: GenesisClass, deployer: GenesisClass) {
        self.account = account
        self.token = token
        self.deployer = deployer
    }

    package var all: [GenesisClass] { [account, token, deployer] }

    /// The native twins of these classes.
    package var fastPath: FastPath { FastPath(self) }
}

/// A state without contracts that knows some classes.
package struct ClassTable: StateReader {
    private let classes: [ClassHash: CompiledClass]

    package init(_ classes: [GenesisClass]) {
        self.classes = Dictionary(classes.map { ($0.classHash, $0.compiled) }) { first, _ in first }
    }

    package func storage(
        of contract: ContractAddress, at key: StorageKey
    ) throws(StateReadError) -> Felt { .zero }
    package func nonce(of contract: ContractAddress) throws(StateReadError) -> Nonce { .zero }
    package func classHash(
        of contract: ContractAddress
    ) throws(StateReadError) -> ClassHash { .zero }
    package func compiledClass(_ hash: ClassHash) throws(StateReadError) -> CompiledClass? {
        classes[hash]
    }
}

/// What a chain starts with: classes, the STRK token with its first balances, both universal
/// deployers, and accounts that are already deployed.
package struct GenesisState: Sendable {
    package struct Balance: Hashable, Sendable {
        package let address: ContractAddress
        /// In fri (10^-18 STRK).
        package let amount: U256

        package init(address: ContractAddress, amount: U256) {
            self.address = address
            self.amount = amount
        }
    }

    /// An account with this key, at `address(of:)`.
    package struct Account: Hashable, Sendable {
        package let publicKey: Felt
        package let balance: U256

        package init(publicKey: Felt, balance: U256) {
            self.publicKey = publicKey
            self.balance = balance
        }
    }

    package enum Failure: Error, Hashable, Sendable {
        /// Two entries for one address; balances are not added up silently.
        case repeatedAddress(ContractAddress)
        case repeatedClass(ClassHash)
        case zeroAddress
        case supplyOverflow
        /// A system class does not do what genesis needs of it.
        case constructorFailed(reason: String)
    }

    package var classes: SystemClassSet
    /// Further classes that are declared from the start.
    package var furtherClasses: [GenesisClass]
    package var accounts: [Account]
    /// Balances of other addresses.
    package var balances: [Balance]

    package init(
        classes: SystemClassSet, furtherClasses: [GenesisClass] = [], accounts: [Account],
        balances: [Balance] = []
    ) {
        self.classes = classes
        self.furtherClasses = furtherClasses
        self.accounts = accounts
        self.balances = balances
    }

    package var allClasses: [GenesisClass] { classes.all + furtherClasses }

    /// Where a key's account is: what a deploy-account transaction with the key as salt would
    /// compute.
    package static func address(
        of publicKey: Felt, accountClass: ClassHash
    ) -> ContractAddress {
        ContractAddresses.address(
            deployer: .zero, salt: publicKey, classHash: accountClass,
            constructorCalldata: [publicKey])
    }

    /// The diff of block 0, canonical. Contracts are made by their constructors; balances are
    /// written where the token keeps them, with the supply that they add up to.
    package func stateDiff() throws(Failure) -> StateDiff {
        let account = classes.account.classHash
        let accountBalances = accounts.map {
            Balance(
                address: GenesisState.address(of: $0.publicKey, accountClass: account),
                amount: $0.balance)
        }
        var known: Set<ContractAddress> = []
        for balance in accountBalances + balances {
            guard known.insert(balance.address).inserted else {
                throw .repeatedAddress(balance.address)
            }
            if balance.address.isZero { throw .zeroAddress }
        }
        var declared: Set<ClassHash> = []
        for entry in allClasses {
            guard declared.insert(entry.classHash).inserted else {
                throw .repeatedClass(entry.classHash)
            }
        }
        var context = CallContext(
            state: BlockState(base: ClassTable(allClasses)), constants: .standard,
            block: GenesisState.block, chainID: .zero, fastPath: .off,
            addresses: StorageAddressCache())
        for address in [
            WellKnownContracts.universalDeployer, WellKnownContracts.universalDeployer2,
        ] {
            try construct(address, classes.deployer, [], in: &context)
        }
        try construct(
            WellKnownContracts.strk, classes.token,
            [
                HashTerms.shortString("Starknet Token"), HashTerms.shortString("STRK"), 18, 0, 0,
                // A supply of nothing, for whom it must not be zero.
                WellKnownContracts.strk,
            ], in: &context)
        for (account, balance) in zip(accounts, accountBalances) {
            try construct(balance.address, classes.account, [account.publicKey], in: &context)
        }
        try mint(accountBalances + balances, in: &context)
        var diff = context.state.diff()
        diff.declaredClasses = allClasses.filter { $0.compiled.isCairo1 }.map {
            DeclaredClass(classHash: $0.classHash, compiledClassHash: $0.compiledClassHash)
        }
        diff.deprecatedDeclaredClasses =
            allClasses.filter { !$0.compiled.isCairo1 }.map(\.classHash)
        return diff.sorted()
    }

    private static let block = BlockInfo(
        number: Height(0), timestamp: 0, sequencerAddress: .zero,
        gasPrices: GasPrices(
            l1Gas: GasPrice(wei: 1, fri: 1), l1DataGas: GasPrice(wei: 1, fri: 1),
            l2Gas: GasPrice(wei: 1, fri: 1)),
        l1DataAvailabilityMode: .blob, starknetVersion: StarknetVersion(0, 13, 5))

    private func construct(
        _ address: ContractAddress, _ made: GenesisClass, _ calldata: [Felt],
        in context: inout CallContext
    ) throws(Failure) {
        var gas = context.constants.executeGas
        context.begin(.execute, steps: context.constants.invokeSteps, gas: gas)
        do throws(CallAbort) {
            _ = try context.deploy(
                made.classHash, at: address, calldata: calldata, caller: .zero, codeAddress: nil,
                gas: &gas)
        } catch {
            switch error {
            case .failed(let trace):
                throw .constructorFailed(reason: trace.text(.constructor))
            case .state, .needsCairo:
                preconditionFailure("genesis on an empty state came out with \(error)")
            }
        }
    }

    private func mint(
        _ balances: [Balance], in context: inout CallContext
    ) throws(Failure) {
        var supply = U256.zero
        do throws(StateReadError) {
            let token = try context.state.contract(WellKnownContracts.strk)
            for balance in balances where balance.amount != .zero {
                guard let sum = supply.adding(balance.amount) else {
                    throw StateReadError.corrupt
                }
                supply = sum
                try write(
                    balance.amount, of: token, at: context.addresses.balance(of: balance.address),
                    in: &context)
            }
            try write(supply, of: token, at: TokenStorage.totalSupply, in: &context)
        } catch {
            // An empty state can always be read: only a sum can go wrong.
            throw .supplyOverflow
        }
    }

    private func write(
        _ amount: U256, of token: BlockState.ContractIndex, at key: StorageKey,
        in context: inout CallContext
    ) throws(StateReadError) {
        let low = try context.state.cell(of: token, at: key)
        context.state.set(low, to: Felt(amount.low))
        let high = try context.state.cell(of: token, at: StorageAddresses.second(of: key))
        context.state.set(high, to: Felt(amount.high))
    }
}
