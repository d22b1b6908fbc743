import Execution
import JSONText
import Primitives
import StarkField
import StarkHash
import Synchronization

/// Compiles the classes of declarations on a thread of its own, one after the other, and keeps what
/// came of it by class hash: for users who declare here, and to see for itself whether what others
/// declare is compiled as they say.
final class ClassVerifier: Sendable {
    typealias Completion = @Sendable (Result<[UInt8], CompilationError>) -> Void

    /// What this node knows of a declaration that another made.
    enum Verdict: Hashable, Sendable {
        case same, different, unknown
    }

    private struct Work: Sendable {
        let hash: ClassHash
        let sierra: JSONValue
        let done: Completion
    }

    private struct State {
        /// Compiled classes of late, for who estimates and then declares.
        var casms: [ClassHash: [UInt8]] = [:]
        var casmBytes = 0
        var young: [ClassHash: Result<Digest, CompilationError>] = [:]
        var old: [ClassHash: Result<Digest, CompilationError>] = [:]
    }

    /// Classes that wait; over it a declaration is refused for now.
    static let bound = 64
    private static let generation = 1024
    private static let keptBytes = 32 << 20

    let compiler: SierraCompiler
    private let state = Mutex(State())
    private let thread = WorkerThread<Work>(
        name: "classes", bound: ClassVerifier.bound, niceness: 5)

    init(compiler: SierraCompiler) { self.compiler = compiler }

    func start() {
        thread.start { [self] works in
            for work in works { carryOut(work) }
            return nil
        }
    }

    func stop() { thread.stop() }
    var depth: Int { thread.depth }

    private func carryOut(_ work: Work) {
        if let casm = state.withLock({ $0.casms[work.hash] }) {
            work.done(.success(casm))
            return
        }
        do throws(CompilationError) {
            let casm = try compiler.compile(work.sierra)
            keep(.success(Self.digest(casm)), for: work.hash)
            state.withLock { state in
                if state.casmBytes >= Self.keptBytes {
                    state.casms = [:]
                    state.casmBytes = 0
                }
                if state.casms.updateValue(casm, forKey: work.hash) == nil {
                    state.casmBytes += casm.count
                }
            }
            work.done(.success(casm))
        } catch {
            // What is this node's own trouble may pass.
            if error.isVerdict { keep(.failure(error), for: work.hash) }
            work.done(.failure(error))
        }
    }

    private static func digest(_ casm: [UInt8]) -> Digest {
        guard let digest = Digest(bigEndianBytes: Blake2s.hash(casm)) else {
            preconditionFailure("Blake2s gives 32 bytes")
        }
        return digest
    }

    private func keep(_ result: Result<Digest, CompilationError>, for hash: ClassHash) {
        state.withLock { state in
            if state.young.count >= Self.generation {
                state.old = state.young
                state.young = [:]
            }
            state.young[hash] = result
        }
    }

    /// Compiles a class. False when too many wait; then nothing will come.
    func compile(_ hash: ClassHash, _ sierra: JSONValue, done: @escaping Completion) -> Bool {
        thread.offer(Work(hash: hash, sierra: sierra, done: done))
    }

    /// What is known of a declaration's compiled form without compiling anything.
    func verdict(on hash: ClassHash, casm: [UInt8]) -> Verdict {
        let known = state.withLock { $0.young[hash] ?? $0.old[hash] }
        switch known {
        case nil: return .unknown
        case .success(let digest): return digest == Self.digest(casm) ? .same : .different
        case .failure: return .different
        }
    }
}
