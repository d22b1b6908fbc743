import Foundation
import Glibc

/// A node's data on a small file system of its own that can be filled; where mounting is not allowed,
/// a bound on the size of its files does the same.
final class DiskRoom {
    private static let bytes = 192 << 20
    private let path: String
    private(set) var isMounted: Bool
    private var filler: String { path + "/filler" }

    /// Before the node's first start.
    init(_ place: ChaosPlace) throws {
        path = place.dataPath
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
        isMounted = mount("prytany-chaos", path, "tmpfs", 0, "size=\(Self.bytes)") == 0
    }

    /// Takes what is left. Of a bound on files: `process` is the one that has it.
    func fill(_ process: pid_t?) throws {
        guard isMounted else {
            if let process { try ProcessLimit.set(process, ProcessLimit.fileSize, 4096) }
            return
        }
        let file = open(filler, O_WRONLY | O_CREAT | O_CLOEXEC, 0o600)
        guard file >= 0 else { return }  // It is full already.
        defer { close(file) }
        let block = [UInt8](repeating: 1, count: 1 << 16)
        while write(file, block, block.count) > 0 {}
        while write(file, block, 1) > 0 {}
    }

    func release() {
        if isMounted { unlink(filler) }
    }

    func unmount() {
        if isMounted, umount2(path, Int32(MNT_DETACH)) == 0 { isMounted = false }
    }
}

/// Bounds a process's memory: by a control group where the machine lets us make one, else by a limit
/// on its data.
final class MemoryBound {
    private enum Means {
        case group(path: String, parent: String)
        case limit(pid_t)
    }
    private let means: Means
    let name: String
    private var isLifted = false

    init(_ process: pid_t, bytes: UInt64) throws {
        let root = "/sys/fs/cgroup"
        // Version 2 has one tree; version 1 has one for memory.
        for (parent, file) in [(root, "memory.max"), (root + "/memory", "memory.limit_in_bytes")] {
            let path = "\(parent)/prytany-chaos-\(getpid())-\(process)"
            guard Self.hasMemory(parent), mkdir(path, 0o755) == 0 else { continue }
            if Self.write("\(bytes)", path + "/" + file),
                Self.write("\(process)", path + "/cgroup.procs")
            {
                means = .group(path: path, parent: parent)
                name = "a control group"
                return
            }
            rmdir(path)
        }
        try ProcessLimit.set(process, ProcessLimit.data, bytes)
        means = .limit(process)
        name = "a limit on its data"
    }

    private static func hasMemory(_ parent: String) -> Bool {
        if access(parent + "/memory.limit_in_bytes", F_OK) == 0 { return true }
        guard access(parent + "/cgroup.controllers", F_OK) == 0 else { return false }
        return write("+memory", parent + "/cgroup.subtree_control")
    }

    private static func write(_ text: String, _ path: String) -> Bool {
        let file = open(path, O_WRONLY | O_CLOEXEC)
        guard file >= 0 else { return false }
        defer { close(file) }
        return Glibc.write(file, text, text.utf8.count) == text.utf8.count
    }

    /// Once; `process` is the one that goes on.
    func lift(_ process: pid_t?) throws {
        guard !isLifted else { return }
        isLifted = true
        switch means {
        case .limit(let limited):
            // A process that has ended has no limits.
            if process == limited { try ProcessLimit.set(limited, ProcessLimit.data, .max) }
        case .group(let path, let parent):
            if let process { _ = Self.write("\(process)", parent + "/cgroup.procs") }
            guard rmdir(path) == 0 || errno == ENOENT else {
                throw CommandFailure(
                    "cannot remove \(path): \(String(cString: strerror(errno)))")
            }
        }
    }
}

/// prlimit(2), which Swift's Glibc leaves out.
enum ProcessLimit {
    static let fileSize: Int32 = 1  // RLIMIT_FSIZE
    static let data: Int32 = 2  // RLIMIT_DATA

    private typealias Function =
        @convention(c) (
            pid_t, Int32, UnsafePointer<rlimit>?, UnsafeMutablePointer<rlimit>?
        ) -> Int32

    static func set(_ process: pid_t, _ resource: Int32, _ value: UInt64) throws {
        guard let symbol = dlsym(nil, "prlimit") else {
            throw CommandFailure("this system has no prlimit")
        }
        let function = unsafeBitCast(symbol, to: Function.self)
        var old = rlimit()
        guard function(process, resource, nil, &old) == 0 else {
            throw CommandFailure("prlimit: \(String(cString: strerror(errno)))")
        }
        var new = rlimit(rlim_cur: rlim_t(min(value, UInt64(old.rlim_max))), rlim_max: old.rlim_max)
        guard function(process, resource, &new, nil) == 0 else {
            throw CommandFailure("prlimit: \(String(cString: strerror(errno)))")
        }
    }
}
