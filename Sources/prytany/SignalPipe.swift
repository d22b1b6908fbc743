import Glibc

/// Signals as events: a handler that may run on any thread writes the number into a pipe, and the
/// supervisor waits for the pipe.
enum SignalPipe {
    /// Written once, before the handlers are installed.
    private nonisolated(unsafe) static var writeEnd: Int32 = -1
    private nonisolated(unsafe) static var readEnd: Int32 = -1

    /// Takes over the signals that end a supervisor or tell it of a child. Once a process.
    static func install() throws {
        guard readEnd < 0 else { return }
        var ends: [Int32] = [0, 0]
        guard pipe(&ends) == 0 else {
            throw CommandFailure("cannot make a pipe: \(String(cString: strerror(errno)))")
        }
        for end in ends {
            _ = fcntl(end, F_SETFD, FD_CLOEXEC)
            _ = fcntl(end, F_SETFL, O_NONBLOCK)
        }
        readEnd = ends[0]
        writeEnd = ends[1]
        for number in [SIGINT, SIGTERM, SIGHUP, SIGCHLD] {
            signal(number) { received in
                var byte = UInt8(truncatingIfNeeded: received)
                _ = write(SignalPipe.writeEnd, &byte, 1)
            }
        }
    }

    /// The next signal, waited for at most so long, or until the given descriptor can be read.
    static func next(milliseconds: Int, orReadable descriptor: Int32 = -1) -> Int32? {
        var waits = [
            pollfd(fd: readEnd, events: Int16(POLLIN), revents: 0),
            pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0),
        ]
        guard poll(&waits, 2, Int32(clamping: milliseconds)) > 0, waits[0].revents != 0 else {
            return nil
        }
        var byte: UInt8 = 0
        return read(readEnd, &byte, 1) == 1 ? Int32(byte) : nil
    }
}
