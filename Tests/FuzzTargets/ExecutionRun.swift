import CairoVM
import Execution
import Primitives
import StarkField

/// A compiled class as a contract, called with some calldata: every way of its going wrong is an
/// end with a reason.
///
/// The bytes: how many felts of calldata and whether the class counts gas, the felts as a byte
/// each, and the class as JSON.
enum ExecutionRun {
    private static let address: ContractAddress = 0xabc
    private static let classHash: ClassHash = 0x77

    /// One class, and a contract of it.
    private struct World: StateReader {
        let compiled: CompiledClass

        func storage(
            of contract: ContractAddress, at key: StorageKey
        ) throws(StateReadError) -> Felt { .zero }
        func nonce(of contract: ContractAddress) throws(StateReadError) -> Nonce { .zero }
        func classHash(of contract: ContractAddress) throws(StateReadError) -> ClassHash {
            contract == address ? ExecutionRun.classHash : .zero
        }
        func compiledClass(_ hash: ClassHash) throws(StateReadError) -> CompiledClass? {
            hash == ExecutionRun.classHash ? compiled : nil
        }
    }

    private static let context: BlockContext = {
        let price = GasPrice(wei: 1, fri: 1)
        var context = BlockContext(
            info: BlockInfo(
                number: Height(20), timestamp: 1_700_000_000, sequencerAddress: 5,
                gasPrices: GasPrices(l1Gas: price, l1DataGas: price, l2Gas: price),
                l1DataAvailabilityMode: .blob, starknetVersion: StarknetVersion(0, 14, 0)),
            chainID: 7)
        context.constants.invokeSteps = 5000
        return context
    }()

    /// - Returns: whether the class could be read.
    @discardableResult
    static func run(_ bytes: [UInt8]) -> Bool {
        guard let head = bytes.first else { return false }
        let count = Int(head & 7)
        guard bytes.count > count else { return false }
        let calldata = bytes.dropFirst().prefix(count).map { Felt(UInt64($0)) }
        let casm: CasmClass
        do throws(ClassError) {
            casm = try CasmClass(json: Array(bytes.dropFirst(1 + count)))
        } catch { return false }
        let version = SierraVersion(1, head & 8 == 0 ? 7 : 0, 0)
        let world = World(compiled: CompiledClass(casm, sierraVersion: version))
        for kind in CasmClass.EntryPointKind.allCases {
            for point in (casm.entryPoints[kind] ?? []).prefix(2) {
                call(kind, point.selector, calldata, in: world)
            }
        }
        return true
    }

    private static func call(
        _ kind: CasmClass.EntryPointKind, _ selector: Selector, _ calldata: [Felt],
        in world: World
    ) {
        let gas: UInt64 = 1_000_000
        do throws(StateReadError) {
            var executor = try BlockExecutor(queries: context, on: world)
            do throws(CallFailure) {
                let info = try executor.trace(
                    EntryPointCall(
                        kind: kind, selector: selector, calldata: calldata,
                        storageAddress: address, callerAddress: .zero, codeAddress: nil,
                        classHash: nil, initialGas: gas))
                precondition(info.gasConsumed <= gas, "more gas used than given: \(info)")
            } catch {
                if case .state = error { preconditionFailure("memory can't be read: \(error)") }
            }
        } catch { preconditionFailure("memory can't be read: \(error)") }
    }

    /// A class that returns its calldata, one that writes a cell, and one that calls itself.
    static let seeds: [[UInt8]] = {
        let classes: [[String]] = [
            [
                #"{"bytecode":["0x480a7ffa7fff8000","0x480a7ffb7fff8000","0x480680017fff80"#,
                #"00","0x0","0x480a7ffc7fff8000","0x480a7ffd7fff8000","0x208b7fff7fff7ffe""#,
                #"],"hints":[],"entry_points_by_type":{"EXTERNAL":[{"selector":"0x123","of"#,
                #"fset":0,"builtins":[]}],"L1_HANDLER":[],"CONSTRUCTOR":[]}}"#,
            ],
            [
                #"{"bytecode":["0x480680017fff8000","0x53746f726167655772697465","0x400280"#,
                #"007ffb7fff","0x400380017ffb7ffa","0x480680017fff8000","0x0","0x400280027"#,
                #"ffb7fff","0x480680017fff8000","0x5","0x400280037ffb7fff","0x480680017fff"#,
                #"8000","0x7","0x400280047ffb7fff","0x480280057ffb8000","0x482680017ffb800"#,
                #"0","0x7","0x480280067ffb8000","0x480a7ffc7fff8000","0x480a7ffd7fff8000","#,
                #""0x208b7fff7fff7ffe"],"hints":[[13,[{"SystemCall":{"system":{"Deref":{"r"#,
                #"egister":"FP","offset":-5}}}}]]],"entry_points_by_type":{"EXTERNAL":[{"s"#,
                #"elector":"0x123","offset":0,"builtins":[]}],"L1_HANDLER":[],"CONSTRUCTOR"#,
                #"":[]}}"#,
            ],
            [
                #"{"bytecode":["0x480680017fff8000","0x43616c6c436f6e7472616374","0x400280"#,
                #"007ffb7fff","0x400380017ffb7ffa","0x480680017fff8000","0xabc","0x4002800"#,
                #"27ffb7fff","0x480680017fff8000","0x123","0x400280037ffb7fff","0x40038004"#,
                #"7ffb7ffc","0x400380057ffb7ffd","0x480280067ffb8000","0x482680017ffb8000""#,
                #","0xa","0x480280077ffb8000","0x480280087ffb8000","0x480280097ffb8000","0"#,
                #"x208b7fff7fff7ffe"],"hints":[[12,[{"SystemCall":{"system":{"Deref":{"reg"#,
                #"ister":"FP","offset":-5}}}}]]],"entry_points_by_type":{"EXTERNAL":[{"sel"#,
                #"ector":"0x123","offset":0,"builtins":[]}],"L1_HANDLER":[],"CONSTRUCTOR":"#,
                #"[]}}"#,
            ],
        ]
        return classes.flatMap { parts -> [[UInt8]] in
            let text = Array(parts.joined().utf8)
            return [[2, 1, 2] + text, [8] + text]
        }
    }()
}
