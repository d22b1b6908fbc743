import Execution
import Primitives
import StarkField
import Storage
import Synchronization
import WireCodec

/// Classes in the form that runs, read from storage once. What a class is follows from its hash, so
/// that one cache serves all heights; whether it is declared at a height, storage says.
///
/// Two generations: at most `2 * generation` classes.
final class ClassCache: Sendable {
    private static let generation = 128

    private struct State {
        var young: [ClassHash: CompiledClass] = [:]
        var old: [ClassHash: CompiledClass] = [:]
    }

    private let state = Mutex(State())

    func insert(_ compiled: CompiledClass, for hash: ClassHash) {
        state.withLock { state in
            if state.young.count >= Self.generation {
                state.old = state.young
                state.young = [:]
            }
            state.young[hash] = compiled
        }
    }

    private func known(_ hash: ClassHash) -> CompiledClass? {
        let found = state.withLock { state -> (CompiledClass, isOld: Bool)? in
            if let young = state.young[hash] { return (young, false) }
            return state.old[hash].map { ($0, true) }
        }
        if let found, found.isOld { insert(found.0, for: hash) }
        return found?.0
    }

    /// The class as it is declared at a height (by default ever), or nil.
    func compiled(
        _ hash: ClassHash, in view: ChainView, at height: Height?
    ) throws(StateReadError) -> CompiledClass? {
        let definition: [UInt8]?
        do throws(StoreError) {
            definition = try view.classDefinition(Digest(hash), at: height)
        } catch { throw .unavailable(code: 1) }
        guard let definition else { return nil }
        if let known = known(hash) { return known }
        do {
            let compiled = try ClassBytes.compiled(try StoredClass(decoding: definition))
            insert(compiled, for: hash)
            return compiled
        } catch { throw .corrupt }
    }
}
