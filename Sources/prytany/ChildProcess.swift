import Foundation
import Glibc

/// A process of ours: started with its own signal mask, its output in a file, and stopped by id.
final class ChildProcess {
    let name: String
    let logPath: String
    private(set) var processID: pid_t
    private(set) var exitStatus: Int32?
    private let lifeline: Int32

    /// `environment` is added to what this process has.
    init(
        name: String, executable: String, arguments: [String], logPath: String,
        environment: [String: String] = [:]
    ) throws {
        self.name = name
        self.logPath = logPath
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        // The child reads its end until this process is gone (see `node run --supervised`).
        var ends: [Int32] = [0, 0]
        guard pipe(&ends) == 0, fcntl(ends[0], F_SETFD, FD_CLOEXEC) == 0,
            fcntl(ends[1], F_SETFD, FD_CLOEXEC) == 0
        else {
            throw CommandFailure("cannot make a pipe: \(String(cString: strerror(errno)))")
        }
        lifeline = ends[1]
        defer { close(ends[0]) }
        posix_spawn_file_actions_adddup2(&actions, ends[0], 0)
        posix_spawn_file_actions_addopen(
            &actions, 1, logPath, O_WRONLY | O_CREAT | O_APPEND, 0o644)
        posix_spawn_file_actions_adddup2(&actions, 1, 2)
        // Sockets of this process are not the child's, whoever opened them.
        Self.closeInherited(&actions)
        var attributes = posix_spawnattr_t()
        posix_spawnattr_init(&attributes)
        defer { posix_spawnattr_destroy(&attributes) }
        var empty = sigset_t()
        sigemptyset(&empty)
        posix_spawnattr_setsigmask(&attributes, &empty)
        // A group of its own: Ctrl-C reaches the supervisor alone, which stops the nodes in order.
        posix_spawnattr_setpgroup(&attributes, 0)
        posix_spawnattr_setflags(
            &attributes, Int16(POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETPGROUP))
        var pointers: [UnsafeMutablePointer<CChar>?] = ([executable] + arguments).map { strdup($0) }
        pointers.append(nil)
        defer { for pointer in pointers { free(pointer) } }
        let inherited = ProcessInfo.processInfo.environment
        var settings: [UnsafeMutablePointer<CChar>?] =
            inherited.merging(environment) { $1 }.map { strdup("\($0)=\($1)") }
        settings.append(nil)
        defer { for setting in settings { free(setting) } }
        var id = pid_t()
        let result = posix_spawn(&id, executable, &actions, &attributes, pointers, settings)
        guard result == 0 else {
            throw CommandFailure(
                "cannot start \(executable): \(String(cString: strerror(result)))")
        }
        processID = id
    }

    deinit { close(lifeline) }

    /// All but the three standard files. Swift's Glibc leaves the function out that does it in the
    /// child; a system that has none gets what is open now marked, which misses what opens meanwhile.
    private static func closeInherited(_ actions: inout posix_spawn_file_actions_t) {
        typealias CloseFrom =
            @convention(c) (
                UnsafeMutablePointer<posix_spawn_file_actions_t>, Int32
            ) -> Int32
        if let symbol = dlsym(nil, "posix_spawn_file_actions_addclosefrom_np") {
            let result = unsafeBitCast(symbol, to: CloseFrom.self)(&actions, 3)
            precondition(result == 0, "posix_spawn_file_actions_addclosefrom_np gives \(result)")
            return
        }
        let open = (try? FileManager.default.contentsOfDirectory(atPath: "/proc/self/fd")) ?? []
        for descriptor in open.compactMap({ Int32($0) }) where descriptor > 2 {
            _ = fcntl(descriptor, F_SETFD, FD_CLOEXEC)
        }
    }

    var isRunning: Bool {
        if exitStatus != nil { return false }
        var status: Int32 = 0
        if waitpid(processID, &status, WNOHANG) == processID {
            exitStatus = status
            return false
        }
        return true
    }

    func signal(_ number: Int32) {
        if isRunning { kill(processID, number) }
    }

    func wait() {
        guard exitStatus == nil else { return }
        var status: Int32 = 0
        while waitpid(processID, &status, 0) == -1, errno == EINTR {}
        exitStatus = status
    }

    /// Megabytes resident and seconds of processor time used, from /proc.
    var usage: (megabytes: Double, cpuSeconds: Double)? {
        guard
            let stat = try? String(contentsOfFile: "/proc/\(processID)/stat", encoding: .utf8),
            let close = stat.lastIndex(of: ")")
        else { return nil }
        let fields = stat[stat.index(after: close)...].split(separator: " ")
        guard fields.count > 21, let user = Double(fields[11]), let system = Double(fields[12]),
            let pages = Double(fields[21])
        else { return nil }
        return (pages * 4096 / 1_048_576, (user + system) / Double(sysconf(Int32(_SC_CLK_TCK))))
    }

    /// The last lines of the process's output.
    func logTail(_ count: Int = 5) -> [String] {
        guard let text = try? String(contentsOfFile: logPath, encoding: .utf8) else { return [] }
        return text.split(separator: "\n").suffix(count).map(String.init)
    }
}
