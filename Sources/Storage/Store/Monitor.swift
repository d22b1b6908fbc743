import Glibc

/// A mutex with one condition variable: the classic monitor. For the places that must block a
/// thread until another one changes something, which `Mutex` cannot.
final class Monitor: @unchecked Sendable {
    // Both live at fixed addresses until deinit; all use goes through the mutex.
    private let mutex = UnsafeMutablePointer<pthread_mutex_t>.allocate(capacity: 1)
    private let condition = UnsafeMutablePointer<pthread_cond_t>.allocate(capacity: 1)

    init() {
        precondition(pthread_mutex_init(mutex, nil) == 0, "pthread_mutex_init failed")
        precondition(pthread_cond_init(condition, nil) == 0, "pthread_cond_init failed")
    }

    deinit {
        pthread_cond_destroy(condition)
        pthread_mutex_destroy(mutex)
        condition.deallocate()
        mutex.deallocate()
    }

    func locked<R, E: Error>(_ body: () throws(E) -> R) throws(E) -> R {
        precondition(pthread_mutex_lock(mutex) == 0, "pthread_mutex_lock failed")
        defer { pthread_mutex_unlock(mutex) }
        return try body()
    }

    /// Inside `locked` only: gives the mutex up until woken; may wake for no reason.
    func wait() { pthread_cond_wait(condition, mutex) }

    /// Like `wait`, at most until `deadline`; false once that has passed.
    func wait(until deadline: timespec) -> Bool {
        var deadline = deadline
        return pthread_cond_timedwait(condition, mutex, &deadline) != ETIMEDOUT
    }

    func wakeAll() { pthread_cond_broadcast(condition) }

    static func deadline(inMilliseconds milliseconds: Int) -> timespec {
        var now = timespec()
        clock_gettime(CLOCK_REALTIME, &now)
        now.tv_sec += milliseconds / 1000
        now.tv_nsec += milliseconds % 1000 * 1_000_000
        if now.tv_nsec >= 1_000_000_000 {
            now.tv_sec += 1
            now.tv_nsec -= 1_000_000_000
        }
        return now
    }
}

/// Lets any number of readers in, or one grower that waits for them to leave.
final class ReaderGate: @unchecked Sendable {
    // Guarded by the monitor.
    private var readers = 0
    private var isClosed = false
    private let monitor = Monitor()

    func enter() {
        monitor.locked {
            while isClosed { monitor.wait() }
            readers += 1
        }
    }

    func leave() {
        monitor.locked {
            readers -= 1
            if readers == 0 { monitor.wakeAll() }
        }
    }

    /// Runs `body` with no reader inside; false when the readers did not leave in time.
    func alone(withinMilliseconds milliseconds: Int, _ body: () -> Void) -> Bool {
        let deadline = Monitor.deadline(inMilliseconds: milliseconds)
        return monitor.locked {
            isClosed = true
            defer {
                isClosed = false
                monitor.wakeAll()
            }
            while readers > 0 {
                guard monitor.wait(until: deadline) || readers == 0 else { return false }
            }
            body()
            return true
        }
    }
}
