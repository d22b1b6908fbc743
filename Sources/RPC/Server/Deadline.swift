import NIOCore
import Synchronization

/// Runs `work` and returns its value, or `late()` when the time is up first. The work is then
/// cancelled and left to end by itself; `ended` is called when it has, in both cases.
func withDeadline<Value: Sendable>(
    milliseconds: Int, on eventLoop: any EventLoop, work: @escaping @Sendable () async -> Value,
    late: @escaping @Sendable () -> Value, ended: @escaping @Sendable () -> Void
) async -> Value {
    await withCheckedContinuation { continuation in
        let race = Race(continuation)
        let task = Task {
            let value = await work()
            ended()
            race.finish(value)
        }
        let timer = eventLoop.scheduleTask(in: .milliseconds(Int64(milliseconds))) {
            if race.finish(late()) { task.cancel() }
        }
        race.started(timer)
    }
}

/// Resumes a continuation once, with the first of two results.
private final class Race<Value: Sendable>: Sendable {
    private struct State {
        var continuation: CheckedContinuation<Value, Never>?
        var timer: Scheduled<Void>?
    }
    private let state: Mutex<State>

    init(_ continuation: CheckedContinuation<Value, Never>) {
        state = Mutex(State(continuation: continuation, timer: nil))
    }

    func started(_ timer: Scheduled<Void>) {
        let isOver = state.withLock { state in
            state.timer = timer
            return state.continuation == nil
        }
        if isOver { timer.cancel() }
    }

    /// Whether this was the first result.
    @discardableResult
    func finish(_ value: Value) -> Bool {
        let (continuation, timer) = state.withLock { state in
            defer { state.continuation = nil }
            return (state.continuation, state.timer)
        }
        guard let continuation else { return false }
        timer?.cancel()
        continuation.resume(returning: value)
        return true
    }
}
