import Glibc

/// Says which seeds were under way when this process crashes: a thousand runs end with it, and
/// nothing else tells which of them to repeat.
///
/// The handler touches nothing but memory that is here for good, and calls only what a signal handler
/// may (POSIX.1-2017, System Interfaces, section 2.4.3).
struct CrashNote: Sendable {
    private static let signals = [SIGILL, SIGTRAP, SIGABRT, SIGSEGV, SIGBUS, SIGFPE]

    private struct State {
        let jobs: Int
        /// For each job its seed, and whether it has one.
        let seeds: UnsafeMutablePointer<(seed: UInt64, isRunning: Bool)>
        /// What to do afterwards, by signal.
        let previous: UnsafeMutablePointer<sigaction>
    }
    nonisolated(unsafe) private static var state: State?

    /// For so many jobs, once in a process.
    init(jobs: Int) {
        let seeds = UnsafeMutablePointer<(seed: UInt64, isRunning: Bool)>.allocate(capacity: jobs)
        seeds.initialize(repeating: (0, false), count: jobs)
        let previous = UnsafeMutablePointer<sigaction>.allocate(capacity: 65)
        previous.initialize(repeating: sigaction(), count: 65)
        Self.state = State(jobs: jobs, seeds: seeds, previous: previous)
        var action = sigaction()
        action.__sigaction_handler.sa_handler = { CrashNote.tell($0) }
        action.sa_flags = SA_ONSTACK
        for signal in Self.signals { sigaction(signal, &action, previous + Int(signal)) }
    }

    func began(_ seed: UInt64, job: Int) { Self.state?.seeds[job] = (seed, true) }
    func ended(job: Int) { Self.state?.seeds[job].isRunning = false }

    private static func tell(_ signal: Int32) {
        guard let state else { return }
        write("crashed; under way:")
        for job in 0..<state.jobs where state.seeds[job].isRunning {
            write(" seed ")
            write(state.seeds[job].seed)
        }
        write(". Each can be repeated alone with --seed.\n")
        // The crash goes its way: to a backtrace, a core file, the parent.
        sigaction(signal, state.previous + Int(signal), nil)
        raise(signal)
    }

    private static func write(_ text: StaticString) {
        _ = Glibc.write(2, text.utf8Start, text.utf8CodeUnitCount)
    }

    private static func write(_ number: UInt64) {
        withUnsafeTemporaryAllocation(of: UInt8.self, capacity: 20) { digits in
            var rest = number
            var start = digits.count
            repeat {
                start -= 1
                digits[start] = UInt8(ascii: "0") + UInt8(rest % 10)
                rest /= 10
            } while rest > 0
            _ = Glibc.write(2, digits.baseAddress! + start, digits.count - start)
        }
    }
}
