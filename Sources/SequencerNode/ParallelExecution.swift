import Dispatch
import Synchronization

/// Threads that execute transactions beside the execution thread. They are its own, and not the
/// system's pool, for their stacks: calls nest deeply.
final class ExecutionCrew: Sendable {
    /// What all share of one call. The body is let go before the call returns, although a thread
    /// may still hold the rest.
    private final class Work: @unchecked Sendable {
        // Written by the caller alone, before the first share is given out and after the last is
        // done.
        var body: (@Sendable (Int) -> Void)?
        let count: Int
        let next = SharedCounter()
        let done = DispatchSemaphore(value: 0)

        init(count: Int) { self.count = count }

        func perform() {
            guard let body else { return }
            while let index = next.take(below: count) { body(index) }
        }
    }

    private let threads: [WorkerThread<Work>]

    /// Of the execution thread and its helpers.
    var workers: Int { threads.count + 1 }

    /// - Parameter workers: with the execution thread itself; 1 for none besides.
    init(workers: Int) {
        threads = (1..<max(1, workers)).map { WorkerThread(name: "execution-\($0)", bound: 1) }
    }

    func start() {
        for thread in threads {
            thread.start { works in
                for work in works {
                    work.perform()
                    work.done.signal()
                }
                return nil
            }
        }
    }

    /// After the execution thread: what it gave out is done.
    func stop() {
        for thread in threads { thread.stop() }
    }

    /// Calls `body` once for every number below `count`, on all threads and on this one.
    func run(_ count: Int, _ body: @Sendable (Int) -> Void) {
        withoutActuallyEscaping(body) { body in
            let work = Work(count: count)
            work.body = body
            var given = 0
            for thread in threads.prefix(max(0, count - 1)) where thread.offer(work) {
                given += 1
            }
            work.perform()
            for _ in 0..<given { work.done.wait() }
            work.body = nil
        }
    }
}
