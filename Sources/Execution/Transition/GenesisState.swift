package import StarkField

/// What a chain starts with: the native classes, the STRK token with its first balances, both
/// universal deployers, and accounts that are already deployed.
package struct GenesisState: Hashable, Sendable {
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
        case zeroAddress
        case supplyOverflow
    }

    package var accounts: [Account]
    /// Balances of other addresses.
    package var balances: [Balance]

    package init(accounts: [Account], balances: [Balance] = []) {
        self.accounts = accounts
        self.balances = balances
    }

    /// Where a key's account is: what a deploy-account transaction with the key as salt would
    /// compute.
    package static func address(
        of publicKey: Felt, classes: NativeClasses = .standard
    ) -> ContractAddress {
        ContractAddresses.address(
            deployer: .zero, salt: publicKey, classHash: classes.account.classHash,
            constructorCalldata: [publicKey])
    }

    /// The diff of block 0, canonical. Accounts are made by their constructor, tokens by minting,
    /// so that genesis is a state that transactions could have led to.
    package func stateDiff(
        classes: NativeClasses = .standard
    ) throws(Failure) -> StateDiff {
        var context = NativeContext(
            state: BlockState(base: StateView(committed: EmptyState())),
            addresses: StorageAddressCache(), classes: classes)
        let accountBalances = accounts.map {
            Balance(
                address: GenesisState.address(of: $0.publicKey, classes: classes),
                amount: $0.balance)
        }
        var known: Set<ContractAddress> = []
        for balance in accountBalances + balances {
            guard known.insert(balance.address).inserted else {
                throw .repeatedAddress(balance.address)
            }
            if balance.address.isZero { throw .zeroAddress }
        }
        do throws(NativeFailure) {
            try deploySystem(in: &context)
            for (account, balance) in zip(accounts, accountBalances) {
                try unlimited(&context) { (context) throws(NativeFailure) in
                    try context.construct(
                        balance.address, classes.account.classHash, [account.publicKey],
                        caller: .zero)
                }
            }
            for balance in accountBalances + balances where balance.amount != .zero {
                try unlimited(&context) { (context) throws(NativeFailure) in
                    try TokenClass.mint(balance.amount, to: balance.address, in: &context)
                }
            }
        } catch {
            // On an empty state and with the addresses checked, only a sum can go wrong.
            throw .supplyOverflow
        }
        var diff = context.state.diff()
        diff.declaredClasses = classes.all.map {
            DeclaredClass(classHash: $0.classHash, compiledClassHash: $0.compiledClassHash)
        }
        return diff
    }

    private func deploySystem(in context: inout NativeContext) throws(NativeFailure) {
        for address in [
            WellKnownContracts.universalDeployer, WellKnownContracts.universalDeployer2,
        ] {
            try context.construct(
                address, context.classes.deployer.classHash, [], caller: .zero)
        }
        do throws(StateReadError) {
            let token = try context.state.contract(WellKnownContracts.strk)
            context.state.setClassHash(of: token, to: context.classes.token.classHash)
            context.frame = NativeContext.Frame(
                contract: token, address: WellKnownContracts.strk,
                classHash: context.classes.token.classHash, selector: .zero, caller: .zero,
                depth: 0)
        } catch { throw .state(error) }
        try unlimited(&context) { (context) throws(NativeFailure) in
            try TokenClass.describe(
                name: HashTerms.shortString("Starknet Token"),
                symbol: HashTerms.shortString("STRK"), decimals: 18, in: &context)
        }
    }

    /// Runs one step with its own gas, and without its events: genesis has no receipts.
    private func unlimited(
        _ context: inout NativeContext,
        _ step: (inout NativeContext) throws(NativeFailure) -> Void
    ) throws(NativeFailure) {
        context.gasLeft = .max
        try step(&context)
        context.events = []
    }
}
