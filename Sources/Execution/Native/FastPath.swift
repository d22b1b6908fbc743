import CairoVM
import StarkField
import StarkHash

/// Which classes have a native twin: Swift code that does what their Cairo code does.
///
/// I1: a twin gives the same return data, events, storage, steps, memory holes and builtins as the
/// class, or is not used: what it is not sure of, it leaves to the class. Panics and refused
/// arguments are never a twin's business.
///
/// Their costs are in `TwinCosts`, measured on the classes and kept true by tests against them.
package struct FastPath: Sendable {
    enum Twin: Sendable { case account, token, deployer }

    private var twins: [ClassHash: Twin] = [:]

    /// None: every class runs on the Cairo machine.
    package static let off = FastPath()

    private init() {}

    init(_ classes: SystemClassSet) {
        twins = [
            classes.account.classHash: .account, classes.token.classHash: .token,
            classes.deployer.classHash: .deployer,
        ]
    }

    subscript(_ classHash: ClassHash) -> Twin? { twins[classHash] }

    /// The same, but one class runs on the Cairo machine.
    package func without(_ classHash: ClassHash) -> FastPath {
        var others = self
        others.twins[classHash] = nil
        return others
    }
}

/// Why a twin stops.
enum TwinFailure: Error {
    /// The class decides: a panic, an argument out of range, a case that the twin has no costs for.
    case unsure
    case abort(CallAbort)
}

/// A twin at work in one call.
struct TwinFrame: Sendable {
    var frame: CallFrame
    /// What the class's own code would have used, without system calls.
    var cost = ExecutionResources()
    /// Whether calls were made, which can't be taken back alone.
    var hasCalled = false
    let mark: BlockState.Mark
    let counts: (events: Int, messages: Int)
}

extension CallContext {
    /// Runs a call on a twin. Nil where the class has to run itself; the state is then as before.
    ///
    /// A twin that becomes unsure after it has made calls of its own gives up the whole phase
    /// (`CallAbort.needsCairo`): running only its own class again would run what it called twice
    /// on each level of a deep chain of calls.
    mutating func runNative(
        _ twin: FastPath.Twin, _ call: EntryPointCall, _ tracked: TrackedResource,
        _ contract: BlockState.ContractIndex
    ) throws(CallAbort) -> CallInfo? {
        guard tracked == .cairoSteps else { return nil }
        var running = TwinFrame(
            frame: CallFrame(call, contract, tracked), mark: state.mark,
            counts: (eventCount, messageCount))
        let steps = stepsLeft
        let returned: [Felt]
        do throws(TwinFailure) {
            switch (twin, call.kind) {
            case (.account, .external): returned = try runAccount(&running)
            case (.account, .constructor): returned = try constructAccount(&running)
            case (.token, .external): returned = try runToken(&running)
            case (.deployer, .external): returned = try runDeployer(&running)
            case (_, .l1Handler), (.token, .constructor), (.deployer, .constructor):
                return nil
            }
            try takeSteps(running.cost.steps)
        } catch {
            if case .abort(let abort) = error { throw abort }
            if running.hasCalled { throw .needsCairo }
            state.revert(to: running.mark)
            (eventCount, messageCount) = running.counts
            stepsLeft = steps
            return nil
        }
        var info = CallInfo(call: call, tracked: tracked)
        info.returnData = returned
        var own = running.cost
        own += constants.resources(of: running.frame.usage)
        info.events = running.frame.events
        info.messages = running.frame.messages
        info.innerCalls = running.frame.innerCalls
        info.ownResources = own
        info.resources = own
        for inner in running.frame.innerCalls { info.resources += inner.resources }
        return info
    }

    /// The class's own steps come out of what is left; where they don't fit, the class has to show
    /// where it stops.
    private mutating func takeSteps(_ steps: UInt64) throws(TwinFailure) {
        guard steps < stepsLeft else { throw .unsure }
        stepsLeft -= steps
    }

    // MARK: System calls, as twins make them

    mutating func read(_ key: StorageKey, _ running: inout TwinFrame) throws(TwinFailure) -> Felt {
        running.frame.usage.add(.storageRead)
        do throws(CallAbort) {
            return try readStorage(key, running.frame)
        } catch { throw .abort(error) }
    }

    mutating func write(
        _ key: StorageKey, _ value: Felt, _ running: inout TwinFrame
    ) throws(TwinFailure) {
        running.frame.usage.add(.storageWrite)
        do throws(CallAbort) {
            try writeStorage(key, value, running.frame)
        } catch { throw .abort(error) }
    }

    mutating func emitNatively(
        keys: [Felt], data: [Felt], _ running: inout TwinFrame
    ) throws(TwinFailure) {
        running.frame.usage.add(.emitEvent)
        do throws(CallAbort) {
            try emit(keys: keys, data: data, &running.frame)
        } catch {
            // The class's own trace tells where it was.
            throw .unsure
        }
    }

    /// The address of a map's entry; unsure where it had to be reduced, which no costs are known of.
    func mapEntry(_ map: StorageKey, _ keys: [Felt]) throws(TwinFailure) -> StorageKey {
        var hash = map
        for key in keys { hash = Pedersen.hash(hash, key) }
        guard hash < ContractAddresses.bound else { throw .unsure }
        return hash
    }
}
