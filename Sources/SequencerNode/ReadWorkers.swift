import RPC
import Synchronization

/// Runs what strangers ask to have executed (calls, estimates, simulations, traces) on a few
/// threads of its own, so that none of it holds up the answers that only read, nor agreement.
final class ReadWorkers: Sendable {
    private struct Work: Sendable {
        let isCancelled: Cancellation
        let run: @Sendable () -> Void
        let refuse: @Sendable () -> Void
    }

    private final class Cancellation: Sendable {
        private let flag = Atomic<Bool>(false)
        var isSet: Bool { flag.load(ordering: .relaxed) }
        func set() { flag.store(true, ordering: .relaxed) }
    }

    /// Requests that wait for one thread; over it a client is told that the node is busy.
    private static let bound = 64

    private let threads: [WorkerThread<Work>]

    init(count: Int) {
        threads = (0..<max(1, count)).map {
            WorkerThread(name: "read-\($0)", bound: Self.bound, niceness: 5)
        }
    }

    func start() {
        for thread in threads {
            thread.start { works in
                for work in works {
                    // Its client has gone, or waits no longer.
                    if work.isCancelled.isSet { work.refuse() } else { work.run() }
                }
                return nil
            }
        }
    }

    func stop() {
        for thread in threads { thread.stop() }
    }

    var depth: Int { threads.reduce(0) { $0 + $1.depth } }

    func run<R: Sendable>(
        _ body: @escaping @Sendable () throws(RPCFailure) -> R
    ) async throws(RPCFailure) -> R {
        let cancellation = Cancellation()
        let result = await withTaskCancellationHandler {
            await withCheckedContinuation {
                (waiting: CheckedContinuation<Result<R, RPCFailure>, Never>) in
                let work = Work(
                    isCancelled: cancellation,
                    run: {
                        do throws(RPCFailure) {
                            waiting.resume(returning: .success(try body()))
                        } catch { waiting.resume(returning: .failure(error)) }
                    },
                    refuse: {
                        waiting.resume(
                            returning: .failure(.unavailable("the request was given up")))
                    })
                let idlest = threads.min { $0.depth < $1.depth }
                if idlest?.offer(work) != true {
                    waiting.resume(
                        returning: .failure(.unavailable("too many executions wait; try again")))
                }
            }
        } onCancel: {
            cancellation.set()
        }
        return try result.get()
    }
}
