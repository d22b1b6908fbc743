import Glibc
package import Primitives
import Replica

/// The node's clocks.
package enum SystemClock {
    package static func tick() -> Tick {
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC, &time)
        return Tick(UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec))
    }

    package static func unixSeconds() -> UInt64 {
        var time = timespec()
        clock_gettime(CLOCK_REALTIME, &time)
        return UInt64(time.tv_sec)
    }

    /// Both clocks; the wall clock moved by so much.
    static func moment(offsetSeconds: Int64) -> Moment {
        let seconds = Int64(clamping: unixSeconds())
        return Moment(
            tick: tick(), unixSeconds: UInt64(clamping: seconds &+ offsetSeconds))
    }
}

/// A thread of its own that takes items in order, all that wait at once. Posting never blocks;
/// over the bound a droppable item is refused and counted, and any other item is a bug of ours.
final class WorkerThread<Item: Sendable>: @unchecked Sendable {
    /// Contracts' calls nest; only what is used of it takes memory.
    private static var stackBytes: Int { 16 << 20 }

    private let name: String
    private let bound: Int
    private let niceness: Int32
    private let mutex: UnsafeMutablePointer<pthread_mutex_t>
    private let condition: UnsafeMutablePointer<pthread_cond_t>
    private var waiting: [Item] = []
    private var stopping = false
    private var finished = false
    private var refusals = 0
    private var deadline: Tick?

    /// `bound` is on items that wait, the ones being worked on excluded. `niceness` sets the
    /// thread back where cores are few (0 to 19): what nobody waits for gives way to agreement.
    init(name: String, bound: Int, niceness: Int32 = 0) {
        self.name = name
        self.bound = bound
        self.niceness = niceness
        mutex = .allocate(capacity: 1)
        condition = .allocate(capacity: 1)
        pthread_mutex_init(mutex, nil)
        var attributes = pthread_condattr_t()
        pthread_condattr_init(&attributes)
        pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC)
        pthread_cond_init(condition, &attributes)
        pthread_condattr_destroy(&attributes)
    }

    deinit {
        pthread_mutex_destroy(mutex)
        pthread_cond_destroy(condition)
        mutex.deallocate()
        condition.deallocate()
    }

    /// Starts the thread. `work` gets every waiting item, or none when the deadline passed, and
    /// returns when it wants to be called next even without an item.
    func start(_ work: @escaping @Sendable ([Item]) -> Tick?) {
        let box = Unmanaged.passRetained(ThreadBody { [self] in run(work) })
        var thread = pthread_t()
        let attributes = UnsafeMutablePointer<pthread_attr_t>.allocate(capacity: 1)
        pthread_attr_init(attributes)
        defer {
            pthread_attr_destroy(attributes)
            attributes.deallocate()
        }
        let sized = pthread_attr_setstacksize(attributes, Self.stackBytes)
        precondition(sized == 0, "a stack of \(Self.stackBytes) bytes: error \(sized)")
        let result = pthread_create(
            &thread, attributes,
            { argument in
                guard let argument else { return nil }
                Unmanaged<ThreadBody>.fromOpaque(argument).takeRetainedValue().body()
                return nil
            }, box.toOpaque())
        precondition(result == 0, "cannot start thread \(name): error \(result)")
        pthread_detach(thread)
    }

    private func run(_ work: ([Item]) -> Tick?) {
        nameThread()
        // On Linux 0 means the calling thread. It can only fail for who lowers the number.
        if niceness > 0 { setpriority(__priority_which_t(PRIO_PROCESS.rawValue), 0, niceness) }
        var batch: [Item] = []
        while true {
            pthread_mutex_lock(mutex)
            while waiting.isEmpty, !stopping {
                if let due = deadline {
                    if SystemClock.tick() >= due { break }
                    var time = timespec(
                        tv_sec: Int(due.rawValue / 1_000_000_000),
                        tv_nsec: Int(due.rawValue % 1_000_000_000))
                    pthread_cond_timedwait(condition, mutex, &time)
                } else {
                    pthread_cond_wait(condition, mutex)
                }
            }
            if stopping, waiting.isEmpty {
                finished = true
                pthread_cond_broadcast(condition)
                pthread_mutex_unlock(mutex)
                return
            }
            swap(&batch, &waiting)
            pthread_mutex_unlock(mutex)
            let next = work(batch)
            batch.removeAll(keepingCapacity: true)
            pthread_mutex_lock(mutex)
            deadline = next
            pthread_mutex_unlock(mutex)
        }
    }

    /// For `top -H` and profilers: the kernel's name of this thread, at most 15 bytes.
    private func nameThread() {
        let file = open("/proc/thread-self/comm", O_WRONLY)
        guard file >= 0 else { return }
        _ = name.withCString { write(file, $0, min(strlen($0), 15)) }
        close(file)
    }

    /// Makes the thread call its work soon, without an item.
    func wake() {
        pthread_mutex_lock(mutex)
        deadline = Tick(0)
        pthread_cond_signal(condition)
        pthread_mutex_unlock(mutex)
    }

    /// Queues an item that must not be lost. False only after `stop`.
    @discardableResult
    func post(_ item: Item) -> Bool {
        pthread_mutex_lock(mutex)
        defer { pthread_mutex_unlock(mutex) }
        if stopping { return false }
        waiting.append(item)
        if waiting.count == 1 { pthread_cond_signal(condition) }
        return true
    }

    /// Queues an item unless the bound is reached.
    func offer(_ item: Item) -> Bool {
        pthread_mutex_lock(mutex)
        defer { pthread_mutex_unlock(mutex) }
        if stopping { return false }
        if waiting.count >= bound {
            refusals += 1
            return false
        }
        waiting.append(item)
        if waiting.count == 1 { pthread_cond_signal(condition) }
        return true
    }

    var depth: Int {
        pthread_mutex_lock(mutex)
        defer { pthread_mutex_unlock(mutex) }
        return waiting.count
    }

    var refused: Int {
        pthread_mutex_lock(mutex)
        defer { pthread_mutex_unlock(mutex) }
        return refusals
    }

    /// Lets the thread finish what waits, and returns when it has.
    func stop() {
        pthread_mutex_lock(mutex)
        stopping = true
        pthread_cond_broadcast(condition)
        while !finished { pthread_cond_wait(condition, mutex) }
        pthread_mutex_unlock(mutex)
    }
}

private final class ThreadBody: @unchecked Sendable {
    let body: () -> Void
    init(_ body: @escaping () -> Void) { self.body = body }
}
