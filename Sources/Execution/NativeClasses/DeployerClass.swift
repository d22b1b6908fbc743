import StarkField
import StarkHash

/// The universal deployer (OpenZeppelin's, in both spellings): deploys a class for whoever calls,
/// at an address that depends on the caller or on nothing but salt, class and arguments.
enum DeployerClass {
    enum EntryPoint: Sendable { case deployContract }

    private static let contractDeployed = selector("ContractDeployed")

    static func run(
        _ entryPoint: EntryPoint, in context: inout NativeContext, _ calldata: ArraySlice<Felt>
    ) throws(NativeFailure) -> [Felt] {
        var arguments = CalldataReader(calldata)
        let classHash = try arguments.classHash()
        let salt = try arguments.felt()
        let isUnique = try arguments.bool()
        let constructorCalldata = try arguments.span()
        try arguments.finish()

        let caller = try context.caller()
        try context.charge(GasSchedule.deployerBody)
        let address = try context.deploy(
            classHash, salt: isUnique ? Pedersen.hash(caller, salt) : salt,
            calldata: constructorCalldata, fromZero: !isUnique)
        var data = [address, caller, isUnique ? .one : .zero, classHash]
        data.append(Felt(UInt64(constructorCalldata.count)))
        data.append(contentsOf: constructorCalldata)
        data.append(salt)
        try context.emit(keys: [contractDeployed], data: data)
        return [address]
    }

    static let definition: NativeClass = {
        func function(_ name: String, _ names: (String, String)) -> Interface.Function {
            Interface.Function(
                name: name,
                inputs: [
                    Interface.Argument(name: names.0, type: Interface.classHash),
                    Interface.Argument(name: "salt", type: Interface.felt),
                    Interface.Argument(name: names.1, type: Interface.bool),
                    Interface.Argument(name: "calldata", type: Interface.feltSpan),
                ],
                outputs: [Interface.address], isView: false)
        }
        func member(_ name: String, _ type: String) -> Interface.EventMember {
            Interface.EventMember(name: name, type: type, isKey: false)
        }
        let functions = [
            function("deploy_contract", ("class_hash", "not_from_zero")),
            function("deployContract", ("classHash", "notFromZero")),
        ]
        let interface = Interface(
            path: "prytany::deployer::Deployer", types: [.bool, .spanOfFelts],
            functions: functions, constructor: nil,
            events: [
                Interface.EventType(
                    name: "ContractDeployed",
                    members: [
                        member("address", Interface.address),
                        member("deployer", Interface.address),
                        member("not_from_zero", Interface.bool),
                        member("class_hash", Interface.classHash),
                        member("calldata", Interface.feltSpan), member("salt", Interface.felt),
                    ])
            ])
        return NativeClass(
            name: "DEPLOYER", version: 1, interface: interface,
            functions: functions.map { ($0.name, .deployer(.deployContract)) }, constructor: nil)
    }()
}
