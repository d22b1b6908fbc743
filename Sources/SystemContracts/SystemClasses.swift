import CairoVM
package import Execution
import JSONText

extension SystemContracts {
    /// The classes in the form that execution takes.
    package static let classes: SystemClassSet = {
        func made(_ source: SystemClass) -> GenesisClass {
            do throws(ClassError) {
                return GenesisClass(
                    DeclaredContract(
                        sierra: try SierraClass(json: source.sierraJSON),
                        casm: try CasmClass(json: source.casmJSON)))
            } catch {
                preconditionFailure("the committed class \(source.name) cannot be read: \(error)")
            }
        }
        return SystemClassSet(
            account: made(account), token: made(token), deployer: made(deployer))
    }()
}
