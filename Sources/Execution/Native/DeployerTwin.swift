import CairoVM
import StarkField
import StarkHash

/// The twin of `deployer.cairo`.
extension CallContext {
    private enum Selectors {
        static let deploy = [selector("deploy_contract"), selector("deployContract")]
        static let deployed = selector("ContractDeployed")
    }

    mutating func runDeployer(_ running: inout TwinFrame) throws(TwinFailure) -> [Felt] {
        let call = running.frame.call
        guard Selectors.deploy.contains(call.selector) else { throw .unsure }
        var arguments = TwinArguments(call.calldata)
        let (classHash, salt) = (try arguments.address(), try arguments.felt())
        let isUnique = try arguments.flag()
        let calldata = Array(try arguments.span())
        try arguments.finish()
        running.cost += TwinCosts.Deployer.deploy
        running.cost += TwinCosts.Deployer.perArgument * UInt64(calldata.count)
        if isUnique {
            running.cost += TwinCosts.Deployer.unique.cost
            running.cost.steps -= TwinCosts.Deployer.unique.steps
        }
        running.frame.usage.add(.getExecutionInfo)
        running.frame.usage.add(.deploy, linear: calldata.count)
        running.hasCalled = true
        let caller = call.callerAddress
        let address: ContractAddress
        do throws(CallAbort) {
            var gas = constants.initialGasOfSteps
            (address, _) = try deployInner(
                classHash, salt: isUnique ? Pedersen.hash(caller, salt) : salt,
                calldata: calldata, fromZero: !isUnique, gas: &gas, &running.frame)
        } catch {
            if case .failed = error { throw .unsure }
            throw .abort(error)
        }
        var data = [address, caller, isUnique ? .one : .zero, classHash]
        data.append(Felt(UInt64(calldata.count)))
        data += calldata
        data.append(salt)
        try emitNatively(keys: [Selectors.deployed], data: data, &running)
        return [address]
    }
}
