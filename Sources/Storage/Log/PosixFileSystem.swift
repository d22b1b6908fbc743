import Glibc

/// The real disk. `sync` is `fdatasync` (content and size), directories are opened and `fsync`ed,
/// locks are `flock`: they end with the process, however it ends.
package struct PosixFileSystem: LogFileSystem {
    package init() {}

    private func fail(_ operation: FileOperation, _ path: String) -> FileSystemError {
        .failed(operation, path: path, code: errno)
    }

    package func createDirectory(_ path: String) throws(FileSystemError) {
        if mkdir(path, 0o700) == 0 { return try syncDirectory(parent(of: path)) }
        switch errno {
        case EEXIST: return
        case ENOENT where parent(of: path) != path:
            try createDirectory(parent(of: path))
            guard mkdir(path, 0o700) == 0 || errno == EEXIST else {
                throw fail(.createDirectory, path)
            }
            try syncDirectory(parent(of: path))
        default: throw fail(.createDirectory, path)
        }
    }

    private func parent(of path: String) -> String {
        var parts = path.split(separator: "/")
        if !parts.isEmpty { parts.removeLast() }
        let joined = parts.joined(separator: "/")
        return path.hasPrefix("/") ? "/" + joined : (joined.isEmpty ? "." : joined)
    }

    package func list(_ directory: String) throws(FileSystemError) -> [String] {
        guard let stream = opendir(directory) else { throw fail(.list, directory) }
        defer { closedir(stream) }
        var names: [String] = []
        errno = 0
        while let entry = readdir(stream) {
            let name = withUnsafeBytes(of: entry.pointee.d_name) { raw in
                String(decoding: raw.prefix { $0 != 0 }, as: UTF8.self)
            }
            if name != "." && name != ".." { names.append(name) }
            errno = 0
        }
        if errno != 0 { throw fail(.list, directory) }
        return names
    }

    package func open(_ path: String, create: Bool) throws(FileSystemError) -> LogFile {
        let flags = O_RDWR | O_CLOEXEC | (create ? O_CREAT | O_TRUNC : 0)
        let descriptor = Glibc.open(path, flags, 0o600)
        guard descriptor >= 0 else { throw fail(.open, path) }
        return LogFile(token: descriptor)
    }

    package func size(_ file: LogFile) throws(FileSystemError) -> Int {
        let end = lseek(file.token, 0, SEEK_END)
        guard end >= 0 else { throw fail(.size, name(of: file)) }
        return Int(end)
    }

    package func read(
        _ file: LogFile, at offset: Int, count: Int
    ) throws(FileSystemError) -> [UInt8] {
        var failure: FileSystemError?
        let bytes = [UInt8](unsafeUninitializedCapacity: count) { buffer, filled in
            filled = 0
            guard let start = UnsafeMutableRawPointer(buffer.baseAddress) else { return }
            while filled < count {
                let got = pread(file.token, start + filled, count - filled, off_t(offset + filled))
                if got < 0 && errno == EINTR { continue }
                if got < 0 { failure = fail(.read, name(of: file)) }
                if got <= 0 { return }
                filled += got
            }
        }
        if let failure { throw failure }
        return bytes
    }

    package func write(
        _ file: LogFile, at offset: Int, _ bytes: [UInt8]
    ) throws(FileSystemError) {
        let failed = bytes.withUnsafeBytes { raw -> Bool in
            guard let start = raw.baseAddress else { return false }
            var done = 0
            while done < raw.count {
                let put = pwrite(file.token, start + done, raw.count - done, off_t(offset + done))
                if put < 0 && errno == EINTR { continue }
                if put == 0 { errno = ENOSPC }
                if put <= 0 { return true }
                done += put
            }
            return false
        }
        if failed { throw fail(.write, name(of: file)) }
    }

    package func truncate(_ file: LogFile, to size: Int) throws(FileSystemError) {
        guard ftruncate(file.token, off_t(size)) == 0 else {
            throw fail(.truncate, name(of: file))
        }
    }

    package func sync(_ file: LogFile) throws(FileSystemError) {
        guard fdatasync(file.token) == 0 else { throw fail(.sync, name(of: file)) }
    }

    package func syncDirectory(_ path: String) throws(FileSystemError) {
        let descriptor = Glibc.open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard descriptor >= 0 else { throw fail(.syncDirectory, path) }
        defer { _ = Glibc.close(descriptor) }
        guard fsync(descriptor) == 0 else { throw fail(.syncDirectory, path) }
    }

    package func rename(_ old: String, to new: String) throws(FileSystemError) {
        guard Glibc.rename(old, new) == 0 else { throw fail(.rename, old) }
    }

    package func remove(_ path: String) throws(FileSystemError) {
        guard unlink(path) == 0 else { throw fail(.remove, path) }
    }

    package func lock(_ path: String) throws(FileSystemError) -> LogFile {
        let descriptor = Glibc.open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { throw fail(.lock, path) }
        while flock(descriptor, LOCK_EX | LOCK_NB) != 0 {
            if errno == EINTR { continue }
            let failure =
                errno == EWOULDBLOCK
                ? FileSystemError.locked(path: path) : fail(.lock, path)
            _ = Glibc.close(descriptor)
            throw failure
        }
        return LogFile(token: descriptor)
    }

    package func close(_ file: LogFile) { _ = Glibc.close(file.token) }

    /// The path behind a descriptor, for messages only.
    private func name(of file: LogFile) -> String {
        let saved = errno
        defer { errno = saved }
        var buffer = [UInt8](repeating: 0, count: 4096)
        let link = "/proc/self/fd/\(file.token)"
        let count = buffer.withUnsafeMutableBytes { raw -> Int in
            guard let start = raw.baseAddress else { return 0 }
            return readlink(link, start.assumingMemoryBound(to: CChar.self), raw.count)
        }
        return count > 0
            ? String(decoding: buffer.prefix(count), as: UTF8.self) : "file \(file.token)"
    }
}

/// The system's words for an `errno`.
func systemErrorText(_ code: Int32) -> String {
    guard let text = strerror(code) else { return "unknown error" }
    return String(cString: text)
}
